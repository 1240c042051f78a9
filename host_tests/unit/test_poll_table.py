# Objects without descriptors in the unix port's poll, whose table moves when it grows.
import socket

import mungo
from mungo.port.poll_table import poll_without_descriptors
from runner import Skip

try:
    from micropython import RingIO  # pyright: ignore
except ImportError:
    RingIO = None

MIN_HEAP = "100k"


class Ring:
    """What the loop calls when its RingIO can be read."""

    def __init__(self):
        self.io = RingIO(16)  # pyright: ignore
        self.heard = 0

    def event(self, ev):
        self.heard += len(self.io.read())


class Quiet:
    """What the loop calls for a socket that nothing comes to."""

    def event(self, ev):
        raise AssertionError(ev)


def hears(mgr, rings):
    for ring in rings:
        before = ring.heard
        ring.io.write(b"x")
        mgr.poll(0)
        assert ring.heard == before + 1, before


def test_nothing_is_lost_when_the_table_grows():
    if RingIO is None:
        raise Skip("no RingIO")
    mgr = mungo.Manager()
    poll_without_descriptors(mgr)
    poll_without_descriptors(mgr)  # twice is once
    rings = []
    socks = []
    between = []
    try:
        for n in range(40):
            if n % 10 == 0:
                rings.append(Ring())
                mgr.watch(rings[-1].io, rings[-1], 1)
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            socks.append(sock)
            between.append(bytearray(40))  # behind the table: it can't grow where it is
            mgr.watch(sock, Quiet(), 1)
            hears(mgr, rings)
        for sock in socks[::2]:
            mgr.unwatch(sock)
        hears(mgr, rings)
        mgr.unwatch(rings[0].io)
        mgr.watch(rings[1].io, rings[1], 0)  # another mask is no new object
        rings[1].io.write(b"x")
        mgr.poll(0)
        assert rings[1].heard == 30 + 1, rings[1].heard
        for sock in socks[::2]:
            mgr.watch(sock, Quiet(), 1)
        hears(mgr, rings[2:])
    finally:
        for sock in socks:
            mgr.unwatch(sock)
            sock.close()
        mgr.close()
