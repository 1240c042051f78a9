# Requests to an App without a socket, for the tests of programs: app.test_client().get("/x").json. The App, its hooks, workers and limits
# are the ones that clients of a board get, and so are the parsers of both sides; only the bytes go through memory, not through TCP.
import json as json_module
from errno import EIO

from ..core.connection import Connection
from ..fetch import Result
from ..manager import Manager
from .request import Headers

_EV_ERROR = const(0)
_EV_OPEN = const(1)
_EV_ACCEPT = const(5)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)
_EV_WS_OPEN = const(12)
_EV_WS_MSG = const(13)

_IN = const(1)
_OUT = const(4)

_IN_FLIGHT = const(4096)  # bytes that are under way in one direction, as with a socket's buffers

_PEER = ("127.0.0.1", 40000)
_BOUNDARY = "mungo-test-boundary"


class End:
    """One end of a stream in memory, in place of a connection's socket."""

    def __init__(self):
        self.received = bytearray()
        self.other: "Any" = None  # noqa: F821  # pyright: ignore  # the other End, None if that has closed
        self.c = None  # the connection
        self.mask = 0

    def ready(self):
        """What poll would report for a socket like this."""
        ev = self.mask & _OUT if self.other is None or len(self.other.received) < _IN_FLIGHT else 0
        if self.mask & _IN and (self.received or self.other is None):
            ev |= _IN
        return ev

    def readinto(self, data):
        """As a socket's: None if there is nothing, 0 at the end."""
        n = min(len(data), len(self.received))
        if not n:
            return 0 if self.other is None else None
        data[:n] = self.received[:n]
        self.received = self.received[n:]
        return n

    def write(self, data, at, n):
        """As a socket's: how many bytes it has taken, None if the other end has no room."""
        if self.other is None:
            raise OSError(32, "closed")  # EPIPE
        n = min(n, len(data) - at, _IN_FLIGHT - len(self.other.received))
        if n < 1:
            return None
        self.other.received += memoryview(data)[at : at + n]
        return n

    def close(self):
        """As a socket's."""
        if self.other is not None:
            self.other.other = None
            self.other = None


class TestManager(Manager):
    """A Manager whose connections go to an App, through memory."""

    def __init__(self, app, **limits):
        self.app = app
        self.ends = []  # that are watched
        Manager.__init__(self, **limits)
        app.start_workers(self)

    def connect(self, url, fn, fn_data=None):
        """Connect to the App, whatever the URL says."""
        self.check_open()
        mine, its = End(), End()
        mine.other = its
        its.other = mine
        c = Connection(self, mine, fn, fn_data)
        server = self.app.connection_class()(self, its, self.app.handler, self.app)
        server.peer = _PEER
        self.accepted += 1
        server.emit(_EV_OPEN)
        server.emit(_EV_ACCEPT)
        c.emit(_EV_OPEN)
        return c

    def watch(self, sock, c, mask):
        """As Loop's, also for an End."""
        if not isinstance(sock, End):
            Manager.watch(self, sock, c, mask)
            return
        sock.c = c
        sock.mask = mask
        if sock not in self.ends:
            self.ends.append(sock)

    def unwatch(self, sock):
        """As Loop's, also for an End."""
        if sock in self.ends:
            self.ends.remove(sock)
        else:
            Manager.unwatch(self, sock)

    def look(self, ms):
        """As Loop's, but it does not sleep while an End is ready."""
        for end in self.ends:
            if end.ready():
                ms = 0
        Manager.look(self, ms)

    def deliver(self):
        """As Loop's, and the turn of the Ends that are ready."""
        Manager.deliver(self)
        for end in self.ends[:]:
            ev = end.ready()
            if ev and not end.c.is_closing:
                try:
                    end.c.event(ev)
                except Exception as er:
                    end.c.bug(er)


class Answer:
    """What the App has answered: `status`, `reason`, `headers` (by name in any case, as `req.headers`), `body` (bytes)."""

    def __init__(self, hm, url):
        self.hm = Result(hm, url)  # what Headers reads
        self.status = self.hm.status
        self.reason = self.hm.reason
        self.body = self.hm.body
        self.headers = Headers(self)

    @property
    def text(self):
        """The body as str."""
        return self.body.decode()

    @property
    def json(self):
        """What the body says as JSON. ValueError if it is none."""
        return json_module.loads(self.text)


class Call:
    """A request under way."""

    def __init__(self, url, sink):
        self.url = url
        self.sink = sink
        self.answer = None
        self.error = None
        self.is_over = False
        self.c = None  # the client's connection

    def handler(self, c, ev, hm, _):
        """The handler of the client's connection."""
        if ev == _EV_HTTP_HDRS:
            if self.sink is not None:
                hm.on_body(self.sink)
        elif ev == _EV_HTTP_MSG:
            self.answer = Answer(hm, self.url)
        elif ev == _EV_ERROR:
            self.error = hm
        elif ev == _EV_CLOSE:
            self.is_over = True


class TestClient:
    """What `app.test_client()` returns: a client of the App `app`, whose manager has these limits. Use it `with`, or call `close`.

    `cookies` is a dict, {name: value}, of what the answers have set and the next requests send.
    """

    def __init__(self, app, **limits):
        self.cookies = {}
        self.mgr = TestManager(app, **limits)

    def __enter__(self):
        return self

    def __exit__(self, kind, er, _):
        self.close()

    def close(self):
        """End the manager and its workers."""
        self.mgr.close()

    def get(self, target, **options):
        """`request` for GET."""
        return self.request("GET", target, **options)

    def head(self, target, **options):
        """`request` for HEAD."""
        return self.request("HEAD", target, **options)

    def post(self, target, **options):
        """`request` for POST."""
        return self.request("POST", target, **options)

    def put(self, target, **options):
        """`request` for PUT."""
        return self.request("PUT", target, **options)

    def patch(self, target, **options):
        """`request` for PATCH."""
        return self.request("PATCH", target, **options)

    def delete(self, target, **options):
        """`request` for DELETE."""
        return self.request("DELETE", target, **options)

    def options(self, target, **options):
        """`request` for OPTIONS."""
        return self.request("OPTIONS", target, **options)

    def request(self, method, target, headers=None, body=None, json=None, form=None, files=None, auth=None, sink=None):
        """Send a request to the path `target`, and return the Answer when it is whole.

        `headers` is a dict, `auth` (user, password). The body is `body` (bytes-like, str, or an iterator of such pieces, which is sent
        chunked), or one of: `json`, what json.dumps takes; `form`, a dict, urlencoded; `files`, {field: (file name, bytes)} as
        multipart/form-data, with the fields of `form`. `sink(piece)` gets the answer's body as it comes.
        Raises OSError(EIO) if the connection ends without a whole answer, and ValueError for another target, and as `http_connect`.
        """
        if target[:1] != "/":
            raise ValueError("target %r: want /path" % target)
        fields = dict(headers or {})
        if json is not None:
            body = json_module.dumps(json)
            fields.setdefault("Content-Type", "application/json")
        elif files is not None:
            body = multipart(form or {}, files)
            fields.setdefault("Content-Type", "multipart/form-data; boundary=" + _BOUNDARY)
        elif form is not None:
            body = "&".join(["%s=%s" % (quote(name), quote(form[name])) for name in form])
            fields.setdefault("Content-Type", "application/x-www-form-urlencoded")
        call = self.open(method, target, fields, body, auth, sink)
        while call.answer is None:
            if call.is_over:
                raise OSError(EIO, call.error or "closed")
            self.mgr.poll(1000)
        self.leave(call)
        self.take_cookies(call.answer)
        return call.answer

    def open(self, method, target, fields, body=None, auth=None, sink=None):
        """Begin a request: its Call."""
        self.add_cookies(fields)
        call = Call(target, sink)
        call.c = self.mgr.http_connect("http://test" + target, call.handler, method=method, headers=fields, body=body, auth=auth)
        return call

    def add_cookies(self, fields):
        """Add the cookies to a request's fields, a dict."""
        if self.cookies:
            fields.setdefault("Cookie", "; ".join(["%s=%s" % pair for pair in self.cookies.items()]))

    def take_cookies(self, answer):
        """Keep the cookies that the answer sets, and drop those that it deletes."""
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                parts = [part.strip() for part in value.split(";")]
                name, _, value = parts[0].partition("=")
                self.cookies[name] = value
                if "Max-Age=0" in parts:
                    del self.cookies[name]

    def events(self, target, headers=None):
        """Iterate over the server-sent events of a path, each a dict of its fields: {"data": "..", "id": ".."}. Ends when the stream does;
        `close` of the iterator leaves it."""
        pieces = []
        call = self.open("GET", target, dict(headers or {}), sink=lambda piece: pieces.append(bytes(piece)))
        text = b""
        try:
            while True:
                end = text.find(b"\n\n")
                if end >= 0:
                    event = parse_event(text[:end].decode())
                    text = text[end + 2 :]
                    if event:
                        yield event
                elif pieces:
                    text += pieces.pop(0)
                elif call.is_over or call.answer:
                    return
                else:
                    self.mgr.poll(1000)
        finally:
            self.leave(call)

    def leave(self, call):
        """End the connection of a Call at both ends."""
        call.c.is_closing = True
        self.mgr.poll(0)
        self.mgr.poll(0)  # the App's end learns of it in the next turn

    def websocket(self, target, headers=None, protocols=()):
        """A TestSocket that is connected to this path. Raises OSError(EIO) if the App refuses."""
        return TestSocket(self, target, headers, protocols)


class TestSocket:
    """A WebSocket to the App."""

    def __init__(self, client, target, headers, protocols):
        from ..ws import connect

        self.mgr = client.mgr
        self.messages = []
        self.state = None  # an event's number
        self.error = None
        fields = dict(headers or {})
        client.add_cookies(fields)
        self.c = connect(self.mgr, "ws://test" + target, self.handler, protocols=protocols)
        while self.state is None:
            self.mgr.poll(1000)
        if self.state != _EV_WS_OPEN:
            raise OSError(EIO, self.error or "closed")

    def handler(self, c, ev, data, _):
        """The handler of the client's connection."""
        if ev == _EV_WS_MSG:
            self.messages.append(data)
        elif ev == _EV_WS_OPEN or ev == _EV_CLOSE:
            self.state = ev
        elif ev == _EV_ERROR:
            self.error = data

    def send(self, data):
        """Send a message: str or bytes."""
        from ..ws import send

        send(self.c, data)
        self.mgr.poll(0)

    def receive(self):
        """Wait for the next message: str or bytes; None when the WebSocket is closed."""
        while not self.messages:
            if self.state == _EV_CLOSE:
                return None
            self.mgr.poll(1000)
        return self.messages.pop(0)

    def close(self):
        """Close, and wait for the App's Close."""
        from ..ws import close

        close(self.c)
        while self.state != _EV_CLOSE:
            self.mgr.poll(1000)


def parse_event(text):
    """The fields of one server-sent event, a dict; data of several lines is joined."""
    event = {}
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        if name:
            value = value[1:] if value[:1] == " " else value
            event[name] = event[name] + "\n" + value if name == "data" and name in event else value
    return event


def quote(text):
    """A name or value as in an urlencoded body."""
    return "".join(["%%%02X" % x for x in str(text).encode()])


def multipart(form, files):
    """A body of multipart/form-data."""
    part = '--%s\r\nContent-Disposition: form-data; name="%s"'
    body = b""
    for name in form:
        body += (part % (_BOUNDARY, name) + "\r\n\r\n%s\r\n" % form[name]).encode()
    for name in files:
        filename, content = files[name]
        body += (part % (_BOUNDARY, name) + '; filename="%s"\r\n\r\n' % filename).encode() + content + b"\r\n"
    return body + b"--%s--\r\n" % _BOUNDARY.encode()
