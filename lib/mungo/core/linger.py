# Closing a socket with unread input sends a reset, which can overtake the last answer and destroy it in the peer's buffer (RFC 9112
# section 9.6). So after an error the connection reads and discards for a while before it closes.
_OUT = const(4)  # select.POLLOUT

_MOST = const(65536)  # bytes to discard


class Lingering:
    """The phase of a connection whose last bytes are sent or waiting: what its peer sends is discarded. See `Connection.linger`."""

    def __init__(self):
        self.left = _MOST

    def event(self, c, ev):
        """The socket is ready."""
        if ev & _OUT and c.out is not None:
            c.flush()
        if ev & ~_OUT and not c.is_closing:
            n = c.read(c.mgr.rx.data)
            if n is not None:
                self.left -= n
                if n <= 0 or self.left <= 0:
                    c.is_closing = True

    def expired(self, c):
        """The peer has had linger_ms to read its answer."""
        c.is_closing = True
