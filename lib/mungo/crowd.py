# More clients than sockets: a full manager closes the kept-alive connection that has been idle longest; if all are at work it
# uses the one socket to spare to tell the client so; while that is under way, the others wait in the backlog.
from time import ticks_diff

from micropython import const

from .linger import linger
from .port import NO_SOCKETS

_EV_FULL = const(102)  # (for a protocol's handler) it is beyond max_conns: say so, it is closed next

_PAUSED = const(16)
_IDLE = const(512)
_TURNED_AWAY = const(1024)

_RETRY_MS = const(100)  # after which a listener without sockets tries again


def accept(listener):
    """True if the listener may accept after all: the idlest connection was closed. Else one client was turned away, or none."""
    mgr = listener.mgr
    idlest = None
    for c in mgr.conns:
        if c.state & _TURNED_AWAY:
            return put_off(listener)
        if c.state & _IDLE and (idlest is None or ticks_diff(c.since, idlest.since) < 0):
            idlest = c
    if idlest is not None:
        mgr.stats["evicted"] += 1
        idlest.shut()
        return True
    try:
        sock, raw = listener.sock.accept()
    except OSError as er:
        return failed(listener, er)
    c = listener.welcome(sock, raw, None, _TURNED_AWAY)
    mgr.stats["refused"] += 1
    if c.pfn is not None:
        c.pfn(c, _EV_FULL, None)
    linger(c)
    return False


def failed(listener, er):
    """Accept has raised `er`."""
    if er.errno in NO_SOCKETS:
        listener.mgr.stats["starved"] += 1
        put_off(listener)
    else:  # that client has gone already, or there was none
        listener.mgr.stats["missed"] += 1
    return False


def put_off(listener):
    """Accept no more until a socket is given back. Poll is level triggered: it would spin."""
    listener.stop(_PAUSED, True)
    listener.mgr.starved.append(listener)
    listener.mgr.deadline(listener, _RETRY_MS)
    return False
