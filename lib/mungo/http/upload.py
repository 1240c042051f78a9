# Bodies that become files: formdata.Form takes forms, wholefile.WholeFile a file as it is, in one go or resumed by offset.
#
# In an App, a route with stream=True:
#     form = yield from upload.receive(req, Form, "www/files", limit=1000000)
# With events, in EV_HTTP_HDRS; in EV_HTTP_MSG then `hm.sink` is the same Form, whole:
#     upload.take(c, hm, Form, "www/files", limit=1000000)
#
# A file is written under a name that no client can choose, ".7.tmp", and gets its own when the whole body is right: until then an older
# file of that name is as it was. What is broken off, refused or wrong leaves nothing behind.
import os

from .status_error import StatusError

_EV_CLOSE = const(9)
_EV_HTTP_MSG = const(11)

_ENOSPC = const(28)  # on every port, though errno has no name for it
_NO_ROOM = const("no room for the file")
_SPARE = const(8192)  # bytes that stay free: a full flash file system can't even remove files

_names = [0]  # how many temporary names there were
_open = []  # what is being written, by path


class UploadError(StatusError):
    """What is wrong with a body: `status` and `headers` for the answer; the text says it in words."""


def safe(name):
    """What a client's name for a file is on our side: its last component, without what file systems do not like (that
    becomes "_") and without dots at its ends. UploadError 400 if nothing is left, or more than 100 bytes."""
    # (Bytes, since each character would stay in MicroPython's table of interned names for good.)
    out = bytearray()
    for x in name.encode():
        if x in b"/\\":
            out = bytearray()
        else:
            out.append(95 if x < 32 or x in b'"*:<>?|\x7f' else x)
    out = bytes(out).strip(b" .")
    if not 0 < len(out) <= 100:
        raise UploadError(400, "file name %r: want 1 to 100 bytes" % name[:100])
    return out.decode()


def free(folder):
    """How many bytes are free there; None if this system can't tell."""
    if hasattr(os, "statvfs"):
        it = os.statvfs(folder)
        return it[1] * it[4]


def stat(path):
    """os.stat of a file; zeros if there is none."""
    try:
        return os.stat(path)
    except OSError:  # there is none
        return bytes(7)


def clean(folder):
    """Remove what power cuts and broken resumable uploads have left in the folder; what is being written stays. Returns how many."""
    n = 0
    for name in os.listdir(folder):
        path = "%s/%s" % (folder, name)
        if name[0] == "." and name[-4:] in (".tmp", "part") and path not in _open:
            os.remove(path)
            n += 1
    return n


class File:
    """A file that comes in pieces, for `folder`, under the client's `name`. With `at` it is a resumable one, and goes on there."""

    field: str  # of the form that it came in

    def __init__(self, folder, name, at=None):
        name = safe(name)
        self.name = name
        self.path = "%s/%s" % (folder, name)
        self.size = at or 0
        self.is_partial = at is not None
        if not self.is_partial:
            _names[0] += 1
            name = "%d.tmp" % _names[0]
        else:
            name += ".part"
        self.temp = "%s/.%s" % (folder, name)
        if self.temp in _open:
            raise UploadError(409, "it is being sent already")
        if stat(self.path)[0] & 0x4000:
            raise UploadError(409, "a folder has this name")
        self.file = open(self.temp, "ab" if at else "wb", 0)
        _open.append(self.temp)

    def write(self, piece):
        """Add bytes-like `piece`. UploadError 507 if there is no room."""
        n = _attempt(self.file.write, piece)
        self.size += n
        if n < len(piece):
            raise UploadError(507, _NO_ROOM)

    def shut(self):
        """It is whole, but others that came with it may not be. UploadError 507 if what the file system has kept back finds no room."""
        file = self.file
        if file is not None:
            self.file = None
            _attempt(file.close)

    def keep(self):
        """Give it its name."""
        self.shut()
        os.rename(self.temp, self.path)
        _open.remove(self.temp)

    def close(self):
        """The end: unless it was kept, it goes, or stays as a partial."""
        try:
            self.shut()
        except UploadError:
            self.size = 0  # of what goes anyway there was no room for the last bytes
        if self.temp in _open:
            _open.remove(self.temp)
            if not self.is_partial:
                os.remove(self.temp)


def _attempt(fn, *args):
    try:
        return fn(*args)
    except OSError as er:
        if er.errno != _ENOSPC:
            raise
        raise UploadError(507, _NO_ROOM)


class Upload:
    """A body that goes to files in `folder`: `write` for each piece, `finish` when it has come, `close` in any case.

    `limit`: bytes of the body. `progress`: called with this after each piece; `received` is how many bytes have come, `total` how many
    will (None if that is not known). UploadError: 413 beyond the limit, 507 if there is not room enough, 400, 409, 415; the
    constructor raises what is known before any of it comes.
    """

    c = None
    fn = None

    def __init__(self, hm, folder, limit=1048576, progress=None):
        self.folder = folder
        self.limit = limit
        self.progress = progress
        self.received = 0
        self.total = hm.content_length
        self.files = []  # each a File: `name`, `path`, `size`
        room = free(folder)
        if self.total and self.total > limit:
            raise UploadError(413, "want at most %d bytes" % limit)
        if room is not None and (self.total or 0) + _SPARE > room:
            raise UploadError(507, "%d bytes are free" % room)

    def write(self, piece):
        """A piece of the body."""
        self.received += len(piece)
        if self.received > self.limit:
            raise UploadError(413, "want at most %d bytes" % self.limit)
        self.take(piece)
        if self.progress is not None:
            self.progress(self)

    def take(self, piece):
        """What this kind of upload does with a piece."""

    def finish(self):
        """All of the body has come: the files get their names."""
        for file in self.files:
            file.shut()
        for file in self.files:
            file.keep()

    def close(self):
        """Drop what has not been finished."""
        for file in self.files:
            file.close()

    # --- with events

    def __call__(self, piece):
        try:
            self.write(piece)
        except Exception as er:
            self.close()
            if not isinstance(er, UploadError):
                raise
            refuse(self.c, er)

    def watch(self, c, ev, data, fn_data):
        """The connection's handler, until the body has come."""
        if ev == _EV_HTTP_MSG or ev == _EV_CLOSE:
            c.fn = self.fn
            try:
                if ev == _EV_HTTP_MSG:
                    self.finish()
            except UploadError as er:
                return refuse(c, er)
            finally:
                self.close()
        if self.fn is not None:
            self.fn(c, ev, data, fn_data)


def receive(req, kind, *args, **options):
    """For a stream handler of an App: `up = yield from receive(req, kind, folder, ..)`. The upload, whole.

    `kind` is Form or WholeFile, and gets what follows. UploadError, which an App answers by its status.
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
    """In EV_HTTP_HDRS: have the body go to files. The upload, which is `hm.sink` in EV_HTTP_MSG; None if it was refused.

    `kind` and what follows as in `receive`. Whatever is wrong is answered here, and EV_HTTP_MSG does not come. Until then this is
    the connection's handler, and calls the program's.
    """
    try:
        up = kind(hm, *args, **options)
    except UploadError as er:
        return refuse(c, er)
    up.c = c
    up.fn = c.fn
    c.fn = up.watch
    hm.on_body(up)
    return up


def refuse(c, er):
    """Answer what was wrong."""
    c.http_reply(er.status, er.headers, "%s\n" % er)
