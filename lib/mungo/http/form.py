# What browsers put into a target's query, a form's body and a Cookie field, as dicts; and a request's fields by their names.
from binascii import unhexlify

_MOST = const(256)  # fields of a query or form: a dict of more is slow where hashes are short, and large


def unquote(data):
    """The str that `data`, bytes with %XX in it, stands for. ValueError if an escape is not two hex digits, or all is not UTF-8."""
    at = data.find(b"%")
    out = data if at < 0 else bytearray(data[:at])
    while at >= 0:
        if at + 3 > len(data):
            raise ValueError("an escape is cut short")
        out.extend(unhexlify(data[at + 1 : at + 3]))
        end = data.find(b"%", at + 3)
        out.extend(data[at + 3 : end] if end >= 0 else data[at + 3 :])
        at = end
    text = str(out, "utf-8")
    if len(text) < len(out):
        # MicroPython lets longer forms of a character pass, and halves of pairs.
        for x in text:
            if x != chr(ord(x)) or 0xD800 <= ord(x) < 0xE000:
                raise ValueError("not UTF-8")
    return text


def parse(data):
    """The fields of a query or an urlencoded body (bytes) as a dict of str; of those with the same name the first.

    ValueError as `unquote`, and for more than 256 fields.
    """
    fields = {}
    at = 0
    left = _MOST
    while at < len(data):
        end = data.find(b"&", at)
        if end < 0:
            end = len(data)
        left -= 1
        if left < 0:
            raise ValueError("more than %d fields" % _MOST)
        name, _, value = data[at:end].replace(b"+", b" ").partition(b"=")
        if end > at:
            fields.setdefault(unquote(name), unquote(value))
        at = end + 1
    return fields


def cookies(text):
    """What the value of a Cookie field says, as a dict; of those with the same name the first, which has the longer path."""
    found = {}
    for part in text.split(";"):
        name, is_cookie, value = part.partition("=")
        if is_cookie:
            found.setdefault(name.strip(), value.strip().strip('"'))
    return found


class Headers:
    """A request's fields, by their names in any case; iterating gives (name, value), one by one, in the order they came."""

    def __init__(self, req):
        self.req = req  # whose `hm` may become another, see outlast.keep

    def __iter__(self):
        return self.req.hm.headers()

    def get(self, name, default=None):
        """The value of the first field of this name as str, or `default`."""
        return self.req.hm.header(name, default)

    def __contains__(self, name):
        return self.get(name) is not None

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def has(self, kind):
        """Whether the body is of this media type, by the Content-Type."""
        return self.get("Content-Type", "").partition(";")[0].strip().lower() == kind
