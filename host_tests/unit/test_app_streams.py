# stream=True: handlers that take a body piece by piece, as it comes.

import json

from app_client import Served
from mungo.app import App, abort
from waiting import until

MIN_HEAP = "320k"


def upload(log):
    """A stream handler that adds up what comes."""

    def take(req, **values):
        size = total = 0
        log.append(("begun", req.body))
        try:
            while True:
                piece = yield req.stream
                if piece is None:
                    break
                size += len(piece)
                total += sum(piece)
        finally:
            log.append("ended")
        return {"size": size, "sum": total, "values": values}

    return take


def body(n):
    data = bytearray(n)
    for i in range(n):
        data[i] = i * 7 % 256
    return bytes(data)


def test_a_body_of_any_length_comes_in_pieces():
    app = App()
    log = []
    app.post("/up/<name>", stream=True)(upload(log))
    app.get("/fast")(lambda req: "fast")
    with Served(app, body_limit=1000) as site:
        for n in (0, 1, 999, 5000, 20000):
            answer = site.ask("/up/a%20b", "POST", body=body(n))
            assert answer.status == 200, answer.status
            assert json.loads(answer.body) == {"size": n, "sum": sum(body(n)), "values": {"name": "a b"}}, n
            assert log == [("begun", b""), "ended"]
            log.clear()
            assert site.ask("/fast").body == b"fast"
        browser = site.browser()
        browser.send("/up/x", "POST", "Transfer-Encoding: chunked\r\n")
        for n in (1, 500, 3000):
            browser.client.send(b"%x\r\n%s\r\n" % (n, body(n)))
        browser.client.send(b"0\r\n\r\n")
        assert json.loads(browser.answer().body)["size"] == 3501
        assert browser.ask("/fast").body == b"fast"
        assert site.bugs == 0 and len(site.browsers) == 2


def test_the_handler_runs_before_the_body_has_come():
    app = App()
    log = []
    app.post("/", stream=True)(upload(log))
    with Served(app) as site:
        browser = site.browser()
        browser.send("/", "POST", "Content-Length: 6\r\n")
        until(lambda: log, site.mgr)
        browser.client.send(b"abc")
        for _ in range(3):
            site.mgr.poll(1)
        assert log == [("begun", b"")]
        browser.client.send(b"def")
        assert json.loads(browser.answer().body)["size"] == 6


def test_other_routes_beside_it_wait_for_their_whole_body():
    app = App()
    log = []
    app.post("/stream", stream=True)(upload([]))
    app.post("/plain")(lambda req: log.append(req.body) or req.body)
    app.post("/worker", worker=True)(lambda req: req.body)
    with Served(app) as site:
        for path in ("/plain", "/worker"):
            browser = site.browser()
            browser.send(path, "POST", "Content-Length: 6\r\n")
            browser.client.send(b"abc")
            for _ in range(3):
                site.mgr.poll(1)
            browser.client.send(b"def")
            assert browser.answer().body == b"abcdef"
        assert log == [b"abcdef"]


def test_a_handler_that_has_seen_enough_answers_at_once():
    app = App()

    @app.post("/first", stream=True)
    def first(req):
        piece = yield req.stream
        return bytes(piece[:3])

    @app.post("/none", stream=True)
    def none(req):
        return "no, thanks", 409
        yield

    @app.post("/abort", stream=True)
    def refuse(req):
        yield req.stream
        abort(413, "too much\n")

    app.post("/plain", stream=True)(lambda req: "no generator")
    with Served(app, linger_ms=50) as site:
        for path, status, text in (
            ("/first", 200, b"xyz"),
            ("/none", 409, b"no, thanks"),
            ("/abort", 413, b"too much\n"),
            ("/plain", 200, b"no generator"),
        ):
            browser = site.browser()
            browser.send(path, "POST", "Content-Length: 1000000\r\n")
            browser.client.send(b"xyz" * 100)
            answer = browser.answer()
            assert (answer.status, answer.body) == (status, text), path
            assert answer.field("connection") == "close"  # the rest would be taken for a request
            browser.client.until_ended()
        for path, status in (("/first", 200), ("/none", 409), ("/plain", 200)):
            assert site.browser().ask(path, "POST", body=b"xyz").status == status
        assert site.bugs == 0


def test_a_handler_that_raises_is_a_500():
    app = App()

    @app.post("/<int:n>", stream=True)
    def fn(req, n):
        for _ in range(n):
            yield req.stream
        raise KeyError(n)

    @app.post("/endless", stream=True)
    def endless(req):
        while True:
            yield req.stream

    app.get("/fast")(lambda req: "fast")
    with Served(app) as site:
        for k, path in enumerate(("/0", "/1", "/2", "/endless"), 1):
            browser = site.browser()
            browser.send(path, "POST", body=b"abc")
            assert browser.answer().status == 500, path
            assert site.bugs == k
        assert site.ask("/fast").body == b"fast"


def test_a_client_that_leaves_closes_the_handler():
    app = App()
    log = []
    app.post("/", stream=True)(upload(log))
    with Served(app) as site:
        browser = site.browser()
        browser.send("/", "POST", "Content-Length: 1000\r\n")
        browser.client.send(b"abc")
        until(lambda: log, site.mgr)
        browser.close()
        until(lambda: log[-1] == "ended", site.mgr)
        assert site.bugs == 0


def test_the_teardown_hooks_run_once_whether_the_client_leaves_or_is_answered():
    app = App()
    log = []
    seen = []

    @app.post("/early", stream=True)
    def early(req):
        yield req.stream
        return "enough"

    @app.post("/never", stream=True)
    def never(req):
        while True:
            yield req.stream

    app.post("/", stream=True)(upload(log))
    app.after_request(lambda req, response: seen.append("after"))
    app.teardown_request(lambda req, error: seen.append((req.path, type(error))))
    with Served(app) as site:
        browser = site.browser()
        browser.send("/", "POST", "Content-Length: 1000\r\n")
        browser.client.send(b"abc")
        until(lambda: log, site.mgr)
        browser.close()
        until(lambda: seen, site.mgr)
        site.mgr.poll(0)
        assert seen == [("/", OSError)]
        del seen[:]
        assert site.ask("/", "POST", body=b"abc").status == 200
        assert seen == ["after", ("/", type(None))]
        del seen[:]
        others = site.mgr.accepted
        browser = site.browser()
        browser.send("/early", "POST", "Content-Length: 1000\r\n")
        browser.client.send(b"abc")
        assert browser.answer().body == b"enough"
        browser.close()
        until(lambda: site.mgr.accepted == others, site.mgr)
        assert seen == ["after", ("/early", type(None))] and site.bugs == 0
        del seen[:]
        assert site.ask("/never", "POST", body=b"abc").status == 500
        assert seen == ["after", ("/never", RuntimeError)] and site.bugs == 1


def test_hooks_see_a_stream_before_its_body_and_404_needs_none():
    app = App()
    log = []
    app.post("/", stream=True)(upload(log))
    app.before_request(lambda req: abort(403) if "X-Key" not in req.headers else None)
    app.after_request(lambda req, response: response.headers.update({"X-After": req.path}))
    with Served(app) as site:
        browser = site.browser()
        browser.send("/", "POST", "Content-Length: 1000000\r\n")
        answer = browser.answer()
        assert (answer.status, answer.field("x-after")) == (403, "/") and not log
        answer = site.ask("/", "POST", "X-Key: 1\r\n", b"abc")
        assert (answer.status, answer.field("x-after")) == (200, "/")
        browser = site.browser()
        browser.send("/", "PUT", "X-Key: 1\r\nContent-Length: 1000000\r\n")  # 405 for a path with a stream: at once
        assert browser.answer().status == 405


def test_a_generator_may_answer_a_stream():
    app = App()

    @app.post("/", stream=True)
    def fn(req):
        pieces = []
        while True:
            piece = yield req.stream
            if piece is None:
                break
            pieces.append(bytes(piece))

        def answer():
            for piece in pieces:
                yield piece

        return answer()

    with Served(app) as site:
        assert site.ask("/", "POST", body=body(3000)).body == body(3000)
