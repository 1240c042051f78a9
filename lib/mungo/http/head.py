# How a request is read beyond the common case of the parser: RFC 9112 sections 3.2, 6 and 9.3, RFC 9110 section 10.1.1.
from array import array

from ..core import utf8
from ..core.buffer import Buffer
from .parser import make, scan

_NEED = const(0)
_HEAD = const(1)  # the parser's events
_LENGTH = const(1)  # and its states
_SIZE = const(2)

chunked = None

_EXPECT = const(14)  # places in the parser's table
_CONNECTION = const(17)
_LENGTHS = const(20)
_CODINGS = const(23)


def judge(hm):
    """The head that `hm` has scanned: HEAD, or minus a status. Sets what the parser does not."""
    t = hm.tab
    hm.is_head = hm.method == "HEAD"
    ev = framing(hm, t)
    if ev != _HEAD:
        return ev
    if t[_EXPECT] and t[5]:
        for member in _members(hm, "expect"):
            if member != "100-continue":
                return -417
            hm.expects = hm.left > 0 or hm.state != _LENGTH
    return _HEAD if hm.data[t[2]] == 47 else _target(hm, t)


def headers(hm):
    """Request.headers"""
    data = hm.data
    at = hm.tab[6]
    while data[at] != 13:
        colon = data.find(b":", at)
        end = data.find(b"\r", colon)
        yield hm.text(at, colon), text(hm, colon + 1, end).strip(" \t")
        at = end + 2


def header(hm, name, default):
    """Request.header"""
    name = name.lower()
    t = hm.tab
    if name == "host" and not t[26] and t[2] > t[1] + 1:  # absolute-form: its host counts (RFC 9112 section 3.2.2)
        return hm.text(t[1] + 8, t[2])
    for field, value in headers(hm):
        if len(field) == len(name) and field.lower() == name:
            return value
    return default


def text(hm, at, end):
    """What stands from `at` to `end` in the head, as str: UTF-8, or Latin-1 where it is not that."""
    raw = hm.data[at:end]
    try:
        return utf8.text(raw)
    except ValueError:
        return "".join(map(chr, raw))


def strip(buf):
    """Drop empty lines before a request (section 2.2). -400 if there is something else behind a CR, 0 if nothing more has come."""
    data = buf.data
    while len(buf) and data[buf.start] == 13:
        if len(buf) == 1:
            return 0
        if data[buf.start + 1] != 10:
            return -400
        buf.consume(2)
    return len(buf)


def collect(hm, buf, limit):
    """Request.collect, for a body that comes in pieces."""
    piece = hm.view(buf)
    n = len(piece)
    if hm.parts is None:
        hm.parts = Buffer(bytearray(n + hm.left if hm.state == _LENGTH else 0))
    if len(hm.parts) + n > limit:
        return False
    hm.parts.append(piece, n)
    return True


def keep(hm, buf):
    """Copy the head: the buffer will be used for something else before this request is done."""
    if hm.shared is None:
        hm.shared = hm.tab
        hm.is_bare = False
        hm.tab = t = array("i", hm.tab)
        hm.data = bytes(memoryview(buf.data)[t[0] : t[7]])
        for at in range(8):
            if at != 5:
                t[at] -= buf.start


def hold(hm, buf):
    """More is needed, and the buffer's bytes are used up: keep a copy of the head. Returns NEED."""
    keep(hm, buf)
    buf.consume(hm.at)
    hm.at = 0
    return _NEED


def wait(c, hm):
    """The body is still to come, or the program has paused the connection: the head must outlast the loop's buffer."""
    if c.is_ending:
        return
    keep(hm, c.recv)
    if c.out is None:
        hm.timing = 2
        c.mgr.deadline(c, c.mgr.body_ms)


def _members(hm, name):
    # The members of the list in the fields of this name, in lower case.
    from .header_lists import combined_value, split_list

    return split_list(combined_value(headers(hm), name).lower())


def framing(hm, t):
    """Whether the connection goes on after this message, and where its body ends: HEAD, or minus a status."""
    hm.is_plain = False
    hm.is_old = not t[5]
    if t[_CONNECTION] == 1 and hm.data[t[_CONNECTION + 1] : t[_CONNECTION + 2]] == b"close":
        hm.keep_alive = False  # what most say: no need to look at all fields for others
    else:
        options = _members(hm, "connection") if t[_CONNECTION] else ()
        hm.keep_alive = "close" not in options and (t[5] > 0 or "keep-alive" in options)
    if not t[_CODINGS]:
        return hm.length(t) if t[_LENGTHS] else _HEAD
    # A length and a coding: one of them is a lie. Unless chunked is the last, and is it once, nobody knows where the body ends.
    codings = _members(hm, "transfer-encoding")
    if t[_LENGTHS] or hm.is_old or codings[-1:] != ["chunked"] or codings.count("chunked") > 1:
        return -400
    if codings[1:]:
        return -501
    global chunked
    if chunked is None:
        from . import chunked
    hm.state = _SIZE
    hm.spare = t[9] - hm.at
    return _HEAD


def _target(hm, t):
    # absolute-form, or "*" of OPTIONS. A server is no proxy: CONNECT is not for it.
    target = hm.text(t[2], t[4])
    method = hm.method
    if method == "CONNECT":
        return -501
    if target == "*":
        return _HEAD if method == "OPTIONS" else -400
    # Nor has a connection been secured that could bring a request for https (RFC 9110 section 7.4).
    if target[:7].lower() != "http://":
        return -400
    at = t[2] + 7
    t[2] = hm.data.find(b"/", at, t[3])
    if t[2] < 0:
        t[2] = t[3]
    # What stands for Host must be one, and not an empty one.
    line = b"Host:" + hm.data[at : t[2]] + b"\r\n\r\n"
    tab = make(t[9])
    tab[26] = 1
    return -400 if hm.data[at] in b":/? " or scan(line, 0, len(line), tab) < 0 else _HEAD
