from .connection import write

_EV_WRITE = const(8)

_CLOSING = const(1)
_DRAINING = const(4)
_CONNECTING = const(32)
_ENDED = const(64)
_LINGER = const(256)

_SMALL = const(512)  # bytes: shorter pieces are copied together


class Backlog:
    """What a socket has not taken yet: pieces in their order, and how much of the first is sent. Costs O(n) for n bytes."""

    def __init__(self):
        self.pieces = []
        self.size = 0  # bytes that wait
        self.at = 0

    def has_room(self, c, n):
        """Whether `n` bytes more are within the limit of `c`."""
        if self.size + n <= c.mgr.send_limit:
            return True
        c.mgr.stats["send_full"] += 1
        return False

    def expired(self, c):
        """The peer of `c` has taken nothing for write_ms."""
        c.mgr.stats["timeouts"] += 1
        c.error("timeout: the peer takes no data")

    def add(self, data, at):
        """Keep `data` from `at` on: by reference if it is `bytes` and large, else a copy."""
        n = len(data) - at
        self.size += n
        pieces = self.pieces
        if n < _SMALL and pieces and isinstance(pieces[-1], bytearray) and len(pieces[-1]) < _SMALL:
            pieces[-1].extend(memoryview(data)[at:])
        elif n < _SMALL:
            pieces.append(bytearray(memoryview(data)[at:]))
        elif isinstance(data, bytes) and (not at or not pieces):
            self.at = at if not pieces else self.at
            pieces.append(data)
        else:  # its owner may change it
            pieces.append(bytes(memoryview(data)[at:]))

    def flush(self, c):
        """The socket of `c` has room."""
        left = c.mgr.send_slice
        while left > 0 and self.pieces:
            piece = self.pieces[0]
            n = len(piece) - self.at
            done = write(c, piece, self.at, min(n, left))
            if c.state & _CLOSING:
                return
            if done:
                c.since = c.mgr.now
            left -= done
            self.size -= done
            self.at += done
            if done < n:
                return
            self.pieces.pop(0)
            self.at = 0
        if self.pieces:
            return
        c.out = None
        c.wait = 0
        if not c.state & _DRAINING:
            c.look()
            c.emit(_EV_WRITE)
        elif c.state & _LINGER and not c.state & _ENDED:
            c.look()
            c.mgr.deadline(c, c.mgr.linger_ms)
        else:
            c.is_closing = True


def put(c, data, at):
    """Have `data` from `at` on sent when the socket of `c` has room."""
    try:
        if c.out is None:
            c.out = Backlog()
            if not c.state & _CONNECTING:
                c.mgr.deadline(c, c.mgr.write_ms)
            c.look()
        c.out.add(data, at)
    except MemoryError:  # its start may be on its way: whatever came next would be taken for the rest
        c.error("no memory for what is to be sent")
        raise
