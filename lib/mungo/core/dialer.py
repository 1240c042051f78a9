# An outgoing connection by name: it waits for the addresses, and takes the one that answers first (RFC 8305 in small).
#
# They are tried in turn, the families alternating. If one has not answered after 250 ms, the next is tried beside it: there are two sockets
# at most. If one fails, the next follows at once.
import socket
from time import ticks_add, ticks_diff

from .connector import Connecting, make_connection, open_socket, scheme
from .udp import UdpConnection
from .url import parse

_EV_OPEN = const(1)
_EV_RESOLVE = const(3)
_EV_CONNECT = const(4)

_IN = const(1)
_OUT = const(4)

_BESIDE_MS = const(250)  # until the next address is tried as well, RFC 8305 section 5
_FAILURES = (OSError, MemoryError)  # (made here: in an `except` it would need memory)


class NamedUdp(UdpConnection):
    """A UDP connection by name: without a socket until that is looked up."""

    def send(self, data):
        """As UdpConnection's. False until EV_RESOLVE."""
        return self.sock is not None and UdpConnection.send(self, data)

    def expired(self):
        """As UdpConnection's."""
        if self.phase is not None:
            self.phase.expired(self)
        else:
            UdpConnection.expired(self)


class Second:
    """The socket that is tried beside the connection's own."""

    def __init__(self, dialer, sock, peer):
        self.dialer = dialer
        self.sock = sock
        self.peer = peer
        dialer.c.mgr.watch(sock, self, _OUT)

    def event(self, ev):
        """It is connected, or has failed: it becomes the connection's, which sees to that."""
        dialer = self.dialer
        if dialer.second is self:
            c = dialer.c
            c.sock, self.sock = self.sock, c.sock
            c.peer, self.peer = self.peer, c.peer
            c.mgr.watch(c.sock, c, _OUT)
            c.mgr.watch(self.sock, self, _OUT)
            dialer.event(c, ev)

    def bug(self, er):
        """`event` has raised."""
        self.dialer.c.bug(er)


class Dialer(Connecting):
    """The phase of a connection by name until it is connected."""

    def __init__(self, mgr, host, port):
        self.host = host
        self.port = port
        self.c: "Any" = None  # noqa: F821  # pyright: ignore  # (set before anything is called)
        self.addresses = None  # those left to try, once they are known
        self.end = 0  # ticks_ms when there is no time left
        self.second: "Second | None" = None
        self.failed = None  # the error of the last one
        self.lookup = mgr.resolve(host, self.resolved)

    def resolved(self, addresses, error):
        """The name was looked up."""
        c = self.c
        if c.is_closing or c.mgr.closed:
            return
        if error:
            return c.error(error)
        try:
            self.end = ticks_add(c.since, c.wait)
            self.addresses = by_turns(addresses)
            c.peer = socket.getaddrinfo(self.addresses[0], self.port)[0][-1]
            c.emit(_EV_RESOLVE, self.addresses[0])
            if not c.is_closing:
                self.dial()
        except _FAILURES as er:
            c.broken(er)

    def dial(self):
        """Try the next address that does not fail at once."""
        c = self.c
        mgr = c.mgr
        is_udp = isinstance(c, UdpConnection)
        while self.addresses:
            sock = None
            try:
                sock, peer, self.failed = open_socket(self.addresses.pop(0), self.port, is_udp)
                if self.failed is None:
                    if c.sock is not None:
                        self.second = Second(self, sock, peer)
                    else:
                        mgr.watch(sock, c, c.mask)
                        c.sock = sock
                        c.peer = peer
                    break
            except _FAILURES as er:
                self.failed = er
            if sock is not None:
                sock.close()
        if c.sock is None:
            c.broken(self.failed)
        elif is_udp:
            c.phase = None
            c.wait = 0
            c.emit(_EV_CONNECT)
        else:
            left = ticks_diff(self.end, mgr.now)
            mgr.deadline(c, max(1, left if self.second or not self.addresses else min(left, _BESIDE_MS)))

    def event(self, c, ev):
        """The connection's socket is connected, or has failed."""
        n = None
        try:
            n = c.sock.readinto(c.mgr.rx.data)
            self.failed = None if n is not None or not ev & ~(_IN | _OUT) else OSError("no connection")
        except OSError as er:
            self.failed = er
        second = self.second
        self.second = None
        if self.failed is None:
            if second is not None:
                self.drop(second)
            return self.established(c, n)
        self.drop(c)
        c.sock = None
        if second is not None:
            c.sock = second.sock
            c.peer = second.peer
            c.mgr.watch(c.sock, c, _OUT)
        self.dial()

    def drop(self, owner):
        """Close a socket."""
        self.c.mgr.unwatch(owner.sock)
        owner.sock.close()

    def expired(self, c):
        """It is time for another address, or connect_ms have passed."""
        if self.addresses and ticks_diff(self.end, c.mgr.now) > 0:
            self.dial()
        else:
            Connecting.expired(self, c)

    def closed(self, _):
        """The connection is closed."""
        self.lookup.cancel()
        if self.second is not None:
            self.drop(self.second)
            self.second = None


def connect(mgr, url, fn, fn_data, tls):
    """`mgr.connect` for a host that is a name."""
    mgr.check_open()
    udp = url[:3] == "udp"
    dialer = Dialer(mgr, *parse(url, scheme(udp, tls), True))
    try:
        if udp:
            c = NamedUdp(mgr, None, fn, fn_data, True)
        else:
            c = make_connection(mgr, None, fn, fn_data, dialer, None, url, tls)
        dialer.c = c
        c.phase = dialer
        c.sock = c.peer = None  # to set these later needs no memory  # pyright: ignore[reportAttributeAccessIssue]
        c.on_close(dialer.closed, None)
    except Exception:
        dialer.lookup.cancel()
        if dialer.c is not None:
            dialer.c.fn = None
            mgr.shut(dialer.c)
        raise
    mgr.deadline(c, mgr.connect_ms)
    c.emit(_EV_OPEN)
    return c


def by_turns(addresses):
    """The addresses as a list in which the families alternate, as long as there are both; IPv6 is first."""
    found = []
    left = [[one for one in addresses if ":" in one], [one for one in addresses if ":" not in one]]
    while left[0] or left[1]:
        for family in left:
            if family:
                found.append(family.pop(0))
    return found
