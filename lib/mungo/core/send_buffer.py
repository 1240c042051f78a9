_SMALL = const(512)  # bytes: shorter pieces are copied together


class SendBuffer:
    """The bytes that a socket has not taken yet: `pieces` in their order, of the first of which `sent` bytes are gone; `size` in all.

    Adding and taking n bytes costs O(n). Used in the loop's thread only.
    """

    def __init__(self):
        self.pieces = []
        self.size = 0
        self.sent = 0

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

    def drop(self, n):
        """Forget `n` bytes of the first piece: they are sent."""
        self.size -= n
        self.sent += n
        if self.sent == len(self.pieces[0]):
            self.pieces.pop(0)
            self.sent = 0
