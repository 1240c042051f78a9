# worker=True: handlers that block, with the pool as it is and with RP2's one thread; and with none to be had at all.

import _thread
import builtins
import json
import time

from app_client import Served
from mungo.app import App, Response, abort
from waiting import until

MIN_HEAP = "448k"


def both(test):
    """Run the test with several workers, and with one."""

    def run():
        for n in (3, 1):
            test(n)

    return run


class Gate:
    """What handlers wait for, in their threads."""

    def __init__(self):
        self.lock = _thread.allocate_lock()
        self.waits = 0  # how many have come
        self.passes = 0

    def enter(self):
        with self.lock:
            self.waits += 1
        while True:
            with self.lock:
                if self.passes:
                    self.passes -= 1
                    return
            time.sleep_ms(1)

    def pass_(self, n=1):
        """Let as many go on."""
        with self.lock:
            self.passes += n


# --- what comes back


@both
def test_all_kinds_of_answers(n):
    app = App(workers=n)
    app.get("/str", worker=True)(lambda req: "t\xe4xt")
    app.get("/bytes", worker=True)(lambda req: b"\0\xff")
    app.get("/json", worker=True)(lambda req: [1, {"a": None}])
    app.get("/none", worker=True)(lambda req: None)
    app.get("/tuple", worker=True)(lambda req: ("made", 201, {"X-A": "b"}))
    app.get("/response", worker=True)(lambda req: Response({"a": 1}, 202))
    app.get("/abort", worker=True)(lambda req: abort(409, "no\n"))
    app.get("/large", worker=True)(lambda req: "x" * 30000)
    app.get("/wrong", worker=True)(lambda req: 5)
    app.get("/<int:a>/<b>", worker=True)(lambda req, a, b: "%d %s" % (a, b))
    with Served(app) as site:
        assert site.ask("/str").body == "t\xe4xt".encode()
        answer = site.ask("/bytes")
        assert answer.body == b"\0\xff" and answer.field("content-type") == "application/octet-stream"
        assert json.loads(site.ask("/json").body) == [1, {"a": None}]
        assert site.ask("/none").status == 204
        answer = site.ask("/tuple")
        assert (answer.status, answer.body, answer.field("x-a")) == (201, b"made", "b")
        assert site.ask("/response").status == 202
        answer = site.ask("/abort")
        assert (answer.status, answer.body) == (409, b"no\n")
        assert len(site.ask("/large").body) == 30000
        assert site.ask("/12/a%20b").body == b"12 a b"
        assert site.ask("/str", "HEAD").body == b""
        assert site.bugs == 0
        assert site.ask("/wrong").status == 500 and site.bugs == 1
        assert len(site.browsers) == 1 and site.mgr.stats["workers"]["threads"] <= n


@both
def test_the_request_is_a_copy(n):
    app = App(workers=n)
    gate = Gate()
    seen = []

    @app.post("/<name>", worker=True)
    def look(req, name):
        gate.enter()  # meanwhile the loop's buffer has been used for others
        headers = [value for field, value in req.headers if field == "X-Long"]
        return [name, req.method, req.url, req.args, headers, req.cookies, req.json, req.rem, req.c is None, req.headers["x-one"]]

    app.get("/fast")(lambda req: seen.append(req.c))
    with Served(app) as site:
        slow = site.browser()
        long = "y" * 400
        body = json.dumps({"deep": [1, 2, 3]}).encode()
        lines = "X-One: 1\r\nX-Long: %s\r\nCookie: a=b\r\nContent-Type: application/json\r\n" % long
        slow.send("/n%41me?q=%31", "POST", lines, body)
        until(lambda: gate.waits == 1, site.mgr)
        for _ in range(5):
            assert site.ask("/fast", lines="X-Other: %s\r\n" % ("z" * 600)).status == 204
        gate.pass_()
        found = json.loads(slow.answer().body)
        assert found[:7] == ["nAme", "POST", "/n%41me?q=%31", {"q": "1"}, [long], {"a": "b"}, {"deep": [1, 2, 3]}], found
        assert found[7].startswith("127.0.0.1:") and found[8:] == [True, "1"]


@both
def test_quick_ones_do_not_wait_for_slow_ones(n):
    app = App(workers=n)
    gate = Gate()

    @app.get("/slow", worker=True)
    def slow(req):
        gate.enter()
        return "slow"

    app.get("/fast")(lambda req: "fast")
    with Served(app) as site:
        browsers = [site.browser() for _ in range(n)]
        for browser in browsers:
            browser.send("/slow")
        until(lambda: site.mgr.stats["workers"]["busy"] == n, site.mgr)
        for _ in range(50):
            assert site.ask("/fast").body == b"fast"
        for browser in browsers:
            assert browser.client.got == b""
        gate.pass_(n)
        assert [browser.answer().body for browser in browsers] == [b"slow"] * n


@both
def test_pipelined_answers_keep_their_order(n):
    app = App(workers=n)
    app.get("/fast")(lambda req: "fast")
    app.get("/slow/<name>", worker=True)(lambda req, name: time.sleep_ms(20) or name)
    with Served(app) as site:
        browser = site.browser()
        for path in ("/slow/a", "/fast", "/slow/b", "/slow/c", "/fast"):
            browser.send(path)
        assert [browser.answer().body for _ in range(5)] == [b"a", b"fast", b"b", b"c", b"fast"]


def test_a_worker_imports_nothing():
    # An import in one thread while another reads the same dicts is a race, where there is no GIL.
    app = App(workers=1)
    loop = _thread.get_ident()
    imported = []
    real = builtins.__import__

    def spy(name, *args):
        if _thread.get_ident() != loop:
            imported.append(name)
        return real(name, *args)

    @app.post("/<name>", worker=True)
    def look(req, name):
        if "missing" in req.args:
            abort(404)
        content = req.form if "urlencoded" in req.headers.get("Content-Type", "") else req.json
        found = [req.method, req.url, req.path, req.rem, req.user, req.cookies, content, req.g, req.headers["host"]]
        return found + ["x-a" in req.headers, len(list(req.headers)), req.app is app, req.body.decode()]

    with Served(app) as site:
        builtins.__import__ = spy
        try:
            for lines in ("Content-Type: application/json\r\n", "Content-Type: application/x-www-form-urlencoded\r\n", "Cookie: a=b\r\n"):
                assert site.ask("/a?b=%20", "POST", lines, b"1").status == 200
            assert site.ask("/a?missing", "POST", "", b"").status == 404
            assert site.ask("/a?" + "&" * 257, "POST", "", b"").status == 400
            assert site.ask("/a", "POST", "Content-Type: application/json\r\n", b"[1 true]").status == 400
        finally:
            builtins.__import__ = real
        assert not imported and site.bugs == 0, imported


# --- what goes wrong


@both
def test_an_exception_is_its_clients_500_and_one_traceback(n):
    app = App(workers=n)

    @app.get("/raise/<kind>", worker=True)
    def throw(req, kind):
        if kind == "exit":
            raise SystemExit
        raise KeyError(kind)

    app.get("/loop")(lambda req: {}["x"])
    app.get("/fine", worker=True)(lambda req: "fine")
    reports = []
    with Served(app) as site:
        report = site.mgr.report

        def counted(er):
            reports.append(er)
            report(er)

        site.mgr.report = counted
        for k in range(1, 4):
            answer = site.ask("/raise/key")
            assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
            assert site.ask("/fine").body == b"fine"  # by the same workers
            assert len(reports) == k and isinstance(reports[-1], KeyError)
        assert site.ask("/raise/exit").status == 500 and len(reports) == 4
        for k in range(5, 8):
            assert site.ask("/loop").status == 500  # a handler in the loop likewise
            assert len(reports) == k == site.bugs
        assert site.ask("/fine").body == b"fine"
        assert len(site.browsers) == 1 and site.mgr.stats["workers"]["threads"] <= n


def test_a_full_pool_answers_503_at_once():
    app = App(workers=2, queue=3)
    gate = Gate()

    @app.get("/slow", worker=True)
    def slow(req):
        gate.enter()
        return "slow"

    app.get("/fast")(lambda req: "fast")
    with Served(app) as site:
        browsers = [site.browser() for _ in range(9)]
        for browser in browsers:
            browser.send("/slow")
        stats = site.mgr.stats["workers"]
        until(lambda: stats["refused"] == 4, site.mgr)
        refused = []
        for browser in browsers:
            browser.client.look()
            if browser.client.got:
                answer = browser.answer()
                assert (answer.status, answer.body, answer.field("retry-after")) == (503, b"Service Unavailable\n", "1")
                refused.append(browser)
        assert len(refused) == 4
        until(lambda: stats["busy"] == 2, site.mgr)
        assert site.ask("/fast").body == b"fast"
        gate.pass_(6)
        for browser in browsers:
            if browser not in refused:
                assert browser.answer().body == b"slow"
        assert refused[0].ask("/slow").body == b"slow"  # the connection is as good as before
        assert site.bugs == 0


def test_a_stuck_worker_costs_its_client_504_and_nobody_else_anything():
    app = App(workers=2)
    gate = Gate()

    @app.get("/patient", worker=True)
    @app.get("/stuck", worker=True, timeout_ms=100)
    def stuck(req):
        gate.enter()
        return "late"

    app.get("/fine", worker=True)(lambda req: "fine")
    with Served(app) as site:
        stats = site.mgr.stats["workers"]
        browser = site.browser()
        start = time.ticks_ms()
        browser.send("/stuck")
        answer = browser.answer()
        took = time.ticks_diff(time.ticks_ms(), start)
        assert (answer.status, answer.body) == (504, b"Gateway Timeout\n") and took >= 100, took
        assert (stats["timeouts"], stats["stuck"], stats["late"], stats["busy"]) == (1, 1, 0, 1)
        for _ in range(10):
            assert site.ask("/fine").body == b"fine"  # by the other
        gate.pass_()
        until(lambda: stats["late"] == 1, site.mgr)
        assert (stats["stuck"], stats["busy"]) == (0, 0)
        for _ in range(3):
            assert browser.ask("/fine").body == b"fine"
        assert browser.client.got == b""  # the late answer went nowhere
        blocked = [site.browser() for _ in range(2)]
        for other in blocked:
            other.send("/patient")
        until(lambda: stats["busy"] == 2, site.mgr)  # both: it has rejoined
        gate.pass_(2)
        assert [other.answer().status for other in blocked] == [200, 200]
        assert site.bugs == 0


def test_with_one_worker_that_is_stuck_others_time_out_or_wait():
    app = App(workers=1)
    gate = Gate()

    @app.get("/stuck", worker=True, timeout_ms=50)
    def stuck(req):
        gate.enter()
        return "late"

    app.get("/fine", worker=True)(lambda req: "fine")
    app.get("/fast")(lambda req: "fast")
    with Served(app) as site:
        assert site.ask("/stuck").status == 504
        other = site.browser()
        other.send("/stuck")
        waiting = site.browser()
        waiting.send("/fine")
        assert other.answer().status == 504  # in the queue
        assert site.ask("/fast").body == b"fast" and waiting.client.got == b""
        gate.pass_()
        assert waiting.answer().body == b"fine"


@both
def test_a_client_that_leaves_takes_its_request_along(n):
    app = App(workers=n)
    gate = Gate()
    ran = []

    @app.get("/slow/<name>", worker=True)
    def slow(req, name):
        ran.append(name)
        gate.enter()
        return name

    answers = []
    app.after_request(lambda req, response: answers.append(req.path))
    with Served(app) as site:
        stats = site.mgr.stats["workers"]
        busy = [site.browser() for _ in range(n)]
        for browser in busy:
            browser.send("/slow/first")
        until(lambda: stats["busy"] == n and gate.waits == n, site.mgr)
        leaves = site.browser()
        leaves.send("/slow/leaves")
        until(lambda: stats["jobs"] == n + 1, site.mgr)
        leaves.close()
        busy[0].close()  # and one at work
        until(lambda: stats["dropped"] == 2, site.mgr)
        gate.pass_(n)
        for browser in busy[1:]:
            assert browser.answer().body == b"first"
        until(lambda: stats["busy"] == 0, site.mgr)
        assert ran == ["first"] * n and stats["late"] == 1 and site.bugs == 0
        assert answers == ["/slow/first"] * (n - 1)  # nothing is made for who is gone


@both
def test_the_teardown_hooks_run_for_a_client_that_leaves_once_and_no_others(n):
    app = App(workers=n)
    gate = Gate()
    seen = []

    @app.get("/value/<name>", worker=True)
    def value(req, name):
        gate.enter()
        return name

    @app.get("/pieces/<name>", worker=True)
    def pieces(req, name):
        gate.enter()
        yield name

    app.after_request(lambda req, response: seen.append((req.path, "after")))
    app.teardown_request(lambda req, error: seen.append((req.path, type(error))))
    with Served(app) as site:
        stats = site.mgr.stats["workers"]
        for n_th, path in enumerate(("/value/at-work", "/pieces/at-work")):
            leaves = site.browser()
            leaves.send(path)
            until(lambda n_th=n_th: gate.waits == n_th + 1, site.mgr)
            waiting = site.browser()
            if n == 1:  # it waits in the queue
                waiting.send(path + "-no-more")
                until(lambda: stats["jobs"] - stats["done"] - stats["dropped"] == 2, site.mgr)
            leaves.close()
            waiting.close()
            until(lambda: len(seen) == (2 if n == 1 else 1), site.mgr)
            gate.pass_()
            until(lambda: stats["busy"] == 0 and not site.mgr.pipes, site.mgr)
            expected = [(path, OSError), (path + "-no-more", OSError)]
            assert sorted(seen, key=lambda one: one[0]) == expected[: len(seen)], seen
            del seen[:]
        gate.pass_()
        assert site.ask("/value/stays").body == b"stays"
        assert seen == [("/value/stays", "after"), ("/value/stays", type(None))] and site.bugs == 0


class NoThreads:
    """_thread for mungo.threads.pool, on a board whose other core is in use."""

    stack_size = staticmethod(_thread.stack_size)

    @staticmethod
    def start_new_thread(fn, args):
        raise OSError("core1 in use")


def test_with_no_thread_to_be_had_worker_routes_answer_503_and_the_loop_lives():
    app = App()
    app.get("/slow", worker=True)(lambda req: "slow")
    app.get("/fast")(lambda req: "fast")
    with Served(app) as site:
        import mungo.threads.pool as pool

        pool._thread = NoThreads
        try:
            browsers = [site.browser() for _ in range(6)]
            for browser in browsers:
                browser.send("/slow")
            for browser in browsers:
                assert site.ask("/fast").body == b"fast"
                answer = browser.answer()
                assert (answer.status, answer.field("retry-after")) == (503, "1")
        finally:
            pool._thread = _thread
        stats = site.mgr.stats["workers"]
        assert (stats["jobs"], stats["unstarted"], stats["threads"]) == (6, 6, 0) and site.bugs == 0
        assert browsers[0].ask("/slow").body == b"slow"  # the core is free again


# --- generators


@both
def test_a_generator_streams_from_its_worker(n):
    app = App(workers=n)
    gate = Gate()
    log = []

    @app.get("/table", worker=True)
    def table(req):
        def rows():
            try:
                yield "first,"
                gate.enter()
                yield b"second,"
                yield ""
                yield bytearray(b"third")
            finally:
                log.append("closed")

        return rows(), 200, {"Content-Type": "text/csv"}

    app.get("/fast")(lambda req: "fast")
    with Served(app) as site:
        browser = site.browser()
        browser.send("/table")
        browser.client.until_has(b"first,")  # before the second is made
        assert not log and site.ask("/fast").body == b"fast"
        gate.pass_()
        answer = browser.answer()
        assert answer.chunks == [b"first,", b"second,", b"third"] and answer.field("content-type") == "text/csv"
        until(lambda: log == ["closed"], site.mgr)
        assert browser.ask("/fast").body == b"fast"
        answer = browser.ask("/table", "HEAD")
        assert answer.status == 200 and answer.body == b""
        assert browser.ask("/fast").body == b"fast"
        assert site.bugs == 0 and site.mgr.pipes == 0


@both
def test_a_generator_that_raises_is_cut_and_its_worker_goes_on(n):
    app = App(workers=n)

    @app.get("/", worker=True)
    def fn(req):
        def pieces():
            yield "begun"
            raise KeyError

        return pieces()

    app.get("/fine", worker=True)(lambda req: "fine")
    with Served(app) as site:
        browser = site.browser()
        browser.send("/")
        got = browser.client.until_ended()
        assert b"begun" in got and not got.endswith(b"0\r\n\r\n")  # so that the client knows
        assert site.bugs == 1
        assert site.ask("/fine").body == b"fine"


@both
def test_a_client_that_leaves_closes_the_generator_wherever_it_is(n):
    app = App(workers=n)
    log = []

    @app.get("/<int:ms>", worker=True)
    def fn(req, ms):
        def pieces():
            try:
                while True:
                    time.sleep_ms(ms)
                    yield "x" * 4000
            finally:
                log.append("closed")

        return pieces()

    app.get("/fine", worker=True)(lambda req: "fine")
    with Served(app, write_ms=200) as site:
        reader = site.browser()
        reader.send("/10")
        reader.client.until_has(b"xxx")
        reader.close()
        until(lambda: len(log) == 1, site.mgr)
        deaf = site.browser()  # reads nothing: cut at its write deadline
        deaf.send("/0")
        until(lambda: len(log) == 2, site.mgr)
        assert site.mgr.stats["timeouts"] == 1
        assert site.ask("/fine").body == b"fine" and site.bugs == 0
        until(lambda: site.mgr.pipes == 0, site.mgr)


def test_a_pool_that_is_there_already_is_taken():
    app = App(workers=2)
    app.get("/", worker=True)(lambda req: "hi")
    with Served(app) as site:
        other = App(workers=9, queue=9)
        other.get("/", worker=True)(lambda req: "other")
        second = Served(other)
        second.mgr.close()
        second.mgr = site.mgr
        from net import listening

        _, second.port = listening(lambda url: other.attach(site.mgr, url))
        assert second.ask("/").body == b"other" and site.mgr.workers().n == 2
        second.mine.close()


def test_worker_and_stream_exclude_each_other_when_the_route_is_made():
    try:
        App().post("/", worker=True, stream=True)
    except ValueError:
        return
    raise AssertionError("not raised")


def test_a_workers_time_that_can_not_be_is_refused_when_the_route_is_made():
    for ms in (-1, 0, 1.5, "10"):
        try:
            App().get("/", worker=True, timeout_ms=ms)(lambda req: "hi")
        except ValueError as er:
            assert "timeout_ms=%r" % ms in str(er) or "timeout_ms=%s" % repr(ms) in str(er), er
        else:
            raise AssertionError(ms)


def test_a_bug_in_the_answer_itself_gives_500():
    # What App makes of a worker's result can fail in many ways; its client gets an answer in each.
    app = App(workers=1)
    app.get("/headers", worker=True)(lambda req: ("body", 200, {"X": "a\r\nY: b"}))
    app.get("/status", worker=True)(lambda req: ("body", 99))
    app.get("/after", worker=True)(lambda req: "body")
    app.get("/take", worker=True)(lambda req: lambda c, hm: 1 // 0)
    app.get("/fine")(lambda req: "fine")

    @app.after_request
    def after(req, response):
        if req.path == "/after":
            raise KeyError

    with Served(app) as site:
        for n, path in enumerate(("/headers", "/status", "/after", "/take")):
            assert site.ask(path).status == 500 and site.bugs == n + 1, path
        assert site.ask("/fine").body == b"fine"
        real = site.mgr.report
        reports = []

        def report(er):  # the last resort fails as well
            reports.append(er)
            if len(reports) == 1:
                raise MemoryError
            real(er)

        site.mgr.report = report
        assert site.ask("/take").status == 500 and isinstance(reports[1], MemoryError), reports
        site.mgr.report = real


def test_an_app_without_worker_routes_has_no_pool():
    app = App()
    app.get("/")(lambda req: "hi")
    with Served(app) as site:
        assert site.ask("/").status == 200 and not site.mgr.stats["workers"]
