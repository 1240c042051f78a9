import errno
import socket
from time import ticks_ms

from .connection import Connection, get
from .udp import UdpConnection
from .url import parse

_EV_OPEN = const(1)
_EV_RESOLVE = const(3)
_EV_CONNECT = const(4)

_IN = const(1)
_OUT = const(4)
_CLOSING = const(1)
_CONNECTING = const(32)


def connect(mgr, url, fn, fn_data):
    """`mgr.connect`."""
    mgr.check_open()
    udp = url[:3] == "udp"
    info = socket.getaddrinfo(*parse(url, "udp" if udp else "tcp"))[0]
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
        c = _make(mgr, sock, fn, fn_data, udp, 0 if udp else _CONNECTING)
    except Exception:
        sock.close()
        raise
    c.raw = info[-1]
    c.emit(_EV_OPEN)
    c.emit(_EV_RESOLVE)
    if failed is not None:
        c.broken(failed)
    elif udp:
        c.emit(_EV_CONNECT)
    else:
        c.event = lambda ev: _connected(c, ev)
        c.expired = lambda: _late(c)
        mgr.now = ticks_ms()  # the last turn may be long ago: a board waits for its network before it connects
        mgr.deadline(c, mgr.connect_ms)
    return c


def _late(c):
    c.wait = 0
    c.mgr.stats["timeouts"] += 1
    c.error("timeout: no connection")


def _connected(c, ev):
    if c.state & _CLOSING:
        return
    # There is no getsockopt(SO_ERROR): a read tells whether it is connected, and may already bring data.
    n = get(c, c.mgr.rx.data)
    if n is None and ev & ~(_IN | _OUT):
        return c.error("no connection")
    if n is not None and n < 0:
        return
    del c.event
    del c.expired
    c.state &= ~_CONNECTING
    c.wait = 0
    c.look()
    c.emit(_EV_CONNECT)
    if c.out is not None and not c.state & _CLOSING:
        c.mgr.deadline(c, c.mgr.write_ms)
        c.out.flush(c)
    if c.state & _CLOSING:
        return
    if n:
        c.take(n)
    elif n == 0:
        c.is_draining = True


def wrap(mgr, sock, fn, fn_data, udp):
    """`mgr.wrap`."""
    mgr.check_open()
    sock.setblocking(False)
    c = _make(mgr, sock, fn, fn_data, udp, 0)
    c.emit(_EV_OPEN)
    return c


def _make(mgr, sock, fn, fn_data, udp, state):
    if not udp:
        return Connection(mgr, sock, fn, fn_data, state)
    c = UdpConnection(mgr, sock, fn, fn_data, state)
    c.connected = True
    return c
