# Files as bodies of answers.
from .stream import end

_TAIL = const(64)  # bytes


class Part:
    """An answer's body: the next `left` bytes of `file`, which has `readinto(buf)`, `seek(n, 1)` and `close`.

    It is read into a buffer that all share, only when the socket has room, and closed when it is sent or its client has gone, as
    `Loop.use_flash` lets it.
    """

    def __init__(self, file, left):
        self.file = file
        self.left = left
        self.close = file.close

    def pour(self, c, hm):
        """Send what the socket takes, at most `send_slice` bytes. For `Loop.use_flash`."""
        if hm.source is not self or c.out is not None or c.is_closing:  # it has waited for the flash
            return
        # One buffer serves all: what a socket does not take is read again when it has room, so that a slow client costs no memory.
        left = c.mgr.send_slice  # of this turn
        rx = c.mgr.rx
        buf = getattr(rx, "pour", None)  # (there, since only this thread looks at it: its dict may grow)
        if buf is None:
            buf = rx.pour = bytearray(min(4 * c.mgr.rx_bytes, left))
        view = memoryview(buf)
        while self.left and left > 0:
            n = self.file.readinto(view[: self.left])
            if not n:
                return c.error("the file is short")
            done = c.write(buf, 0, n)
            if c.is_closing:
                return
            # A few bytes wait for room, and the write deadline runs: a socket may say that it has room, and take nothing. (TLS has
            # encrypted more of them, and must get these again.)
            rest = min(n - done, n if c.is_tls else _TAIL)
            self.left -= done + rest
            if rest:
                self.file.seek(done + rest - n, 1)
                return c.put_later(view[done : done + rest], 0)
            left -= n
        if self.left:
            c.resume()
        else:
            end(c, hm)
