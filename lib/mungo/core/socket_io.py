# What a stream's connection asks of its socket: methods of Connection.
from errno import EAGAIN, ENOBUFS, ENOMEM

_NO_ROOM = (EAGAIN, ENOMEM, ENOBUFS)  # (made here: in an `except` it would need memory)


def read(c, data):
    """Read into the bytearray `data`: the number of bytes, 0 at the peer's end, None if there is nothing, -1 if the socket failed."""
    try:
        return c.sock.readinto(data)
    except OSError as er:
        c.broken(er)
        return -1


def write(c, data, at, n):
    """Give the socket up to `n` bytes of `data`, from `at` on, and return how many it took. A socket that failed "takes" all of them.

    At most `send_slice` bytes go in one write: RP2's lwIP sleeps up to 10 s in a send for which it has no memory.
    """
    try:
        return c.sock.write(data, at, n if n < 1024 else min(n, c.mgr.send_slice)) or 0
    except OSError as er:
        if er.errno in _NO_ROOM:
            return 0
        c.broken(er)
        return len(data)
