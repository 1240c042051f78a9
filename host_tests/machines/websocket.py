"""A state machine of WebSockets: clients that send messages in frames and pieces, ping, close and are wrong; a program that sends,
pauses, pings and closes."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from world import Planned, World

import mungo
import mungo.ws as ws
from mungo.http.server import HttpConnection

MODES = ("take", "echo", "full", "close", "raise", "end")
_MOST = 3
_LIMIT = 150
_HEAD = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_KEY = b"\x21\x43\x65\x87"


def frame(op, data, is_last=True):
    """A client's frame."""
    n = len(data)
    size = bytes([128 | n]) if n < 126 else b"\xfe" + n.to_bytes(2, "big")
    return bytes([op | (128 if is_last else 0)]) + size + _KEY + bytes(x ^ _KEY[i % 4] for i, x in enumerate(data))


def read_frames(data):
    """[(first byte, payload), ..] of a server, and what is left."""
    found = []
    while len(data) >= 2:
        assert data[1] < 128, "a server does not mask"
        n = data[1]
        at = 2
        if n > 125:
            wide = 2 if n == 126 else 8
            n = int.from_bytes(data[2 : 2 + wide], "big")
            at += wide
        if len(data) < at + n:
            break
        found.append((data[0], data[at : at + n]))
        data = data[at + n :]
    return found, data


def messages_of(frames):
    """[str or bytes, ..] that are whole in these frames, control frames left out."""
    found = []
    op = parts = None
    for first, data in frames:
        if first & 8:
            continue
        assert (op is None) == (first & 15 > 0), "a message within another"
        if op is None:
            op, parts = first & 15, b""
        parts += data
        if first & 128:
            found.append(parts.decode() if op == 1 else parts)
            op = None
    return found


class One:
    """A connection, as its client and the program know it."""

    def __init__(self, sock, mode):
        self.sock = sock
        self.mode = mode
        self.c = None
        self.events = []
        self.pending = bytearray()  # made, and not sent yet
        self.meant = []  # what the program should get: messages, and (opcode, bytes)
        self.got = []
        self.accepted = []  # messages of the program that were taken
        self.piece = None  # of the program's message that is not over
        self.op = None  # of the client's message that is not over
        self.parts = b""
        self.is_wrong = 0  # the code that its mistake deserves
        self.said_close = False  # the client has
        self.closes = False  # the program has
        self.is_ours = self.closed = False


class Sockets(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.world = World(
            self.handler, HttpConnection, max_conns=2, max_streams=2, rx_bytes=64, recv_limit=600, send_limit=300, ws_limit=_LIMIT,
            idle_ms=400, write_ms=500, linger_ms=100, connect_ms=300, head_ms=100000,
        )  # fmt: skip
        self.mgr = self.world.mgr
        self.all = []
        self.number = 0

    def live(self):
        return [one for one in self.all if not one.sock.closed and not one.sock.is_reset]

    def writing(self):
        return [one for one in self.live() if not one.said_close and not one.is_wrong]

    def ending(self):
        return [one for one in self.writing() if len(one.meant) > 2]

    def open(self):
        return [one for one in self.all if mungo.EV_WS_OPEN in one.events and not one.closed]

    # --- the program

    def handler(self, c, ev, data, _):
        if c.is_listening:
            return
        try:
            self.seen(next(one for one in self.all if one.sock is c.sock), c, ev, data)
        except AssertionError as er:
            self.world.broken.append(repr(er))

    def seen(self, one, c, ev, data):
        names = one.events
        assert not one.closed, "event %d after EV_CLOSE" % ev
        assert (ev == mungo.EV_OPEN) == (not names), "events %r, %d" % (names, ev)
        assert mungo.EV_ERROR not in names or ev == mungo.EV_CLOSE, "events %r, %d" % (names, ev)
        assert ev != mungo.EV_WS_OPEN or mungo.EV_WS_OPEN not in names
        assert ev not in (mungo.EV_WS_MSG, mungo.EV_WS_CTL) or mungo.EV_WS_OPEN in names
        names.append(ev)
        if ev == mungo.EV_OPEN:
            one.c = c
        elif ev == mungo.EV_HTTP_MSG:
            assert ws.upgrade(c, data)
        elif ev == mungo.EV_WS_OPEN:
            self.put(one, "hello")
        elif ev == mungo.EV_WS_MSG:
            assert not one.closes, "a message after our Close frame"
            assert not c.is_full, "a message, though it is full"
            one.got.append(data)
            self.act(one, c, data)
        elif ev == mungo.EV_WS_CTL:
            assert (8, b"") not in one.got and all(it[0] != 8 for it in one.got if isinstance(it, tuple)), "after its Close frame"
            one.got.append(data)
        elif ev == mungo.EV_ERROR:
            assert data[:7] == "timeout" or one.sock.is_reset or one.is_ours or one.is_wrong and data[-4:] == str(one.is_wrong), data
        elif ev == mungo.EV_CLOSE:
            one.closed = True

    def act(self, one, c, data):
        if one.mode == "echo" and one.piece is None:
            self.put(one, data)
        elif one.mode == "close":
            one.closes = ws.close(c, 1001, "bye") or one.closes
        elif one.mode == "raise":
            one.is_ours = one.closes = True
            raise Planned
        elif one.mode == "full":
            c.is_full = True
        elif one.mode == "end":
            one.is_ours = True
            c.is_closing = True

    def put(self, one, data, more=False):
        c = one.c
        was = c.out.size if c.out is not None else None
        is_over = one.closes or c.is_ending or c.proto.stage == 3
        done = ws.send(c, data, more)
        n = len(data.encode() if isinstance(data, str) else data)
        if done:
            assert not is_over and (was is None or was + n <= 300)
            it = data if one.piece is None else one.piece + data
            one.piece = it if more else None
            if not more:
                one.accepted.append(it)
        elif not is_over and not one.sock.is_reset:
            assert was is not None and was + n + 14 > 300, "refused: %d bytes behind %r" % (n, was)

    # --- rules

    @rule(room=st.sampled_from([130, 5000, 5000]), mode=st.sampled_from(MODES[:3] * 3 + MODES))
    def knock(self, room, mode):
        if len(self.live()) < _MOST and len(self.all) < 2 * _MOST:
            self.all.append(One(self.world.knock(room), mode))
            self.all[-1].sock.inbox += _HEAD

    def some(self, n, is_text):
        self.number += 1
        text = "%d %s" % (self.number, "\u20acuro"[: n % 6] * n)
        return text if is_text else text.encode()

    @precondition(lambda self: self.writing())
    @rule(
        data=st.data(),
        n=st.sampled_from([0, 1, 5, 20]),
        is_text=st.booleans(),
        is_last=st.sampled_from([True, True, False]),
        cut=st.integers(0, 9),
        times=st.sampled_from([0, 1, 3]),
    )
    def client_sends(self, data, n, is_text, is_last, cut, times):
        one = data.draw(st.sampled_from(self.writing()))
        for _ in range(max(times, 1)):
            self.send_from(one, n, is_text, is_last, cut)
        self.write(one, times > 0)

    def send_from(self, one, n, is_text, is_last, cut):
        if one.is_wrong:
            return
        raw = self.some(n, False)
        op = 0
        if one.op is None:
            op = one.op = 1 if is_text else 2
            one.parts = b""
        one.parts += raw
        one.pending += frame(op, raw[:cut], False) + frame(0, raw[cut:], is_last)
        if len(one.parts) > _LIMIT:
            one.is_wrong = 1009
        elif is_last:
            one.meant.append(one.parts.decode() if one.op == 1 else one.parts)
            one.op = None

    @precondition(lambda self: self.writing())
    @rule(data=st.data(), op=st.sampled_from([9, 10]), n=st.sampled_from([0, 3, 125]))
    def client_pings(self, data, op, n):
        one = data.draw(st.sampled_from(self.writing()))
        one.pending += frame(op, bytes(n))
        one.meant.append((op, bytes(n)))

    @precondition(lambda self: self.ending())
    @rule(data=st.data(), payload=st.sampled_from([b"", b"\x03\xe8", b"\x03\xe9bye"]))
    def client_closes(self, data, payload):
        one = data.draw(st.sampled_from(self.ending()))
        one.pending += frame(8, payload)
        one.meant.append((8, payload))
        one.said_close = True

    @precondition(lambda self: self.ending())
    @rule(data=st.data(), wrong=st.sampled_from([b"\xc1\x80", b"\x83\x80", b"\x81\x00", b"\x09\x80", b"\x88\x81" + _KEY + b"x"]))
    def client_is_wrong(self, data, wrong):
        one = data.draw(st.sampled_from(self.ending()))
        one.pending += wrong
        one.is_wrong = 1002

    @precondition(lambda self: self.live())
    @rule(data=st.data(), n=st.sampled_from([1, 10, 64, 500, 500, 500]))
    def client_writes(self, data, n):
        self.write(data.draw(st.sampled_from(self.live())), n)

    def write(self, one, n):
        if n is True:
            n = len(one.pending)
        if not one.sock.fin:
            one.sock.inbox += one.pending[:n]
            del one.pending[:n]

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

    @rule(value=st.sampled_from([False, False, True]))
    def loop_is_slow(self, value):
        self.world.is_slow = value

    @rule(ms=st.sampled_from([1, 1, 1, 100, 299, 401]))
    def time_passes(self, ms):
        self.world.wait(ms)

    @precondition(lambda self: self.open())
    @rule(data=st.data(), n=st.sampled_from([0, 1, 30, 130]), is_text=st.booleans(), more=st.booleans())
    def program_sends(self, data, n, is_text, more):
        one = data.draw(st.sampled_from(self.open()))
        self.put(one, self.some(n, isinstance(one.piece, str) if one.piece is not None else is_text), more)

    @precondition(lambda self: self.open())
    @rule(data=st.data())
    def program_pings(self, data):
        ws.ping(data.draw(st.sampled_from(self.open())).c, b"p")

    @precondition(lambda self: self.open())
    @rule(data=st.data())
    def program_closes(self, data):
        one = data.draw(st.sampled_from(self.open()))
        one.closes = ws.close(one.c) or one.closes

    @precondition(lambda self: self.open())
    @rule(data=st.data(), value=st.sampled_from([False, False, True]))
    def program_is_full(self, data, value):
        data.draw(st.sampled_from(self.open())).c.is_full = value

    @precondition(lambda self: self.all)
    @rule(data=st.data(), mode=st.sampled_from(MODES))
    def program_changes(self, data, mode):
        data.draw(st.sampled_from(self.all)).mode = mode

    # --- what always holds

    @invariant()
    def holds(self):
        self.world.go_on()
        self.world.check()
        for one in self.all:
            assert not one.closed or one.sock.closed, "EV_CLOSE, and the socket is open"
            assert one.closed or one.c is None or not one.sock.closed, "closed without EV_CLOSE"
            # Our Close frame has been sent: messages are dropped, but control frames come.
            left = iter(one.meant)
            for it in one.got:
                other = next(left, None)
                while other != it and one.closes and other is not None:
                    other = next(left, None)
                assert other == it, "%r instead of %r" % (one.got, one.meant)
            head, _, data = bytes(one.sock.sent).partition(b"\r\n\r\n")
            if not data and mungo.EV_WS_OPEN not in one.events:
                continue
            assert not head or head[:13] == b"HTTP/1.1 101 " or head[:13] == b"HTTP/1.1 503 ", head
            frames, rest = read_frames(data)
            found = messages_of(frames)
            assert found == one.accepted[: len(found)], "%r instead of %r" % (found, one.accepted)
            ops = [first & 15 for first, _ in frames]
            others = [op for op in ops if op != 10]
            assert 8 not in others[:-1], "frames behind Close"
            one.found = found
            one.ops = ops

    def teardown(self):
        for one in self.all:
            one.sock.room = 1 << 20
            one.mode = "take"
            if one.c is not None and not one.closed and not one.c.is_closing:
                one.c.is_full = False
        self.world.rest()
        self.holds()
        for one in self.open():
            if one.c.is_ending or one.sock.is_reset:
                continue
            assert one.found == one.accepted, "a message that was taken is lost"
            if not one.pending and not one.closes:
                assert one.got == one.meant and not one.is_wrong, "%r instead of %r" % (one.got, one.meant)
            assert one.ops.count(10) >= sum(isinstance(it, tuple) and it[0] == 9 for it in one.got), "a ping without a pong"
        self.world.end(self.all)
        for one in self.all:
            assert one.c is None or one.events[-1] == mungo.EV_CLOSE and one.events.count(mungo.EV_CLOSE) == 1


MACHINE = Sockets
