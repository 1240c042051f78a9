# The smaller parts of App: the access log, ids of requests, HTML, hooks for one request, hooks at the end.

import sys
import time

import mungo
from app_client import Served
from mungo.app import App, abort
from mungo.app.html import escape
from net import Client, listening
from sites import Site

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "400k"


def logged(app):
    lines = []
    app.log = lines.append
    return lines


def words(lines):
    """The lines without their time and duration, which must be there."""
    found = []
    for line in lines:
        parts = line.split(" ")
        assert parts[0][0] in "2+" and parts[6].isdigit(), line
        found.append(" ".join(parts[1:6] + parts[7:]))
    lines[:] = []
    return found


def site():
    app = App()
    lines = logged(app)

    @app.get("/slow", worker=True)
    def slow(req):
        time.sleep_ms(30)
        return "slow"

    app.get("/")(lambda req: "hi")
    app.get("/bug")(lambda req: 1 / 0)
    app.get("/pieces")(lambda req: iter_pieces())
    app.get("/id")(lambda req: req.id)
    app.post("/post")(lambda req: abort(409))
    return app, lines


def iter_pieces():
    yield "abc"
    yield "de"


def test_a_line_for_each_answer():
    app, lines = site()
    with app.test_client(body_limit=100) as client:
        for target, line in (
            ("/", "/ 200 2"),
            ("/?a=b", "/?a=b 200 2"),
            ("/nowhere", "/nowhere 404 10"),
            ("/pieces", "/pieces 200 20"),  # two chunks and the last
            ("/slow", "/slow 200 4"),
            ("/bug", "/bug 500 22"),
        ):
            client.get(target)
            assert words(lines) == ["127.0.0.1 GET " + line], target
        client.head("/")
        assert words(lines) == ["127.0.0.1 HEAD / 200 0"]
        client.post("/post", body=b"x")
        assert words(lines) == ["127.0.0.1 POST /post 409 9"]
        client.post("/post", body=b"x" * 200)
        assert words(lines)[0].startswith("127.0.0.1 POST /post 413 ")
        client.get("/slow")
        assert 25 <= int(lines[0].split(" ")[6]) < 20000, lines
        assert client.mgr.stats["bugs"] == 1


def test_kept_alive_and_pipelined_requests_and_refused_heads():
    app, lines = site()
    with Served(app) as served:
        for _ in range(3):
            served.ask("/")
        assert words(lines) == ["127.0.0.1 GET / 200 2"] * 3
        client = Client(served.mgr, served.port)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\nno head\r\n\r\n")
        client.until(lambda client: client.ended)
        assert words(lines)[:2] == ["127.0.0.1 GET / 200 2", "127.0.0.1 GET /x 404 10"]
        client.close()
        client = Client(served.mgr, served.port)
        client.send(b"no head\r\n\r\n")
        client.until(lambda client: client.ended)
        assert words(lines)[-1].startswith("127.0.0.1 - - 400 ")
        client.close()


def test_the_line_has_the_answer_not_the_100_before_it():
    app, lines = site()
    app.post("/size")(lambda req: str(len(req.body)))
    with Served(app) as served:
        client = Client(served.mgr, served.port)
        client.send(b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        client.until_has(b"HTTP/1.1 100 ")
        client.send(b"abc")
        client.until_has(b"\r\n\r\n3")
        assert words(lines) == ["127.0.0.1 POST /size 200 1"]
        client.close()


def test_what_a_client_that_leaves_has_got():
    app, lines = site()
    app.get("/large")(lambda req: b"x" * 9000)
    app.get("/never")(lambda req: lambda c, hm: None)
    with Served(app, send_slice=1024) as served:
        client = Client(served.mgr, served.port)
        client.send(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        client.until(lambda client: served.mgr.accepted)
        served.mgr.poll(0)
        client.close()
        for _ in range(3):
            served.mgr.poll(0)
        assert lines == []  # no answer, no line
        served.ask("/large")
        assert words(lines) == ["127.0.0.1 GET /large 200 9000"]


def test_until_the_clock_is_set_a_line_begins_with_the_seconds_since_the_start():
    app, lines = site()
    with app.test_client() as client:
        client.get("/")
        module = sys.modules["mungo.app.access_log"]
        gmtime = module.gmtime
        for year, pattern in ((2023, "+"), (2024, "2024-05-06T07:08:09Z")):
            module.gmtime = lambda year=year: (year, 5, 6, 7, 8, 9, 0, 126)
            client.get("/")
            time, _, _ = lines[-1].partition(" ")
            assert time == pattern or year == 2023 and time[:1] == "+" and time[1:].isdigit(), time
        module.gmtime = gmtime


def test_files_are_counted():
    app, lines = site()
    with Site() as folder:
        folder.write("a.bin", bytes(12000))
        app.static("/", folder.root)
        with app.test_client() as client:
            client.get("/a.bin")
            client.get("/a.bin", headers={"Range": "bytes=0-9"})
            assert words(lines) == ["127.0.0.1 GET /a.bin 200 12000", "127.0.0.1 GET /a.bin 206 10"]


def test_a_log_that_fails_harms_nobody():
    app, _ = site()
    app.log = lambda line: 1 / 0
    with app.test_client() as client:
        assert client.get("/").text == "hi"
        assert client.mgr.stats["bugs"] == 1


def test_what_the_server_refuses_has_one_answer():
    app, _ = site()

    @app.errorhandler(413)
    def too_large(req, er):
        return "too much" if "X-Take" not in req.headers else lambda c, hm: None  # which answers nothing

    with mungo.Manager(body_limit=100) as mgr:
        port = listening(lambda url: app.attach(mgr, url))[1]
        for field, body in ((b"", b"too much"), (b"X-Take: 1\r\n", b"Content Too Large\n")):
            head = b"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n%s\r\n" % field
            got = Client(mgr, port, head).until_ended()
            assert got.startswith(b"HTTP/1.1 413 ") and got.endswith(b"\r\n\r\n" + body) and got.count(b"HTTP/1.1") == 1, got


def test_without_a_log_there_is_none():
    app = App()
    app.get("/")(lambda req: type(req.c).__name__)
    with app.test_client() as client:
        assert client.get("/").text == "AppConnection"


def test_ids_of_requests():
    app, lines = site()
    app.get("/worker", worker=True)(lambda req: req.id)

    @app.get("/both", worker=True)
    def both(req):
        return req.id

    @app.before_request
    def ask(req):
        if req.path == "/both":
            req.after_request(lambda req, response: response.headers.update({"X-Request-ID": req.id}))
            assert req.id

    with app.test_client() as client:
        first, second = client.get("/id").text, client.get("/id").text
        assert first != second and len(first) == 16
        assert [line.split(" ")[7:] for line in lines] == [[first], [second]]
        assert client.get("/id", headers={"X-Request-ID": "abc-1"}).text == "abc-1"
        for bad in ("a b", "x" * 65, "a\tb"):
            assert len(client.get("/id", headers={"X-Request-ID": bad}).text) == 16
        assert len(client.get("/worker").text) == 16
        del lines[:]
        answer = client.get("/both")
        assert answer.text == answer.headers["X-Request-ID"] == lines[0].split(" ")[7]
        client.get("/")
        assert len(lines[1].split(" ")) == 7


def test_html():
    app = App()
    app.html = True
    app.get("/")(lambda req: "<p>" + escape("<&>\"'"))
    app.get("/pieces")(lambda req: iter_pieces())
    app.get("/json")(lambda req: {})
    app.get("/bytes")(lambda req: b"")
    app.get("/own")(lambda req: ("x", 200, {"content-type": "text/css"}))
    app.get("/abort")(lambda req: abort(400, "<script>"))
    app.get("/worker", worker=True)(lambda req: "<p>")
    app.errorhandler(404)(lambda req, error: "<h1>")
    app.errorhandler(405)(lambda req, error: {})
    with app.test_client() as client:
        for target, kind in (
            ("/", "text/html; charset=UTF-8"),
            ("/pieces", "text/html; charset=UTF-8"),
            ("/worker", "text/html; charset=UTF-8"),
            ("/nowhere", "text/html; charset=UTF-8"),
            ("/json", "application/json"),
            ("/own", "text/css"),
            ("/abort", "text/plain; charset=UTF-8"),
        ):
            answer = client.get(target)
            found = [value for name, value in answer.headers if name.lower() == "content-type"]
            assert found == [kind], (target, found)
        assert client.get("/").text == "<p>&lt;&amp;&gt;&#34;&#39;"
        assert client.post("/").headers["Content-Type"] == "application/json"
    app.html = False
    app.get("/later")(lambda req: "<p>")
    app.html = True  # also for routes that are there already
    with app.test_client() as client:
        assert client.get("/later").headers["Content-Type"] == "text/html; charset=UTF-8"
    app.html = False
    with app.test_client() as client:
        assert client.get("/").headers["Content-Type"] == "text/plain; charset=UTF-8"


def test_html_of_a_mounted_app():
    app, inner = App(), App()
    inner.html = True
    inner.get("/")(lambda req: "<p>")
    app.get("/")(lambda req: "text")
    app.mount(inner, "/in")
    with app.test_client() as client:
        assert client.get("/in/").headers["Content-Type"] == "text/html; charset=UTF-8"
        assert client.get("/").headers["Content-Type"] == "text/plain; charset=UTF-8"


def test_hooks_for_one_request():
    app = App()
    order = []

    def note(name):
        def hook(req, response):
            order.append(name)
            response.headers["X-" + name] = "1"

        return hook

    @app.before_request
    def before(req):
        if "before" in req.args:
            req.after_request(note("before"))

    @app.get("/")
    def index(req):
        req.after_request(note("handler"))
        if "bug" in req.args:
            raise ValueError
        return "hi"

    @app.get("/worker", worker=True)
    def worker(req):
        req.after_request(note("worker"))
        return "hi"

    app.get("/other")(lambda req: "hi")
    app.after_request(note("app"))
    with app.test_client() as client:
        client.get("/?before=1")
        assert order == ["before", "handler", "app"]
        del order[:]
        client.get("/worker?before=1")
        assert order == ["before", "worker", "app"]
        answer = client.get("/?bug=1")
        assert answer.status == 500 and "X-handler" in answer.headers
        del order[:]
        client.get("/other")
        assert order == ["app"]


def test_a_hook_of_one_request_alone_in_its_app():
    app = App()

    @app.get("/")
    def index(req):
        if "hook" in req.args:

            @req.after_request
            def mark(req, response):
                response.headers["X-Hook"] = response.body

        return "hi"

    with app.test_client() as client:
        assert client.get("/").headers.get("X-Hook") is None
        assert client.get("/?hook=1").headers["X-Hook"] == "hi"
        assert client.get("/").headers.get("X-Hook") is None


def test_hooks_at_the_end():
    app = App()
    order = []

    @app.teardown_request
    def first(req, error):
        order.append(("first", req.path, type(error)))
        raise OSError("a bug in one keeps no other from running")

    @app.teardown_request
    def second(req, error):
        order.append(("second", req.path, type(error)))

    app.after_request(lambda req, response: order.append("after"))
    app.get("/")(lambda req: "hi")
    app.get("/bug")(lambda req: [][1])
    app.get("/worker", worker=True)(lambda req: [][1])
    with app.test_client() as client:
        assert client.get("/").text == "hi"
        assert order == ["after", ("second", "/", type(None)), ("first", "/", type(None))]
        for target in ("/bug", "/worker"):
            del order[:]
            assert client.get(target).status == 500
            assert order == ["after", ("second", target, IndexError), ("first", target, IndexError)]


def test_captures_of_hm_match():
    app = App()

    @app.get("/<path:rest>")
    def any_path(req, rest):
        found = []
        return {"fits": req.hm.match("/users/*/#", found), "found": found}

    with app.test_client() as client:
        assert client.get("/users/7/a/b?q=1").json == {"fits": True, "found": ["7", "a/b"]}
        assert client.get("/other/7/a").json == {"fits": False, "found": []}
