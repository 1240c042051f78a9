# HTTP on the loop's events: the protocol's handler of what `mgr.http_listen` accepts. How a request proceeds:
#   1. core/listener.py accepts a connection. EV_OPEN: `handler` makes its Exchange, the `hm` of all its requests (here).
#   2. core/connection.py reads and calls `handler`. `serve` goes on while there are bytes and no answer is owed (here).
#   3. parser.py says what has come. scan.py checks the head, head.py reads heads that are not common, chunked.py takes chunks apart.
#   4. HEAD: the program gets EV_HTTP_HDRS; `check_body` refuses a body that is too long, or sends 100 Continue (here).
#   5. PIECE: what `on_body` has named gets it, or the parser collects it. If a read is all body, `take_body` does it alone (here).
#   6. DONE: the program gets EV_HTTP_MSG, and calls `http_reply`, now or later. `reply_ok` sends the common answer (here), response.py
#      all others (fields.py, now.py), stream.py iterators, and part.py files. `fail` refuses by refusal.py, without loading anything.
#   7. `Exchange.end_answer`: the connection may have to close. Else `finish` drops the request's bytes, and the next one follows.
#   8. `rest` sets the deadline that runs until the client sends more (here). If it passes, `expired` closes, or answers 408.
from time import ticks_diff

from ..core.connection import Connection
from ..core.utf8 import check_surrogates, encode
from ..port import MAY_PAUSE
from .lazy import parts
from .now import now
from .parser import Request
from .refusal import BUSY, CONTINUE, refusal
from .scan import request_table

_EV_OPEN = const(1)
_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)
_EV_DUE = const(100)  # of core/connection.py and core/overload.py, for protocols alone
_EV_BUG = const(101)
_EV_FULL = const(102)

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

# Deadlines of a connection
_IDLE = const(0)
_FOR_HEAD = const(1)
_FOR_BODY = const(2)


class Exchange(Request):
    """A request and its answer: the `hm` of handlers."""

    phase = _NONE
    is_of_app = False  # an App's handler is called, which knows no other protocol's events
    serving = 0  # not 0: the handler is called further up, and this many requests more may be in this turn
    timing = _IDLE  # which deadline runs
    source = None  # of a streamed answer: an iterator or a Part
    is_open_ended = False  # the answer is a stream that may stay open
    discards = False  # the answer is the last one, and what the client still sends is discarded
    _room = None  # see internals: ROOM
    extra: object = None  # see `set_extra`

    @property
    def is_waiting(self):
        """All of the request has come, and nothing of its answer is sent."""
        return self.phase == _WAITING

    @property
    def is_unanswered(self):
        """A request is there, and nothing of its answer is sent."""
        return _NONE < self.phase < _STREAMING

    @property
    def is_streaming(self):
        """Some of the answer is sent, and the rest follows."""
        return self.phase == _STREAMING

    def hand_over(self):
        """Another protocol takes the connection, inside the handler of EV_HTTP_MSG: HTTP parses no more of what has come."""
        Request.release(self)
        self.serving = 2

    def release(self):
        """The body counts until the answer is complete: a worker may have it."""
        if not self.phase:
            Request.release(self)

    def set_extra(self, extra):
        """Have `extra.add_to(hm, fields)` change the fields of the answer's head, bytes; None: nothing does."""
        self.extra = extra
        self.is_plain = self.is_bare = False  # `reply_ok` knows nothing of it

    # --- for response.py and stream.py

    def begin_stream(self, source):
        """The answer's head is about to be sent."""
        self.source = source
        self.phase = _STREAMING

    def go_on(self, c):
        """Have the stream's next pieces sent: in the next turn, unless `rest` follows in this one."""
        if not self.serving:
            c.resume()

    def end_answer(self, c):
        """The answer is complete. It may have to be the last."""
        self.phase = _NONE
        if self.held:
            self.release()
        if not self.keep_alive:
            if self.discards or c.recv.end - c.recv.start > (self.at if self.serving else 0):
                c.linger()
            elif c.out is None:
                c.is_closing = True
            else:
                c.is_draining = True
        if not self.serving:  # it was answered later: what was pipelined meanwhile comes next
            if c.recv.end > c.recv.start:
                c.resume()
            else:
                rest(c, self)


def handler(c, ev, data):
    """The protocol's handler (`pfn`) of HTTP servers."""
    hm = c.proto
    if ev == _EV_READ or ev == _EV_WRITE:
        if hm.phase != _EARLY or not take_body(c, hm, data):
            serve(c, hm)
    elif ev == _EV_OPEN:
        mgr = c.mgr
        if mgr.scratch is None:
            mgr.scratch = request_table(mgr.head_limit)
        c.proto = hm = c.new_exchange(mgr.scratch)
        # Each request asks for these; an object's own attributes are found sooner than its class's. See internals: OWN.
        c.out = c.out  # (what was sent while it waited for a place)
        hm.timing = _IDLE
        hm.keep_alive = True
        if c.is_tls:
            hm.is_tls = True
        c.since = mgr.now
        c.wait = mgr.idle_ms
        mgr.due(c)
    elif ev == _EV_CLOSE:
        hm.phase = _NONE
        if hm.held:
            hm.release()
        if hm.source is not None:
            parts.stream.stop(c, hm)
    elif ev == _EV_DUE:
        expired(c, hm)
    elif ev == _EV_BUG:
        return hm.is_unanswered and fail(c, hm, 500)
    elif ev == _EV_FULL:
        c.put(BUSY)


class HttpConnection(Connection):
    """A connection that `mgr.http_listen` has accepted."""

    is_accepted = True
    proto = Exchange(None)  # in the place of none: that of the client in the spare socket, which programs find in mgr.conns
    _room = None  # see internals: ROOM
    pfn = staticmethod(handler)

    def new_exchange(self, table):
        """The `proto` of this connection."""
        return Exchange(table)

    def at_end(self):
        """The client still gets the answer that has begun, and those to the requests that have come whole."""
        if self.pfn is handler:
            serve(self, self.proto)
        else:
            self.is_draining = True

    @property
    def is_resp(self):
        """A request waits for its answer, or for the rest of it."""
        return self.proto.phase > 0

    @property
    def is_idle(self):
        """Nothing of a request has come for ask_ms; since the last answer, for an eighth of busy_ms: the next one may be on its way, and
        not all clients repeat a request. So a full manager may close it. (A TLS handshake that is under way may be one that never ends.)"""
        ms = self.mgr.ask_ms
        if self.is_connecting and not self.is_ending:
            if not self.is_accepted:
                return False
        elif self.state or self.out is not None or len(self.recv) or self.pfn is not handler or self.proto.phase:
            return False
        elif len(self.proto.data):
            ms = self.mgr.busy_ms // 8
        return ticks_diff(self.mgr.now, self.since) >= ms

    def http_reply(self, status, headers=None, body=b""):
        """Answer the request that waits: `status` 200 to 599, `headers` a dict, a list of pairs, or a str of lines that end with
        CRLF, `body` bytes-like or str; or an iterator of such pieces, pulled when there is room and sent
        chunked; or None, and the pieces follow by `http_chunk`.

        In the handler of EV_HTTP_MSG (or EV_HTTP_HDRS, then the connection closes unless there is no body), or later, when a worker is
        done. Content-Length, Transfer-Encoding and Connection are seen to; HEAD, 204, 205 and 304 get no body.
        Returns False if the client has gone, or if there is no memory for the answer: then it gets a 500, or its connection ends.
        ValueError: no request waits; a header that would smuggle CR or LF; a wrong status.
        """
        hm = self.proto
        try:
            if status == 200 and not headers and reply_ok(self, hm, b"", body):
                return not self.state or self.error_text is None  # (a write that fails ends the connection with an error)
            return reply(self, hm, status, headers, encode(body) if isinstance(body, str) else body)
        except MemoryError as er:  # (this may not be the client's own handler, whose bug it would be)
            self.bug(er)
            return False

    def refuse(self, hm, status):
        """Send the answer with this status, which `fail` has found to be the only one. Returns as `http_reply`."""
        now.update(self.mgr.now)
        is_sent = self.put(refusal(status, hm.is_head, now.date))
        hm.end_answer(self)
        return is_sent

    def http_chunk(self, data):
        """Send a piece of the answer that `http_reply` with a body of None began; an empty one ends it. Returns and limits as `send`."""
        return parts.stream.send_chunk(self, self.proto, data)


# --- a request


def serve(c, hm):
    """Parse what has come and call the handlers, request by request, until one has no answer yet or more must come."""
    if c.state and not c.is_half_closed:
        c.pause(False)
    hm.serving = _BURST
    while hm.phase < _WAITING and c.out is None and (not c.state or c.is_half_closed):
        ev = hm.parse(c.recv)
        if ev == _HEAD:
            if hm.timing:
                c.wait = 0
            hm.phase = _EARLY
            if c.fn is not None:
                c.fn(c, _EV_HTTP_HDRS, hm, c.fn_data)
            if hm.phase != _EARLY:
                hm.finish(c.recv)
                continue
            if not hm.is_bare:
                check_body(c, hm)
                continue
            if c.state and not c.is_half_closed or c.out is not None:
                break
            ev = _DONE
        if ev == _DONE:
            hm.phase = _WAITING
            if c.fn is not None:
                c.fn(c, _EV_HTTP_MSG, hm, c.fn_data)
            hm.finish(c.recv)
            if not c.recv.end:
                break
            hm.serving -= 1
            if not hm.serving:
                c.resume()
                c.pause(True)
        elif ev == _PIECE:
            give_piece(c, hm, hm.view(c.recv))
        else:
            if ev:
                fail(c, hm, -ev)
            break
    rest(c, hm)


def check_body(c, hm):
    """The handler of EV_HTTP_HDRS has let a request pass: refuse a body that is over its limit, or ask for one that is expected."""
    if hm.sink is None and (hm.left > c.mgr.body_limit or not hm.hold(c.mgr, hm.left)):
        fail(c, hm, 413 if hm.left > c.mgr.body_limit else 503)
    elif hm.expects:
        hm.expects = False
        if len(c.recv) == hm.at:
            c.put(CONTINUE)


def take_body(c, hm, n):
    """Hand on a read that is all body, with more to come: `serve` does the same by many more steps, see internals: TAKE. False if it is
    something else."""
    recv = c.recv
    if not n or n != recv.end or n >= hm.left or hm.at or hm.timing != _FOR_BODY or c.state or c.out is not None:
        return False
    hm.left -= n
    hm.serving = _BURST
    piece = memoryview(recv.data)[:n]
    recv.clear()
    give_piece(c, hm, piece)
    if c.state or c.out is not None or hm.phase != _EARLY:
        rest(c, hm)
    else:
        hm.serving = 0
        c.since = c.mgr.now
    return True


def give_piece(c, hm, piece):
    """Hand on a piece of the body, a memoryview."""
    if hm.sink is not None:
        hm.sink(piece)
    elif hm.content_length is None and not hm.hold(c.mgr, len(piece)):
        fail(c, hm, 503)
    elif not hm.collect(piece, c.mgr.body_limit):
        fail(c, hm, 413)


# --- its answer


def reply_ok(c, hm, content_type, body):
    """Answer 200 with `body`, bytes or str, and no fields but `content_type`, bytes (b"": no Content-Type). False, and nothing is sent, if
    this answer needs response.py. ValueError if the str has half of a surrogate pair."""
    if hm.phase != _WAITING or c.state or not (hm.is_bare or hm.is_plain):
        return False
    if not isinstance(body, bytes):
        if not isinstance(body, str):
            return False
        n = len(body)
        body = body.encode()
        if len(body) > n:  # it is not all ASCII
            check_surrogates(body)
    mgr = c.mgr
    if mgr.waiting is not None:  # make room for the client that waits
        hm.keep_alive = False
    if mgr.now >> 10 != now.second:
        now.update(mgr.now)
    n = len(body)
    key = (content_type, n if hm.keep_alive else ~n)
    head = now.heads.get(key) or now.head_ok(key)
    if n <= _JOIN:
        c.put(head + body)
    else:
        c.put(head)
        c.put(body)
    if hm.keep_alive and hm.serving:
        hm.phase = _NONE
    else:
        hm.end_answer(c)
    return True


def reply(c, hm, status, headers, body):
    """`http_reply` for all answers, where a str is bytes already."""
    if c.is_ending:
        return False
    if not hm.is_unanswered:
        raise ValueError("no request waits")
    if c.mgr.waiting is not None:
        hm.keep_alive = False
    if hm.phase == _EARLY and hm.is_body_pending:  # the rest of the body would be taken for the next request
        hm.keep_alive = False
        hm.discards = True
    now.update(c.mgr.now)
    if status == 205:
        body = b""
    if isinstance(body, (bytes, bytearray, memoryview)):
        return parts.response.answer(c, hm, status, headers, bytes(body))
    return parts.stream.start(c, hm, status, headers, body)


def fail(c, hm, status):
    """Answer with an error and close; nothing that this client sends counts from here on. False if the connection is closing already."""
    if c.is_ending:
        return False
    if not hm.phase:  # the head was refused, and may be read in part alone
        at = c.recv.start
        hm.is_head = c.recv.data[at : at + 5] == b"HEAD "
    hm.phase = _WAITING
    hm.keep_alive = False
    hm.discards = True
    hm.collected = None
    return c.refuse(hm, status)


# --- until the client sends more


def rest(c, hm):
    """Choose the deadline that runs until this client sends more."""
    if c.state and c.is_closing:
        return
    if hm.phase:
        hm.serving = 0
        if hm.phase == _EARLY:
            rest_in_body(c, hm)
        else:
            rest_in_answer(c, hm)
    elif c.out is not None or c.state and (c.is_ending or c.is_half_closed):
        rest_in_answer(c, hm)
    elif c.recv.end > c.recv.start:
        if hm.timing != _FOR_HEAD or not c.wait:  # it runs from the head's first byte on
            hm.timing = _FOR_HEAD
            c.mgr.deadline(c, c.mgr.head_ms)
    elif c.wait and not hm.timing:
        c.since = c.mgr.now
    else:
        hm.timing = _IDLE
        c.mgr.deadline(c, c.mgr.idle_ms)


def rest_in_body(c, hm):
    """The body is still to come, or the program has paused the connection: the head must outlast the loop's buffer."""
    if c.is_ending:
        return
    hm.keep(c.recv)
    if c.out is None:
        if c.is_half_closed:  # the rest of the body will not come
            c.is_closing = True
        hm.timing = _FOR_BODY
        c.mgr.deadline(c, c.mgr.body_ms)


def rest_in_answer(c, hm):
    """The answer is being made or sent. Pipelined requests that fill the buffer meanwhile are not read; a stream goes on."""
    if hm.timing and hm.phase and c.out is None:  # it is the program's turn. (An idle client's deadline may pass, see `expired`.)
        c.wait = 0
    recv = c.recv
    if recv.end - recv.start >= c.mgr.recv_limit:
        if not hm.keep_alive:  # what follows the last request is discarded
            hm.discards = True
            recv.clear()
        elif MAY_PAUSE:
            c.mgr.stats["recv_full"] += 1
            c.pause(True)
    if hm.phase == _STREAMING:
        if c.is_half_closed and c.out is None:  # most likely it is gone: no stream may be silent for longer than that
            c.mgr.deadline(c, c.mgr.write_ms)
        parts.stream.pull(c, hm)
    elif c.state and c.is_half_closed and (hm.phase or c.out is None):  # a client that waits for an answer is most likely gone
        c.is_draining = True


def expired(c, hm):
    """A deadline has passed."""
    if c.is_half_closed:
        c.mgr.stats["timeouts"] += 1
        c.is_closing = True
    elif not hm.timing:
        if not hm.phase:
            c.is_closing = True  # idle: no answer, the client would take it for that of its next request
    elif c.is_full:
        c.mgr.deadline(c, c.mgr.body_ms)  # it is the program that does not read
    else:
        c.mgr.stats["timeouts"] += 1
        fail(c, hm, 408)
