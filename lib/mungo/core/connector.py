# Outgoing connections, and sockets that the program made itself.
import errno
import socket
from time import ticks_ms

from .connection import Connection
from .udp import UdpConnection
from .url import is_address, parse

_EV_OPEN = const(1)
_EV_RESOLVE = const(3)
_EV_CONNECT = const(4)

_IN = const(1)
_OUT = const(4)


class Connecting:
    """The phase of a connection from its `connect` until the socket says how that ended."""

    mask = _OUT

    def event(self, c, ev):
        """The socket is connected, or has failed."""
        # There is no getsockopt(SO_ERROR): a read tells whether it is connected, and may already bring data.
        n = c.read(c.mgr.rx.data)
        if n is None and ev & ~(_IN | _OUT):
            return c.error("no connection")
        if n is None or n >= 0:
            self.established(c, n)

    def established(self, c, n):
        """The socket is connected, and has brought `n` bytes."""
        if c.is_tls:
            return c.begin_tls(n)
        c.end_phase()
        c.emit(_EV_CONNECT)
        if c.out is not None and not c.is_closing:
            c.mgr.deadline(c, c.mgr.write_ms)
            c.flush()
        if c.is_closing:
            return
        if n:
            c.take(n)
        elif n == 0:
            c.is_draining = True

    def expired(self, c):
        """connect_ms have passed."""
        c.mgr.stats["timeouts"] += 1
        c.error("timeout: no connection")


_CONNECTING = Connecting()


def host_of(url):
    """The host of this URL as it is written."""
    return url.partition("://")[2].partition("/")[0].rpartition(":")[0]


def has_name(url):
    """Whether the host of this URL has to be looked up."""
    host = host_of(url)
    return host[:1] not in "[" and host.lower() != "localhost" and not is_address(host)


def connect(mgr, url, fn, fn_data, tls=None):
    """`mgr.connect` for a host that is an address."""
    mgr.check_open()
    udp = url[:3] == "udp"
    host, port = parse(url, scheme(udp, tls))
    sock, peer, failed = open_socket(host, port, udp)
    try:
        if udp:
            c = UdpConnection(mgr, sock, fn, fn_data, True, peer)
        else:
            c = make_connection(mgr, sock, fn, fn_data, _CONNECTING, peer, url, tls)
    except Exception:
        sock.close()
        raise
    c.emit(_EV_OPEN)
    c.emit(_EV_RESOLVE, host)
    if failed is not None:
        c.broken(failed)
    elif udp:
        c.emit(_EV_CONNECT)
    else:
        mgr.now = ticks_ms()  # the last turn may be long ago: a board waits for its network before it connects
        mgr.deadline(c, mgr.connect_ms)
    return c


def scheme(udp, tls):
    """The scheme that a URL must have."""
    return "udp" if udp else "tls" if tls else "tcp"


def make_connection(mgr, sock, fn, fn_data, phase, peer, url, tls):
    """A TCP connection to the host of this URL; `tls`: a Tls or None."""
    cls = tls.connection_class(Connection, False) if tls else Connection
    c = cls(mgr, sock, fn, fn_data, phase, peer)
    if tls:
        try:
            c.host = host_of(url)  # pyright: ignore[reportAttributeAccessIssue]
        except MemoryError:  # the loop has it and its socket by now, so it ends as others do
            c.starve()
    return c


def open_socket(host, port, udp):
    """Begin to connect to an address: (the socket, the peer's address as the port has it, the OSError if that failed at once)."""
    if ":" in host:
        from .names import is_number

        if not is_number(host):  # it would be looked up as a name
            raise ValueError("%r: want an address" % host)
    info = socket.getaddrinfo(host, port)[0]
    sock = socket.socket(info[0], socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
    failed = None
    try:
        sock.setblocking(False)
        if not udp:
            sock.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
        try:
            sock.connect(info[-1])
        except OSError as er:
            if er.errno != errno.EINPROGRESS:
                failed = er
        return sock, info[-1], failed
    except Exception:
        sock.close()
        raise


def wrap(mgr, sock, fn, fn_data, udp):
    """`mgr.wrap`."""
    mgr.check_open()
    sock.setblocking(False)
    c = UdpConnection(mgr, sock, fn, fn_data, True) if udp else Connection(mgr, sock, fn, fn_data)
    c.emit(_EV_OPEN)
    return c
