# The field Date: in all answers once the clock is set, in none before.

import time

import mungo
from app_client import Browser, Served
from mungo.app import App, abort
from mungo.http import date, files, now
from net import listening
from sites import Serving
from waiting import until

MIN_HEAP = "600k"


def moment(answer):
    """The Date of an answer, which has one, so that it compares as time does."""
    assert len(answer.dates) == 1, (answer.dates, answer.fields)
    found = date.parse_date(answer.dates[0])
    assert found, answer.dates
    return found


def the_time(seconds):
    return date.parse_date(now.http_date(time.gmtime(seconds)))


def site_app(root):
    app = App()
    app.get("/")(lambda req: "hi")
    app.get("/bytes")(lambda req: b"x" * 3000)
    app.get("/none")(lambda req: None)
    app.get("/fields")(lambda req: ("hi", 201, {"X-A": "b"}))
    app.get("/bug")(lambda req: {}["x"])
    app.get("/abort")(lambda req: abort(403))
    app.get("/worker", worker=True)(lambda req: "worked")
    app.get("/function")(lambda req: lambda c, hm: c.http_reply(200, {}, "taken"))
    app.get("/mine/<name>")(lambda req, name: ("hi", 200, {name: "Sun, 06 Nov 1994 08:49:37 GMT"}))
    app.get("/not-mine")(lambda req: ("hi", 200, {"X-Date": "1", "Last-Update": "date: today"}))
    app.get("/files/<path:rest>")(lambda req, rest: files.send(root, rest))

    @app.get("/stream")
    def stream(req):
        yield "a"

    return app


def test_all_answers_have_a_date():
    with Serving() as folder, Served(site_app(folder.root), linger_ms=10) as site:
        folder.write("a.txt", b"text")
        folder.write("new.txt", b"text", None)
        for target, lines, status in (
            ("/", "", 200),
            ("/", "Connection: close\r\n", 200),
            ("/bytes", "", 200),
            ("/none", "", 204),
            ("/fields", "", 201),
            ("/bug", "", 500),
            ("/abort", "", 403),
            ("/nowhere", "", 404),
            ("/worker", "", 200),
            ("/function", "", 200),
            ("/stream", "", 200),
            ("/not-mine", "", 200),
            ("/files/a.txt", "", 200),
            ("/files/a.txt", "If-Modified-Since: Wed, 02 Jan 2030 00:00:00 GMT\r\n", 304),
            ("/files/new.txt", "", 200),
            ("/", "Expect: x\r\n", 417),
            ("/", "X y\r\n", 400),
        ):
            for method in ("GET", "HEAD"):
                start = time.time()
                answer = site.browser().ask(target, method, lines)
                assert answer.status == status, (target, method, answer.status)
                found = moment(answer)
                assert the_time(start - 3) <= found <= the_time(time.time()), (found, target)
                changed = answer.field("last-modified")
                assert changed is None or date.parse_date(changed) < found
        for name in ("Date", "date", "DATE"):  # a program's own takes its place
            assert site.ask("/mine/" + name).dates == ["Sun, 06 Nov 1994 08:49:37 GMT"]


def test_events_and_limits_have_it():
    mgr = mungo.Manager(head_ms=20, linger_ms=10)
    _, port = listening(lambda url: mgr.http_listen(url, lambda c, ev, hm, fn_data: ev == mungo.EV_HTTP_MSG and c.http_reply(200, {}, "x")))
    browser = Browser(mgr, port)
    for _ in range(3):
        moment(browser.ask())
    browser.client.send(b"GET / HT")
    answer = browser.answer()
    assert answer.status == 408 and moment(answer)
    browser.close()
    assert mgr.close()


class Clock:
    """time.gmtime for mungo.http.now, with a clock that says what `t` is."""

    def __init__(self, t):
        self.t = t
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.t

    def __enter__(self):
        now.gmtime = self
        now.now.second = None
        return self

    def __exit__(self, *_):
        now.gmtime = time.gmtime
        now.now.second = None


UNSET = (2021, 1, 1, 0, 0, 30, 4, 1)
SET = (2026, 11, 30, 8, 5, 9, 0, 334)
TEXT = "Mon, 30 Nov 2026 08:05:09 GMT"


def test_without_a_clock_there_is_no_date():
    with Serving() as folder, Served(site_app(folder.root), linger_ms=10) as site, Clock(UNSET) as clock:
        for target, lines in (("/", ""), ("/fields", ""), ("/nowhere", ""), ("/stream", ""), ("/files/none", ""), ("/", "Expect: x\r\n")):
            answer = site.browser().ask(target, lines=lines)
            assert answer.dates == [], (target, answer.dates)
        assert site.ask("/mine/Date").dates == ["Sun, 06 Nov 1994 08:49:37 GMT"]
        clock.t = SET  # the program has set it
        until(lambda: site.ask("/").dates == [TEXT], site.mgr)
        for target in ("/", "/fields", "/nowhere", "/stream"):
            assert site.ask(target).dates == [TEXT], target
        clock.t = UNSET
        until(lambda: site.ask("/").dates == [], site.mgr)


def test_it_is_made_once_a_second_for_all():
    with Served(site_app("")) as site, Clock(SET) as clock:
        start = time.ticks_ms()
        for n in range(100):
            assert site.ask(("/", "/fields", "/bytes", "/nowhere")[n % 4]).dates == [TEXT]
        took = time.ticks_diff(time.ticks_ms(), start)
        assert 1 <= clock.asked <= took // 1024 + 2, (clock.asked, took)


def test_heads_of_many_kinds():
    # Heads are kept for a second, but only some: each answer has its own.
    app = App()
    app.get("/<int:n>")(lambda req, n: "x" * n)
    app.get("/bytes/<int:n>")(lambda req, n: b"x" * n)
    with Served(app) as site, Clock(SET):
        for _ in range(2):
            for n in range(20):
                for path, kind in (("/%d", "text/plain; charset=UTF-8"), ("/bytes/%d", "application/octet-stream")):
                    answer = site.ask(path % n)
                    assert (answer.body, answer.field("content-length")) == (b"x" * n, str(n)) and answer.dates == [TEXT]
                    assert answer.field("content-type") == kind or not n
        assert len(now.now.heads) <= 8
