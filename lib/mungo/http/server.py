# HTTP on the loop's events: the protocol's handler of what `mgr.http_listen` accepts, and the answers.
from micropython import const

from ..connection import CLOSED, CLOSING, DRAINING, EV_BUG, EV_DUE, EV_FULL, FULL, IDLE, LINGER
from ..event import EV_ACCEPT, EV_CLOSE, EV_HTTP_HDRS, EV_HTTP_MSG, EV_READ, EV_WRITE
from .kinds import KINDS
from .parser import DONE, HEAD, PIECE, Request

_BURST = const(32)  # pipelined requests of one connection in one turn
_JOIN = const(2048)  # bytes: a body up to this goes out in one piece with its head

# Phases of an exchange
_NONE = const(0)  # no request, or not all of its head
_HEAD = const(1)  # its head has come
_WAITING = const(2)  # all of it has come; the answer has not
_STREAMING = const(3)  # some of the answer has


class Exchange(Request):
    """A request and its answer: the `hm` of handlers."""

    def __init__(self, mgr):
        super().__init__(mgr.head_limit)
        self.phase = _NONE
        self.serving = False  # the handler is called further up
        self.timing = 0  # which deadline runs: 0 idle, 1 head, 2 body
        self.source = None  # of a streamed answer

    def reply(self, c, status, headers, body):
        """See Connection.http_reply."""
        if c.state & (CLOSING | DRAINING):
            return False
        self.must_wait("http_reply")
        if isinstance(body, str):
            body = body.encode()
        elif not isinstance(body, (bytes, bytearray, memoryview)):
            from .stream import start

            return start(c, self, status, headers, body)
        n = len(body)
        if status == 200 and not headers and self.keep_alive and self.tab[5]:
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n
        else:
            length = "" if status == 204 or status == 304 else "Content-Length: %d\r\n" % n
            head = self.head(status, headers, length)
        if self.is_head or status == 204 or status == 304:
            n = 0
        if 0 < n <= _JOIN:
            c.put(head + body)
        else:
            c.put(head)
            if n:
                c.put(body)
        self.over(c)
        return True

    def must_wait(self, what):
        """ValueError unless a request waits for its answer."""
        if self.phase not in (_HEAD, _WAITING):
            raise ValueError("%s: no request of this connection waits for an answer" % what)

    def head(self, status, headers, framing):
        """The answer's head as bytes: status line, the program's fields, `framing` and Connection."""
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError("status %r: want 200 to 599" % (status,))
        if status == 200:
            reason = "OK"
        else:
            from .reasons import REASONS

            reason = REASONS.get(status, "")
        text = "HTTP/1.1 %d %s\r\n%s%s" % (status, reason, self._fields(headers) if headers else "", framing)
        if self.phase == _HEAD and not self._bodiless():
            self.keep_alive = False  # the rest of the body would be taken for the next request
        if not self.keep_alive:
            text += "Connection: close\r\n"
        elif not self.tab[5]:
            text += "Connection: keep-alive\r\n"
        return (text + "\r\n").encode()

    def _fields(self, headers):
        # What a program puts into a field must not be able to end it: a CR or LF there would start another, or another answer.
        text = ""
        if isinstance(headers, str):
            if headers[-2:] != "\r\n":
                raise ValueError("headers %r: each must end with CRLF" % headers)
            pairs = [line.partition(":")[::2] for line in headers[:-2].split("\r\n")]
        else:
            pairs = headers.items() if isinstance(headers, dict) else headers
        for name, value in pairs:
            value = str(value).strip()
            bad = not name
            for c in name:
                bad = bad or c > "~" or not KINDS[ord(c)] & 1
            for c in "\r\n\0":
                bad = bad or c in value
            if bad:
                raise ValueError("header %r: %r: a name is made of token characters, a value has no CR, LF or NUL" % (name, value))
            lower = name.lower()
            if lower == "content-length" or lower == "transfer-encoding":
                raise ValueError("header %r: it follows from the body" % name)
            if lower == "connection":
                if value.lower() == "close":
                    self.keep_alive = False
            else:
                text += "%s: %s\r\n" % (name, value)
        return text

    def _bodiless(self):
        return self.state == 1 and not self.left

    def over(self, c):
        """The answer is complete: go on with the next request, or close."""
        early = self.phase == _HEAD and not self._bodiless()
        self.phase = _NONE
        if not self.keep_alive:
            if early or len(c.recv) > (self.at if self.serving else 0):
                c.linger()  # what was not read would make the close a reset
            else:
                c.is_draining = True
        elif not self.serving:
            c.pause(False)
            if len(c.recv):
                c.mgr.again(c)
            else:
                rest(c, self)

    def fail(self, c, status):
        """Answer `status` and close; nothing that this client sends counts from here on."""
        from .reasons import REASONS

        self.phase = _HEAD
        self.keep_alive = False
        self.is_head = False
        text = REASONS[status] + "\n"
        c.put(self.head(status, {"Content-Type": "text/plain"}, "Content-Length: %d\r\n" % len(text)) + text.encode())
        self.phase = _NONE
        c.linger()


def handler(c, ev, data):
    """The protocol's handler (`pfn`) of HTTP servers."""
    hm = c.proto
    if ev == EV_READ:
        serve(c, hm)
    elif ev == EV_WRITE:
        if hm.phase == _STREAMING or len(c.recv):
            serve(c, hm)
        else:
            rest(c, hm)
    elif ev == EV_ACCEPT:
        c.proto = hm = Exchange(c.mgr)
        rest(c, hm)
    elif ev == EV_DUE:
        if hm.timing:
            c.mgr.stats["timeouts"] += 1
            hm.fail(c, 408)
        else:
            c.is_closing = True
    elif ev == EV_BUG:
        if hm is not None and hm.phase in (_HEAD, _WAITING) and not c.state & (CLOSING | DRAINING):
            hm.fail(c, 500)
            return True
    elif ev == EV_FULL:
        c.put(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    elif ev == EV_CLOSE and hm is not None:
        hm.phase = _NONE
        if hm.source is not None:
            from .stream import stop

            stop(hm)


def serve(c, hm):
    """Parse what has come and call the handlers, request by request, until one has no answer yet or more must come."""
    buf = c.recv
    if c.state & LINGER:
        buf.clear()
        return
    mgr = c.mgr
    hm.serving = True
    burst = _BURST
    try:
        while hm.phase < _WAITING and not c._out and not c.state & (CLOSING | DRAINING | FULL):
            if not burst:
                mgr.again(c)
                break
            ev = hm.parse(buf)
            if ev == HEAD:
                hm.phase = _HEAD
                if c.fn is not None:
                    c.fn(c, EV_HTTP_HDRS, hm, c.fn_data)
                if hm.phase == _NONE:
                    hm.finish(buf)
                    burst -= 1
                elif hm.sink is None and hm.left > mgr.body_limit:
                    hm.fail(c, 413)
                elif hm.expects and buf.end == buf.start + hm.at:
                    c.put(b"HTTP/1.1 100 Continue\r\n\r\n")
            elif ev == DONE:
                burst -= 1
                hm.phase = _WAITING
                if c.fn is not None:
                    c.fn(c, EV_HTTP_MSG, hm, c.fn_data)
                hm.finish(buf)
            elif ev == PIECE:
                if hm.sink is not None:
                    hm.sink(hm.view(buf))
                elif not hm.collect(buf, mgr.body_limit):
                    hm.fail(c, 413)
            elif ev < 0:
                hm.fail(c, -ev)
            else:
                break
    finally:
        hm.serving = False
    if hm.phase == _STREAMING:
        from .stream import pull

        pull(c, hm)
    elif hm.phase == _WAITING and len(buf) >= mgr.recv_limit:
        mgr.stats["recv_full"] += 1
        c.pause(True)
    rest(c, hm)


def rest(c, hm):
    """Choose the deadline that runs until this client sends more."""
    if c._out or c.state & (CLOSED | CLOSING | DRAINING):
        return
    mgr = c.mgr
    if hm.phase >= _WAITING:
        c.state &= ~IDLE
        c.wait = 0  # it is the program's turn
    elif hm.state:
        hm.timing = 2
        mgr.deadline(c, mgr.body_ms)
    elif len(c.recv):
        if hm.timing != 1 or not c.wait:  # from the head's first byte on
            c.state &= ~IDLE
            hm.timing = 1
            mgr.deadline(c, mgr.head_ms)
    elif hm.timing == 0 and c.wait:
        c.since = mgr.now
    else:
        c.state |= IDLE
        hm.timing = 0
        mgr.deadline(c, mgr.idle_ms)
