# A request, as handlers and hooks get it. Most attributes are read from the head or the body when a handler first asks for them, also in
# a worker. Threads must not import, so everything is imported at the top.
from binascii import hexlify
from os import urandom

from ..http.form import Fields, parse_query, unquote
from ..http.header_lists import without_parameters
from ..http.lazy import parts
from ..http.parser import Request as Head
from ..port.address import address
from .readers import readers
from .response import abort, settled

_URLENCODED = const("application/x-www-form-urlencoded")
_MULTIPART = const("multipart/form-data")
_ID = const("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/+=")

parts.head  # noqa: B018  (loads it: workers read fields by it, and must not import)


class Request:
    """A request, as handlers and hooks get it. In the loop it is valid until the handler returns, or until the generator ends that it
    returns; a worker has a copy of its own, and the after hooks get that.

    The attributes without a value are read when they are first asked for; if what they read is malformed, the answer is 400.
    """

    app: object  # the App that is attached
    method: str
    url: str  # as it came
    path: str  # decoded, without the query
    args: Fields  # of the query: a dict with the first value of each name, `getlist(name)` has all
    headers: "Headers"
    cookies: dict
    scheme: str  # "https" over TLS, else "http"
    rem: str  # the client's address, "10.0.0.7:51324"
    body: bytes  # b"" if there is none, and in a stream handler
    json: object  # None if there is no body, or one of another Content-Type; see App.strict_json
    form: Fields  # of an urlencoded or multipart body, like args. Empty without a body; another Content-Type is answered by 415
    files: Fields  # of a multipart body, each a form_reader.FormFile in memory
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
            if name == "method":
                value = hm.method
            elif name == "url":
                value = hm.target
            elif name == "path":
                value = unquote(hm.uri.encode())
            elif name == "args":
                value = parse_query(hm.query.encode())
            elif name == "headers":
                value = Headers(self)
            elif name == "cookies":
                value = parse_cookies(self.headers.get("Cookie", ""), self)
            elif name == "body":
                value = hm.body
            elif name == "json":
                value = None
                if self.body and self.headers.is_type("application/json"):
                    value = readers.json_reader.loads(self.body, self.route.apps[0].strict_json)
            elif name == "form" or name == "files":
                self.form, self.files = self.read_form()
                return self.form if name == "form" else self.files
            elif name == "has_form":
                value = self.headers.is_type(_URLENCODED) or self.headers.is_type(_MULTIPART)
            elif name == "g":
                value = {}
            elif name == "id":
                value = self.headers.get("X-Request-ID", "")
                if not 0 < len(value) <= 64 or value.strip(_ID):
                    value = hexlify(urandom(8)).decode()
                if self.c is not None:
                    self.c.request_id = value
            elif name == "session" and name in self.g:
                value = self.g[name].data
            elif name == "rem":
                value = self.c.rem if self.c else address(self.peer)
            elif name == "scheme":
                value = "https" if self.c and self.c.is_tls else "http"
            elif name == "app":
                value = self.route.apps[0]
            else:
                raise AttributeError(name)
        except ValueError:
            abort(400)
        setattr(self, name, value)
        return value

    def read_form(self):
        """`form` and `files`. Raises HttpError 415 for a body of another type, UploadError, ValueError."""
        if self.headers.is_type(_URLENCODED):
            return parse_query(self.body), Fields()
        if not self.body:
            return Fields(), Fields()
        if not self.headers.is_type(_MULTIPART):
            abort(415, "want a form\n")
        return readers.form_reader.read(self.body, self.headers["Content-Type"])

    def after_request(self, fn):
        """Have `fn(req, response)` run before the answer to this request is sent, before the after hooks of the App. In the loop, also for
        a request that a worker has answered. Returns `fn`, so it is a decorator as well."""
        self.after += (fn,)
        return fn

    def run(self, fn):
        """Call `fn(self)`; `result` is then what it has returned or raised."""
        try:
            self.result = fn(self)
        except Exception as er:
            self.result = er

    def run_before_hooks(self):
        """Call the before hooks, up to the first that answers: `result` is then what it has returned or raised, else None."""
        try:
            for app in self.route.apps:
                for hook in app.before:
                    self.result = settled(self, hook(self))
                    if self.result is not None or not self.hm.is_unanswered:
                        return
        except Exception as er:
            self.result = er

    def detach(self):
        """Copy the head and the body, so that this request stays valid when the loop's buffer is used for others. Twice is once."""
        if type(self.hm) is not Head:
            self.hm = parts.head.snapshot(self.hm, self.c.recv, Head)

    def copy_for_worker(self):
        """A detached copy of this request for another thread, with nothing that the loop changes."""
        copy = Request(None, None, self.route)
        self.detach()
        copy.hm = self.hm
        if self.hm.body and self.headers.is_type(_MULTIPART):
            readers.form_reader  # noqa: B018  (loads it: the worker must not import)
        copy.peer = self.c.peer if self.c else self.peer
        if self.scheme[4:]:
            copy.scheme = self.scheme
        if self.user is not None:
            copy.user = self.user
        if self.values:
            copy.values = self.values
        if self.after:
            copy.after = self.after
        if "id" in self.__dict__:
            copy.id = self.id
        if "g" in self.__dict__:
            copy.g = dict(self.g)
        return copy


class Headers:
    """The fields of a request's head, by their names in any case. Iterating gives (name, value) in the order in which they came."""

    def __init__(self, req):
        self.req = req  # not its `hm`, which detach replaces

    def __iter__(self):
        return iter(self.req.hm.headers())

    def get(self, name, default=None):
        """The value of the first field of this name as str, or `default`."""
        return self.req.hm.header(name, default)

    def __contains__(self, name):
        return self.get(name) is not None

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def is_type(self, media_type):
        """Whether the Content-Type is this media type, in lower case, whatever its parameters."""
        return without_parameters(self.get("Content-Type", "")) == media_type


def parse_cookies(text, req=None):
    """The cookies in the value of a Cookie field as a dict. Of those with the same name the first counts: it has the longer path. Quotes
    around a value are left out, as a pair (RFC 6265 section 4.1.1)."""
    found = {}
    for part in text.split(";"):
        name, is_cookie, value = part.partition("=")
        if is_cookie:
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            name = name.strip()
            if found.setdefault(name, value) != value and req is not None:
                req.doubtful += (name,)
    return found


def call_handler(req):
    """Call the handler of the request's route with the values of its pattern; for `Request.run`."""
    return req.route.fn(req, **req.values)
