# WebSockets to a server: the client's part of the handshake, RFC 6455 section 4.1.
from binascii import b2a_base64
from os import urandom

from . import LINES, WebSocket, accept, is_upgrade, listed
from .frames import mask

_DIALLED = const(0)
_READY = const(1)


class Dialled(WebSocket):
    """The `proto` of a client's WebSocket."""

    stage = _DIALLED
    offered: tuple  # the subprotocols
    nonce: bytes  # the Sec-WebSocket-Key

    def mask(self, made, data):
        """The frame with this head and payload, masked, with a key that can't be foreseen, for each another (section 10.3)."""
        key = bytearray(urandom(4))
        made[1] |= 128
        made.extend(key)
        n = len(made)
        made.extend(data)
        mask(made, n, len(made), key)
        return made

    def answered(self, c, buf):
        """Take the server's answer, if all of it has come."""
        n = buf.find(b"\r\n\r\n") + 4
        if n < 4 and len(buf) < c.mgr.head_limit:
            return
        head = buf.read(n)
        protocol = listed(head, b"sec-websocket-protocol")
        for name in self.offered:
            if b",%s," % name.encode() == protocol:
                self.protocol = name
        if (
            head[:13] == b"HTTP/1.1 101 "
            and is_upgrade(head)
            and listed(head, b"sec-websocket-accept") == b",%s," % accept(self.nonce)
            and listed(head, b"sec-websocket-extensions") == b","  # none was offered
            and (protocol == b"," or self.protocol)
        ):
            self.stage = _READY
            c.wait = 0
        else:
            c.error("refused: %r" % head[:30])


def connect(mgr, url, fn, fn_data, protocols, ping_ms):
    """`ws.connect`"""
    if url[:5] != "ws://" or url.split() != [url]:
        raise ValueError("%r: want ws://host:port/path" % url)
    host, _, path = url[5:].partition("/")
    c = mgr.connect("tcp://" + host, fn, fn_data)
    it = Dialled(c, 0, ping_ms)
    it.offered = protocols
    it.nonce = b2a_base64(urandom(16))[:-1]
    lines = "GET /%s HTTP/1.1\r\nHost: %s\r\nSec-WebSocket-Version: 13\r\n" % (path, host) + LINES % ("Key", it.nonce.decode())
    if protocols:
        lines += "Sec-WebSocket-Protocol: %s\r\n" % ",".join(protocols)
    c.put((lines + "\r\n").encode())
    return c
