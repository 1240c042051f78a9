# The parser of HTTP requests: bodies, limits, and one request after the other; see test_parser.py.

import gc

from feeding import DONE, GET, HEAD, LIMIT, NEED, PIECE, check, done, events, fields, head, head_of, moved, request, singly
from mungo.core.buffer import Buffer
from mungo.http import scan, scan_portable
from mungo.http.parser import Request
from mungo.http.scan import request_table
from runner import Skip

MIN_HEAP = "84k"

# --- bodies


def test_content_length():
    for text, body in (("0", b""), ("1", b"x"), ("5", b"hello"), ("005", b"hello"), ("000000000000000000005", b"he\0\r\n")):
        lines = "Content-Length: %s\r\n" % text
        check(request(lines, body), head(fields=fields(lines), length=len(body)), done(body))
        check(request(lines, body) + GET, head(fields=fields(lines), length=len(body)), done(body), head(), done())
    lines = "content-LENGTH:  3 \r\n"
    check(request(lines, b"abc"), head(fields=[("content-LENGTH", "3")], length=3), done(b"abc"))
    lines = "Content-Length: 3\r\n"
    check(request(lines, b"ab"), head(fields=fields(lines), length=3), (1, 0))


def test_bad_content_length():
    for text in ("", "+5", "-5", "-0", "5 5", "5,5", "5, 5", "0x5", "5.0", "five", "5\t5", "1e1", "\xb2"):
        check(request("Content-Length: %s\r\n" % text), -400)
    check(request("Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"), -400)
    check(request("Content-Length: 5\r\nCONTENT-LENGTH: 6\r\n", b"hello"), -400)
    for text in ("18446744073709551617", "9" * 100):
        check(request("Content-Length: %s\r\n" % text), -413)
    assert events([request("Content-Length: 999999999\r\n")], body_limit=1 << 30)[-1] == (1, 0)


# It is the length that has a limit, not its digits; and what takes the body in pieces has none.
def test_lengths_of_many_digits():
    for text in ("1000000000", "4294967301", "999999999999999999", "0" * 30 + "1000000000"):
        lines = "Content-Length: %s\r\n" % text
        start = head(fields=fields(lines), length=int(text))
        for data, got in ((b"", b""), (b"hello", b"hello")):
            taken = bytearray()
            assert events([request(lines, data)], sink=taken.extend) == [start, (1, 0)] and taken == got, text
        assert events([request(lines)], body_limit=1 << 60) == [start, (1, 0)], text
        assert events([request(lines)]) == [start, -413], text
    check(request("Content-Length: 1" + "0" * 18 + "\r\n"), -413)


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
        (b"00000005\r\nhello\r\n00000000\r\n\r\n", b"hello"),  # as the C original writes them
        (b"0" * 15 + b"5;a\r\nhello\r\n" + b"0" * 16 + b"\r\n\r\n", b"hello"),
        (b"0" * 60 + b"5\r\nhello\r\n" + b"0" * 60 + b"\r\n\r\n", b"hello"),
        (b"a\r\n0123456789\r\n9\r\n\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0123456789\r\n\r\n0\r\n\r\n"),
        (b"1f\r\n" + b"x" * 31 + b"\r\n0\r\n\r\n", b"x" * 31),
        (b'5;a;b=c;d="e f"\r\nhello\r\n0;x\r\n\r\n', b"hello"),
        (b"5 \t; a = b\r\nhello\r\n0 ;x\r\n\r\n", b"hello"),
        (b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", b"hello"),
    ):
        check(chunked(coded), start, done(body))
    check(chunked(b"2\r\nab\r\n0\r\n\r\n") + GET, start, done(b"ab"), head(), done())
    lines = "transfer-encoding:  Chunked\t\r\n"
    check(chunked(b"0\r\n\r\n", lines), head(fields=[("transfer-encoding", "Chunked")], length="chunked"), done())
    # Empty members of a list don't count, nor does a line without any.
    for lines in ("Transfer-Encoding: , chunked ,\r\n", "Transfer-Encoding: \r\n" + _CHUNKED):
        check(chunked(b"0\r\n\r\n", lines), head(fields=fields(lines), length="chunked"), done())
    check(chunked(b"2\r\nab\r\n0\r\n"), start, (4, 0))
    check(chunked(b"2\r\nab\r\n0"), start, (2, 1))
    check(chunked(b"2\r\nab\r"), start, (3, 1))


def test_bad_chunks():
    start = head(fields=fields(_CHUNKED), length="chunked")
    sizes = "| 5|5 |5\t|5 a;b|5\x0b;a|+5|-5|0x5|g|5,|;a|5\r|0000000g|-ffffffff|5;\x00|5;a\rb|5;\x7f|:|G|@|`|/"
    for size in sizes.split("|"):
        check(chunked(size.encode() + b"\r\n"), start, -400)
    check(chunked(b"1" + b"0" * 15 + b"\r\n"), start, -413)
    check(chunked(b"f" * 15 + b"\r\n"), start, (3, 0))
    check(chunked(b"c9\r\nx"), start, -413)  # all of the chunk would be over the limit
    check(chunked(b"f" * 15 + b"\r\nx"), start, -413)
    for coded in (b"\n", b"5\n", b"2\r\nabc\r\n", b"2\r\nab\n", b"2\r\nab\rx", b"2\r\nab0\r\n\r\n", b"2\r\nab\n\r"):
        check(chunked(coded), start, -400)
    for trailer in (b"X\r\n", b" X: 1\r\n", b"X: 1\n", b"\n", b"X : 1\r\n", b"X: \x00\r\n", b"\r\r\n"):
        check(chunked(b"0\r\n" + trailer), start, -400)


def test_transfer_codings():
    for value, status in (
        ("gzip, chunked", -501),
        ("x,chunked", -501),
        ("gzip", -400),  # chunked must be the last (RFC 9112 section 6.3)
        ("identity", -400),
        ("chunked, gzip", -400),
        ("chunked, chunked", -400),
        (",", -400),
        ("chunked,,chunked", -400),
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
    check(full + GET, seen, done(), head(), done(), limit=len(full))
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


def count_fields(hm):
    return sum([1 for _ in hm.headers()])


def test_field_count():
    few = "".join(["%d:\r\n" % n for n in range(98)])
    for extra, expected in (("z:\r\n", [100, done(), (0, 0)]), ("z:\r\ny:\r\n", [-431])):
        for parts in ([request(few + extra)], singly(request(few + extra))):
            seen = events(parts, limit=2000, describe=count_fields)
            assert seen == expected
    # Trailers come out of the same hundred.
    few = few[: few.find("97:")] + _CHUNKED  # 98 and Host
    for trailers, expected in ((b"a:\r\n\r\n", [99, done(), (0, 0)]), (b"a:\r\nb:\r\n", [99, -431])):
        data = request(few, b"0\r\n" + trailers)
        for parts in ([data], singly(data)):
            assert events(parts, limit=2000, describe=count_fields) == expected


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
    check(bare + b"00000000000000", start, -431, limit=len(bare) + 2)
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


# Zeros in front of sizes are not taken from what extensions and trailers have, or a long stream of such chunks would end.
def test_zeros_in_front_cost_nothing():
    data = chunked((b"0" * 9 + b"1\r\nx\r\n") * 150 + b"00000000\r\n\r\n")
    for parts in ([data], singly(data)):
        assert events(parts, limit=len(chunked(b"")) + 9)[1:] == [done(b"x" * 150), (0, 0)]


def test_sink_gets_all_of_any_length():
    body = bytes(range(250))
    for coded, lines in ((body, "Content-Length: 250\r\n"), (b"fa\r\n" + body + b"\r\n0\r\n\r\n", _CHUNKED)):
        data = request(lines, coded)
        for parts in ([data], singly(data), [data[:70], data[70:99], data[99:]]):
            got = bytearray()
            seen = events(parts, sink=got.extend)
            assert got == body
            assert seen[1:] == [done(), (0, 0)], seen


# --- one request after the other


def test_pipelining():
    parts = [
        (GET, [head(), done()]),
        (request("Content-Length: 2\r\n", b"ab", "POST"), None),
        (chunked(b"1\r\nz\r\n0\r\n\r\n", method="PUT", target="/c?d"), None),
        (request("Connection: close\r\n", method="HEAD"), None),
        (request(version="HTTP/1.0"), [head(version=0, keep_alive=False), done()]),
        (request(version="HTTP/1.5"), [head(version=5), done()]),
        (GET, [head(), done()]),
    ]
    expected = []
    data = b""
    for text, seen in parts:
        data += text
        expected += seen or events([text])[:-1]
    check(data, *expected)


def test_nothing_is_left_for_the_next_request():
    hm = Request(request_table(LIMIT))
    data = request("Connection: close\r\nContent-Length: 5\r\n", b"hello", "HEAD", version="HTTP/1.0") + GET
    buf = Buffer(bytearray(data), len(data))
    assert hm.parse(buf) == HEAD and hm.is_head and not hm.keep_alive and hm.proto == "HTTP/1.0"
    hm.on_body(print)
    assert hm.parse(buf) == PIECE and hm.parse(buf) == DONE
    hm.finish(buf)
    assert len(buf) == len(GET)
    assert hm.parse(buf) == HEAD
    assert head_of(hm) == head() and hm.sink is None and hm.body == b""
    assert hm.parse(buf) == DONE
    hm.finish(buf)
    assert len(buf) == 0 and hm.parse(buf) == NEED


# A request that is answered before its body needs no body: but only the server can say that nothing follows.
def test_request_finished_early():
    hm = Request(request_table(LIMIT))
    data = GET + request(target="/2")
    buf = Buffer(bytearray(data), len(data))
    assert hm.parse(buf) == HEAD
    hm.finish(buf)
    assert hm.parse(buf) == HEAD and hm.uri == "/2"


# While a request's body is awaited, its connection's buffer holds none of what was used.
def test_used_bytes_are_given_back():
    hm = Request(request_table(LIMIT))
    buf = Buffer()
    for byte in singly(request("Content-Length: 90\r\n")):
        buf.append(byte, 1)
        ev = hm.parse(buf)
    while ev == HEAD:
        ev = hm.parse(buf)
    for _ in range(3):
        assert ev == NEED and len(buf) == 0
        buf.append(bytes(30), 30)
        assert hm.parse(buf) == PIECE and hm.collect(hm.view(buf), 90)
        ev = hm.parse(buf)
    assert ev == DONE and hm.body == bytes(90) and hm.uri == "/"


# A handler may pause a connection while a request's body is to come. Meanwhile its buffer and the table are others'.
def test_head_that_is_kept_during_a_pause():
    common = request_table(LIMIT)
    hm = Request(common)
    data = GET + request("X: y\r\nContent-Length: 5\r\n", b"hello", target="/kept?q") + request(target="/next")
    buf = Buffer(bytearray(data), len(data))
    assert hm.parse(buf) == HEAD and hm.parse(buf) == DONE
    hm.finish(buf)
    assert hm.parse(buf) == HEAD
    hm.keep(buf)
    left = len(buf)
    for at in range(9):
        common[at] = 3
    buf = moved(buf)
    assert len(buf) == left
    assert hm.parse(buf) == PIECE and bytes(hm.view(buf)) == b"hello" and hm.collect(hm.view(buf), 5)
    hm.keep(buf)
    buf = moved(buf)
    assert hm.parse(buf) == DONE
    assert (hm.body, hm.uri, hm.query, hm.header("x")) == (b"hello", "/kept", "q", "y")
    hm.finish(buf)
    assert hm.parse(buf) == HEAD and hm.uri == "/next"


# --- cost


# A browser's request on a kept-alive connection. (The portable scanner, for want of a compiler, allocates a little.)
def test_parsing_allocates_nothing():
    if scan.scan is scan_portable.scan:
        raise Skip("no viper here")
    hm = Request(request_table(1000))
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
