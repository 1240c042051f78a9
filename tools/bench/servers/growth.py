# Measures a turn of the loop, a request and other steps beside N idle objects of a kind. Runs on MicroPython, alone or under callgrind,
# for tables/growth.py:
#
#     MICROPYTHON growth.py PORT KIND N TIMES
#
# KIND is poll (a loop by hand with N sockets, without mungo), connections, timers, pipes, routes or patterns. Each step runs TIMES times,
# each time between two marks. Prints JSON: the names of the steps in their order, and the least microseconds of each.

import json
import select
import socket
import sys
from time import ticks_add, ticks_cpu, ticks_diff, ticks_ms, ticks_us

import mungo
from mungo.core.loop import Loop

port, kind, count, times = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
address = socket.getaddrinfo("127.0.0.1", port)[0][-1]
steps = []
least = {}
REQUEST = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


def take(name, step, after=None):
    """Measure a step. `after` runs after each one and is not measured."""
    step()  # once before, because the first use may load code
    if after:
        after()
    for _ in range(times):
        start = ticks_us()
        ticks_cpu()
        step()
        ticks_cpu()
        took = ticks_diff(ticks_us(), start)
        if after:
            after()
        steps.append(name)
        least[name] = min(took, least.get(name, took))


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        c.http_reply(200, {}, "hi\n")


def make():
    return mungo.Manager(max_conns=count + times + 10, max_timers=count + 10, max_pipes=count + 10, idle_ms=500000)


def asked(client, path=b"/"):
    client.write(REQUEST % path)


def answered(client):
    for _ in range(100):
        data = client.read(1000)
        if data:
            if data[:8] != b"HTTP/1.1":
                raise OSError("not an answer: %r" % data)
            return
        if Loop.newest:
            Loop.newest.poll(10)  # the kernel may not have been ready in the step
    raise OSError("no answer")


def connect(mgr):
    client = socket.socket()
    client.connect(address)
    client.setblocking(False)
    mgr.poll(0)
    return client


def serve(mgr, paths):
    """Measure turns without events, and a request for each path."""
    client = connect(mgr)
    for path in paths.values():
        for _ in range(2):
            asked(client, path)
            mgr.poll(1000)
            answered(client)
    mgr._collect_at = ticks_add(ticks_ms(), 0x0FFFFFFF)  # the loop checks the heap by the clock, which is too often under callgrind
    take("turn", lambda: mgr.poll(0))
    for name, path in paths.items():
        serve_one(mgr, client, name, path)


def serve_one(mgr, client, name, path):
    asked(client, path)  # the request arrives before the step
    take(name, lambda: mgr.poll(1000), lambda: (answered(client), asked(client, path)))
    mgr.poll(1000)
    answered(client)


def poll():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(64)
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    clients = []

    def turn(ms):
        for sock, _ in poller.ipoll(ms):
            if sock is listener:
                sock = listener.accept()[0]
                sock.setblocking(False)
                poller.register(sock, select.POLLIN)
            elif sock.recv(1000):
                sock.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n")
            else:
                poller.unregister(sock)
                sock.close()

    def arrive():
        client = socket.socket()
        client.connect(address)
        client.setblocking(False)
        turn(1000)
        clients.append(client)

    for _ in range(count + 1):
        arrive()
    client = clients[-1]
    take("turn", lambda: turn(0))
    asked(client)
    take("request", lambda: turn(1000), lambda: (answered(client), asked(client)))
    turn(1000)
    answered(client)
    take("accept", arrive)
    leaving(clients, lambda: turn(1000))


def leaving(clients, turn):
    """Measure the turn in which the loop sees that a client has closed. The clients are in the middle of the list."""
    first = clients[count // 2 : count // 2 + times + 1]

    def leave():
        first.pop().close()
        turn()

    take("close", leave)


def connections():
    mgr = make()
    mgr.http_listen("http://127.0.0.1:%d" % port, fn)
    idle = []
    for _ in range(count):
        client = connect(mgr)
        asked(client)
        mgr.poll(1000)
        answered(client)
        idle.append(client)
    serve(mgr, {"request": b"/"})
    take("accept", lambda: idle.append(connect(mgr)))
    leaving(idle, lambda: mgr.poll(1000))


def timers():
    mgr = make()
    mgr.http_listen("http://127.0.0.1:%d" % port, fn)
    for n in range(count):
        mgr.timer(100000000 + n * 7919 % 1000, len, "")
    serve(mgr, {"request": b"/"})

    def step():
        mgr.timer(0, len, "")
        mgr.poll(0)

    take("timer", step)  # this timer is due before all others


def pipes():
    mgr = make()
    mgr.http_listen("http://127.0.0.1:%d" % port, fn)
    ends = [mgr.mkpipe(None) for _ in range(count)]
    serve(mgr, {"request": b"/"})

    def step():
        ends[count // 2].send(b"a")
        mgr.poll(1000)

    take("message", step)


def routed(form, asked_for):
    app = mungo.App()
    for n in range(count):
        app.get(form % n)(lambda req, id=0: "hi\n")
    mgr = make()
    app.open(mgr, "127.0.0.1", port)
    last = count - 1
    serve(mgr, {"first": asked_for % 0, "last": asked_for % last, "none": asked_for % 999999})


if kind == "routes":
    routed("/r%d/b", b"/r%d/b")
elif kind == "patterns":
    routed("/r%d/<int:id>", b"/r%d/7")
else:
    {"poll": poll, "connections": connections, "timers": timers, "pipes": pipes}[kind]()
print(json.dumps([steps, least]))
