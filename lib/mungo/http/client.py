# HTTP clients on the loop's events: requests on a connection, one after the other, and their responses (RFC 9112).
#
# `connect` and `request` send requests; response_parser.py reads responses; fetch.py has the call that waits.
#
# A handler's order: OPEN RESOLVE CONNECT (HTTP_HDRS HTTP_MSG READ).. CLOSE; a failure is ERROR CLOSE, at any time.
# In EV_HTTP_HDRS `hm.on_body(fn)` takes the body in pieces, else it is collected, up to body_limit. In EV_HTTP_MSG or later `request`
# asks again on the same connection, unless the server has said that it closes (`hm.keep_alive`). A server may close a connection just when
# it is asked again. If that request may be repeated (RFC 9110 section 9.2.2), it is sent once more, on a new connection with the same
# handler: the old one gets its CLOSE without an ERROR, the new one OPEN and so on.
from binascii import b2a_base64

from ..core.reports import describe
from ..core.utf8 import encode
from ..threads.wakeups import as_bytes
from .char_classes import all_in
from .response_parser import Response, drop_lines
from .urls import host_field, is_secure, split_url

_EV_ERROR = const(0)
_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)
_EV_DUE = const(100)

_HEAD = const(1)  # the parser's events
_PIECE = const(2)
_DONE = const(3)

_PIECES = const(16)  # of one body in one turn
_IDEMPOTENT = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE")


def connect(mgr, url, fn, fn_data=None, method="GET", headers=None, body=None, length=None, auth=None, tls=None, **times):
    """`mgr.http_connect`: connect to the server of "http://host:port/path" and request that path, see `request` for the arguments.

    A `method` of None requests nothing yet. `tls`: a `mungo.Tls`, for "https://.."; nothing is sent before the server is verified.
    Times in ms: `connect_ms`, the manager's by default; `first_ms`, 30 s, from the end of the
    request to that of the response's head; `idle_ms`, 30 s, without progress of its body. What takes longer ends with EV_ERROR.
    Returns the connection. Raises ValueError as `request`, OSError and ValueError as `mgr.connect`. Loop's thread.
    """
    host, target = split_url(url, tls=tls)
    it = Client(mgr, host, tls=tls if is_secure(url) else None, **times)
    data = None if method is None else it.make_request(method, target, headers, body, length, auth)
    return open_connection(mgr, it, data, fn, fn_data)


def open_connection(mgr, it, data, fn, fn_data):
    """Connect to the server of the Client `it`, and send the request `data`, if there is one. Returns the connection."""
    c = mgr.connect(("tls://" if it.tls else "tcp://") + it.host, fn, fn_data, it.tls)
    try:
        c.proto = it  # (first: `handler` needs it)
        c.pfn = handler
        c.on_close(repeat, c)
        mgr.deadline(c, it.connect_ms)
        if data:
            it.send_request(c, data)
    except Exception:  # there is no memory, or the body's iterator has failed
        c.is_closing = True
        raise
    return c


def repeat(c):
    """The connection is closed: if its server has just not answered a request that may be repeated, send that once more."""
    it = c.proto
    data = it.repeatable
    it.repeatable = None
    if not data or it.state or it.has_begun or len(c.recv) or c.is_connecting:
        return
    if c.is_ended or c.error_text and c.error_text[:7] != "timeout":
        try:
            other = Client(c.mgr, it.host, it.first_ms, it.idle_ms, it.connect_ms, it.tls)
            other.is_head = it.is_head
            open_connection(c.mgr, other, data, c.fn, c.fn_data)
            it.is_waiting = False
            c.error_text = ""
        except Exception as er:
            c.error_text = describe(er)


def request(c, target, method="GET", headers=None, body=None, length=None, auth=None):
    """Request `target`, "/path?query", on a connection whose last response is complete, or that has requested nothing yet.

    `headers`: as for `http_reply`; the client adds Host if it is not among them. `body`: bytes-like or str; or an iterator of such pieces,
    which is pulled when there is room, and sent chunked, or as it is if `length` says how many bytes it has. `auth`: (user,
    password), RFC 7617.
    Returns False if the connection is closing. Raises ValueError if a response is under way, and for what can't be in a request's head.
    Loop's thread.
    """
    it = c.proto
    if c.is_ending:
        return False
    if it.is_waiting:
        raise ValueError("a response is under way")
    data = it.make_request(method, target, headers, body, length, auth)
    if method in _IDEMPOTENT and it.source is None:
        it.repeatable = data
    return it.send_request(c, data)


class Client(Response):
    """A connection's requests and responses: the `hm` of its handler."""

    is_waiting = False  # for a response, or for the rest of it
    source = None  # the iterator of the body that is being sent
    repeatable = None  # the request as bytes, if it may be sent once more when the connection closes before an answer
    unsent = None  # how many bytes of that body are to come; None: it is sent chunked

    def __init__(self, mgr, host, first_ms=30000, idle_ms=30000, connect_ms=0, tls=None):
        super().__init__(mgr.head_limit)
        self.host = host
        self.tls = tls
        self.first_ms = first_ms
        self.idle_ms = idle_ms
        self.connect_ms = connect_ms or mgr.connect_ms

    def make_request(self, method, target, headers, body, length, auth):
        """A request as bytes: the head, and the body unless that is an iterator, which `send_body` takes from `source`."""
        path = target.encode()
        if path[:1] not in b"/*" or not (path and method and all_in(path, 4) and all_in(method.encode(), 1)) or (length or 0) < 0:
            raise ValueError("%r %r, length=%r: want a token, a path, no less than 0" % (method, target, length))
        self.keep_alive = True
        lines = b""
        if headers:
            from .fields import make_fields

            lines = make_fields(self, headers)
        if b"\nhost:" not in b"\n" + lines.lower():
            lines = b"Host: %s\r\n%s" % (host_field(self.host, self.tls).encode(), lines)
        if auth:
            if ":" in auth[0]:
                raise ValueError("auth: a colon in the name")
            lines += b"Authorization: Basic %s\r\n" % b2a_base64(encode("%s:%s" % auth))[:-1]
        if not self.keep_alive:
            lines += b"Connection: close\r\n"
        self.source = None
        self.unsent = length
        content = b""
        if body is None:
            size = 0 if method in ("POST", "PUT", "PATCH") else -1
        elif isinstance(body, (str, bytes, bytearray, memoryview)):
            content = encode(body) if isinstance(body, str) else body
            size = len(content)
        else:
            self.source = iter(body)
            size = length
        if size is None:
            lines += b"Transfer-Encoding: chunked\r\n"
        elif size >= 0:
            lines += b"Content-Length: %d\r\n" % size
        self.is_head = method == "HEAD"
        return b"%s %s HTTP/1.1\r\n%s\r\n" % (method.encode(), path, lines) + content

    def send_request(self, c, data):
        """Send what `make_request` has made. Returns as `c.put`."""
        self.is_waiting = True
        if not c.is_connecting:
            c.wait = 0
        is_sent = c.put(data)
        send_body(c, self)
        return is_sent


def send_body(c, it):
    """Send the next pieces of the request's body if the socket has taken the last ones; after the end the server's time runs."""
    for _ in range(_PIECES):
        if c.out is not None or c.is_ending:
            return
        if it.source is None:
            if not it.state:
                c.mgr.deadline(c, it.first_ms)
            return
        try:
            piece = next(it.source)
        except StopIteration:
            it.source = None
            piece = b""
        if not len(piece) and it.source is not None:  # (a TypeError for numbers)
            continue
        data = encode(piece) if isinstance(piece, str) else as_bytes(piece)  # (an array's len is not its number of bytes)
        if it.unsent is None:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        else:
            it.unsent -= len(data)
            if it.unsent < 0 or it.unsent and it.source is None:
                raise ValueError("the body is not as long as length says")
        c.put(data)
    if c not in c.mgr.resuming:
        c.resume()


def handler(c, ev, data):
    """The protocol's handler (`pfn`) of HTTP clients."""
    it = c.proto
    if ev == _EV_READ or ev == _EV_WRITE:
        if it.source is not None or ev == _EV_WRITE and it.is_waiting:
            send_body(c, it)
        parse_received(c, it)
    elif ev == _EV_DUE:
        if c.is_full:
            c.mgr.deadline(c, it.idle_ms)  # the program does not read, so the server can't be late
        elif it.is_waiting:
            c.mgr.stats["timeouts"] += 1
            c.error("timeout: " + ("idle_ms" if it.state else "first_ms"))
        else:
            c.is_closing = True
    elif ev == _EV_CLOSE:
        source = it.source
        it.source = None
        if hasattr(source, "close"):
            try:
                source.close()  # a generator may clean up
            except BaseException as er:  # which must not keep EV_CLOSE from the program
                c.bug(er)
        if it.is_waiting and c.is_ended and not c.error_text:
            it.is_waiting = False
            try:
                if it.is_endless and it.state:
                    call_handler(c, _EV_HTTP_MSG, it)
                else:
                    c.mgr.stats["failed"] += 1
                    call_handler(c, _EV_ERROR, "closed before the response was complete")
            except BaseException as er:
                c.bug(er)
        it.release()


def call_handler(c, ev, data):
    """Call the program's handler, if there is one."""
    if c.fn is not None:
        c.fn(c, ev, data, c.fn_data)


def parse_received(c, it):
    """Parse what has come, and call the program's handler."""
    while it.is_waiting and not c.state:
        ev = it.parse(c.recv)
        if ev == _HEAD:
            call_handler(c, _EV_HTTP_HDRS, it)
            if it.sink is None and it.left > c.mgr.body_limit:
                ev = -413
            elif it.sink is None and not it.hold(c.mgr, it.left):
                ev = -503
        elif ev == _PIECE:
            if it.sink is not None:
                it.sink(it.view(c.recv))
            elif (it.is_endless or it.content_length is None) and not it.hold(c.mgr, len(it.view(c.recv))):
                ev = -503
            elif not it.collect(it.view(c.recv), c.mgr.body_limit):
                ev = -413
        elif ev == _DONE:
            end_response(c, it)
        elif not ev:
            break
        if ev < 0:
            c.error("body_limit" if ev == -413 else "shared_bytes" if ev == -503 else it.fault)
    if c.is_ending:
        return
    if not it.is_waiting:
        drop_lines(c.recv)
        if len(c.recv):
            c.error("a response that nobody asked for")
    elif it.state:
        it.keep(c.recv)
        if c.out is None:
            c.mgr.deadline(c, it.idle_ms)


def end_response(c, it):
    """The response is complete."""
    it.is_waiting = it.has_begun = False
    it.repeatable = None
    c.wait = 0
    rest = bytes(memoryview(c.recv.data)[c.recv.start + it.at : c.recv.end])
    goes_on = it.keep_alive and it.source is None and c.out is None and not rest.strip(b"\r\n")
    if not goes_on:
        c.is_closing = True  # neither another request nor the rest of this one's body can follow
    call_handler(c, _EV_HTTP_MSG, it)
    it.finish(c.recv)
    if goes_on and it.source is None and c.out is None:
        c.mgr.deadline(c, it.first_ms if it.is_waiting else c.mgr.idle_ms)
