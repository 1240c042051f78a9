# Closing a socket with unread input sends a reset, which can overtake the last answer and destroy it in the peer's buffer (RFC 9112
# section 9.6). So after an error the connection reads and discards before it closes: until linger_ms have passed in silence, or ten times
# that in all.
from time import ticks_diff

_OUT = const(4)  # select.POLLOUT

_TIMES = const(10)  # linger_ms, in all


class Lingering:
    """The phase of a connection whose last bytes are sent or waiting: what its peer sends is discarded. See `Connection.linger`."""

    mask = 1  # select.POLLIN: what poll looks for if it was not established yet

    def __init__(self, now):
        self.start = now

    def event(self, c, ev):
        """The socket is ready."""
        if ev & _OUT and c.out is not None:
            c.flush()
        if ev & ~_OUT and not c.is_closing:
            mgr = c.mgr
            n = c.read(mgr.rx.data)
            if n is None:
                return
            if n <= 0 or ticks_diff(mgr.now, self.start) >= _TIMES * mgr.linger_ms:
                c.is_closing = True
            elif self.has_last(mgr.rx.data, 0, n):
                c.ended()
            elif c.out is None:
                c.since = mgr.now

    def has_last(self, data, at, end):
        """Whether these bytes, `data[at:end]`, are the last that the peer sends."""
        return False

    def expired(self, c):
        """The peer has had linger_ms to read its answer."""
        c.is_closing = True
