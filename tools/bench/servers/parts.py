# mungo's server and 10 clients in one thread, with a mark before and after each call of mungo's functions. Runs on MicroPython under
# callgrind, for profile.py:
#
#     MICROPYTHON parts.py hello | close | threads TURNS PORT < HEADS
#
# `threads` does the same as threads_mungo.py, but calls the thread's function directly.
#
# Prints JSON: the names of the functions, and the log of the marks. n means "function n begins", -n "function n ends".

import array
import json
import socket
import sys
from time import ticks_add, ticks_cpu, ticks_ms

from piped import pcb, worker

import mungo
import mungo.core.buffer
import mungo.core.connection
import mungo.core.doorbell
import mungo.core.listener
import mungo.core.loop
import mungo.core.send_buffer
import mungo.http.head
import mungo.http.parser
import mungo.http.response
import mungo.http.scan
import mungo.http.server
import mungo.manager
import mungo.threads.pipe
import mungo.threads.wakeups

CLIENTS = 10
TIMES = 20  # calls in a calibration
MARKS = 200000

MODULES = (
    mungo.core.loop,
    mungo.manager,
    mungo.core.connection,
    mungo.core.listener,
    mungo.core.buffer,
    mungo.http.scan,
    mungo.http.parser,
    mungo.http.head,
    mungo.http.response,
    mungo.http.server,
    mungo.core.doorbell,
    mungo.threads.pipe,
    mungo.threads.wakeups,
)

names = []
wrappers = {}  # id of a function: (the function, its wrapper)
log = array.array("h", bytes(2 * MARKS))
at = [0]


def wrap(f, name):
    if id(f) in wrappers:
        return wrappers[id(f)][1]
    names.append(name)
    k = len(names)

    def wrapper(*args):
        log[at[0]] = k
        at[0] += 1
        ticks_cpu()
        try:
            return f(*args)
        finally:  # (accept raises when nobody waits any more)
            ticks_cpu()
            log[at[0]] = -k
            at[0] += 1

    wrappers[id(f)] = (f, wrapper)
    return wrapper


def instrument(owner, prefix, items):
    """Replace all functions of a module or class by wrappers."""
    for name, value in items:
        if name[:2] == "__" and name not in ("__enter__", "__exit__"):
            continue
        if type(value) in (type(wrap), type(mungo.http.scan.scan)):
            setattr(owner, name, wrap(value, prefix + name))
        elif isinstance(value, staticmethod):
            # `pfn = staticmethod(handler)`
            setattr(owner, name, staticmethod(wrap(getattr(owner, name), prefix + name)))
        elif isinstance(value, type) and str(value).find("Error") < 0 and value not in done:
            done.append(value)
            if hasattr(value, "__dict__") and value not in (object, int, dict):
                instrument(value, value.__name__ + ".", list(value.__dict__.items()))


def nothing0():
    pass


def nothing1(a):
    pass


def nothing2(a, b):
    pass


def nothing3(a, b, c):
    pass


def empty():
    for _ in range(TIMES):
        pass


def loop0(f):
    for _ in range(TIMES):
        f()


def loop1(f):
    for _ in range(TIMES):
        f(f)


def loop2(f):
    for _ in range(TIMES):
        f(f, f)


def loop3(f):
    for _ in range(TIMES):
        f(f, f, f)


def calibrate():
    """Log loops without a call, with a call and with a marked call, from which profile.py computes the cost of a mark."""
    wrap(empty, "cal empty")()
    for n, (f, loop) in enumerate(((nothing0, loop0), (nothing1, loop1), (nothing2, loop2), (nothing3, loop3))):
        wrap(loop, "cal plain %d" % n)(f)
        wrappers.pop(id(loop))
        marked = wrap(f, "cal nothing %d" % n)
        wrap(loop, "cal marked %d" % n)(marked)


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG and hm.match("/"):
        c.http_reply(200, {}, "hi\n")


def fn_threads(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG and hm.match("/work"):
        worker(c.mgr.mkpipe(pcb, c), hm.body)


def turn(mgr, clients, heads):
    """Each client sends a request and reads the answer."""
    if kind == "close":
        connect()
    for i in range(CLIENTS):
        clients[i].write(heads[i])
    for _ in range(turns):
        mgr.poll(1000)
    for client in clients:
        if client.recv(1000)[9:12] != b"200":
            raise OSError("no answer")
        if kind == "close":
            client.close()


def connect():
    """Make the clients, which the server accepts in its next turn."""
    for i in range(CLIENTS):
        clients[i] = socket.socket()
        clients[i].connect(address)


kind, count, port = sys.argv[1:]
if kind == "threads":
    fn = fn_threads
turns = 1 if kind == "hello" else 2  # of the loop, until all requests are answered
mgr = mungo.Manager(**({"max_pipes": 2 * CLIENTS} if kind == "threads" else {}))
mgr.http_listen("http://127.0.0.1:" + port, fn)
address = socket.getaddrinfo("127.0.0.1", int(port))[0][-1]
clients = [None] * CLIENTS
if kind != "close":
    connect()
    mgr.poll(100)
blocks = sys.stdin.buffer.read().split(b"\r\n\r\n")
blocks = [block + b"\r\n\r\n" for block in blocks if block]
for n in range(5):
    turn(mgr, clients, blocks[n * CLIENTS :])
done = []
for module in MODULES:
    instrument(module, module.__name__[6:] + ".", [(name, getattr(module, name)) for name in dir(module)])
fn = wrap(fn, "the program's handler")
pcb = wrap(pcb, "the pipe's handler")
worker = wrap(worker, "the worker")
for c in mgr.conns:
    c.fn = fn
calibrate()
mgr._collect_at = ticks_add(ticks_ms(), 0x0FFFFFFF)  # the loop checks the heap by the clock, which is too often under callgrind
for n in range(5, 5 + int(count)):
    turn(mgr, clients, blocks[n * CLIENTS :])
print(json.dumps([names, list(log[: at[0]])]))
