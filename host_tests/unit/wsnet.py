# WebSockets for tests: a handler that records, a hand-made peer, and both sides' frames as bytes.

import mungo
import mungo.ws as ws
from net import Client, listening
from waiting import until

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # and what RFC 6455 section 1.3 has for it
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = b"\x12\x34\x56\x78"


def request(lines="", target="/", method="GET", version="13", key=KEY):
    text = "%s %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" % (method, target)
    if version:
        text += "Sec-WebSocket-Version: %s\r\n" % version
    if key:
        text += "Sec-WebSocket-Key: %s\r\n" % key
    return (text + lines + "\r\n").encode()


def frame(op, data=b"", last=True, masked=True, rsv=0, wide=0, key=MASK):
    """A frame by the book; `wide` 2 or 8: say the length in so many bytes more."""
    if isinstance(data, str):
        data = data.encode()
    n = len(data)
    wide = wide or (0 if n < 126 else 2 if n < 65536 else 8)
    first = op | (128 if last else 0) | rsv
    short = n if not wide else 126 if wide == 2 else 127
    out = bytes((first, short | (128 if masked else 0))) + (n.to_bytes(wide, "big") if wide else b"")
    if masked:
        out += key
        data = bytearray(data)
        for i in range(n):
            data[i] ^= key[i & 3]
    return out + data


def closing(code, reason=b""):
    """A Close frame's payload."""
    return code.to_bytes(2, "big") + reason


def unframe(data):
    """[(first byte, payload)] of the frames in `data`, and how many of its bytes they are."""
    found = []
    at = 0
    while len(data) - at >= 2:
        n = data[at + 1] & 127
        a = at + 2
        if n > 125:
            wide = 2 if n == 126 else 8
            n = int.from_bytes(data[a : a + wide], "big")
            a += wide
        key = None
        if data[at + 1] & 128:
            key = data[a : a + 4]
            a += 4
        if a + n > len(data):
            break
        body = data[a : a + n]
        if key:
            body = bytes([body[i] ^ key[i & 3] for i in range(n)])
        found.append((data[at], body))
        at = a + n
    return found, at


class Peer(Client):
    """A client of the server that `mgr` runs, upgraded; `frames` is what has come since."""

    def __init__(self, mgr, port, lines="", more=b""):
        super().__init__(mgr, port, request(lines) + more)
        self.until_has(b"\r\n\r\n")
        at = self.got.find(b"\r\n\r\n") + 4
        self.head = self.got[:at]
        self.got = self.got[at:]
        assert self.head.startswith(b"HTTP/1.1 101 "), self.head

    @property
    def frames(self):
        return unframe(self.got)[0]

    def next(self, n=1):
        """The first `n` frames that come, taken away."""
        self.until(lambda c: len(c.frames) >= n)
        found = self.frames[:n]
        for _, body in found:
            n = len(body)
            self.got = self.got[2 + (0 if n < 126 else 2 if n < 65536 else 8) + n :]
        return found


class Site:
    """`with Site(fn, options, **limits) as site`: a manager whose server upgrades every request, with these options of `upgrade`;
    `events` is what its handler has got beyond EV_WRITE, and errors; `fn(c, ev, data)` is called for all."""

    def __init__(self, fn=None, options=None, **limits):
        self.mgr = mungo.Manager(**limits)
        self.events = []
        self.conns = []
        self.fn = fn
        self.options = options or {}
        self.clients = []
        self.listener, self.port = listening(lambda url: self.mgr.http_listen(url, self.handler))

    def handler(self, c, ev, data, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            self.events.append((ev, ws.upgrade(c, data, **self.options)))
        elif (ev > mungo.EV_WRITE and ev != mungo.EV_HTTP_HDRS or ev == mungo.EV_ERROR) and not c.is_listening:
            if ev == mungo.EV_WS_OPEN:
                self.conns.append(c)
            self.events.append((ev, data))
        if self.fn:
            self.fn(c, ev, data)

    def seen(self, *kinds):
        return [data for ev, data in self.events if ev in kinds]

    def peer(self, lines="", more=b""):
        peer = Peer(self.mgr, self.port, lines, more)
        self.clients.append(peer)
        return peer

    def client(self, data=b""):
        client = Client(self.mgr, self.port, data)
        self.clients.append(client)
        return client

    def until(self, ready, ms=10000):
        until(ready, self.mgr, ms)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.close()
        self.mgr.close(5000)
