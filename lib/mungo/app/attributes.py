# The attributes of a Request that few programs ask for. This file loads when the first of them is; workers must not import, so for a route
# that has workers it loads with that.
from binascii import hexlify
from os import urandom

from ..http.form import Fields, parse_query
from ..port.address import address
from .readers import readers
from .response import abort

_URLENCODED = const("application/x-www-form-urlencoded")
_MULTIPART = const("multipart/form-data")
_ID = const("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/+=")


def read(req, name):
    """The value of this attribute. Raises AttributeError if it is none, HttpError or ValueError if what it is read from is malformed."""
    if name == "cookies":
        return parse_cookies(req.headers.get("Cookie", ""), req)
    if name == "form" or name == "files":
        req.form, req.files = _read_form(req)
        return req.form if name == "form" else req.files
    if name == "has_form":
        return req.headers.is_type(_URLENCODED) or req.headers.is_type(_MULTIPART)
    if name == "id":
        return _read_id(req)
    if name == "session" and name in req.g:
        return req.g[name].data
    if name == "rem":
        return req.c.rem if req.c else address(req.peer)
    if name == "scheme":
        return "https" if req.c and req.c.is_tls else "http"
    raise AttributeError(name)


def _read_form(req):
    # `form` and `files`. Raises HttpError 415 for a body of another type, UploadError, ValueError.
    if req.headers.is_type(_URLENCODED):
        return parse_query(req.body), Fields()
    if not req.body:
        return Fields(), Fields()
    if not req.headers.is_type(_MULTIPART):
        abort(415, "want a form\n")
    return readers.form_reader.read(req.body, req.headers["Content-Type"])


def _read_id(req):
    id = req.headers.get("X-Request-ID", "")
    if not 0 < len(id) <= 64 or id.strip(_ID):
        id = hexlify(urandom(8)).decode()
    if req.c is not None:
        req.c.request_id = id
    return id


def parse_cookies(text, req=None):
    """The cookies in the value of a Cookie field as a dict. Of those with the same name the first counts: it has the longer path. Quotes
    around a value are left out, as a pair (RFC 6265 section 4.1.1)."""
    found = {}
    for part in text.split(";"):
        name, is_cookie, value = part.partition("=")
        if is_cookie:
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            name = name.strip()
            if found.setdefault(name, value) != value and req is not None:
                req.doubtful += (name,)
    return found
