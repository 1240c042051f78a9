# The server of the soak test at a board's limits, which LIMITS has as JSON: a page of 20 parts whose pictures are files in ROOT, a large
# file, events, WebSockets, a pool's answers in one piece and streamed, uploads. Prints its address. /state as in server.py.

import gc
import json
import os
import time

import micropython

import mungo

# In a small heap what stays comes first, without garbage in between.
for name in ("threads.pool", "http.files", "sse", "ws"):
    __import__("mungo." + name)
    gc.collect()
import mungo.sse as sse  # noqa: E402
import mungo.ws as ws  # noqa: E402
from mungo.http import files  # noqa: E402

PIECE = b"0123456789abcde\n" * 64
ROOT = os.getenv("ROOT")
told = json.loads(os.getenv("LIMITS"))
PAGE = '<!doctype html><link rel="stylesheet" href="/s.css"><script src="/a.js"></script><script src="/b.js"></script>'
PAGE += "".join(['<img src="/picture/%d.bmp">' % n for n in range(told["pictures"])])
readers = {}  # connection -> how many events it has got
BUSY = (503, {"Retry-After": 1}, "busy\n")


class Upload:
    """How many bytes have come."""

    def __init__(self, hm):
        self.n = 0
        hm.on_body(self.add)

    def add(self, piece):
        self.n += len(piece)


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_HDRS and hm.match("/upload"):
        c.fn_data = Upload(hm)
    elif ev == mungo.EV_HTTP_MSG:
        answer(c, hm)
    elif ev == mungo.EV_WS_MSG:
        ws.send(c, hm)
    elif ev == mungo.EV_WRITE and isinstance(fn_data, Stream):
        fn_data.go_on()


def answer(c, hm):
    if hm.match("/"):
        c.http_reply(200, {"Content-Type": "text/html"}, PAGE)
    elif hm.match("/s.css"):
        c.http_reply(200, {"Content-Type": "text/css"}, "body { color: #123 }")
    elif hm.match("/*.js"):
        c.http_reply(200, {"Content-Type": "text/javascript"}, "window.%s = 1" % hm.uri[1])
    elif hm.match("/picture/*"):
        files.serve(c, hm, ROOT, hm.uri[9:], headers={"Cache-Control": "no-store"})
    elif hm.match("/large"):
        files.serve(c, hm, ROOT, "large.txt")
    elif hm.match("/events"):
        sse.start(c, hm)
        if c.proto.is_streaming:
            readers[c] = 0
    elif hm.match("/ws"):
        ws.upgrade(c, hm)
    elif hm.match("/work"):
        try:
            pool.submit(work, hm.body, on_done=lambda result, er: c.http_reply(200, {}, result) if er is None else None, conn=c)
        except OSError:
            c.http_reply(*BUSY)
    elif hm.match("/stream"):
        try:
            Stream(c, int(hm.query))
        except OSError:
            c.http_reply(*BUSY)
    elif hm.match("/upload"):
        c.http_reply(200, {}, "%d\n" % c.fn_data.n)
    elif hm.match("/state"):
        gc.collect()
        micropython.mem_info()
        state = {"heap": gc.mem_alloc(), "free": gc.mem_free(), "conns": len(mgr.conns), "pipes": mgr.pipes, "stats": mgr.stats}
        c.http_reply(200, {}, json.dumps(state))
    else:
        c.http_reply(404)


def work(body):
    time.sleep_ms(len(body) % 50)
    return b"worked on " + body


class Stream:
    """An answer whose pieces a worker sends by a pipe. While the client takes no more, the pipe is not read."""

    def __init__(self, c, n):
        self.c = c
        self.c2 = None
        pool.submit(send_pieces, n, on_done=self.on_done, conn=c, pipe=self.on_pipe)
        c.http_reply(200, {}, None)
        c.fn_data = self

    def on_pipe(self, c2, ev, data, c):
        self.c2 = c2
        if ev == mungo.EV_READ and c.http_chunk(data) and c.out is not None:
            c2.is_full = True

    def go_on(self):
        if self.c2 is not None:
            self.c2.is_full = False

    def on_done(self, _, er):
        c = self.c
        c.fn_data = None
        if er is None:
            c.http_chunk(b"")
        elif not c.is_closing:
            c.is_closing = True


def send_pieces(end, n):
    for _ in range(n):
        end.send(PIECE)


def tick(_):
    for c in list(readers):
        if sse.send(c, str(readers[c])):
            readers[c] += 1
        else:
            readers.pop(c)


mgr = mungo.Manager(told["bell"], **told["manager"])
pool = mgr.workers(n=told["workers"]["n"], queue=told["workers"]["queue"])
listener = mgr.http_listen("http://127.0.0.1:" + os.getenv("PORT"), fn)
# Accepted sockets inherit it. Linux doubles it; a board's lwIP holds 6 KB. With the default, slow readers would be none.
listener.sock.setsockopt(1, 7, 6400)  # SOL_SOCKET, SO_SNDBUF
mgr.timer(200, tick, repeat=True)
print("listening: http://127.0.0.1:%s/" % os.getenv("PORT"))
while mgr.poll(1000):
    pass
