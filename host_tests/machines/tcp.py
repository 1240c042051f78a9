"""A state machine of TCP connections: peers that send, read, end and break off, a program that takes, sends, pauses and closes."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from world import Planned, World

import mungo

MODES = ("take", "some", "none", "raise", "close", "echo", "full", "drain")
LIMIT = 64
_MOST = 4  # clients at a time


class One:
    """A connection, as its peer and the program know it."""

    def __init__(self, sock, mode):
        self.sock = sock
        self.mode = mode
        self.c = None
        self.events = []
        self.wrote = bytearray()  # by the peer
        self.announced = 0  # bytes that EV_READ told of
        self.taken = bytearray()  # by the program
        self.accepted = bytearray()  # sends that were taken
        self.is_ours = False  # the program has closed it, or has raised
        self.drains = False  # the program has said so
        self.waits = self.has_room = False  # for EV_WRITE; it has come
        self.closed = False


class Tcp(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.world = World(
            self.handler, max_conns=3, rx_bytes=16, recv_limit=LIMIT, send_limit=LIMIT, send_slice=1500, write_ms=500, linger_ms=100
        )
        self.mgr = self.world.mgr
        self.all = []
        self.n = 0

    def live(self):
        return [one for one in self.all if not one.sock.closed and not one.sock.is_reset]

    def known(self):
        return [one for one in self.all if one.c is not None and not one.closed]

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
        assert ev not in names or ev in (mungo.EV_READ, mungo.EV_WRITE), "events %r, %d" % (names, ev)
        names.append(ev)
        if ev == mungo.EV_OPEN:
            one.c = c
        elif ev == mungo.EV_READ:
            assert not data or not c.is_full, "bytes, though it is full"
            one.announced += data
            assert len(one.taken) + len(c.recv) == one.announced, "bytes are missing"
            self.act(one, c)
        elif ev == mungo.EV_WRITE:
            assert c.out is None and not c.is_ending
            one.has_room = True
        elif ev == mungo.EV_ERROR:
            if data == "recv_limit":
                assert one.announced - len(one.taken) >= LIMIT
            elif data[:7] == "timeout":
                assert len(one.sock.sent) < len(one.accepted)
            else:
                assert one.sock.is_reset or one.is_ours, data
        elif ev == mungo.EV_CLOSE:
            one.closed = True
            if not one.is_ours and c.error_text is None:
                assert one.sock.sent == one.accepted, "%d of %d bytes went out" % (len(one.sock.sent), len(one.accepted))
                if one.sock.fin and not one.drains:
                    assert not one.sock.inbox, "its end was seen before its bytes"
                one.taken += c.recv.read()
                assert len(one.taken) == one.announced, "bytes are missing"

    def act(self, one, c):
        if one.mode == "raise":
            one.is_ours = True
            raise Planned
        if one.mode == "close":
            one.is_ours = True
            c.is_closing = True
        elif one.mode == "drain":
            one.drains = True
            c.is_draining = True
        elif one.mode == "full":
            c.is_full = True
        elif one.mode == "some":
            one.taken += c.recv.read(3)
        elif one.mode != "none":
            data = c.recv.read()
            one.taken += data
            if one.mode == "echo":
                self.send_to(one, data)

    def send_to(self, one, data):
        c = one.c
        was = c.out.size if c.out is not None else None
        is_over = c.is_ending
        done = c.send(data)
        if done:
            assert not is_over and (was is None or was + len(data) <= LIMIT), "taken: %d bytes behind %r" % (len(data), was)
            one.accepted += data
        elif not is_over and not one.sock.is_reset:
            assert was is not None and was + len(data) > LIMIT, "refused: %d bytes behind %r" % (len(data), was)

    # --- rules

    @rule(room=st.sampled_from([0, 3, 40, 1000]), mode=st.sampled_from(MODES[:1] * 4 + MODES))
    def knock(self, room, mode):
        if len(self.live()) < _MOST:
            self.all.append(One(self.world.knock(room), mode))

    @rule(room=st.sampled_from([0, 3, 40, 1000]))
    def wrapped(self, room):
        if len(self.live()) < _MOST:
            one = One(self.world.knock(room), "take")
            self.world.door.queue.pop()
            self.all.append(one)
            self.mgr.wrap(one.sock, self.handler)

    @rule(value=st.sampled_from([False, False, True]))
    def loop_is_slow(self, value):
        self.world.is_slow = value

    @rule(ms=st.sampled_from([1, 50, 99, 100, 500, 1200]))
    def time_passes(self, ms):
        self.world.wait(ms)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), n=st.sampled_from([1, 5, 16, 17, 40, 70]))
    def peer_writes(self, data, n):
        one = data.draw(st.sampled_from(self.live()))
        if not one.sock.fin:
            piece = self.some(n)
            one.wrote += piece
            one.sock.inbox += piece

    @precondition(lambda self: self.live())
    @rule(data=st.data(), n=st.sampled_from([1, 10, 100, 5000]))
    def peer_reads(self, data, n):
        data.draw(st.sampled_from(self.live())).sock.room += n

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def peer_ends(self, data):
        data.draw(st.sampled_from(self.live())).sock.fin = True

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def peer_breaks_off(self, data):
        data.draw(st.sampled_from(self.live())).sock.is_reset = True

    @precondition(lambda self: self.known())
    @rule(data=st.data(), n=st.sampled_from([1, 7, 30, 64, 65, 600, 2000]), kind=st.sampled_from([bytes, bytearray, memoryview]))
    def program_sends(self, data, n, kind):
        piece = bytearray(self.some(n))
        it = bytes(piece) if kind is bytes else piece if kind is bytearray else memoryview(piece)
        self.send_to(data.draw(st.sampled_from(self.known())), it)
        piece[:] = b"?" * n  # its owner may change it

    @precondition(lambda self: self.known())
    @rule(data=st.data(), value=st.sampled_from([False, False, True]))
    def program_is_full(self, data, value):
        data.draw(st.sampled_from(self.known())).c.is_full = value

    @precondition(lambda self: self.known())
    @rule(data=st.data(), n=st.sampled_from([1, 10, 100]))
    def program_takes(self, data, n):
        one = data.draw(st.sampled_from(self.known()))
        one.taken += one.c.recv.read(n)

    @precondition(lambda self: self.known())
    @rule(data=st.data(), mode=st.sampled_from(MODES))
    def program_changes(self, data, mode):
        data.draw(st.sampled_from(self.known())).mode = mode

    @precondition(lambda self: self.known())
    @rule(data=st.data(), is_gentle=st.booleans())
    def program_closes(self, data, is_gentle):
        one = data.draw(st.sampled_from(self.known()))
        if is_gentle:
            one.drains = True
            one.c.is_draining = True
        else:
            one.is_ours = True
            one.c.is_closing = True

    def some(self, n):
        # Bytes that tell where in the whole they belong.
        self.n += n
        return bytes(i * 7 % 251 for i in range(self.n - n, self.n))

    # --- what always holds

    @invariant()
    def holds(self):
        self.world.go_on()
        self.world.check()
        stats = self.mgr.stats
        opened = [one for one in self.all if mungo.EV_ACCEPT in one.events]
        assert stats["accepted"] == len(opened)
        errors = sum(mungo.EV_ERROR in one.events for one in self.all)
        waiting = sum(c.error_text is not None for c in self.mgr.conns)
        assert errors <= stats["failed"] <= errors + waiting + stats["refused"], "failed: %d, %d" % (stats["failed"], errors)
        for one in self.all:
            sock = one.sock
            assert not one.closed or sock.closed, "EV_CLOSE, and the socket is open"
            assert one.closed or one.c is None or not sock.closed, "closed without EV_CLOSE"
            if one.c is None:
                continue
            assert one.wrote[: len(one.taken)] == one.taken, "other bytes than were sent"
            assert one.accepted[: len(sock.sent)] == sock.sent, "other bytes than were sent"
            c = one.c
            if one.closed or c.is_closing:
                continue
            assert bytes(memoryview(c.recv.data)[c.recv.start : c.recv.end]) == one.wrote[len(one.taken) : one.announced]
            assert sock.count == one.announced and len(c.recv) < LIMIT, "%d bytes read, %d told of" % (sock.count, one.announced)
            rest = b""
            if c.out is not None:
                assert c.out.pieces and c.wait, "nothing waits, or without a deadline"
                rest = b"".join(bytes(piece) for piece in c.out.pieces)[c.out.sent :]
                assert c.out.size == len(rest), "%d bytes wait, it says %d" % (len(rest), c.out.size)
                if not one.waits:
                    one.waits = True
                    one.has_room = False
            elif one.waits:
                assert one.has_room, "no EV_WRITE"
                one.waits = False
            assert one.accepted[len(sock.sent) :] == rest, "bytes that were taken are lost"

    def teardown(self):
        # Everybody reads, nobody is full: what is on its way arrives.
        for one in self.all:
            one.sock.room = 1 << 20
            one.mode = "take"
        for one in self.known():
            if not one.c.is_closing:
                one.c.is_full = True
                one.c.is_full = False  # so that the program is shown what it has left
        self.world.rest()
        self.holds()
        for one in self.known():
            if not one.c.is_closing and not one.sock.is_reset:
                assert one.sock.sent == one.accepted and one.c.out is None, "it is not sent"
                assert len(one.taken) == one.announced == len(one.wrote), "it is not read"
        self.world.end(self.all)
        for one in self.all:
            assert one.c is None or one.events[-1] == mungo.EV_CLOSE and one.events.count(mungo.EV_CLOSE) == 1


MACHINE = Tcp
