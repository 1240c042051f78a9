# Answers other than a plain 200, and what happens seldom: errors, deadlines, clients that are turned away.

from ..port import MAY_PAUSE
from .fields import fields

_EV_DUE = const(100)
_EV_BUG = const(101)
_EV_FULL = const(102)

_JOIN = const(2048)

_NONE = const(0)  # phases, see server.py
_EARLY = const(1)
_WAITING = const(2)
_STREAMING = const(3)

# RFC 9110 section 15, and what HTTP/1.1 clients show of it.
_REASONS = (
    b"200 OK\n201 Created\n202 Accepted\n204 No Content\n206 Partial Content\n301 Moved Permanently\n302 Found\n303 See Other\n"
    b"304 Not Modified\n307 Temporary Redirect\n308 Permanent Redirect\n400 Bad Request\n401 Unauthorized\n403 Forbidden\n"
    b"404 Not Found\n405 Method Not Allowed\n406 Not Acceptable\n408 Request Timeout\n409 Conflict\n411 Length Required\n"
    b"412 Precondition Failed\n413 Content Too Large\n414 URI Too Long\n415 Unsupported Media Type\n416 Range Not Satisfiable\n"
    b"417 Expectation Failed\n422 Unprocessable Content\n426 Upgrade Required\n429 Too Many Requests\n"
    b"431 Request Header Fields Too Large\n500 Internal Server Error\n501 Not Implemented\n502 Bad Gateway\n"
    b"503 Service Unavailable\n504 Gateway Timeout\n505 HTTP Version Not Supported\n"
)


def reason(status):
    """What stands behind a status, for people, as bytes; none if nothing does."""
    at = _REASONS.find(b"%d" % status) + 4
    return _REASONS[at : _REASONS.find(b"\n", at)] if at > 3 else b""


stream = None


def streams():
    """stream.py, which loads when it is first used. See parser.the_rules."""
    global stream
    if stream is None:
        from . import stream
    return stream


def answer(c, hm, status, headers, body):
    """Connection.http_reply"""
    if c.is_ending:
        return False
    if not _NONE < hm.phase < _STREAMING:
        raise ValueError("no request waits")
    if status == 205:
        body = b""
    if isinstance(body, (bytearray, memoryview)):
        body = bytes(body)
    elif not isinstance(body, bytes):
        return streams().start(c, hm, status, headers, body)
    head = make_head(hm, status, headers, len(body))
    if not (hm.is_head or status == 204 or status == 304):
        if len(body) <= _JOIN:
            head += body
        else:
            c.put(head)
            head = body
    is_sent = c.put(head)
    over(c, hm)
    return is_sent


def over(c, hm):
    """The answer is complete. It may have to be the last."""
    hm.phase = _NONE
    if not hm.keep_alive:
        if hm.keep_alive is None or len(c.recv) > (hm.at if hm.serving else 0):
            c.linger()
        else:
            c.is_draining = True
    if not hm.serving:
        hm.resume(c)


def make_head(hm, status, headers, length):
    """An answer's head as bytes: status line, the program's fields, the body's `length` (None: not known), and Connection."""
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError("status %r: want 200 to 599" % (status,))
    if hm.phase == _EARLY and hm.is_body_pending:
        hm.keep_alive = None  # the rest of the body would be taken for the next request
    framing = b""
    if length is None:
        if hm.is_old:
            hm.keep_alive = False
        else:
            framing = b"Transfer-Encoding: chunked\r\n"
    elif status != 204 and status != 304:
        framing = b"Content-Length: %d\r\n" % length
    text = b"HTTP/1.1 %d %s\r\n%s%s" % (status, reason(status), fields(hm, headers) if headers else b"", framing)
    if hm.is_old or not hm.keep_alive:
        text += b"Connection: %s\r\n" % (b"keep-alive" if hm.keep_alive else b"close")
    return text + b"\r\n"


def fail(c, hm, status):
    """Answer `status` and close; nothing that this client sends counts from here on. False if it is closing already."""
    if c.is_ending:
        return False
    if not hm.phase:  # of a head that was refused, is_head says nothing
        hm.is_head = False
    hm.phase = _WAITING
    hm.keep_alive = None
    return answer(c, hm, status, {"Content-Type": "text/plain"}, reason(status) + b"\n")


def body(c, hm):
    """The handler of EV_HTTP_HDRS has let a request with a body pass."""
    if hm.sink is None and hm.left > c.mgr.body_limit:
        fail(c, hm, 413)
    elif hm.expects:
        hm.expects = False
        if len(c.recv) == hm.at:
            c.put(b"HTTP/1.1 100 Continue\r\n\r\n")


def wait(c, hm):
    """An answer is being streamed; or pipelined requests fill the buffer behind one whose answer is not out yet."""
    if len(c.recv) >= c.mgr.recv_limit:
        if not hm.keep_alive:  # what comes behind the last request is nobody's
            hm.keep_alive = None
            c.recv.clear()
        elif MAY_PAUSE:
            c.mgr.stats["recv_full"] += 1
            c.pause(True)
    if hm.phase == _STREAMING:
        streams().pull(c, hm)


def event(c, hm, ev):
    """The events that `server.handler` leaves to this."""
    if ev == _EV_DUE:
        if not hm.timing:
            if not hm.phase:
                c.is_closing = True  # idle: no answer, it would be taken for the next request's
        elif c.is_full:
            c.mgr.deadline(c, c.mgr.body_ms)  # it is the program that does not read
        else:
            c.mgr.stats["timeouts"] += 1
            fail(c, hm, 408)
    elif ev == _EV_BUG:
        return hm is not None and _NONE < hm.phase < _STREAMING and fail(c, hm, 500)
    elif ev == _EV_FULL:
        c.put(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
