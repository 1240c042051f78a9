# The heap is full, but for k blocks, while something happens; for each k from 0 on, until all of it succeeds. Once with the collector
# switched off, so that it is the n-th allocation that fails, whatever was dropped before, and once with it.
#
# Whatever fails, no exception leaves poll, each EV_OPEN gets its EV_CLOSE, the client gets an answer or a close, and with memory again
# the server works as before.

import gc
import time

import mungo
import mungo.ws as ws
from net import Client, listening, udp_peer
from waiting import until

LANES = ("upy-192k",)
MIN_HEAP = "320k"

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SINGLES = 700  # blocks that can be given back one by one
STEP = 8  # the next number of blocks is larger by one, and by this part of it
TURNS = 6

_held = [None] * 2500  # what fills the heap


def fill():
    """Leave no block of the heap free."""
    gc.collect()
    n = 0
    try:
        while n < SINGLES:
            _held[n] = (n,)
            n += 1
        for size in (4096, 512, 128):
            try:
                while True:
                    _held[n] = bytearray(size)
                    n += 1
            except MemoryError:
                pass
        while True:
            _held[n] = (n,)
            n += 1
    except MemoryError:
        pass
    assert SINGLES < n < len(_held), n


def empty():
    for i in range(len(_held)):
        _held[i] = None
    gc.collect()


def turns_with(mgr, blocks, is_collecting, ms):
    """Some turns, each of up to `ms` milliseconds, while so many blocks are free; what has left poll."""
    fill()
    for i in range(blocks):
        _held[i] = None
    gc.collect()
    if not is_collecting:
        gc.disable()
    er = None
    try:
        for _ in range(TURNS):
            mgr.poll(ms)
    except Exception as error:
        er = error
    gc.enable()
    empty()
    return er


class Case:
    """Something that happens. `prepare` has the client ask, without a poll after it; `is_done` says whether it has what it is owed."""

    ms = 0  # of a turn

    def __init__(self, **limits):
        self.counts = [0] * 24  # of each event; only those of accepted connections, pipes, and outgoing ones
        self.mgr = mungo.Manager(**limits)
        self.client = None
        self.url = listening(self.listen)[1]
        self.base = len(self.mgr.conns)
        self.socks = len(self.mgr._socks)

    def listen(self, url):
        self.listener = self.mgr.http_listen(url, self.handler)
        return self.listener

    def handler(self, c, ev, data, fn_data):
        if not c.is_listening:
            self.counts[ev] += 1
        self.on_event(c, ev, data)

    def on_event(self, c, ev, data):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, None, "hi\n")

    def prepare(self):
        self.client = Client(self.mgr, self.url, GET)

    def is_done(self):
        self.client.look()
        return self.client.ended or self.is_answered(self.client.got)

    def is_answered(self, got):
        return got.endswith(b"hi\n") or b"\r\nConnection: close\r\n" in got and b"\r\n\r\n" in got

    def clean_up(self):
        if self.client is not None:
            self.client.close()

    def works(self):
        """A new client is served as before."""
        client = Client(self.mgr, self.url, GET)
        client.until(lambda c: c.got.endswith(b"hi\n") or c.ended)
        assert client.got.startswith(b"HTTP/1.1 200 ") and client.got.endswith(b"hi\n"), client.got
        client.close()

    def is_at_rest(self):
        return len(self.mgr.conns) == self.base

    def go(self, blocks, is_collecting):
        """Let it happen with so many free blocks, None: with enough. True if nothing has failed."""
        mgr = self.mgr
        stats = mgr.stats
        self.prepare()
        before = stats["bugs"] + stats["no_memory"]
        er = None
        if blocks is not None:
            er = turns_with(mgr, blocks, is_collecting, self.ms)
        is_whole = stats["bugs"] + stats["no_memory"] == before
        if er is not None:
            raise er
        until(self.is_done, mgr)
        self.clean_up()
        until(self.is_at_rest, mgr)
        self.works()
        until(self.is_at_rest, mgr)
        assert self.counts[mungo.EV_OPEN] == self.counts[mungo.EV_CLOSE], self.counts
        assert mgr.accepted == mgr.pipes == 0 and mgr.spare is None and not mgr.closing and not mgr.resuming
        assert len(mgr._socks) == self.socks, (len(mgr._socks), self.socks)
        assert not mgr.paused_listeners
        return is_whole


def each_number(make, modes=(False, True)):
    """Let the case meet each number of free blocks, until it needs no more. `modes`: whether the collector is on."""
    for is_collecting in modes:
        case = make()
        case.go(None, is_collecting)  # what loads late has loaded then
        in_row = blocks = 0
        while in_row < 3:
            assert blocks < SINGLES
            try:
                in_row = in_row + 1 if case.go(blocks, is_collecting) else 0
            except Exception:
                print("blocks", blocks, "collecting", is_collecting, case.mgr.stats)
                raise
            blocks += 1 + blocks // STEP
        print("collecting" if is_collecting else "not collecting", blocks, case.mgr.stats["no_memory"])
        case.mgr.close()
        assert not case.mgr.conns


def test_a_new_client():
    each_number(Case)


class Asked(Case):
    """A kept-alive client asks again."""

    request = GET

    def prepare(self):
        self.client = Client(self.mgr, self.url, GET)
        self.client.until_has(b"hi\n")
        self.client.got = b""
        self.client.send(self.request)


def test_another_request():
    each_number(Asked)


class Posted(Asked):
    """A body, of which the first part has come."""

    def prepare(self):
        self.client = Client(self.mgr, self.url, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1500\r\n\r\n" + b"x" * 500)
        until(lambda: any(c.proto and c.proto.phase for c in self.mgr.conns), self.mgr)
        self.client.send(b"x" * 1000)


def test_a_body():
    each_number(Posted)


class Unusual(Asked):
    """An answer that response.py makes."""

    def on_event(self, c, ev, data):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {"X": "y"}, "hi\n")


def test_an_answer_with_fields():
    each_number(Unusual)


class Streamed(Asked):
    """An answer in pieces."""

    def on_event(self, c, ev, data):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, None, iter(("a", "b", "c", "hi\n")))

    def is_answered(self, got):
        return got.endswith(b"\r\n0\r\n\r\n") or Asked.is_answered(self, got)

    def works(self):
        client = Client(self.mgr, self.url, GET)
        client.until_has(b"hi\n\r\n0\r\n\r\n")
        client.close()


def test_an_answer_in_pieces():
    each_number(Streamed)


class Refused(Asked):
    """A request that the server refuses by itself."""

    request = b"GET / HTTP/1.1\r\n\r\n"

    def is_answered(self, got):
        return b" 400 " in got


def test_a_refused_request():
    each_number(Refused)


class Bug(Asked):
    """A handler that raises: 500."""

    request = b"GET /bug HTTP/1.1\r\nHost: a\r\n\r\n"

    def on_event(self, c, ev, hm):
        if ev == mungo.EV_HTTP_MSG:
            if hm.uri == "/bug":
                raise MemoryError
            c.http_reply(200, None, "hi\n")

    def is_answered(self, got):
        return b" 500 " in got

    def go(self, blocks, is_collecting):
        no_memory = self.mgr.stats["no_memory"]
        Asked.go(self, blocks, is_collecting)
        return self.mgr.stats["no_memory"] == no_memory + 1


def test_a_handler_that_raises():
    each_number(Bug)


class Late(Asked):
    """A head that does not come: 408."""

    ms = 4

    def __init__(self):
        Asked.__init__(self, head_ms=10, linger_ms=10)

    def prepare(self):
        self.client = Client(self.mgr, self.url, GET[:20])
        until(lambda: any(c.proto and c.proto.timing for c in self.mgr.conns), self.mgr)

    def is_answered(self, got):
        return b" 408 " in got


def test_a_deadline():
    each_number(Late)


class Idle(Asked):
    """A connection that has been idle for too long."""

    ms = 4

    def __init__(self):
        Asked.__init__(self, idle_ms=10)

    def prepare(self):
        self.client = Client(self.mgr, self.url, GET)
        self.client.until_has(b"hi\n")

    def is_done(self):
        self.client.look()
        return self.client.ended


class Full(Asked):
    """All connections are in use: another client waits, and gets a 503."""

    ms = 4

    def __init__(self):
        Asked.__init__(self, max_conns=1, busy_ms=5, linger_ms=10)

    def on_event(self, c, ev, hm):
        if ev == mungo.EV_HTTP_MSG and not hm.match("/wait"):
            c.http_reply(200, None, "hi\n")

    def prepare(self):
        self.waiter = Client(self.mgr, self.url, b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: any(c.is_accepted and c.is_resp for c in self.mgr.conns), self.mgr)
        self.client = Client(self.mgr, self.url, GET)

    def is_answered(self, got):
        return b" 503 " in got

    def clean_up(self):
        Asked.clean_up(self)
        self.waiter.close()


def test_a_full_manager():
    each_number(Full)


class LetIn(Full):
    """The waiting client is let in."""

    def prepare(self):
        Full.prepare(self)
        until(lambda: self.mgr.waiting is not None or self.client.ended, self.mgr)
        self.waiter.close()

    def is_answered(self, got):
        return b" 503 " in got or got.endswith(b"hi\n")


class Left(Asked):
    """A client leaves while its job is under way."""

    ms = 4

    def __init__(self):
        Asked.__init__(self)
        self.pool = self.mgr.workers(n=1)
        self.ends = [0, 0]  # submitted, and on_done called

    def on_event(self, c, ev, hm):
        if ev == mungo.EV_HTTP_MSG:
            if hm.match("/job"):
                self.pool.submit(time.sleep_ms, 30, conn=c, on_done=self.on_done)
                self.ends[0] += 1
            else:
                c.http_reply(200, None, "hi\n")

    def on_done(self, result, er):
        self.ends[1] += 1

    def prepare(self):
        n = self.ends[0]
        self.client = Client(self.mgr, self.url, b"GET /job HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: self.ends[0] > n, self.mgr)
        self.client.close()
        self.client = None

    def is_done(self):
        return self.ends[0] == self.ends[1] and not self.pool.stats["busy"]


def test_a_client_that_leaves_its_job():
    each_number(Left)


class JobLate(Left):
    """The deadline of a job passes."""

    def on_event(self, c, ev, hm):
        if ev == mungo.EV_HTTP_MSG:
            if hm.match("/job"):
                self.pool.submit(time.sleep_ms, 40, on_done=self.on_done, timeout_ms=10)
                self.ends[0] += 1
            else:
                c.http_reply(200, None, "hi\n")


def test_a_job_that_is_late():
    each_number(JobLate)


class Served(Asked):
    """An App's routes."""

    ms = 5
    path = "/w"

    def listen(self, url):
        self.app = app = mungo.App(workers=1)
        if self.mgr.pool is None:
            self.mgr.workers(n=1)

        @app.get("/")
        def index(req):
            return "hi\n"

        @app.get("/w", worker=True)
        def worker(req):
            time.sleep_ms(1)
            return "hi\n"

        @app.get("/g", worker=True)
        def generator(req):
            for i in range(3):
                yield "%d" % i
            yield "hi\n"

        return app.attach(self.mgr, url)

    def prepare(self):
        self.request = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % self.path
        Asked.prepare(self)

    def is_answered(self, got):
        return got.endswith(b"\r\n0\r\n\r\n") or got.endswith(b"hi\n") or b" 500 " in got or b" 503 " in got

    def is_at_rest(self):
        return Asked.is_at_rest(self) and not self.mgr.stats["workers"]["busy"]


def test_a_route():
    def make():
        case = Served()
        case.path = "/"
        return case

    each_number(make)


def test_a_route_that_is_not_there():
    def make():
        case = Served()
        case.path = "/nope"
        case.is_answered = lambda got: b" 404 " in got or b" 500 " in got
        return case

    each_number(make)


def test_a_worker():
    each_number(Served)


def test_a_worker_that_yields():
    def make():
        case = Served()
        case.path = "/g"
        return case

    each_number(make)


class Plain(Case):
    """A TCP server that sends back more than the socket takes at once, pauses and goes on."""

    def listen(self, url):
        return self.mgr.listen(url.replace("http", "tcp"), self.handler)

    def on_event(self, c, ev, data):
        if ev == mungo.EV_READ:
            c.is_full = True
            c.send(self.answer)
            c.recv.clear()
            c.is_full = False
        elif ev == mungo.EV_WRITE:
            c.send(b"hi\n")

    def __init__(self):
        self.answer = bytearray(3000)
        Case.__init__(self)

    def is_answered(self, got):
        return len(got) >= 3000

    def works(self):
        client = Client(self.mgr, self.url, b"x")
        client.until(lambda c: len(c.got) >= 3000)
        client.close()


def test_a_tcp_client():
    each_number(Plain)


class WebSocket(Asked):
    def on_event(self, c, ev, hm):
        if ev == mungo.EV_HTTP_MSG:
            if hm.match("/ws"):
                ws.upgrade(c, hm)
            else:
                c.http_reply(200, None, "hi\n")
        elif ev == mungo.EV_WS_MSG:
            ws.send(c, hm)

    def prepare(self):
        self.client = Client(self.mgr, self.url, UPGRADE % b"/ws")
        self.client.until_has(b"\r\n\r\n")
        self.client.got = b""
        self.client.send(b"\x81\x82\0\0\0\0hi")

    def is_answered(self, got):
        return got == b"\x81\x02hi" or got[:1] == b"\x88"


def test_a_websocket():
    each_number(WebSocket)


class Datagram(Case):
    def echo(self, c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            c.send(data)

    def __init__(self):
        Case.__init__(self, datagram=512)
        self.port = listening(lambda url: self.mgr.listen(url, self.echo), "udp")[1]
        self.base += 1
        self.socks += 1

    def prepare(self):
        self.peer = udp_peer(self.port)
        self.peer.setblocking(False)
        self.peer.send(b"one")

    def is_done(self):
        # One datagram may be lost; the next one is answered.
        try:
            self.peer.recv(10)
            return True
        except OSError:
            self.peer.send(b"two")
            return False

    def clean_up(self):
        self.peer.close()


def test_a_datagram():
    each_number(Datagram)


class Timed(Case):
    ms = 4

    def __init__(self):
        self.fired = 0
        Case.__init__(self)
        self.timer = self.mgr.timer(8, self.fire, repeat=True)

    def fire(self, _):
        self.fired += 1

    def prepare(self):
        self.once = False
        self.mgr.timer(5, self.once_fired)
        self.before = self.fired
        self.client = None

    def once_fired(self, _):
        self.once = True
        self.kept = [None] * 20

    def is_done(self):
        self.kept = None
        return self.once and self.fired > self.before + 1


def test_timers():
    each_number(Timed)


class Dialled(Case):
    """An outgoing connection, made by a timer."""

    ms = 3

    def prepare(self):
        self.seen = []
        self.is_over = False
        self.client = None
        self.tried = False
        self.mgr.timer(0, self.dial)

    def dial(self, _):
        self.tried = True
        self.is_over = True
        self.mgr.connect("tcp://127.0.0.1:%d" % self.url, self.dialled)
        self.is_over = False

    def dialled(self, c, ev, data, fn_data):
        self.counts[ev] += 1
        if ev == mungo.EV_CONNECT:
            c.send(GET)
        elif ev == mungo.EV_READ:
            if c.recv.find(b"hi\n") >= 0:
                c.is_closing = True
        elif ev == mungo.EV_CLOSE:
            self.is_over = True

    def is_done(self):
        return self.tried and self.is_over


def test_connect():
    each_number(Dialled)
