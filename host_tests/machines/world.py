"""A loop whose sockets, poll and clock are simulated, for state machines: nothing happens but what a rule does, and always the same.

A Sock is both sides of a TCP connection: the library's calls, and what its peer has sent, may still send, and has read.
"""

import types

import mungo.core.loop
from mungo.core.listener import AcceptedConnection, Listener
from mungo.manager import Manager

IN, OUT, ERR, HUP = 1, 4, 8, 16
EAGAIN, EPIPE, ECONNRESET = 11, 32, 104


class Planned(Exception):
    """What a handler raises on purpose."""


class Sock:
    """Everything that a connection's socket does, and its peer's side of it."""

    def __init__(self, room):
        self.inbox = bytearray()  # sent by the peer, not read yet
        self.count = 0  # bytes that were read
        self.sent = bytearray()  # taken by the kernel for the peer
        self.room = room  # bytes that it takes before the peer reads
        self.fin = self.is_reset = self.closed = False

    def setblocking(self, flag):
        pass

    def setsockopt(self, *args):
        pass

    def readinto(self, data):
        assert not self.closed, "read after close"
        if self.is_reset:
            raise OSError(ECONNRESET)
        n = min(len(data), len(self.inbox))
        if not n:
            return 0 if self.fin else None
        data[:n] = self.inbox[:n]
        del self.inbox[:n]
        self.count += n
        return n

    def write(self, data, at, n):
        assert not self.closed, "write after close"
        if self.is_reset:
            raise OSError(EPIPE)
        n = min(n, self.room)
        self.sent += memoryview(data)[at : at + n]
        self.room -= n
        return n or None

    def close(self):
        self.closed = True

    def flags(self):
        if self.is_reset:
            return IN | OUT | ERR | HUP
        return (IN if self.inbox or self.fin else 0) | (OUT if self.room else 0)


class Door:
    """A listening socket."""

    def __init__(self):
        self.queue = []
        self.closed = False

    def setblocking(self, flag):
        pass

    def accept(self):
        if not self.queue:
            raise OSError(EAGAIN)
        return self.queue.pop(0), ("10.0.0.1", 1)

    def close(self):
        self.closed = True

    def flags(self):
        return IN if self.queue else 0


class Poll:
    """select.poll; a sleep moves the clock, and nobody else does anything meanwhile."""

    def __init__(self, world):
        self.world = world
        self.masks = {}

    def register(self, sock, mask):
        self.masks[sock] = mask

    def unregister(self, sock):
        self.masks.pop(sock, None)  # (unknown ones are no error on MicroPython)

    def ipoll(self, ms):
        found = []
        for sock, mask in self.masks.items():
            if hasattr(sock, "flags") and sock.flags() & (mask | ERR | HUP):
                found.append((sock, sock.flags() & (mask | ERR | HUP)))
        if not found:
            self.world.now += ms
        yield from found


class World:
    """A manager with these limits and a listener of this kind. `broken` is what a handler or the library has done wrong."""

    def __init__(self, handler, accepted_class=AcceptedConnection, **limits):
        self.now = 1000
        self.broken = []
        self.planned = 0
        self.is_slow = False  # turns come only with the time; else one after each rule
        mungo.core.loop.select = types.SimpleNamespace(poll=lambda: Poll(self), POLLIN=IN)
        mungo.core.loop.ticks_ms = lambda: self.now
        self.mgr = Manager(**limits)
        self.mgr.report = self.report
        self.socks = []
        self.door = Door()
        self.listener = Listener(self.mgr, self.door, handler, None, None, accepted_class)

    def report(self, er):
        self.mgr.stats["bugs"] += 1
        self.planned += 1
        if not isinstance(er, Planned):
            self.broken.append(repr(er))

    def knock(self, room):
        """A client connects."""
        sock = Sock(room)
        self.socks.append(sock)
        self.door.queue.append(sock)
        return sock

    def go_on(self):
        """What follows each rule."""
        if not self.is_slow:
            self.mgr.poll(0)

    def wait(self, ms):
        """Turns until so much time has passed."""
        until = self.now + ms
        turns = 0
        while self.now < until:
            self.mgr.poll(until - self.now)
            turns += 1
            assert turns < 2000, "the loop does not sleep"

    def rest(self):
        """Turns until nothing is left to do at once."""
        for _ in range(200):
            self.mgr.poll(0)

    def check(self):
        """What holds for every connection, whatever its protocol is."""
        mgr = self.mgr
        assert not self.broken, self.broken
        assert mgr.accepted == sum(c.is_accepted for c in mgr.conns), "accepted"
        assert mgr.accepted <= mgr.max_conns and mgr.stats["bugs"] == self.planned
        for c in mgr.conns:
            if c.is_listening:
                continue
            assert not c.sock.closed
            assert mgr.find(c.id) is c
            if not c.is_closing:
                mask = mgr.poller.masks.get(c.sock, 0)
                assert mask == c.mask and (mask & OUT > 0) == (c.out is not None), "mask %d" % mask
                if c.is_full:
                    assert not mask & IN, "it reads, though it is full"

    def end(self, ones):
        """Close all connections, and those that come then, until nobody waits; then the manager: nothing is left."""
        mgr = self.mgr
        turns = 0
        while self.door.queue or mgr.accepted:
            for one in ones:
                one.is_ours = True
            for c in mgr.conns:
                if not c.is_listening and not c.is_closing:
                    c.is_closing = True
            self.wait(300)
            turns += 1
            assert turns < 50, "a client waits, and is not accepted"
        mgr.close()
        assert not self.broken, self.broken
        assert not mgr.conns and not mgr.accepted and not any(mgr._ids)
        for sock in self.socks:
            assert sock.closed, "a socket is left open"
