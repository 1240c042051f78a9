# A request, as handlers and hooks get it. Most attributes are read from the head or the body when a handler first asks for them, also in
# a worker. attributes.py has those that few programs ask for.
from ..http.parser import Request as Head
from ..http.percent import unquote
from .readers import readers
from .response import abort

TYPE_CHECKING = const(0)  # for editors alone
if TYPE_CHECKING:
    from ..http.form import Fields
    from .headers import Headers


class Request:
    """A request, as handlers and hooks get it. In the loop it is valid until the handler returns, or until the generator ends that it
    returns; a worker has a copy of its own, and the after hooks get that.

    The attributes without a value are read when they are first asked for; if what they read is malformed, the answer is 400.
    """

    app: "Any"  # noqa: F821  # pyright: ignore  # the App that is attached
    method: str
    url: str  # as it came
    path: str  # decoded, without the query
    args: "Fields"  # of the query: a dict with the first value of each name, `getlist(name)` has all
    headers: "Headers"
    cookies: dict
    scheme: str  # "https" over TLS, else "http"
    rem: str  # the client's address, "10.0.0.7:51324"
    body: bytes  # b"" if there is none, and in a stream handler
    json: object  # None if there is no body, or one of another Content-Type; see App.strict_json
    # Of an urlencoded or multipart body, like args. Empty without a body; another Content-Type is answered by 415.
    form: "Fields"
    files: "Fields"  # of a multipart body, each a form_reader.FormFile in memory
    has_form: bool  # whether the Content-Type is one of these two
    id: str  # the field X-Request-ID if that is there, else a random one; a log has it if it was asked for in the loop
    g: dict  # what hooks and handlers share
    session: dict  # see sessions.py
    user = None  # set by a hook that has checked it
    stream = None  # a stream handler yields it to get a piece of the body
    after = ()  # hooks for this request alone
    doubtful = ()  # names of cookies that came with two values: a neighbour in the domain may have added one. (Ask for `cookies` first.)
    values = {}  # {name of the pattern: its value in the path}
    result = None  # what the handler or hook has returned or raised
    made = None  # the Response of a generator that has run up to its first yield
    peer: object = None  # in a worker's copy: the client's address, as the port has it

    def __init__(self, c, hm, route):
        self.c = c  # the connection; None in a worker
        self.hm = hm
        self.route = route

    def __getattr__(self, name):
        hm = self.hm
        try:
            if name == "method" or name == "body":
                value = getattr(hm, name)
            elif name == "url":
                value = hm.target
            elif name == "path":
                value = unquote(hm.uri.encode())
            elif name == "args":
                value = readers.form.parse_query(hm.query.encode())
            elif name == "headers":
                value = self.app.parts.headers.Headers(self)
            elif name == "json":
                value = None
                if self.body and self.headers.is_type("application/json"):
                    value = readers.json_reader.loads(self.body, self.app.strict_json)
            elif name == "g":
                value = {}
            elif name == "app":
                value = self.route.apps[0]
            else:
                value = self.app.parts.attributes.read(self, name)
        except ValueError:
            abort(400)
        setattr(self, name, value)
        return value

    def after_request(self, fn):
        """Have `fn(req, response)` run before the answer to this request is sent, before the after hooks of the App. In the loop, also for
        a request that a worker has answered. Returns `fn`, so it is a decorator as well."""
        self.after += (fn,)
        hm = self.hm
        hm.is_plain = hm.is_bare = False  # so that `reply_ok`, which knows no hooks, leaves the answer to others
        return fn

    def run(self, fn):
        """Call `fn(self)`; `result` is then what it has returned or raised."""
        try:
            self.result = fn(self)
        except Exception as er:
            self.result = er

    def detach(self):
        """Copy the head and the body, so that this request stays valid when the loop's buffer is used for others. Twice is once."""
        hm = self.hm
        if type(hm) is not Head:
            hm.keep(self.c.recv)
            self.hm = copy = Head(hm.tab)
            copy.data = hm.data
            copy.whole = hm.body
            copy.authority = hm.authority

    def copy_for_worker(self):
        """A detached copy of this request for another thread, with nothing that the loop changes."""
        copy = Request(None, None, self.route)
        self.detach()
        copy.hm = hm = self.hm
        if hm.whole and self.headers.is_type("multipart/form-data"):
            readers.form_reader  # noqa: B018  (loads it: the worker must not import)
        c = self.c
        copy.peer = c.peer if c else self.peer
        if c and c.is_tls:
            copy.scheme = "https"
        known = self.__dict__
        for name in ("user", "values", "after", "id", "scheme"):
            if name in known:
                setattr(copy, name, known[name])
        if "g" in known:
            copy.g = dict(self.g)
        return copy


def call_handler(req):
    """Call the handler of the request's route with the values of its pattern; for `Request.run`."""
    return req.route.fn(req, **req.values)
