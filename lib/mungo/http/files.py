# Files as answers (RFC 9110): those in a folder of any file system, one file, or the assets that tools/pack.py has packed into a module.
#
# `serve` (events) and `send` (App) go the same way: `find_answer` finds the file for a path, `choose_part` what to send of it.
# conditions.py decides about copies that a client has, and about ranges; folder.py knows links, and lists folders.
#
# No path leaves the root. It is decoded once. It is then refused with 404 if it has a backslash, a control character or an empty part, or a
# part that begins or ends with a dot or a space: that excludes "..", ".", hidden files, and what FAT takes for another name. Symbolic links
# are refused, too, where the file system has any. Only plain files are opened, since a FIFO would stop the loop.
import os
from binascii import hexlify
from hashlib import sha256
from time import gmtime, time

from ..port.flash import Busy, close, flash
from .conditions import evaluate
from .field_names import spelled
from .header_lists import parameter, split_list, vary, without_parameters
from .lazy import parts
from .media_types import media_type
from .now import CLOCK, http_date
from .parser import Request
from .part import Part
from .percent import escaped, unquote
from .status_error import StatusError

_FOLDER = const(4)  # the type in os.stat()[0], from bit 12 on
_FILE = const(8)

_JOIN = const(2048)  # bytes: a file up to this goes out in one piece with its head
_HASHED = const(16384)  # bytes: a file up to this gets a tag although its time tells nothing


def serve(c, hm, root, path=None, **options):
    """In EV_HTTP_MSG: answer the request that waits at `c` with the file in the folder `root` for the request's path, or for `path`
    (decoded).

    The other arguments are those of `send`. GET and HEAD; other methods get 405. Returns as `c.http_reply`. While a worker uses the file
    system the answer waits, and this returns True. Loop's thread.
    """
    if path is None:
        try:
            path = unquote(hm.uri.encode())
        except ValueError:
            path = "\\"  # which `find_answer` refuses
    return _serve(c, (send(root, path, **options), hm))


def _serve(c, args):
    # A worker may use the file system: then this comes again.
    files, hm = args
    is_late = type(hm) is Request
    if is_late and (c.is_ending or not c.is_resp or c.proto.is_streaming):
        return False  # the client has gone, or the program has answered meanwhile
    try:
        files.find_answer(hm)
    except StatusError as er:
        return c.http_reply(er.status, er.headers, er.text or ("" if er.headers else "no such file\n"))
    except Busy:
        c.mgr.when_flash_is_free(_serve, c, (files, hm if is_late else parts.head.snapshot(hm, c.recv, Request)))
        return True
    try:
        return c.http_reply(files.status, files.headers, files.body)
    finally:
        if isinstance(files.body, Part) and not c.proto.is_streaming:
            c.mgr.use_flash(close, c, files.body)


class send:
    """What a handler of an App returns to answer with a file: `return files.send("www", rest)`. It serves one request.

    `root`: a folder, a file, or a packed module; `path`: the path below it, decoded. `index`: the file that answers for a folder.
    `listing`: whether a folder without that file is listed. `fallback`: the file below the root that answers for a path that does not
    exist, unless the path's last part has a dot (for pages that have routes of their own). `links`: whether symbolic links are followed.
    `headers`: a dict, for example of Cache-Control, or of a Content-Type that is not in the table. `status`: another one than 200, which
    is sent whole, whatever the request's method, conditions and ranges; an error handler's has the error's by default.
    `download_as`: browsers store the file under this name instead of showing it (RFC 6266).
    If a file `x.gz` is beside `x`, clients that accept gzip get that: write it anew whenever you change `x`. If there is only `x.gz`, it
    answers for `x`, and other clients get 406.
    An App's error handlers answer for errors, and its after hooks may change `status`, `headers`, `cookies` and `body`.
    """

    body: object = None  # once `find_answer` was called: bytes, a Part, or an iterator
    content_type: object = None  # it is in `headers`

    def __init__(
        self, root, path="", index="index.html", fallback="", listing=False, links=False, headers=(), status=None, download_as=""
    ):
        if isinstance(root, str):
            self.fs = os
            self.open = open
            self.root = root.rstrip("/")
        else:
            self.fs = root
            self.open = root.open
            self.root = ""
        self.path = path
        self.index = index
        self.fallback = fallback
        self.listing = listing
        self.links = links
        self.headers = dict(headers)
        self.cookies = []
        self.status = status
        self.download_as = download_as

    def find_answer(self, hm):
        """Set `status`, `headers` and `body` to the answer to the request `hm`. An App calls it, in the loop, before the after hooks.

        The file is open then: who does not send the body closes it. Raises StatusError: 404, 405, 406, or 503.
        file system.
        """
        if self.fs is not os:  # a packed module
            self._find_answer(hm)
        elif flash.begin():
            try:
                self._find_answer(hm)
            finally:
                flash.end()
        else:
            raise Busy

    def _find_answer(self, hm):
        self.body = b""
        is_ok = self.status in (None, 200)
        if is_ok:
            self.status = 200
            if hm.method not in ("GET", "HEAD"):
                raise StatusError(405, "", {"Allow": "GET, HEAD"})
        name = "/" + self.path.lstrip("/")
        if "//" in name or "\\" in name or min(name.encode()) < 32:
            raise StatusError(404)
        for part in name.split("/"):
            if part.strip(" .") != part:
                raise StatusError(404)
        name = name.rstrip("/")
        has_fallback = self.fallback and "." not in part
        is_file = part or not name  # (a slash behind it means a folder)
        found = self.find(name, _FILE) if is_file else None
        if not found and self.find(name, _FOLDER):
            last = hm.uri.split("/")[-1]
            if last and is_ok:  # relative links in the page need the slash
                self.status = 301
                self.headers["Location"] = escaped("./%s/%s" % (last, hm.query and "?" + hm.query))
                return
            has_fallback = self.fallback
            index = name + "/" + self.index
            found = self.find_file(index)
            if found:
                name = index
            elif self.listing:
                from .folder import listing

                self.headers[spelled(self.headers, "Content-Type")] = "text/html; charset=utf-8"
                self.body = listing(self.fs.ilistdir(self.root + name or "/"))
                return
        elif not found and is_file:
            found = self.find(name + ".gz", _FILE)
        if not found and has_fallback:
            name = "/" + self.fallback
            found = self.find_file(name)
        if not found:
            raise StatusError(404)
        self.choose_part(hm, name, found, is_ok)

    def find(self, name, kind):
        """What os.stat says of this name below the root if it is of this kind, _FILE or _FOLDER, else None."""
        try:
            found = self.fs.stat(self.root + name or "/")
            if found[0] >> 12 != kind:
                return None
            if found[1] and not self.links:  # file systems without inodes have no links
                from .folder import has_link

                if has_link(self.root, name):
                    return None
            return found
        except OSError:  # whatever the reason, it can't be served
            return None

    def find_file(self, name):
        """`find` for a file, or for one with ".gz" behind its name."""
        return self.find(name, _FILE) or self.find(name + ".gz", _FILE)

    def choose_part(self, hm, name, found, is_ok):
        """`find_answer` for the file of this name, whose os.stat is `found`. `is_ok`: conditions and ranges count."""
        asked = {}
        for field, value in hm.headers():
            field = field.lower()
            asked[field] = asked[field] + "," + value if field in asked else value
        headers = self.headers
        extension = name.split(".")[-1].lower()
        coding = ""
        twin = self.find(name + ".gz", _FILE)
        if twin:
            vary(headers, "accept-encoding")
            if accepts_gzip(asked.get("accept-encoding", "")):
                coding = "gzip"
                name += ".gz"
                found = twin
            elif not self.find(name, _FILE):
                raise StatusError(406, "only as gzip\n", {"Vary": "accept-encoding"})
        size = found[6]
        seconds = found[8]
        # A time and a size are as good as a hash if no later change can get the same time: FAT counts in steps of 2 s, and a board whose
        # clock is not set gives the same times after each reset. Otherwise the tag is a hash.
        moment = gmtime(seconds)
        date = http_date(moment) if moment[0] >= CLOCK and seconds + 2 < time() else ""
        try:
            file = self.open(self.root + name, "rb")
        except OSError:
            raise StatusError(503)  # it exists: most likely too many files are open
        own = {}  # fields
        try:
            tag = '"%x-%x%s"' % (seconds, size, coding)
            if not date and size <= _HASHED:
                tag = hash_tag(file, coding)
            elif moment[0] < CLOCK or gmtime()[0] < CLOCK:  # to read it each time would keep the loop
                tag = ""
            start = 0
            left = size
            if is_ok:
                self.status, start, left = evaluate(asked, hm.method, tag, date, size)
            status = self.status
            if tag:
                own["ETag"] = tag if date else "W/" + tag
            if date:
                own["Last-Modified"] = date
            if status == 206 or status == 416:
                own["Content-Range"] = "bytes %d-%d/%d" % (start, start + left - 1, size) if left else "bytes */%d" % size
            if not is_ok or status < 300:
                if is_ok:
                    own["Accept-Ranges"] = "bytes"
                headers.setdefault(spelled(headers, "Content-Type"), media_type(extension))
                if coding:
                    own["Content-Encoding"] = coding
                if self.download_as:
                    from .disposition import attachment

                    own["Content-Disposition"] = attachment(self.download_as)
            for field in own:
                headers[spelled(headers, field)] = own[field]
            file.seek(start)
            self.body = file.read(left) if left <= _JOIN else Part(file, left)
        finally:
            if not isinstance(self.body, Part):
                file.close()


def hash_tag(file, coding):
    """A tag made of what is in the file: its time tells nothing."""
    digest = sha256()
    piece = file.read(512)
    while piece:
        digest.update(piece)
        piece = file.read(512)
    return '"%s%s"' % (hexlify(digest.digest()[:12]).decode(), coding)


def accepts_gzip(value):
    """Whether a client with this Accept-Encoding takes gzip (section 12.5.3)."""
    takes_any = False
    for member in split_list(value):
        coding = without_parameters(member)
        weight = parameter(member, "q")
        is_taken = weight is None or weight.strip("0.") != ""
        if coding == "gzip" or coding == "x-gzip":
            return is_taken
        if coding == "*":
            takes_any = is_taken
    return takes_any
