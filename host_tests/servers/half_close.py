# The server of test_half_close.py: each path is one way of sending BYTES bytes, 16 for a line with its number. LIMITS as in http.py.

import os
import time

import mungo

BYTES = int(os.getenv("BYTES"))
PIECE = 4000

limits = {name: int(value) for name, value in [pair.split("=") for pair in (os.getenv("LIMITS") or "").split()]}
app = mungo.App(workers=2)
told = []  # how handlers and workers have ended


def lines(start, n):
    return b"".join([b"%015d\n" % (at // 16) for at in range(start, start + n, 16)])


def pieces(name):
    try:
        for at in range(0, BYTES, PIECE):
            yield lines(at, min(PIECE, BYTES - at))
    finally:
        told.append(name + " ends")


@app.get("/file")
def file(req):
    from mungo.http import files

    return files.send(os.getenv("ROOT"), "large.txt")


@app.get("/generator")
def generator(req):
    return pieces("generator")


@app.get("/worker", worker=True)
def worker(req):
    return pieces("worker")


@app.get("/memory")
def memory(req):
    return lines(0, int(req.args["n"]))


@app.get("/path/<name>")
def path(req, name):
    return name


@app.post("/echo")
def echo(req):
    return req.body


@app.get("/slow", worker=True)
def slow(req):
    time.sleep_ms(int(req.args["ms"]))
    return "slow\n"


@app.get("/told")
def tell(req):
    return {"told": told, "conns": len(mgr.conns), "stats": mgr.stats}


# The tutorial's voice: pieces by EV_WRITE, or one piece and then nothing.
def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        c.fn_data = -1
        c.http_reply(200, {}, None)
        c.http_chunk("begun\n")
        if hm.match("/events"):
            c.fn_data = 0
            send_more(c)
        elif hm.match("/later"):
            c.mgr.timer(300, lambda _: c.http_chunk("end\n") and c.http_chunk(""))
    elif ev == mungo.EV_WRITE and c.fn_data >= 0:
        send_more(c)
    elif ev == mungo.EV_CLOSE and not c.is_listening:
        told.append("events close")


def send_more(c):
    while c.fn_data < BYTES:
        n = min(PIECE, BYTES - c.fn_data)
        if not c.http_chunk(lines(c.fn_data, n)):
            return
        c.fn_data += n
    c.fn_data = -1
    c.http_chunk("")


port = int(os.getenv("PORT"))
mgr = mungo.Manager(**limits)
app.attach(mgr, "http://127.0.0.1:%d" % port)
mgr.http_listen("http://127.0.0.1:" + os.getenv("EVENTS_PORT"), fn)
print("listening")
while mgr.poll(1000):
    pass
