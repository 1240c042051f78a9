# app.test_client(): requests to an App without a socket.

import errno
import time

import mungo
import mungo.sse as sse
from mungo.app import App, Response, abort
from mungo.cookies import set_cookie
from raising import raised

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "320k"


def shows(req):
    """What the App sees of a request."""
    form = req.form if req.has_form else {}
    return {"method": req.method, "url": req.url, "json": req.json, "form": form, "length": len(req.body), "rem": req.rem}


def test_no_socket_but_the_bell():
    sockets = []
    app = App()
    app.get("/")(lambda req: "hi")
    with app.test_client() as client:
        watch = client.mgr.poller.register

        class Counting:
            def register(self, sock, mask):
                sockets.append(sock)
                watch(sock, mask)

        poller = client.mgr.poller
        client.mgr.poller = Counting()
        client.mgr.poller.ipoll = poller.ipoll
        assert client.get("/").text == "hi"
        client.mgr.poller = poller
    assert sockets == []


def test_methods_and_what_an_answer_has():
    app = App()
    app.route("/x", ("GET", "POST", "PUT", "PATCH", "DELETE"))(shows)
    app.after_request(lambda req, response: response.headers.update({"X-A": "1"}))
    with app.test_client() as client:
        for method in ("get", "post", "put", "patch", "delete"):
            answer = getattr(client, method)("/x?a=1")
            assert answer.json["method"] == method.upper() and answer.json["url"] == "/x?a=1", answer.text
        assert answer.status == 200 and answer.reason == "OK"
        assert answer.headers["x-a"] == "1" and answer.headers.get("X-B") is None and "X-A" in answer.headers
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json["rem"] == "127.0.0.1:40000"
        head = client.head("/x")
        assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) > 20
        assert client.options("/x").status == 204
        assert client.request("DELETE", "/nowhere").status == 404
        raised(ValueError, lambda: client.get("x"))


def test_bodies():
    app = App()

    @app.post("/files")
    def files(req):
        file = req.files["f"]
        return {"a": req.form["a"], "f": [file.filename, len(file.data)]}

    app.post("/x")(shows)
    with app.test_client() as client:
        assert client.post("/x", body=b"abc").json["length"] == 3
        assert client.post("/x", body="h\xe9").json["length"] == 3
        assert client.post("/x", body=iter([b"ab", b"cde"])).json["length"] == 5
        assert client.post("/x", json={"a": [1, None]}).json["json"] == {"a": [1, None]}
        assert client.post("/x", form={"a b": "c&d=\xe9", "n": 5}).json["form"] == {"a b": "c&d=\xe9", "n": "5"}
        files = {"f": ("a.txt", b"data")}
        assert client.post("/files", form={"a": "b"}, files=files).json == {"a": "b", "f": ["a.txt", 4]}
        assert client.post("/x", body="{}", headers={"Content-Type": "application/json"}).json["json"] == {}


def test_limits_are_the_managers():
    app = App()
    app.post("/x")(shows)
    with app.test_client(body_limit=1000) as client:
        assert client.post("/x", body=b"x" * 1001).status == 413
        assert client.post("/x", body=b"x" * 1000).status == 200


def test_a_large_answer_comes_whole_or_in_pieces():
    app = App()
    app.get("/large")(lambda req: b"0123456789" * 1200)
    with app.test_client() as client:
        assert client.get("/large").body == b"0123456789" * 1200
        pieces = []
        assert client.get("/large", sink=lambda piece: pieces.append(bytes(piece))).body == b""
        assert len(pieces) > 1 and b"".join(pieces) == b"0123456789" * 1200


def test_worker_routes_and_streams():
    app = App()

    def pieces(req):
        for n in range(3):
            yield "%d," % n

    @app.get("/slow", worker=True)
    def slow(req):
        time.sleep_ms(20)
        return "slow"

    app.get("/loop")(pieces)
    app.get("/worker", worker=True)(pieces)
    with app.test_client() as client:
        assert client.get("/slow").text == "slow"
        assert client.get("/loop").text == "0,1,2,"
        assert client.get("/worker").text == "0,1,2,"


def test_cookies_are_kept_and_sent():
    app = App()

    @app.get("/set/<value>")
    def give(req, value):
        response = Response("")
        set_cookie(response, "a", value)
        set_cookie(response, "b", "2")
        return response

    @app.get("/drop")
    def drop(req):
        response = Response("")
        set_cookie(response, "a", "", max_age=0)
        return response

    app.get("/")(lambda req: req.cookies)
    with app.test_client() as client:
        assert client.get("/").json == {}
        client.get("/set/x")
        assert client.cookies == {"a": "x", "b": "2"} and client.get("/").json == {"a": "x", "b": "2"}
        assert client.get("/", headers={"Cookie": "c=3"}).json == {"c": "3"}
        client.get("/drop")
        assert client.get("/").json == {"b": "2"}


def test_credentials():
    app = App()

    @app.before_request
    def check(req):
        if req.headers.get("Authorization") != "Basic dTpw":
            abort(401)

    app.get("/")(lambda req: "in")
    with app.test_client() as client:
        assert client.get("/").status == 401
        assert client.get("/", auth=("u", "p")).text == "in"


def test_server_sent_events():
    app = App()
    readers = []

    @app.get("/three")
    def three(req):
        def begin(c, last_id):
            for n in range(3):
                sse.send(c, "line %s\n%d" % (last_id, n), id=n)
            c.http_chunk(b"")

        return sse.stream(begin)

    @app.get("/endless")
    def endless(req):
        return sse.stream(lambda c, last_id: readers.append(c))

    with app.test_client() as client:
        events = list(client.events("/three", {"Last-Event-ID": "7"}))
        assert events == [{"id": str(n), "data": "line 7\n%d" % n} for n in range(3)], events
        events = client.events("/endless")
        client.mgr.timer(10, lambda _: sse.broadcast(readers, "now", event="tick"))
        assert next(events) == {"event": "tick", "data": "now"}
        events.close()
        assert readers[0].is_closing


def test_a_connection_that_ends_without_an_answer():
    app = App()

    @app.get("/")
    def leave(req):
        req.c.is_closing = True
        return lambda c, hm: None

    with app.test_client() as client:
        er = raised(OSError, lambda: client.get("/"))
        assert er.args == (errno.EIO, "closed before the response was complete"), er


def test_close_ends_the_workers():
    app = App()
    app.get("/", worker=True)(lambda req: "hi")
    client = app.test_client()
    assert client.get("/").text == "hi"
    assert client.mgr.workers().threads
    client.close()
    assert client.mgr.closed and not client.mgr.conns
    raised(OSError, lambda: client.get("/"))


def test_bugs_are_those_of_the_app():
    app = App()
    app.get("/")(lambda req: 1 / 0)
    with app.test_client() as client:
        assert client.get("/").status == 500
        assert client.mgr.stats["bugs"] == 1


def test_app_has_it():
    assert mungo.App().test_client


def test_what_is_async_def_runs():
    import asyncio

    app = App()
    log = []

    @app.before_request
    async def before(req):
        await asyncio.sleep(0.001)
        log.append("before")

    @app.get("/<int:ms>")
    async def wait(req, ms):
        await asyncio.sleep(ms / 1000)
        return {"ms": ms}

    app.get("/worker", worker=True)(lambda req: "worked")

    @app.websocket("/ws")
    async def socket(req, ws):
        try:
            while True:
                await ws.send(req.cookies["name"] + " " + await ws.receive())
        finally:
            log.append("left")

    @app.events("/events")
    async def events(req, stream):
        for n in range(3):
            await stream.send(n)
            await asyncio.sleep(0.001)

    with app.test_client(asyncio=True) as client:
        client.cookies["name"] = "anna"
        assert client.get("/5").json == {"ms": 5} and client.get("/worker").text == "worked"
        ws = client.websocket("/ws", headers={"X-A": "b"})
        for text in ("a", "b"):
            ws.send(text)
            assert ws.receive() == "anna " + text
        assert [event["data"] for event in client.events("/events")] == ["0", "1", "2"]
        assert client.get("/0").json == {"ms": 0}
        assert client.mgr.stats["bugs"] == 0 and log == ["before"] * 5
    assert log[5:] == ["left"]
    client.close()  # twice is once
    with app.test_client() as client:  # and without it they are refused
        assert client.get("/5").status == 500
