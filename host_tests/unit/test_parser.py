# The parser of HTTP requests: bytes in, events out. However the bytes are cut, the events are the same; see `check` in feeding.py.

import gc

from feeding import DONE, HEAD, LIMIT, NEED, PIECE, check, done, events, head, head_of, moved, singly
from mungo.buffer import Buffer
from mungo.http import parser, plain
from mungo.http.parser import Request, make
from mungo.http.rules import keep
from runner import Skip

_GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


# A request with this target, these lines behind Host, and this body.
def request(lines="", body=b"", method="GET", target="/", version="HTTP/1.1", host="Host: a\r\n"):
    return ("%s %s %s\r\n%s%s\r\n" % (method, target, version, host, lines)).encode() + body


# Fields are seen as they came, so a test that is not about them need not spell them out.
def fields(lines):
    return [tuple(line.split(": ", 1)) for line in lines.split("\r\n")[:-1]]


# --- the request line


def test_get():
    check(_GET, head(), done())
    check(_GET[:-1], (0, len(_GET) - 1))
    assert events([]) == [(0, 0)]


def test_methods():
    for method in ("HEAD", "POST", "get", "DELETE", "HEADS", "HEA", "head", "X", "M-SEARCH", "!#$%&'*+-.^_`|~09"):
        check(request(method=method), head(method), done(method=method))
    for method in ("", " GET", "G(T", "G\x00T", "G:T", "G\xe9T", '"GET"', "G\tT"):
        check(request(method=method), -400)


def test_target():
    for target, uri, query in (
        ("/fast", "/fast", ""),
        ("/a/b/", "/a/b/", ""),
        ("//x", "//x", ""),
        ("/a?", "/a", ""),
        ("/a?b", "/a", "b"),
        ("/a?b=1&c=%20?d", "/a", "b=1&c=%20?d"),
        ("/?x", "/", "x"),
        ("/%41%00/..;p=1,[]|^`{}\"<>\\", "/%41%00/..;p=1,[]|^`{}\"<>\\", ""),
    ):
        check(request(target=target), head(uri=uri, query=query), done(uri=uri, query=query))
    for target in ("", "a", "?a", "/a#b", "#", "/\t", "/\x00", "/\x7f", "/\xe9", "/a b", "/ ", " /"):
        check(request(target=target), -400)


def test_absolute_form():
    for target, uri, query in (
        ("http://a/", "/", ""),
        ("http://a", "/", ""),
        ("HTTP://a:80/b?c", "/b", "c"),
        ("https://a?b/c", "/", "b/c"),
        ("http://[::1]:80/b/?", "/b/", ""),
    ):
        check(request(target=target), head(uri=uri, query=query), done(uri=uri, query=query))
    for target in ("http:///", "http://", "http://?a", "http:/a", "ftp://a/", "a://b/", "//a://b", "http//a/", "http://u@a/"):
        if target[0] != "/":
            check(request(target=target), -400)


def test_asterisk_form():
    check(request(method="OPTIONS", target="*"), head("OPTIONS", "*"), done(method="OPTIONS", uri="*"))
    check(request(target="*"), -400)
    check(request(method="OPTIONS", target="*x"), -400)


# It would make a tunnel of the connection.
def test_connect_is_refused():
    check(request(method="CONNECT", target="a:80"), -501)
    check(request(method="OPTIONS"), head("OPTIONS"), done(method="OPTIONS"))


def test_versions():
    check(request(version="HTTP/1.0"), head(version=0, keep_alive=False), done())
    check(request(version="HTTP/1.2"), head(version=2), done())
    for version in ("HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9"):
        check(request(version=version), -505)
    for version in ("", "HTTP", "HTTP/1", "HTTP/1.", "HTTP/1.10", "HTTP/01.1", "http/1.1", "HTTP/1.x", "HTTP/x.1", "HTTP/1,1", "HTTP 1.1"):
        check(request(version=version), -400)
    check(b"GET /\r\n\r\n", -400)
    check(b"GET / HTTP/1.1 \r\n\r\n", -400)
    check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", -505)


def test_empty_lines_in_front():
    check(b"\r\n" + _GET, head(), done())
    check(b"\r\n\r\n\r\n" + _GET + b"\r\n" + _GET + b"\r\n", head(), done(), head(), done(), (0, 0))
    check(b"\r\n\r", (0, 1))
    check(b"\rG" + _GET, -400)
    check(b"\n" + _GET, -400)
    check(b"\r\r\n" + _GET, -400)


# There is no need to wait for a line end that may never come.
def test_first_byte_that_is_not_http():
    for first in (b"\x16\x03\x01", b" ", b"\0", b"\n", b"\xff", b"@"):
        assert events([first]) == [-400], first


# --- fields


def test_fields():
    lines = "A: 1\r\nb:\t2 \r\nC:\r\nD: \t \r\nB: x  y:z\t!\r\n#$%: \xe9\r\n"
    seen = [("A", "1"), ("b", "2"), ("C", ""), ("D", ""), ("B", "x  y:z\t!"), ("#$%", "\xe9")]
    check(request(lines), head(fields=seen), done())
    latin = request("A: X\r\n").replace(b"X", b"\xe9\xff")
    check(latin, head(fields=[("A", "\xe9\xff")]), done())


def test_bad_fields():
    for line in (": x", "a b: x", "a : x", "a", "a\t: x", " a: x", "\ta: x", "a: \x00", "a: \x0b", "a: \x7f", "a(: x", "\xe9: x", "a: x\ry", "a: x\r"):
        check(request(line + "\r\n"), -400)
        check(request("b: x\r\n" + line + "\r\n"), -400)
    check(request("a: x\n"), -400)
    check(b"GET / HTTP/1.1\nHost: a\n\n", -400)
    check(_GET[:-1] + b"x\n", -400)
    check(_GET[:-2] + b"\n", -400)


# The lines before the bad one are judged when they are whole: nothing waits for the end of the head.
def test_bad_line_is_refused_at_once():
    for data in (b"GET / HTTP/1.1\r\na b: c\r\n", b"GET / HTTP/3.0\r\n", b"GET /\r\n", b"GET / HTTP/1.1\r\n\n"):
        check(data, -400 if b"3" not in data else -505)


def test_header_lookup():
    hm = Request(make(LIMIT))
    data = request("Accept: a\r\nX-Accept: b\r\nACCEPT: c\r\nEmpty:\r\nAccep: d\r\n")
    buf = Buffer(bytearray(data), len(data))
    assert hm.parse(buf) == HEAD
    for name in ("Accept", "accept", "ACCEPT"):
        assert hm.header(name) == "a"
    assert hm.header("Empty") == "" and hm.header("Empty", "default") == ""
    assert hm.header("Accep") == "d" and hm.header("x-accept") == "b"
    assert hm.header("Acc") is None and hm.header("Accepts", 5) == 5 and hm.header("") is None
    assert [name for name, _ in hm.headers()] == ["Host", "Accept", "X-Accept", "ACCEPT", "Empty", "Accep"]


def test_match():
    hm = Request(make(LIMIT))
    data = request(target="/api/x?/fast")
    buf = Buffer(bytearray(data), len(data))
    assert hm.parse(buf) == HEAD
    assert hm.match("/api/x") and hm.match("/api/*") and hm.match("/#") and hm.match("/api/?")
    assert not hm.match("/api") and not hm.match("/api/x?/fast") and not hm.match("/*") and not hm.match("/fast")


def test_host():
    for host in ("", "a.b-c", "10.0.0.1:80", "[fe80::1]", "%41", "a\x00".strip("\x00")):
        check(request(host="Host: %s\r\n" % host), head(host=host), done())
    for lines in ("", "Host: a\r\nHost: a\r\n", "Host: a\r\nhOsT: b\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: a@b\r\n", "Host: a,\xe9\r\n"):
        check(request(host=lines), -400)
    check(request(host="", version="HTTP/1.0"), head(version=0, keep_alive=False, host=None), done())
    check(request(host="Host: a\r\nHost: a\r\n", version="HTTP/1.0"), -400)


def test_keep_alive():
    for version in (0, 1):
        for value, keep_alive in (
            ("close", False),
            ("Close", False),
            ("keep-alive", True),
            ("Keep-Alive", True),
            ("keep-alivf", bool(version)),
            ("upgrade, close", False),
            ("keep-alive ,  close", False),
            ("upgrade,keep-alive", True),
            ("closed", bool(version)),
            ("", bool(version)),
        ):
            lines = "Connection: %s\r\n" % value
            data = request(lines, version="HTTP/1.%d" % version)
            check(data, head(version=version, fields=[("Connection", value)], keep_alive=keep_alive), done())
    lines = "Connection: close\r\nConnection: keep-alive\r\n"
    check(request(lines), head(fields=fields(lines), keep_alive=False), done())
    check(request("connection:close\r\n"), head(fields=[("connection", "close")], keep_alive=False), done())


def test_expect():
    lines = "Content-Length: 2\r\nExpect: 100-Continue\r\n"
    check(request(lines, b"ab"), head(fields=fields(lines), length=2, expects=True), done(b"ab"))
    lines = "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
    check(request(lines, b"0\r\n\r\n"), head(fields=fields(lines), length="chunked", expects=True), done())
    lines = "Expect: 100-continue\r\n"  # there is nothing to go on with
    check(request(lines), head(fields=fields(lines)), done())
    check(request(lines + "Content-Length: 0\r\n"), head(fields=fields(lines + "Content-Length: 0\r\n")), done())
    for lines in ("Expect: x\r\n", "Expect:\r\n", "Expect: 100-continue, x\r\n", "Expect: x\r\nExpect: 100-continue\r\n"):
        check(request("Content-Length: 2\r\n" + lines, b"ab"), -417)
    lines = "Content-Length: 2\r\nExpect: x\r\n"  # HTTP/1.0 did not know it
    check(
        request(lines, b"ab", version="HTTP/1.0"),
        head(version=0, fields=fields(lines), keep_alive=False, length=2),
        done(b"ab"),
    )


# --- bodies


def test_content_length():
    for text, body in (("0", b""), ("1", b"x"), ("5", b"hello"), ("005", b"hello"), ("000000000000000000005", b"he\0\r\n")):
        lines = "Content-Length: %s\r\n" % text
        check(request(lines, body), head(fields=fields(lines), length=len(body)), done(body))
        check(request(lines, body) + _GET, head(fields=fields(lines), length=len(body)), done(body), head(), done())
    lines = "content-LENGTH:  3 \r\n"
    check(request(lines, b"abc"), head(fields=[("content-LENGTH", "3")], length=3), done(b"abc"))
    lines = "Content-Length: 3\r\n"
    check(request(lines, b"ab"), head(fields=fields(lines), length=3), (1, 0))


def test_bad_content_length():
    for text in ("", "+5", "-5", "-0", "5 5", "5,5", "5, 5", "0x5", "5.0", "five", "5\t5", "1e1", "\xb2"):
        check(request("Content-Length: %s\r\n" % text), -400)
    check(request("Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"), -400)
    check(request("Content-Length: 5\r\nCONTENT-LENGTH: 6\r\n", b"hello"), -400)
    for text in ("1000000000", "4294967296", "18446744073709551617", "9" * 100):
        check(request("Content-Length: %s\r\n" % text), -413)
    assert events([request("Content-Length: 999999999\r\n")], body_limit=1 << 30)[-1] == (1, 0)


_CHUNKED = "Transfer-Encoding: chunked\r\n"


def chunked(body, lines=_CHUNKED, **more):
    return request(lines, body, **more)


def test_chunked():
    start = head(fields=fields(_CHUNKED), length="chunked")
    for coded, body in (
        (b"0\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"1\r\nh\r\n4\r\nello\r\n000\r\n\r\n", b"hello"),
        (b"0000005\r\nhello\r\n0000000\r\n\r\n", b"hello"),
        (b"a\r\n0123456789\r\n9\r\n\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0123456789\r\n\r\n0\r\n\r\n"),
        (b"1f\r\n" + b"x" * 31 + b"\r\n0\r\n\r\n", b"x" * 31),
        (b'5;a;b=c;d="e f"\r\nhello\r\n0;x\r\n\r\n', b"hello"),
        (b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", b"hello"),
    ):
        check(chunked(coded), start, done(body))
    check(chunked(b"2\r\nab\r\n0\r\n\r\n") + _GET, start, done(b"ab"), head(), done())
    lines = "transfer-encoding:  Chunked\t\r\n"
    check(chunked(b"0\r\n\r\n", lines), head(fields=[("transfer-encoding", "Chunked")], length="chunked"), done())
    check(chunked(b"2\r\nab\r\n0\r\n"), start, (4, 0))
    check(chunked(b"2\r\nab\r\n0"), start, (2, 1))
    check(chunked(b"2\r\nab\r"), start, (3, 1))


def test_bad_chunks():
    start = head(fields=fields(_CHUNKED), length="chunked")
    for coded in (
        b"\r\n", b" 5\r\n", b"5 \r\n", b"5 ;a\r\n", b"+5\r\n", b"-5\r\n", b"0x5\r\n", b"g\r\n", b"5,\r\n", b";a\r\n", b"5\n", b"\n", b"5\r\r\n",
        b"00000005\r\n", b"fffffffff\r\n", b"ffffffff\r\n", b"100000000000000000\r\n", b"5;\x00\r\n", b"5;a\rb\r\n", b"5;\x7f\r\n", b":\r\n", b"G\r\n", b"@\r\n", b"`\r\n",
        b"2\r\nabc\r\n", b"2\r\nab\n", b"2\r\nab\rx", b"2\r\nab0\r\n\r\n", b"2\r\nab\n\r", b"0\r\nX\r\n", b"0\r\n X: 1\r\n", b"0\r\nX: 1\n", b"0\r\n\n", b"0\r\nX : 1\r\n",
    ):  # fmt: skip
        check(chunked(coded), start, -400)


def test_transfer_codings():
    for value, status in (
        ("gzip, chunked", -501),
        ("x,chunked", -501),
        ("gzip", -400),  # chunked must be the last (RFC 9112 section 6.3)
        ("identity", -400),
        ("chunked, gzip", -400),
        ("chunked, chunked", -400),
        ("chunked,", -400),
        (",chunked", -400),
        ("", -400),
        ("chunkedx", -400),
        ("xchunked", -400),
        ("chunked;a", -400),
        ('"chunked"', -400),
    ):
        check(request("Transfer-Encoding: %s\r\n" % value, b"0\r\n\r\n"), status)
    check(request(_CHUNKED * 2, b"0\r\n\r\n"), -400)
    check(request(_CHUNKED + "transfer-encoding: gzip\r\n", b"0\r\n\r\n"), -400)
    check(request(_CHUNKED + "Content-Length: 5\r\n", b"0\r\n\r\n"), -400)
    check(request("Content-Length: 5\r\n" + _CHUNKED, b"0\r\n\r\n"), -400)
    check(request(_CHUNKED, b"0\r\n\r\n", version="HTTP/1.0"), -400)


# A field that looks like one that matters, and is none.
def test_lookalikes_do_not_frame():
    for name in ("Content_Length", "Content-Lengt", "Content-Lengths", "XContent-Length", "Content-Length-", "Content\rLength"[:7]):
        lines = name + ": 5\r\n"
        check(request(lines), head(fields=fields(lines)), done())
    for name in ("Transfer_Encoding", "Transfer-Encodinh", "Uransfer-Encoding", "\x54\x32ansfer-encoding"):
        lines = name + ": chunked\r\n"
        check(request(lines), head(fields=fields(lines)), done())


# --- limits


def test_head_limit():
    full = request("X: " + "x" * 100 + "\r\n")
    seen = head(fields=[("X", "x" * 100)])
    check(full, seen, done(), limit=len(full))
    check(full, seen, done(), limit=len(full) + 1)
    check(full, -431, limit=len(full) - 1)
    check(full[:-1], (0, len(full) - 1), limit=len(full))
    check(full[:-1] + b"x", -431, limit=len(full))
    check(b"\r\n\r\n" + full, seen, done(), limit=len(full))  # counted from the first byte of the line
    check(full + _GET, seen, done(), head(), done(), limit=len(full))
    # Of the body nothing counts.
    lines = "Content-Length: 150\r\n"
    body = bytes(150)
    data = request(lines, body)
    check(data, head(fields=fields(lines), length=150), done(body), limit=len(data) - 150)


def test_line_limit():
    line = b"GET /" + bytes([120]) * 80 + b" HTTP/1.1\r\n"
    for limit in (90, 95, len(line) - 1):
        check(line, -414, limit=limit)
    check(line, -431, limit=len(line))  # the line is in; a head can't be
    check(line + b"Host: a\r\n\r\n", -431, limit=len(line) + 5)
    check(line[:90], -414, limit=90)
    check(line[:89], (0, 89), limit=90)


def test_field_count():
    few = "".join(["%d:\r\n" % n for n in range(98)])
    for extra, expected in (("z:\r\n", (1, 1)), ("z:\r\ny:\r\n", None)):
        for parts in ([request(few + extra)], singly(request(few + extra))):
            seen = events(parts, limit=2000)
            if expected is None:
                assert seen == [-431], seen
            else:
                assert len(seen) == 3 and len(seen[0][4]) == 100, seen
    # Trailers come out of the same hundred.
    data = chunked(b"0\r\n", few)  # 98 and Host
    data = request(few[: few.find("97:")] + _CHUNKED, b"0\r\na:\r\n\r\n")
    assert len(events([data], limit=2000)) == 3
    data = request(few[: few.find("97:")] + _CHUNKED, b"0\r\na:\r\nb:\r\n")
    for parts in ([data], singly(data)):
        assert events(parts, limit=2000)[1:] == [-431]


# Extensions and trailers have what the head has left; sizes alone cost nothing, or long streams would end.
def test_chunk_overhead_limit():
    start = head(fields=fields(_CHUNKED), length="chunked")
    bare = chunked(b"")
    for spare in (0, 1, 2, 5, 20):
        limit = len(bare) + spare
        check(bare + b"5;" + b"x" * spare + b"\r\n", start, -431, limit=limit)
        check(bare + b"5;" + b"x" * 100, start, -431, limit=limit)
        check(bare + b"1;" + b"x" * (spare - 1) + b"\r\na\r\n1;\r\n", start, -431, limit=limit)
        if spare:
            exact = b"1;" + b"x" * (spare - 1) + b"\r\na\r\n"
            check(bare + exact + b"2\r\nbc\r\n", start, (2, 0), limit=limit)
            check(bare + exact + b"0\r\n", start, -431, limit=limit)  # nothing is left for the last line end
        trailer = b"0\r\nA:" + b"x" * (spare - 6) + b"\r\n\r\n"
        if spare > 6:
            check(bare + trailer, start, done(), limit=limit)
            check(bare + trailer, start, -431, limit=limit - 1)
    check(bare + b"0\r\n\r\n", start, done(), limit=len(bare) + 2)
    check(bare + b"00000000000000", start, -400 if False else -431, limit=len(bare) + 2)
    many = bare + b"1\r\nx\r\n" * 150 + b"0\r\n\r\n"
    for parts in ([many], singly(many)):
        assert events(parts, limit=len(bare) + 2) == [start, done(b"x" * 150), (0, 0)]


def test_body_limit():
    exact = bytes(range(200))
    for size, status in ((200, None), (201, -413)):
        lines = "Content-Length: %d\r\n" % size
        seen = [head(fields=fields(lines), length=size)]
        seen += [status] if status else [done(exact), (0, 0)]
        data = request(lines, exact + b"x" * (size - 200))
        for parts in ([data], singly(data), [data[:50], data[50:]]):
            assert events(parts) == seen, size
    start = head(fields=fields(_CHUNKED), length="chunked")
    for size in (60, 61):
        coded = b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"
        check(chunked(coded), start, *([done(b"x" * size)] if size == 60 else [-413]), body_limit=60)
        coded = b"1e\r\n" + b"x" * 30 + b"\r\n%x\r\n" % (size - 30) + b"x" * (size - 30) + b"\r\n0\r\n\r\n"
        check(chunked(coded), start, *([done(b"x" * size)] if size == 60 else [-413]), body_limit=60)


def test_sink_gets_all_of_any_length():
    for coded, lines in ((bytes(range(250)) * 2, "Content-Length: 500\r\n"), (b"1f4\r\n" + bytes(range(250)) * 2 + b"\r\n0\r\n\r\n", _CHUNKED)):
        data = request(lines, coded)
        for parts in ([data], singly(data), [data[:70], data[70:99], data[99:]]):
            got = []
            seen = events(parts, sink=got.append)
            assert b"".join(got) == bytes(range(250)) * 2
            assert seen[1:] == [done(), (0, 0)], seen
            assert len(got) == (1 if len(parts) == 1 else len(got))


# --- one request after the other


def test_pipelining():
    parts = [
        (_GET, [head(), done()]),
        (request("Content-Length: 2\r\n", b"ab", "POST"), None),
        (chunked(b"1\r\nz\r\n0\r\n\r\n", method="PUT", target="/c?d"), None),
        (request("Connection: close\r\n", method="HEAD"), None),
        (request(version="HTTP/1.0"), [head(version=0, keep_alive=False), done()]),
        (request("Expect: 100-continue\r\nContent-Length: 1\r\n", b"!"), None),
        (_GET, [head(), done()]),
    ]
    expected = []
    data = b""
    for text, seen in parts:
        data += text
        expected += seen or events([text])[:-1]
    check(data, *expected)


def test_nothing_is_left_for_the_next_request():
    hm = Request(make(LIMIT))
    data = request("Connection: close\r\nContent-Length: 5\r\n", b"hello", "HEAD", version="HTTP/1.0") + _GET
    buf = Buffer(bytearray(data), len(data))
    assert hm.parse(buf) == HEAD and hm.is_head and not hm.keep_alive and hm.proto == "HTTP/1.0"
    hm.on_body(print)
    assert hm.parse(buf) == PIECE and hm.parse(buf) == DONE
    hm.finish(buf)
    assert len(buf) == len(_GET)
    assert hm.parse(buf) == HEAD
    assert head_of(hm) == head() and hm.sink is None and hm.body == b""
    assert hm.parse(buf) == DONE
    hm.finish(buf)
    assert len(buf) == 0 and hm.parse(buf) == NEED


# A request that is answered before its body needs no body: but only the server can say that nothing follows.
def test_request_finished_early():
    hm = Request(make(LIMIT))
    data = _GET + request(target="/2")
    buf = Buffer(bytearray(data), len(data))
    assert hm.parse(buf) == HEAD
    hm.finish(buf)
    assert hm.parse(buf) == HEAD and hm.uri == "/2"


# While a request's body is awaited, its connection's buffer holds none of what was used.
def test_used_bytes_are_given_back():
    hm = Request(make(LIMIT))
    buf = Buffer()
    for byte in singly(request("Content-Length: 90\r\n")):
        buf.append(byte, 1)
        ev = hm.parse(buf)
    while ev == HEAD:
        ev = hm.parse(buf)
    for _ in range(3):
        assert ev == NEED and len(buf) == 0
        buf.append(bytes(30), 30)
        assert hm.parse(buf) == PIECE and hm.collect(buf, 90)
        ev = hm.parse(buf)
    assert ev == DONE and hm.body == bytes(90) and hm.uri == "/"


# A handler may pause a connection while a request's body is to come. Meanwhile its buffer and the table are others'.
def test_head_that_is_kept_during_a_pause():
    common = make(LIMIT)
    hm = Request(common)
    data = _GET + request("X: y\r\nContent-Length: 5\r\n", b"hello", target="/kept?q") + request(target="/next")
    buf = Buffer(bytearray(data), len(data))
    assert hm.parse(buf) == HEAD and hm.parse(buf) == DONE
    hm.finish(buf)
    assert hm.parse(buf) == HEAD
    keep(hm, buf)
    left = len(buf)
    for at in range(9):
        common[at] = 3
    buf = moved(buf)
    assert len(buf) == left
    assert hm.parse(buf) == PIECE and bytes(hm.view(buf)) == b"hello" and hm.collect(buf, 5)
    keep(hm, buf)
    buf = moved(buf)
    assert hm.parse(buf) == DONE
    assert (hm.body, hm.uri, hm.query, hm.header("x")) == (b"hello", "/kept", "q", "y")
    hm.finish(buf)
    assert hm.parse(buf) == HEAD and hm.uri == "/next"


# --- cost


# A browser's request on a kept-alive connection. (The plain scanner, for want of a compiler, allocates a little.)
def test_parsing_allocates_nothing():
    if parser.scan is plain.scan:
        raise Skip("no viper here")
    hm = Request(make(1000))
    data = request("User-Agent: Mozilla/5.0 (X11)\r\nAccept: */*\r\nConnection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n")
    buf = Buffer(bytearray(data * 2), 2 * len(data))
    allocated = []
    for _ in range(2):
        gc.collect()
        before = gc.mem_alloc()
        first = hm.parse(buf)
        second = hm.parse(buf)
        hm.finish(buf)
        after = gc.mem_alloc()
        assert (first, second) == (HEAD, DONE)
        allocated.append(after - before)
    assert allocated[1] == 0, allocated
