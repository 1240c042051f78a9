# Handlers of WebSockets and of server-sent events that are `async def`, or async generators: each is a task, which ends with its client.

import asyncio

import mungo
from mungo.app import App, abort
from mungo.app.rooms import Room
from mungo.ws import close, connect, send
from raising import raised
from test_aio import Site, run, until

MIN_HEAP = "560k"
LANES = ("cpython", "upy", "upy-192k")


class Peer:
    """A WebSocket client, in the manager of the site."""

    def __init__(self, site, path):
        self.got = []
        self.most = 100  # messages that are kept
        self.error = None
        self.state = None
        self.c = connect(site.mgr, "ws://127.0.0.1:%d%s" % (site.port, path), self.handler)

    def handler(self, c, ev, data, _):
        if ev == mungo.EV_WS_MSG:
            self.got.append(data)
            del self.got[: -self.most]
        elif ev == mungo.EV_ERROR:
            self.error = data
        elif ev in (mungo.EV_WS_OPEN, mungo.EV_CLOSE):
            self.state = ev

    async def is_open(self):
        await until(lambda: self.state is not None)
        return self.state == mungo.EV_WS_OPEN

    async def closed(self):
        await until(lambda: self.state == mungo.EV_CLOSE)
        return self.c.proto.code

    async def asked(self, message):
        send(self.c, message)
        n = len(self.got)
        await until(lambda: len(self.got) > n)
        return self.got[-1]


async def events_of(site, path, n, method=b"GET"):
    """(the head, the data of the first `n` events) of a path, and the reader and writer, still open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"%s %s HTTP/1.1\r\nHost: a\r\n\r\n" % (method, path.encode()))
    await writer.drain()
    text = b""
    while text.count(b"\ndata: ") < n or b"\r\n\r\n" not in text or not text.endswith(b"\n"):
        if text.endswith(b"\r\n0\r\n\r\n"):
            break
        piece = await reader.read(1000)
        if not piece:
            break
        text += piece
    head, _, rest = text.partition(b"\r\n\r\n")
    found = [line[6:].decode() for line in rest.split(b"\n") if line.startswith(b"data: ")]
    return head, found, writer


async def leave(writer):
    writer.close()
    await writer.wait_closed()


def test_a_websocket_that_receives_and_sends():
    async def main():
        app = App()
        log = []

        @app.websocket("/echo/<name>")
        async def echo(req, ws, name):
            log.append(await ws.send("hello " + name))
            while True:
                message = await ws.receive()
                if message == "end":
                    return
                await ws.send(message)
                if message == "json":
                    ws.send({"path": req.path})

        @app.websocket("/late")
        async def late(req, ws):
            await asyncio.sleep(0.001)  # what it awaits first is not the WebSocket's
            ws.send(await ws.receive())
            await asyncio.sleep(0.001)

        @app.websocket("/once")
        async def once(req, ws):
            ws.send("only this")

        site = Site(app)
        await site.start()
        peer = Peer(site, "/echo/anna")
        assert await peer.is_open()
        await until(lambda: peer.got and log)
        assert peer.got == ["hello anna"] and log == [True]
        for message in ("x", b"\0\xff", "h\xe9", "", "y" * 3000):
            assert await peer.asked(message) == message
        send(peer.c, "json")
        await until(lambda: peer.got[-1] == '{"path": "/echo/anna"}')
        send(peer.c, "end")
        assert await peer.closed() == 1000
        peer = Peer(site, "/late")
        assert await peer.is_open()
        assert await peer.asked("a") == "a"
        assert await peer.closed() == 1000
        peer = Peer(site, "/once")
        assert await peer.closed() == 1000
        assert peer.got == ["only this"]
        assert site.mgr.stats["bugs"] == 0
        await site.stop()

    run(main())


def test_a_client_that_leaves_cancels_its_handler():
    async def main():
        app = App()
        log = []

        def waiting(kind):
            async def handler(req, member):
                log.append("begun")
                try:
                    if "sleep" in req.args:
                        await asyncio.sleep(60)
                    elif kind == "ws":
                        await member.receive()
                    else:
                        await member.send("first")
                        await asyncio.sleep(60)
                    log.append("awake")
                finally:
                    log.append("ended")

            return handler

        app.websocket("/ws")(waiting("ws"))
        app.events("/events")(waiting("events"))
        site = Site(app)
        await site.start()
        for how in ("close", "drop"):
            for path in ("/ws", "/ws?sleep=1"):
                del log[:]
                peer = Peer(site, path)
                assert await peer.is_open()
                if how == "close":
                    close(peer.c)
                else:
                    peer.c.is_closing = True
                await until(lambda: "ended" in log)
                assert log == ["begun", "ended"]
        del log[:]
        head, found, writer = await events_of(site, "/events", 1)
        assert head.startswith(b"HTTP/1.1 200 ") and found == ["first"]
        await leave(writer)
        await until(lambda: "ended" in log)
        assert log == ["begun", "ended"]
        # The end of the server cancels them, too.
        del log[:]
        peer = Peer(site, "/ws")
        assert await peer.is_open()
        assert site.mgr.stats["bugs"] == 0
        await site.stop()
        await until(lambda: "ended" in log)

    run(main())


def test_messages_that_came_before_the_client_left_are_not_lost():
    async def main():
        app = App()
        log = []

        @app.websocket("/")
        async def take(req, ws):
            while True:
                log.append(await ws.receive())

        site = Site(app)
        await site.start()
        peer = Peer(site, "/")
        assert await peer.is_open()
        for n in range(5):
            send(peer.c, str(n))
        close(peer.c)
        await peer.closed()
        await until(lambda: len(log) == 5)
        assert log == ["0", "1", "2", "3", "4"]
        await site.stop()

    run(main())


def test_before_it_waits_a_handler_may_refuse():
    async def main():
        app = App()
        torn = []

        @app.before_request
        async def check(req):
            await asyncio.sleep(0.001)
            if "key" not in req.args:
                abort(401)

        @app.websocket("/ws")
        async def socket(req, ws):
            if req.args["key"] == "wrong":
                abort(403)
            if req.args["key"] == "early":
                return "no", 409
            await ws.receive()

        @app.events("/events")
        async def events(req, stream):
            if req.args["key"] == "wrong":
                abort(403)
            if req.args["key"] == "early":
                return "no", 409
            await stream.send("in")

        app.after_request(lambda req, response: response.headers.update({"X-A": "b"}))
        app.teardown_request(lambda req, error: torn.append(req.url))
        site = Site(app)
        await site.start()
        for target, status in (("/ws", "401"), ("/ws?key=wrong", "403"), ("/ws?key=early", "409")):
            peer = Peer(site, target)
            assert not await peer.is_open() and status in peer.error, (target, peer.error)
        peer = Peer(site, "/ws?key=right")
        assert await peer.is_open()
        peer.c.is_closing = True
        for target, status in (("/events", 401), ("/events?key=wrong", 403), ("/events?key=early", 409)):
            answer = await site.ask(target)
            assert (answer.status, answer.field("x-a")) == (status, "b"), target
        head, found, writer = await events_of(site, "/events?key=right", 1)
        assert b"X-A: b" in head and found == ["in"]
        await leave(writer)
        targets = ["/ws", "/ws?key=wrong", "/ws?key=early", "/ws?key=right", "/events", "/events?key=wrong", "/events?key=early"]
        assert torn == targets + ["/events?key=right"]
        assert site.mgr.stats["bugs"] == 0
        await site.stop()

    run(main())


def test_a_handler_that_fails_ends_its_own_client_alone():
    async def main():
        app = App()

        @app.websocket("/")
        async def socket(req, ws):
            await ws.send(str(6 // int(await ws.receive())))
            await ws.send(str(6 // int(await ws.receive())))

        @app.events("/events")
        async def events(req, stream):
            await stream.send("one")
            await asyncio.sleep(0.001)
            raise KeyError("two")

        site = Site(app)
        await site.start()
        good, bad = Peer(site, "/"), Peer(site, "/")
        assert await good.is_open() and await bad.is_open()
        assert await good.asked("3") == "2"
        send(bad.c, "0")
        assert await bad.closed() == 1011
        assert await good.asked("2") == "3" and site.mgr.stats["bugs"] == 1
        head, found, writer = await events_of(site, "/events", 9)
        assert found == ["one"] and site.mgr.stats["bugs"] == 2
        await leave(writer)
        await site.stop()

    run(main())


def test_events_by_async_functions_and_async_generators():
    async def main():
        app = App()
        log = []

        @app.events("/function")
        async def function(req, stream):
            log.append(bool(await stream.send({"n": 1}, event="x", id=5)))
            await asyncio.sleep(0.001)
            stream.send("two")

        @app.events("/generator", every_ms=60000)
        async def generator(req, stream):
            try:
                for n in range(3):
                    await asyncio.sleep(0.001)
                    yield n
                yield "last"
                await asyncio.sleep(0.001)
            finally:
                log.append("ended")

        @app.events("/before", every_ms=2)
        async def before(req, stream):
            for n in range(3):
                yield "%d" % n
                await asyncio.sleep(0.001)

        @app.events("/plain", every_ms=2)
        def plain(req, stream):
            yield "a"
            yield None
            yield "b"

        site = Site(app)
        await site.start()
        head, found, writer = await events_of(site, "/function", 9)  # up to the end of the stream
        assert found == ['{"n": 1}', "two"] and log == [True]

        async def ended(path, data):
            head, found, writer = await events_of(site, path, len(data))
            assert b"text/event-stream" in head and found == data, found
            await leave(writer)

        await ended("/generator", ["0", "1", "2", "last"])
        await until(lambda: "ended" in log)
        await ended("/plain", ["a", "b"])
        await ended("/before", ["0", "1", "2"])
        head, _, writer = await events_of(site, "/generator", 0, b"HEAD")
        assert head.startswith(b"HTTP/1.1 200 ")
        await leave(writer)
        assert site.mgr.stats["bugs"] == 0
        await site.stop()

    run(main())


def test_the_connection_serves_again_after_the_stream():
    async def main():
        app = App()
        log = []

        @app.events("/events")
        async def events(req, stream):
            log.append(stream)
            try:
                await stream.send("x")
                await asyncio.sleep(60)
            finally:
                log.append("ended")

        app.get("/")(lambda req: "hi")
        site = Site(app)
        await site.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        await writer.drain()
        await until(lambda: log and log[0].is_open)
        log[0].close()
        await until(lambda: "ended" in log)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await writer.drain()
        text = b""
        while not text.endswith(b"\r\n\r\nhi"):
            piece = await reader.read(1000)
            assert piece, text
            text += piece
        assert not log[0].send("late")
        await leave(writer)
        await site.stop()

    run(main())


def test_rooms_and_tasks_send_beside_it():
    async def main():
        app = App()
        room = Room()

        @app.websocket("/ws")
        async def socket(req, ws):
            room.add(ws)
            while True:
                room.send(await ws.receive())

        @app.events("/events")
        async def events(req, stream):
            room.add(stream)
            await asyncio.sleep(60)

        site = Site(app)
        await site.start()
        one, two = Peer(site, "/ws"), Peer(site, "/ws")
        assert await one.is_open() and await two.is_open()
        asked = asyncio.create_task(events_of(site, "/events", 1))
        await until(lambda: len(room) == 3)
        assert await two.asked("to all") == "to all"
        await until(lambda: one.got == ["to all"])
        _, found, writer = await asked
        assert found == ["to all"]
        await leave(writer)
        one.c.is_closing = two.c.is_closing = True
        await until(lambda: len(room) == 0)
        await site.stop()

    run(main())


def test_what_a_slow_handler_has_not_received_is_bounded():
    async def main():
        app = App()
        sockets, log = [], []
        go_on = asyncio.Event()

        @app.websocket("/")
        async def slow(req, ws):
            sockets.append(ws)
            await go_on.wait()
            while True:
                log.append(len(await ws.receive()))

        site = Site(app)
        await site.start()
        peer = Peer(site, "/")
        assert await peer.is_open()
        sent = 0
        for _ in range(40):
            sent += send(peer.c, "x" * 100)
            await asyncio.sleep(0)
        await until(lambda: sockets[0].c.is_full)
        assert len(sockets[0].waits.inbox) == 8
        go_on.set()
        await until(lambda: len(log) == sent)
        assert not sockets[0].c.is_full
        peer.c.is_closing = True
        await site.stop()

    run(main())


def test_awaiting_send_waits_for_a_slow_reader():
    async def main():
        app = App()
        count = [0]

        @app.websocket("/")
        async def flood(req, ws):
            while True:
                assert await ws.send("x" * 4000)
                count[0] += 1

        site = Site(app)
        await site.start()
        peer = Peer(site, "/")
        assert await peer.is_open()
        peer.most = 1
        peer.c.is_full = True
        n = -1
        while n != count[0]:  # until nothing goes any more
            n = count[0]
            await asyncio.sleep(0.05)
        assert site.mgr.stats["send_full"] == 0
        peer.c.is_full = False
        await until(lambda: count[0] > n + 10)
        peer.c.is_closing = True
        await site.stop()

    run(main())


def test_generators_run_as_ever():
    async def main():
        app = App()
        closed = []

        @app.websocket("/echo")
        def echo(req, ws):
            if "no" in req.args:
                abort(403)
            ws.send("hello")
            try:
                while True:
                    message = yield
                    if message == "end":
                        return
                    ws.send(message)
            finally:
                closed.append(True)

        site = Site(app)
        await site.start()
        peer = Peer(site, "/echo")
        assert await peer.is_open()
        await until(lambda: peer.got == ["hello"])
        for text in ("a", "b"):
            assert await peer.asked(text) == text
        send(peer.c, "end")
        assert await peer.closed() == 1000 and closed == [True]
        peer = Peer(site, "/echo?no=1")
        assert not await peer.is_open() and "403" in peer.error
        peer = Peer(site, "/echo")
        assert await peer.is_open()
        peer.c.is_closing = True
        await until(lambda: closed == [True, True])
        assert site.mgr.stats["bugs"] == 0
        await site.stop()

    run(main())


def test_without_asyncio_they_get_500_and_a_line_that_says_what_to_do():
    app = App()

    @app.websocket("/receive")
    async def receive(req, ws):
        await ws.receive()

    @app.websocket("/sleep")
    async def sleep(req, ws):
        await asyncio.sleep(0)

    @app.events("/events")
    async def events(req, stream):
        await asyncio.sleep(0)
        await stream.send("x")

    @app.events("/generator")
    async def generator(req, stream):
        await asyncio.sleep(0)
        yield "x"

    lines = []
    with app.test_client() as client:
        client.mgr.report = lambda er: lines.append(str(er))
        for path in ("/receive", "/sleep"):
            assert "500" in str(raised(OSError, client.websocket, path))
        for path in ("/events", "/generator"):
            assert client.get(path).status == 500
        assert len(lines) == 4 and all("await app.serve()" in line for line in lines), lines
