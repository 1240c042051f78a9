# RP2: what all sockets have sent, and no peer has acknowledged, shares 8,000 bytes of lwIP's. A send that finds none sleeps for up to 10 s
# even on a socket that does not block, and nothing tells how much is free, or what a peer has acknowledged. But a datagram needs room in
# the same memory, and is refused at once with ENOMEM if there is none. So a datagram that never leaves asks for the room: its socket is
# bound to 127.0.0.1, which is no address of an interface that goes out, so it is dropped (EHOSTUNREACH) once it has got its memory.
#
# Under pressure each connection may still have a segment's worth in flight since its peer was last heard. More is written only if that
# leaves as much for each of the others: so peers that take nothing, as many as there are, do not keep the others from being served.
import errno
import socket
from time import ticks_add, ticks_diff

from uctypes import bytearray_at

_ALLOWANCE = const(900)  # bytes in flight that a connection may have while there is memory at all: one segment, or a few short ones
_RESERVE = const(4000)  # what it leaves to the others beyond that
_OVERHEAD = const(100)  # bytes of headers for each segment
_SEGMENT = const(800)
_ABORT_MS = const(10000)  # lwIP drops what a closed socket has not sent after so long

_RAM = const(0x20000000)

_NOWHERE = ("192.0.2.1", 9)


class SendMemory:
    """What a manager knows of the memory that its sockets share. Its socket is made with the manager: later there may be none."""

    def __init__(self, stats):
        self.stats = stats
        self.freed_at = None  # when a connection that was given up gives back its memory
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))

    def is_free(self, n):
        """Whether there are `n` bytes in one piece."""
        try:
            # (What is in it does not matter: the start of the RAM costs no heap.)
            self.sock.sendto(bytearray_at(_RAM, n), _NOWHERE)
        except OSError as er:
            return er.errno != errno.ENOMEM
        return True


def make_send_memory(stats):
    """A SendMemory, or None if there is no socket for it: then a write may take as long as lwIP likes."""
    try:
        return SendMemory(stats)
    except OSError:
        return None


def grant(c, n):
    """How many of `n` bytes, at most 1,600, may be written to the socket of the connection `c` without waiting for memory."""
    memory = c.mgr.send_memory
    if memory is not None:
        cost = n + _OVERHEAD * (n // _SEGMENT + 1)
        left = _ALLOWANCE - c.unproven
        if not memory.is_free(cost if cost <= left else cost + _RESERVE):
            n = min(n, left - _OVERHEAD)
            cost = n + _OVERHEAD
            if n <= 0 or not memory.is_free(cost):
                memory.stats["send_waits"] += 1
                return 0
        c.unproven += cost
    return n


def has_time(c):
    """The peer of `c` has taken nothing for write_ms. If that may be for want of memory, which a connection that was given up before is
    about to give back, `c` has as much time again: True."""
    memory = c.mgr.send_memory
    if memory is None:
        return False
    now = c.mgr.now
    if c.out.fruitless and memory.freed_at is not None and 0 < ticks_diff(memory.freed_at, now) <= _ABORT_MS:
        c.mgr.deadline(c, c.mgr.write_ms)
        return True
    memory.freed_at = ticks_add(now, _ABORT_MS)
    return False
