# Server-sent events: the form of messages, who gets them, and who is dropped.

import socket

import mungo
import mungo.sse as sse
from app_client import Served
from net import Client, listening
from raising import raised
from waiting import turns, until

MIN_HEAP = "300k"

ASK = b"GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"


def unchunk(data):
    """(what the chunks hold, whether the last one has come)"""
    out = b""
    while data:
        at = data.find(b"\r\n")
        n = int(data[:at], 16)
        if not n:
            return out, True
        out += data[at + 2 : at + 2 + n]
        data = data[at + 4 + n :]
    return out, False


def fill(mgr, c, until):
    """Send, as long as there is little backlog, until `until()`: what the kernels take at once is not known."""
    c.sock.setsockopt(socket.SOL_SOCKET, 7, 4096)
    text = "y" * 1000
    while not until():
        if c.out is None or c.out.size < 5000:
            sse.send(c, text)
        mgr.poll(1)


class Feed:
    """`with Feed() as feed`: a server of events; the connections of its readers in `feed.conns`, their last ids in `feed.ids`."""

    def __init__(self, ping_ms=15000, **limits):
        self.ping_ms = ping_ms
        self.mgr = mungo.Manager(**limits)
        self.conns = []
        self.ids = []
        self.events = []
        _, self.port = listening(lambda url: self.mgr.http_listen(url, self.handler))
        self.clients = []

    def handler(self, c, ev, hm, fn_data):
        self.events.append(ev)
        if ev == mungo.EV_HTTP_MSG:
            if hm.match("/events"):
                self.ids.append(sse.start(c, hm, {"Access-Control-Allow-Origin": "*"}, ping_ms=self.ping_ms))
                if self.ids[-1] is not None:
                    self.conns.append(c)
            else:
                c.http_reply(200, {}, "hi\n")

    def reader(self, request=ASK):
        client = Client(self.mgr, self.port, request)
        self.clients.append(client)
        client.until_has(b"\r\n\r\n")
        client.head, client.got = client.got.split(b"\r\n\r\n", 1)
        return client

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.close()
        assert self.mgr.stats["bugs"] == 0
        assert self.mgr.close()


def test_messages_have_the_form_of_the_standard():
    table = (
        (("a",), {}, b"data: a\n\n"),
        (("",), {}, b"data: \n\n"),
        (("a\nb",), {}, b"data: a\ndata: b\n\n"),
        (("a\r\nb\r\n",), {}, b"data: a\ndata: b\ndata: \n\n"),
        (("a\rb\r\r\n\rid: 1",), {}, b"data: a\ndata: b\ndata: \ndata: \ndata: id: 1\n\n"),
        (("\ufeffa",), {}, b"data: \xef\xbb\xbfa\n\n"),
        (("a\n\nevent: x",), {}, b"data: a\ndata: \ndata: event: x\n\n"),
        (("caf\xe9",), {}, "data: caf\xe9\n\n".encode()),
        (("x",), {"id": 7}, b"id: 7\ndata: x\n\n"),
        (("x",), {"id": ""}, b"id: \ndata: x\n\n"),
        (("x",), {"event": "tick"}, b"event: tick\ndata: x\n\n"),
        ((), {"retry": 500}, b"retry: 500\n\n"),
    )
    for args, fields, expected in table:
        assert unchunk(sse.message(*args, **fields)) == (expected, False), (args, fields)
    both = unchunk(sse.message("x", id=1, event="e", retry=2))[0]
    assert sorted(both.split(b"\n")) == [b"", b"", b"data: x", b"event: e", b"id: 1", b"retry: 2"], both
    for fields in (
        {"id": "a\nb"},
        {"event": "a\rb"},
        {"id": "a\0b"},
        {"idd": 1},
        {"e": 1},
        {"t id": 1},
        {"data2": "x"},
        {"event": "x\n\ndata: forged"},
        {"retry": "soon"},
        {"retry": -1},
        {"retry": 1.5},
        {"retry": ""},
    ):
        raised(ValueError, sse.message, "x", **fields)


def test_a_reader_gets_a_stream_that_stays_open():
    with Feed(idle_ms=50, head_ms=50) as feed:
        client = feed.reader()
        assert client.head.startswith(b"HTTP/1.1 200 OK\r\n")
        for line in (b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked", b"Access-Control-Allow-Origin: *"):
            assert line in client.head, client.head
        assert feed.ids.pop() == ""
        c = feed.conns[0]
        assert sse.send(c, "one", id=1)
        client.until_has(b"one\n\n\r\n")
        feed.mgr.timer(150, feed.ids.append, "later")
        until(lambda: "later" in feed.ids, feed.mgr)
        assert sse.send(c, "two", event="e")
        client.until_has(b"two\n\n\r\n")
        assert unchunk(client.got) == (b"id: 1\ndata: one\n\nevent: e\ndata: two\n\n", False)
        assert c.http_chunk(b"")  # the end: the connection is an ordinary one again
        client.until_has(b"0\r\n\r\n")
        assert not sse.send(c, "three")
        client.got = b""
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.until_has(b"hi\n")
        client.until_ended()  # and idle ones are closed
        assert feed.mgr.stats["timeouts"] == 0


def test_the_program_learns_the_last_event_id():
    with Feed() as feed:
        feed.reader(ASK[:-2] + b"Last-Event-ID: 42\r\n\r\n")
        feed.reader(ASK[:-2] + b"last-event-id: caf\xc3\xa9\r\n\r\n")
        feed.reader()
        assert feed.ids == ["42", "caf\xe9", ""]


def test_head_has_no_stream_and_http_1_0_no_chunks():
    with Feed() as feed:
        client = feed.reader(ASK.replace(b"GET", b"HEAD"))
        assert feed.ids == [None] and not feed.conns and b"text/event-stream" in client.head
        assert b"Transfer-Encoding: chunked" in client.head and b"Content-Length" not in client.head  # as for GET
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.until_has(b"hi\n")
        old = feed.reader(b"GET /events HTTP/1.0\r\n\r\n")
        new = feed.reader()
        sse.broadcast(feed.conns, "both")
        old.until_has(b"both\n\n")
        new.until_has(b"both\n\n")
        assert old.got == b"data: both\n\n" and b"Connection: close" in old.head
        assert unchunk(new.got)[0] == old.got


def test_a_broadcast_reaches_all_and_forgets_who_has_gone():
    with Feed() as feed:
        clients = [feed.reader() for _ in range(10)]
        sse.broadcast(feed.conns, "one", id=1)
        for client in clients:
            client.until_has(b"one")
        assert len(feed.conns) == 10
        for client in clients[:4]:
            client.close()
        until(lambda: len(feed.mgr.conns) == 7, feed.mgr)
        sse.broadcast(feed.conns, "two", id=2)
        assert len(feed.conns) == 6
        for client in clients[4:]:
            client.until_has(b"two")
            assert unchunk(client.got)[0] == b"id: 1\ndata: one\n\nid: 2\ndata: two\n\n"
        feed.clients = clients[4:]
        assert feed.mgr.stats["failed"] == 0


def test_one_message_for_all_is_made_once():
    import gc

    with Feed(max_conns=40) as feed:
        for _ in range(20):
            feed.reader()
        turns(feed.mgr, 3)
        big = "x" * 2000
        sse.broadcast(feed.conns, big)
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        sse.broadcast(feed.conns, big)
        used = gc.mem_alloc() - before
        gc.enable()
        assert used < 4 * 2000 + 20 * 100, used  # the text, its bytes, the chunk; not one for each reader


def test_slow_readers_are_dropped_and_counted_the_others_are_not():
    with Feed(send_limit=4096) as feed:
        fast = feed.reader()
        slow = feed.reader()
        feed.conns[1].sock.setsockopt(socket.SOL_SOCKET, 7, 4096)
        gone = feed.conns[1]
        n = 0
        while len(feed.conns) == 2:
            sse.broadcast(feed.conns, "%d " % n + "x" * 1000)
            feed.mgr.poll(0)
            fast.look()
            fast.got = fast.got[-200:]
            n += 1
            assert n < 10000
        assert gone not in feed.conns and gone.is_closing
        assert feed.mgr.stats["send_full"] == 1, feed.mgr.stats
        turns(feed.mgr, 2)
        assert feed.events.count(mungo.EV_CLOSE) == 1 and len(feed.mgr.conns) == 2
        sse.broadcast(feed.conns, "after")
        fast.until_has(b"after")
        slow.close()
        feed.clients.remove(slow)


def test_comments_come_by_interval():
    with Feed(ping_ms=40) as feed:
        client = feed.reader()
        until(lambda: client.look() or client.got.count(b":\n") >= 3, feed.mgr)
        c = feed.conns[0]
        assert sse.send(c, "x")
        client.until_has(b"data: x\n\n")
        until(lambda: client.look() or client.got.count(b":\n") >= 5, feed.mgr)
        text = unchunk(client.got)[0]
        assert text.replace(b"data: x\n\n", b"").strip(b":\n") == b"" and text.count(b"data") == 1, text
        assert feed.mgr.stats["timeouts"] == 0
        # They go on behind a backlog that has drained.
        fill(feed.mgr, c, lambda: c.out is not None)
        buf = bytearray(2000)
        while c.out is not None:
            client.sock.readinto(buf)
            feed.mgr.poll(0)
        while client.sock.readinto(buf):
            pass
        client.got = b""
        client.until_has(b"2\r\n:\n\r\n")


def test_the_write_deadline_ends_a_reader_that_takes_nothing():
    with Feed(ping_ms=30, write_ms=200) as feed:
        client = feed.reader()
        c = feed.conns[0]
        fill(feed.mgr, c, lambda: feed.mgr.stats["timeouts"])
        turns(feed.mgr, 2)
        assert len(feed.mgr.conns) == 1 and not sse.send(c, "x")
        client.close()
        feed.clients.remove(client)


def test_an_app_hands_the_connection_over():
    app = mungo.App()
    conns = []

    def begin(c, last_id):
        sse.send(c, "hello", id=last_id or "none")
        conns.append(c)

    @app.get("/events")
    def events(req):
        return sse.stream(begin)

    @app.get("/worker", worker=True)
    def from_a_worker(req):
        return sse.stream(begin)

    @app.after_request
    def allow(req, response):
        response.headers["X-After"] = "yes"

    with Served(app) as served:
        for path in ("/events", "/worker"):
            browser = served.browser()
            browser.send(path, "GET", "Last-Event-ID: 9\r\n")
            browser.client.until_has(b"hello\n\n")
            assert b"X-After: yes\r\n" in browser.client.got and b"\nid: 9\n" in browser.client.got, browser.client.got
        sse.broadcast(conns, "all")
        assert len(conns) == 2
        browser.client.until_has(b"data: all\n\n")
        answer = served.ask("/events", "HEAD")
        assert answer.status == 200 and len(conns) == 2
        assert served.ask("/events", "POST").status == 405
        assert served.bugs == 0
