# What a stream's connection asks of its socket: methods of Connection.
from errno import EAGAIN, ENOBUFS, ENOMEM

from ..port import TX_MEMORY

if TX_MEMORY:
    from .send_memory import grant

_NO_ROOM = (EAGAIN, ENOMEM, ENOBUFS)  # (made here: in an `except` it would need memory)


def read(c, data):
    """Read into the bytearray `data`: the number of bytes, 0 at the peer's end, None if there is nothing, -1 if the socket failed."""
    if TX_MEMORY and c.out is None:
        c.unproven = 0
    try:
        return c.sock.readinto(data)
    except OSError as er:
        c.broken(er)
        return -1


def write(c, data, at, n):
    """Give the socket up to `n` bytes of `data`, from `at` on, and return how many it took. A socket that failed "takes" all of them.

    At most `send_slice` bytes go in one write, and on RP2 no more than there is memory for: see send_memory.py.
    """
    if n >= 1024:
        n = min(n, c.mgr.send_slice)
    if TX_MEMORY:
        n = grant(c, n)
    try:
        return c.sock.write(data, at, n) or 0
    except OSError as er:
        if er.errno in _NO_ROOM:
            return 0
        c.broken(er)
        return len(data)
