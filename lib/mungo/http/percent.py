# Percent-encoding, in URLs and forms (RFC 3986 section 2.1).
from binascii import unhexlify

from ..core import utf8
from .char_classes import all_in


def percent_decode(data, is_strict=False):
    """`data`, bytes, with the bytes for which its %XX stand. A percent sign without two hex digits stays (WHATWG URL, section 1.3); or it
    raises ValueError, if `is_strict`."""
    at = data.find(b"%")
    out = data if at < 0 else bytearray(data[:at])
    while at >= 0:
        behind = at + 3
        try:
            if behind > len(data):
                raise ValueError("an escape is cut short")
            out.extend(unhexlify(data[at + 1 : behind]))
        except ValueError:
            if is_strict:
                raise
            out.append(37)
            behind = at + 1
        at = data.find(b"%", behind)
        out.extend(data[behind:at] if at >= 0 else data[behind:])
    return out


def escaped(url):
    """The URL (str) with what can't stand in one, such as blanks and characters beyond ASCII, as %XX."""
    return "".join([chr(x) if x == 35 or all_in((x,), 4) else "%%%02X" % x for x in url.encode()])


def unquote(data):
    """The str that `data`, bytes with %XX in it, stands for; for paths. Raises ValueError for an escape that is not two hex digits, and
    for what is not UTF-8."""
    return utf8.text(percent_decode(data, True))
