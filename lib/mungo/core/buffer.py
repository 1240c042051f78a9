class Buffer:
    """Bytes that came in and are not used yet: a bytearray with a start and an end.

    The content is `data[start:end]`. Taking from the front moves `start` and copies nothing. Appending moves the content to the
    front if that makes room, and doubles the storage otherwise, so that n bytes cost O(n) in all. Used in the loop's thread only.
    """

    def __init__(self, data=b"", end=0):
        self.data = data
        self.start = 0
        self.end = end

    def __len__(self):
        return self.end - self.start

    def clear(self):
        """Drop everything."""
        self.start = self.end = 0

    def consume(self, n):
        """Drop the first `n` bytes, or all if there are fewer."""
        self.start += n
        if self.start >= self.end:
            self.clear()

    def read(self, n=-1):
        """Take the first `n` bytes, by default all, and return a copy, as `bytes`."""
        a = self.start
        b = self.end if n < 0 else min(a + n, self.end)
        out = bytes(memoryview(self.data)[a:b])
        self.consume(b - a)
        return out

    def find(self, data):
        """The position of the bytes `data` in the content, or -1."""
        at = self.data.find(data, self.start, self.end)
        return at if at < 0 else at - self.start

    def append(self, data, n):
        """Add the first `n` bytes of `data`, a bytes-like object."""
        a = self.start
        size = self.end - a
        if self.end + n > len(self.data):
            old = memoryview(self.data)[a : self.end]
            if size + n > len(self.data):
                self.data = bytearray(max(size + n, 2 * size))
            memoryview(self.data)[:size] = old
            self.start = 0
            self.end = size
        memoryview(self.data)[self.end : self.end + n] = memoryview(data)[:n]
        self.end += n


EMPTY = Buffer()  # in the place of none; nothing is added to it
