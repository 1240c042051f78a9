# PUT or POST of a file as it is, in one go or resumed by offset.
#
# Resuming: a PUT with Content-Range: bytes FIRST-LAST/LENGTH (RFC 9110 section 14.4 and 14.5) brings that part of a file of LENGTH bytes.
# Parts come in order: FIRST is what is there so far, or 0 to start anew; anything else is answered by 409, whose Upload-Offset says what
# is there. What has come is kept as ".NAME.part" if the client breaks off, until the rest comes, or `upload.clean` removes it.
# `curl -C 1000 -T file` sends the rest from 1000 on; `curl -C - -T file` does not ask, it sends bytes 0 to the last. How clients learn the
# offset is the program's: answer a HEAD by a field Upload-Offset, with what `offset` says.
from .upload import File, Upload, UploadError, safe, stat


def offset(folder, name):
    """How many bytes of a resumable upload there are so far. UploadError 400 for a name that can't be."""
    return stat("%s/.%s.part" % (folder, safe(name)))[6]


class WholeFile(Upload):
    """A body that is one file, `name`. With a Content-Range it is resumable: `offset` is then how much of it there is now, and
    `is_whole` whether that is all."""

    def __init__(self, hm, folder, name, limit=1048576, progress=None):
        super().__init__(hm, folder, limit, progress)
        self.length = at = None
        value = hm.header("Content-Range")
        if value is not None:
            at = self._range(value, offset(folder, name))
        self.files.append(File(folder, name, at))

    def _range(self, value, so_far):
        unit, _, value = value.partition(" ")
        value, _, length = value.partition("/")
        at, _, last = value.partition("-")
        if unit != "bytes" or not (at and last and length) or (at + last + length).strip("0123456789"):
            raise UploadError(400, "Content-Range: want bytes FIRST-LAST/LENGTH")
        at = int(at)
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
        """How many bytes of the file there are."""
        return self.files[0].size

    @property
    def is_whole(self):
        """Whether that is all of it."""
        return self.length is None or self.offset == self.length

    def take(self, piece):
        """Upload.take"""
        if self.length is not None and self.received > self.expected:
            raise UploadError(400, "more than Content-Range says")
        self.files[0].write(piece)

    def finish(self):
        """Upload.finish"""
        if self.length is not None and self.received != self.expected:
            raise UploadError(400, "less than Content-Range says")
        if self.is_whole:
            self.files[0].keep()
