# Whatever answers, a handler, a hook, a file, a limit or an error, passes the same after hooks.

import _thread
import json
import os

import mungo.sse as sse
import mungo.ws as ws
from app_client import Served
from mungo.app import App, Response, abort
from mungo.auth import Basic
from mungo.cors import Cors
from mungo.http import files
from sites import Serving
from waiting import open_files, until

MIN_HEAP = "600k"

HERE = "https://a.example"
ORIGIN = "Origin: %s\r\n" % HERE


def whole(answer):
    """Whether the answer has what the hooks of `site_app` add, each once."""
    return (
        answer.field("access-control-allow-origin") == HERE
        and answer.field("x-frame-options") == "DENY"
        and "Origin" in answer.field("vary").split(", ")
        and answer.field("set-cookie") == "seen=1"
    )


def site_app(root, **options):
    app = App(**options)
    Cors(app, [HERE])

    @app.after_request
    def secure(req, response):
        response.headers["X-Frame-Options"] = "DENY"
        response.cookies.append("seen=1")

    app.get("/")(lambda req: "hi")
    app.post("/body")(lambda req: req.body)
    app.get("/files/<path:rest>")(lambda req, rest: files.send(root, rest))
    app.get("/worker", worker=True)(lambda req: "worked")
    app.get("/worker-file", worker=True)(lambda req: files.send(root, "a.txt"))
    app.get("/worker-none", worker=True)(lambda req: files.send(root, "none"))
    app.get("/set")(lambda req: {1, 2})
    app.get("/bug")(lambda req: {}["x"])
    app.get("/404")(lambda req: abort(404))
    app.get("/stream")(lambda req: iter_of("a", "b"))
    app.get("/bad-header")(lambda req: Response("ok", headers={"X-Path": "a\nb"}))
    app.get("/bad-status")(lambda req: ("ok", 999))
    app.get("/function")(lambda req: lambda c, hm: c.http_reply(200, {}, "taken"))
    app.get("/function-404")(lambda req: lambda c, hm: c.http_reply(404, {"x-frame-options": "SAMEORIGIN", "Vary": "Cookie"}, "no"))
    app.get("/ws")(lambda req: lambda c, hm: ws.upgrade(c, hm, print))
    app.get("/sse")(lambda req: sse.stream(lambda c, last_id: c.http_chunk(b"")))
    return app


def iter_of(*pieces):
    for piece in pieces:
        yield piece


def test_all_answers_have_the_fields_of_the_after_hooks():
    with Serving() as folder, Served(site_app(folder.root), body_limit=100, linger_ms=10) as site:
        folder.write("a.txt", b"text")
        folder.write("b.txt", b"text")
        folder.write("b.txt.gz", b"packed")
        os.mkdir(folder.root + "/dir")
        tag = site.ask("/files/a.txt").field("etag")
        for target, lines, status in (
            ("/", "", 200),
            ("/files/a.txt", "", 200),
            ("/files/b.txt", "", 200),
            ("/files/b.txt", "Accept-Encoding: gzip\r\n", 200),
            ("/files/a.txt", "Range: bytes=1-2\r\n", 206),
            ("/files/a.txt", "Range: bytes=9-\r\n", 416),
            ("/files/a.txt", "If-None-Match: %s\r\n" % tag, 304),
            ("/files/a.txt", 'If-Match: "x"\r\n', 412),
            ("/files/dir", "", 301),
            ("/files/none", "", 404),
            ("/worker", "", 200),
            ("/worker-file", "", 200),
            ("/worker-none", "", 404),
            ("/nowhere", "", 404),
            ("/404", "", 404),
            ("/%zz", "", 400),
            ("/stream", "", 200),
            ("/set", "", 500),
            ("/bug", "", 500),
            ("/bad-header", "", 500),
            ("/bad-status", "", 500),
            ("/function", "", 200),
            ("/ws", "", 400),
            ("/sse", "", 200),
            ("/", "Expect: x\r\n", 417),
            ("/", "Transfer-Encoding: gzip, chunked\r\n", 501),
            ("/", "Content-Length: x\r\n", 400),
            ("ftp://a/", "", 400),
            ("/body", "Content-Length: 101\r\n", 413),
        ):
            for method in ("GET", "HEAD"):
                if method == "HEAD" and (target == "/ws" or lines[:5] == "Range"):
                    continue
                answer = site.browser().ask(target, method, ORIGIN + lines)
                assert answer.status == status, (target, lines, method, answer.status, answer.body)
                assert whole(answer), (target, lines, method, answer.fields)
        for target, method, status in (("/", "PUT", 405), ("/files/a.txt", "DELETE", 405), ("/", "OPTIONS", 204), ("a:1", "CONNECT", 501)):
            answer = site.browser().ask(target, method, ORIGIN)
            assert answer.status == status and whole(answer), (target, method, answer.status, answer.fields)
        answer = site.ask("/function-404", lines=ORIGIN)  # what the function says counts
        fields = [value for name, value in answer.fields if name in ("x-frame-options", "vary")]
        assert (answer.status, fields) == (404, ["SAMEORIGIN", "Cookie", "Origin"]), answer.fields
        for _ in range(2):  # and nothing of it is left for the next one
            assert whole(site.ask("/function", lines=ORIGIN)) and whole(site.ask("/", lines=ORIGIN))
        assert site.ask("/files/b.txt", lines=ORIGIN).field("vary") == "accept-encoding, Origin"


def test_limits_that_show_in_the_middle_of_a_body():
    with Served(site_app(""), body_limit=100, body_ms=30, linger_ms=10) as site:
        for lines, body, status in (
            ("Transfer-Encoding: chunked\r\n", b"60\r\n" + b"x" * 0x60 + b"\r\n10\r\n" + b"x" * 16 + b"\r\n", 413),
            ("Transfer-Encoding: chunked\r\n", b"2\r\nabc\r\n", 400),
            ("Content-Length: 10\r\n", b"abc", 408),  # nothing follows
        ):
            browser = site.browser()
            browser.send("/body", "POST", ORIGIN + lines)
            browser.client.send(body)
            answer = browser.answer()
            assert answer.status == status and whole(answer), (answer.status, answer.fields)
            assert answer.field("connection") == "close"
            browser.client.until_ended()
        assert site.bugs == 0


def test_what_is_no_request_is_refused_without_hooks():
    ran = []
    app = App()
    app.after_request(lambda req, response: ran.append(1))
    with Served(app, head_ms=30, linger_ms=10) as site:
        for data, status in (
            (b"\x16\x03\x01", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n", 400),
            (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Long: %s\r\n" % (b"x" * 9000), 431),
            (b"GET / HTTP/1.1\r\nHo", 408),
        ):
            browser = site.browser()
            browser.client.send(data)
            assert browser.answer().status == status
            browser.client.until_ended()
        assert not ran and site.bugs == 0


def test_error_handlers_answer_for_limits():
    app = App()
    app.errorhandler(413)(lambda req, er: {"error": "too much", "path": req.path})
    app.errorhandler(417)(lambda req, er: 1 // 0)
    inner = App()
    inner.post("/up")(lambda req: "up")
    inner.errorhandler(413)(lambda req, er: "inner")
    app.mount(inner, "/in")
    app.post("/<name>")(lambda req, name: name)
    with Served(app, body_limit=10, linger_ms=10) as site:
        answer = site.browser().ask("/a%20b", "POST", "Content-Length: 11\r\n")
        assert (answer.status, json.loads(answer.body)) == (413, {"error": "too much", "path": "/a b"})
        answer = site.browser().ask("/in/up", "POST", "Content-Length: 11\r\n")
        assert (answer.status, answer.body, site.bugs) == (413, b"inner", 0)
        assert site.browser().ask("/x", "POST", "Expect: x\r\n", b"").status == 500 and site.bugs == 1


def test_a_full_pool_answers_503_with_the_fields():
    app = site_app("", workers=1, queue=1)
    gate = _thread.allocate_lock()
    gate.acquire()

    @app.get("/slow", worker=True)
    def slow(req):
        with gate:
            return "slow"

    with Served(app) as site:
        busy = [site.browser() for _ in range(2)]
        for browser in busy:
            browser.send("/slow")
        until(lambda: site.mgr.stats["workers"]["jobs"] == 2, site.mgr)
        answer = site.ask("/slow", lines=ORIGIN)
        assert answer.status == 503 and whole(answer) and answer.field("retry-after") == "1", answer.fields
        gate.release()
        assert [browser.answer().body for browser in busy] == [b"slow"] * 2


def test_streams_and_bodies_over_their_limits_get_503_with_the_fields():
    app = site_app("")

    def endless(req):
        while True:
            yield "x" * 1000

    app.get("/endless")(lambda req: (endless(req), 200, {"Cache-Control": "max-age=60", "Content-Type": "text/x"}))
    app.get("/worker-endless", worker=True)(endless)
    app.get("/open")(lambda req: sse.stream(lambda c, last_id: None))
    with Served(app, max_conns=5, max_streams=1, linger_ms=10) as site:
        first = site.browser()
        first.send("/open")
        first.client.until_has(b"event-stream")
        for target in ("/open", "/endless", "/worker-endless"):
            browser = site.browser()
            answer = browser.ask(target, lines=ORIGIN)
            assert answer.status == 503 and whole(answer) and answer.field("retry-after") == "1", (target, answer.status, answer.fields)
            assert answer.field("cache-control") is None and answer.field("content-length") == "0"
            browser.client.until_ended()
        assert site.mgr.stats["streams_full"] == 3 and site.bugs == 0
    with Served(site_app(""), body_limit=100, shared_bytes=120, linger_ms=10) as site:
        first = site.browser()
        first.send("/body", "POST", "Content-Length: 80\r\n")
        until(lambda: site.mgr.held == 80, site.mgr)
        answer = site.browser().ask("/body", "POST", ORIGIN, bytes(80))
        assert answer.status == 503 and whole(answer) and answer.field("retry-after") == "1", (answer.status, answer.fields)


# --- error pages


def test_an_error_handler_may_answer_with_a_file():
    app = App()
    app.get("/<int:status>")(lambda req, status: abort(status))
    app.get("/bug")(lambda req: {}["x"])
    app.post("/post")(lambda req: abort(404))
    with Serving() as folder, Served(app) as site:
        app.errorhandler(404)(lambda req, er: files.send(folder.root, "404.html"))
        app.errorhandler(410)(lambda req, er: files.send(folder.root, "404.html", status=404))
        app.errorhandler(403)(lambda req, er: (files.send(folder.root, "404.html"), 200, {"X-A": "b"}))
        app.errorhandler(500)(lambda req, er: files.send(folder.root, "500.html"))
        app.errorhandler(409)(lambda req, er: files.send(folder.root, "none.html"))
        app.get("/files/<path:rest>")(lambda req, rest: files.send(folder.root, rest))
        folder.write("404.html", b"<p>nothing here")
        folder.write("500.html", b"<p>" + b"broken" * 1000)
        tag = site.ask("/files/404.html").field("etag")
        conditions = "If-None-Match: %s\r\nRange: bytes=1-2\r\n" % tag
        for target, method, status in (
            ("/404", "GET", 404),
            ("/nowhere", "GET", 404),
            ("/nowhere", "POST", 404),
            ("/post", "POST", 404),
            ("/files/none", "GET", 404),
            ("/410", "GET", 404),
            ("/403", "GET", 200),
        ):
            for lines in ("", "" if status == 200 else conditions):  # which are for what would be answered by 200
                answer = site.ask(target, method, lines, b"" if method == "POST" else None)
                assert (answer.status, answer.body) == (status, b"<p>nothing here"), (target, lines, answer.status, answer.body)
                assert answer.field("content-type") == "text/html; charset=utf-8"
        assert site.ask("/403").field("x-a") == "b"
        assert site.ask("/403", lines="If-None-Match: %s\r\n" % tag).status == 304
        assert site.ask("/nowhere", "HEAD").field("content-length") == "15"
        assert site.bugs == 0
        answer = site.ask("/bug")
        assert (answer.status, len(answer.body), site.bugs) == (500, 6003, 1)
        answer = site.ask("/409")
        assert (answer.status, answer.body, site.bugs) == (409, b"Conflict\n", 1)  # in words, as its page is not there


def test_files_that_are_not_sent_are_closed():
    app = App()
    app.get("/<name>")(lambda req, name: files.send(root[0], "a.bin"))

    @app.after_request
    def change(req, response):
        if req.path == "/text":
            return "text"
        if req.path == "/body":
            response.body = "body"
        if req.path == "/raise":
            raise KeyError
        if req.path == "/bad":
            response.headers["X"] = "\r\n"

    root = []
    with Serving() as folder, Served(app) as site:
        root.append(folder.root)
        folder.write("a.bin", bytes(5000))
        site.ask("/whole")
        before = open_files()
        for target, status, length in (("/whole", 200, 5000), ("/text", 200, 4), ("/body", 200, 4), ("/raise", 500, 22), ("/bad", 500, 22)):
            answer = site.ask(target)
            assert (answer.status, len(answer.body)) == (status, length), (target, answer.status, answer.body)
            assert open_files() == before, target
        assert site.ask("/whole", "HEAD").field("content-length") == "5000" and open_files() == before


# --- hooks that fail


def test_a_hook_that_fails_keeps_nothing_from_the_others():
    app = App()
    Cors(app, [HERE])

    @app.after_request
    def stamp(req, response):  # runs first
        response.headers["X-Path"] = req.path

    @app.after_request
    def broken(req, response):
        response.headers["X-Half"] = "1"
        if "raise" in req.args:
            raise KeyError
        if "status" in req.args:
            response.status = 7

    app.get("/<name>")(lambda req, name: "ok")
    with Served(app) as site:
        for target, path in (("/%0a", None), ("/x?raise", "/x"), ("/x?status", "/x"), ("/%0d%0aX:%20y?raise", None)):
            bugs = site.bugs
            answer = site.ask(target, lines=ORIGIN)
            assert answer.status == 500 and answer.body == b"Internal Server Error\n", (target, answer.status, answer.body)
            assert answer.field("access-control-allow-origin") == HERE and answer.field("vary") == "Origin", (target, answer.fields)
            assert answer.field("x-path") == path and site.bugs == bugs + 1, target
        answer = site.ask("/%zz", lines=ORIGIN)  # the path can't be had
        assert (answer.status, answer.field("access-control-allow-origin"), answer.field("x-path")) == (400, HERE, None)
        assert site.ask("/fine", lines=ORIGIN).field("x-path") == "/fine" and len(site.browsers) == 1


# --- fields


def test_vary_grows_and_names_have_no_case():
    app = App()
    Cors(app, [HERE], credentials=True, expose=("X-A",))
    app.get("/files/<path:rest>")(lambda req, rest: files.send(root[0], rest, headers={"VARY": "Cookie", "content-type": "text/x"}))
    root = []
    values = {"none": None, "one": "Cookie", "same": "cookie,  ORIGIN", "all": "*", "empty": ""}

    @app.get("/<name>")
    def fn(req, name):
        headers = {"vARY": values[name]} if values[name] is not None else {}
        headers["access-control-allow-origin"] = "https://other.example"
        headers["content-TYPE"] = "text/y"
        return "hi", 200, headers

    app.get("/denied")(lambda req: abort(403, None, {"x-a": "1"}))
    app.get("/tag")(lambda req: files.send(root[0], "a.html", headers={"etag": '"mine"', "accept-ranges": "none", "LAST-modified": "x"}))
    app.get("/merged")(lambda req: (Response("hi", 200, {"X-B": "1"}), 200, {"x-b": "2", "X-C": "3"}))
    app.errorhandler(403)(lambda req, er: ("no", 403, {"X-A": "2"}))
    with Serving() as folder, Served(app) as site:
        root.append(folder.root)
        folder.write("a.html", b"<p>")
        folder.write("a.html.gz", b"packed")
        for name, vary in (("none", "Origin"), ("one", "Cookie, Origin"), ("same", "cookie, ORIGIN"), ("all", "*"), ("empty", "Origin")):
            answer = site.ask("/" + name, lines=ORIGIN)
            assert answer.field("vary") == vary, (name, answer.fields)  # once
            assert answer.field("access-control-allow-origin") == HERE and answer.field("content-type") == "text/y"
        answer = site.ask("/files/a.html", lines=ORIGIN)
        assert (answer.field("vary"), answer.field("content-type")) == ("Cookie, accept-encoding, Origin", "text/x"), answer.fields
        assert site.ask("/denied").field("x-a") == "2"
        tagged = site.ask("/tag")
        assert tagged.field("accept-ranges") == "bytes" and tagged.field("etag") != '"mine"' and tagged.field("last-modified") != "x"
        assert [site.ask("/merged").field(name) for name in ("x-b", "x-c")] == ["2", "3"]


def test_401_has_a_challenge():
    app = App()
    app.get("/who")(lambda req: abort(401))
    app.get("/mine")(lambda req: abort(401, None, {"www-authenticate": "Mine"}))
    app.get("/tuple")(lambda req: ("no", 401))
    app.errorhandler(403)(lambda req, er: ("no", 401))
    app.get("/403")(lambda req: abort(403))
    login = App()
    login.before_request(Basic({"a": "b"}))
    login.get("/")(lambda req: "in")
    app.mount(login, "/login")
    with Served(app) as site:
        for target, challenge in (
            ("/who", 'Session realm="mungo"'),
            ("/tuple", 'Session realm="mungo"'),
            ("/403", 'Session realm="mungo"'),
            ("/mine", "Mine"),
            ("/login/", 'Basic realm="mungo", charset="UTF-8"'),
        ):
            answer = site.ask(target)
            assert (answer.status, answer.field("www-authenticate")) == (401, challenge), (target, answer.fields)


# --- handlers that answer by themselves


def test_a_handler_may_answer_by_http_reply_and_return_none():
    app = App()
    ran = []

    @app.get("/reply")
    def reply(req):
        req.c.http_reply(201, {"X": "y"}, "by hand")

    @app.get("/chunks")
    def chunks(req):
        req.c.http_reply(200, {}, None)
        req.c.http_chunk("a")
        req.c.http_chunk(b"")

    @app.get("/twice")
    def twice(req):
        req.c.http_reply(200, {}, "first")
        return "second"

    @app.get("/raise")
    def throw(req):
        req.c.http_reply(200, {}, "first")
        raise KeyError

    @app.get("/hooked")
    def hooked(req):
        ran.append("handler")

    @app.before_request
    def hook(req):
        if req.path == "/hooked":
            req.c.http_reply(200, {}, "hook")

    app.before_request(lambda req: ran.append(req.path))
    with Served(app) as site:
        browser = site.browser()
        targets = (
            ("/reply", 201, b"by hand", 0),
            ("/chunks", 200, b"a", 0),
            ("/hooked", 200, b"hook", 0),
            ("/twice", 200, b"first", 1),
            ("/raise", 200, b"first", 1),
            ("/reply", 201, b"by hand", 0),
        )
        for target, status, body, bugs in targets:
            before = site.bugs
            answer = browser.ask(target)
            assert (answer.status, answer.body, site.bugs - before) == (status, body, bugs), (target, answer.body)
        for target, _, _, _ in targets:  # pipelined: nothing goes to the next one
            browser.send(target)
        assert [browser.answer().body for _ in targets] == [body for _, _, body, _ in targets]
        assert "/hooked" not in ran and "handler" not in ran and not browser.client.got


def test_a_function_that_fails():
    app = App()

    @app.after_request
    def hook(req, response):
        response.headers["X-A"] = "1"
        response.cookies.append("a=b")

    def begun(c, hm):
        c.http_reply(200, {}, None)
        c.http_chunk("begun")
        raise KeyError

    app.get("/begun")(lambda req: begun)
    app.get("/early")(lambda req: lambda c, hm: 1 // 0)
    with Served(app) as site:
        answer = site.ask("/early")
        assert (answer.status, answer.field("x-a"), answer.field("set-cookie"), site.bugs) == (500, "1", "a=b", 1)
        browser = site.browser()
        browser.send("/begun")
        got = browser.client.until_ended()
        assert b"begun" in got and b"0\r\n\r\n" not in got and site.bugs == 2, got
        assert site.ask("/early").status == 500 and site.bugs == 3
