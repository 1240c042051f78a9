"""Targets: forms and files that come as bodies; names, parameters and ranges of their fields; queries, cookies, patterns and URLs."""

from cutting import parts_of, same

from mungo.app.attributes import parse_cookies
from mungo.core import utf8
from mungo.core.url import parse as parse_url
from mungo.http import formdata, upload
from mungo.http.char_classes import all_in
from mungo.http.disposition import read_disposition
from mungo.http.form import parse_query, unquote
from mungo.http.header_lists import parameter
from mungo.http.json_reader import check, loads
from mungo.http.json_writer import dumps
from mungo.http.match import match
from mungo.http.multipart import Parser
from mungo.http.urls import join_url, split_url
from mungo.http.wholefile import WholeFile

NEED, PART, DATA, PART_END, LAST = range(5)
HEAD_LIMIT = 100
PARTS = 4
FIELD_LIMIT = 40
_BOUNDARY = "xy"


def _parts(parts):
    # The events of a multipart body; pieces of content are put together.
    it = Parser(_BOUNDARY, HEAD_LIMIT, PARTS, FIELD_LIMIT)
    seen = []
    content = None
    for part in parts:
        it.feed(part)
        while True:
            ev = it.parse()
            if ev == DATA:
                content.extend(it.view())
            elif ev == PART:
                content = bytearray()
                seen.append((it.name, it.filename, it.type, it.header("X")))
            elif ev == PART_END:
                seen.append(bytes(content))
                content = None
            elif ev == LAST:
                seen.append("last")
            elif ev:
                return seen + [ev]
            else:
                break
        if len(it.buf) >= HEAD_LIMIT:
            raise AssertionError("%d bytes are kept" % len(it.buf))
        it.buf.data[: it.buf.start] = b"?" * it.buf.start
    if content is not None:
        seen.append(bytes(content))
    seen.append(it.state)
    return seen


def multipart(data):
    """A multipart body, whole and cut: the same parts, within the limits."""
    data, parts = parts_of(data)
    if not data:
        return None
    whole = _parts([data])
    same(whole, _parts(parts))
    heads = [it for it in whole if isinstance(it, tuple)]
    if len(heads) > PARTS or whole[-1] not in (-400, -413, -415, -431, 0, 1, 2, 3, 4):
        raise AssertionError("%r" % whole)
    return whole


class _File:
    # In the place of upload.File: in memory.
    def __init__(self, folder, name):
        self.name = upload.safe_name(name)
        self.data = bytearray()
        self.state = "open"

    def write(self, piece):
        if self.state != "open":
            raise AssertionError(self.state)
        self.data.extend(piece)

    def close_file(self):
        if self.state == "open":
            self.state = "shut"

    def commit(self):
        self.state = "kept"

    def close(self):
        if self.state != "kept":
            self.state = "gone"


class _Message:
    # What an upload looks at of a request.
    content_length = None  # it is chunked

    def __init__(self, value):
        self.value = value

    def header(self, name, default=None):
        return self.value


def _form(value, parts):
    was = formdata.File, upload.free_bytes
    formdata.File = _File
    upload.free_bytes = lambda folder: None
    try:
        it = formdata.Form(_Message(value), "", head_limit=HEAD_LIMIT, parts=PARTS, field_limit=FIELD_LIMIT)
        try:
            for part in parts:
                it.write(part)
            it.finish()
        except upload.UploadError as er:
            it.close()
            for file in it.files:
                if file.state != "gone":
                    raise AssertionError("a file of a form that is wrong is %s" % file.state)
            return er.status
        fields = [(name, it.fields.getlist(name)) for name in sorted(it.fields)]
        values = [value for _, values in fields for value in values]
        if sum([len(text.encode()) for text in values]) > FIELD_LIMIT or len(values) + len(it.files) > PARTS:
            raise AssertionError("limits: %r" % fields)
        return fields, [(file.field, file.name, bytes(file.data), file.state) for file in it.files]
    except upload.UploadError as er:
        return -er.status
    finally:
        formdata.File, upload.free_bytes = was


def formbody(data):
    """A form's Content-Type, and its body: whole and cut the same fields and files; if it is wrong no file stays."""
    how, _, data = data.partition(b"\n")
    data, parts = parts_of(data)
    try:
        value = how.decode()
    except UnicodeError:
        return None
    whole = _form(value, [data])
    same(whole, _form(value, parts))
    return whole


def names(data):
    """A client's name for a file is a name in its folder; a parameter that was quoted is what it was."""
    try:
        text = data.decode()
    except UnicodeError:
        return None
    found = parameter(text, "filename")
    quoted = text.replace('"', '\\"')
    if not text.endswith("\\") and '\\"' not in text and parameter('form-data; a="b;c"; Name="%s"; x=y' % quoted, "name") != text:
        raise AssertionError("quoted: %r" % parameter('form-data; a="b;c"; Name="%s"; x=y' % quoted, "name"))
    try:
        found = found, read_disposition(text)
    except ValueError:  # a quoted string has no end
        found = found, None
    if not text.endswith("\\") and '\\"' not in text and not (";" in text and '"' in text):
        if read_disposition('form-data; a="b;c"; Name="%s"; x=y' % quoted) != ("form-data", text, None):
            raise AssertionError("quoted: %r" % text)
    if read_disposition("form-data; filename*=UTF-8''%s" % _quote(data).decode()) != ("form-data", None, text):
        raise AssertionError("extended: %r" % text)
    try:
        name = upload.safe_name(text)
    except upload.UploadError as er:
        return found, er.status
    bad = name[0] in ". " or name[-1] in ". " or len(name.encode()) > 255 or min(name) < " " or upload.safe_name(name) != name
    for x in '/\\"*:<>?|\x7f':
        bad = bad or x in name
    short = upload.safe_name(text, 20)
    bad = bad or len(short.encode()) > 20 or upload.safe_name(short, 20) != short
    if bad:
        raise AssertionError("%r" % name)
    return found, name


class _Whole(WholeFile):
    limit = 1000
    total = None

    def __init__(self):
        pass


def resumed(data):
    """Content-Range of a PUT: part of a file within the limit, or an UploadError."""
    try:
        text = data.decode()
    except UnicodeError:
        return None
    it = _Whole()
    it.total = 7 if data[-1:] == b"8" else None
    try:
        at = it._parse_range(text, 12)
    except upload.UploadError as er:
        return er.status
    if at not in (0, 12) or it.expected < 1 or not at + it.expected <= it.length <= it.limit or it.total not in (None, it.expected):
        raise AssertionError("%r %r %r" % (at, it.expected, it.length))
    if text.replace(" ", "") != text.replace(" ", "", 1) or text[:6].lower() != "bytes ":
        raise AssertionError("%r" % text)
    return at, it.expected, it.length


def _quote(data):
    return "".join(["%%%02x" % x for x in data]).encode()


def form(data):
    """Queries, escapes and cookies. A query is a dict of UTF-8 unless it has too many fields; an escaped path may be wrong. What was
    escaped is what it was, if it is UTF-8."""
    found = []
    try:
        fields = parse_query(data)
        found.append(len(fields))
        for name in fields:
            for value in fields.getlist(name):
                utf8.text(name.encode() + value.encode())
    except ValueError:
        if data.count(b"&") < 256:
            raise AssertionError("%r" % data)
        found.append(-1)
    try:
        found.append(len(unquote(data)))
    except ValueError:
        found.append(-1)
    try:
        text = data.decode()
        if str(text.encode(), "utf-8") != text or max(text or " ") > "\U0010ffff" or text.encode() != data:
            text = None
        for x in text or "":
            if "\ud7ff" < x < "\ue000":
                text = None
    except UnicodeError:
        text = None
    if text is None:
        return tuple(found)
    found.append(len(parse_cookies(text)))
    escaped = _quote(data)
    if unquote(escaped) != text or parse_query(b"&&%s=%s&a=2&%s=x" % (escaped, escaped, escaped)).get(text) != text and text != "a":
        raise AssertionError("%r" % text)
    return tuple(found)


def json(data):
    """JSON that comes in: ValueError, or what can be sent again, and is then the same."""
    try:
        value = loads(data)
    except ValueError:
        return False
    text = dumps(value).encode()
    utf8.text(text)
    check(text)
    if dumps(loads(text)) != text.decode():
        raise AssertionError("%r: %r" % (data, text))
    return True


def paths(data):
    """Patterns and URLs. A pattern without wildcards fits itself alone; "#" fits all."""
    try:
        text, _, pattern = data.decode().partition("\n")
    except UnicodeError:
        return None
    found = match(text, pattern)
    if not match(text, "#") or not match(text, text.replace("*", "?").replace("#", "?")) and "/" not in text:
        raise AssertionError("%r" % text)
    if not set(pattern) & {"#", "*", "?"} and found != (text == pattern):
        raise AssertionError("%r, %r: %r" % (text, pattern, found))
    try:
        host, port = parse_url(text, "tcp")
    except ValueError:
        return found, False
    if not 0 <= port <= 65535 or not host:
        raise AssertionError("%r %r" % (host, port))
    return found, True


def redirects(data):
    """Where a server's Location leads: to a host and a path without "." and "..", or ValueError."""
    try:
        location, _, target = data.decode().partition("\n")
    except UnicodeError:
        return None
    target = "/" + target
    if not all_in(target.encode(), 4):  # no client has asked for that
        return None
    url = join_url("h:1", target, location)
    try:
        host, path = split_url(url)
    except ValueError:
        return False
    if path[:1] != "/" or not host or "/" in host or "@" in host or "#" in path:
        raise AssertionError("%r %r" % (host, path))
    for byte in path.encode():
        if not 32 < byte < 127 and byte < 128 and location:
            raise AssertionError("%r" % path)
    for part in path.partition("?")[0].split("/"):
        if part in (".", "..") and location:
            raise AssertionError("%r %r" % (host, path))
    return host, path
