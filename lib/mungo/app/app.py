# Routes, hooks and answers by return value: what most programs want of HTTP. A thin layer over the events.
#
# What a handler returns or raises becomes the answer in three steps: `attempt` catches, `make` makes a Response of it (both in the worker,
# if it is a worker's handler), and in the loop `send` asks error handlers and after hooks, and sends.
# http/route.py has patterns and errors, http/outlast.py workers and streams. No thread may import, so what a request needs when it is
# asked for something is imported here.
import json
import sys

from ..http.form import Headers, cookies, parse, unquote
from ..http.server import reply_ok

_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)

_TEXT = const("text/plain; charset=UTF-8")
_BYTES = const("application/octet-stream")
_JSON = const("application/json")

find = None  # of http/route.py, once it was needed: an import takes its time even when it finds that there is nothing to do

GENERATOR = type((lambda: (yield))())


class HttpError(Exception):
    """What `abort` raises: `status`, and the Response `response`, whose body is None for the status in words."""

    def __init__(self, status, body=None, headers=None):
        super().__init__(status)
        self.status = status
        self.response = Response(body, status, headers)


class Response:
    """An answer: `body` (str, bytes-like, a dict or list for JSON, a generator of str or bytes), `status`, `headers` (a dict), and
    `cookies`, a list of the values of Set-Cookie fields. Hooks may change all of them."""

    kind: object = None  # its Content-Type, unless the headers have one

    def __init__(self, body="", status=200, headers=None):
        self.body = body
        self.status = status
        self.headers = dict(headers or ())
        self.cookies = []


def abort(status, body=None, headers=None):
    """End the handler or hook that calls this with an answer of this status, unless an error handler makes another."""
    raise HttpError(status, body, headers)


def redirect(location, status=302):
    """A Response that sends the client to the URL `location`."""
    return Response("", status, {"Location": location})


class Request:
    """A request, as handlers and hooks get it. In the loop it is valid until the handler returns, or until the generator ends that it
    returns; a worker has a copy of its own, and the after hooks get that.

    What the attributes without a value are is found out when they are first asked for; what is malformed is then answered by 400.
    """

    app: object  # the App that is attached
    method: str
    url: str  # as it came
    path: str  # decoded, without the query
    args: dict  # of the query; of fields with the same name the first
    headers: Headers
    cookies: dict
    rem: str  # the client's address, "10.0.0.7:51324"
    body: bytes  # b"" if there is none, and in a stream handler
    json: object  # None if the Content-Type is another, as if there is no body
    form: dict  # of an urlencoded body, like args; else {}
    g: dict  # for what hooks and handlers tell each other
    user = None  # for who checks that
    stream = None  # what a stream handler yields to get a piece of the body
    values = {}  # what the path has for the pattern's names
    result = None  # of the handler or a hook, or what it raised
    source: object = None  # the worker's generator that is the body

    def __init__(self, c, hm, route):
        self.c = c  # the connection; None in a worker
        self.hm = hm
        self.route = route

    def __getattr__(self, name):
        hm = self.hm
        try:
            if name == "method":
                value = hm.method
            elif name == "url":
                value = hm.target
            elif name == "path":
                value = unquote(hm.uri.encode())
            elif name == "args":
                value = parse(hm.query.encode())
            elif name == "headers":
                value = Headers(self)
            elif name == "cookies":
                value = cookies(self.headers.get("Cookie", ""))
            elif name == "body":
                value = hm.body
            elif name == "json":
                # (MicroPython's would let bytes that are no UTF-8 into a str.)
                value = json.loads(str(self.body, "utf-8")) if self.body and self.headers.has(_JSON) else None
            elif name == "form":
                value = parse(self.body) if self.headers.has("application/x-www-form-urlencoded") else {}
            elif name == "g":
                value = {}
            elif name == "rem":
                value = self.c.rem
            elif name == "app":
                value = self.route.apps[0]
            else:
                raise AttributeError(name)
        except ValueError:
            abort(400)
        setattr(self, name, value)
        return value

    # `with req` rather than except: see Loop._serve
    def __enter__(self):
        pass

    def __exit__(self, kind, er, _):
        if isinstance(er, Exception):
            self.result = er
            return True


class Route:
    """A path's pattern and its handler. `apps`: whose hooks apply, the outermost first."""

    is_hot = False  # it needs no more than to be called

    def __init__(self, path, fn, apps, options):
        self.path = self.shape = path  # (its shape has no names)
        self.fn = fn
        self.apps = apps
        self.options = options
        self.worker, self.stream, self.timeout_ms = options
        self.parts = path.split("/")
        for x in "<>%?#":
            if x in path or path[:1] != "/":
                from .routing import read

                return read(self)


class App:
    """Routes with their hooks. `workers` and `queue` are the `n` and `queue` of the pool, see `mgr.workers`; a manager has one pool,
    and the first that asks for it decides."""

    def __init__(self, workers=None, queue=None):
        self.limits = {}
        if workers:
            self.limits["n"] = workers
        if queue:
            self.limits["queue"] = queue
        self.table = {None: []}  # path, "<text" for patterns that begin so, None for the others: [(method, Route), ..]
        self.hot = {}  # "GET /path": its Route, or None if that has names
        self.before = []
        self.after = []
        self.errors = {}  # status or class: fn
        self.streams = False  # whether there are such routes
        self.works = None  # outlast.submit, if there are routes for workers

    # --- what it is made of

    def route(self, path, methods=("GET",), worker=False, stream=False, timeout_ms=None):
        """A decorator: the function answers these methods of a path.

        In `path`, <name> is one segment, <int:name> one of digits (up to 18), <path:name> all the rest; the values are decoded and
        given to the function by name, behind the request. Paths without names come first, then those whose first segment is none.
        The function returns str, bytes, a dict or list (JSON), None (204), a generator of
        str or bytes, any of these with a status or with a status and a dict of headers, or a Response. Or a function `take(c, hm)`, which
        is called in the loop and answers by itself, now or later, for example by `c.http_reply`, `ws.upgrade` or `http_connect`.
        `worker`: it runs in a worker, at most `timeout_ms` ms (default: the pool's job_ms), and may block. `stream`: it is a generator,
        `piece = yield req.stream` gives it the body as it comes, each time a memoryview that is valid until the next yield, at
        last None; it returns the answer, and is closed if the client leaves.
        ValueError: a path or methods that can't be; both worker and stream; there is such a route already.
        """
        if not methods or isinstance(methods, str) or worker and stream:
            raise ValueError("methods: want a tuple; worker or stream")

        def add(fn):
            for method in methods:
                self.add(method.upper(), Route(path, fn, (self,), (worker, stream, timeout_ms)))
            return fn

        return add

    def get(self, path, **options):
        """`route` for GET, which answers HEAD as well."""
        return self.route(path, ("GET",), **options)

    def post(self, path, **options):
        """`route` for POST."""
        return self.route(path, ("POST",), **options)

    def put(self, path, **options):
        """`route` for PUT."""
        return self.route(path, ("PUT",), **options)

    def patch(self, path, **options):
        """`route` for PATCH."""
        return self.route(path, ("PATCH",), **options)

    def delete(self, path, **options):
        """`route` for DELETE."""
        return self.route(path, ("DELETE",), **options)

    def add(self, method, route):
        """`route` and `mount`, for one method."""
        key = method + " " + route.shape
        if key in self.hot:
            raise ValueError("%s: there is such a route already" % key)
        path = route.path
        needs = "<" in path
        if needs:
            path = route.parts[1]
            path = "<" + path if isinstance(path, str) else None
        self.table.setdefault(path, []).append((method, route))
        self.streams = self.streams or route.stream
        if route.worker:
            from .worker_routes import submit

            self.works = submit
        self.hot[key] = None if needs else route
        route.is_hot = not (route.worker or route.stream or route.apps[1:] or self.before or self.after)

    def mount(self, other, prefix):
        """Serve the routes that the App `other` has by now below `prefix`. Its hooks and error handlers apply to them alone: before
        hooks after this App's own, after hooks before them, error handlers rather than this App's.

        ValueError: a prefix that does not start with "/" or ends with it, and as for `route`.
        """
        if prefix[:1] != "/" or prefix[-1] == "/":
            raise ValueError("prefix %r: want /text" % prefix)
        for routes in other.table.values():
            for method, it in routes:
                self.add(method, Route(prefix + it.path, it.fn, (self,) + it.apps, it.options))

    def before_request(self, fn):
        """A decorator: `fn(req)` runs before each handler, in the loop, and if what it returns is not None, that is the answer instead.
        Also before a path that is not found, and before a method that is not allowed."""
        self.before.append(fn)
        return self.cool(fn)

    def after_request(self, fn):
        """A decorator: `fn(req, response)` may change each Response before it is sent, in the loop, or return another.
        The one that was added last runs first."""
        self.after.insert(0, fn)
        return self.cool(fn)

    def cool(self, fn):
        """From now on there are hooks."""
        for route in self.hot.values():
            if route:
                route.is_hot = False
        return fn

    def errorhandler(self, kind):
        """A decorator: `fn(req, error)` makes the answer to errors of this status, or to exceptions of this class (the closest one
        counts). Its status is the error's, or 500, unless it returns another. 500 also stands for exceptions that have none."""

        def add(fn):
            self.errors[kind] = fn
            return fn

        return add

    # --- where it is served

    def attach(self, mgr, url="http://0.0.0.0:80"):
        """Serve at this URL, beside what the manager does otherwise; returns the listener. OSError if the port is taken."""
        if self.works or self.limits:
            mgr.workers(**({} if mgr.stats["workers"] else self.limits))
        return mgr.http_listen(url, self.handler)

    def open(self, mgr, host, port):
        """Attach to a manager for this App alone, and say so."""
        self.attach(mgr, "http://%s:%d" % (host, port))
        print("mungo %s: http://%s:%d/" % (sys.modules["mungo"].__version__, host, port))

    def run(self, host="0.0.0.0", port=8000, **limits):
        """Serve until Ctrl-C, or until `stop` of the manager (`req.c.mgr`), which is made with these limits and closed at the end."""
        from ..manager import Manager

        try:
            with Manager(**limits) as mgr:
                self.open(mgr, host, port)
                while mgr.poll(1000):
                    pass
        except KeyboardInterrupt:
            return  # what ends it as it should

    async def serve(self, host="0.0.0.0", port=8000, **limits):
        """`run` beside other tasks of asyncio: `await app.serve()`. Cancel its task, or call `stop` of the manager, to end it."""
        from ..aio import serve
        from ..manager import Manager

        with Manager(**limits) as mgr:
            self.open(mgr, host, port)
            await serve(mgr)

    def stats(self, req):
        """A handler: the manager's counters and limits as JSON. `app.get("/stats")(app.stats)`; not for a worker."""
        from ..port import Limits

        mgr = req.c.mgr
        return {"stats": mgr.stats, "limits": {name: getattr(mgr, name) for name in dir(Limits) if name[:1] != "_"}}

    # --- a request

    def handler(self, c, ev, hm, req):
        """The handler of HTTP events."""
        # (The frame has no room for another name, see Loop._serve.)
        if ev == _EV_HTTP_MSG:
            req = self.hot.get(hm.method_and_path)
            if req is None or not req.is_hot:
                return self.answer(c, hm, req)
            req = Request(c, hm, req)
            attempt(req.route.fn, req)
            quick(c, hm, req)
        elif ev == _EV_HTTP_HDRS:
            if self.streams:
                self.answer(c, hm, self.hot.get(hm.method_and_path), True)
        elif ev == _EV_CLOSE and c.proto and c.proto.sink:
            c.proto.sink.close()

    def answer(self, c, hm, route, is_early=False):
        """Find the route, if it is not known, run hooks and handler. `is_early`: the body is still to come, which only stream routes
        take."""
        if hm.sink:
            return hm.sink.end()
        if route:
            req = Request(c, hm, route)
        else:
            global find
            if find is None:
                from .routing import find
            req = find(self, c, hm)
        if is_early and not req.route.stream:
            return
        attempt(_before, req)
        if req.result is None:
            if req.route.worker:
                return self.works(c, req)  # pyright: ignore
            attempt(call, req)
            if req.route.stream and isinstance(req.result, GENERATOR):
                from .worker_routes import Feed

                return Feed(c, req).start()
        reply(c, req, req.result)


def attempt(fn, req):
    """`fn(req)`; `req.result` is what it returns or raises."""
    with req:
        req.result = fn(req)


def _before(req):
    for app in req.route.apps:
        for fn in app.before:
            result = fn(req)
            if result is not None:
                return result


def call(req):
    """The handler's part of `attempt`."""
    return req.route.fn(req, **req.values)


def make(value, status=200):
    """The Response for what a handler has returned; JSON becomes text here. (What has cookies is one, or like one: files.send.)"""
    if not hasattr(value, "cookies"):
        headers = None
        if isinstance(value, tuple):
            value, status, headers = value if len(value) > 2 else value + (None,)
        elif value is None and status == 200:
            status = 204
        value = Response(value, status, headers)
    body = value.body
    kind = _TEXT
    if isinstance(body, (dict, list)):
        value.body = json.dumps(body)
        kind = _JSON
    elif isinstance(body, (bytes, bytearray, memoryview)):
        kind = _BYTES
    elif body is None:
        value.body = ""
    elif not (isinstance(body, (str, GENERATOR)) or callable(body)):
        raise TypeError("%s is no answer" % type(body))
    value.kind = value.kind or kind
    return value


def quick(c, hm, req):
    """`reply` for the most frequent answers."""
    body = req.result
    kind = b"application/octet-stream"
    if isinstance(body, str):
        body = body.encode()
        kind = b"text/plain; charset=UTF-8"
    if not (isinstance(body, bytes) and reply_ok(c, hm, kind, body)):
        reply(c, req, req.result)


def reply(c, req, result):
    """Answer with what a handler or hook has returned or raised."""
    for is_first in (True, False):  # error handlers, after hooks and headers may be wrong too: that is the second's error
        try:
            return send(c, req, result, is_first)
        except Exception as er:
            result = er
    c.mgr.report(result)
    c.http_reply(500)


def send(c, req, result, is_first):
    """`reply`, but what goes wrong is raised."""
    if isinstance(result, Exception):
        from .routing import rescue

        result = rescue(c, req, result)
    response = make(result)
    if is_first:
        for app in reversed(req.route.apps):
            for fn in app.after:
                result = fn(req, response)
                response = make(response if result is None else result)
    body = response.body
    if callable(body):
        return body(c, req.hm)
    if (
        response.status == 200
        and body
        and not (response.headers or response.cookies)
        and isinstance(body, (str, bytes))
        and response.kind in (_TEXT, _BYTES, _JSON)
        and reply_ok(c, c.proto, response.kind.encode(), body.encode() if isinstance(body, str) else body)  # pyright: ignore
    ):
        return
    headers = list(response.headers.items())
    if body and "content-type" not in [name.lower() for name, _ in headers]:
        headers.append(("Content-Type", response.kind))
    for value in response.cookies:
        headers.append(("Set-Cookie", value))
    if isinstance(body, GENERATOR):
        from .worker_routes import generate

        return generate(c, req, response, headers)
    c.http_reply(response.status, headers, body)
