# The fields that a program puts into a head, of an answer or a request.
from ..core.utf8 import encode
from .char_classes import all_in


def make_fields(hm, headers):
    """The program's `headers` as fields, bytes; `hm.keep_alive` becomes False if they say so. ValueError for what can't be one."""
    # A value must not be able to end its field: a CR or LF in it would start another field, or another answer. Nor may it have other
    # control characters but tabs (RFC 9110 section 5.5).
    # (All in bytes: MicroPython searches its interned names for each str that is made.)
    text = b""
    if isinstance(headers, str):
        if headers[-2:] != "\r\n":
            raise ValueError("headers %r: each must end with CRLF" % headers)
        pairs = headers[:-2].split("\r\n")
    else:
        pairs = headers.items() if isinstance(headers, dict) else headers
    for pair in pairs:
        name, value = pair.split(":", 1) if isinstance(pair, str) else pair
        name = name.encode()
        value = (value if isinstance(value, bytes) else encode(str(value))).strip(b" \t")
        if not (name and all_in(name, 1)) or (value and min(value) < 32 or b"\x7f" in value) and not all_in(value, 2):
            raise ValueError("header %r: want a token, no control characters" % (pair,))
        lower = name.lower()
        if lower in (b"content-length", b"transfer-encoding"):
            raise ValueError("header %r: it is for mungo to say" % (pair,))
        if lower == b"connection":
            from .header_lists import split_list  # few programs have this field

            options = split_list(value.decode().lower())
            if "close" in options:
                hm.keep_alive = False
            if options == ["close"]:  # it follows from keep_alive
                continue
        text += b"%s: %s\r\n" % (name, value)
    return text
