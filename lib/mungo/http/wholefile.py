# PUT or POST of a file as it is, in one go or resumed by offset.
#
# Resuming: a PUT with Content-Range: bytes FIRST-LAST/LENGTH (RFC 9110 sections 14.4 and 14.5) brings that part of a file of LENGTH bytes.
# Parts come in order: FIRST is the number of bytes that have come so far, or 0 to start anew; anything else is answered by 409, whose
# Upload-Offset says how many have come. They are kept as ".NAME.part" if the client breaks off, until the rest comes, or `upload.clean`
# removes them. `curl -C 1000 -T file` sends the rest from 1000 on; `curl -C - -T file` does not ask, it sends bytes 0 to the last. How
# clients find the offset is up to the program: answer a HEAD with a field Upload-Offset, from `offset`.
from ..port.flash import flash
from .upload import File, Upload, UploadError, partial_path, stat

_LONGEST = const(60)  # characters of a Content-Range


def offset(folder, name):
    """How many bytes of a resumable upload have come so far. Raises UploadError 400 for a `name` that no file can have, 503 while a worker
    uses the file system."""
    if not flash.begin():
        raise UploadError(503, "a worker uses the file system", {"Retry-After": "1"})
    try:
        return stat(partial_path(folder, name))[6]
    finally:
        flash.end()


class WholeFile(Upload):
    """A body that is one file, `name`. With a Content-Range it is resumable: `offset` is then how much of the file has come, and
    `is_whole` whether that is all. Arguments and errors as Upload; UploadError 400 and 409 for a Content-Range that does not fit."""

    length = None  # of the whole file, if it is resumable
    expected = 0  # bytes in this body, then

    def __init__(self, hm, folder, name, limit=1048576, progress=None):
        super().__init__(hm, folder, limit, progress)
        value = hm.header("Content-Range")
        at = None if value is None else self._parse_range(value, offset(folder, name))
        self.files.append(File(folder, name, at))

    def _parse_range(self, value, so_far):
        # Where in the file this body begins.
        unit, _, rest = value.partition(" ")
        span, _, length = rest.partition("/")
        first, _, last = span.partition("-")
        is_range = unit.lower() == "bytes" and first and last and length and len(value) <= _LONGEST
        if not is_range or (first + last + length).strip("0123456789"):
            raise UploadError(400, "Content-Range: want bytes FIRST-LAST/LENGTH")
        at = int(first)
        self.length = int(length)
        self.expected = int(last) + 1 - at
        if not 0 < self.expected <= self.length - at or self.total not in (None, self.expected):
            raise UploadError(400, "Content-Range: it does not fit the length")
        if self.length > self.limit:
            raise UploadError(413, "want at most %d bytes" % self.limit)
        if at and at != so_far:
            raise UploadError(409, "there are %d bytes" % so_far, {"Upload-Offset": so_far})
        return at

    @property
    def offset(self):
        """How many bytes of the file have come."""
        return self.files[0].size

    @property
    def is_whole(self):
        """Whether that is all of it."""
        return self.length is None or self.offset == self.length

    def store(self, piece):
        """Upload.store"""
        if self.length is not None and self.received > self.expected:
            raise UploadError(400, "more than Content-Range says")
        self.files[0].write(piece)

    def finish(self):
        """Upload.finish"""
        if self.length is not None and self.received != self.expected:
            raise UploadError(400, "less than Content-Range says")
        if self.is_whole:
            self.files[0].commit()
