# One request, for scripts: it waits for the response, and follows redirects (RFC 9110 section 15.4).
from errno import EIO, ETIMEDOUT

from .core.loop import Loop
from .http.client import Response, connect, request, split
from .http.head import snapshot
from .manager import Manager

_EV_ERROR = const(0)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)

_OWN = ("authorization", "cookie", "proxy-authorization", "host")  # fields that are no other server's business


class Result(Response):
    """A whole response: `status`, `reason`, `header(name)`, `headers()`, `body`, and `url`, where it came from."""

    url = ""


class Fetch:
    """A request under way, through all its redirects."""

    def __init__(self, url, sink, redirects):
        self.url = url
        self.sink = sink
        self.redirects = redirects
        self.c = self.location = self.result = self.error = None

    def handler(self, c, ev, hm, _):
        """The connections' handler."""
        if c is not self.c:  # the one to where a redirect came from
            return
        if ev == _EV_HTTP_HDRS:
            self.location = hm.header("location") if hm.status in (301, 302, 303, 307, 308) else None
            if self.location is None and self.sink:
                hm.on_body(self.sink)
        elif ev == _EV_HTTP_MSG:
            self.result = snapshot(hm, c.recv, Result)
            self.result.status = hm.status
            self.result.reason = hm.reason
            self.result.url = self.url
        elif ev == _EV_ERROR:
            self.error = hm
        elif ev == _EV_CLOSE and self.result is None and not self.error:
            self.error = "closed"


def fetch(url, method="GET", headers=None, body=None, length=None, auth=None, sink=None, redirects=5, limits=None, **times):
    """Ask for `url` and wait for the whole response, a Result. It makes a manager of its own, with `limits` (a dict, see `port.Limits`).

    The other arguments are those of `client.connect`. `sink(piece)` gets the body as it comes, else it is collected, up to body_limit.
    At most `redirects` redirects are followed: 303, and 301 or 302 for a POST, by a GET without a body; else by the same method
    and body, unless that was an iterator. To another server go neither `auth` nor fields that may hold a secret.
    Raises OSError: ETIMEDOUT, or EIO with what went wrong, also in the sink or the iterator, whose traceback is printed; ValueError as
    `connect`, also for where a redirect leads; RuntimeError in a handler of the manager that was made last, where it would block the
    loop: that is for `mgr.http_connect`. Workers have no sockets, see the README.
    """
    newest = Loop.newest
    if getattr(newest, "busy", False):
        raise RuntimeError("fetch: in a handler; there is mgr.http_connect")
    it = Fetch(url, sink, redirects)
    if isinstance(headers, str):
        headers = [line.split(":", 1) for line in headers.split("\r\n") if line]
    elif headers:
        headers = list(headers.items() if isinstance(headers, dict) else headers)
    host, target = split(url)
    with Manager(**(limits or {})) as mgr:
        Loop.newest = newest
        while True:
            if it.c is None or not request(it.c, target, method, headers, body, length, auth):
                it.c = connect(mgr, it.url, it.handler, None, method, headers, body, length, auth, **times)
            while it.result is None and not it.error:
                mgr.poll(1000)
            if it.error:
                raise OSError(ETIMEDOUT if it.error[:7] == "timeout" else EIO, "%s: %s" % (it.url, it.error))
            status = it.result.status
            if it.location is None:
                return it.result
            it.redirects -= 1
            if it.redirects < 0:
                raise OSError(EIO, "%s: more than %d redirects" % (it.url, redirects))
            it.url = join(host, target, it.location)
            it.result = None
            if status == 303 and method != "HEAD" or status < 303 and method == "POST":
                method = "GET"
                body = length = None
                headers = without(headers, ("content-type",))
            if body is not None and not isinstance(body, (str, bytes, bytearray, memoryview)):
                raise OSError(EIO, "%s: a redirect, and the body cannot be sent again" % it.url)
            server = host
            host, target = split(it.url)
            if host != server:
                it.c.is_closing = True
                it.c = auth = None
                headers = without(headers, _OWN)


def without(headers, names):
    """The list of fields without those of these names."""
    return [it for it in headers or () if it[0].lower() not in names]


def join(host, target, location):
    """The URL that `location` means in an answer of `host` to `target`, RFC 3986 section 5.2."""
    scheme, colon, _ = location.partition(":")
    if colon and "/" not in scheme and "?" not in scheme:
        return location
    if location[:2] == "//":
        return "http:" + location
    path = target.partition("?")[0]
    location = location.partition("#")[0]
    if location[:1] in "?":  # (or nothing)
        location = path + location
    elif location[0] != "/":
        location = path[: path.rfind("/") + 1] + location
    path, mark, query = location.partition("?")
    parts = []
    steps = path.split("/")[1:]
    for part in steps:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    if steps[-1] in (".", ".."):
        parts.append("")
    return "http://%s/%s%s%s" % (host, "/".join(parts), mark, query)
