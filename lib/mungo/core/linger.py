# Closing with unread input is a reset, which can overtake the last reply and wipe it out of the client's buffer (RFC 9112 section 9.6). So
# after an error the connection reads and discards, for a while, before it closes.

from .connection import EMPTY, get

_OUT = const(4)
_DRAINING = const(4)
_FULL = const(8)
_PAUSED = const(16)
_IDLE = const(512)  # it may be evicted, see crowd.py
_LINGER = const(256)

_MOST = const(65536)  # bytes to discard


def linger(c):
    """Close `c` when everything is sent and its peer has had the time to read it: linger_ms, 64 KB more from it, or its end."""
    c.state = c.state & ~(_FULL | _PAUSED | _IDLE) | _LINGER | _DRAINING  # it reads, whatever the program has stopped
    c.recv = EMPTY
    left = [_MOST]
    c.event = lambda ev: _discard(c, ev, left)
    c.expired = lambda: _close(c)
    c.look()
    if c.out is None:
        c.mgr.deadline(c, c.mgr.linger_ms)


def _close(c):
    c.wait = 0
    c.is_closing = True


def _discard(c, ev, left):
    if ev & _OUT and c.out is not None:
        c.out.flush(c)
    if ev & ~_OUT:
        n = get(c, c.mgr.rx.data)
        if n is not None:
            left[0] -= n
            if n <= 0 or left[0] <= 0:
                c.is_closing = True
