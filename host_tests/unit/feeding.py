# What tests of the parser share: bytes in, a list of events out, cut in every way that a network can cut them.

from mungo.core.buffer import Buffer
from mungo.http.parser import Request
from mungo.http.scan import request_table

NEED, HEAD, PIECE, DONE = range(4)

LIMIT = 300  # bytes of a head
BODY_LIMIT = 200
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
_FIRST = b"POST /first HTTP/1.1\r\nHost: 1\r\nContent-Length: 3\r\nConnection: x\r\n\r\none"  # in front of what is tested


# The events of one connection that receives these parts, as a list. It ends with minus a status, or with what is still awaited.
def events(parts, limit=LIMIT, sink=None, body_limit=BODY_LIMIT, describe=None):
    common = request_table(limit)
    hm = Request(common)
    buf = Buffer()
    seen = []
    for part in parts:
        buf.append(part, len(part))
        while True:
            ev = hm.parse(buf)
            if ev == HEAD:
                seen.append((describe or head_of)(hm))
                hm.expects = False  # the server's part
                hm.sink = sink
                if hm.left > body_limit and sink is None:
                    return seen + [-413]
            elif ev == PIECE:
                if sink is not None:
                    sink(bytes(hm.view(buf)))
                elif not hm.collect(hm.view(buf), body_limit):
                    return seen + [-413]
            elif ev == DONE:
                assert hm.body is hm.body and isinstance(hm.body, bytes) and not hm.is_body_pending
                seen.append((hm.body, hm.method, hm.uri, hm.query))
                hm.finish(buf)
            elif ev == NEED:
                break
            else:
                return seen + [ev]
        buf = moved(buf)
        # Other connections use the same table.
        for at in range(27):
            if at not in (9, 10):
                common[at] = 1
        common[26] = 0
    seen.append((hm.state, len(buf)))
    return seen


# As in the loop: what is left is moved to a buffer of its own, and other connections' bytes come to where it was.
def moved(buf):
    rest = buf.read()
    for at in range(len(buf.data)):
        buf.data[at] = 63
    return Buffer(bytearray(rest), len(rest))


def head_of(hm):
    return (
        hm.method,
        hm.uri,
        hm.query,
        hm.proto,
        list(hm.headers()),
        hm.keep_alive,
        hm.is_head,
        hm.expects,
        hm.left if hm.state == 1 else "chunked",
    )


# What `head_of` gives for this.
def head(
    method="GET", uri="/", query="", version=1, fields=(), host="a", keep_alive=True, expects=False, length=0
):
    fields = [("Host", host)] * (host is not None) + list(fields)
    return (method, uri, query, "HTTP/1.%d" % version, fields, keep_alive, method == "HEAD", expects, length)


# The end of a request.
def done(body=b"", method="GET", uri="/", query=""):
    return (body, method, uri, query)


# These bytes give these events: whole, byte by byte, in two at every place; alone and behind another request.
def check(data, *expected, **limits):
    expected = list(expected)
    if expected and not isinstance(expected[-1], int) and len(expected[-1]) > 2:
        expected.append((0, 0))
    same(events([data], **limits), expected, "whole", data)
    same(events(singly(data), **limits), expected, "byte by byte", data)
    for at in range(1, len(data)):
        same(events([data[:at], data[at:]], **limits), expected, at, data)
    if limits.get("limit", LIMIT) < len(_FIRST):
        return
    first = [head("POST", "/first", host="1", length=3, fields=[("Content-Length", "3"), ("Connection", "x")])]
    expected = first + [done(b"one", "POST", "/first")] + expected
    for at in range(len(_FIRST) - 4, len(_FIRST) + len(data) + 1):
        both = _FIRST + data
        same(events([both[:at], both[at:]], **limits), expected, "pipelined, at %d" % at, data)


def singly(data):
    for at in range(len(data)):
        yield data[at : at + 1]


def same(seen, expected, how, data):
    if seen != expected:
        raise AssertionError("%r %s:\n%r instead of\n%r" % (data, how, seen, expected))


# A request with this target, these lines behind Host, and this body.
def request(lines="", body=b"", method="GET", target="/", version="HTTP/1.1", host="Host: a\r\n"):
    return ("%s %s %s\r\n%s%s\r\n" % (method, target, version, host, lines)).encode() + body


# Fields are seen as they came, so a test that is not about them need not spell them out.
def fields(lines):
    return [tuple(line.split(": ", 1)) for line in lines.split("\r\n")[:-1]]
