# Requests to an App without a socket, for the tests of programs: app.test_client().get("/x").json. The App, its hooks, workers and limits
# are the ones that clients of a board get, and so are the parsers of both sides; only the bytes go through memory (memory.py), not TCP.
import json as json_module
from errno import EIO

from ..fetch import Result
from .headers import Headers
from .memory import TestManager

_EV_ERROR = const(0)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)

_BOUNDARY = "mungo-test-boundary"


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

    `cookies` is a dict, {name: value}, of what the answers have set and the next requests send. `asyncio`: what is `async def` runs, as
    under `app.serve`; the client is not for use inside a coroutine.
    """

    def __init__(self, app, asyncio=False, **limits):
        self.cookies = {}
        self.mgr = TestManager(app, **limits)
        self.turns = None
        if asyncio:
            from .async_testing import Turns

            self.turns = Turns(self.mgr)

    def turn(self, ms):
        """Let the App work: for one turn of the manager, at most `ms` ms; or of asyncio's loop, a millisecond."""
        if self.turns is None:
            self.mgr.poll(ms)
        else:
            self.turns.turn()

    def __enter__(self):
        return self

    def __exit__(self, kind, er, _):
        self.close()

    def close(self):
        """End the manager and its workers."""
        if self.turns is None:
            self.mgr.close()
        else:
            self.turns.close()

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
            self.turn(1000)
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
        from .testing_live import events

        return events(self, target, headers)

    def leave(self, call):
        """End the connection of a Call at both ends."""
        call.c.is_closing = True
        self.turn(0)
        self.turn(0)  # the App's end learns of it in the next turn

    def websocket(self, target, headers=None, protocols=()):
        """A `testing_live.TestSocket` that is connected to this path. Raises OSError(EIO) if the App refuses."""
        from .testing_live import TestSocket

        return TestSocket(self, target, headers, protocols)


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
