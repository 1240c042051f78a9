# Objects without descriptors in the unix port's poll, whose table moves when it grows.
import errno
import socket

import mungo
from mungo.port.poll_table import PollTable, pair
from net import bound, udp_peer
from raising import raised_errno
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
    mgr.poller = PollTable(mgr)
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


class Proven(Ring):
    """A TLS connection's part in this."""

    is_proven = False


def test_a_tls_socket_is_watched_together_with_the_tcp_socket_below_it():
    """That one has a descriptor, which ends the sleep; what it is watched for follows."""
    if RingIO is None:
        raise Skip("no RingIO")
    mgr = mungo.Manager()
    below, port = bound(socket.SOCK_DGRAM)
    peer = udp_peer(port)
    ring = Proven()
    try:
        pair(mgr, ring.io, below)
        table = mgr.poller
        mgr.watch(ring.io, ring, 1)
        peer.send(b"x")
        assert [sock is below for sock, _ in table.poller.poll(1000)] == [True]
        mgr.poll(0)  # it is ready by itself, and that harms nobody
        assert ring.heard == 0
        ring.io.write(b"x")
        mgr.poll(0)
        assert ring.heard == 1
        mgr.watch(ring.io, ring, 0)
        assert table.poller.poll(0) == []
        below.recv(1)
        mgr.watch(ring.io, ring, 4)  # before the handshake is over, that TCP has room says nothing
        assert [sock is below for sock, _ in table.poller.poll(0)] == [False]
        ring.is_proven = True
        mgr.watch(ring.io, ring, 4)
        assert sorted([sock is below for sock, _ in table.poller.poll(0)]) == [False, True]
        mgr.unwatch(ring.io)
        assert raised_errno(table.poller.modify, below, 1) == errno.ENOENT
    finally:
        below.close()
        peer.close()
        mgr.close()
