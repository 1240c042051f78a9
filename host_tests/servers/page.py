# A page of 20 parts: itself, a style sheet, two scripts and 16 pictures of 15 KB. LIMITS, as JSON, are the manager's.

import json
import os

import mungo

PAGE = (
    '<!doctype html><link rel="stylesheet" href="/s.css"><script src="/a.js"></script><script src="/b.js"></script>'
    + "".join(['<img src="/%d.bmp">' % n for n in range(16)])
)
# 70 by 70 dots of 24 bits: 14,754 bytes.
BMP = (
    b"BM" + (54 + 212 * 70).to_bytes(4, "little") + bytes(4) + b"\x36\0\0\0\x28\0\0\0\x46\0\0\0\x46\0\0\0\1\0\x18\0" + bytes(24)
    + b"\x20\x80\xe0" * 70 + b"\0\0" + (b"\x20\x80\xe0" * 70 + b"\0\0") * 69
)


def fn(c, ev, hm, fn_data):
    if ev != mungo.EV_HTTP_MSG:
        return
    if hm.match("/"):
        c.http_reply(200, {"Content-Type": "text/html"}, PAGE)
    elif hm.match("/*.bmp"):
        c.http_reply(200, {"Content-Type": "image/bmp", "Cache-Control": "no-store"}, BMP)
    elif hm.match("/s.css"):
        c.http_reply(200, {"Content-Type": "text/css", "Cache-Control": "no-store"}, "body { color: #123 }")
    elif hm.match("/*.js"):
        c.http_reply(200, {"Content-Type": "text/javascript", "Cache-Control": "no-store"}, "window.n = (window.n || 0) + 1")
    elif hm.match("/stats"):
        c.http_reply(200, {"Content-Type": "application/json"}, json.dumps(mgr.stats))
    else:
        c.http_reply(404, {}, "")


mgr = mungo.Manager(**json.loads(os.getenv("LIMITS") or "{}"))
mgr.http_listen("http://127.0.0.1:" + os.getenv("PORT"), fn)
print("listening")
while mgr.poll(1000):
    pass
