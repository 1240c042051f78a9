# More clients than connections, or than sockets.
#
# A full manager serves the connections that it has. It accepts one client more, with its one spare socket, and lets that one wait, unread;
# the others wait in the listen backlog. The waiting client is let in as soon as a connection ends, or can be closed because it is idle.
# After `busy_ms` it is refused (HTTP: 503 with Retry-After). The time of the next one counts from when it was seen in the backlog, or one
# before it, as long as the backlog is not seen empty: so many clients that come at once are refused at once. While a client waits, HTTP
# answers carry `Connection: close`, so that no kept-alive connection is cut in the middle of a request.
# If accept itself fails for want of a socket, the connection that has been idle longest gives up its own, and the listener pauses.
from time import ticks_diff

from ..port import NO_SOCKETS

_EV_OPEN = const(1)
_EV_ACCEPT = const(5)
_EV_FULL = const(102)  # for a protocol's handler: this connection is refused. It may answer; it is closed next

RETRY_MS = 100  # until accept is tried again without a socket
_LOOK_MS = const(50)  # from one look for an idle connection to the next


class Waiting:
    """The phase of a client that waits in the spare socket."""

    mask = 0

    def __init__(self, listener):
        self.listener = listener
        if listener.behind is None:
            listener.behind = listener.mgr.now
        self.since = listener.behind

    def event(self, c, ev):
        """Only hang-ups and errors are watched: the client is gone."""
        c.is_closing = True

    def expired(self, c):
        """A connection has ended, or it is time to look for an idle one, or to refuse the client."""
        mgr = c.mgr
        listener = self.listener
        if listener not in mgr.paused_listeners:
            listener.behind = None
        if mgr.accepted < mgr.max_conns or close_idlest(mgr):
            let_in(listener, c)
        elif ticks_diff(mgr.now, self.since) >= mgr.busy_ms:
            refuse(c)
        else:
            mgr.deadline(c, _LOOK_MS)


def close_idlest(mgr, is_tls=False):
    """Close the connection, or the TLS connection, that has been idle longest, and return it. None if none is idle."""
    idlest = None
    for c in mgr.conns:
        if c.is_idle and (c.is_tls or not is_tls) and (idlest is None or ticks_diff(c.since, idlest.since) < 0) and not _has_event(mgr, c):
            idlest = c
    if idlest is not None:
        mgr.stats["evicted"] += 1
        mgr.shut(idlest)
    return idlest


def _has_event(mgr, c):
    # Whether something has come for the connection that is read later in this turn: a request, most likely.
    for i in range(mgr._next, mgr._found, 2):
        if mgr._ready[i] is c:
            return True
    return False


def let_wait(listener, sock, peer):
    """max_conns are in use: keep the accepted `sock` as the client that waits."""
    mgr = listener.mgr
    c = listener.make_connection(sock, peer, None)
    try:
        c.is_accepted = False
        mgr.accepted -= 1
        c.on_close(_free_spare, mgr)
        c.hold(Waiting(listener))
    except MemoryError:
        mgr.shut(c)
        raise
    mgr.spare = mgr.waiting = c
    mgr.deadline(c, _LOOK_MS)


def let_in(listener, c):
    """The waiting client becomes a connection like any other."""
    mgr = c.mgr
    mgr.spare = mgr.waiting = None
    c.close_callbacks = None
    c.fn = listener.fn
    c.is_accepted = True
    mgr.accepted += 1
    c.end_phase()
    mgr.resume_listeners()
    listener.begin(c)


def refuse(c):
    """Tell the client that the manager is full, and close."""
    mgr = c.mgr
    mgr.stats["refused"] += 1
    mgr.waiting = None
    c.end_phase()
    if c.pfn is not None:
        c.pfn(c, _EV_FULL, None)
    c.linger()


def _free_spare(mgr):
    mgr.spare = mgr.waiting = None


def accept_failed(listener, number):
    """accept has failed with this errno; 0: the spare socket is in use. Returns False.

    If there is no socket, an idle connection is closed, and the listener pauses until a socket is given back, or for 100 ms: poll is
    level-triggered, and would spin.
    """
    mgr = listener.mgr
    if number and number not in NO_SOCKETS:  # the client has gone already
        mgr.stats["failed"] += 1
        return False
    if number:
        mgr.stats["starved"] += 1
        close_idlest(mgr)
    elif listener.behind is None:
        listener.behind = mgr.now
    mgr.deadline(listener, RETRY_MS)
    listener.pause(True)
    try:
        if listener not in mgr.paused_listeners:
            mgr.paused_listeners.append(listener)
    except MemoryError:
        pass  # then it waits for its deadline
    return False
