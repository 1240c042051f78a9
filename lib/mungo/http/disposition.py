# Content-Disposition of a form's part, as clients write it (RFC 7578 section 4.2, RFC 6266, RFC 8187).
from .form import decode, percent_decode

_ATTRIBUTE = b"!#$&+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # attr-char, RFC 8187 section 3.2.1


def read_disposition(value):
    """(type, name, filename) of a Content-Disposition: str, None for what is not there. The type is in lower case.

    Real clients decide what is read, so it is more than RFC 9110 section 5.6.6 allows. `filename*=UTF-8''%C3%A9.txt` counts before
    `filename`, and `name*` before `name`. A backslash stands for itself unless a quote follows, since old browsers send paths; and
    also then, if the value can end with that quote: `filename="dir\\"`.
    Raises ValueError for a quoted string that has no end: whether the part is a file would be a guess.
    """
    kind, _, rest = value.partition(";")
    found = {}
    while rest:
        name, equals, rest = rest.partition("=")
        name, star, _ = name.rpartition(";")[2].strip(" \t").lower().partition("*")
        rest = rest.lstrip(" \t")
        if rest[:1] == '"':
            value, rest = _quoted(rest[1:])
        else:
            value, _, rest = rest.partition(";")
            value = value.strip(" \t")
        if star and value.count("'") > 1:
            found[name] = _extended(value)
        elif equals:
            found.setdefault(name, value)
    return kind.strip(" \t").lower(), found.get("name"), found.get("filename")


def _quoted(text):
    # (value, what follows) of a quoted string without its first quote. ValueError if it has no end.
    value = ""
    while True:
        piece, quote, text = text.partition('"')
        if not quote:
            raise ValueError("a quote is missing")
        value += piece
        if not (len(piece) - len(piece.rstrip("\\"))) & 1:
            return value, text
        rest = text.lstrip(" \t")
        if rest[:1] in ("", ";") and not rest.count('"') & 1 and '"' not in rest.partition("=")[0]:
            return value, text
        value = value[:-1] + '"'


def _extended(value):
    # The str for an extended value, charset'language'text (RFC 8187 section 3.2). Its charset is UTF-8, or else Latin-1.
    charset, _, rest = value.partition("'")
    data = percent_decode(rest.partition("'")[2].encode())
    return decode(data) if charset.lower() == "utf-8" else "".join(map(chr, data))


def attachment(name):
    """The Content-Disposition of an answer that browsers store as a file called `name`, any str (RFC 6266 section 4.3, appendix D)."""
    plain = ""
    data = name.encode()
    for x in data:
        if x & 0xC0 != 0x80:  # one for each character
            plain += chr(x) if 31 < x < 127 and x not in b'"\\%/' else "_"
    value = 'attachment; filename="%s"' % plain
    if plain == name:
        return value
    return value + "; filename*=UTF-8''" + "".join([chr(x) if x in _ATTRIBUTE else "%%%02X" % x for x in data])
