# One HTTP request for scripts: `fetch` waits for the response, and follows redirects (RFC 9110 section 15.4).
from errno import EIO, ETIMEDOUT

from .core.loop import Loop
from .http.client import connect, request
from .http.urls import is_secure, join_url, split_url
from .manager import Manager

_EV_ERROR = const(0)
_EV_OPEN = const(1)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)

# Words in the names of fields that another server must not see: Authorization, Cookie, X-Api-Key, X-Auth-Token, X-Session-Id, ..
_SECRET = "auth cookie key token secret pass session cred sign csrf xsrf jwt login user-id bearer otp".split()


class Result:
    """A whole response: `status`, `reason`, `body` (bytes; b"" if a sink took it), and `url`, where it came from."""

    def __init__(self, hm, url):
        self.status = hm.status
        self.reason = hm.reason
        self.body = hm.body
        self.url = url
        self._fields = list(hm.headers())

    def header(self, name, default=None):
        """The value of the first field of this name, in any case, as str; else `default`."""
        for field, value in self._fields:
            if field.lower() == name.lower():
                return value
        return default

    def headers(self):
        """All fields in their order, a list of (name, value)."""
        return self._fields


class Fetch:
    """A request under way, through all its redirects."""

    def __init__(self, url, sink):
        self.url = url
        self.sink = sink
        self.c = None  # the connection to the server of `url`
        self.location = None  # where the response redirects to
        self.result: "Any" = None  # noqa: F821  # pyright: ignore
        self.error = None  # a str

    def handler(self, c, ev, hm, _):
        """The connections' handler."""
        if ev == _EV_OPEN:  # the first, or that to another server, or one more to this one since it has closed the last
            self.c = c
        elif c is not self.c:
            return
        if ev == _EV_HTTP_HDRS:
            self.location = hm.header("location") if hm.status in (301, 302, 303, 307, 308) else None
            if self.location is not None:
                hm.on_body(len)  # which drops it
            elif self.sink:
                hm.on_body(self.sink)
        elif ev == _EV_HTTP_MSG:
            self.result = Result(hm, self.url)
        elif ev == _EV_ERROR:
            self.error = hm
        elif ev == _EV_CLOSE and self.result is None and not self.error:
            self.error = "closed"


def fetch(
    url, method="GET", headers=None, body=None, length=None, auth=None, sink=None, redirects=5, limits=None, tls=None, **times
) -> "Result":
    """Request `url` and wait for the whole response, a Result. A manager of its own with `limits` (a dict, see `port.Limits`) does that.

    The other arguments are those of `http.client.connect`. `sink(piece)` gets the body as it comes, else it is collected, up to body_limit.
    At most `redirects` redirects are followed: 303, and 301 or 302 for a POST, by a GET without a body; else by the same method
    and body, unless that was an iterator. Another server gets neither `auth` nor fields whose names speak of a secret (see `is_secret`).
    A redirect from https to http is an error.
    Raises OSError: ETIMEDOUT, or EIO with a text that says what failed, also in the sink or the iterator, whose traceback is printed.
    Raises ValueError as `connect`, also for the URL of a redirect; RuntimeError in a handler of the manager that was made last, where it
    would block the loop: use `mgr.http_connect` there; RuntimeError in a thread other than that of an open manager.
    """
    newest = Loop.newest
    if getattr(newest, "busy", False):
        raise RuntimeError("fetch: in a handler; there is mgr.http_connect")
    it = Fetch(url, sink)
    if isinstance(headers, str):
        headers = [line for line in headers.split("\r\n") if line]
    elif isinstance(headers, dict):
        headers = headers.items()
    pairs = [pair.split(":", 1) if isinstance(pair, str) else pair for pair in headers or ()]
    followed = 0
    host, target = split_url(url, tls=tls)
    with Manager(**(limits or {})) as mgr:
        Loop.newest = newest
        while True:
            if it.c is None or not request(it.c, target, method, pairs, body, length, auth):
                it.c = connect(mgr, it.url, it.handler, None, method, pairs, body, length, auth, tls, **times)
            while it.result is None and not it.error:
                mgr.poll(1000)
            if it.error:
                raise OSError(ETIMEDOUT if it.error[:7] == "timeout" else EIO, "%s: %s" % (it.url, it.error))
            status = it.result.status
            if it.location is None:
                return it.result  # pyright: ignore
            followed += 1
            if followed > redirects:
                raise OSError(EIO, "%s: more than %d redirects" % (it.url, redirects))
            was_secure = is_secure(it.url)
            it.url = join_url(host, target, it.location, "https" if was_secure else "http")
            it.result = None
            if was_secure and not is_secure(it.url):
                raise OSError(EIO, "%s: a redirect from https" % it.url)
            if status == 303 and method != "HEAD" or status < 303 and method == "POST":
                method = "GET"
                body = length = None
                pairs = [pair for pair in pairs if not is_of_content(pair[0].lower())]
            if body is not None and not isinstance(body, (str, bytes, bytearray, memoryview)):
                raise OSError(EIO, "%s: a redirect, and the body cannot be sent again" % it.url)
            server = host
            host, target = split_url(it.url, tls=tls)
            if host != server or is_secure(it.url) != was_secure:
                it.c.is_closing = True
                it.c = auth = None
                pairs = [pair for pair in pairs if not is_secret(pair[0].lower())]


def is_of_content(name):
    """Whether a field of this name, in lower case, describes a request's content, and so goes with it (RFC 9110 section 15.4)."""
    return name[:8] == "content-" or name in ("digest", "last-modified")


def is_secret(name):
    """Whether a field of this name, in lower case, is for one server alone: Host, Origin, Referer, and what may hold a secret."""
    for word in _SECRET:
        if word in name:
            return True
    return name in ("host", "origin", "referer")
