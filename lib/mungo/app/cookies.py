# Cookies that an answer sets (RFC 6265), and signed ones, which a client can read but not make. Those of a request are in `req.cookies`.
from binascii import a2b_base64, b2a_base64
from time import time

from ..http.char_classes import all_in
from .digest import hmac, same


def set_cookie(
    response, name, value, max_age=None, path="/", domain=None, secure=None, http_only=True, same_site="Lax", partitioned=False
):
    """Have `response`, a Response, set a cookie.

    `max_age`: it is valid for this number of seconds; None: until the browser ends; 0 deletes the cookie that was set with the same path
    and domain. `secure`: the browser sends it over https only; None: if the answer goes over TLS. `http_only`: scripts don't see it.
    `same_site`: "Strict", "Lax" or "None" (which needs `secure`).
    `partitioned`: in a frame, each site that shows it has a cookie of its own (needs `secure`).
    Raises ValueError for a name that is no token, for characters that a cookie can't have, and for what browsers ignore: a path that does
    not start with "/"; `__Secure-` names without `secure`; `__Host-` names without it, with a domain, or with another path than "/".
    """
    is_host = name[:7].lower() == "__host-"
    bad = not name or not all_in(name.encode(), 1) or same_site not in ("Strict", "Lax", "None") or path[:1] != "/"
    if not secure:
        bad = bad or same_site == "None" or partitioned or is_host or name[:9].lower() == "__secure-"
    bad = bad or is_host and (domain or path != "/")
    for x in name + value + path + (domain or ""):
        bad = bad or not "!" <= x <= "~" or x in '";,\\'
    text = "%s=%s; Path=%s; SameSite=%s" % (name, value, path, same_site)
    if bad:
        raise ValueError("cookie %r" % text)
    if domain:
        text += "; Domain=" + domain
    if max_age is not None:
        text += "; Max-Age=%d" % max_age
    if secure:
        text += "; Secure"
    if http_only:
        text += "; HttpOnly"
    if secure is False:  # (an empty attribute: `pairs_of` in response.py adds none)
        text += ";"
    if partitioned:
        text += "; Partitioned"
    response.cookies.append(text)


class Signed:
    """Cookies that nobody can make without a key: `value.time.signature`, with HMAC-SHA256 over the name as well.

    The first of `keys` (bytes, at least 16, for example from os.urandom) signs, and all are accepted. To change the key, put the new one
    in front, and drop the old one when its cookies have expired. Cookies are valid for `max_age` seconds by this device's clock; a
    clock that starts anew at each reset ends them all. Raises ValueError for a shorter key.
    """

    def __init__(self, *keys, max_age=86400):
        if not keys or min([len(key) for key in keys]) < 16:
            raise ValueError("want keys of 16 bytes")
        self.keys = keys
        self.max_age = max_age

    def set(self, response, name, value, **attributes):
        """Have `response` set the cookie `name` to `value`, any str, signed. `attributes` are those of `set_cookie`."""
        text = "%s.%d." % (_text(value.encode()), time())
        set_cookie(response, name, text + _sign(self.keys[0], name, text), self.max_age, **attributes)

    def get(self, req, name):
        """The value of the request's cookie `name` as str; None if there is none, if no key has signed it, if it has expired, or if there
        are two with different values."""
        text = req.cookies.get(name, "")
        if name in req.doubtful:
            return None
        at = text.rfind(".") + 1
        for key in self.keys:
            if same(text[at:], _sign(key, name, text[:at])):
                value, made_at, _ = text.split(".")
                if 0 <= int(time()) - int(made_at) < self.max_age:
                    return a2b_base64(value).decode()
                return None


def _text(data):
    return b2a_base64(data)[:-1].decode()


def _sign(key, name, text):
    return _text(hmac(key, (name + "=" + text).encode()))
