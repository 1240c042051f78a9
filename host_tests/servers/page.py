# A page of 20 parts: itself, a style sheet, two scripts and 16 pictures of 15 KB. /streams is a page that holds an EventSource and a
# WebSocket open; /say?TEXT sends both a message, and what a WebSocket sends all of them get. LIMITS, as JSON, are the manager's. CERT: it
# is served over TLS, with the certificate of this name in build/certificates.

import json
import os

import mungo
import mungo.sse as sse
import mungo.ws as ws

PAGE = (
    '<!doctype html><link rel="stylesheet" href="/s.css?%s"><script src="/a.js?%s"></script><script src="/b.js?%s"></script>'
    + "".join(['<img src="/%d.bmp?%%s">' % n for n in range(16)])
)
STREAMS = """<!doctype html><script>
seen = []
events = new EventSource("/events")
events.onopen = () => seen.push("events")
events.onmessage = e => seen.push("events " + e.data)
socket = new WebSocket(location.origin.replace("http", "ws") + "/ws")
socket.onopen = () => seen.push("socket")
socket.onmessage = e => seen.push("socket " + e.data)
events.onerror = socket.onclose = () => seen.push("lost")
</script>"""
# 70 by 70 dots of 24 bits: 14,754 bytes.
BMP = (
    b"BM" + (54 + 212 * 70).to_bytes(4, "little") + bytes(4) + b"\x36\0\0\0\x28\0\0\0\x46\0\0\0\x46\0\0\0\1\0\x18\0" + bytes(24)
    + b"\x20\x80\xe0" * 70 + b"\0\0" + (b"\x20\x80\xe0" * 70 + b"\0\0") * 69
)
readers = []
sockets = []


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_WS_OPEN:
        sockets.append(c)
    elif ev == mungo.EV_WS_MSG:
        for other in sockets:
            ws.send(other, hm)
    elif ev == mungo.EV_CLOSE and c in sockets:
        sockets.remove(c)
    if ev != mungo.EV_HTTP_MSG:
        return
    if hm.match("/"):
        c.http_reply(200, {"Content-Type": "text/html"}, PAGE % ((hm.query,) * 19))
    elif hm.match("/*.bmp"):
        c.http_reply(200, {"Content-Type": "image/bmp", "Cache-Control": "no-store"}, BMP)
    elif hm.match("/s.css"):
        c.http_reply(200, {"Content-Type": "text/css", "Cache-Control": "no-store"}, "body { color: #123 }")
    elif hm.match("/*.js"):
        c.http_reply(200, {"Content-Type": "text/javascript", "Cache-Control": "no-store"}, "window.n = (window.n || 0) + 1")
    elif hm.match("/streams"):
        c.http_reply(200, {"Content-Type": "text/html"}, STREAMS)
    elif hm.match("/events"):
        sse.start(c, hm)
        sse.send(c, retry=1000)  # Firefox says that it is open when something comes
        readers.append(c)
    elif hm.match("/ws"):
        ws.upgrade(c, hm)
    elif hm.match("/say"):
        sse.broadcast(readers, hm.query)
        for other in sockets:
            ws.send(other, hm.query)
        c.http_reply(200)
    elif hm.match("/stats"):
        c.http_reply(200, {"Content-Type": "application/json"}, json.dumps(mgr.stats))
    else:
        c.http_reply(404, {}, "")


mgr = mungo.Manager(**json.loads(os.getenv("LIMITS") or "{}"))
cert = os.getenv("CERT")
if cert:
    cert = "build/certificates/" + cert
    mgr.http_listen("https://127.0.0.1:" + os.getenv("PORT"), fn, tls=mungo.Tls(cert=cert + ".pem", key=cert + ".key"))
else:
    mgr.http_listen("http://127.0.0.1:" + os.getenv("PORT"), fn)
print("listening")
while mgr.poll(1000):
    pass
