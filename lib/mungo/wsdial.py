# WebSockets to a server: the client's part of the handshake, RFC 6455 section 4.1.
from binascii import b2a_base64
from os import urandom

from .ws import WebSocket, accept, fields, handler, is_asked

_ASKED = const(0)
_READY = const(1)

_REQUEST = const(
    "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n"
)


class Dialled(WebSocket):
    """The `proto` of a client's WebSocket."""

    stage = _ASKED
    accept = None  # what the server must answer
    offered = (None,)

    def answered(self, c):
        """Take the server's answer, if all of it has come."""
        buf = c.recv
        n = buf.find(b"\r\n\r\n")
        if n < 0 and len(buf) < c.mgr.head_limit:
            return
        try:
            lines = str(buf.read(n + 4), "utf-8").split("\r\n")
        except ValueError:
            lines = [""]
        got = fields([line.split(":", 1) for line in lines[1:] if ":" in line])
        self.protocol = got.get("sec-websocket-protocol")
        if (
            lines[0][:13] != "HTTP/1.1 101 "
            or not is_asked(got)
            or got.get("sec-websocket-accept") != self.accept
            or "sec-websocket-extensions" in got
            or self.protocol not in self.offered
        ):
            return c.error("WebSocket refused: " + lines[0])
        self.stage = _READY
        c.wait = 0


def connect(mgr, url, fn, fn_data, protocols, headers, ping_ms):
    """`ws.connect`"""
    for x in url:
        if url[:5] != "ws://" or not "!" <= x <= "~" or x == "#":
            raise ValueError("%r: want ws://host:port/path" % url)
    host, _, path = url[5:].partition("/")
    lines = ""
    pairs = list((headers or {}).items())
    if protocols:
        pairs.append(("Sec-WebSocket-Protocol", ", ".join(protocols)))
    for name, value in pairs:
        line = "%s: %s" % (name, value)
        if "\r" in line or "\n" in line:
            raise ValueError("header %r: no CR or LF" % line)
        lines += line + "\r\n"
    c = mgr.connect("tcp://" + (host if ":" in host.rpartition("]")[2] else host + ":80"), fn, fn_data)
    key = b2a_base64(urandom(16))[:-1].decode()
    c.proto = it = Dialled(mgr, 0, ping_ms)
    it.accept = accept(key)
    it.offered = (None,) + tuple(protocols)
    c.pfn = handler
    c.put((_REQUEST % ("/" + path, host, key, lines)).encode())
    return c
