"""Targets: what an App and `files` make of requests, each answer read as a client reads it; and their parts, one by one."""

import io
import json
from binascii import b2a_base64
from time import gmtime

from cutting import parts_of, same
from served import answers, serve

import mungo.app.cookies as cookies_module
import mungo.http.date as date_module
from mungo.app import App, HttpError, Response, body_streams, worker_routes  # noqa: F401
from mungo.app.routing import NoRoute
from mungo.auth import Basic, Bearer
from mungo.cookies import Signed, set_cookie
from mungo.cors import Cors
from mungo.http import files, folder, stream  # noqa: F401  (so that they are instrumented)
from mungo.http.conditions import evaluate, http_date
from mungo.http.form import unquote

_PAGE = b"<p>page</p>"
_LONG = bytes(range(256)) * 9  # longer than what goes out in one piece
_FILES = {"/": None, "/index.html": _PAGE, "/a.txt": b"0123456789", "/a.txt.gz": b"zip"}
_FILES.update({"/sub": None, "/sub/long.bin": _LONG, "/sub/.x": b"x"})


class _Store:
    # A folder that tells nothing but what it has, and minds what it is asked for.
    def stat(self, name):
        self.check(name)
        if name not in _FILES:
            raise OSError(2)
        data = _FILES[name]
        return (0x4000 if data is None else 0x8000, 0, 0, 0, 0, 0, len(data or b""), 0, 1_700_000_000, 0)

    def open(self, name, mode):
        self.check(name)
        return io.BytesIO(_FILES[name])

    def ilistdir(self, name):
        self.check(name)
        for path in _FILES:
            if path != "/" and path[: path.rfind("/")] == name.rstrip("/"):
                yield path[path.rfind("/") + 1 :], 0x4000 if _FILES[path] is None else 0x8000, 0, 0

    @staticmethod
    def check(name):
        if name[:1] != "/" or "//" in name or "\\" in name or min(name) < " ":
            raise AssertionError("%r" % name)
        for part in name.split("/"):
            if part in (".", "..") or part[:1] in (".", " ") and part or part[-1:] == " ":
                raise AssertionError("%r" % name)


_store = _Store()


def _files(c, ev, hm, _):
    if ev == 11:
        files.serve(c, hm, _store, listing=True, fallback="index.html" if hm.query == "f" else "")


def file(data):
    """Requests for files: nothing outside the root is looked at; each answer is whole, and has the part of a file that it says."""
    data, parts = parts_of(data)
    sent = serve([data], _files)
    same(sent, serve(parts, _files))
    found = answers(*sent)
    for status, fields, body in found:
        if status == 206:
            span, _, size = fields["content-range"][6:].partition("/")
            first, _, last = span.partition("-")
            whole = [it for it in (_PAGE, b"0123456789", b"zip", _LONG) if len(it) == int(size)][0]
            part = whole[int(first) : int(last) + 1]
            if not part or fields["content-length"] != str(len(part)) or body not in (part, b""):
                raise AssertionError("%r %r" % (fields, body))
        elif status not in (200, 301, 304, 400, 404, 405, 412, 413, 414, 416, 417, 431, 501, 505):
            raise AssertionError("%r" % status)
    return [(status, len(body)) for status, _, body in found]


def ranges(data):
    """Who has a copy already, and who wants a part: a status, and a part that is within the file."""
    names = ("range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
    asked = {}
    size = data[0] % 20 if data else 0
    try:
        for line in data[1:].decode().split("\n"):
            if line:
                asked[names[ord(line[0]) % 6]] = line[1:]
    except UnicodeError:
        return None
    date = "Sun, 06 Nov 1994 08:49:37 GMT" if data[:1] < b"\x80" else ""
    status, first, n = evaluate(asked, "GET", '"a"', date, size)
    if status == 206 and not 0 <= first < first + n <= size or status == 200 and (first, n) != (0, size):
        raise AssertionError("%r" % ((status, first, n),))
    if status not in (200, 206, 304, 412, 416):
        raise AssertionError("%r" % ((status, first, n),))
    if status in (206, 416) and "range" not in asked or status == 206 and not date and "if-range" in asked:
        raise AssertionError("%r" % asked)
    return status, first, n


date_module.gmtime = lambda *at: gmtime(*at) if at else (2026, 11, 25, 0, 0, 0, 0, 0)  # so that two digits mean the same each year
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def date(data):
    """A date is a moment or none; all three forms of one that is are the same moment, and moments compare as times do."""
    n = 200000000 + int.from_bytes(data[:4], "big") % 1900000000  # in the century that two digits mean
    t = gmtime(n)
    first = http_date(t)
    moment = date_module.parse_date(first)
    other = "%s, %s-%s-%s" % (_DAYS[t[6]], first[5:7], first[8:11], first[14:])
    third = "%s %s %2d %s %s" % (first[:3], first[8:11], t[2], first[17:25], first[12:16])
    later = date_module.parse_date(http_date(gmtime(n + 1)))
    if not moment or not moment == date_module.parse_date(other) == date_module.parse_date(third) or not moment < later:
        raise AssertionError("%r %r %r: %r" % (first, other, third, moment))
    try:
        text = data[4:].decode()
    except UnicodeError:
        return moment
    found = date_module.parse_date(text)
    if found and not (len(found) == 20 and found == date_module.parse_date(text)):
        raise AssertionError("%r" % found)
    return moment, found


class _Req:
    user = None
    doubtful = ()

    def __init__(self, value):
        self.headers = {"Authorization": value}
        self.cookies = {"a": value}


_basic = Basic({"anna": "pass:word", "b": ""})
_bearer = Bearer({"t0ken": 7})


def auth(data):
    """Credentials: one of the known users, and then it is what is known; else 401."""
    try:
        text = data.decode()
    except UnicodeError:
        text = None
    found = []
    if text is not None:
        for hook in (_basic, _bearer):
            req = _Req(text)
            try:
                hook(req)
            except HttpError as er:
                if er.status != 401 or req.user is not None or "realm=" not in er.response.headers["WWW-Authenticate"]:
                    raise
            if req.user not in (None, "anna", "b", 7) or req.user == 7 and text.lower().split() != ["bearer", "t0ken"]:
                raise AssertionError("%r" % req.user)
            found.append(req.user)
    asked = []
    Basic(lambda name, word: asked.append((name, word))).find(b2a_base64(data)[:-1])
    if text is not None and asked != ([tuple(text.split(":", 1))] if ":" in text else []):
        raise AssertionError("%r" % asked)
    return found


_signed = Signed(b"0123456789abcdef", b"fedcba9876543210", max_age=100)


def signed(data):
    """A signed cookie is what it was; what was not signed, or was changed, is none."""
    cookies_module.time = lambda: 1000
    try:
        text, _, other = data.decode().partition("\n")
    except UnicodeError:
        return None
    if _signed.get(_Req(other), "a") is not None:
        raise AssertionError("%r" % other)
    response = Response()
    _signed.set(response, "a", text)
    made = response.cookies[0].split(";")[0][2:]
    if _signed.get(_Req(made), "a") != text or _signed.get(_Req(made), "b") is not None:
        raise AssertionError("%r" % made)
    at = sum(data) % len(made)
    changed = made[:at] + ("A" if made[at] != "A" else "B") + made[at + 1 :]
    if changed.rstrip("=") != made.rstrip("=") and _signed.get(_Req(changed), "a") not in (None, text):
        raise AssertionError("%r" % changed)
    cookies_module.time = lambda: 1100
    if _signed.get(_Req(made), "a") is not None:
        raise AssertionError("too old")
    try:
        set_cookie(response, "b", other)
    except ValueError:
        return False
    if ";" in other or "\r" in other or response.cookies[-1].split("; ")[0] != "b=" + other:
        raise AssertionError("%r" % other)
    return True


class _Hm:
    method = "GET"

    def __init__(self, uri):
        self.uri = uri


def routes(data):
    """Patterns are read, or ValueError; a path that fits one is what the pattern is with its values put in."""
    try:
        uri, _, pattern = data.decode().partition("\n")
    except UnicodeError:
        return None
    app = App()
    for path in ("/a/<name>", "/i/<int:n>", "/f/<path:rest>", "/<x>/<int:y>/z"):
        app.get(path)(len)
    try:
        app.get(pattern)(len)
    except ValueError:
        pattern = None
    hm = _Hm(uri)
    route, values = app.routes.find(app, hm)
    if isinstance(route, NoRoute):
        return pattern is not None, route.result.status
    parts = []
    for part in route.parts:
        value = part if isinstance(part, str) else values[part[1]]
        if not isinstance(part, str) and part[0] == "int" and not 0 <= value < 10**18:
            raise AssertionError("%r" % value)
        parts.append(str(value))
    meant = unquote(uri.encode())
    made = "/".join(parts)
    if made != meant and not any([not isinstance(part, str) and part[0] == "int" for part in route.parts]):
        raise AssertionError("%r: %r" % (route.path, made))
    return pattern is not None, route.path, sorted([str(value) for value in values.values()])


def _site():
    # An App whose routes look at everything that a request has.
    app = App()
    inner = App()
    inner.before_request(_basic)
    Cors(app, ("https://a.example",), credentials=True, max_age=9)
    app.get("/args")(lambda req: {"args": sorted(req.args.items()), "path": req.path, "url": req.url})
    app.get("/cookies")(lambda req: {"cookies": sorted(req.cookies.items()), "fields": [name for name, _ in req.headers]})
    app.post("/form")(lambda req: {"form": sorted(req.form.items()), "n": len(req.body)})
    app.post("/json")(lambda req: ("yes" if req.json is not None else "no", 201, {"X-Echo": req.headers.get("X-Echo", "")}))
    app.get("/<int:n>/<path:rest>")(lambda req, n, rest: (rest, 200, {"X-N": str(n)}))
    app.get("/gen")(lambda req: (piece for piece in (req.args.get("a", "x"), b"", "end")))
    app.route("/up", ("PUT",), stream=True)(_up)
    app.after_request(_after)
    app.errorhandler(404)(lambda req, er: {"missing": req.method})
    inner.get("/me")(lambda req: req.user)
    app.mount(inner, "/in")
    return app


def _up(req):
    n = 0
    piece = yield req.stream
    while piece is not None:
        n += len(piece)
        piece = yield req.stream
    return str(n)


def _after(req, response):
    if "a" in req.cookies:
        set_cookie(response, "seen", "1")


_app = _site()


def app(data):
    """Requests to an App: no handler's exception but what is answered by 400, each answer whole, however the requests are cut."""
    data, parts = parts_of(data)
    sent = serve([data], _app.handler, _app)
    same(sent, serve(parts, _app.handler, _app))
    found = answers(*sent)
    for status, fields, body in found:
        if status not in (200, 201, 204, 400, 401, 404, 405, 413, 414, 415, 417, 431, 501, 505):
            raise AssertionError("%r %r" % (status, body))
        if status == 200 and body and fields.get("content-type") == "application/json":
            json.loads(body)
    return [status for status, _, _ in found]
