"""Targets: HTTP's heads and the bodies that have a length, chunks or no end; both scanners; fields that a program hands on."""

import builtins
import sys
from array import array

import micropython
from cutting import moved, parts_of, same

from mungo.core.buffer import Buffer
from mungo.http import chunked as _chunked  # noqa: F401  (so that it is instrumented)
from mungo.http import scan_portable as portable
from mungo.http.fields import make_fields
from mungo.http.parser import Request
from mungo.http.response_parser import Response
from mungo.http.scan import request_table

NEED, HEAD, PIECE, DONE = range(4)
LIMIT = 160  # bytes of a head: small, so that small inputs reach it
BODY_LIMIT = 60
STATUSES = (-400, -413, -414, -417, -431, -501, -505)
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

# The machine code's source is Python, save for its pointers: where it can't be compiled they are the objects themselves. What it reads
# beyond their ends is an IndexError then.
if sys.implementation.name == "cpython":
    micropython.viper = lambda fn: fn
    builtins.ptr8 = builtins.ptr32 = lambda it: it
    from mungo.http.scan_viper import scan as other_scan

    del micropython.viper
else:
    from mungo.http.scan_viper import scan as other_scan

_common = request_table(LIMIT)
_used = array("i", [1] * 27)  # the common table, when others have used it
_used[9] = LIMIT
_used[10] = _common[10]
_used[26] = 0
_fields = array("i", _used)
_fields[26] = 1


def _head_of(hm):
    t = hm.tab
    return (
        bytes(memoryview(hm.data)[t[0] : t[7]]),
        hm.method,
        hm.uri,
        hm.query,
        t[5],
        t[8],
        hm.keep_alive,
        hm.is_head,
        hm.expects,
        hm.left if hm.state == 1 else -1,
    )


def events(parts):
    """The events of a server's connection that receives these parts. The list ends with minus a status, or with what is awaited."""
    hm = Request(_common)
    buf = Buffer()
    seen = []
    for part in parts:
        buf.append(part, len(part))
        while True:
            ev = hm.parse(buf)
            if ev == HEAD:
                seen.append(_head_of(hm))
                hm.expects = False  # the server's part
                if hm.left > BODY_LIMIT:
                    return seen + [-413]
            elif ev == PIECE:
                if not hm.collect(hm.view(buf), BODY_LIMIT):
                    return seen + [-413]
            elif ev == DONE:
                body = hm.body
                if len(body) > BODY_LIMIT:
                    raise AssertionError("%d bytes" % len(body))
                seen.append((body, hm.method, hm.uri, hm.query, len(list(hm.headers())), hm.header("HOST")))
                hm.finish(buf)
            elif ev:
                return seen + [ev]
            else:
                break
        buf = moved(buf)
        _common[:] = _used  # other connections use the same table
    seen.append((hm.state, len(buf)))
    return seen


def _judged(whole):
    end = whole[-1]
    if isinstance(end, int) and end not in STATUSES:
        raise AssertionError("status %r" % end)
    return len(whole), end


def request(data):
    """HTTP requests, whole and cut: the same events, and the statuses that are meant for them."""
    data, parts = parts_of(data)
    if not data:
        return None
    whole = events([data])
    same(whole, events(parts))
    return _judged(whole)


def _dechunk(data):
    # The body, by the book: of chunks that are known to be right.
    out = b""
    while True:
        line, _, data = data.partition(b"\r\n")
        n = int(line.split(b";")[0].strip(), 16)
        if not n:
            return out
        out += data[:n]
        data = data[n + 2 :]


def chunked(data):
    """The body of a chunked request, and what comes behind it: whole and cut the same, and what the chunks say."""
    data, parts = parts_of(data)
    whole = events([CHUNKED + data])
    same(whole, events([CHUNKED] + parts))
    if len(whole) > 1 and isinstance(whole[1], tuple) and len(whole[1]) > 2 and whole[1][0] != _dechunk(data):
        raise AssertionError("%r" % whole[1][0])
    return _judged(whole)


def scanners(data):
    """Both scanners say the same of a head, or of fields alone, and note the same; and neither looks behind its end."""
    if len(data) < 2:
        return None
    tabs = []
    found = []
    start = data[0] % 5
    end = len(data) - data[1] % 3
    for scan in (portable.scan, other_scan):
        tab = request_table(LIMIT)
        tab[10] = 6
        tab[26] = data[0] & 128 > 0
        found.append(scan(data, min(start, end), end, tab))
        tabs.append(list(tab))
    if found[0] != found[1] or found[0] > 0 and tabs[0] != tabs[1]:
        raise AssertionError("%r: %r" % (found, tabs))
    return found[0], tabs[0][8:] if found[0] > 0 else None


def responses(parts, is_head):
    """The events of a client's connection, as `events`; it asks again and again."""
    hm = Response(LIMIT)
    hm.tab = _fields
    hm.is_head = is_head
    buf = Buffer()
    seen = []
    for part in parts:
        buf.append(part, len(part))
        while True:
            ev = hm.parse(buf)
            if ev == HEAD:
                seen.append((hm.status, hm.reason, list(hm.headers()), hm.keep_alive, hm.is_endless, hm.left if hm.state == 1 else -1))
                if not 200 <= hm.status <= 999 or is_head and hm.left:
                    raise AssertionError("%r" % seen)
                if hm.left > BODY_LIMIT:
                    return seen + [-413]
            elif ev == PIECE:
                if not hm.collect(hm.view(buf), BODY_LIMIT):
                    return seen + [-413]
            elif ev == DONE:
                seen.append((hm.status, hm.body))
                if len(hm.body) > BODY_LIMIT:
                    raise AssertionError("%d bytes" % len(hm.body))
                hm.finish(buf)
            elif ev:
                if ev != -502:
                    raise AssertionError("%r" % ev)
                return seen + [ev]
            else:
                break
        if hm.state:
            hm.keep(buf)  # as client.read
        buf = moved(buf)
    seen.append((hm.state, hm.is_endless and hm.body))
    return seen


def response(data):
    """What servers answer, whole and cut: the same events, or -502."""
    is_head = data[:1] > b"\xc0"
    data, parts = parts_of(data)
    if not data:
        return None
    whole = responses([data], is_head)
    same(whole, responses(parts, is_head))
    return len(whole), whole[-1]


class _Answer:
    keep_alive = True


def fields(data):
    """A program's fields become as many fields of a head as it meant, with these names and values; or ValueError."""
    pairs = []
    for line in data.split(b"\n"):
        name, _, value = line.partition(b":")
        try:
            pairs.append((name.decode(), value.replace(b"\x01", b"\n").replace(b"\x02", b"\r").decode()))
        except UnicodeError:
            return None
    hm = _Answer()
    try:
        text = make_fields(hm, pairs)
    except ValueError:
        return False
    meant = []
    for name, value in pairs:
        value = value.strip(" \t")
        if (name.lower(), value.strip(" \t,").lower()) != ("connection", "close"):
            meant.append("%s: %s" % (name, value))
    if text.decode().split("\r\n") != meant + [""]:
        raise AssertionError("%r" % text)
    return len(meant), hm.keep_alive
