# Limits that all connections share: how many may be streams that stay open, and how many bytes their bodies and send buffers may take.

import errno
import socket
import time

import mungo
import mungo.sse as sse
import mungo.ws as ws
from mungo.app.relay import stream
from net import Client, listening, turns
from raising import refused
from waiting import close, until
from wsnet import KEY

MIN_HEAP = "300k"

GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: " + KEY.encode() + b"\r\n\r\n"
)


class Site:
    """A server on a manager, whose limits are given; the answers that are owed, the connections that were told True by a stream's start."""

    def __init__(self, **limits):
        self.mgr = mungo.Manager(**dict({"linger_ms": 100}, **limits))
        self.owed = []
        self.began = []
        self.bodies = []
        self.clients = []
        _, self.port = listening(lambda url: self.mgr.http_listen(url, self.fn))

    def fn(self, c, ev, hm, fn_data):
        if ev != mungo.EV_HTTP_MSG:
            return
        if hm.match("/sse"):
            self.began.append(sse.start(c, hm) is not None)
        elif hm.match("/ws"):
            self.began.append(ws.upgrade(c, hm, self.on_ws))
        elif hm.match("/chunks"):
            self.began.append(c.http_reply(200, {}, None))
            self.began.append(c.http_chunk("first"))
        elif hm.match("/endless"):
            self.began.append(c.http_reply(200, {}, self.endless()))
        elif hm.match("/short"):
            c.http_reply(200, {}, ("abc", b"def", "", "ghi"))
        elif hm.match("/half"):
            c.http_reply(200, {}, ("abc", chr(0xD83D)))
        elif hm.match("/relay"):
            stream(c, self.mgr.workers(), iter_slowly(self))
        elif hm.match("/later"):
            self.bodies.append(hm.body)
            self.owed.append(c)
        else:
            self.bodies.append(hm.body)
            c.http_reply(200, {}, "hi\n")

    def on_ws(self, c, ev, data, fn_data):
        if ev == mungo.EV_WS_MSG:
            self.bodies.append(data)

    def endless(self):
        yield b"xxx"
        while True:
            yield b""

    def ask(self, data):
        client = Client(self.mgr, self.port, data)
        self.clients.append(client)
        return client

    def end(self):
        for client in self.clients:
            client.close()
        close(self.mgr)
        assert self.mgr.held == 0, self.mgr.held


def iter_slowly(site):
    # (a worker's generator: it ends when its client does)
    while not site.mgr.closed:
        yield "piece"
        time.sleep_ms(20)


def is_503(client):
    client.until_has(b"\r\n\r\n")
    return client.got.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 1\r\n" in client.got


# --- streams


def test_a_stream_more_than_max_streams_gets_503_and_pages_still_load():
    for kind, first in ((b"sse", b"event-stream"), (b"ws", b" 101 "), (b"chunks", b"first"), (b"endless", b"xxx"), (b"relay", b"piece")):
        site = Site(max_conns=4, max_streams=2)
        request = UPGRADE if kind == b"ws" else GET % kind
        for _ in range(2):
            site.ask(request).until_has(first)
        late = site.ask(request)
        assert is_503(late), (kind, late.got)
        assert site.mgr.stats["streams_full"] == 1, (kind, site.mgr.stats)
        if site.began:
            assert not site.began[-1], (kind, site.began)  # the program is told
        if kind != b"ws":
            late.until_ended()  # its connection is given back
        else:
            late.close()
        for _ in range(2):
            site.ask(GET % b"").until_has(b"hi\n")
        [c for c in site.mgr.conns if c.is_accepted][0].is_closing = True  # one ends: there is room for the next
        site.ask(request).until_has(first)
        site.end()


def test_kinds_of_streams_count_together():
    site = Site(max_conns=6, max_streams=4)
    for request, first in ((GET % b"sse", b"event-stream"), (UPGRADE, b" 101 "), (GET % b"chunks", b"first"), (GET % b"endless", b"xxx")):
        site.ask(request).until_has(first)
    for request in (GET % b"sse", UPGRADE, GET % b"chunks", GET % b"endless", GET % b"relay"):
        assert is_503(site.ask(request)), request
    assert site.mgr.stats["streams_full"] == 5
    site.end()


def test_an_iterator_that_ends_soon_is_answered_though_streams_are_full():
    site = Site(max_conns=3, max_streams=1)
    site.ask(GET % b"sse").until_has(b"event-stream")
    client = site.ask(GET % b"short")
    client.until_has(b"abcdefghi")
    assert client.got.startswith(b"HTTP/1.1 200 OK\r\n") and b"\r\nContent-Length: 9\r\n" in client.got, client.got
    half = site.ask(GET % b"half")  # of a surrogate pair, which UTF-8 does not have
    half.until_has(b"Internal")
    assert half.got.startswith(b"HTTP/1.1 500 ") and b"abc" not in half.got, half.got
    assert site.mgr.stats["streams_full"] == 0 and site.mgr.stats["bugs"] == 1
    site.mgr.stats["bugs"] = 0
    site.end()


def test_a_stream_that_has_ended_counts_no_more_though_its_connection_stays():
    site = Site(max_conns=3, max_streams=1)
    first = site.ask(GET % b"chunks")
    first.until_has(b"first")
    c = [c for c in site.mgr.conns if c.is_accepted][0]
    c.http_chunk(b"")
    first.until_has(b"0\r\n\r\n")
    site.ask(GET % b"chunks").until_has(b"first")
    assert site.mgr.stats["streams_full"] == 0 and site.mgr.accepted == 2
    site.end()


def test_an_apps_generators_are_streams():
    mgr = mungo.Manager(max_conns=3, max_streams=1)
    app = mungo.App(workers=1)

    def endless(req):
        while not mgr.closed:
            yield b"xxx"
            time.sleep_ms(5)

    app.get("/loop")(endless)
    app.get("/worker", worker=True)(endless)
    app.get("/sse")(lambda req: sse.stream(lambda c, last_id: sse.send(c, "hi")))
    app.get("/")(lambda req: "page")
    _, port = listening(lambda url: app.attach(mgr, url))
    clients = [Client(mgr, port, GET % b"loop")]
    clients[0].until_has(b"xxx")
    for path in (b"loop", b"worker", b"sse"):
        client = Client(mgr, port, GET % path)
        clients.append(client)
        assert is_503(client), (path, client.got)
    clients.append(Client(mgr, port, GET % b""))
    clients[-1].until_has(b"page")
    for client in clients:
        client.close()
    close(mgr)


def test_max_streams_follows_max_conns_and_is_within_it():
    spare = mungo.Manager.max_conns - mungo.Manager.max_streams
    for limits, n in (({}, mungo.Manager.max_streams), ({"max_conns": 20}, 20 - spare), ({"max_conns": 1}, 1), ({"max_streams": 3}, 3)):
        mgr = mungo.Manager(**limits)
        assert mgr.max_streams == n, (limits, mgr.max_streams)
        close(mgr)
    too_many = {"max_streams": 5, "max_conns": 4}
    for limits in (too_many, {"max_streams": 0}, {"max_streams": "2"}, {"shared_bytes": 0}, {"shared_bytes": 1.5}):
        refused(mungo.Manager, **limits)


# --- bytes

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def post(path, n, sent=None):
    """A request with a body of `n` bytes, of which some come with it."""
    return b"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (path, n) + b"b" * (n if sent is None else sent)


def test_a_body_that_does_not_fit_beside_the_others_gets_503_and_those_are_served():
    site = Site(shared_bytes=5000)
    first = site.ask(post(b"", 3000, 100))
    turns(site.mgr, lambda: site.mgr.held == 3000)
    second = site.ask(post(b"", 2001, 0))
    assert is_503(second)
    assert site.mgr.stats["shared_full"] == 1 and site.mgr.held == 3000
    third = site.ask(post(b"", 2000, 2000))
    third.until_has(b"hi\n")
    first.send(b"b" * 2900)
    first.until_has(b"hi\n")
    assert sorted(map(len, site.bodies)) == [2000, 3000] and site.mgr.held == 0
    assert site.ask(post(b"", 5001, 0)).until_has(b"\r\n\r\n").startswith(b"HTTP/1.1 413 ")  # it would never fit
    site.end()


def test_chunks_count_as_they_come():
    site = Site(shared_bytes=3000)
    chunk = b"3e8\r\n" + b"c" * 1000 + b"\r\n"
    first = site.ask(CHUNKED + chunk + chunk)
    turns(site.mgr, lambda: site.mgr.held == 2000)
    second = site.ask(CHUNKED + chunk)
    turns(site.mgr, lambda: site.mgr.held == 3000)
    first.send(chunk)
    assert is_503(first)
    turns(site.mgr, lambda: site.mgr.held == 1000)
    second.send(chunk + b"0\r\n\r\n")
    second.until_has(b"hi\n")
    assert len(site.bodies[0]) == 2000 and site.mgr.held == 0
    site.end()


def test_a_body_counts_until_it_is_answered():
    site = Site(shared_bytes=3000)
    first = site.ask(post(b"later", 2000))
    turns(site.mgr, lambda: site.owed)
    assert site.mgr.held == 2000
    assert is_503(site.ask(post(b"", 1001)))
    site.owed[0].http_reply(200, {}, "done\n")
    first.until_has(b"done\n")
    assert site.mgr.held == 0
    site.ask(post(b"", 3000)).until_has(b"hi\n")
    site.end()


def test_whatever_ends_a_body_gives_its_bytes_back():
    site = Site(shared_bytes=100000, body_ms=200)
    for request in (post(b"", 3000, 10), post(b"later", 3000), CHUNKED + b"5\r\nabcde\r\n"):
        client = site.ask(request)
        turns(site.mgr, lambda: site.mgr.held)
        client.close()  # the client leaves
        turns(site.mgr, lambda: not site.mgr.held, 100000)
    site.ask(post(b"", 3000, 10)).until_has(b" 408 ")  # or is too slow
    assert site.mgr.held == 0
    client = site.ask(CHUNKED + b"5\r\nabcde\r\nzz\r\n")
    client.until_has(b" 400 ")  # or sends what is no chunk
    assert site.mgr.held == 0
    site.end()


def test_a_handler_that_raises_gives_them_back():
    mgr = mungo.Manager(shared_bytes=5000)

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            raise RuntimeError("planned")

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    client = Client(mgr, port, post(b"", 3000))
    client.until_has(b" 500 ")
    assert mgr.held == 0 and mgr.stats["bugs"] == 1
    client.close()
    close(mgr)


def big_sends(**limits):
    """A manager, two connections to clients that do not read, and the events."""
    mgr = mungo.Manager(**limits)
    events = []
    conns = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            c.sock.setsockopt(socket.SOL_SOCKET, 7, 4096)  # SO_SNDBUF
            conns.append(c)
        events.append((c.id, ev))

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    clients = [Client(mgr, port) for _ in range(2)]
    turns(mgr, lambda: len(conns) == 2)
    piece = bytes(10000)
    for c in conns:
        while c.out is None:
            assert c.put(piece)
    return mgr, clients, conns, events


def test_send_takes_nothing_beyond_shared_bytes_and_ev_write_says_when_it_will():
    mgr, clients, conns, events = big_sends(send_limit=1 << 20, shared_bytes=60000)
    assert mgr.held == sum(c.out.size for c in conns) > 0
    first, second = conns
    while first.send(b"x" * 1000):
        pass
    assert 59000 < mgr.held <= 60000 and mgr.stats["shared_full"] == 1 and mgr.stats["send_full"] == 0
    before = second.out.size
    assert not second.send(b"y" * 1000) and second.out.size == before
    while (second.id, mungo.EV_WRITE) not in events:  # it reads
        try:
            clients[1].sock.recv(1024)
        except OSError as er:
            assert er.errno == errno.EAGAIN
        mgr.poll(1)
    assert second.out is None and second.send(b"y" * 1000)
    assert mgr.held == first.out.size + (second.out.size if second.out else 0)
    first.is_closing = True
    turns(mgr, lambda: mgr.held == (second.out.size if second.out else 0))
    for client in clients:
        client.close()
    close(mgr)
    assert mgr.held == 0


def test_nothing_counts_after_the_manager_is_closed():
    mgr, clients, conns, _ = big_sends()
    assert mgr.held > 0
    close(mgr)
    assert mgr.held == 0
    for client in clients:
        client.close()


def test_websocket_messages_in_pieces_count():
    site = Site(shared_bytes=5000)
    clients = [site.ask(UPGRADE) for _ in range(2)]
    for client in clients:
        client.until_has(b" 101 ")
        client.got = b""
    clients[0].send(b"\x82\xfe\x0b\xb8\0\0\0\0" + bytes(100))  # 100 bytes of 3000
    turns(site.mgr, lambda: site.mgr.held == 3000)
    clients[1].send(b"\x02\xfe\x07\xd0\0\0\0\0" + bytes(2000))  # not the last frame of its message
    turns(site.mgr, lambda: site.mgr.held == 5000)
    clients[1].send(b"\x80\x81\0\0\0\0x")
    clients[1].until_has(b"\x88\x02\x03\xf5")  # 1013
    assert site.mgr.stats["shared_full"] == 1
    clients[1].close()
    turns(site.mgr, lambda: site.mgr.held == 3000, 100000)
    clients[0].send(bytes(2900))
    turns(site.mgr, lambda: site.bodies)
    assert site.bodies == [bytes(3000)] and site.mgr.held == 0
    site.end()


def test_responses_that_a_client_collects_count():
    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            body = b"r" * 3000
            c.http_reply(200, {}, body if hm.match("/whole") else iter((body,)))

    for path in ("/whole", "/chunked"):
        mgr = mungo.Manager(shared_bytes=3500)
        _, port = listening(lambda url: mgr.http_listen(url, fn))  # noqa: B023
        got = []

        def on_response(c, ev, data, fn_data):
            if ev == mungo.EV_HTTP_MSG:
                got.append(len(data.body))  # noqa: B023
            elif ev in (mungo.EV_ERROR, mungo.EV_CLOSE):
                got.append(data)  # noqa: B023

        url = "http://127.0.0.1:%d%s" % (port, path)
        mgr.http_connect(url, on_response)
        until(lambda: got, mgr)  # noqa: B023
        assert got == [3000] and mgr.held == 0, (path, got, mgr.held)
        mgr.held += 1000  # somebody else's
        got.clear()
        mgr.http_connect(url, on_response)
        until(lambda: len(got) == 2, mgr)  # noqa: B023
        assert got == ["shared_bytes", None] and mgr.held == 1000, (path, got, mgr.held)
        close(mgr)


def test_a_request_without_a_body_is_never_refused_for_bytes():
    site = Site(shared_bytes=16384, body_limit=16384)
    site.mgr.held = 20000  # what answers that are on their way take
    for lines in (b"", b"Content-Length: 0\r\n", b"Connection: keep-alive, x\r\n", b"Expect: 100-continue\r\n"):
        client = site.ask(b"GET /a HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
        client.until(lambda client: b"\r\n\r\n" in client.got)
        assert client.got.startswith(b"HTTP/1.1 200"), (lines, client.got)
    client = site.ask(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
    client.until(lambda client: b"\r\n\r\n" in client.got)
    assert client.got.startswith(b"HTTP/1.1 503"), client.got
    assert site.mgr.stats["shared_full"] == 1
    site.mgr.held -= 20000
    site.end()


def test_a_long_body_is_not_copied():
    body = bytes(4000)
    put = []

    def serve(c, ev, hm, _):
        if ev == mungo.EV_HTTP_MSG:
            plain = c.put
            c.put = lambda data: put.append(data) or plain(data)
            c.http_reply(200, {"X-A": "b"} if hm.query else {}, body)

    with mungo.Manager() as mgr:
        port = listening(lambda url: mgr.http_listen(url, serve))[1]
        for target in (b"/", b"/?fields"):
            client = Client(mgr, port, b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target)
            client.until(lambda client: client.got.endswith(body))
            client.close()
            head, sent = put
            assert sent is body and len(head) < 300
            put[:] = []
