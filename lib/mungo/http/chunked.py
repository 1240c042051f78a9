# The chunked coding, RFC 9112 section 7.1: the part of the parser that only such bodies need.
from .char_classes import all_in
from .scan import fields_table, scan

_LENGTH = const(1)  # states of the parser, see there
_SIZE = const(2)
_CHUNK = const(3)
_TRAILER = const(4)

_DONE = const(3)  # an event

_CR = const(13)

_HEX_DIGITS = const(15)  # of a chunk's size, without the zeros in front


def parse(hm, buf):
    """The next event of a chunked body: Request.parse in its states SIZE, CHUNK and TRAILER."""
    while True:
        at = buf.start + hm.at
        if hm.state == _CHUNK:
            if hm.left:
                return hm.piece(buf)
            n = find_line(hm, buf, 2)
            if n <= 0 or n == 2 and buf.data[at] != _CR:
                return n and -400
            hm.at += n
            hm.state = _SIZE
        elif hm.state == _SIZE:
            n = find_line(hm, buf, hm.spare + 10)  # eight digits and the line end are free
            if n <= 0:
                return n
            line = buf.data[at : at + n - 1]
            size = _size(hm, line[:-1] if line[-1:] == b"\r" else line)
            if size < 0:
                return size
            hm.left = size
            hm.at += n
            hm.start = 0
            hm.state = _CHUNK if size else _TRAILER
        elif hm.is_lenient:
            return hm.skip_trailer(buf)
        else:
            # Fields of the same shape as a head's. They are checked and dropped. What was looked at before (`start` bytes) is looked
            # at again only if there is another line, or too much.
            end = 0
            if buf.end - at >= hm.spare or buf.data.find(b"\n", at + hm.start, buf.end) >= 0:
                end = scan(buf.data, at, buf.end, fields_table(hm.spare, hm.fields_left))
            if end <= 0:
                hm.start = buf.end - at
                return end or hm.need(buf)
            hm.at += end - at
            hm.state = _LENGTH
            return _DONE


def find_line(hm, buf, most):
    """The length of the line at `hm.at`, with its CRLF, if that is at most `most` bytes; else 0 for NEED, or minus a status. A client
    takes LF alone for a line end, too (section 2.2)."""
    start = buf.start + hm.at
    end = min(buf.end, start + most)
    at = buf.data.find(b"\n", start, end)
    if at < 0:
        return -431 if end - start >= most else hm.need(buf)
    if not hm.is_lenient and (at == start or buf.data[at - 1] != _CR):
        return -400
    return at + 1 - start


def _size(hm, line):
    # Hex digits, then nothing or an extension: the size of the chunk, or minus a status. The size has a limit, not its digits: zeros
    # may stand in front. An extension is taken from `spare`.
    if hm.is_lenient:
        line = line.rstrip(b" \t")
    more = line.lstrip(b"0123456789abcdefABCDEF")
    n = len(line) - len(more)
    if not n or more and more.strip()[:1] != b";" or not all_in(more, 2):  # (blanks may come before the semicolon)
        return -400
    hm.spare -= len(more)
    digits = bytes(line[:n]).lstrip(b"0")
    if len(digits) > _HEX_DIGITS:
        return -413
    return int(b"0" + digits, 16) if hm.spare >= 0 else -431
