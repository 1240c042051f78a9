"""A server without sockets and a clock, for targets that look at whole answers: bytes in, bytes out. What a handler lets go is raised."""

from mungo.app.serving import AppConnection
from mungo.core.buffer import Buffer
from mungo.http.response_parser import Response
from mungo.http.server import HttpConnection
from mungo.port import Limits

HEAD, PIECE, DONE = 1, 2, 3
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class World(Limits):
    """In the place of the manager."""

    head_limit = 300
    body_limit = 100
    rx_bytes = 512
    now = 0
    busy = True
    waiting = None
    held = 0
    accepted = 1
    tasks = None  # (no asyncio)

    def __init__(self):
        self.stats = dict.fromkeys(("failed", "timeouts", "recv_full", "send_full", "bugs", "undelivered"), 0)
        self.resuming = []
        self.closing = 0
        self.to_close = {}
        self.scratch = None
        self.rx = Buffer(bytearray(512))

    def add(self, c):
        c.id = 1

    def has_bytes(self, n):
        return True

    def use_flash(self, fn, c, arg):
        fn(c, arg)
        return True

    def when_flash_is_free(self, fn, c, arg):
        fn(c, arg)

    def watch(self, sock, c, mask):
        pass

    def deadline(self, c, ms):
        c.since = 0
        c.wait = ms

    def due(self, c):
        pass

    def report(self, er):
        raise er


class Sink:
    """A socket that takes everything."""

    def __init__(self):
        self.sent = bytearray()

    def write(self, data, at, n):
        self.sent += memoryview(data)[at : at + n]
        return n


class Wire(HttpConnection):
    """A connection on a Sink."""

    def tell(self, ev, data):
        """Call the handlers; what they raise goes on."""
        self.pfn(self, ev, data)
        self.fn(self, ev, data, self.fn_data)

    def go(self, part):
        """These bytes have come; then turns until nothing is left to do."""
        mgr = self.mgr
        for at in range(0, len(part), 512):
            if self.state or self.mask & 1 == 0:
                return
            piece = part[at : at + 512]
            mgr.rx.data[: len(piece)] = piece
            self.take(len(piece))
            mgr.rx.data[:] = b"?" * 512
            while mgr.resuming and not self.is_closing:
                mgr.resuming.clear()
                self.tell(7, 0)
                self.settle()


_world = World()


class AppWire(AppConnection, Wire):
    """A connection of an App's client on a Sink."""


def serve(parts, fn, app=None):
    """What a server with this handler answers to these parts, and how many requests there were: (bytes, [is it HEAD, ..])."""
    _world.resuming.clear()
    heads = []

    def handler(c, ev, data, fn_data):
        if ev == 10:
            heads.append(data.is_head)
        fn(c, ev, data, fn_data)

    c = (AppWire if app else Wire)(_world, None, handler, app)
    c.sock = Sink()
    c.tell(1, None)
    for part in parts:
        c.go(part)
    heads.append(getattr(c.proto, "is_head", False))  # of a head that was refused
    c.tell(9, None)
    return bytes(c.sock.sent).replace(_CONTINUE, b""), heads


def answers(sent, heads):
    """The answers in these bytes, read by a client, who finds each in order: [(status, {name: value}, body), ..]."""
    buf = Buffer(bytearray(sent), len(sent))
    found = []
    while len(buf):
        hm = Response(3000)
        if len(found) == len(heads):
            raise AssertionError("more than %d answers: %r" % (len(found), sent))
        hm.is_head = heads[len(found)]
        ev = hm.parse(buf)
        if ev != HEAD:
            raise AssertionError("no answer: %r, %r" % (ev, sent))
        fields = {}
        for name, value in hm.headers():
            if name.lower() in fields and name != "Set-Cookie":
                raise AssertionError("twice: %s" % name)
            fields[name.lower()] = value
        is_endless = hm.is_endless
        while ev in (HEAD, PIECE):
            ev = hm.parse(buf)
            if ev == PIECE and not hm.collect(hm.view(buf), 10000):
                raise AssertionError("too long")
        if ev != DONE and not is_endless:
            raise AssertionError("cut short: %r" % sent)
        found.append((hm.status, fields, hm.body))
        hm.finish(buf)
        if is_endless:
            break
    return found
