# Hooks and error handlers that are `async def`: under asyncio they are awaited, and the request goes on where it was; without it, a clear
# word.

import asyncio

from app_client import Served
from mungo.app import App, Response, abort
from test_aio import Site, run, until

MIN_HEAP = "448k"
LANES = ("cpython", "upy", "upy-192k")


async def pause():
    await asyncio.sleep(0.002)


def hooked_app(log, inner_log):
    app, inner = App(), App()

    def note(one, name, to):
        @one.before_request
        async def before(req):
            await pause()
            to.append("before " + name)
            if req.args.get("stop") == name:
                return "stopped by " + name, 418
            if req.args.get("abort") == name:
                abort(403, "no " + name)

        @one.before_request
        def between(req):
            to.append("sync " + name)

        @one.after_request
        async def after(req, response):
            if "fail" in req.args and req.args["fail"] == name:
                raise ValueError(name)
            await pause()
            to.append("after " + name)
            response.headers["X-" + name] = str(response.status)
            if req.args.get("replace") == name:
                return "replaced", 202

        @one.teardown_request
        async def teardown(req, error):
            to.append("teardown %s %s" % (name, type(error).__name__))
            await pause()
            to.append("torn down " + name)

    note(app, "outer", log)
    note(inner, "inner", inner_log)

    @app.get("/async")
    async def waits(req):
        await pause()
        log.append("handler")
        return {"path": req.path, "x": req.headers.get("X-A")}

    @app.get("/sync")
    def sync(req):
        log.append("handler")
        return req.path + req.headers.get("X-A", "")

    app.get("/worker", worker=True)(lambda req: "worker")
    app.get("/key")(lambda req: {}["x"])
    inner.get("/in")(lambda req: req.path)
    app.mount(inner, "/m")

    @app.errorhandler(KeyError)
    async def key(req, er):
        await pause()
        return "key %s" % req.path, 410

    @app.errorhandler(404)
    async def missing(req, er):
        await pause()
        if "twice" in req.args:
            raise KeyError("x")
        return Response("no %s" % req.path, 404, {"X-Handler": "1"})

    return app


AROUND = ["before outer", "sync outer", "handler", "after outer", "teardown outer NoneType", "torn down outer"]


def test_they_run_around_every_kind_of_handler():
    async def main():
        log, inner = [], []
        site = Site(hooked_app(log, inner))
        await site.start()
        for path, status, body in (("/async", 200, b"/async"), ("/sync", 200, b"/sync"), ("/worker", 200, b"worker")):
            answer = await site.ask(path)
            assert answer.status == status and body in answer.body, (path, answer.status, answer.body)
            assert answer.field("x-outer") == "200"
            await until(lambda: "torn down outer" in log)
            assert log == [name for name in AROUND if path != "/worker" or name != "handler"], (path, log)
            log[:] = []
        answer = await site.ask("/m/in")
        assert (answer.body, answer.field("x-outer"), answer.field("x-inner")) == (b"/m/in", "200", "200")
        await until(lambda: "torn down outer" in log and "torn down inner" in inner)
        assert log[:2] == AROUND[:2] and inner[:3] == ["before inner", "sync inner", "after inner"]
        assert site.mgr.stats["bugs"] == 0
        await site.stop()

    run(main())


def test_what_they_return_and_raise():
    async def main():
        log = []
        site = Site(hooked_app(log, []))
        await site.start()
        for target, status, body in (
            ("/sync?stop=outer", 418, b"stopped by outer"),
            ("/sync?abort=outer", 403, b"no outer"),
            ("/m/in?stop=inner", 418, b"stopped by inner"),
            ("/sync?replace=outer", 202, b"replaced"),
            ("/key", 410, b"key /key"),
            ("/nowhere", 404, b"no /nowhere"),
            ("/nowhere?twice", 410, b"key /nowhere"),
        ):
            answer = await site.ask(target)
            assert (answer.status, answer.body) == (status, body), (target, answer.status, answer.body)
            assert target.find("replace") > 0 or answer.field("x-outer") == str(status), (target, answer.fields)
            assert (answer.field("x-handler") == "1") == (target == "/nowhere")
        assert "handler" in log and site.mgr.stats["bugs"] == 0
        for target in ("/sync?fail=outer", "/m/in?fail=outer"):
            answer = await site.ask(target)
            assert (answer.status, answer.body) == (500, b"Internal Server Error\n"), answer.body
        assert site.mgr.stats["bugs"] == 2
        await site.stop()

    run(main())


def test_requests_stay_valid_and_in_their_order():
    async def main():
        site = Site(hooked_app([], []))
        await site.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for n in range(4):
            writer.write(b"GET /sync HTTP/1.1\r\nHost: a\r\nX-A: %d\r\n\r\n" % n)
        writer.write(b"GET /async HTTP/1.1\r\nHost: a\r\nX-A: last\r\nConnection: close\r\n\r\n")
        await writer.drain()
        got = b""
        piece = b"x"
        while piece:
            piece = await reader.read(1000)
            got += piece
        places = [got.find(text) for text in (b"/sync0", b"/sync1", b"/sync2", b"/sync3", b'"last"')]
        assert places == sorted(places) and places[0] > 0, got
        writer.close()
        await writer.wait_closed()
        await site.stop()

    run(main())


def test_a_client_that_leaves_cancels_its_hook_and_the_request_is_torn_down():
    async def main():
        app = App()
        log = []

        @app.before_request
        async def before(req):
            if req.path == "/before":
                await wait("before")

        @app.after_request
        async def after(req, response):
            if req.path == "/after":
                await wait("after")

        @app.get("/handler")
        async def handler(req):
            await wait("handler")

        app.get("/after")(lambda req: "never sent")

        async def wait(name):
            log.append(name)
            try:
                await asyncio.sleep(60)
            finally:
                log.append("ended " + name)

        @app.teardown_request
        async def teardown(req, error):
            await pause()
            log.append("torn down")

        site = Site(app)
        await site.start()
        for name in ("before", "handler", "after"):
            del log[:]
            _, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % name.encode())
            await writer.drain()
            await until(lambda: log)
            writer.close()
            await writer.wait_closed()
            await until(lambda: "torn down" in log)
            assert log[1:] == ["ended " + name, "torn down"]
        assert site.mgr.stats["bugs"] == 0
        await site.stop()

    run(main())


def test_a_body_that_is_still_coming_waits_for_the_hooks():
    async def main():
        app = App()
        log = []

        @app.before_request
        async def before(req):
            await asyncio.sleep(0.01)
            log.append("hook")
            if "refuse" in req.args:
                return "refused", 403

        @app.post("/", stream=True)
        def take(req):
            size = 0
            while True:
                piece = yield req.stream
                if piece is None:
                    return {"size": size, "path": req.path, "log": log}
                log.append("piece")
                size += len(piece)

        @app.post("/none", stream=True)
        def none(req):
            if "Content-Length" in req.headers:
                return "not wanted"
            yield req.stream

        @app.after_request
        async def after(req, response):
            await asyncio.sleep(0.01)  # while the body comes

        site = Site(app)
        await site.start()
        for body in (b"", b"x" * 10, b"y" * 3000):
            for _ in range(2):  # kept alive
                del log[:]
                answer = await ask(site, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                assert answer.startswith(b"HTTP/1.1 200 ") and b'"size": %d' % len(body) in answer, answer
                assert log[0] == "hook"
        answer = await ask(site, b"POST /?refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403 ") and b"Connection: close" not in answer, answer
        answer = await ask(site, b"POST /?refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n" + bytes(100))
        assert answer.startswith(b"HTTP/1.1 403 ") and b"Connection: close" in answer, answer
        answer = await ask(site, b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n" + bytes(8000))
        assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\nnot wanted") and answer.count(b"HTTP/1.1 ") == 1, answer
        answer = await ask(site, b"POST /?refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.count(b"HTTP/1.1 403 ") == 1
        assert site.mgr.stats["bugs"] == 0
        await site.stop()

    async def ask(site, request):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(request)
        await writer.drain()
        answer = b""
        while b"size" not in answer and b"refused" not in answer and b"not wanted" not in answer:
            piece = await reader.read(1000)
            assert piece, answer
            answer += piece
        writer.close()
        await writer.wait_closed()
        return answer

    run(main())


def test_error_handlers_of_limits():
    async def main():
        app = App()

        @app.errorhandler(413)
        async def large(req, er):
            await pause()
            return "%s is too large" % req.path

        @app.errorhandler(431)
        async def never(req, er):
            return "no head, no request"

        @app.after_request
        async def after(req, response):
            await pause()
            response.headers["X-A"] = "b"

        app.post("/")(lambda req: "small")
        site = Site(app)
        site.mgr.body_limit = 100
        await site.start()
        for size, status, body in ((10, b"200", b"small"), (200, b"413", b"/ is too large")):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            for n in range(2):  # the second one finds a task that has ended
                writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + bytes(10 if n else size))
                await writer.drain()
                answer = b""
                while not answer.endswith(body):
                    piece = await reader.read(1000)
                    assert piece, answer
                    answer += piece
                assert answer.startswith(b"HTTP/1.1 %s " % status) and b"X-A: b" in answer, answer
                if size > 100:
                    break
            writer.close()
            await writer.wait_closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        answer = b""
        while not answer.endswith(b"small"):
            answer += await reader.read(1000)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n")
        await writer.drain()
        while not answer.endswith(b"too large"):
            piece = await reader.read(1000)
            assert piece, answer
            answer += piece
        assert answer.count(b"HTTP/1.1 ") == 2 and site.mgr.stats["bugs"] == 0
        writer.close()
        await writer.wait_closed()
        await site.stop()

    run(main())


def test_without_asyncio_they_get_500_and_a_line_that_says_what_to_do():
    async def waits(*args):
        await asyncio.sleep(0.001)

    for add in ("before_request", "after_request", "teardown_request", "errorhandler"):
        app = App()
        getattr(app, add)(404)(waits) if add == "errorhandler" else getattr(app, add)(waits)
        app.get("/")(lambda req: "hi")
        lines = []
        with Served(app) as site:
            site.mgr.report = lambda er: lines.append(str(er))  # noqa: B023
            answer = site.ask("/nowhere" if add == "errorhandler" else "/")
            assert answer.status == (200 if add == "teardown_request" else 500), (add, answer.status)
            assert lines and "await app.serve()" in lines[0], (add, lines)


def test_generators_of_hooks_are_answers_as_ever():
    app = App()

    def pieces(*args):
        yield "a"
        yield "b"

    app.before_request(lambda req: pieces() if req.path == "/before" else None)
    app.after_request(lambda req, response: (pieces(), 201) if req.path == "/after" else pieces() if req.path == "/bare" else None)
    app.errorhandler(404)(pieces)
    app.get("/<path:rest>")(lambda req, rest: "x" if rest != "missing" else abort(404))
    with Served(app) as site:
        for path, status in (("/before", 200), ("/after", 201), ("/bare", 200), ("/missing", 404)):
            answer = site.ask(path)
            assert (answer.status, answer.body) == (status, b"ab"), (path, answer.status, answer.body)
        assert site.bugs == 0

    async def main():
        site = Site(app)
        await site.start()
        for path, status in (("/before", 200), ("/after", 201), ("/bare", 200), ("/missing", 404)):
            answer = await site.ask(path)
            assert (answer.status, answer.body) == (status, b"ab"), (path, answer.status, answer.body)
        assert site.mgr.stats["bugs"] == 0
        await site.stop()

    run(main())
