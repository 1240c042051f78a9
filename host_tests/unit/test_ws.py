"""WebSockets on the loop, over real sockets: the handshakes of both sides, and what RFC 6455 demands of a connection.

section   what it demands                                                test
4.1       the client's request; the answers that it must refuse          test_the_client_s_request, test_the_client_refuses
4.2.1     which requests the server must refuse                          test_requests_that_are_no_handshake
4.2.2     101 and Sec-WebSocket-Accept; 403; a subprotocol of the offer  test_upgrade, test_origins, test_subprotocols
4.4       426 with the version that is spoken                            test_requests_that_are_no_handshake
5.1       both sides' masks                                              test_the_table, test_the_client_masks
5.4       sending in fragments                                           test_messages_in_pieces
5.5       control frames                                                 test_pings, test_closing
7.1       the close handshake, from either side                          test_closing, test_the_client_closes
7.4, 8.1  codes, UTF-8                                                   test_the_table (wstable.py)
10.4      limits                                                         test_limits
"""

import time
from array import array

import mungo
import mungo.ws as ws
import wstable
from mungo.app import App
from net import Client, listening, turns
from raising import raised
from waiting import Crew, until
from wsnet import ACCEPT, KEY, Site, closing, frame, request, unframe

MIN_HEAP = "1m"

MSG = mungo.EV_WS_MSG
CTL = mungo.EV_WS_CTL


def echo(c, ev, data):
    if ev == MSG:
        ws.send(c, data)


# --- the server's handshake


def test_upgrade():
    with Site(echo) as site:
        peer = site.peer()
        lines = peer.head.split(b"\r\n")
        assert lines[0] == b"HTTP/1.1 101 Switching Protocols"
        assert sorted(lines[1:-2]) == [b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + ACCEPT, b"Upgrade: websocket"]
        peer.send(frame(1, "hi"))
        assert peer.next() == [(0x81, b"hi")]
        peer.close()
        site.until(lambda: site.seen(mungo.EV_CLOSE))
        assert [ev for ev, _ in site.events] == [mungo.EV_HTTP_MSG, mungo.EV_WS_OPEN, MSG, mungo.EV_CLOSE]
        assert site.conns[0].proto.code == 1006


def test_handshakes_that_differ_from_the_usual():
    for old, new in (
        (b"Upgrade: websocket", b"upgrade: WebSocket"),
        (b"Upgrade: websocket", b"Upgrade: h2c, websocket"),
        (b"Connection: Upgrade", b"Connection: keep-alive, Upgrade"),
        (b"Connection: Upgrade", b"Connection: UPGRADE"),
        (b"Connection: Upgrade", b"Connection: keep-alive\r\nconnection: upgrade"),
        (b"Upgrade: websocket", b"Upgrade:\twebsocket"),
        (b"Upgrade: websocket", b'Upgrade: h2c;x="a,b"\t,\tWebSocket\t'),
        (b"Connection: Upgrade", b"Connection:\tkeep-alive\t, ,\tUpgrade"),
        (b"Version: 13", b"Version:\t13\t"),
        (b"Sec-WebSocket-Key: ", b"sec-websocket-KEY:   "),
        (b"GET / ", b"GET http://a/x?y=z "),
    ):
        with Site(echo) as site:
            client = site.client(request().replace(old, new) + frame(1, "hi"))
            assert client.until_has(b"hi").startswith(b"HTTP/1.1 101 "), new


def test_requests_that_are_no_handshake():
    good = request()
    for status, data in (
        (400, request(method="POST")),
        (400, request(method="HEAD")),
        (400, good.replace(b"HTTP/1.1", b"HTTP/1.0")),
        (400, good.replace(b"Upgrade: websocket\r\n", b"")),
        (400, good.replace(b"Upgrade: websocket\r\n", b"Upgrade: websockets\r\n")),
        (400, good.replace(b"Upgrade: websocket\r\n", b"Upgrade: web socket\r\n")),
        (400, good.replace(b"Upgrade: websocket\r\n", b'Upgrade: x="a,websocket,b"\r\n')),
        (426, good.replace(b"Version: 13\r\n", b"Version: 1 3\r\n")),
        (400, good.replace(b"Connection: Upgrade\r\n", b"")),
        (400, good.replace(b"Connection: Upgrade\r\n", b"Connection: keep-alive\r\n")),
        (426, request(version=None)),
        (426, request(version="8")),
        (426, request(version="14")),
        (426, request(version="13, 8")),
        (426, request(version="013")),
        (400, request(key=None)),
        (400, request(key="short")),
        (400, request(key="dGhlIHNhbXBsZSBub25jZQ")),
        (400, request(key=KEY + "=")),
        (400, request(key="dGhlIHNhbXBsZSBub25jZSE=")),  # 17 bytes
        (400, request(key="dGhlIHNhbXBsZSBub25j")),  # 15
        (400, request(key="dGhlIHNhbXBsZSBub25j*Q==")),
        (400, request(key="====" * 6)),
        (400, request(lines="Sec-WebSocket-Key: %s\r\n" % KEY)),  # twice
    ):
        with Site() as site:
            client = site.client(data)
            answer = client.until_has(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 %d " % status), (data, answer)
            for line in (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13"):
                assert b"\r\n" + line + b"\r\n" in answer, answer
            assert b"Accept" not in answer
            assert site.events[0] == (mungo.EV_HTTP_MSG, False)
            if status == 426:  # it may ask again
                client.send(good)
                client.until_has(ACCEPT)


def test_origins():
    for origins, origin, is_let_in in (
        ((), None, True),
        ((), "http://a", True),
        ((), "https://a", True),
        ((), "http://b", False),
        ((), "http://a:80", True),  # the same server (RFC 6454 section 4)
        ((), "https://a:443", True),
        ((), "HTTP://A", True),
        ((), "http://a:443", False),
        ((), "https://a:80", False),
        ((), "http://a:8000", False),
        ((), "file://", False),
        ((), "http://localhost", False),
        (("file://",), "file://", True),
        (("http://localhost", "https://maker.example/lib"), "https://maker.example/lib", True),
        ((), "null", False),
        ((), "a", False),
        (("https://x.example",), "https://x.example", True),
        (("https://x.example",), "http://x.example", False),
        (("https://x.example",), "https://x.example.evil", False),
        (("https://x.example",), "http://a", False),
        (("https://x.example",), None, True),
        (("*",), "https://anyone", True),
        (("*",), "null", True),
    ):
        with Site(options={"origins": origins}) as site:
            client = site.client(request("Origin: %s\r\n" % origin if origin else ""))
            answer = client.until_has(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 " if is_let_in else b"HTTP/1.1 403 "), (origins, origin, answer)


def test_the_origin_of_the_own_host_however_it_is_named():
    for host, origin, is_let_in in (
        ("a:80", "http://a", True),
        ("a:443", "https://a", True),
        ("a:8000", "http://a:8000", True),
        ("a:80", "https://a", False),
        ("a:8000", "http://a", False),
        ("[::1]:80", "http://[::1]", True),
        ("[::1]", "http://[::1]:80", True),
        ("A.example", "http://a.example", True),
        ("", "http://", False),  # (who names no host is nobody's page)
        ("", "file://", False),
    ):
        with Site() as site:
            client = site.client(request("Origin: %s\r\n" % origin).replace(b"Host: a\r\n", b"Host: %s\r\n" % host.encode()))
            answer = client.until_has(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 " if is_let_in else b"HTTP/1.1 403 "), (host, origin, answer)


def test_a_refusal_names_the_origin():
    for origin in ("file://", "https://maker.example/lib", "http://localhost"):
        with Site() as site:
            client = site.client(request("Origin: %s\r\n" % origin))
            client.until_has(b"not allowed\n")
            text = "origin %r is not allowed\n" % origin
            assert client.got.endswith(b"\r\n\r\n" + text.encode()) and b"\r\nContent-Length: %d\r\n" % len(text) in client.got


def test_100_comes_before_101():
    with Site() as site:
        client = site.client(request("Expect: 100-continue\r\nContent-Length: 2\r\n"))
        client.until_has(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert client.got == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hi")
        client.until_has(ACCEPT)
        assert client.got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 ")
    with Site() as site:
        client = site.client(request("Expect: 100-continue\r\n"))
        client.until_has(ACCEPT)
        assert client.got.startswith(b"HTTP/1.1 101 ")


def test_subprotocols():
    for mine, offered, chosen in (
        ((), "chat", None),
        (("chat",), None, None),
        (("chat",), "chat", "chat"),
        (("chat",), "Chat", None),
        (("v2", "v1"), "v1, v2", "v2"),
        (("v2", "v1"), "v1", "v1"),
        (("v2", "v1"), "v3,v12", None),
        (("v2", "v1"), "v3,\tv1\t", "v1"),
        (("v2", "v1"), "v 1", None),
        (("v2", "v1"), "x\r\nSec-WebSocket-Protocol: v1", "v1"),
    ):
        with Site(options={"protocols": mine}) as site:
            peer = site.peer("Sec-WebSocket-Protocol: %s\r\n" % offered if offered else "")
            line = b"Sec-WebSocket-Protocol: "
            assert (line + chosen.encode() + b"\r\n" if chosen else line) in peer.head or not chosen and line not in peer.head
            site.until(lambda: site.conns)
            assert site.conns[0].proto.protocol == chosen


def test_no_extension_is_agreed_on():
    with Site() as site:
        assert b"xtension" not in site.peer("Sec-WebSocket-Extensions: permessage-deflate\r\n").head


def test_what_comes_with_the_request_is_not_lost():
    def late(c, ev, data):
        if ev == mungo.EV_WS_OPEN:
            assert ws.send(c, "opened")

    more = frame(1, "one") + frame(9, "p") + frame(2, b"two" * 300, last=False) + frame(0, "!")
    for n in (len(more), len(more) - 1, len(more) - 40, 3, 1):
        with Site(late) as site:
            peer = site.peer(more=more[:n])
            if n < len(more):
                peer.send(more[n:])
            site.until(lambda: len(site.seen(MSG)) == 2)
            assert site.seen(MSG) == ["one", b"two" * 300 + b"!"] and site.seen(CTL) == [(9, b"p")]
            assert [ev for ev, _ in site.events][:2] == [mungo.EV_HTTP_MSG, mungo.EV_WS_OPEN]
            assert peer.next(2) == [(0x81, b"opened"), (0x8A, b"p")]


def test_a_handshake_behind_other_requests():
    plain = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG and not ws.upgrade(c, hm):
            raise AssertionError("refused")
        elif ev == MSG:
            ws.send(c, hm)

    def first(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG and hm.uri == "/ws":
            ws.upgrade(c, hm, fn, "mine")
            assert c.fn is fn and c.fn_data == "mine"
        elif ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {}, hm.uri)

    for n in (0, 1, 30, 31, 32, 33):  # a turn takes 32
        with mungo.Manager() as mgr:
            _, port = listening(lambda url: mgr.http_listen(url, first))
            client = Client(mgr, port, plain.replace(b"%d", b"x") * n + request(target="/ws") + frame(1, "early"))
            client.until_has(b"early")
            client.send(frame(1, "later"))
            client.until_has(b"later")
            assert client.got.count(b"200 OK") == n and client.got.count(b"101 ") == 1 and not mgr.stats["bugs"]
            client.close()


def test_upgrade_wants_a_request():
    errors = []

    def fn(c, ev, data):
        if ev in (mungo.EV_WS_OPEN, MSG):
            errors.append(raised(ValueError, ws.upgrade, c, None))

    with Site(fn) as site:
        site.peer(more=frame(1, "hi"))
        site.until(lambda: len(errors) == 2)


# --- the table: what comes over a connection


def play(section):
    # Over one site: each case on a connection of its own.
    n = 0
    with Site(ws_limit=wstable.LIMIT) as site:
        for name, data, expected in section():
            n += 1
            del site.events[:]
            peer = site.peer(more=data if n & 1 else b"")
            if not n & 1:
                peer.send(data)
            want = [(CTL if isinstance(data, tuple) else MSG, data) for data in expected if not isinstance(data, int)]
            code = 1006
            if isinstance(expected[-1], int):
                code = -expected[-1]
                peer.until(lambda c: (0x88, closing(-expected[-1])) in c.frames)  # noqa: B023
                want.append((mungo.EV_ERROR, "WebSocket: %d" % code))
            elif expected[-1][:1] == (8,):
                code = int.from_bytes(expected[-1][1][:2], "big") or 1005
                peer.until(lambda c: (0x88, expected[-1][1][:2]) in c.frames)  # noqa: B023
                peer.until_ended()
            else:
                site.until(lambda: len(site.events) >= 2 + len(want))  # noqa: B023
                pongs = len([data for _, data in want if data[:1] == (9,)])
                peer.until(lambda c: len(c.frames) == pongs)  # noqa: B023  (unread, they would make the close a reset)
            peer.close()
            site.until(lambda: site.seen(mungo.EV_CLOSE))
            assert site.events[2:-1] == want, (name, site.events, want)
            assert site.conns.pop().proto.code == code, name
        assert site.mgr.stats["bugs"] == 0
    return n


def test_the_table():
    assert sum([play(section) for section in wstable.SECTIONS if section not in (wstable.texts, wstable.codes)]) > 120


def test_the_table_of_texts():
    assert play(wstable.texts) >= 80


def test_the_table_of_codes():
    assert play(wstable.codes) > 28


# --- sending


def test_messages_of_all_lengths():
    sent = [bytes(n) for n in (0, 1, 125, 126, 2048, 2049, 5000)] + ["", "caf\u00e9", "x" * 126, "\u20ac" * 1000]
    with Site(echo) as site:
        peer = site.peer()
        for data in sent:
            raw = data.encode() if isinstance(data, str) else data
            peer.send(frame(1 if isinstance(data, str) else 2, raw))
            assert peer.next() == [(0x81 if isinstance(data, str) else 0x82, raw)]
        c = site.conns[0]
        for data in (bytearray(b"abc"), memoryview(b"xabcx")[1:4]):
            assert ws.send(c, data)
            assert peer.next() == [(0x82, b"abc")]
        assert site.seen(MSG) == sent


def test_messages_in_pieces():
    with Site() as site:
        peer = site.peer()
        site.until(lambda: site.conns)
        c = site.conns[0]
        assert ws.send(c, "caf\u00e9 ", more=True) and ws.send(c, "", more=True)
        assert ws.ping(c, b"p")  # may come between
        assert ws.broadcast([c], "not in between") == 0
        assert ws.send(c, "au lait")
        assert ws.send(c, b"whole")
        assert ws.send(c, b"a", more=True) and ws.send(c, b"b")
        assert ws.broadcast([c], "now") == 1
        assert peer.next(8) == [
            (0x01, "caf\u00e9 ".encode()),
            (0x00, b""),
            (0x89, b"p"),
            (0x80, b"au lait"),
            (0x82, b"whole"),
            (0x02, b"a"),
            (0x80, b"b"),
            (0x81, b"now"),
        ]


def test_a_full_backlog_takes_nothing():
    with Site(send_limit=20000) as site:
        peer = site.peer()
        site.until(lambda: site.conns)
        c = site.conns[0]
        sent = 0
        while ws.send(c, bytes(9000)):
            sent += 1
        assert sent and c.out is not None and site.mgr.stats["send_full"] == 1
        assert not ws.send(c, bytes(9000), more=True) and c.out.size <= 20000
        left = sent * (4 + 9000)  # of all that was taken nothing is lost, and there is nothing else
        while left:
            data = peer.sock.read(min(left, 4096))
            left -= len(data or b"")
            site.mgr.poll(0)
        site.until(lambda: c.out is None)
        assert ws.send(c, "again")
        peer.until_has(b"again")


def test_what_can_t_be_sent():
    with Site() as site:
        peer = site.peer()
        site.until(lambda: site.conns)
        c = site.conns[0]
        raised(ValueError, ws.ping, c, bytes(126))
        raised(ValueError, ws.close, c, 1000, "x" * 124)
        raised(ValueError, ws.close, c, 1000, "a" + chr(0xD83D))  # half of a pair: it is not UTF-8
        for code in (0, 999, 1004, 1005, 1006, 1015, 2000, 5000):
            raised(ValueError, ws.close, c, code)
        raised(ValueError, c.http_reply, 200)
        raised(ValueError, c.http_chunk, "x")
        assert ws.send(c, "fine") and ws.close(c, 4999, "\u20ac" * 41) and not ws.close(c) and not ws.send(c, "late")
        assert ws.broadcast([c], "late") == 0 and not ws.ping(c)
        assert peer.next(2) == [(0x81, b"fine"), (0x88, closing(4999, ("\u20ac" * 41).encode()))]
        assert site.mgr.stats["bugs"] == 0


def test_an_array_is_sent_as_its_bytes():
    # Its len is not their number: a frame that said so would have cut the next one.
    words = array("H", (0x4142, 0x4344, 0x4546))
    whole = bytes(memoryview(words))
    with Site() as site:
        peer = site.peer()
        site.until(lambda: site.conns)
        c = site.conns[0]
        assert ws.send(c, words) and ws.send(c, memoryview(whole)[1:4]) and ws.broadcast([c], words) == 1 and ws.ping(c, words)
        assert peer.next(4) == [(0x82, whole), (0x82, whole[1:4]), (0x82, whole), (0x89, whole)]
        for bad in (5, None, [1], {}):
            raised(TypeError, ws.send, c, bad)
        assert ws.send(c, "fine") and peer.next() == [(0x81, b"fine")]


def test_broadcast():
    with Site(send_limit=30000) as site:
        peers = [site.peer() for _ in range(4)]
        site.until(lambda: len(site.conns) == 4)
        assert ws.broadcast(site.conns, "to all \u00b5") == 4
        for peer in peers:
            assert peer.next() == [(0x81, "to all \u00b5".encode())]
        slow = site.conns[0]
        others = peers[1:]
        rounds = 0
        while not slow.is_closing:  # one of them reads nothing
            rounds += 1
            assert rounds < 3000
            ws.broadcast(site.conns, bytes(20000))
            for peer in others:
                peer.until(lambda c: unframe(c.got)[0])
                assert peer.next() == [(0x82, bytes(20000))]
        assert site.mgr.stats["send_full"] == 1 and site.mgr.stats["failed"] == 1
        site.until(lambda: site.seen(mungo.EV_CLOSE))
        assert site.seen(mungo.EV_ERROR) == ["send_limit"]
        site.conns.remove(slow)
        assert ws.broadcast(site.conns, "still here") == 3
        for peer in others:
            assert peer.next() == [(0x81, b"still here")]


def test_workers_reach_it_by_wakeup():
    woken = []

    def fn(c, ev, data):
        if ev == mungo.EV_WAKEUP:
            woken.append(data)
            ws.broadcast(site.conns, data.decode())

    with Site(fn) as site:
        peers = [site.peer() for _ in range(2)]
        site.until(lambda: len(site.conns) == 2)
        crew = Crew()
        crew.start(site.mgr.wakeup, site.conns[0].id, b"from a thread")
        crew.join(site.mgr)
        for peer in peers:
            assert peer.next() == [(0x81, b"from a thread")]
        assert woken == [b"from a thread"]


# --- control frames and deadlines


def test_pings():
    with Site() as site:
        peer = site.peer()
        peer.send(frame(9, "are you there") + frame(9) + frame(10, "unasked"))
        assert peer.next(2) == [(0x8A, b"are you there"), (0x8A, b"")]
        site.until(lambda: len(site.seen(CTL)) == 3)
        assert site.seen(CTL) == [(9, b"are you there"), (9, b""), (10, b"unasked")]
        assert ws.ping(site.conns[0], b"and you")
        assert peer.next() == [(0x89, b"and you")]


def test_silence_is_answered_by_a_ping_then_by_the_end():
    with Site(options={"ping_ms": 60}) as site:
        peer = site.peer()
        for _ in range(3):
            assert peer.next() == [(0x89, b"")]
            assert not site.seen(mungo.EV_CLOSE)
            peer.send(frame(10))
        assert peer.next() == [(0x89, b"")]
        peer.until_ended()
        assert peer.got == b"" and site.mgr.stats["timeouts"] == 1
        assert [ev for ev, _ in site.events[-2:]] == [mungo.EV_ERROR, mungo.EV_CLOSE]


def test_http_s_deadlines_do_not_apply():
    with Site(options={"ping_ms": 0}, idle_ms=50, head_ms=50, body_ms=50, connect_ms=50) as site:
        peer = site.peer(more=frame(1, "half", last=False) + b"\x80")
        site.until(lambda: site.conns)
        site.client().until_ended()  # closed for its idleness, long after the WebSocket began
        peer.send(b"\x81" + bytes(4) + b"x")
        site.until(lambda: site.seen(MSG))
        assert site.seen(MSG) == ["halfx"]


def test_by_default_idle_ms_is_the_silence_before_a_ping():
    with Site(idle_ms=60) as site:
        peer = site.peer()
        assert peer.next() == [(0x89, b"")]


def test_a_program_that_does_not_read_is_no_silence():
    with Site(options={"ping_ms": 40}) as site:
        peer = site.peer()
        site.until(lambda: site.conns)
        site.conns[0].is_full = True
        peer.send(frame(1, "later"))
        assert peer.next(4) == [(0x89, b"")] * 4
        assert not site.seen(MSG)
        site.conns[0].is_full = False
        site.until(lambda: site.seen(MSG))


def test_is_full_stops_between_messages():
    def fn(c, ev, data):
        if ev == MSG:
            c.is_full = True

    with Site(fn) as site:
        site.peer(more=frame(1, "a") + frame(1, "b") + frame(1, "c"))
        for n in (1, 2, 3):
            site.until(lambda n=n: len(site.seen(MSG)) == n)
            site.mgr.poll(0)
            site.mgr.poll(0)
            assert len(site.seen(MSG)) == n
            site.conns[0].is_full = False


# --- the end


def test_closing():
    # The peer begins.
    for payload in (b"", closing(1000), closing(1001, b"bye"), closing(4321)):
        with Site() as site:
            peer = site.peer()
            peer.send(frame(8, payload) + frame(1, "behind the end"))
            assert peer.next() == [(0x88, payload[:2])]
            peer.until_ended()
            assert site.seen(CTL) == [(8, payload)] and not site.seen(MSG, mungo.EV_ERROR)
            assert site.mgr.stats["failed"] == 0
    # The server begins: it drops what still comes, but answers pings.
    with Site() as site:
        peer = site.peer()
        site.until(lambda: site.conns)
        assert ws.close(site.conns[0], 1001, "restart")
        assert peer.next() == [(0x88, closing(1001, b"restart"))]
        peer.send(frame(1, "dropped") + frame(9, "p"))
        assert peer.next() == [(0x8A, b"p")]
        peer.send(frame(8, closing(1001)))
        peer.until_ended()
        assert peer.got == b"" and site.conns[0].proto.code == 1001
        assert site.seen(CTL) == [(9, b"p"), (8, closing(1001))] and not site.seen(MSG, mungo.EV_ERROR)


def test_a_peer_that_does_not_close_is_not_waited_for():
    with Site(connect_ms=100) as site:
        peer = site.peer()
        site.until(lambda: site.conns)
        ws.close(site.conns[0])
        n = 0
        start = time.ticks_ms()
        while not site.seen(mungo.EV_CLOSE):  # also if it goes on sending
            n += 1
            assert time.ticks_diff(time.ticks_ms(), start) < 10000
            try:
                peer.sock.write(frame(1, "more"))
            except OSError:
                break
            site.mgr.poll(5)
        site.until(lambda: site.seen(mungo.EV_CLOSE))
        assert not site.seen(MSG) and site.mgr.stats["timeouts"] == 1 and site.conns[0].proto.code == 1006 and n > 3


def test_a_handler_may_close_in_its_own_events():
    for when in (mungo.EV_WS_OPEN, MSG, CTL):

        def fn(c, ev, data, when=when):
            if ev == when:
                assert ws.close(c, 3000) and not ws.close(c, 3001)

        with Site(fn) as site:
            peer = site.peer(more=frame(1, "a") + frame(8, closing(1000)))
            assert peer.next() == [(0x88, closing(3000))]
            peer.until_ended()
            assert peer.got == b"" and site.mgr.stats["bugs"] == 0


# What makes a WebSocket fail, and what may come between that and the peer's Close. (linger_ms is long, so that waiting for it fails.)
def test_a_failed_websocket_ends_with_the_peer_s_close():
    close = frame(8, closing(1002))
    for fault, code in (
        (frame(3), 1002),  # an opcode that is none
        (frame(1, "x", rsv=64), 1002),
        (frame(0, "x"), 1002),
        (b"\x81\x03abc", 1002),  # not masked
        (frame(9, bytes(200)), 1002),
        (frame(1, "x", last=False) + frame(1, "x"), 1002),
        (frame(1, b"\xff"), 1007),
        (frame(1, b"\xe2\x82", last=False) + frame(0, b"\x41" * 200), 1007),
        (frame(2, bytes(2000)), 1009),
        (frame(2, bytes(600), last=False) + frame(0, bytes(70000)), 1009),
        (frame(8, closing(999)), 1002),  # the fault is the Close
        (frame(8, closing(1006)), 1002),
        (frame(8, b"x"), 1002),
        (frame(8, closing(1000, b"\xff")), 1007),
        (frame(8, closing(1000), rsv=64), 1002),
        (frame(8, closing(1000), last=False), 1002),
    ):
        is_close = fault[0] & 15 == 8
        for between in (b"", frame(1, "late"), frame(2, bytes(3000)) + frame(9, "p") + frame(1, "x", last=False)):
            for step in (0, 1):
                with Site(linger_ms=60000, ws_limit=1000, head_ms=60000) as site:
                    peer = site.peer()
                    peer.send(fault)
                    peer.until(lambda c: (0x88, closing(code)) in c.frames)  # noqa: B023
                    if not is_close:
                        data = between + close
                        cut = len(data) - 3 if step else len(between)
                        if cut:
                            peer.send(data[:cut])
                            for _ in range(5):
                                site.mgr.poll(1)
                            assert not site.seen(mungo.EV_CLOSE), (fault[:20], between[:20])
                        peer.send(data[cut:])
                    peer.until_ended()
                    site.until(lambda: site.seen(mungo.EV_CLOSE))
                    assert site.seen(mungo.EV_ERROR) == ["WebSocket: %d" % code] and site.conns[0].proto.code == code
            if is_close:
                break


def test_a_client_s_failed_websocket_ends_with_the_server_s_close():
    for more in (b"", frame(8, closing(1002), masked=False)):
        with Far(lambda accept: fine(accept, b"", frame(1, "masked") + more), limits={"linger_ms": 60000}) as far:  # noqa: B023
            far.until(lambda: unframe(far.got)[0])
            if not more:
                far.there.send(frame(2, bytes(500), masked=False) + frame(8, closing(1002), masked=False))
            far.until(lambda: far.seen(mungo.EV_CLOSE))
            assert far.c.proto.code == 1002 and unframe(far.got)[0] == [(0x88, closing(1002))]


def test_a_handler_s_bug_is_1011():
    for when in (mungo.EV_WS_OPEN, MSG, CTL):

        def fn(c, ev, data, when=when):
            if ev == when:
                raise KeyError("on purpose")

        with Site(fn) as site:
            peer = site.peer(more=frame(1, "a") + frame(9))
            peer.until(lambda c: c.frames and c.frames[-1] == (0x88, closing(1011)))
            peer.close()
            site.until(lambda: site.seen(mungo.EV_CLOSE))
            assert site.mgr.stats["bugs"] == 1 and site.conns[0].proto.code == 1011
            other = site.peer()  # the others go on
            assert other.head


def test_limits():
    with Site(ws_limit=1000) as site:
        for data in (frame(2, bytes(1001)), frame(2, bytes(1000), last=False) + frame(0, "x")):
            peer = site.peer()
            peer.send(data)
            peer.until(lambda c: c.frames)
            assert peer.frames == [(0x88, closing(1009))]
            peer.close()
        site.until(lambda: len(site.seen(mungo.EV_CLOSE)) == 2)
        assert site.mgr.stats["recv_full"] == 2 and site.mgr.stats["failed"] == 2 and not site.seen(MSG)
        assert site.seen(mungo.EV_ERROR) == ["WebSocket: 1009"] * 2


def test_a_flood_of_pings_that_reads_no_pongs_is_bounded():
    with Site(send_limit=5000) as site:
        peer = site.peer()
        flood = frame(9, bytes(125)) * 100
        for _ in range(400):
            try:
                peer.sock.write(flood)
            except OSError:
                pass
            site.mgr.poll(0)
            c = site.conns[0]
            assert c.out is None or c.out.size <= 5000


# --- the client


class Far:
    """`with Far() as far`: a listener that answers a client's handshake by hand."""

    def __init__(self, answer=None, fn=None, **options):
        self.mgr = mungo.Manager(**options.pop("limits", {}))
        self.events = []
        self.got = b""
        self.there = None
        self.reply = answer
        self.fn = fn
        self.listener, self.port = listening(lambda url: self.mgr.listen(url, self.served), "tcp")
        self.c = ws.connect(self.mgr, "ws://127.0.0.1:%d/a/b?c=d" % self.port, self.handler, **options)

    def handler(self, c, ev, data, fn_data):
        if ev != mungo.EV_READ:
            self.events.append((ev, data))
        if self.fn:
            self.fn(c, ev, data)

    def served(self, c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            self.there = c
            self.got += c.recv.read()
            if self.reply and b"\r\n\r\n" in self.got:
                key = self.got[self.got.find(b"Key: ") + 5 :][:24]
                answer = self.reply(ws.accept_value(key))
                self.reply = None
                self.request, _, self.got = self.got.partition(b"\r\n\r\n")
                c.send(answer)

    def seen(self, kind):
        return [data for ev, data in self.events if ev == kind]

    def until(self, ready):
        until(ready, self.mgr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mgr.close(5000)


def fine(accept, lines=b"", more=b""):
    return b"HTTP/1.1 101 Fine\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n%s" % (accept, lines, more)


def test_the_client_s_request():
    with Far(fine, protocols=("v2", "v1")) as far:
        far.until(lambda: far.seen(mungo.EV_WS_OPEN))
        lines = far.request.split(b"\r\n")
        key = [line for line in lines if line.startswith(b"Sec-WebSocket-Key: ")][0]
        assert len(key) == 19 + 24 and key.endswith(b"==")
        assert lines[0] == b"GET /a/b?c=d HTTP/1.1"
        assert sorted(lines[1:]) == sorted(
            [
                b"Host: 127.0.0.1:%d" % far.port,
                b"Upgrade: websocket",
                b"Connection: Upgrade",
                b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Protocol: v2,v1",
                key,
            ]
        )
        assert [ev for ev, _ in far.events if ev != mungo.EV_WRITE] == [1, 3, 4, mungo.EV_WS_OPEN]
        assert far.c.proto.protocol is None


def test_the_client_takes_what_comes_with_the_answer():
    more = frame(1, "early", masked=False) + frame(2, b"bird", masked=False)
    for protocols, line, chosen in (((), b"", None), (("v2", "v1"), b"sec-websocket-protocol: v1\r\n", "v1")):
        with Far(lambda accept: fine(accept, line, more), protocols=protocols) as far:  # noqa: B023
            far.until(lambda: len(far.seen(MSG)) == 2)
            assert far.seen(MSG) == ["early", b"bird"] and far.c.proto.protocol == chosen


def test_answers_that_differ_from_the_usual():
    for old, new in (
        (b"Upgrade: WebSocket", b"Upgrade:\twebsocket\t"),
        (b"Upgrade: WebSocket", b"Upgrade: h2c\r\nUpgrade: websocket"),
        (b"Connection: upgrade", b"Connection:\tkeep-alive,\tUpgrade"),
        (b"HTTP/1.1 101", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101"),
        (b"101 Fine", b"101"),
    ):
        with Far(lambda accept: fine(accept, b"", frame(1, "hi", masked=False)).replace(old, new)) as far:  # noqa: B023
            far.until(lambda: far.seen(MSG))
            assert far.seen(MSG) == ["hi"], new


def test_the_client_s_own_fields():
    for headers in ({"Origin": "http://a", "X-B": "c"}, [("Origin", "http://a"), ("X-B", "c")], "Origin: http://a\r\nX-B: c\r\n"):
        with Far(fine, headers=headers) as far:
            far.until(lambda: far.seen(mungo.EV_WS_OPEN))
            assert b"\r\nOrigin: http://a\r\n" in far.request and b"\r\nX-B: c\r\n" in far.request
            assert far.request.count(b"\r\nHost: 127.0.0.1:") == 1
    with Far(fine, headers={"Host": "a.example"}) as far:
        far.until(lambda: far.seen(mungo.EV_WS_OPEN))
        assert far.request.count(b"Host: ") == 1 and b"\r\nHost: a.example\r\n" in far.request
    with mungo.Manager() as mgr:
        for headers in (
            {"X": "a\r\nY: b"},
            {"X Y": "a"},
            {"Upgrade": "h2c"},
            {"connection": "close"},
            {"Sec-WebSocket-Key": "x"},
            {"sec-websocket-extensions": "permessage-deflate"},
            {"Content-Length": "1"},
            "X: a",
        ):
            raised(ValueError, ws.connect, mgr, "ws://127.0.0.1:80/", print, headers=headers)
        raised(ValueError, ws.connect, mgr, "ws://127.0.0.1:80/", print, protocols=("a\r\nX: b",))
        assert not mgr.conns


def test_the_client_s_urls():
    from mungo.http.urls import split_url
    from mungo.ws.client import Client as Dialler

    for url, host, line, field in (
        ("ws://127.0.0.1/x", "127.0.0.1:80", b"GET /x HTTP/1.1\r\n", b"Host: 127.0.0.1\r\n"),
        ("ws://127.0.0.1", "127.0.0.1:80", b"GET / HTTP/1.1\r\n", b"Host: 127.0.0.1\r\n"),
        ("ws://127.0.0.1:80/", "127.0.0.1:80", b"GET / HTTP/1.1\r\n", b"Host: 127.0.0.1\r\n"),
        ("WS://127.0.0.1:8000?x=y#z", "127.0.0.1:8000", b"GET /?x=y HTTP/1.1\r\n", b"Host: 127.0.0.1:8000\r\n"),
        ("ws://[::1]/", "[::1]:80", b"GET / HTTP/1.1\r\n", b"Host: [::1]\r\n"),
    ):
        assert split_url(url, "ws")[0] == host
        sent = Dialler(1000, ()).request(*split_url(url, "ws"), ())
        assert sent.startswith(line) and field in sent, (url, sent)


def test_the_client_says_why_it_was_refused():
    for answer, error in (
        (lambda accept: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "refused: HTTP/1.1 403 Forbidden"),
        (lambda accept: fine(accept).replace(b"HTTP/1.1", b"HTTP/1.0"), "refused: HTTP/1.0 101 Fine"),
        (lambda accept: fine(ACCEPT), "refused: Sec-WebSocket-Accept"),
        (lambda accept: fine(accept).replace(b"Upgrade: WebSocket\r\n", b""), "refused: Upgrade or Connection"),
        (lambda accept: fine(accept, b"Sec-WebSocket-Extensions: x\r\n"), "refused: an extension that was not offered"),
        (lambda accept: fine(accept, b"Sec-WebSocket-Protocol: v9\r\n"), "refused: subprotocol ['v9']"),
        (lambda accept: b"hello\r\n", "refused: no HTTP/1 response: b'hello\\r\\n'"),
    ):
        with Far(answer) as far:
            far.until(lambda: far.seen(mungo.EV_CLOSE))
            assert far.seen(mungo.EV_ERROR) == [error]


def test_the_client_reads_odd_answers():
    for old, new in ((b"\r\n", b"\n"), (b"Upgrade: WebSocket", b"Upgrade:\r\n websocket"), (b"HTTP/1.1 101", b"\r\nHTTP/1.1 101")):
        with Far(lambda accept: fine(accept).replace(old, new)) as far:  # noqa: B023
            far.until(lambda: far.seen(mungo.EV_WS_OPEN))


def test_the_client_refuses():
    for answer in (
        lambda accept: fine(ACCEPT),
        lambda accept: fine(accept.lower()),
        lambda accept: fine(b""),
        lambda accept: fine(accept + b", " + accept),
        lambda accept: fine(accept).replace(b"Upgrade: WebSocket\r\n", b""),
        lambda accept: fine(accept).replace(b"Upgrade: WebSocket", b"Upgrade: h2c"),
        lambda accept: fine(accept).replace(b"Connection: upgrade\r\n", b""),
        lambda accept: fine(accept).replace(b"Connection: upgrade", b"Connection: close"),
        lambda accept: fine(accept).replace(b" 101 ", b" 200 "),
        lambda accept: fine(accept).replace(b" 101 ", b" 1010 "),
        lambda accept: fine(accept).replace(b"HTTP/1.1", b"HTTP/1.0"),
        lambda accept: fine(accept, b"Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        lambda accept: fine(accept, b"Sec-WebSocket-Protocol: v9\r\n"),
        lambda accept: fine(accept, b"Sec-WebSocket-Protocol: v 1\r\n"),
        lambda accept: fine(accept[:9] + b" " + accept[9:]),
        lambda accept: fine(accept, b"no field\r\n"),
        lambda accept: fine(accept)[:-2] + b"x" * 9000,  # a head that does not end
        lambda accept: fine(accept, b"Sec-WebSocket-Protocol: v1, v2\r\n"),
        lambda accept: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        lambda accept: b"\xff\xfe\0\r\n\r\n",
        lambda accept: b"x" * 9000,
    ):
        with Far(answer, protocols=("v1", "v2"), limits={"head_limit": 2000}) as far:
            far.until(lambda: far.seen(mungo.EV_CLOSE))
            assert far.seen(mungo.EV_ERROR)[0].startswith("refused: ") and not far.seen(mungo.EV_WS_OPEN)
            assert far.mgr.stats["failed"] == 1 and far.mgr.stats["bugs"] == 0


def test_a_server_that_goes_instead_of_an_answer():
    for start in (b"", b"HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\n", b"HTTP/1.1 103 Hints\r\n\r\n"):
        for is_bug in (False, True):

            def fn(c, ev, data, is_bug=is_bug):
                if ev == mungo.EV_ERROR and is_bug:
                    raise KeyError("on purpose")

            with Far(lambda accept: start, fn) as far:  # noqa: B023
                far.until(lambda: far.there is not None and far.reply is None)
                far.there.is_draining = True
                far.until(lambda: far.seen(mungo.EV_CLOSE))
                assert [ev for ev, _ in far.events][-2:] == [mungo.EV_ERROR, mungo.EV_CLOSE], far.events
                assert far.seen(mungo.EV_ERROR) == ["closed before the handshake"]
                assert (far.mgr.stats["failed"], far.mgr.stats["bugs"]) == (1, is_bug)
    with Far() as far:  # who closes it by itself knows
        far.until(lambda: far.got)
        far.c.is_closing = True
        far.until(lambda: far.seen(mungo.EV_CLOSE))
        assert not far.seen(mungo.EV_ERROR)


def test_a_server_that_does_not_answer_is_not_waited_for():
    with Far(limits={"connect_ms": 100}) as far:
        far.until(lambda: far.seen(mungo.EV_CLOSE))
        assert far.seen(mungo.EV_ERROR) == ["timeout"] and far.mgr.stats["timeouts"] == 1


def test_the_client_masks():
    with Far(fine) as far:
        far.until(lambda: far.seen(mungo.EV_WS_OPEN))
        c = far.c
        assert ws.send(c, "hi") and ws.send(c, bytes(3000)) and ws.send(c, "a", more=True) and ws.ping(c) and ws.send(c, "b")
        assert ws.send(c, "") and ws.broadcast([c], "no") == 0 and ws.close(c, 1000, "bye")
        want = [(0x81, b"hi"), (0x82, bytes(3000)), (0x01, b"a"), (0x89, b""), (0x80, b"b"), (0x81, b""), (0x88, closing(1000, b"bye"))]
        far.until(lambda: len(unframe(far.got)[0]) == len(want))
        assert unframe(far.got)[0] == want
        keys = set()
        at = 0
        for _, body in want:
            assert far.got[at + 1] & 128
            a = at + (4 if len(body) > 125 else 2)
            keys.add(far.got[a : a + 4])
            at = a + 4 + len(body)
        assert len(keys) == len(want)


def test_the_client_refuses_masked_frames():
    with Far(lambda accept: fine(accept, b"", frame(1, "masked"))) as far:
        far.until(lambda: unframe(far.got)[0])
        assert unframe(far.got)[0] == [(0x88, closing(1002))] and far.got[1] & 128
        far.there.is_closing = True
        far.until(lambda: far.seen(mungo.EV_CLOSE))
        assert not far.seen(MSG) and far.c.proto.code == 1002


def test_the_client_closes():
    # The server ends the connection, after its Close frame; a client that is alone with it waits linger_ms.
    for ends in (True, False):
        with Far(fine, limits={"linger_ms": 100}) as far:
            far.until(lambda: far.seen(mungo.EV_WS_OPEN))
            ws.close(far.c, 4000)
            far.until(lambda: unframe(far.got)[0])
            far.there.send(frame(8, closing(4000), masked=False))
            if ends:
                far.there.is_draining = True
            far.until(lambda: far.seen(mungo.EV_CLOSE))
            assert far.c.proto.code == 4000 and not far.seen(mungo.EV_ERROR)


def test_urls_that_can_t_be():
    with mungo.Manager() as mgr:
        for url in (
            "http://127.0.0.1:80/",
            "wss://127.0.0.1:80/",
            "ws://127.0.0.1:80/a b",
            "ws://127.0.0.1:80/\r\nX: y",
            "ws://127.0.0.1:80/x\n",
            "ws://example..com:80/",
            "ws://127.0.0.1:99999/",
            "ws://127.0.0.1:80/\x7f",
            "ws://me:secret@127.0.0.1/",
            "ws://:80/",
            "ws:///x",
            "",
        ):
            raised(ValueError, ws.connect, mgr, url, print)
        assert not mgr.conns


def test_both_sides_in_one_loop():
    got = []

    def fn(c, ev, data, n):
        if ev == mungo.EV_WS_OPEN:
            ws.send(c, "x" * n)
        elif ev == MSG:
            got.append(data)
            ws.close(c)
        elif ev == mungo.EV_CLOSE:
            got.append(c.proto.code)

    with Site(echo, idle_ms=100) as site:
        for n in (0, 125, 126, 20000):
            ws.connect(site.mgr, "ws://127.0.0.1:%d/" % site.port, fn, n)
            site.until(lambda: len(got) == 2)
            assert got == ["x" * n, 1000]
            del got[:]


# --- App


def test_an_app_hands_its_connection_over():
    app = App()
    seen = []

    def chat(c, ev, data, fn_data):
        if ev == MSG:
            ws.send(c, data + fn_data)
        elif ev == mungo.EV_CLOSE:
            seen.append("closed")

    @app.before_request
    def check(req):
        if req.headers.get("Cookie") == "no":
            return "go away", 401

    @app.get("/ws")
    def join(req):
        return lambda c, hm: ws.upgrade(c, hm, chat, "!")

    @app.get("/later", worker=True)
    def later(req):
        return lambda c, hm: ws.upgrade(c, hm, chat, "?")

    @app.get("/plain")
    def plain(req):
        return "hi\n"

    with mungo.Manager() as mgr:
        _, port = listening(lambda url: app.attach(mgr, url))
        for target, end in (("/ws", b"!"), ("/later", b"?")):
            client = Client(mgr, port, b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n" + request(target=target) + frame(1, "hi"))
            client.until_has(b"hi" + end)
            assert b"200 OK" in client.got and ACCEPT in client.got
            client.send(frame(1, "ho"))
            client.until_has(b"ho" + end)
            client.close()
        until(lambda: len(seen) == 2, mgr)
        client = Client(mgr, port, request("Cookie: no\r\n", target="/ws"))
        client.until_has(b"go away")
        client.close()
        client = Client(mgr, port, b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n")
        client.until_has(b"HTTP/1.1 400 ")
        client.close()
        assert mgr.stats["bugs"] == 0


def test_an_open_websocket_is_not_evicted():
    with Site(max_conns=1) as site:
        peer = site.peer()
        other = site.client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        other.until_has(b"HTTP/1.1 503 ")
        peer.send(frame(9))
        assert peer.next() == [(0x8A, b"")]
        assert turns(site.mgr, lambda: True) == 0
