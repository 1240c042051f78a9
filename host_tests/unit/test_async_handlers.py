# Handlers that are `async def`: each in a task of its own under asyncio, and a clear word without it.

import asyncio
import sys
import time

from app_client import Served
from mungo.app import App, Response, abort
from test_aio import Site, run, until
from waiting import until as poll_until

MIN_HEAP = "448k"

IS_MICROPYTHON = sys.implementation.name == "micropython"


def async_app(log):
    app = App()

    @app.get("/now")
    async def now(req):
        return "now\n"

    @app.get("/wait/<int:ms>")
    async def wait(req, ms):
        log.append(asyncio.current_task())
        try:
            await asyncio.sleep(ms / 1000)
            log.append("awake")
        finally:
            log.append("ended")
        return {"ms": ms, "path": req.path, "x": req.headers.get("X-A")}

    @app.get("/what/<name>")
    async def what(req, name):
        if "wait" in req.args:
            await asyncio.sleep(0.001)
        if name == "abort":
            abort(403, "no\n")
        if name == "raise":
            raise KeyError(name)
        if name == "none":
            return None
        if name == "tuple":
            return "made", 201, {"X-B": "c"}
        if name == "response":
            return Response(b"r", 202)
        if name == "reply":
            req.c.http_reply(203, {}, "by hand")
            return None
        if name == "function":
            return lambda c, hm: c.http_reply(206, {}, "taken")
        if name == "set":
            return {1, 2}
        if name == "generator":
            return rows()

    def rows():
        yield "a"
        yield "b"

    @app.get("/rows/<what>")
    def pieces(req, what):
        if what == "int":
            yield 3
        if what == "tuple":
            return "none", 404
        yield "a"
        yield what

    app.errorhandler(KeyError)(lambda req, er: ("missing", 410))

    @app.after_request
    def stamp(req, response):
        response.headers["X-Status"] = response.status

    return app


TABLE = (
    ("abort", 403, b"no\n"),
    ("raise", 410, b"missing"),
    ("none", 204, b""),
    ("tuple", 201, b"made"),
    ("response", 202, b"r"),
    ("reply", 203, b"by hand"),
    ("function", 206, b"taken"),
    ("set", 500, b"Internal Server Error\n"),
    ("generator", 200, b"ab"),
)


def test_what_they_return_and_raise():
    async def main():
        site = Site(async_app([]))
        await site.start()
        for more in ("", "?wait"):
            for name, status, body in TABLE:
                answer = await site.ask("/what/" + name + more)
                assert (answer.status, answer.body) == (status, body), (name, more, answer.status, answer.body)
                assert answer.field("x-status") == {"reply": None, "function": "200"}.get(name, str(status)), name
        assert (await site.ask("/now")).body == b"now\n"
        assert site.mgr.stats["bugs"] == 2  # the sets
        for what, status, body in (("int", 500, b"Internal Server Error\n"), ("tuple", 404, b"none"), ("b", 200, b"ab")):
            answer = await site.ask("/rows/" + what)  # generators as ever
            assert (answer.status, answer.body) == (status, body), (what, answer.status, answer.body)
        assert site.mgr.stats["bugs"] == 3
        await site.stop()

    run(main())


def test_each_runs_in_a_task_of_its_own_beside_the_others():
    async def main():
        log = []
        site = Site(async_app(log))
        await site.start()
        asked = [asyncio.create_task(site.ask("/wait/%d" % ms)) for ms in (900, 800, 1000)]
        await until(lambda: len(log) == 3)
        assert len({id(task) for task in log}) == 3 and asyncio.current_task() not in log
        for _ in range(5):
            assert (await site.ask("/now")).status == 200
        assert log[3:] == []  # none of them has waited for the others
        for task in asked:
            assert (await task).status == 200
        await until(lambda: len(log) == 9)
        await site.stop()

    run(main())


def test_requests_stay_valid_and_pipelined_ones_in_order():
    async def main():
        site = Site(async_app([]))
        await site.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for n in (20, 1, 10):
            writer.write(b"GET /wait/%d HTTP/1.1\r\nHost: a\r\nX-A: %d\r\n\r\n" % (n, n))
        writer.write(b"GET /what/reply?wait HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await writer.drain()
        got = b""
        piece = b"x"
        while piece:
            piece = await reader.read(1000)
            got += piece
        places = [got.find(text) for text in (b'"/wait/20"', b'"/wait/1"', b'"/wait/10"', b"by hand", b"now\n")]
        assert places == sorted(places) and places[0] > 0, got
        for n in (20, 1, 10):
            assert b'"x": "%d"' % n in got, got
        assert got.count(b"HTTP/1.1 ") == 5 and site.mgr.stats["bugs"] == 0
        writer.close()
        await writer.wait_closed()
        await site.stop()

    run(main())


def test_a_client_that_leaves_cancels_its_handler():
    async def main():
        log = []
        site = Site(async_app(log))
        await site.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
        await writer.drain()
        assert b"now" in await reader.read(1000)
        writer.write(b"GET /wait/60000 HTTP/1.1\r\nHost: a\r\n\r\n")
        await writer.drain()
        await until(lambda: log)
        writer.close()
        await writer.wait_closed()
        await until(lambda: "ended" in log)
        assert "awake" not in log and site.mgr.stats["bugs"] == 0
        assert (await site.ask("/now")).body == b"now\n"
        await site.stop()

    run(main())


def test_a_handler_that_the_program_cancels_answers_503():
    async def main():
        log = []
        site = Site(async_app(log))
        await site.start()
        asked = asyncio.create_task(site.ask("/wait/60000"))
        await until(lambda: log)
        log[0].cancel()
        answer = await asked
        assert (answer.status, answer.field("x-status")) == (503, "503")
        await until(lambda: log[1:] == ["ended"])
        await site.stop()

    run(main())


def test_the_end_of_the_server_cancels_them():
    async def main():
        log = []
        site = Site(async_app(log))
        await site.start()
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /wait/60000 HTTP/1.1\r\nHost: a\r\n\r\n")
        await writer.drain()
        await until(lambda: log)
        await site.stop()
        await until(lambda: log[1:] == ["ended"])
        writer.close()
        await writer.wait_closed()

    run(main())


def test_serve_runs_them():
    async def main():
        app = async_app([])
        app.get("/stop")(lambda req: req.c.mgr.stop())
        site = Site(app)
        port = site.port
        site.mgr.close()
        task = asyncio.create_task(app.serve("127.0.0.1", port))
        await asyncio.sleep(0)
        assert (await site.ask("/what/tuple?wait")).body == b"made"
        await site.ask("/stop")
        await task

    run(main())


def test_without_asyncio_they_get_500_and_a_line_that_says_what_to_do():
    log = []
    lines = []
    with Served(async_app(log)) as site:
        report = site.mgr.report

        def noted(er):
            lines.append(str(er))
            report(er)

        site.mgr.report = noted
        for n in range(1, 4):
            answer = site.ask("/wait/1")
            assert (answer.status, answer.body, site.bugs) == (500, b"Internal Server Error\n", n)
            assert "await app.serve()" in lines[-1], lines
        assert "awake" not in log
        answer = site.ask("/now")  # never an empty 200. (In MicroPython nothing tells it from a generator that returns an answer.)
        assert (answer.status, answer.body) == ((200, b"now\n") if IS_MICROPYTHON else (500, b"Internal Server Error\n"))
        assert site.ask("/what/none").status == (204 if IS_MICROPYTHON else 500)
        assert site.ask("/rows/b").body == b"ab"
        start = time.ticks_ms()
        poll_until(lambda: time.ticks_diff(time.ticks_ms(), start) > 5, site.mgr)
        assert "awake" not in log  # nothing of it goes on

    async def later():  # and asyncio is as it was
        await asyncio.sleep(0.005)
        return "fine"

    async def main():
        assert await later() == "fine" and "awake" not in log

    run(main())


def test_a_workers_handler_is_no_coroutine():
    app = App(workers=1)
    lines = []

    @app.get("/", worker=True)
    async def waits(req):
        await asyncio.sleep(0.01)
        return "never"

    app.get("/fine", worker=True)(lambda req: "fine")
    with Served(app) as site:
        site.mgr.report = lines.append
        for n in range(1, 3):
            assert site.ask("/").status == 500 and len(lines) == n and isinstance(lines[-1], TypeError), lines
        assert site.ask("/fine").body == b"fine"
