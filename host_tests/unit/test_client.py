# The HTTP client with events: against mungo's own server in the same loop, and against servers that do what no server should.

import sys
from array import array

import mungo
from mungo.app import App
from mungo.fetch import fetch
from mungo.http import client
from net import Client, listening
from raising import raised
from waiting import until

MIN_HEAP = "330k"


class Asked:
    """A handler that notes what it was called with, and takes what there is to know of each response."""

    def __init__(self, sink=False, then=None):
        self.names = []  # of the events
        self.answers = []  # (status, body)
        self.headers = []
        self.error = None
        self.pieces = []
        self.sink = sink
        self.then = then  # called with the connection in EV_HTTP_MSG

    def __call__(self, c, ev, hm, fn_data):
        self.names.append(ev)
        if ev == mungo.EV_HTTP_HDRS:
            self.headers.append((hm.status, hm.reason, list(hm.headers())))
            if self.sink:
                hm.on_body(lambda piece: self.pieces.append(bytes(piece)))
        elif ev == mungo.EV_HTTP_MSG:
            self.answers.append((hm.status, hm.body))
            if self.then:
                self.then(c)
        elif ev == mungo.EV_ERROR:
            self.error = hm

    @property
    def is_over(self):
        return mungo.EV_CLOSE in self.names


def echo(c, ev, hm, fn_data):
    """A server: what it was asked."""
    if ev == mungo.EV_HTTP_MSG:
        fields = dict((name.lower(), value) for name, value in hm.headers())
        fn_data.append((hm.method, hm.uri, hm.query, fields, hm.body))
        if hm.match("/close"):
            c.http_reply(200, {"Connection": "close"}, "bye")
        elif hm.match("/stream"):
            c.http_reply(200, {}, (b"x" * 1000 for _ in range(30)))
        elif hm.match("/none"):
            c.http_reply(204)
        elif hm.match("/early"):
            pass
        else:
            c.http_reply(200, {"X-A": "b"}, hm.body or "hi")
    elif ev == mungo.EV_HTTP_HDRS and hm.match("/early"):
        c.http_reply(413, {}, "too much")


class Both:
    """`with Both() as it`: a manager with that server."""

    def __init__(self, fn=echo, **limits):
        self.mgr = mungo.Manager(**limits)
        self.seen = []
        _, self.port = listening(lambda url: self.mgr.http_listen(url, fn, self.seen))

    def url(self, path="/"):
        return "http://127.0.0.1:%d%s" % (self.port, path)

    def ask(self, path="/", asked=None, **options):
        """Ask, and wait for the answer or the error."""
        asked = asked or Asked()
        self.c = self.mgr.http_connect(self.url(path), asked, **options)
        until(lambda: asked.answers or asked.is_over, self.mgr)
        return asked

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.mgr.stats["bugs"] == 0
        assert self.mgr.close()


# --- right servers


def test_the_order_of_events():
    with Both() as it:
        asked = it.ask("/a?b=c#d")
        it.c.is_closing = True
        until(lambda: asked.is_over, it.mgr)
        names = [name for name in asked.names if name not in (mungo.EV_READ, mungo.EV_WRITE)]
        assert names == [
            mungo.EV_OPEN,
            mungo.EV_RESOLVE,
            mungo.EV_CONNECT,
            mungo.EV_HTTP_HDRS,
            mungo.EV_HTTP_MSG,
            mungo.EV_CLOSE,
        ]
        assert asked.answers == [(200, b"hi")] and ("X-A", "b") in asked.headers[0][2]
        assert it.seen == [("GET", "/a", "b=c", {"host": "127.0.0.1:%d" % it.port}, b"")]


def test_bodies_of_requests():
    def pieces():
        yield "abc"
        yield b""
        yield bytearray(b"def")

    # (The len of an array is not its number of bytes.)
    words = [int.from_bytes(two, sys.byteorder) for two in (b"ab", b"cd")]
    with Both() as it:
        for body, length, framing in (
            (b"abcdef", None, ("content-length", "6")),
            ("abcdef", None, ("content-length", "6")),
            (bytearray(b"abcdef"), None, ("content-length", "6")),
            (pieces(), None, ("transfer-encoding", "chunked")),
            (pieces(), 6, ("content-length", "6")),
            (["abc", "def"], None, ("transfer-encoding", "chunked")),
            ([array("H", words), memoryview(b"xef")[1:]], None, ("transfer-encoding", "chunked")),
            ([array("H", words), "ef"], 6, ("content-length", "6")),
        ):
            asked = it.ask(method="POST", body=body, length=length)
            assert asked.answers == [(200, b"abcdef")], asked.error
            method, _, _, fields, got = it.seen.pop()
            assert (method, got) == ("POST", b"abcdef") and fields[framing[0]] == framing[1], fields
        it.ask(method="POST")
        assert it.seen.pop()[3]["content-length"] == "0"


def test_a_long_body_is_pulled_when_there_is_room():
    made = [0]

    def pieces():
        for _ in range(500):
            made[0] += 1
            yield b"x" * 1000

    got = []
    most = [0]

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_HDRS:
            hm.on_body(lambda piece: (got.append(len(piece)), most.append(made[0] * 1000 - sum(got))))
        elif ev == mungo.EV_HTTP_MSG:
            c.http_reply(200)

    with Both(fn) as it:
        asked = it.ask(method="PUT", body=pieces())
        assert asked.answers == [(200, b"")] and sum(got) == 500000
        assert mungo.EV_CLOSE not in asked.names


def test_a_body_of_another_length_is_a_bug():
    for length in (5, 7):
        with Both() as it:
            asked = it.ask(method="POST", body=iter(["abc", "def"]), length=length)
            assert asked.is_over and "length" in asked.error and not asked.answers
            assert it.mgr.stats["bugs"] == 1
            it.mgr.stats["bugs"] = 0


def test_a_response_in_pieces():
    with Both(body_limit=1000) as it:
        asked = it.ask("/stream", Asked(sink=True))
        assert asked.answers == [(200, b"")] and sum(len(piece) for piece in asked.pieces) == 30000
        asked = it.ask("/stream")
        assert asked.is_over and "body_limit" in asked.error


def test_responses_without_a_body():
    with Both() as it:
        assert it.ask("/none").answers == [(204, b"")]
        assert it.ask("/", method="HEAD").answers == [(200, b"")]


def test_a_connection_is_used_again():
    left = [3]

    def then(c):
        if left[0]:
            left[0] -= 1
            assert client.request(c, "/again", "POST", body="%d" % left[0])

    with Both() as it:
        asked = it.ask("/", Asked(then=then))
        until(lambda: len(asked.answers) == 4, it.mgr)
        assert [body for _, body in asked.answers] == [b"hi", b"2", b"1", b"0"]
        assert it.mgr.stats["accepted"] == 1
        assert client.request(it.c, "/outside")  # outside of a handler as well
        raised(ValueError, client.request, it.c, "/two at once"[:4])
        until(lambda: len(asked.answers) == 5, it.mgr)


def test_a_server_that_closes_is_not_asked_again():
    asked = Asked(then=lambda c: more.append(client.request(c, "/")))
    more = []
    with Both() as it:
        it.ask("/close", asked)
        until(lambda: asked.is_over, it.mgr)
        assert asked.answers == [(200, b"bye")] and more == [False] and asked.error is None


def test_an_answer_before_the_request_is_complete():
    closed = []

    def endless():
        try:
            while True:
                yield b"x" * 1000
        finally:
            closed.append(1)

    with Both() as it:
        asked = it.ask("/early", method="POST", body=endless())
        until(lambda: asked.is_over, it.mgr)
        assert asked.answers == [(413, b"too much")] and asked.error is None and closed == [1]


def test_asking_for_nothing_yet():
    with Both() as it:
        asked = Asked()
        c = it.mgr.http_connect(it.url(), asked, method=None)
        until(lambda: mungo.EV_CONNECT in asked.names, it.mgr)
        assert client.request(c, "/now", headers={"Host": "a.example", "User-Agent": "x"}, auth=("me", "se:cret"))
        until(lambda: asked.answers, it.mgr)
        fields = it.seen[0][3]
        assert (fields["host"], fields["user-agent"], fields["authorization"]) == ("a.example", "x", "Basic bWU6c2U6Y3JldA==")


def test_an_idle_connection_is_closed():
    with Both(idle_ms=50) as it:
        asked = it.ask()
        until(lambda: asked.is_over, it.mgr)
        assert asked.error is None


def test_a_route_that_asks_another_server_of_the_same_loop():
    inner, outer = App(), App()

    @inner.get("/x")
    def x(req):
        return "inner " + req.headers["X-From"]

    @outer.get("/proxy")
    def proxy(req):
        def answer(c2, ev, hm, c):
            if ev == mungo.EV_HTTP_MSG:
                c.http_reply(hm.status, {}, b"outer " + hm.body)
                c2.is_closing = True
            elif ev == mungo.EV_ERROR:
                c.http_reply(502, {}, hm)

        url = "http://127.0.0.1:%d%s" % (ports[0], req.args["path"])
        return lambda c, hm: c.mgr.http_connect(url, answer, c, headers={"X-From": "outer"})

    mgr = mungo.Manager()
    ports = [listening(lambda url: inner.attach(mgr, url))[1], listening(lambda url: outer.attach(mgr, url))[1]]
    browser = Client(mgr, ports[1])
    for _ in range(2):  # (the connection is as good as before)
        browser.got = b""
        browser.send(b"GET /proxy?path=/x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert browser.until_has(b"outer inner outer").startswith(b"HTTP/1.1 200 OK\r\n")
    browser.send(b"GET /proxy?path=/none HTTP/1.1\r\nHost: a\r\n\r\n")
    browser.until_has(b"HTTP/1.1 404")
    ports[0] = 1
    browser.send(b"GET /proxy?path=/x HTTP/1.1\r\nHost: a\r\n\r\n")
    browser.until_has(b"HTTP/1.1 502")
    browser.close()
    assert mgr.stats["bugs"] == 0 and mgr.close()


# --- callers' mistakes


def test_what_would_smuggle_is_refused():
    with Both() as it:
        for options in (
            {"method": "GET /x"},
            {"method": ""},
            {"method": "G\r\nT"},
            {"headers": {"X": "a\r\nY: b"}},
            {"headers": {"X\n": "a"}},
            {"headers": {"X Y": "a"}},
            {"headers": "X: a\r\nY"},
            {"headers": {"X": "a\x01b"}},
            {"headers": {"X": chr(0xDE00)}},
            {"method": "POST", "body": "a" + chr(0xD83D)},
            {"auth": ("a", chr(0xD83D))},
            {"headers": {"Content-Length": "3"}},
            {"headers": {"Transfer-Encoding": "chunked"}},
            {"auth": ("a:b", "c")},
            {"body": iter(()), "length": -1},
        ):
            raised(ValueError, it.mgr.http_connect, it.url(), None, **options)
        for url in (
            "https://127.0.0.1/",
            "ws://127.0.0.1/",
            "127.0.0.1",
            "http://",
            "http://me:secret@127.0.0.1/",
            "http://exa mple.com/",
            "http://127.0.0.1:x/",
            "http://127.0.0.1:99999/",
            "http://127.0.0.1/a b",
            "http://127.0.0.1/a\r\nX: b",
            "http://127.0.0.1/caf\xe9",
        ):
            raised(ValueError, it.mgr.http_connect, url, None)
        assert it.mgr.conns == [it.mgr.conns[0]]  # the listener's: nothing was left behind
        assert "TLS" in str(raised(ValueError, it.mgr.http_connect, "https://127.0.0.1/", None))


def test_urls():
    for url, expected in (
        ("http://127.0.0.1", ("127.0.0.1:80", "/")),
        ("http://127.0.0.1:8000/a/b?c=d#e", ("127.0.0.1:8000", "/a/b?c=d")),
        ("HTTP://localhost?x", ("localhost:80", "/?x")),
        ("http://[::1]/x", ("[::1]:80", "/x")),
        ("http://[::1]:81/x", ("[::1]:81", "/x")),
    ):
        assert client.split_url(url) == expected, url


def test_fetch_in_a_handler_is_refused():
    refused = []

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            refused.append(raised(RuntimeError, fetch, "http://127.0.0.1:1/"))
            c.http_reply(200)

    with Both(fn) as it:
        assert it.ask().answers == [(200, b"")] and len(refused) == 1


# --- servers that do what no server should


class Nasty:
    """A server that sends these bytes to whoever asks, then does nothing, or ends."""

    def __init__(self, mgr, data, end=None, before=False):
        self.data = data
        self.end = end
        self.before = before  # it does not wait for a request
        self.conns = []
        _, self.port = listening(lambda url: mgr.listen(url, self.fn), "tcp")

    def fn(self, c, ev, data, fn_data):
        if ev == (mungo.EV_ACCEPT if self.before else mungo.EV_READ):
            self.conns.append(c)
            c.recv.clear()
            c.send(self.data)
            if self.end == "close":
                c.is_draining = True


def meet(data, end=None, before=False, asked=None, body_limit=1000, **options):
    mgr = mungo.Manager(body_limit=body_limit, head_limit=500)
    nasty = Nasty(mgr, data, end, before)
    asked = asked or Asked()
    mgr.http_connect("http://127.0.0.1:%d/" % nasty.port, asked, **options)
    until(lambda: asked.is_over, mgr)
    assert asked.names[-1] == mungo.EV_CLOSE and asked.names.count(mungo.EV_ERROR) <= 1
    asked.timeouts = mgr.stats["timeouts"]
    assert mgr.stats["bugs"] == 0 and mgr.close()
    return asked


def test_who_never_answers():
    asked = meet(b"", first_ms=50)
    assert asked.error.startswith("timeout") and asked.timeouts == 1 and not asked.answers
    asked = meet(b"HTTP/1.1 200 OK\r\nContent-", first_ms=50)
    assert asked.error.startswith("timeout") and not asked.answers


def test_interim_responses_win_no_time():
    asked = meet(b"HTTP/1.1 100 Continue\r\n\r\n" * 3, first_ms=50)
    assert asked.error.startswith("timeout"), asked.error


def test_a_head_in_drops_wins_no_time():
    mgr = mungo.Manager(head_limit=500)
    nasty = Nasty(mgr, b"HTTP/1.1 200 OK\r\nX: ")
    asked = Asked()
    mgr.http_connect("http://127.0.0.1:%d/" % nasty.port, asked, first_ms=50)
    mgr.timer(5, lambda _: [c.send(b"x") for c in nasty.conns], None, True)
    until(lambda: asked.is_over, mgr)
    assert asked.error == "timeout: first_ms", asked.error  # before the 500 bytes of head_limit have come
    assert mgr.close()


def test_who_stops_in_the_middle_of_a_body():
    asked = meet(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", idle_ms=50)
    assert asked.error.startswith("timeout") and not asked.answers and len(asked.headers) == 1


def test_who_does_not_accept():
    mgr = mungo.Manager()
    asked = Asked()
    mgr.http_connect("http://127.0.0.1:1/", asked)
    until(lambda: asked.is_over, mgr)
    assert asked.error and mungo.EV_CONNECT not in asked.names
    assert mgr.close()


def test_connections_that_end_too_early():
    for data in (
        b"",
        b"HTTP/1.1 200 OK\r\nConte",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    ):
        asked = meet(data, "close")
        assert asked.error == "closed before the response was complete" and not asked.answers, (data, asked.error)


def test_bodies_that_end_with_the_connection():
    for body in (b"", b"abc", b"x" * 1000):
        asked = meet(b"HTTP/1.0 200 OK\r\nX: y\r\n\r\n" + body, "close")
        assert asked.answers == [(200, body)] and asked.error is None
        asked = meet(b"HTTP/1.1 200 OK\r\n\r\n" + body, "close", asked=Asked(sink=True))
        assert asked.answers == [(200, b"")] and b"".join(asked.pieces) == body


def test_more_than_the_limits_allow():
    for data in (
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 600,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"ff\r\n" + b"x" * 255 + b"\r\n" + b"3ff\r\n" + b"x" * 1023,
    ):
        asked = meet(data)
        assert asked.error and not asked.answers, data[:60]


def test_garbage():
    for data, error in (
        (b"220 smtp.example ESMTP\r\n", "no HTTP/1 response: b'220 smtp.example ESMTP\\r\\n'"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "no HTTP/1 response: b'\\x15\\x03\\x01\\x00\\x02\\x02F'"),
        (b"HTTP/2 200\r\n\r\n", "no HTTP/1 response: b'HTTP/2 200\\r\\n\\r\\n'"),
        (b"HTTP/1.1 OK\r\n\r\n", "status line b'HTTP/1.1 OK'"),
        (b"HTTP/1.1 200 OK\r\nname\r\n\r\n", "no field: b'name'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "Content-Length ['3', '4']"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\n\r\nabc", "Transfer-Encoding ['gzip']"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", "Content-Length ['-3']"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n", "a chunk's size, or its end"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "status 101"),
        (b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * 120 + b"\r\n", "too many fields"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 600, "head_limit"),
    ):
        asked = meet(data)
        assert asked.error == error and not asked.answers, (data, asked.error)


def test_bytes_that_nobody_asked_for():
    # An answer before the question could be another's.
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    asked = meet(good + good)
    assert asked.answers == [(200, b"hi")] and asked.error is None  # the second is dropped with the connection
    asked = meet(good, before=True, method=None)
    assert asked.error == "a response that nobody asked for" and not asked.answers


def test_who_closes_the_program_is_told_no_lie():
    mgr = mungo.Manager()
    nasty = Nasty(mgr, b"HTTP/1.1 200 OK\r\n\r\nhalf")
    asked = Asked(sink=True)
    c = mgr.http_connect("http://127.0.0.1:%d/" % nasty.port, asked)
    until(lambda: asked.pieces, mgr)
    c.is_closing = True
    until(lambda: asked.is_over, mgr)
    assert asked.error is None and not asked.answers
    assert mgr.close()


def test_close_comes_also_when_the_handler_raises():
    class Raising(Asked):
        def __call__(self, c, ev, hm, fn_data):
            super().__call__(c, ev, hm, fn_data)
            if ev in (mungo.EV_HTTP_MSG, mungo.EV_ERROR):
                raise KeyError("bug")

    for data in (b"HTTP/1.1 200 OK\r\n\r\nabc", b"HTTP/1.1 200 OK\r\nConte", b"garbage", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"):
        mgr = mungo.Manager()
        nasty = Nasty(mgr, data, "close")
        asked = Raising()
        mgr.http_connect("http://127.0.0.1:%d/" % nasty.port, asked)
        until(lambda asked=asked: asked.is_over, mgr)
        assert asked.names.count(mungo.EV_CLOSE) == 1 and mgr.stats["bugs"] >= 1, data
        assert mgr.close()


def test_where_a_redirect_leads():
    from mungo.fetch import join_url

    for location, path in (
        ("../x?q", "/x?q"), ("./", "/a/"), ("", "/a/b?c"), ("?q", "/a/b?q"), ("/..", "/"), ("x/../../..", "/"), ("..#f", "/"),
        ("..#f/../g?h", "/"), ("x#?y", "/a/x"), ("#f", "/a/b?c"), (".?..", "/a/?.."),
    ):  # fmt: skip
        url = join_url("h:1", "/a/b?c", location)
        assert client.split_url(url) == ("h:1", path), (location, url)
    for location, path in (("/a b", "/a%20b"), ("/\xfc", "/%C3%BC"), ("/a%20b?\u20ac", "/a%20b?%E2%82%AC"), ("/a\x01#\xfc", "/a%01")):
        assert client.split_url(join_url("h:1", "/a/b?c", location)) == ("h:1", path), location
    assert join_url("h:1", "/a", "http://b:2/c/../d/./e?f#g") == "http://b:2/d/e?f#g"
    assert join_url("h:1", "/a", "HTTP://b") == "HTTP://b" and join_url("h:1", "/a", "http://b?c") == "http://b?c"
    assert join_url("h:1", "/a", "//b/c") == "http://b/c" and join_url("h:1", "/a", "ftp://b") == "ftp://b"


# RFC 3986 section 5.4: the normal examples, and the abnormal ones. (A strict parser takes "http:g" for what it is.)
def test_the_examples_of_rfc_3986():
    from mungo.http.urls import join_url

    for location, url in (
        ("g:h", "g:h"), ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
        ("//g", "http://g"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q#s"),
        ("g#s", "http://a/b/c/g#s"), ("g?y#s", "http://a/b/c/g?y#s"), (";x", "http://a/b/c/;x"), ("g;x", "http://a/b/c/g;x"),
        ("g;x?y#s", "http://a/b/c/g;x?y#s"), ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("./", "http://a/b/c/"),
        ("..", "http://a/b/"), ("../", "http://a/b/"), ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"), ("../../../../g", "http://a/g"), ("/./g", "http://a/g"), ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."), (".g", "http://a/b/c/.g"), ("g..", "http://a/b/c/g.."), ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"), ("./g/.", "http://a/b/c/g/"), ("g/./h", "http://a/b/c/g/h"), ("g/../h", "http://a/b/c/h"),
        ("g;x=1/./y", "http://a/b/c/g;x=1/y"), ("g;x=1/../y", "http://a/b/c/y"), ("g?y/./x", "http://a/b/c/g?y/./x"),
        ("g?y/../x", "http://a/b/c/g?y/../x"), ("g#s/./x", "http://a/b/c/g#s/./x"), ("g#s/../x", "http://a/b/c/g#s/../x"),
        ("http:g", "http:g"),
    ):  # fmt: skip
        assert join_url("a", "/b/c/d;p?q", location) == url, (location, join_url("a", "/b/c/d;p?q", location))


def test_host_has_no_default_port():
    for url, host in (
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://127.0.0.1:/", "127.0.0.1"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
        ("http://127.0.0.1:180/", "127.0.0.1:180"),
        ("http://[::1]/", "[::1]"),
        ("http://localhost:81/", "localhost:81"),
    ):
        with mungo.Manager() as mgr:
            it = client.Client(mgr, client.split_url(url)[0])
            assert b"\r\nHost: %s\r\n" % host.encode() in it.make_request("GET", "/", None, None, None, None), url


# --- a server that closes a connection when it is asked again


class Closing:
    """A server that answers the first request of a connection, and closes at the second: by its end, a reset, or an answer that is cut."""

    def __init__(self, mgr, cut=b"", is_reset=False):
        self.cut = cut
        self.is_reset = is_reset
        self.requests = []
        self.conns = []
        _, self.port = listening(lambda url: mgr.listen(url, self.fn), "tcp")

    def fn(self, c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            c.fn_data = 0
        elif ev == mungo.EV_READ:
            self.requests.append(c.recv.read())
            c.fn_data += 1
            if c.fn_data == 1:
                self.conns.append(c)
                c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % len(self.conns))
            else:
                c.send(self.cut)
                if self.is_reset:
                    c.sock.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER with 0 s: close is a reset
                    c.is_closing = True
                c.is_draining = True


def ask_again(cut=b"", is_reset=False, **options):
    mgr = mungo.Manager()
    server = Closing(mgr, cut, is_reset)
    asked = Asked(then=lambda c: len(asked.answers) == 1 and client.request(c, "/2", **options))
    mgr.http_connect("http://127.0.0.1:%d/1" % server.port, asked)
    until(lambda: len(asked.answers) == 2 or asked.error, mgr)
    assert not mgr.stats["bugs"]
    assert mgr.close() and asked.names.count(mungo.EV_OPEN) == asked.names.count(mungo.EV_CLOSE)
    return asked, [data[: data.find(b" HTTP")] for data in server.requests]


def test_a_request_is_repeated_once_when_its_connection_was_closed():
    for method, is_reset in (("GET", False), ("PUT", False), ("DELETE", False), ("OPTIONS", False), ("GET", True), ("PUT", True)):
        asked, requests = ask_again(is_reset=is_reset, method=method, body=None if method == "GET" else "body")
        line = (method + " /2").encode()
        assert requests == [b"GET /1", line, line] and [body for _, body in asked.answers] == [b"1", b"2"] and asked.error is None
        assert asked.names.count(mungo.EV_ERROR) == 0 and asked.names.count(mungo.EV_OPEN) == 2


def test_a_request_is_repeated_without_an_error_when_its_connection_was_reset():
    # The server closes with some of the request unread.
    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            piece = c.recv.read()
            if piece[:3] in (b"GET", b"PUT"):
                lines.append(piece[:6])
                if len(lines) == 2:
                    c.is_closing = True
                else:
                    c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % len(lines))

    mgr = mungo.Manager(rx_bytes=512)
    lines = []
    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    asked = Asked(then=lambda c: len(asked.answers) == 1 and client.request(c, "/2", "PUT", None, bytes(4000)))
    mgr.http_connect("http://127.0.0.1:%d/1" % port, asked)
    until(lambda: len(asked.answers) == 2 or asked.error, mgr)
    assert lines == [b"GET /1", b"PUT /2", b"PUT /2"] and [body for _, body in asked.answers] == [b"1", b"3"], (lines, asked.answers)
    assert asked.error is None and asked.names.count(mungo.EV_ERROR) == 0
    assert mgr.close() and asked.names.count(mungo.EV_OPEN) == asked.names.count(mungo.EV_CLOSE) == 2


def test_what_must_not_be_repeated():
    # A method that is not idempotent; a body that is gone; an answer that has begun.
    for cut, options in (
        (b"", {"method": "POST", "body": "x"}),
        (b"", {"method": "PATCH", "body": "x"}),
        (b"", {"method": "PUT", "body": iter(["x"])}),
        (b"H", {}),
        (b"HTTP/1.1 100 Continue\r\n\r\n", {}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", {}),
    ):
        asked, requests = ask_again(cut, **options)
        assert len(requests) >= 2 and len(asked.answers) == 1 and asked.error not in ("no memory", None), (options, requests)
        assert asked.names.count(mungo.EV_OPEN) == 1
    # The first request of a connection, whose server may have no time for it at all.
    mgr = mungo.Manager()
    nasty = Nasty(mgr, b"", "close")
    asked = Asked()
    mgr.http_connect("http://127.0.0.1:%d/" % nasty.port, asked)
    until(lambda: asked.is_over, mgr)
    assert asked.error == "closed before the response was complete" and asked.names.count(mungo.EV_OPEN) == 1
    assert mgr.close()


def test_a_request_that_timed_out_is_not_repeated():
    mgr = mungo.Manager()
    got = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            got.append(c.recv.read())
            if len(got) == 1:
                c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    asked = Asked(then=lambda c: client.request(c, "/2"))
    mgr.http_connect("http://127.0.0.1:%d/1" % port, asked, first_ms=50)
    until(lambda: asked.is_over, mgr)
    assert asked.error.startswith("timeout") and len(got) == 2 and asked.names.count(mungo.EV_OPEN) == 1
    assert mgr.close()


def test_line_ends_behind_a_body_are_no_response():
    for late in (False, True):
        mgr = mungo.Manager()
        good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
        nasty = Nasty(mgr, good if late else good + b"\r\n")
        asked = Asked(then=lambda c: len(asked.answers) == 1 and not late and client.request(c, "/again"))  # noqa: B023
        c = mgr.http_connect("http://127.0.0.1:%d/" % nasty.port, asked)
        until(lambda: len(asked.answers) == (1 if late else 2), mgr)  # noqa: B023
        if late:
            nasty.conns[0].send(b"\r\n\n")
            until(lambda: asked.names[-1] == mungo.EV_READ and asked.names.count(mungo.EV_READ) == 2, mgr)  # noqa: B023
        assert not c.is_ending and client.request(c, "/later")
        until(lambda: len(asked.answers) == (2 if late else 3), mgr)  # noqa: B023
        assert [body for _, body in asked.answers] == [b"hi"] * (2 if late else 3) and asked.names.count(mungo.EV_OPEN) == 1
        assert asked.error is None and mgr.close()
