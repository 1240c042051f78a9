# An App: routes with their hooks, served by a manager. A thin layer over the events of HTTP. How a request is served: serving.py.
# extras.py has the methods that few programs call.
import sys

from ..core import listener
from ..http.lazy import Parts
from ..manager import Manager
from .routing import Route, Routes
from .serving import AppConnection, handler

TYPE_CHECKING = const(0)  # for editors alone
if TYPE_CHECKING:
    from .extras import Extras
else:
    Extras = object  # `App.__getattr__` finds them


class App(Extras):
    """Routes with their hooks. `workers` and `queue` are the `n` and `queue` of the pool, see `mgr.workers`. A manager has one pool,
    and the first App that needs it decides.

    `strict_json`: whether `req.json` refuses by 400 all that RFC 8259 does not allow, or more than 32 levels. If it is False, JSON is what
    the port's json.loads accepts, which takes a fifth of the time: on MicroPython `[1 true]`, on CPython NaN. The App that is attached
    decides, also for those that are mounted in it.
    """

    strict_json = True
    # What not every App needs, each as app.parts.NAME:
    parts = Parts("mungo.app", ("attributes", "extras", "generators", "headers", "held", "hooks", "tasks"))
    handler = staticmethod(handler)  # of the connections whose fn_data is the App
    is_hooked = False  # it has hooks or error handlers
    is_html = False
    starts_early = False  # some route does
    needs_workers = False  # some route does
    # A function of a line of text: gets one for each answer, see access_log.py.
    log: "Any" = None  # noqa: F821  # pyright: ignore

    def __init__(self, workers=None, queue=None):
        self.pool_limits = limits = {}
        if workers:
            limits["n"] = workers
        if queue:
            limits["queue"] = queue
        self.routes = Routes()
        self.before = []  # hooks
        self.after = []  # hooks, the one that was added last first
        self.teardown = []  # hooks
        self.setup = []  # functions of a manager that begins to serve this App
        self.errors = {}  # {status or class of exceptions: error handler}

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            # A method of extras.py.
            method = getattr(self.parts.extras.Extras, name)
            return lambda *args, **options: method(self, *args, **options)

    # --- routes and hooks

    def route(self, path, methods=("GET",), worker=False, stream=False, timeout_ms=None, fleet=None):
        """A decorator: the function answers these methods of a path.

        In `path`, <name> or <string:name> is one segment, <int:name> one of digits (up to 18), <path:name> all the rest; the values are
        decoded and given to the function by name, after the request. Paths without names come first, then those whose first segment is no
        name. The function returns str, bytes, a dict or list (JSON), None (204), a generator of str or bytes, any of these with a status, a
        dict of headers, or a status and such a dict, or a Response. What a generator raises, or returns
        if it is not None, before its first yield is the answer instead. Or a function `take(c, hm)`, which
        is called in the loop and answers by itself, now or later, for example by `c.http_reply`, `ws.upgrade` or `http_connect`.
        It may be `async def` under `serve`: each call is a task, which is cancelled when the client leaves.
        `worker`: it runs in a worker, at most `timeout_ms` ms (default: the pool's job_ms), and may block. `stream`: it is a generator,
        `piece = yield req.stream` gives it the body as it comes, each time a memoryview that is valid until the next yield, at
        last None; it returns the answer, and is closed if the client leaves. `fleet`: the name of a job; what the function returns is the
        job's data, and what the job returns is the answer, see docs/fleet.md.
        Raises ValueError for a path, methods or `timeout_ms` that can't be, for two of `worker`, `stream`, `fleet`, and if there is such a
        route.
        """
        if not methods or isinstance(methods, str):
            raise ValueError("methods %r: want a tuple" % (methods,))
        kind = self.parts.extras.route_class(worker, stream, fleet) if worker or stream or fleet else Route
        return self.adder(path, methods, kind, timeout_ms, fleet)

    def adder(self, path, methods, route_class, timeout_ms, option):
        """`route` for a class of routes; `option` is what they need besides."""

        def add(fn):
            for method in methods:
                route = route_class(path, fn, (self,), timeout_ms)
                if option is not None:
                    route.option = option
                self.add(method.upper(), route)
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
        """Add a Route for one method, for `route` and `mount`."""
        self.routes.add(method, route)
        self.starts_early |= route.starts_early
        self.needs_workers |= route.needs_workers
        route.has_fast_path = type(route) is Route and not route.apps[1:] and not self.is_hooked

    def before_request(self, fn):
        """A decorator: `fn(req)` runs before each handler, in the loop, and if what it returns is not None, that is the answer instead.
        Also before a path that is not found, and before a method that is not allowed."""
        self.before.append(fn)
        self._load_hooks()
        return fn

    def after_request(self, fn):
        """A decorator: `fn(req, response)` may change each Response before it is sent, in the loop, or return another.
        The one that was added last runs first."""
        self.after.insert(0, fn)
        self._load_hooks()
        return fn

    def teardown_request(self, fn):
        """A decorator: `fn(req, error)` runs once for each request, in the loop: when its answer has been handed over to be sent, or when
        its client has left before that. `error` is what the handler or a hook has raised, OSError if the client has left, or None. Here a
        request's resources are given back; a worker may still be running."""
        self.teardown.insert(0, fn)
        self._load_hooks()
        return fn

    @property
    def html(self):
        """Set it to True to have the str and generators that handlers return sent as text/html, not text/plain. Then they must `escape`
        what comes from elsewhere, see html.py. Errors that no handler answers are text."""
        return self.is_html

    @html.setter
    def html(self, value):
        self.is_html = value
        self._load_hooks()

    def _load_hooks(self):
        # The next request needs them, and no route has the fast path.
        self.is_hooked = self.parts.hooks is not None
        for route in self.routes.by_request_line.values():
            route.has_fast_path = False

    def errorhandler(self, kind):
        """A decorator: `fn(req, error)` makes the answer to errors of the status `kind`, or to exceptions of the class `kind` (the closest
        one counts). Its status is the error's, or 500, unless it returns another. 500 also stands for exceptions that have none."""

        def add(fn):
            self.errors[kind] = fn
            self._load_hooks()
            return fn

        return add

    # --- where it is served

    def attach(self, mgr, url="http://0.0.0.0:80", tls=None):
        """Serve at this URL, beside what the manager does otherwise; with a `mungo.Tls` at "https://host:port". Returns the listener.
        Raises OSError if the port is taken."""
        self.start_workers(mgr)
        return (tls or listener).listen(mgr, url, "https" if tls else "http", self.handler, self, self.connection_class())

    def connection_class(self):
        """The class of this App's connections."""
        if self.log is None:
            return AppConnection
        from .access_log import LoggedConnection

        return LoggedConnection

    def start_workers(self, mgr):
        """Make the pool of a manager that is to serve this App, if some route needs one, and call what waits for the manager."""
        if self.needs_workers or self.pool_limits:
            mgr.workers(**({} if mgr.stats["workers"] else self.pool_limits))
        for fn in self.setup:
            fn(mgr)

    def run(self, host="0.0.0.0", port=8000, tls=None, **limits):
        """Serve, over https with a `mungo.Tls`, until Ctrl-C, or until `stop` of the manager (`req.c.mgr`), which is made with these limits
        and closed at the end."""
        try:
            with Manager(**limits) as mgr:
                self.open(mgr, host, port, tls)
                while mgr.poll(1000):
                    pass
        except KeyboardInterrupt:
            return  # the usual end of a program

    def open(self, mgr, host, port, tls=None):
        """`attach` to a manager for this App alone at this address, and print the URL. OSError if the port is taken."""
        url = "%s://%s:%d" % ("https" if tls else "http", host, port)
        self.attach(mgr, url, tls)
        print("mungo %s: %s/" % (sys.modules["mungo"].__version__, url))
