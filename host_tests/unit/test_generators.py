# Handlers that are generators: the code before the first yield decides the status, in the loop, in a worker, and for HTTP/1.0.

import _thread
import json

import mungo
from app_client import Browser, Served
from mungo.app import App, Response, abort
from mungo.http import files
from net import listening
from waiting import until

MIN_HEAP = "448k"


def both_kinds(test):
    """Run the test with a handler in the loop, and with one in a worker."""

    def run():
        for options in ({}, {"worker": True}):
            test(options)

    return run


class Gone(Exception):
    pass


def rows_app(options, log):
    app = App(workers=1)

    @app.get("/rows/<what>", **options)
    def rows(req, what):
        try:
            if what == "abort":
                abort(403, "no\n", {"X-Why": "because"})
            if what == "raise":
                raise KeyError(what)
            if what == "gone":
                raise Gone
            if what == "str":
                return "text"
            if what == "tuple":
                return "none\n", 404
            if what == "dict":
                return {"a": 1}
            if what == "response":
                return Response("made", 201, {"X-A": "b"})
            if what == "generator":
                return inner()
            if what == "function":
                return lambda c, hm: c.http_reply(202, {}, "taken")
            if what == "none":
                return
            if what == "empty":
                yield ""
                yield b""
            if what == "int":
                yield 3
            if what == "list":
                yield [1, 2]
            if what == "no piece":
                yield None
            if what == "empties":
                yield ""
                yield b""
                return
            yield "first,"
            if what == "later int":
                yield 3
            if what == "later raise":
                raise KeyError(what)
            if what == "later none":
                yield None
            yield bytearray(b"second,")
            yield memoryview(b"third")
            return "not an answer any more"
        finally:
            log.append(what)

    def inner():
        yield "inner"

    @app.get("/tuple/<int:n>", **options)
    def counted(req, n):
        def pieces():
            if n > 5:
                abort(400)
            if n == 5:
                return "five", 205 + 1
            for i in range(n):
                yield str(i)

        return pieces(), 201, {"X-A": "b", "Content-Type": "text/csv"}

    app.errorhandler(Gone)(lambda req, er: ("gone", 410))

    @app.after_request
    def stamp(req, response):
        response.headers["X-Status"] = response.status

    return app


WHOLE = b"first,second,third"
TABLE = (
    ("abort", 403, b"no\n"),
    ("raise", 500, b"Internal Server Error\n"),
    ("gone", 410, b"gone"),
    ("str", 200, b"text"),
    ("tuple", 404, b"none\n"),
    ("dict", 200, b'{"a": 1}'),
    ("response", 201, b"made"),
    ("generator", 200, b"inner"),
    ("function", 202, b"taken"),
    ("none", 204, b""),
    ("empty", 200, WHOLE),
    ("empties", 200, b""),
    ("int", 500, b"Internal Server Error\n"),
    ("list", 500, b"Internal Server Error\n"),
    ("no%20piece", 500, b"Internal Server Error\n"),
    ("fine", 200, WHOLE),
)


@both_kinds
def test_the_code_before_the_first_yield_decides(options):
    log = []
    with Served(rows_app(options, log)) as site:
        bugs = 0
        for what, status, body in TABLE:
            answer = site.ask("/rows/" + what)
            seen = json.loads(answer.body) if what == "dict" else answer.body
            assert (answer.status, seen) == (status, {"a": 1} if what == "dict" else body), (options, what, answer.status, answer.body)
            assert answer.field("x-status") == (str(status) if what != "function" else "200"), what
            assert (answer.chunks is None) == (body != WHOLE and what != "generator") or what == "empties", what
            bugs += body == b"Internal Server Error\n"
            assert site.bugs == bugs, (options, what)
        assert site.ask("/rows/abort").field("x-why") == "because"
        assert site.ask("/rows/response").field("x-a") == "b"
        for n, status, body in ((3, 201, b"012"), (0, 201, b""), (5, 206, b"five"), (6, 400, b"Bad Request\n")):
            answer = site.browser().ask("/tuple/%d" % n)
            assert (answer.status, answer.body) == (status, body), (n, answer.status, answer.body)
            if status == 201:
                assert (answer.field("x-a"), body == b"" or answer.field("content-type")) == ("b", "text/csv" if body else True)
        until(lambda: len(log) >= len(TABLE) + 2, site.mgr)  # each has ended, wherever it was


@both_kinds
def test_head_and_http_1_0(options):
    log = []
    with Served(rows_app(options, log)) as site:
        for what, status, body in TABLE:
            if what == "none":
                continue
            answer = site.ask("/rows/" + what, "HEAD")
            assert (answer.status, answer.body) == (status, b""), (options, what, answer.status)
            chunked = body == WHOLE or what == "generator"
            assert (answer.field("transfer-encoding") == "chunked") == chunked or what == "empties", (what, answer.fields)
        assert len(site.browsers) == 1
        for what, status, body in TABLE:
            browser = site.browser()
            browser.client.send(b"GET /rows/%s HTTP/1.0\r\n\r\n" % what.encode())
            got = browser.client.until_ended()
            assert got.startswith(b"HTTP/1.1 %d " % status) and b"chunked" not in got, (what, got)
            if what != "dict":
                assert got.partition(b"\r\n\r\n")[2] == body, (what, got)
        until(lambda: len(log) == 2 * len(TABLE) - 1, site.mgr)


@both_kinds
def test_what_goes_wrong_later_breaks_the_answer_off(options):
    log = []
    with Served(rows_app(options, log)) as site:
        for n, what in enumerate(("later%20int", "later%20raise", "later%20none"), 1):
            browser = site.browser()
            browser.send("/rows/" + what)
            got = browser.client.until_ended()
            assert got.startswith(b"HTTP/1.1 200 ") and b"first," in got and b"second" not in got, (what, got)
            assert not got.endswith(b"0\r\n\r\n"), (what, got)  # so that the client knows
            assert site.bugs == n, what
        until(lambda: len(log) == 3, site.mgr)
        assert site.ask("/rows/fine").body == WHOLE


def test_other_answers_may_be_generators():
    app = App()
    app.get("/raise")(lambda req: {}["x"])
    app.get("/early")(lambda req: "handler")
    app.get("/wrapped")(lambda req: pieces("a", "b"))

    def pieces(*args):
        for arg in args:
            yield arg

    @app.errorhandler(KeyError)
    def error(req, er):
        yield "sorry"

    @app.errorhandler(404)
    def missing(req, er):
        if "known" in req.args:
            return "moved", 301, {"Location": "/"}
        yield "nothing here"

    @app.before_request
    def hook(req):
        if req.path == "/early":
            return pieces("hook")

    @app.after_request
    def wrap(req, response):
        if req.path == "/wrapped":
            response.body = upper(response.body)

    def upper(body):
        for piece in body:
            yield piece.upper()

    with Served(app) as site:
        for target, status, body in (
            ("/raise", 500, b"sorry"),
            ("/nowhere", 404, b"nothing here"),
            ("/nowhere?known", 301, b"moved"),
            ("/early", 200, b"hook"),
            ("/wrapped", 200, b"AB"),
        ):
            answer = site.ask(target)
            assert (answer.status, answer.body) == (status, body), (target, answer.status, answer.body)


def test_a_generator_whose_answer_is_not_sent_is_closed():
    app = App()
    log = []

    @app.get("/<what>")
    def rows(req, what):
        try:
            yield "first"
            yield "second"
        finally:
            log.append(what)

    @app.after_request
    def hook(req, response):
        if req.path == "/raise":
            raise KeyError
        if req.path == "/text":
            response.body = "text"
        if req.path == "/bad":
            response.headers["X"] = "\n"

    with Served(app) as site:
        for what, status in (("raise", 500), ("text", 200), ("bad", 500)):
            assert site.ask("/" + what).status == status
            assert log.pop() == what and not log
        assert site.ask("/head", "HEAD").status == 200 and log == ["head"]


def test_a_worker_that_waits_before_its_first_piece():
    app = App(workers=1, queue=1)
    gate = _thread.allocate_lock()
    gate.acquire()
    log = []

    @app.get("/rows", worker=True, timeout_ms=100)
    def rows(req):
        try:
            with gate:
                pass
            yield "first"
        finally:
            log.append("ended")

    @app.get("/patient", worker=True)
    def patient(req):
        with gate:
            pass
        yield "patient"

    app.after_request(lambda req, response: response.headers.update({"X-A": "1"}))
    with Served(app) as site:
        answer = site.ask("/rows")
        assert (answer.status, answer.body, answer.field("x-a")) == (504, b"Gateway Timeout\n", "1")
        gate.release()
        until(lambda: log == ["ended"] and not site.mgr.stats["workers"]["busy"], site.mgr)
        assert site.ask("/rows").body == b"first" and len(log) == 2
        gate.acquire()
        leaver = site.browser()
        leaver.send("/patient")
        until(lambda: site.mgr.stats["workers"]["busy"], site.mgr)
        leaver.close()
        until(lambda: site.mgr.stats["workers"]["dropped"] == 1, site.mgr)
        gate.release()
        assert site.ask("/patient").body == b"patient"
        assert site.bugs == 0 and site.mgr.pipes == 0


def test_a_hook_that_refuses_a_workers_pieces_stops_the_worker():
    app = App(workers=1)
    log = []

    @app.get("/<what>", worker=True)
    def rows(req, what):
        try:
            while True:
                yield "piece"
        finally:
            log.append(what)

    @app.after_request
    def hook(req, response):
        if req.path == "/text":
            return "text"
        if req.path == "/raise":
            raise KeyError
        if req.path == "/bad":
            response.headers["X"] = "\n"

    with Served(app) as site:
        for what, status in (("text", 200), ("raise", 500), ("bad", 500)):
            assert site.ask("/" + what).status == status
            until(lambda: log == [what] and not site.mgr.stats["workers"]["busy"], site.mgr)  # noqa: B023
            log.clear()
        assert site.mgr.pipes == 0


# --- pieces by events


def test_a_piece_is_str_or_bytes():
    asked = []

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {}, iter(asked[0]))

    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.http_listen(url, fn))
    for n, bad in enumerate((3, 0, None, [], [1], {}, 1.5, False), 1):
        asked[:] = [["a", bad, "b"]]
        browser = Browser(mgr, port)
        browser.send()
        got = browser.client.until_ended()
        assert b"\r\n\r\n1\r\na\r\n" in got and not got.endswith(b"0\r\n\r\n") and b"b\r\n" not in got, (bad, got)
        assert mgr.stats["bugs"] == n, bad
    asked[:] = [["a", b"", "", bytearray(b"b"), memoryview(b"c"), "\u20ac"]]
    browser = Browser(mgr, port)
    assert browser.ask().body == b"abc\xe2\x82\xac" and mgr.stats["bugs"] == n
    browser.close()
    assert mgr.close()


def test_chunks_are_str_or_bytes():
    refused = []

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {}, None)
            for bad in (3, 0, None, [1]):
                try:
                    c.http_chunk(bad)
                except TypeError:
                    refused.append(bad)
            c.http_chunk(bytearray(b"a"))
            c.http_chunk("")

    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.http_listen(url, fn))
    browser = Browser(mgr, port)
    assert browser.ask().body == b"a" and refused == [3, 0, None, [1]]
    browser.close()
    assert mgr.close()


def test_a_file_may_be_returned_before_the_first_yield():
    app = App()

    @app.get("/")
    def rows(req):
        if "file" in req.args:
            return files.send("no such folder", "a")
        yield "row"

    with Served(app) as site:
        assert site.ask("/?file").status == 404 and site.ask("/").body == b"row"
