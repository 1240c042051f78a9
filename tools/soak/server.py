# The server of the soak test: an App with quick routes, worker routes, a streamed answer from a worker and uploads; threads that
# answer by pipes and by wakeups; a timer. Prints its address. /state answers with the state, and prints the figures of the heap.

import _thread
import gc
import os
import time

import micropython

import mungo

PIECE = b"0123456789abcde\n" * 64
ticks = [0]
app = mungo.App(workers=4, queue=16)


@app.get("/fast")
def fast(req):
    return "hi\n"


@app.get("/json")
def some_json(req):
    return {"ticks": ticks[0], "args": req.args, "agent": req.headers.get("User-Agent")}


@app.get("/big")
def big(req):
    return PIECE


@app.post("/echo")
def echo(req):
    return req.body


@app.post("/work", worker=True)
def work(req):
    time.sleep_ms(len(req.body) % 20)
    return b"worked on " + req.body


@app.get("/stream", worker=True)
def stream(req):
    n = int(req.args.get("n", "10"))
    return (PIECE for _ in range(n))


@app.post("/upload", stream=True)
def upload(req):
    n = 0
    while True:
        piece = yield req.stream
        if piece is None:
            return "%d\n" % n
        n += len(piece)


@app.get("/state")
def state(req):
    gc.collect()
    micropython.mem_info()
    heap = {"heap": gc.mem_alloc(), "free": gc.mem_free()}
    return dict(heap, ticks=ticks[0], conns=len(mgr.conns), pipes=mgr.pipes, stats=mgr.stats)


# A thread and a pipe for each request, as in the tutorial; or a thread and a wakeup.
def thread(sock, data):
    try:
        sock.send(b"piped " + data)
    except OSError:
        pass  # the client has left, which is part of the test
    finally:
        sock.close()


def pcb(c2, ev, data, c):
    if ev == mungo.EV_READ and not c.is_closing:
        c.http_reply(200, {}, data)
        c2.is_closing = True


def waker(mgr, id, data):
    mgr.wakeup(id, b"woken " + data)


def events(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG and c.mgr.pipes >= 20:
        c.http_reply(503, {"Retry-After": 1}, "busy\n")
    elif ev == mungo.EV_HTTP_MSG and hm.match("/pipe"):
        _thread.start_new_thread(thread, (c.mgr.mkpipe(pcb, c), hm.body))
    elif ev == mungo.EV_HTTP_MSG:
        _thread.start_new_thread(waker, (c.mgr, c.id, hm.body))
    elif ev == mungo.EV_WAKEUP:
        c.http_reply(200, {}, hm)


def tick(_):
    ticks[0] += 1


mgr = mungo.Manager(max_conns=120)  # more than the clients open, so that no idle connection is closed to make room
port = int(os.getenv("PORT"))
app.attach(mgr, "http://127.0.0.1:%d" % port)
mgr.http_listen("http://127.0.0.1:%d" % (port + 1), events)
mgr.timer(100, tick, repeat=True)
print("listening: http://127.0.0.1:%d/" % port)
while mgr.poll(1000):
    pass
