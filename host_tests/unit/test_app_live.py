# Routes that stay open: @app.websocket and @app.events, and rooms for what goes to many.

import _thread

import mungo
from app_client import Served
from mungo.app import App, abort
from mungo.app.rooms import Room
from net import Client, listening
from raising import raised
from waiting import until

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "400k"


def test_a_generator_gets_messages_and_sends():
    app = App()
    closed = []

    @app.websocket("/echo/<name>")
    def echo(req, ws, name):
        ws.send("hello " + name)
        try:
            while True:
                message = yield
                ws.send(message)
                if message == "json":
                    ws.send({"a": [1]})
                if message == "end":
                    return
        finally:
            closed.append(name)

    with app.test_client() as client:
        ws = client.websocket("/echo/anna")
        assert ws.receive() == "hello anna"
        for message in ("x", b"\0\xff", "h\xe9", ""):
            ws.send(message)
            assert ws.receive() == message
        ws.send("json")
        assert ws.receive() == "json" and ws.receive() == '{"a": [1]}'
        other = client.websocket("/echo/bob")
        ws.send("end")
        assert ws.receive() == "end" and ws.receive() is None
        assert closed == ["anna"]
        other.close()
        assert closed == ["anna", "bob"]
        assert client.mgr.stats["bugs"] == 0 and client.mgr.accepted == 0


def test_an_object_with_methods():
    app = App()
    codes = []

    @app.websocket("/")
    class Counter:
        def __init__(self, req, ws):
            self.ws = ws
            self.n = int(req.args.get("from", "0"))

        def on_message(self, data):
            self.n += len(data)
            self.ws.send(self.n)

        def on_leave(self, code):
            codes.append(code)

    with app.test_client() as client:
        ws = client.websocket("/?from=5")
        ws.send("abc")
        assert ws.receive() == "8"
        ws.close()
        assert codes == [1000]


def test_functions_and_a_timer():
    app = App()
    sockets = []

    @app.websocket("/")
    def join(req, ws):
        sockets.append(ws)
        ws.on_message = lambda data: req.c.mgr.timer(5, lambda _: ws.send("later " + data))
        ws.on_leave = lambda code: sockets.remove(ws)

    with app.test_client() as client:
        ws = client.websocket("/")
        ws.send("x")
        assert ws.receive() == "later x"
        assert sockets[0].ping() is True
        sockets[0].close(1001, "bye")
        assert ws.receive() is None and ws.c.proto.code == 1001
        assert sockets == []


def test_who_is_not_let_in_gets_an_answer():
    app = App()
    inner = App()
    calls = []

    @app.before_request
    def check(req):
        if "key" not in req.args:
            abort(401)

    @app.websocket("/ws")
    def socket(req, ws):
        calls.append("socket")
        if req.args["key"] != "right":
            abort(403)
        yield

    @app.websocket("/early")
    def early(req, ws):
        return "no", 409

    @inner.events("/events")
    def events(req, stream):
        calls.append("events")
        if req.args["key"] != "right":
            abort(403)
        yield "in"

    app.mount(inner, "/in")
    app.after_request(lambda req, response: response.headers.update({"X-A": "b"}))
    with app.test_client() as client:
        assert client.get("/ws").status == 401
        assert client.get("/ws?key=right").status == 400  # no WebSocket
        assert calls == []
        for target, status in (("/ws", "401"), ("/ws?key=wrong", "403"), ("/early?key=1", "409"), ("/ws2?key=1", "404")):
            er = raised(OSError, client.websocket, target)
            assert status in str(er), (target, er)
        assert calls == ["socket"]
        client.websocket("/ws?key=right").close()
        assert client.get("/in/events").status == 401
        answer = client.get("/in/events?key=wrong")
        assert answer.status == 403 and answer.headers["X-A"] == "b"
        assert list(client.events("/in/events?key=right")) == [{"data": "in"}]
        assert client.mgr.stats["bugs"] == 0


def test_events_by_a_generator():
    app = App()
    closed = []

    @app.events("/clock", every_ms=5)
    def clock(req, stream):
        try:
            stream.send("first", event="hello", id=7)
            yield {"n": 0, "last": stream.last_id}
            yield None
            yield [1]
            yield "two\nlines"
        finally:
            closed.append(True)

    with app.test_client() as client:
        events = list(client.events("/clock", {"Last-Event-ID": "6"}))
        assert events[0] == {"event": "hello", "id": "7", "data": "first"}
        assert '"last": "6"' in events[1]["data"] and [event["data"] for event in events[2:]] == ["[1]", "two\nlines"]
        assert closed == [True]
        first = client.events("/clock")
        assert next(first)["data"] == "first"
        first.close()  # it leaves
        assert closed == [True, True]
        until(lambda: not client.mgr.timers.all, client.mgr)  # nobody reads: no timer
        assert client.head("/clock").status == 200
        assert client.mgr.stats["bugs"] == 0


def test_events_of_an_app_on_several_managers():
    app = App()

    @app.events("/clock", every_ms=5)
    def clock(req, stream):
        for n in range(1000):
            yield n

    def reader(mgr):
        port = listening(lambda url: app.attach(mgr, url))[1]
        return Client(mgr, port, b"GET /clock HTTP/1.1\r\nHost: a\r\n\r\n")

    # One after the other, as when a server is started again, and closed while somebody reads.
    for _ in range(2):
        with mungo.Manager() as mgr:
            reader(mgr).until_has(b"data: 3\n")
    # Two at once, the first of which ends first.
    with mungo.Manager() as second:
        with mungo.Manager() as first:
            readers = reader(first), reader(second)
            for one in readers:
                one.until_has(b"data: 3\n")
        last = int(readers[1].got.split(b"data: ")[-1].split(b"\n")[0])
        readers[1].until_has(b"data: %d\n" % (last + 3))
        readers[1].close()
        until(lambda: not second.timers.all, second)


def test_the_readers_of_a_route_share_a_timer():
    app = App()

    @app.events("/clock", every_ms=5)
    def clock(req, stream):
        for n in range(1000):
            yield n

    with mungo.Manager() as mgr:
        port = listening(lambda url: app.attach(mgr, url))[1]
        readers = [Client(mgr, port, b"GET /clock HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(3)]
        for one in readers:
            one.until_has(b"data: 1\n")
        assert len(mgr.timers.all) == 1
        for one in readers:
            one.close()
        until(lambda: not mgr.timers.all, mgr)


def test_a_reader_that_is_not_let_in_has_left():
    app = App()
    left = []

    @app.events("/<name>", every_ms=5)
    def events(req, stream, name):
        stream.on_leave = lambda: left.append(name)
        try:
            while True:
                yield "x"
        finally:
            left.append("closed")

    @app.events("/quiet")
    def quiet(req, stream):
        stream.on_leave = lambda: left.append("quiet")

    @app.after_request
    def change(req, response):
        if "other" in req.args:
            return "another answer", 410

    with app.test_client(max_conns=4, max_streams=1) as client:
        first = client.events("/first")
        assert next(first)["data"] == "x"
        assert client.get("/second").status == 503 and left == ["closed", "second"]
        assert client.get("/quiet").status == 503 and left[2:] == ["quiet"]
        assert client.head("/third").status == 200 and left[3:] == ["closed", "third"]
        assert client.get("/fourth?other=1").status == 410 and left[5:] == ["closed", "fourth"]
        first.close()
        assert left[7:] == ["closed", "first"] and client.mgr.stats["bugs"] == 0


def test_a_generator_that_fails_ends_its_own_stream_alone():
    app = App()

    @app.events("/<int:n>", every_ms=5)
    def events(req, stream, n):
        for i in range(100):
            yield 6 // (n - i)

    with app.test_client() as client:
        bad = client.events("/2")
        good = client.events("/90")
        assert next(good)["data"] == "0"
        assert [event["data"] for event in [next(bad), next(bad)]] == ["3", "6"]
        raised(StopIteration, next, bad)
        assert client.mgr.stats["bugs"] == 1
        assert next(good)["data"] == "0"
        good.close()


def test_the_connection_serves_again_after_the_stream():
    app = App()
    streams = []
    app.events("/events")(lambda req, stream: streams.append(stream))
    app.get("/")(lambda req: "hi")
    with app.test_client() as client:
        events = client.events("/events")
        client.mgr.timer(5, lambda _: streams[0].close())
        assert list(events) == []
        assert not streams[0].is_open and streams[0].c.fn == app.handler
        assert streams[0].send("x") is False


def test_of_an_event_that_is_none_nothing_is_sent():
    app = App()

    @app.events("/events", every_ms=1)
    def events(req, stream):
        yield from ("a", None, None, "b")

    with Served(app) as site:
        client = Client(site.mgr, site.port)
        client.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        client.until_has(b"data: b")
        assert b"\r\n9\r\ndata: a\n\n\r\n9\r\ndata: b" in client.got, client.got
        client.close()


def test_rooms():
    app = App()
    room = Room()
    app.websocket("/ws")(lambda req, ws: room.add(ws))
    app.events("/events")(lambda req, stream: room.add(stream))
    with app.test_client() as client:
        sockets = [client.websocket("/ws") for _ in range(2)]
        events = client.events("/events")
        client.mgr.timer(5, lambda _: room.send("one", event="x"))
        assert next(events) == {"event": "x", "data": "one"}
        assert len(room) == 3
        assert [ws.receive() for ws in sockets] == ["one", "one"]
        room.send({"a": 1})
        assert [ws.receive() for ws in sockets] == ['{"a": 1}'] * 2
        sockets[0].close()
        events.close()
        assert len(room) == 1
        room.discard(room.members[0])
        room.send("x")
        sockets[1].close()
        assert sockets[1].messages == []


def test_a_room_outlives_its_manager():
    app = App()
    room = Room(pipe=True)
    app.websocket("/ws")(lambda req, ws: room.add(ws))
    for text in ("first", "second"):
        with app.test_client() as client:
            ws = client.websocket("/ws")
            room.post(text)
            assert ws.receive() == text
        assert len(room) == 0
        room.post("nobody is there")


def test_a_slow_reader_leaves_the_room():
    app = App()
    room = Room()
    app.websocket("/ws")(lambda req, ws: room.add(ws))
    with app.test_client(send_limit=1000) as client:
        client.websocket("/ws")
        member = room.members[0]
        written = type(member.c).write  # its socket takes nothing from here on
        type(member.c).write = lambda self, data, at, n: 0
        try:
            for _ in range(5):
                room.send("x" * 400)
        finally:
            type(member.c).write = written
        client.mgr.poll(0)
        assert len(room) == 0 and client.mgr.stats["send_full"] == 1


def test_other_threads_post():
    app = App()
    room = Room(pipe=True)
    members = []

    @app.websocket("/ws")
    def socket(req, ws):
        room.add(ws)
        members.append(ws)

    @app.events("/events")
    def events(req, stream):
        room.add(stream)
        members.append(stream)

    def work():
        members[0].post("h\xe9")
        members[0].post(b"\0b")
        members[0].post({"a": 1})
        members[1].post("data", event="e")
        room.post("to all")

    with app.test_client() as client:
        room.post("nobody is there")
        ws = client.websocket("/ws")
        events = client.events("/events")
        client.mgr.timer(5, lambda _: _thread.start_new_thread(work, ()))
        assert next(events) == {"event": "e", "data": "data"}
        assert next(events) == {"data": "to all"}
        assert [ws.receive() for _ in range(4)] == ["h\xe9", b"\0b", '{"a": 1}', "to all"]
        events.close()
        ws.close()


def test_paths_as_for_routes():
    app = App()
    raised(ValueError, app.websocket("/a<b"), print)
    app.events("/a")(print)
    raised(ValueError, app.websocket("/a"), print)
    raised(ValueError, app.get("/a"), print)


UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def test_an_upgrade_by_hand_wants_a_handler_of_its_own():
    from mungo.ws import send, upgrade

    app = App()

    def echo(c, ev, data, fn_data):
        if ev == mungo.EV_WS_MSG:
            send(c, data)

    @app.get("/without")
    def without(req):
        return lambda c, hm: upgrade(c, hm)

    @app.get("/with")
    def with_one(req):
        return lambda c, hm: upgrade(c, hm, echo)

    with Served(app) as site:
        answer = site.ask("/without", lines=UPGRADE)  # (the console says why)
        assert answer.status == 500 and site.bugs == 1
        browser = site.browser()
        browser.send("/with", lines=UPGRADE)
        browser.client.until_has(b"\r\n\r\n")
        assert browser.client.got.startswith(b"HTTP/1.1 101 ")
        browser.client.send(b"\x81\x82\0\0\0\0hi")
        browser.client.until_has(b"\x81\x02hi")
        assert site.bugs == 1
