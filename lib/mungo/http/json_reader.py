# JSON that comes in (RFC 8259). MicroPython's json.loads is not strict: it takes `[1 true]` for a list, and makes six bytes that are no
# UTF-8 of "\ud83d\ude00", one character. CPython's takes NaN. So the text is checked first.
import json
from binascii import unhexlify

from ..core import utf8

_DEPTH = const(32)

# What may come next:
_VALUE = const(0)
_FIRST = const(1)  # a value, or the end of an empty list
_NAME = const(2)
_FIRST_NAME = const(3)  # a name, or the end of an empty object
_COLON = const(4)
_NEXT = const(5)  # a comma, or the end

_BACKSLASH = const(92)


def loads(data, is_strict=True):
    """The value of the JSON text `data` (bytes). Any thread.

    Raises ValueError if it is not UTF-8, if an escape is half of a surrogate pair, and if it is not JSON: with `is_strict` whatever
    RFC 8259 does not allow, numbers that the port's float can't express, and what is nested more than 32 levels deep; else what the
    port's json.loads refuses.
    """
    text = utf8.text(data)
    if is_strict:
        check(data)
    if data.find(b"\\u") >= 0:
        text = str(join_surrogates(data), "utf-8")
    return json.loads(text)


def check(data):
    """Raise ValueError unless `data` (bytes, UTF-8) is a JSON text of at most 32 levels."""
    ends = bytearray(_DEPTH)  # what ends the lists and objects that are open
    depth = 0
    want = _VALUE
    at = 0
    while at < len(data):
        byte = data[at]
        at += 1
        if byte == 32 or byte == 10 or byte == 13 or byte == 9:
            continue
        if want == _NEXT:
            if not depth:
                raise ValueError("JSON: two values")
            if byte == 44:
                want = _VALUE if ends[depth - 1] == 93 else _NAME
            elif byte == ends[depth - 1]:
                depth -= 1
            else:
                raise ValueError("JSON: want a comma")
        elif want == _COLON:
            if byte != 58:
                raise ValueError("JSON: want a colon")
            want = _VALUE
        elif byte == 34:
            at = _end_of_string(data, at)
            want = _COLON if want == _NAME or want == _FIRST_NAME else _NEXT
        elif byte == 125 and want == _FIRST_NAME or byte == 93 and want == _FIRST:
            depth -= 1
            want = _NEXT
        elif want == _NAME or want == _FIRST_NAME:
            raise ValueError("JSON: want a name")
        elif byte == 91 or byte == 123:
            if depth == _DEPTH:
                raise ValueError("JSON: want at most %d levels" % _DEPTH)
            ends[depth] = byte + 2
            depth += 1
            want = _FIRST if byte == 91 else _FIRST_NAME
        else:
            start = at - 1
            while at < len(data) and data[at] not in b",]} \n\r\t":
                at += 1
            _check_word(data[start:at])
            want = _NEXT
    if depth or want != _NEXT:
        raise ValueError("JSON: cut short")


def _end_of_string(data, at):
    # Where the string that starts at `at` ends, behind its quote.
    start = at
    while True:
        end = data.find(b'"', at)
        if end < 0:
            raise ValueError("JSON: a string has no end")
        at = data.find(b"\\", at, end)
        if at < 0:
            break
        byte = data[at + 1]
        if byte == 117:
            unhexlify(data[at + 2 : at + 6])  # ValueError unless these are four digits: a quote is behind them, or among them
            at += 4
        elif byte not in b'"\\/bfnrt':
            raise ValueError("JSON: no such escape")
        at += 2
    if end > start and min(data[start:end]) < 32:
        raise ValueError("JSON: a control character")
    return end + 1


def _check_word(word):
    # A number, or one of the three names.
    if word in (b"true", b"false", b"null"):
        return
    number, mark, exponent = word.replace(b"E", b"e").partition(b"e")
    whole, point, fraction = number.partition(b".")
    if whole[:1] == b"-":
        whole = whole[1:]
    if exponent[:1] == b"-" or exponent[:1] == b"+":
        exponent = exponent[1:]
    is_number = whole.isdigit() and (whole[0] > 48 or len(whole) == 1)
    is_number = is_number and (not point or fraction.isdigit()) and (not mark or exponent.isdigit())
    if not is_number or (mark or whole[300:]) and float(word) * 0:  # (not 0: it is infinite)
        raise ValueError("JSON: no number")


def join_surrogates(data):
    """`data` with each escaped surrogate pair as the character that it stands for. Raises ValueError for half of a pair."""
    out = bytearray()
    done = 0
    at = data.find(b"\\")
    while at >= 0:
        behind = at + 2
        if data[at + 1 : behind] == b"u":
            high = unhexlify(data[behind : at + 6]) + b"\0"
            if high[0] & 0xF8 == 0xD8:
                low = unhexlify(data[at + 8 : at + 12]) if data[at + 6 : at + 8] == b"\\u" else b""
                if high[0] > 0xDB or len(low) != 2 or low[0] & 0xFC != 0xDC:
                    raise ValueError("JSON: half of a surrogate pair")
                # (chr() would keep the character in MicroPython's table of interned names for good.)
                code = 0x10000 + ((high[0] & 3) << 18 | high[1] << 10 | (low[0] & 3) << 8 | low[1])
                out.extend(data[done:at])
                out.extend(bytes((0xF0 | code >> 18, 0x80 | code >> 12 & 63, 0x80 | code >> 6 & 63, 0x80 | code & 63)))
                done = behind = at + 12
        at = data.find(b"\\", behind)
    return out + data[done:] if done else data
