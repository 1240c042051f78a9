# More clients than connections, or than sockets. A full manager closes the kept-alive connection that has been idle longest. If none is
# idle, it accepts one connection more, with its one spare socket, to refuse it (HTTP: 503); until that one is closed, other clients
# wait in the backlog. If accept itself fails, the listener pauses.
from time import ticks_diff

from ..port import NO_SOCKETS

_EV_FULL = const(102)  # for a protocol's handler: this connection is beyond max_conns. It may answer; it is closed next

_RETRY_MS = const(100)


def evict_or_refuse(listener, sock, peer):
    """max_conns are in use: close the one that has been idle longest and return True, or refuse the accepted `sock`."""
    mgr = listener.mgr
    idlest = None
    for c in mgr.conns:
        if c.is_idle and (idlest is None or ticks_diff(c.since, idlest.since) < 0):
            idlest = c
    if idlest is not None:
        mgr.stats["evicted"] += 1
        idlest.shut()
        return True
    mgr.stats["refused"] += 1
    mgr.spare = c = listener.make_connection(sock, peer, None)
    c.is_accepted = False
    c.on_close(_spare_closed, mgr)
    if c.pfn is not None:
        c.pfn(c, _EV_FULL, None)
    c.linger()
    return False


def _spare_closed(mgr):
    mgr.spare = None


def accept_failed(listener, number):
    """accept has failed with this errno; 0: the spare socket is in use. Returns False.

    If there is no socket, the listener pauses until one is given back, or for 100 ms: poll is level-triggered, and would spin.
    """
    mgr = listener.mgr
    if number and number not in NO_SOCKETS:  # the client has gone already
        mgr.stats["failed"] += 1
        return False
    if number:
        mgr.stats["starved"] += 1
    listener.pause(True)
    if listener not in mgr.paused_listeners:
        mgr.paused_listeners.append(listener)
    mgr.deadline(listener, _RETRY_MS)
    return False


def try_again(listener):
    """End the pause of a listener. To have poll look at it again needs memory: if there is none, try once more after 100 ms."""
    listener.mgr.deadline(listener, _RETRY_MS)
    try:
        listener.pause(False)
        listener.wait = 0
    except MemoryError as er:
        listener.bug(er)
