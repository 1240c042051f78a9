# The chunked coding, RFC 9112 section 7.1: the part of the parser that only such bodies need.
from .char_classes import fit
from .head import hold
from .parser import make, scan

_SIZE = const(2)
_CHUNK = const(3)
_TRAILER = const(4)
_DONE = const(3)  # the event


def parse(hm, buf):
    """The next event of a chunked body: Request.parse in its states SIZE, CHUNK and TRAILER."""
    while True:
        if hm.state == _CHUNK:
            if hm.left:
                return hm.piece(buf)
            end = _line(hm, buf, 2)
            if end <= 0:
                return end and -400
            hm.at += end
            hm.state = _SIZE
        elif hm.state == _SIZE:
            end = _line(hm, buf, hm.spare + 9)  # seven digits and the line end are free
            if end <= 0:
                return end
            at = buf.start + hm.at
            hm.left = n = _size(hm, buf.data[at : at + end - 2])
            if n < 0:
                return n
            hm.at += end
            hm.start = 0
            hm.state = _CHUNK if n else _TRAILER
        else:
            # Fields of the same shape as a head's. They are checked and dropped. What was looked at before (`start` bytes) is looked
            # at again only if there is another line, or too much.
            at = buf.start + hm.at
            end = 0
            if buf.end - at >= hm.spare or buf.data.find(b"\n", at + hm.start, buf.end) >= 0:
                tab = make(hm.spare)
                tab[10] -= hm.tab[8]
                tab[26] = 1
                end = scan(buf.data, at, buf.end, tab)
            if end <= 0:
                hm.start = buf.end - at
                return end or hold(hm, buf)
            hm.at += end - at
            hm.state = 1
            return _DONE


def _line(hm, buf, most):
    # The length of the line at `hm.at`, with its CRLF, if that is at most `most` bytes.
    start = buf.start + hm.at
    end = min(buf.end, start + most)
    at = buf.data.find(b"\n", start, end)
    if at < 0:
        if end - start >= most:
            return -431
        return hold(hm, buf)
    if at == start or buf.data[at - 1] != 13:
        return -400
    return at + 1 - start


def _size(hm, line):
    # 1 to 7 hex digits, then nothing or an extension: seven make 256 MB, and no overflow anywhere. An extension is taken from `spare`.
    more = line.lstrip(b"0123456789abcdefABCDEF")
    n = len(line) - len(more)
    if not 0 < n < 8 or more and more.strip()[:1] != b";" or not fit(more, 2):  # (blanks may come before the semicolon)
        return -400
    hm.spare -= len(more)
    return int(bytes(line[:n]), 16) if hm.spare >= 0 else -431
