# HTTP on the loop's events: the protocol's handler of what `mgr.http_listen` accepts. answer.py has the less common answers.
from micropython import const

from .parser import Request

_EV_ACCEPT = const(5)
_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)

_CLOSING = const(1)  # bits of a connection's state
_DRAINING = const(4)
_FULL = const(8)
_IDLE = const(512)  # between two requests, so it may be evicted

_HEAD = const(1)  # the parser's events
_PIECE = const(2)
_DONE = const(3)

_BURST = const(32)  # pipelined requests of one connection in one turn
_JOIN = const(2048)  # bytes: a body up to this goes out in one piece with its head

# Phases of an exchange
_NONE = const(0)  # no request, or not all of its head
_EARLY = const(1)  # its head has come
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
        plain = isinstance(body, (str, bytes)) and self.phase == _WAITING and self.keep_alive and self.tab[5]
        if not plain or status != 200 or headers or self.is_head:
            from .answer import answer

            return answer(c, self, status, headers, body)
        if isinstance(body, str):
            body = body.encode()
        self.send(c, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)
        return not c.state & _CLOSING

    def send(self, c, head, body):
        """Send the answer; then it is the next request's turn."""
        if len(body) <= _JOIN:
            c.put(head + body)
        else:
            c.put(head)
            c.put(body)
        self.phase = _NONE
        if not self.serving:
            self.resume(c)

    def resume(self, c):
        """Answered outside the handler: what was pipelined meanwhile comes next."""
        c.stop(16, False)  # _PAUSED
        if c.recv.end > c.recv.start:
            c.mgr.again.append(c)
        else:
            rest(c, self)


def handler(c, ev, data):
    """The protocol's handler (`pfn`) of HTTP servers."""
    hm = c.proto
    if ev == _EV_READ or ev == _EV_WRITE:
        serve(c, hm)
    elif ev == _EV_ACCEPT:
        c.proto = hm = Exchange(c.mgr)
        rest(c, hm)
    elif ev > _EV_HTTP_MSG or ev == _EV_CLOSE and hm is not None:
        from .answer import rare

        return rare(c, hm, ev)


def serve(c, hm):
    """Parse what has come and call the handlers, request by request, until one has no answer yet or more must come."""
    buf = c.recv
    fn = c.fn
    burst = _BURST
    hm.serving = True
    try:
        while hm.phase < _WAITING and c.out is None and not c.state & (_CLOSING | _DRAINING | _FULL):
            ev = hm.parse(buf)
            if ev == _HEAD:
                hm.phase = _EARLY
                if fn is not None:
                    fn(c, _EV_HTTP_HDRS, hm, c.fn_data)
                if hm.phase == _NONE:
                    hm.finish(buf)
                elif hm.left or hm.state > 1:
                    from .answer import body_follows

                    body_follows(c, hm, buf)
            elif ev == _DONE:
                hm.phase = _WAITING
                if fn is not None:
                    fn(c, _EV_HTTP_MSG, hm, c.fn_data)
                hm.finish(buf)
                burst -= 1
                if not burst:
                    c.mgr.again.append(c)
                    break
            elif ev == _PIECE:
                if hm.sink is not None:
                    hm.sink(hm.view(buf))
                elif not hm.collect(buf, c.mgr.body_limit):
                    ev = -413
            if ev <= 0:
                if ev:
                    from .answer import fail

                    fail(c, hm, -ev)
                break
    finally:
        hm.serving = False
    rest(c, hm)


def rest(c, hm):
    """Choose the deadline that runs until this client sends more."""
    if c.out is not None or c.state & (_CLOSING | _DRAINING):
        return
    mgr = c.mgr
    if hm.phase >= _WAITING:  # it is the program's turn
        c.state &= ~_IDLE
        c.wait = 0
        if hm.phase == _STREAMING or len(c.recv) >= mgr.recv_limit:
            from .answer import waiting

            waiting(c, hm)
    elif hm.state:
        hm.timing = 2
        mgr.deadline(c, mgr.body_ms)
    elif c.recv.end > c.recv.start:
        if hm.timing != 1 or not c.wait:  # it runs from the head's first byte on
            c.state &= ~_IDLE
            hm.timing = 1
            mgr.deadline(c, mgr.head_ms)
    elif c.wait and c.state & _IDLE:
        c.since = mgr.now
    else:
        c.state |= _IDLE
        hm.timing = 0
        mgr.deadline(c, mgr.idle_ms)
