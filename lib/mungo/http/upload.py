# Bodies that become files: formdata.Form takes forms, wholefile.WholeFile a file as it is, in one go or resumed by offset.
#
# In an App, a route with stream=True:
#     form = yield from upload.receive(req, Form, "www/files", limit=1000000)
# With events, in EV_HTTP_HDRS; in EV_HTTP_MSG then `hm.sink` is the same Form, whole:
#     upload.take(c, hm, Form, "www/files", limit=1000000)
#
# A file is written under a name that no client can choose, ".7.tmp", and gets its own when the whole body is right: until then an older
# file of that name stays as it was. An upload that is broken off, refused or wrong leaves nothing behind.
#
# While a worker uses the file system (see port/flash.py) an upload waits, and its connection is not read: `receive` yields BUSY, and with
# events the next step goes through Loop.use_flash.
import os

from ..port.flash import BUSY, close, flash
from .file_name import safe_name
from .lazy import parts
from .parser import Request
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
    were removed. Loop's thread. Waits while a worker uses the file system: call it at the start."""
    from .folder import entries

    count = 0
    with flash:
        for name in [entry[0] for entry in entries(os.ilistdir(folder))]:
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
        try:
            n = self.file.write(piece)
        except OSError as er:
            raise _no_room(er)
        self.size += n
        if n < len(piece):
            raise UploadError(507, _NO_ROOM)

    def close_file(self):
        """All of it has come; its name comes later, since other files of the same body may be wrong. Raises UploadError 507 if there is
        no room for what the file system has kept back."""
        file = self.file
        if file is not None:
            self.file = None
            try:
                file.close()
            except OSError as er:
                raise _no_room(er)

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
        finally:
            if self.temp in _open:
                _open.remove(self.temp)
                if not self.is_partial:
                    os.remove(self.temp)


def _no_room(er):
    # UploadError 507 for a full file system, else the OSError itself.
    return UploadError(507, _NO_ROOM) if er.errno == _ENOSPC else er


class Upload:
    """A body that goes to files in `folder`: `write` for each piece, `finish` when it has come, `close` in any case.

    `limit`: bytes of the body. `progress`: called with this upload after each piece; `received` is how many bytes have come, `total` how
    many will (None if that is not known). Raises UploadError: 413 beyond the limit, 507 if there is not room enough, 400, 409, 415; the
    constructor raises what is known before any of it comes.
    """

    c: "Any" = None  # noqa: F821  # pyright: ignore  # with events: the connection,
    fn = None  # its handler, to call meanwhile,
    hm: "Any" = None  # noqa: F821  # pyright: ignore  # the request, once all of it has come,
    piece: object = None  # and the piece that is being written, or waits for that

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
        """Drop what has not been finished: each file, even if one fails."""
        error = None
        for file in self.files:
            try:
                file.close()
            except Exception as er:
                error = er
        if error is not None:
            raise error

    # --- with events

    def __call__(self, piece):
        """As the request's sink: `write`, and answer what is wrong."""
        self.piece = piece
        if not self.c.mgr.use_flash(_write, self.c, self):
            self.piece = bytes(piece)
            self.c.is_full = True

    def handler(self, c, ev, data, fn_data):
        """The connection's handler until the body has come; it calls the program's."""
        if ev == _EV_CLOSE:
            c.fn = self.fn
            try:
                c.mgr.use_flash(close, c, self)
            except Exception as er:  # the program gets its EV_CLOSE all the same
                c.mgr.report(er)
        elif ev == _EV_HTTP_MSG:
            c.fn = self.fn
            self.hm = data
            if not c.mgr.use_flash(_finish, c, self):
                self.hm = parts.head.snapshot(data, c.recv, Request)
                self.hm.sink = self
            return
        if self.fn is not None:
            self.fn(c, ev, data, fn_data)


def _write(c, up):
    # The next step with events: a piece.
    piece = up.piece
    up.piece = None
    if c.is_ending:
        return
    if type(piece) is bytes:  # it has waited
        _go_on(c)
    try:
        up.write(piece)
    except Exception as er:
        up.close()
        if not isinstance(er, UploadError):
            raise
        refuse(c, er)


def _go_on(c):
    c.is_full = False
    c.resume()


def _finish(c, up):
    # The last step with events: the files get their names, and the program its EV_HTTP_MSG.
    try:
        if not c.is_ending:
            up.finish()
    except UploadError as er:
        refuse(c, er)
        return
    finally:
        up.close()
    if up.fn is not None and not c.is_ending:
        up.fn(c, _EV_HTTP_MSG, up.hm, c.fn_data)


def receive(req, kind, *args, **options) -> "Any":  # noqa: F821  # pyright: ignore
    """For a stream handler of an App: `up = yield from receive(req, kind, folder, ..)`. The upload, whole.

    `kind` is Form or WholeFile, and gets what follows. Raises UploadError, which an App answers by its status.
    """
    up = None
    try:
        while not flash.begin():
            yield BUSY
        try:
            up = kind(req.hm, *args, **options)
        finally:
            flash.end()
        is_over = False
        while not is_over:
            piece = yield
            while not flash.begin():
                piece = piece and bytes(piece)
                yield BUSY
            try:
                if piece is None:
                    is_over = True
                    up.finish()
                else:
                    up.write(piece)
            finally:
                flash.end()
    finally:
        if up is not None:
            req.c.mgr.use_flash(close, req.c, up)
    return up


class _Begin:
    """In the place of an upload whose folder can't be looked at yet: `take` in a later turn."""

    def __init__(self, hm, kind, args, options):
        self.hm = hm
        self.kind = kind
        self.args = args
        self.options = options


def take(c, hm, kind, *args, **options):
    """In EV_HTTP_HDRS: have the body go to files. Returns the upload, which is `hm.sink` in EV_HTTP_MSG; None if it was refused, or waits
    for a worker that uses the file system.

    `kind` and what follows as in `receive`. Whatever is wrong is answered here, and EV_HTTP_MSG does not come. Until then the upload's
    handler is the connection's, and calls the program's. Loop's thread.
    """
    begin = _Begin(hm, kind, args, options)
    hm.on_body(begin)
    if not c.mgr.use_flash(_begin, c, begin):
        c.is_full = True
    return None if hm.sink is begin else hm.sink


def _begin(c, begin):
    # The first step with events.
    hm = begin.hm
    if c.is_ending:
        return
    if c.is_full:  # it has waited
        _go_on(c)
    try:
        up = begin.kind(hm, *begin.args, **begin.options)
    except UploadError as er:
        refuse(c, er)
        return
    up.c = c
    up.fn = c.fn
    c.fn = up.handler
    hm.on_body(up)


def refuse(c, er):
    """Answer with the status of the UploadError."""
    c.http_reply(er.status, er.headers, "%s\n" % er)
