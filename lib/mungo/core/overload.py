# More clients than sockets: a full manager closes the kept-alive connection that has been idle longest. If all are at work it uses
# the one socket to spare to tell the client so; while that is under way, the others wait in the backlog.
from time import ticks_diff

from ..port import NO_SOCKETS
from .linger import linger

_EV_FULL = const(102)  # (for a protocol's handler) it is beyond max_conns: say so, it is closed next

_PAUSED = const(16)
_IDLE = const(512)


def make(listener, sock, raw):
    """Make room for an accepted socket: True if the idlest connection was closed. Else the client is turned away."""
    mgr = listener.mgr
    idlest = None
    for c in mgr.conns:
        if c.state & _IDLE and (idlest is None or ticks_diff(c.since, idlest.since) < 0):
            idlest = c
    if idlest is not None:
        mgr.stats["evicted"] += 1
        idlest.shut()
        return True
    mgr.stats["refused"] += 1
    mgr.spare = c = listener.welcome(sock, raw, None, 0)
    release = c.release
    c.release = lambda: _release(mgr, release)
    if c.pfn is not None:
        c.pfn(c, _EV_FULL, None)
    linger(c)
    return False


def fail(listener, number):
    """There was nothing to accept: the client has gone already, or there is no socket (0: the one to spare is in use).

    Then accept no more until a socket is given back, or for 100 ms. Poll is level triggered: it would spin.
    """
    mgr = listener.mgr
    if number and number not in NO_SOCKETS:
        mgr.stats["failed"] += 1
        return
    if number:
        mgr.stats["starved"] += 1
    listener.stop(_PAUSED, True)
    if listener not in mgr.starved:
        mgr.starved.append(listener)
    listener.expired = lambda: _go_on(listener)
    mgr.deadline(listener, 100)


def _go_on(listener):
    # A socket was given back, or it is time to try without. To have the poll look again needs memory: if there is none, later.
    listener.mgr.deadline(listener, 100)
    with listener:
        listener.stop(_PAUSED, False)
        listener.wait = 0


def _release(mgr, release):
    mgr.spare = None
    release()
