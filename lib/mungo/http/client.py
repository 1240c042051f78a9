# HTTP clients on the loop's events: requests on a connection, one after the other, and their responses (RFC 9112). fetch.py has the
# call that waits.
#
# A handler's order: OPEN RESOLVE CONNECT (HTTP_HDRS HTTP_MSG READ).. CLOSE; what goes wrong is ERROR CLOSE, whatever was under way.
# In EV_HTTP_HDRS `hm.on_body(fn)` takes the body in pieces, else it is collected, up to body_limit. In EV_HTTP_MSG or later `request`
# asks again on the same connection, unless the server has said that it closes (`hm.keep_alive`).
from binascii import b2a_base64

from ..core.buffer import Buffer
from .char_classes import all_in
from .head import text
from .parser import Request
from .scan import fields_table

_EV_ERROR = const(0)
_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)
_EV_DUE = const(100)

_NEED = const(0)  # the parser's events
_HEAD = const(1)
_PIECE = const(2)
_DONE = const(3)

_VERSION = const(b"HTTP/1.")

_PIECES = const(16)  # of one body in one turn


def split(url):
    """("host:port", "/path?query") of an http URL. ValueError for another, and for one with a user or a password in it."""
    rest = url.split("#")[0][7:]
    host = rest.split("/")[0].split("?")[0]
    target = rest[len(host) :]
    if url[:7].lower() != "http://" or not host or "@" in host:
        raise ValueError("%r: want http://host:port/path, no TLS, no user" % url)
    if ":" not in host.split("]")[-1]:
        host += ":80"
    return host, target if target[:1] == "/" else "/" + target


def connect(mgr, url, fn, fn_data=None, method="GET", headers=None, body=None, length=None, auth=None, connect_ms=0, **times):
    """`mgr.http_connect`: connect to the server of "http://host:port/path" and ask for that, see `request` for the arguments.

    A `method` of None asks for nothing yet. Times in ms: `connect_ms`, the manager's by default; `first_ms`, 30 s, from the end of the
    request to that of the response's head; `idle_ms`, 30 s, without progress of its body. What takes longer ends with EV_ERROR.
    Returns the connection. ValueError as `request` and `mgr.connect`.
    """
    host, target = split(url)
    it = Client(mgr, host, **times)
    head = None if method is None else it.ask(method, target, headers, body, length, auth)
    c = mgr.connect("tcp://" + host, fn, fn_data)
    c.pfn = handler
    c.proto = it
    mgr.deadline(c, connect_ms or mgr.connect_ms)
    if head:
        it.begin(c, head)
    return c


def request(c, target, method="GET", headers=None, body=None, length=None, auth=None):
    """Ask for `target`, "/path?query", on a connection whose last response is complete, or that asks for the first time.

    `headers`: as for `http_reply`; Host is seen to if it is not among them. `body`: bytes-like or str; or an iterator of such pieces,
    which is pulled when there is room, and sent chunked, or as it is if `length` says how many bytes it has. `auth`: (user,
    password), RFC 7617.
    Returns False if the connection is closing. ValueError: a response is under way; what would smuggle something into the head.
    """
    it = c.proto
    if c.is_ending:
        return False
    if it.is_waiting:
        raise ValueError("a response is under way")
    return it.begin(c, it.ask(method, target, headers, body, length, auth))


class Response(Request):
    """One response after the other of a connection: what a client's handler gets as `hm`. Valid as a server's; `status` stays.

    Bytes in, events out, no socket here: the events and states are parser.py's, with the status line in place of the request line; and a
    body may end with the connection. `tab` is a table of its own, from `fields_table`. Set `is_head` if the request was HEAD, then there
    is no body.
    """

    status = 0
    reason = ""  # what follows the status, for people
    is_endless = False  # its body ends with the connection

    def parse(self, buf):
        """What comes next in `buf`: an event; or -502, whatever is wrong, since nobody answers it. After DONE call `finish`."""
        if self.is_endless and self.state:
            self.left = buf.end - buf.start - self.at
            return self.piece(buf)
        ev = Request.parse(self, buf) if self.state else self.head(buf)
        return ev if ev >= 0 else -502

    def head(self, buf):
        """The head: HEAD, NEED or less than 0."""
        code = 100
        while code < 200:  # behind an interim one the response is still to come
            data = buf.data
            at = buf.start
            n = buf.end - at
            if data[at : at + min(n, 7)] != _VERSION[:n]:  # no need to wait for more
                return -1
            end = data.find(b"\r\n\r\n", at + max(self.at - 3, 0), buf.end) + 4
            if end < 4:
                self.at = n
                return _NEED if n < self.head_limit else -1
            self.at = end - at
            line = data.find(b"\r", at)
            minor, _, code = bytes(data[at + 7 : line]).partition(b" ")
            is_line = len(minor) == 1 and all_in(code, 2)
            code = code.split(b" ")[0]
            if not is_line or len(code) != 3 or not (minor + code).isdigit() or self.at > self.head_limit:
                return -1
            if not self.read_fields(buf, line + 2, end, int(minor)):
                return -1
            code = int(code)
            if code < 100 or code == 101:  # nobody has asked for another protocol
                return -1
            if code < 200:
                buf.start = end
                self.at = 0
        self.reason = text(data[at + 13 : line])
        self.status = code
        self.state = 1
        self.is_endless = False
        status = self.read_framing()
        if self.is_head or code == 204 or code == 304:
            self.state = 1
            self.left = 0
        elif self.state == 1 and not self.left and self.header("content-length") is None:
            self.is_endless = True
            self.keep_alive = False
            self.collected = Buffer()
        return status or _HEAD


class Client(Response):
    """A connection's requests and responses: the `hm` of its handler."""

    is_waiting = False  # for a response, or for the rest of it
    source = None  # of the body that is being sent
    unsent = None  # None: it is sent chunked

    def __init__(self, mgr, host, first_ms=30000, idle_ms=30000):
        super().__init__(fields_table(mgr.head_limit))
        self.host = host
        self.first_ms = first_ms
        self.idle_ms = idle_ms

    def ask(self, method, target, headers, body, length, auth):
        """A request's head, and its body if that is at hand, as bytes."""
        data = target.encode()
        if data[:1] not in b"/*" or not (data and method and all_in(data, 4) and all_in(method.encode(), 1)) or (length or 0) < 0:
            raise ValueError("%r %r, length=%r: want a token, a path, no less than 0" % (method, target, length))
        self.keep_alive = True
        text = b""
        if headers:
            from .fields import make_fields

            text = make_fields(self, headers)
        if b"\nhost:" not in b"\n" + text.lower():
            text = b"Host: %s\r\n%s" % (self.host.encode(), text)
        if auth:
            if ":" in auth[0]:
                raise ValueError("auth: a colon in the name")
            text += b"Authorization: Basic %s\r\n" % b2a_base64(("%s:%s" % auth).encode())[:-1]
        if not self.keep_alive:
            text += b"Connection: close\r\n"
        self.source = None
        self.unsent = length
        if isinstance(body, str):
            body = body.encode()
        if body is None:
            body = b""
            length = 0 if method in ("POST", "PUT", "PATCH") else -1
        elif isinstance(body, (bytes, bytearray, memoryview)):
            length = len(body)
        else:
            self.source = iter(body)
            body = b""
        if length is None:
            text += b"Transfer-Encoding: chunked\r\n"
        elif length >= 0:
            text += b"Content-Length: %d\r\n" % length
        self.is_head = method == "HEAD"
        return b"%s %s HTTP/1.1\r\n%s\r\n" % (method.encode(), data, text) + body

    def begin(self, c, data):
        """Send a request."""
        self.is_waiting = True
        if not c.is_connecting:
            c.wait = 0
        is_sent = c.put(data)
        sent(c, self)
        return is_sent


def sent(c, it):
    """Some of the request is sent: go on; when it is complete, the server's time runs."""
    for _ in range(_PIECES):
        if c.out is not None or c.is_ending:
            return
        if it.source is None:
            if not it.state:
                c.mgr.deadline(c, it.first_ms)
            return
        for piece in it.source:  # noqa: B007 (as next, without its exception)
            break
        else:
            it.source = None
            piece = b""
        if not piece and it.source:
            continue
        if isinstance(piece, str):
            piece = piece.encode()
        if it.unsent is None:
            piece = b"%x\r\n%s\r\n" % (len(piece), bytes(piece))
        else:
            it.unsent -= len(piece)
            if it.unsent < 0 or it.unsent and it.source is None:
                raise ValueError("the body is not as long as length says")
        c.put(piece)
    if c not in c.mgr.resuming:
        c.mgr.resuming.append(c)


def handler(c, ev, data):
    """The protocol's handler (`pfn`) of HTTP clients."""
    it = c.proto
    if ev == _EV_READ or ev == _EV_WRITE:
        if it.source is not None or ev == _EV_WRITE and it.is_waiting:
            sent(c, it)
        read(c, it)
    elif ev == _EV_DUE:
        if c.is_full:
            c.mgr.deadline(c, it.idle_ms)  # it is the program that does not read
        elif it.is_waiting:
            c.mgr.stats["timeouts"] += 1
            c.error("timeout: " + ("idle_ms" if it.state else "first_ms"))
        else:
            c.is_closing = True
    elif ev == _EV_CLOSE:
        source = it.source
        it.source = None
        if hasattr(source, "close"):  # a generator may clean up
            with c:  # what it raises must not keep EV_CLOSE from the program
                source.close()
        if it.is_waiting and c.is_ended and not c.error_text:
            it.is_waiting = False
            with c:
                if it.is_endless and it.state:
                    tell(c, _EV_HTTP_MSG, it)
                else:
                    c.mgr.stats["failed"] += 1
                    tell(c, _EV_ERROR, "closed before the response was complete")


def tell(c, ev, data):
    """Call the program's handler."""
    if c.fn is not None:
        c.fn(c, ev, data, c.fn_data)


def read(c, it):
    """Parse what has come."""
    while it.is_waiting and not c.state:
        ev = it.parse(c.recv)
        if ev == _HEAD:
            tell(c, _EV_HTTP_HDRS, it)
            if it.sink is None and it.left > c.mgr.body_limit:
                ev = -413
        elif ev == _PIECE:
            if it.sink is not None:
                it.sink(it.view(c.recv))
            elif not it.collect(it.view(c.recv), c.mgr.body_limit):
                ev = -413
        elif ev == _DONE:
            done(c, it)
        elif not ev:
            break
        if ev < 0:
            c.error("body_limit" if ev == -413 else "no HTTP response")
    if c.is_ending:
        return
    if not it.is_waiting:
        if len(c.recv):
            c.error("a response that nobody asked for")
    elif it.state:
        it.keep(c.recv)
        if c.out is None:
            c.mgr.deadline(c, it.idle_ms)


def done(c, it):
    """The response is complete."""
    it.is_waiting = False
    c.wait = 0
    goes_on = it.keep_alive and it.source is None and c.out is None and len(c.recv) == it.at
    if not goes_on:
        c.is_closing = True  # so that it is not asked again, nor is more of this request's body
    tell(c, _EV_HTTP_MSG, it)
    it.finish(c.recv)
    if goes_on and not it.is_waiting:
        c.mgr.deadline(c, c.mgr.idle_ms)
