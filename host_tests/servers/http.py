# The server of test_http_server.py: each path is one way of answering. /state tells what has happened here.

import gc
import json
import os
from array import array

import mungo

NAMES = {getattr(mungo, name): name[3:] for name in dir(mungo) if name[:3] == "EV_"}

state = {"pulls": 0, "closed": 0, "received": 0, "most": 0, "replies": [], "tags": []}
events = {}  # connection's id -> what its handler was called with
waiting = []  # connections of /hold, in their order


def count(n, size):
    try:
        for _ in range(n):
            state["pulls"] += 1
            yield b"x" * size
    finally:
        state["closed"] += 1


def broken():
    yield "one"
    yield "two"
    raise ValueError("broken generator")


def bad_to_close():
    try:
        while True:
            yield bytes(10000)
    finally:
        raise ValueError("broken close")


# What http_reply and http_chunk say to calls that they must refuse.
def mistakes(c):
    def refused(fn, *args):
        try:
            fn(*args)
        except ValueError:
            return True
        return False

    reply = c.http_reply
    wrong = []
    for headers in (
        {"X\r\nY": "1"},
        {"X": "1\r\nY: 2"},
        {"X": "1\nY: 2"},
        {"X": "1\r"},
        {"X": "1\r\n"},
        {"X": "a\0b"},
        {"X": "a\x01b"},
        {"X": "a\x1b[0m"},
        {"X": "\x0b"},
        {"X": "a\x7f"},
        {"X": "a" + chr(0xD83D)},
        {"X:": "1"},
        {"X ": "1"},
        {"": "1"},
        {"X\xe9": "1"},
        [("X", "1\r\n\r\nHTTP/1.1 200 OK")],
        [("X", "1"), ("Y\n", "2")],
        "X: 1",
        "X: 1\n",
        "X: 1\r",
        "X: 1\r\n\r\n",
        "X: 1\r\nY\r: 2\r\n",
        "X: 1\nY: 2\r\n",
        " X: 1\r\n",
        "\r\n",
        "X\r\n",
        {"Content-Length": 5},
        {"content-length": "5"},
        "Content-Length: 5\r\n",
        {"Transfer-Encoding": "chunked"},
        [("TRANSFER-ENCODING", "x")],
    ):
        for body in ("body", count(1, 1), None):
            if not refused(reply, 200, headers, body):
                wrong.append(repr((headers, body)))
    for status in (100, 101, 199, 600, 0, -200, "200", 404.0, None):
        if not refused(reply, status, {}, "body"):
            wrong.append(repr(status))
    for status in (204, 304):
        if not refused(reply, status, {}, count(1, 1)):
            wrong.append(repr(status) + " with a stream")
    if not refused(c.http_chunk, "x"):
        wrong.append("http_chunk before http_reply")
    return wrong


def later(c, ms, *args):
    c.mgr.timer(ms, lambda _: state["replies"].append(c.http_reply(*args)))


def pause(c, ms):
    c.is_full = True
    c.mgr.timer(ms, lambda _: resume(c))


def resume(c):
    if not c.is_closing:
        c.is_full = False


def headers_have_come(c, hm):
    path = hm.uri
    if path == "/upload" or path == "/slow-upload" or path == "/no-upload":

        def sink(piece):
            state["received"] += len(piece)
            state["most"] = max(state["most"], len(c.recv))
            if path == "/slow-upload":
                pause(c, 1)
            elif path == "/no-upload" and not c.is_full:
                pause(c, 500)

        state["received"] = state["most"] = 0
        hm.on_body(sink)
    elif path == "/early":
        c.http_reply(200, {}, "early")
    elif path == "/early-413":
        c.http_reply(413, {}, "too much")
    elif path == "/early-paused":
        c.is_full = True
        c.http_reply(413, {}, "too much")
    elif path == "/early-stream":
        c.http_reply(200, {}, iter(["early ", "stream"]))
    elif path == "/early-late":
        hm.on_body(lambda piece: None)
        later(c, 50, 200, {}, "early late")
    elif path == "/pause":
        pause(c, 100)
    elif path == "/early-bug":
        raise ValueError("early bug")


def message_has_come(c, hm):
    path = hm.uri
    query = hm.query
    if path == "/echo":
        c.http_reply(200, {"X-Method": hm.method, "X-Query": query}, hm.body)
    elif path == "/id":
        c.http_reply(200, {}, str(c.id))
    elif path == "/late":
        later(c, int(query), 200, {}, "late " + query)
    elif path == "/hold":
        waiting.append(c)
    elif path == "/release":
        for other in waiting:
            state["replies"].append(other.http_reply(200, {"X-Late": "1"}, "released"))
        del waiting[:]
        c.http_reply(200)
    elif path == "/stream":
        n, size = query.split(",")
        state["pulls"] = 0
        c.http_reply(200, {}, count(int(n), int(size)))
    elif path == "/late-stream":
        later(c, 20, 200, {}, iter(["a", b"b", "", bytearray(b"c"), memoryview(b"d")]))
    elif path == "/broken-stream":
        c.http_reply(200, {}, broken())
    elif path == "/bad-to-close":
        c.http_reply(200, {}, bad_to_close())
    elif path == "/chunks":
        c.http_reply(200, {"Content-Type": "text/plain"}, None)
        for piece in ("one ", b"two ", bytearray(b"three"), b""):
            c.http_chunk(piece)
    elif path == "/late-chunks":
        c.http_reply(200, {}, None)
        for n in range(4):
            c.mgr.timer(20 * n + 20, lambda piece: state["replies"].append(c.http_chunk(piece)), ("a", "b", "c", "")[n])
    elif path == "/bug":
        raise ValueError("bug")
    elif path == "/bug-behind-reply":
        c.http_reply(200, {}, "fine")
        raise ValueError("bug behind")
    elif path == "/status":
        state["replies"].append(c.http_reply(int(query), [("X-A", 1), ("X-A", "\xe9")], "body"))
    elif path == "/close":
        state["replies"].append(c.http_reply(200, "Connection: close\r\nX-A:  b \r\n", "bye"))
    elif path == "/twice":
        c.http_reply(200, {}, "once")
        try:
            c.http_reply(200, {}, "twice")
        except ValueError:
            state["replies"].append("refused")
    elif path == "/mistakes":
        wrong = mistakes(c)
        c.http_reply(200, {}, json.dumps(wrong))
    elif path == "/kinds":
        body = {"array": bytearray(b"bytes"), "view": memoryview(b"bytes"), "wide": memoryview(array("H", [25185]))}[query]
        c.http_reply(200, {}, body)
    elif path == "/big":
        c.http_reply(200, {}, bytes(int(query)))
    elif path == "/pause":
        c.http_reply(200, {"X-Seen": "%s %s %s" % (hm.uri, query, hm.header("X-Tag"))}, hm.body)
    elif path == "/events":
        c.http_reply(200, {}, json.dumps(events.get(int(query))))
    elif path == "/state":
        reply = dict(state)
        reply["stats"] = c.mgr.stats
        reply["conns"] = len(c.mgr.conns)
        gc.collect()
        reply["allocated"] = gc.mem_alloc()
        state["replies"] = []
        c.http_reply(200, {}, json.dumps(reply))
    elif path == "/tag":
        state["tags"].append(query)
        c.http_reply(200, {}, query)
    elif path not in ("/never", "/early-late"):
        c.http_reply(200, {}, "%s %s" % (hm.method, path))


def fn(c, ev, data, fn_data):
    if c.is_listening:
        return
    if c.id not in events:
        events[c.id] = []
        events.pop(c.id - 100, None)
    events[c.id].append(NAMES[ev])
    if ev == mungo.EV_HTTP_HDRS:
        headers_have_come(c, data)
    elif ev == mungo.EV_HTTP_MSG:
        message_has_come(c, data)


limits = {name: int(value) for name, value in [pair.split("=") for pair in (os.getenv("LIMITS") or "").split()]}
mgr = mungo.Manager(**limits)
mgr.http_listen("http://%s:%s" % (os.getenv("HOST"), os.getenv("PORT")), fn)
print("listening on port", os.getenv("PORT"))
while mgr.poll(1000):
    pass
