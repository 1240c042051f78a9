# The heap is full, as in test_no_memory.py, while handlers that are generators begin, and while clients ask.

import mungo
import mungo.ws as ws
import test_no_memory
from mungo.app.rooms import Room
from mungo.http.client import request
from net import Client
from test_no_memory import GET, UPGRADE, Asked, Case, Dialled, Served, each_number

LANES = ("upy-192k",)
MIN_HEAP = "640k"

# These need more in one piece than the others, and the first blocks are where the gaps are.
test_no_memory.SINGLES = 2000
test_no_memory._held = [None] * 5000


class Begun(Served):
    """An App's handler that is a generator and has begun: it is closed, so that it can give back what it has."""

    ms = 2

    def listen(self, url):
        self.begun = self.ended = 0
        self.app = app = mungo.App()
        app.get("/")(lambda req: "hi\n")

        @app.get("/g")
        def pieces(req):
            return self.steps("a", "b")

        @app.post("/s", stream=True)
        def body(req):
            return self.steps(req.stream, req.stream)

        @app.events("/e", every_ms=3)
        def events(req, stream):
            return self.steps("one", "two")

        @app.websocket("/w")
        def socket(req, ws):
            self.room.add(ws)
            return self.steps(None, None)

        self.room = Room()
        return app.attach(self.mgr, url)

    def steps(self, *values):
        self.begun += 1
        try:
            for value in values:
                yield value
        finally:
            self.ended += 1

    prepare = Asked.prepare

    def is_answered(self, got):
        return b"\r\n0\r\n\r\n" in got or b"\r\nContent-Length: " in got or b"204" in got or b" 101 " in got or got[:1] == b"\x88"

    def is_at_rest(self):
        return Case.is_at_rest(self) and self.begun == self.ended and not self.room.members


def each_begun(request):
    def make():
        case = Begun()
        case.request = request
        return case

    each_number(make)


def test_a_generator():
    each_begun(b"GET /g HTTP/1.1\r\nHost: a\r\n\r\n")


def test_a_generator_for_an_old_client():
    each_begun(b"GET /g HTTP/1.0\r\n\r\n")


def test_a_generator_for_a_body():
    each_begun(b"POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")


def test_a_generator_of_events():
    each_begun(b"GET /e HTTP/1.1\r\nHost: a\r\n\r\n")


def test_a_generator_of_a_websocket():
    each_begun(UPGRADE % b"/w")


class Asking(Dialled):
    """The HTTP client asks this server, twice on one connection."""

    def on_event(self, c, ev, hm):
        if ev == mungo.EV_HTTP_MSG and c.is_accepted:
            c.http_reply(200, None, iter(("a", "b", "hi\n")))

    def works(self):
        client = Client(self.mgr, self.url, GET)
        client.until_has(b"hi\n\r\n0\r\n\r\n")
        client.close()

    def dial(self, _):
        self.tried = self.is_over = True
        self.asked = 0
        self.connect()
        self.is_over = False

    def connect(self):
        self.mgr.http_connect("http://127.0.0.1:%d/" % self.url, self.dialled)

    def dialled(self, c, ev, data, fn_data):
        self.counts[ev] += 1
        if ev == mungo.EV_CLOSE:
            self.is_over = True
        elif ev == mungo.EV_HTTP_MSG:
            self.asked += 1
            if self.asked > 1 or not request(c, "/"):
                c.is_closing = True


def test_the_http_client():
    each_number(Asking)


class Talking(Asking):
    """A WebSocket to this server."""

    def on_event(self, c, ev, hm):
        if ev == mungo.EV_HTTP_MSG and c.is_accepted:
            if hm.match("/ws"):
                ws.upgrade(c, hm)
            else:
                c.http_reply(200, None, "hi\n")
        elif ev == mungo.EV_WS_MSG:
            ws.send(c, hm)

    works = Case.works

    def connect(self):
        ws.connect(self.mgr, "ws://127.0.0.1:%d/ws" % self.url, self.dialled)

    def dialled(self, c, ev, data, fn_data):
        self.counts[ev] += 1
        if ev == mungo.EV_CLOSE:
            self.is_over = True
        elif ev == mungo.EV_WS_OPEN:
            ws.send(c, "hi")
        elif ev == mungo.EV_WS_MSG:
            ws.close(c)


def test_the_websocket_client():
    each_number(Talking)
