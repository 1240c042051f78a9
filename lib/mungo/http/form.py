# What browsers put into the query of a target, and into the body of a form, as a dict.
from binascii import unhexlify

from ..core import utf8

_MOST = const(256)  # fields of a query or form: a dict of more is slow where hashes are short, and large


def unquote(data):
    """The str that `data`, bytes with %XX in it, stands for. Raises ValueError for an escape that is not two hex digits, and for what is
    not UTF-8."""
    at = data.find(b"%")
    out = data if at < 0 else bytearray(data[:at])
    while at >= 0:
        if at + 3 > len(data):
            raise ValueError("an escape is cut short")
        out.extend(unhexlify(data[at + 1 : at + 3]))
        end = data.find(b"%", at + 3)
        out.extend(data[at + 3 : end] if end >= 0 else data[at + 3 :])
        at = end
    return utf8.text(out)


def parse_query(data):
    """The fields of a query or an urlencoded body (bytes) as a dict of str; of fields with the same name the first.

    Raises ValueError as `unquote`, and for more than 256 fields.
    """
    fields = {}
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
            fields.setdefault(unquote(name), unquote(value))
        at = end + 1
    return fields
