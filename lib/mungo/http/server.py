# HTTP on the loop's events: the protocol's handler of what `mgr.http_listen` accepts. answer.py has the less common answers.
from ..core.connection import Connection
from .parser import Request, make, the_rules

_EV_OPEN = const(1)
_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)

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


answer = None


def answers():
    """answer.py, which loads when it is first used. See parser.the_rules."""
    global answer
    if answer is None:
        from . import response as answer
    return answer


class Exchange(Request):
    """A request and its answer: the `hm` of handlers."""

    phase = _NONE
    serving = 0  # not 0: the handler is called further up, and this many requests more may be in this turn
    timing = 0  # which deadline runs: 0 idle, 1 head, 2 body
    source = None  # of a streamed answer

    @property
    def is_waiting(self):
        """All of the request has come, and nothing of its answer is sent."""
        return self.phase == _WAITING

    @property
    def is_streaming(self):
        """Some of the answer is sent, and the rest follows."""
        return self.phase == _STREAMING

    def hand_over(self):
        """Another protocol takes the connection, inside the handler of EV_HTTP_MSG: HTTP parses no more of what has come."""
        self.serving = 2

    def resume(self, c):
        """Answered outside the handler: what was pipelined meanwhile comes next."""
        if len(c.recv):
            c.mgr.resuming.append(c)
        else:
            rest(c, self)


def handler(c, ev, data):
    """The protocol's handler (`pfn`) of HTTP servers."""
    hm = c.proto
    if ev == _EV_READ or ev == _EV_WRITE:
        serve(c, hm)
    elif ev == _EV_OPEN:
        if c.mgr.scratch is None:
            c.mgr.scratch = make(c.mgr.head_limit)
        c.out = None  # (asked for at each event, and found sooner in the object than in its class)
        c.proto = hm = Exchange(c.mgr.scratch)
        rest(c, hm)
    elif ev == _EV_CLOSE and hm is not None:
        hm.phase = _NONE
        if hm.source is not None:
            answers().streams().stop(c, hm)
    elif ev > _EV_HTTP_MSG:
        return answers().event(c, hm, ev)


class HttpConnection(Connection):
    """A connection that `mgr.http_listen` has accepted."""

    is_accepted = True
    proto: Exchange
    pfn = staticmethod(handler)

    @property
    def is_resp(self):
        """A request waits for its answer, or for the rest of it."""
        return self.proto.phase > 0

    @property
    def is_idle(self):
        """It waits for a request, of which nothing has come: a full manager may close it."""
        return not (self.proto.phase or self.state or self.out is not None or len(self.recv)) and self.pfn is handler

    def http_reply(self, status, headers=None, body=b""):
        """Answer the request that waits: `status` 200 to 599, `headers` a dict, a list of pairs, or a str of lines that end with
        CRLF, `body` bytes-like or str; or an iterator of such pieces, pulled when there is room and sent
        chunked; or None, and the pieces follow by `http_chunk`.

        In the handler of EV_HTTP_MSG (or EV_HTTP_HDRS, then the connection closes unless there is no body), or later, when a worker is
        done. Content-Length, Transfer-Encoding and Connection are seen to; HEAD, 204, 205 and 304 get no body.
        Returns False if the client has gone. ValueError: no request waits; a header that would smuggle CR or LF; a wrong status.
        """
        hm = self.proto
        if isinstance(body, str):
            body = body.encode()
        if status != 200 or headers or not isinstance(body, bytes) or hm.phase != _WAITING or not hm.is_plain:
            return answers().answer(self, hm, status, headers, body)
        status = len(body)
        headers = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % status
        if status <= _JOIN:
            body = headers + body
        else:
            self.put(headers)
        headers = self.put(body)
        hm.phase = _NONE
        if not hm.serving:
            hm.resume(self)
        return headers

    def http_chunk(self, data):
        """Send a piece of the answer that `http_reply` with a body of None began; an empty one ends it. Returns and limits as `send`."""
        return answers().streams().chunk(self, data)


def serve(c, hm):
    """Parse what has come and call the handlers, request by request, until one has no answer yet or more must come."""
    # Few locals: see Loop._serve.
    if c.state:
        c.pause(False)
    hm.serving = _BURST
    while hm.phase < _WAITING and c.out is None and not c.state:
        ev = _DONE if hm.is_bare and hm.phase else hm.parse(c.recv)
        if ev == _HEAD:
            if hm.timing:
                c.wait = 0
            hm.phase = _EARLY
            if c.fn is not None:
                c.fn(c, _EV_HTTP_HDRS, hm, c.fn_data)
            if hm.phase != _EARLY:
                hm.finish(c.recv)
            elif not hm.is_bare and (not hm.is_plain or hm.left > c.mgr.body_limit):
                answers().body(c, hm)
        elif ev == _DONE:
            hm.phase = _WAITING
            if c.fn is not None:
                c.fn(c, _EV_HTTP_MSG, hm, c.fn_data)
            hm.finish(c.recv)
            if not c.recv.end:
                break
            hm.serving -= 1
            if not hm.serving:
                c.mgr.resuming.append(c)
                c.pause(True)
        elif ev == _PIECE:
            if hm.sink is not None:
                hm.sink(hm.view(c.recv))
            elif not hm.collect(c.recv, c.mgr.body_limit):
                ev = -413
        if ev <= 0:
            if ev:
                answers().fail(c, hm, -ev)
            break
    rest(c, hm)


def rest(c, hm):
    """Choose the deadline that runs until this client sends more."""
    mgr = c.mgr
    if hm.phase:
        hm.serving = 0
    if hm.phase == _EARLY:
        the_rules().wait(c, hm)
    elif hm.phase or c.out is not None or c.state and c.is_ending:
        if hm.timing and hm.phase and c.out is None:  # it is the program's turn (an idle client's deadline may pass, see answer.event)
            c.wait = 0
        if hm.phase == _STREAMING or len(c.recv) >= mgr.recv_limit:
            answers().wait(c, hm)
    elif c.recv.end > c.recv.start:
        if hm.timing != 1 or not c.wait:  # it runs from the head's first byte on
            hm.timing = 1
            mgr.deadline(c, mgr.head_ms)
    elif c.wait and not hm.timing:
        c.since = mgr.now
    else:
        hm.timing = 0
        mgr.deadline(c, mgr.idle_ms)
