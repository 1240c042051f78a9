from time import ticks_diff

_SMALL = const(512)  # bytes: shorter pieces are copied together


class SendBuffer:
    """The bytes that a socket has not taken yet: `pieces` in their order, of the first of which `sent` bytes are gone; `size` in all.

    Adding and taking n bytes costs O(n). Used in the loop's thread only.
    """

    def __init__(self, mgr):
        self.mgr = mgr  # which counts them in `held`
        self.pieces = []
        self.size = 0
        self.sent = 0
        self.fruitless = 0  # times in a row that the socket has taken nothing
        self.since = None  # while poll is not asked for room: when the peer has last taken something

    def has_room(self, n):
        """Whether `n` bytes more may wait here."""
        if self.size + n <= self.mgr.send_limit:
            return self.mgr.has_bytes(n)
        self.mgr.stats["send_full"] += 1
        return False

    def add(self, data, at):
        """Keep `data` from `at` on: by reference if it is `bytes` and large, else as a copy."""
        n = len(data) - at
        pieces = self.pieces
        if n < _SMALL and pieces and isinstance(pieces[-1], bytearray) and len(pieces[-1]) < _SMALL:
            pieces[-1].extend(memoryview(data)[at:])
        elif n < _SMALL:
            pieces.append(bytearray(memoryview(data)[at:]))
        elif not isinstance(data, bytes) or at and pieces:  # the caller may change it
            pieces.append(bytes(memoryview(data)[at:]))
        else:
            pieces.append(data)
            if at:
                self.sent = at
        self.size += n
        self.mgr.held += n

    def flush(self, c):
        """The socket of the connection `c` has room: write at most `send_slice` bytes. Returns whether all is written."""
        mgr = c.mgr
        left = mgr.send_slice
        while left > 0 and self.pieces:
            piece = self.pieces[0]
            n = min(len(piece) - self.sent, left)
            done = c.write(piece, self.sent, n)
            if c.is_closing:
                return False
            if not done:
                if left == mgr.send_slice:
                    self.hold_back(c)
                return False
            self.fruitless = 0
            c.since = mgr.now
            left -= done
            self.drop(done)
            if done < n:
                return False
        return not self.pieces

    def drop(self, n):
        """Forget `n` bytes of the first piece: they are sent."""
        self.size -= n
        self.mgr.held -= n
        self.sent += n
        if self.sent == len(self.pieces[0]):
            self.pieces.pop(0)
            self.sent = 0

    def hold_back(self, c):
        """The socket of `c` has taken nothing, though poll says that it would. From the second time on, do not ask it for 20 to 100 ms.

        RP2 says so when the peer has sent its end, and when memory is short, see send_memory.py.
        """
        self.fruitless += 1
        if self.fruitless > 1:
            self.since = c.since
            c.mgr.deadline(c, min(20 * (self.fruitless - 1), 100))
            c.look()

    def ask_again(self, c):
        """The time of `hold_back` has passed: the write deadline goes on. False if that has passed, too."""
        c.since = self.since
        self.since = None
        c.look()
        if ticks_diff(c.mgr.now, c.since) >= c.mgr.write_ms:  # pyright: ignore
            return False
        c.wait = c.mgr.write_ms
        c.mgr.due(c)
        return True
