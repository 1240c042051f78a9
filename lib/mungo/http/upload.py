# Bodies that become files: formdata.Form takes forms, wholefile.WholeFile a file as it is, in one go or resumed by offset.
#
# In an App, a route with stream=True:
#     form = yield from upload.receive(req, Form, "www/files", limit=1000000)
# With events, in EV_HTTP_HDRS; in EV_HTTP_MSG then `hm.sink` is the same Form, whole:
#     upload.take(c, hm, Form, "www/files", limit=1000000)
#
# A file is written under a name that no client can choose, ".7.tmp", and gets its own when the whole body is right: until then an older
# file of that name stays as it was. An upload that is broken off, refused or wrong leaves nothing behind.
import os

from .file_name import safe_name
from .status_error import UploadError

_EV_CLOSE = const(9)
_EV_HTTP_MSG = const(11)

_ENOSPC = const(28)  # on every port, though errno has no name for it
_NO_ROOM = const("no room for the file")
_PART_BYTES = const(6)  # that the name of a partial file has more
_SPARE = const(8192)  # bytes that stay free: a full flash file system can't even remove files

_names = [0]  # how many temporary names have been used
_open = []  # the paths that are being written


def free_bytes(folder):
    """How many bytes are free in the file system of this folder; None if the system can't tell."""
    if hasattr(os, "statvfs"):
        info = os.statvfs(folder)
        return info[1] * info[4]
    return None


def name_in(folder, name, spare=0):
    """`safe_name` for a file in this folder, whose file system has a limit, and to which `spare` bytes may be added."""
    limit = os.statvfs(folder)[9] if hasattr(os, "statvfs") else 255
    return safe_name(name, limit - spare)


def partial_path(folder, name):
    """Where the file of a resumable upload is until it is whole. Raises UploadError 400 for a `name` that no file can have."""
    return "%s/.%s.part" % (folder, name_in(folder, name, _PART_BYTES))


def stat(path):
    """os.stat of a path; zeros if nothing is there."""
    try:
        return os.stat(path)
    except OSError:  # nothing is there
        return bytes(7)


def clean(folder):
    """Remove what power cuts and broken resumable uploads have left in the folder; files that are being written stay. Returns how many
    were removed. Loop's thread."""
    count = 0
    for name in os.listdir(folder):
        path = "%s/%s" % (folder, name)
        if name[0] == "." and (name[-4:] == ".tmp" or name[-5:] == ".part") and path not in _open:
            os.remove(path)
            count += 1
    return count


class File:
    """A file that comes in pieces, for `folder`, under the client's `name`. With `at`, in bytes, it is resumable, and goes on there.

    Raises UploadError 400 for a name that no file can have, 409 if a folder has it or the same file is being sent; OSError.
    """

    field: str  # of the form that it came in

    def __init__(self, folder, name, at=None):
        self.size = at or 0
        self.is_partial = at is not None
        self.name = name_in(folder, name, _PART_BYTES if self.is_partial else 0)
        self.path = "%s/%s" % (folder, self.name)
        if self.is_partial:
            self.temp = partial_path(folder, name)
        else:
            _names[0] += 1
            self.temp = "%s/.%d.tmp" % (folder, _names[0])
        if self.temp in _open:
            raise UploadError(409, "it is being sent already")
        if stat(self.path)[0] & 0x4000:
            raise UploadError(409, "a folder has this name")
        self.file = open(self.temp, "ab" if at else "wb", 0)
        _open.append(self.temp)

    def write(self, piece):
        """Add bytes-like `piece`. Raises UploadError 507 if there is no room."""
        n = _attempt(self.file.write, piece)
        self.size += n
        if n < len(piece):
            raise UploadError(507, _NO_ROOM)

    def close_file(self):
        """All of it has come; its name comes later, since other files of the same body may be wrong. Raises UploadError 507 if there is
        no room for what the file system has kept back."""
        file = self.file
        if file is not None:
            self.file = None
            _attempt(file.close)

    def commit(self):
        """Give it its name. Raises as `close_file`."""
        self.close_file()
        os.rename(self.temp, self.path)
        _open.remove(self.temp)

    def close(self):
        """The end in any case: a file that was not committed is removed, or stays as a partial."""
        try:
            self.close_file()
        except UploadError:
            self.size = 0  # the file is removed, so it does not matter that its last bytes are missing
        if self.temp in _open:
            _open.remove(self.temp)
            if not self.is_partial:
                os.remove(self.temp)


def _attempt(fn, *args):
    # fn(*args), with UploadError 507 for a full file system.
    try:
        return fn(*args)
    except OSError as er:
        if er.errno != _ENOSPC:
            raise
        raise UploadError(507, _NO_ROOM)


class Upload:
    """A body that goes to files in `folder`: `write` for each piece, `finish` when it has come, `close` in any case.

    `limit`: bytes of the body. `progress`: called with this upload after each piece; `received` is how many bytes have come, `total` how
    many will (None if that is not known). Raises UploadError: 413 beyond the limit, 507 if there is not room enough, 400, 409, 415; the
    constructor raises what is known before any of it comes.
    """

    c = None  # with events: the connection,
    fn = None  # and its handler, to call meanwhile

    def __init__(self, hm, folder, limit=1048576, progress=None):
        self.folder = folder
        self.limit = limit
        self.progress = progress
        self.received = 0
        self.total = hm.content_length
        self.files = []  # each a File: `name`, `path`, `size`
        room = free_bytes(folder)
        if self.total and self.total > limit:
            raise UploadError(413, "want at most %d bytes" % limit)
        if room is not None and (self.total or 0) + _SPARE > room:
            raise UploadError(507, "%d bytes are free" % room)

    def write(self, piece):
        """A piece of the body has come."""
        self.received += len(piece)
        if self.received > self.limit:
            raise UploadError(413, "want at most %d bytes" % self.limit)
        self.store(piece)
        if self.progress is not None:
            self.progress(self)

    def store(self, piece):
        """What this kind of upload does with a piece."""

    def finish(self):
        """All of the body has come: the files get their names."""
        for file in self.files:
            file.close_file()
        for file in self.files:
            file.commit()

    def close(self):
        """Drop what has not been finished."""
        for file in self.files:
            file.close()

    # --- with events

    def __call__(self, piece):
        """As the request's sink: `write`, and answer what is wrong."""
        try:
            self.write(piece)
        except Exception as er:
            self.close()
            if not isinstance(er, UploadError):
                raise
            refuse(self.c, er)

    def handler(self, c, ev, data, fn_data):
        """The connection's handler until the body has come; it calls the program's."""
        if ev == _EV_HTTP_MSG or ev == _EV_CLOSE:
            c.fn = self.fn
            try:
                if ev == _EV_HTTP_MSG:
                    self.finish()
            except UploadError as er:
                refuse(c, er)
                return
            finally:
                self.close()
        if self.fn is not None:
            self.fn(c, ev, data, fn_data)


def receive(req, kind, *args, **options):
    """For a stream handler of an App: `up = yield from receive(req, kind, folder, ..)`. The upload, whole.

    `kind` is Form or WholeFile, and gets what follows. Raises UploadError, which an App answers by its status.
    """
    up = kind(req.hm, *args, **options)
    try:
        piece = yield
        while piece is not None:
            up.write(piece)
            piece = yield
        up.finish()
    finally:
        up.close()
    return up


def take(c, hm, kind, *args, **options):
    """In EV_HTTP_HDRS: have the body go to files. Returns the upload, which is `hm.sink` in EV_HTTP_MSG; None if it was refused.

    `kind` and what follows as in `receive`. Whatever is wrong is answered here, and EV_HTTP_MSG does not come. Until then the upload's
    handler is the connection's, and calls the program's. Loop's thread.
    """
    try:
        up = kind(hm, *args, **options)
    except UploadError as er:
        refuse(c, er)
        return None
    up.c = c
    up.fn = c.fn
    c.fn = up.handler
    hm.on_body(up)
    return up


def refuse(c, er):
    """Answer with the status of the UploadError."""
    c.http_reply(er.status, er.headers, "%s\n" % er)
