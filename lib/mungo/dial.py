import errno
import socket

from .connection import CONNECTING, Connection
from .event import EV_CONNECT, EV_OPEN, EV_RESOLVE
from .udp import UdpConnection
from .url import parse


def connect(mgr, url, fn, fn_data):
    """`mgr.connect`."""
    scheme, host, port = parse(url, ("tcp", "udp"))
    udp = scheme == "udp"
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
        c = _make(mgr, sock, fn, fn_data, udp, 0 if udp else CONNECTING)
    except Exception:
        sock.close()
        raise
    c.raw_address = info[-1]
    c.emit(EV_OPEN, None)
    c.emit(EV_RESOLVE, None)
    if failed is not None:
        c.broken(failed)
    elif udp:
        c.emit(EV_CONNECT, None)
    else:
        mgr.deadline(c, mgr.connect_ms)
    return c


def wrap(mgr, sock, fn, fn_data, udp):
    """`mgr.wrap`."""
    sock.setblocking(False)
    c = _make(mgr, sock, fn, fn_data, udp, 0)
    c.emit(EV_OPEN, None)
    return c


def _make(mgr, sock, fn, fn_data, udp, state):
    c = (UdpConnection if udp else Connection)(mgr, sock, fn, fn_data, state)
    if udp:
        c.connected = True
    c.look()
    return c
