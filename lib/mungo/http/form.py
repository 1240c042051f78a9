# What browsers put into the query of a target, and into the body of a form.
from ..core import utf8
from .percent import escaped, percent_decode, unquote  # noqa: F401

_MOST = const(256)  # fields of a query or form: a dict of more is slow where hashes are short, and large
_NO_CHARACTER = const(b"\xef\xbf\xbd")  # U+FFFD


class Fields(dict):
    """The fields of a query or a form: {name: its first value}. `getlist(name)` has all values of a name."""

    more = ()  # {name: its other values}, if a name came several times

    def add(self, name, value):
        """A field has come."""
        if name not in self:
            self[name] = value
        else:
            if not self.more:
                self.more = {}
            self.more.setdefault(name, []).append(value)

    def getlist(self, name):
        """All values of this name in their order, as a list; [] if there is none."""
        if name not in self:
            return []
        return [self[name]] + list(self.more[name] if name in self.more else ())


def decode(data):
    """The str that `data`, bytes-like, stands for in UTF-8. What is not UTF-8 becomes U+FFFD, as in the WHATWG's Encoding standard: one for
    each byte that begins no character, and one for each sequence that stops being one."""
    try:
        return utf8.text(data)
    except ValueError:
        out = bytearray()  # what is no character is replaced, byte by byte. (Bytes, see utf8.text.)
    at = start = missing = 0
    least, most = 128, 191  # of the next byte of a character
    while at < len(data):
        byte = data[at]
        if missing:
            if not least <= byte <= most:
                out.extend(_NO_CHARACTER)
                missing = 0
                continue  # this byte begins anew
            missing -= 1
        elif byte > 127:
            if 0xC1 < byte < 0xF5:
                missing = 1 + (byte > 0xDF) + (byte > 0xEF)
                start = at
            else:
                out.extend(_NO_CHARACTER)
                start = at + 1
        else:
            start = at
        at += 1
        if missing:
            is_lead = at == start + 1
            least = 160 if is_lead and byte == 0xE0 else 144 if is_lead and byte == 0xF0 else 128
            most = 159 if is_lead and byte == 0xED else 143 if is_lead and byte == 0xF4 else 191
        else:
            out.extend(data[start:at])
    if missing:
        out.extend(_NO_CHARACTER)
    return str(out, "utf-8")


def parse_query(data):
    """The Fields of a query or an urlencoded body (bytes). No escape and no byte is wrong: see `percent_decode` and `decode`.

    Raises ValueError for more than 256 fields.
    """
    fields = Fields()
    at = 0
    count = 0
    while at < len(data):
        end = data.find(b"&", at)
        if end < 0:
            end = len(data)
        count += 1
        if count > _MOST:
            raise ValueError("more than %d fields" % _MOST)
        name, _, value = data[at:end].replace(b"+", b" ").partition(b"=")
        if end > at:
            fields.add(decode(percent_decode(name)), decode(percent_decode(value)))
        at = end + 1
    return fields
