"""A state machine of HTTP connections: clients that pipeline, stop in the middle, end and break off; a program that answers at once,
later, in pieces, too early, or raises."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from world import Planned, World

import mungo
from mungo.http.server import HttpConnection

MODES = ("now", "now", "later", "later", "chunks", "chunks", "iter", "iter", "early", "full", "raise", "close")
KINDS = ("GET", "length", "chunked", "HEAD", "old", "last", "expect")
_MOST = 3
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def request(number, kind, n):
    """(bytes, the body that they have)."""
    body = bytes((number + i) % 251 for i in range(n))
    method = "HEAD" if kind == "HEAD" else "POST" if kind in ("length", "chunked", "expect") else "GET"
    head = "%s /%d HTTP/1.%d\r\nHost: a\r\n" % (method, number, kind != "old")
    if kind == "last":
        head += "Connection: close\r\n"
    if kind in ("length", "expect"):
        head += "Content-Length: %d\r\n%s" % (n, "Expect: 100-continue\r\n" if kind == "expect" else "")
    elif kind == "chunked":
        head += "Transfer-Encoding: chunked\r\n"
        pieces = [body[:1], body[1:]] if n > 1 else [body]
        coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
        return head.encode() + b"\r\n" + coded, body
    else:
        body = b""
    return head.encode() + b"\r\n" + body, body


def read_answers(data, heads):
    """[(status, body), ..] of the answers that are whole, by the book; what is left of the bytes; whether one said that it is the last."""
    found = []
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return found, data, False
        lines = head.decode().split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            assert name.lower() not in fields, "twice: " + name
            fields[name.lower()] = value
        if status == "100":
            data = rest
            continue
        is_last = fields.get("connection") == "close"
        body = b""
        if len(found) < len(heads) and heads[len(found)]:
            pass
        elif "content-length" in fields:
            n = int(fields["content-length"])
            if len(rest) < n:
                return found, data, False
            body, rest = rest[:n], rest[n:]
        elif "transfer-encoding" in fields:
            while True:
                size, end, rest = rest.partition(b"\r\n")
                n = int(size, 16) if end else 0
                if not end or len(rest) < n + 2:
                    return found, data, False
                assert rest[n : n + 2] == b"\r\n"
                body += rest[:n]
                rest = rest[n + 2 :]
                if not n:
                    break
        else:
            return [*found, (int(status), rest)], b"", True  # HTTP/1.0: until the end
        found.append((int(status), body))
        data = rest
        if is_last:
            return found, data, True


class One:
    """A connection, as its client and the program know it."""

    def __init__(self, sock, mode):
        self.sock = sock
        self.mode = mode
        self.c = None
        self.events = []
        self.pending = bytearray()  # made, and not sent yet
        self.requests = []  # (number, body, is it HEAD, is it 1.0, is it the last)
        self.n = 0  # how many the program has got the head of
        self.over = 0  # and all of
        self.answers = []  # [status, body, is it complete]
        self.is_open = False  # an answer is owed
        self.streams = False  # by chunks
        self.is_ours = self.closed = False
        self.had_room = sock.room > 200
        self.is_refused = False  # what the library answers by itself, or what came too early, is the last


class Exchange(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.world = World(
            self.handler, HttpConnection, max_conns=2, rx_bytes=64, recv_limit=200, send_limit=400, head_limit=150, body_limit=60,
            head_ms=300, body_ms=300, idle_ms=400, write_ms=500, linger_ms=100,
        )  # fmt: skip
        self.mgr = self.world.mgr
        self.all = []
        self.number = 0

    def live(self):
        return [one for one in self.all if not one.sock.closed and not one.sock.is_reset]

    def owing(self):
        return [one for one in self.all if one.is_open and not one.closed]

    # --- the program

    def handler(self, c, ev, data, _):
        if c.is_listening:
            return
        try:
            self.seen(next(one for one in self.all if one.sock is c.sock), c, ev, data)
        except AssertionError as er:
            self.world.broken.append(repr(er))

    def seen(self, one, c, ev, hm):
        names = one.events
        assert not one.closed, "event %d after EV_CLOSE" % ev
        assert (ev == mungo.EV_OPEN) == (not names), "events %r, %d" % (names, ev)
        assert mungo.EV_ERROR not in names or ev == mungo.EV_CLOSE, "events %r, %d" % (names, ev)
        names.append(ev)
        if ev == mungo.EV_OPEN:
            one.c = c
        elif ev == mungo.EV_HTTP_HDRS:
            assert not one.is_open and one.n == one.over and not one.is_refused, "a request before the last one's answer"
            number, _, is_head, is_old, is_last = one.requests[one.n]
            assert not c.is_full, "a request, though it is full"
            assert hm.uri == "/%d" % number and hm.is_head == is_head and hm.is_old == is_old
            one.n += 1
            one.is_open = True
            if one.mode == "early":
                one.is_refused = hm.left > 0 or hm.state > 1 or is_last
                self.answer(one, 403, b"early")
                one.over += 1
        elif ev == mungo.EV_HTTP_MSG:
            assert one.is_open and one.n == one.over + 1, "EV_HTTP_MSG without EV_HTTP_HDRS"
            assert hm.body == one.requests[one.over][1] and hm.uri == "/%d" % one.requests[one.over][0]
            assert c.is_resp
            one.over += 1
            one.is_refused = one.is_refused or one.requests[one.over - 1][4]
            self.act(one, c, hm)
        elif ev == mungo.EV_CLOSE:
            one.closed = True

    def act(self, one, c, hm):
        if one.mode == "now":
            self.answer(one, 200, b"now %d" % one.n)
        elif one.mode == "full":
            c.is_full = True
            self.answer(one, 404, b"")
        elif one.mode == "chunks":
            one.streams = True
            one.answers.append([200, b"", False])
            c.http_reply(200, None, None)
        elif one.mode == "iter":
            self.answer(one, 200, b"piece 1piece 2", iter(("piece 1", b"", b"piece 2")))
        elif one.mode == "raise":
            one.is_refused = True
            one.answers.append([500, None, True])
            one.is_open = False
            raise Planned
        elif one.mode == "close":
            one.is_ours = True
            one.is_open = False
            c.is_closing = True

    def answer(self, one, status, body, source=None):
        one.answers.append([status, b"" if one.requests[one.n - 1][2] else body, True])
        one.is_open = False
        one.c.http_reply(status, {"X-N": one.n} if status != 200 else None, source or body)

    # --- rules

    @rule(room=st.sampled_from([5000, 5000, 5000, 0, 50]), mode=st.sampled_from(MODES))
    def knock(self, room, mode):
        if len(self.live()) < _MOST and len(self.all) < 2 * _MOST:
            self.all.append(One(self.world.knock(room), mode))

    @precondition(lambda self: self.live())
    @rule(data=st.data(), kinds=st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from([0, 1, 20, 60])), min_size=1, max_size=3))
    def client_asks_at_once(self, data, kinds):
        one = data.draw(st.sampled_from(self.live()))
        for kind, n in kinds:
            self.ask(one, kind, n, True)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), kind=st.sampled_from(KINDS), n=st.sampled_from([0, 1, 20, 60]))
    def client_begins_to_ask(self, data, kind, n):
        self.ask(data.draw(st.sampled_from(self.live())), kind, n, False)

    def ask(self, one, kind, n, now):
        self.number += 1
        raw, body = request(self.number, kind, n)
        one.pending += raw
        one.requests.append((self.number, body, kind == "HEAD", kind == "old", kind in ("old", "last")))
        self.write(one, len(one.pending) if now else 0)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), n=st.sampled_from([1, 10, 60, 64, 500, 500, 500]))
    def client_writes(self, data, n):
        self.write(data.draw(st.sampled_from(self.live())), n)

    def write(self, one, n):
        if not one.sock.fin:
            one.sock.inbox += one.pending[:n]
            del one.pending[:n]

    @rule(value=st.sampled_from([False, False, True]))
    def loop_is_slow(self, value):
        self.world.is_slow = value

    @rule(ms=st.sampled_from([1, 1, 100, 100, 299, 300, 400, 1500]))
    def time_passes(self, ms):
        self.world.wait(ms)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), n=st.sampled_from([10, 100, 5000]))
    def client_reads(self, data, n):
        data.draw(st.sampled_from(self.live())).sock.room += n

    @precondition(lambda self: self.number > 2 and self.live())
    @rule(data=st.data(), how=st.sampled_from(["", "ends", "breaks off"]))
    def client_goes(self, data, how):
        sock = data.draw(st.sampled_from(self.live())).sock
        sock.fin = sock.fin or how == "ends"
        sock.is_reset = sock.is_reset or how == "breaks off"

    @precondition(lambda self: self.owing())
    @rule(data=st.data(), n=st.sampled_from([0, 5, 3000]))
    def program_answers(self, data, n):
        one = data.draw(st.sampled_from(self.owing()))
        if one.over == one.n and not one.streams:
            self.answer(one, 200, b"l" * n)

    @precondition(lambda self: self.owing())
    @rule(data=st.data(), n=st.sampled_from([0, 0, 5, 300]))
    def program_sends_a_piece(self, data, n):
        one = data.draw(st.sampled_from(self.owing()))
        if one.streams:
            if one.c.http_chunk(b"c" * n) and not one.requests[one.n - 1][2]:
                one.answers[-1][1] += b"c" * n
            if not n:
                one.answers[-1][2] = True
                one.streams = one.is_open = False

    @precondition(lambda self: self.all)
    @rule(data=st.data(), mode=st.sampled_from(MODES))
    def program_changes(self, data, mode):
        data.draw(st.sampled_from(self.all)).mode = mode

    @precondition(lambda self: self.all)
    @rule(data=st.data(), value=st.sampled_from([False, False, True]))
    def program_is_full(self, data, value):
        one = data.draw(st.sampled_from(self.all))
        if one.c is not None and not one.closed:
            one.c.is_full = value

    # --- what always holds

    @invariant()
    def holds(self):
        self.world.go_on()
        self.world.check()
        for one in self.all:
            assert not one.closed or one.sock.closed, "EV_CLOSE, and the socket is open"
            assert one.closed or one.c is None or not one.sock.closed, "closed without EV_CLOSE"
            assert one.c is None or one.closed or len(one.c.recv) < 400
            heads = [it[2] for it in one.requests[: one.n]]
            found, rest, is_last = read_answers(bytes(one.sock.sent), heads)
            for at, (status, body) in enumerate(found):
                if at == len(one.answers):
                    # the library's own, which is the last
                    assert status in (408, 413, 503) and at == len(found) - 1 and is_last, "%d, nobody has answered that" % status
                    continue
                meant, text, _ = one.answers[at]
                assert status == meant and (text is None or body == text or is_last and text.startswith(body)), "%r, not %r" % (
                    (status, body),
                    one.answers[at],
                )
            assert not is_last or not rest, "bytes behind the last answer"
            one.found = found

    def teardown(self):
        # All is read, and nobody is full: who has a whole answer to come gets it.
        for one in self.all:
            one.sock.room = 1 << 20
            one.mode = "now"
            if one.c is not None and not one.closed and not one.c.is_closing:
                one.c.is_full = False
        self.world.rest()
        self.holds()
        for one in self.all:
            c = one.c
            if c is None or one.closed or c.is_ending or one.sock.is_reset:
                continue
            whole = [it for it, asked in zip(one.answers, one.requests, strict=False) if it[2] or asked[2] or asked[3]]
            assert len(one.found) == len(whole), "%d of %d answers have come" % (len(one.found), len(whole))
            if not one.pending and not one.is_open:
                assert one.over == len(one.requests), "%d of %d requests were seen" % (one.over, len(one.requests))
        for one in self.all:
            if one.c is None and one.sock.closed and not one.sock.is_reset and one.had_room:
                assert one.found == [(503, b"")], "turned away without a word"
        self.world.end(self.all)
        for one in self.all:
            assert one.c is None or one.events[-1] == mungo.EV_CLOSE and one.events.count(mungo.EV_CLOSE) == 1


MACHINE = Exchange
