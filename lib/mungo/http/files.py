# Files as answers (RFC 9110): a folder of any file system, one file, or the assets that tools/pack.py has made a module of.
#
# No path leaves the root. It is decoded once, and then refused (404) if it has a backslash, a control character or an empty part, or a
# part that begins or ends with a dot or a space: that is "..", ".", hidden files, and what FAT takes for another name. Symbolic links
# are refused as well, where the file system has any. Only plain files are opened, since a FIFO would stop the loop.
#
# folder.py has links and the lists of folders.
import os
from time import gmtime, time

from .form import unquote
from .status_error import StatusError
from .stream import Part

_FOLDER = const(4)  # as os.stat has them, from bit 12 on
_FILE = const(8)

_JOIN = const(2048)
_CLOCK = const(2024)  # a year before this one is that of a clock which was never set

_MONTHS = const("JanFebMarAprMayJunJulAugSepOctNovDec")
_TYPES = const(  # extension:subtype, unless they are the same; the first one stands for all others
    " application/ bin:octet-stream json: wasm: pdf: text/ html: htm:html css: js:javascript mjs:javascript csv: txt:plain "
    "image/ svg:svg+xml png: jpg:jpeg jpeg: gif: webp: ico:x-icon font/ woff: woff2: audio/ mp3:mpeg "
)


def serve(c, hm, root, path=None, **options):
    """In EV_HTTP_MSG: answer the request that waits at `c` with what the folder `root` has for its path, or for `path` (decoded).

    The other arguments are those of `send`. GET and HEAD; others get 405. Returns as `c.http_reply`.
    """
    if path is None:
        try:
            path = unquote(hm.uri.encode())
        except ValueError:
            path = "\\"  # refused
    status = send(root, path, **options).reply(c, hm)
    return status if status < 2 else c.http_reply(status, {}, "no such file\n")


class send:
    """What a handler of an App returns to answer with a file: `return files.send("www", rest)`. Good for one answer.

    `root`: a folder, a file, or a packed module; `path`: what is asked for below it, decoded. `index`: the file that answers for a
    folder. `listing`: a folder without one is listed. `fallback`: the file below the root that answers instead of what is not
    there, unless its name has a dot (for pages that have routes of their own). `links`: follow symbolic links. `headers`: a dict, for
    example of Cache-Control, or of a Content-Type that is not in the table.
    A file `x.gz` beside `x` is sent to who accepts gzip: make it anew with `x`.
    An App's error handlers answer for what is not found, its after hooks may change `headers` and `cookies`.
    """

    def __init__(self, root, path="", index="index.html", fallback="", listing=False, links=False, headers=()):
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
        self.body = self.answer

    def answer(self, c, hm):
        """Called by the App, in the loop."""
        status = self.reply(c, hm)
        if status > 1:
            raise StatusError(status)

    def reply(self, c, hm):
        """Answer the request: what `c.http_reply` returns, or the status of an error that the caller has to send."""
        if hm.method not in ("GET", "HEAD"):
            return c.http_reply(405, {"Allow": "GET, HEAD"})
        name = "/" + self.path.lstrip("/")
        if "//" in name or "\\" in name or min(name) < " ":
            return 404
        for last in name.split("/"):
            if last.strip(" .") != last:
                return 404
        name = name.rstrip("/")
        it = (last or not name) and self.look(name)  # (a file has no slash behind it)
        if not it and self.look(name, _FOLDER):
            last = hm.uri.split("/")[-1]
            if last:  # relative links in it need the slash
                return c.http_reply(301, {"Location": "./%s/%s" % (last, hm.query and "?" + hm.query)})
            it = self.look(name + "/" + self.index)
            if it:
                name += "/" + self.index
            elif self.listing:
                from .folder import reply

                return reply(self, c, name)
        if not it and self.fallback and "." not in last:
            name = "/" + self.fallback
            it = self.look(name)
        return self.give(c, hm, name, it) if it else 404

    def give(self, c, hm, name, it):
        """Answer with the file of this name, about which `look` has said `it`."""
        asked = {}
        for field, value in hm.headers():
            field = field.lower()
            asked[field] = asked[field] + "," + value if field in asked else value
        fields = self.headers
        kind = name.split(".")[-1].lower()
        zipped = ""
        twin = self.look(name + ".gz")
        if twin:
            fields["Vary"] = "accept-encoding"
            _, zipped, weight = asked.get("accept-encoding", "").lower().replace(" ", "").partition("gzip")
            weight = weight.split(",")[0]
            if weight and not weight.strip(";q=0."):
                zipped = ""
            if zipped:
                it = twin
                name += ".gz"
        left = it[6]
        # A time and a size are as good as a hash once no later change can get the same time: FAT counts in steps of 2 s.
        date = gmtime(it[8])
        date = http_date(date) if date[0] >= _CLOCK and it[8] + 2 < time() else ""
        tag = '"%x-%x%s"' % (it[8], left, zipped)
        fields["ETag"] = tag if date else "W/" + tag
        if date:
            fields["Last-Modified"] = date
        status, at, left = judge(asked, hm.method, tag, date, left)
        if status == 206 or status == 416:
            fields["Content-Range"] = "bytes %d-%d/%d" % (at, at + left - 1, it[6]) if left else "bytes */%d" % it[6]
        if status > 299:
            return c.http_reply(status, fields)
        fields["Accept-Ranges"] = "bytes"
        fields.setdefault("Content-Type", content_type(kind))
        if zipped:
            fields["Content-Encoding"] = zipped
        try:
            file = self.open(self.root + name, "rb")
        except OSError:
            return 503  # it is there: there are too many open files, most likely
        fields = list(fields.items())
        for value in self.cookies:
            fields.append(("Set-Cookie", value))
        try:
            file.seek(at)
            return c.http_reply(status, fields, file.read(left) if left <= _JOIN else Part(file, left))
        finally:
            if not c.proto.source:
                file.close()

    def look(self, name, kind=_FILE):
        """What os.stat says of this name below the root if it is of this kind, else None."""
        try:
            it = self.fs.stat(self.root + name or "/")
            if it[0] >> 12 != kind:
                return None
            if it[1] and not self.links:  # file systems without inodes have no links
                from .folder import leaves

                if leaves(self.root, name):
                    return None
            return it
        except OSError:  # whatever the reason, it can't be served
            return None


def content_type(kind):
    """The content type of an extension."""
    at = max(_TYPES.find(" %s:" % kind), 13)
    major = _TYPES[:at].split("/")[-2].split(" ")[-1]
    kind = _TYPES[at : at + 30].split(" ")[1].split(":")[1] or kind
    return "%s/%s%s" % (major, kind, "; charset=utf-8" if major == "text" else "")


def http_date(t):
    """The time `t`, as gmtime has it, in a header (section 5.6.7)."""
    at = 3 * t[6]
    day = "MonTueWedThuFriSatSun"[at : at + 3]
    at = 3 * t[1]
    return "%s, %02d %s %d %02d:%02d:%02d GMT" % ((day, t[2], _MONTHS[at - 3 : at], t[0]) + t[3:6])


def judge(asked, method, tag, date, size):
    """Who has a copy already, or wants a part of it (sections 13 and 14): (status, start, length) for a file with this ETag,
    Last-Modified ("": not known, and the ETag is weak) and size. `asked` has the request's fields by their names in lower case.

    206: one range. Several in one request are answered by the whole, which section 14.2 allows: what they cost a server is more than
    they save, and browsers ask for one.
    """
    get = asked.get
    since = get("if-unmodified-since")
    known = get("if-match")
    if not _has(known, date and tag) if known else "" < _moment(since) < _moment(date):
        return 412, 0, 0
    since = get("if-modified-since")
    known = get("if-none-match")
    if _has(known.replace("W/", ""), tag) if known else since and "" < _moment(date) <= _moment(since):
        return 304, 0, 0
    known = get("if-range")
    if method == "GET" and (not known or date and (known == tag or _moment(known) == _moment(date))):
        known = get("range", "").lower()
        first, dash, last = known[6:].partition("-")
        if known[:6] == "bytes=" and dash and len(known) < 40 and size and not (first + last or "-").strip("0123456789"):
            if not first:
                first = max(size - int(last), 0)
                last = size
            first = int(first)
            last = min(int(last or size) + 1, size) - first
            if first >= size:
                return 416, 0, 0
            if last > 0:
                return 206, first, last
    return 200, 0, size


def _has(value, tag):
    return value == "*" or tag and tag in value.replace(" ", "").split(",")


def _moment(date):
    # What a date can be compared by; "" if it is none.
    if not date:
        return ""
    from .date import parse

    return parse(date)
