# The client's parser: what is a response and what is none, however the bytes are cut.

from mungo.core.buffer import Buffer
from mungo.http.response_parser import Response

MIN_HEAP = "100k"

NEED, HEAD, PIECE, DONE = range(4)
BAD = -502
LIMIT = 300


def events(pieces, is_head=False, limit=LIMIT):
    """What comes of these bytes: (status, reason, fields, keep_alive, "length" or "chunked" or "end") and the body of each response.

    Last comes BAD, or how many bytes of the next response are there and whether a body ends here.
    """
    hm = Response(limit)
    hm.is_head = is_head
    buf = Buffer()
    seen = []
    for piece in pieces:
        buf.append(piece, len(piece))
        while True:
            ev = hm.parse(buf)
            if ev == HEAD:
                kind = "chunked" if hm.state > 1 else "end" if hm.is_endless else hm.left
                seen.append((hm.status, hm.reason, list(hm.headers()), hm.keep_alive, kind))
            elif ev == PIECE:
                assert hm.collect(hm.view(buf), 1000)
            elif ev == DONE:
                seen.append((hm.body, hm.status, hm.reason))
                hm.finish(buf)
            elif ev == NEED:
                break
            else:
                return seen + [ev]
        rest = buf.read()  # as in the loop, whose buffer is used for something else
        for at in range(len(buf.data)):
            buf.data[at] = 63
        buf = Buffer(bytearray(rest), len(rest))
    if hm.state and hm.is_endless:
        seen.append(hm.body)
    return seen + [len(buf)]


def check(data, *expected, **options):
    expected = list(expected)
    if expected[-1] != BAD and not isinstance(expected[-1], int):
        expected.append(0)
    seen = events([data], **options)
    assert seen == expected, (data, seen, expected)
    seen = events((data[i : i + 1] for i in range(len(data))), **options)
    assert seen == expected, ("byte by byte", data, seen, expected)
    for at in range(1, len(data)):
        seen = events([data[:at], data[at:]], **options)
        assert seen == expected, (at, data, seen, expected)


def response(lines="", body=b"", line="HTTP/1.1 200 OK"):
    return ("%s\r\n%s\r\n" % (line, lines)).encode() + body


def test_a_body_with_a_length():
    data = response("Content-Length: 3\r\nX-A:  b \r\n", b"abc")
    head = (200, "OK", [("Content-Length", "3"), ("X-A", "b")], True, 3)
    check(data, head, (b"abc", 200, "OK"))
    check(data + data, head, (b"abc", 200, "OK"), head, (b"abc", 200, "OK"))


def test_a_chunked_body():
    data = response("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n")
    check(data, (200, "OK", [("Transfer-Encoding", "chunked")], True, "chunked"), (b"abcde", 200, "OK"))


def test_a_body_that_ends_with_the_connection():
    check(response("", b"abc\r\ndef"), (200, "OK", [], False, "end"), b"abc\r\ndef")
    check(response("Connection: keep-alive\r\n"), (200, "OK", [("Connection", "keep-alive")], False, "end"), b"")


def test_responses_without_a_body():
    for status in (204, 304):
        data = response("Content-Length: 5\r\n", line="HTTP/1.1 %d X" % status)
        check(data, (status, "X", [("Content-Length", "5")], True, 0), (b"", status, "X"))
        data = response("Transfer-Encoding: chunked\r\n", line="HTTP/1.1 %d X" % status)
        check(data, (status, "X", [("Transfer-Encoding", "chunked")], True, 0), (b"", status, "X"))
    data = response("Content-Length: 5\r\n")
    check(data, (200, "OK", [("Content-Length", "5")], True, 0), (b"", 200, "OK"), is_head=True)
    check(response(), (200, "OK", [], True, 0), (b"", 200, "OK"), is_head=True)


def test_interim_responses_are_passed_over():
    data = b"HTTP/1.1 100 Continue\r\n\r\n" + response("X: 1\r\n", line="HTTP/1.1 103 Early Hints") + response("Content-Length: 0\r\n")
    check(data, (200, "OK", [("Content-Length", "0")], True, 0), (b"", 200, "OK"))


def test_another_protocol_was_not_asked_for():
    check(response("Upgrade: x\r\n", line="HTTP/1.1 101 Switching Protocols"), BAD)


def test_status_lines():
    for line, status, reason in (
        ("HTTP/1.1 200 OK", 200, "OK"),
        ("HTTP/1.1 404 Not  Found", 404, "Not  Found"),
        ("HTTP/1.1 404 ", 404, ""),
        ("HTTP/1.1 404", 404, ""),
        ("HTTP/1.1 599 caf\xe9", 599, "caf\xe9"),
        ("HTTP/1.2 200 OK", 200, "OK"),
    ):
        check(response("Content-Length: 0\r\n", line=line), (status, reason, [("Content-Length", "0")], True, 0), (b"", status, reason))
    check(response("Content-Length: 0\r\n", line="HTTP/1.0 200 OK"), (200, "OK", [("Content-Length", "0")], False, 0), (b"", 200, "OK"))


def faulty(data, fault, *expected, **options):
    """This is refused, however it is cut, and what is told of the fault has these words in it."""
    check(data, *(expected + (BAD,)), **options)
    hm = Response(LIMIT)
    buf = Buffer(bytearray(data), len(data))
    ev = hm.parse(buf)
    while ev > 0 and hm.state:
        ev = hm.parse(buf)
    assert ev == BAD and fault in hm.fault, (data, hm.fault)


def test_blanks_in_status_lines():
    for line in ("HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1 200  OK ", "HTTP/1.1 \x0b200\rOK"):
        data = response("Content-Length: 0\r\n", line=line)
        assert events([data])[0][:2] in ((200, "OK"), (200, "OK ")), line
        assert events([data[i : i + 1] for i in range(len(data))]) == events([data]), line


def test_what_is_no_status_line():
    for line in (
        "HTTP/1.x 200 OK",
        "HTTP/1.11 200 OK",
        "HTTP/1. 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1 \xb2\xb9\xb20 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1",
        "HTTP/1.1200 OK",
    ):
        faulty(response("Content-Length: 0\r\n", line=line), "status line")
    for line in ("HTTP/2.0 200 OK", "http/1.1 200 OK", "ICY 200 OK", "SSH-2.0-x", "<html>", " HTTP/1.1 200 OK", "\rHTTP/1.1 200", "\x00"):
        faulty(response("Content-Length: 0\r\n", line=line), "no HTTP/1 response: b'")
    assert events([b"SSH"]) == [BAD]  # there is no need to wait for more
    assert events([b"\x15\x03"]) == [BAD]
    faulty(response("Upgrade: x\r\n", line="HTTP/1.1 101 Switching Protocols"), "101")


OK = (200, "OK", [("Content-Length", "2")], True, 2)


def test_empty_lines_before_the_status_line():
    data = response("Content-Length: 2\r\n", b"ok")
    for lines in (b"\r\n", b"\n", b"\r\n\r\n", b"\n\r\n\n"):
        check(lines + data, OK, (b"ok", 200, "OK"))
        check(data + lines + data, OK, (b"ok", 200, "OK"), OK, (b"ok", 200, "OK"))
        check(b"HTTP/1.1 100 Continue\r\n\r\n" + lines + data, OK, (b"ok", 200, "OK"))


def test_lines_that_end_in_lf_alone():
    check(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", OK, (b"ok", 200, "OK"))
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok", OK, (b"ok", 200, "OK"))
    check(b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\nok", OK, (b"ok", 200, "OK"))
    check(b"HTTP/1.1 200\nContent-Length: 2\n\nok", (200, "", [("Content-Length", "2")], True, 2), (b"ok", 200, ""))
    check(b"HTTP/1.1 200 OK\n\nx\r\n\r\ny", (200, "OK", [], False, "end"), b"x\r\n\r\ny")
    many = b"HTTP/1.1 200 OK\n" + b"a:\n" * 60 + b"Content-Length: 2\n\nok"  # (with CRLF it would be over the limit)
    check(many, (200, "OK", [("a", "")] * 60 + [("Content-Length", "2")], True, 2), (b"ok", 200, "OK"))
    chunked = b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"
    head = (200, "OK", [("Transfer-Encoding", "chunked")], True, "chunked")
    check(chunked + b"2\nok\n1;x\r\n!\n0\n\n", head, (b"ok!", 200, "OK"))
    check(chunked + b"2\r\nok\n0\nX: y\nZ\n\r\n", head, (b"ok", 200, "OK"))


def test_cr_alone_ends_no_line():
    check(
        b"HTTP/1.1 200 OK\rContent-Length: 5\r\nContent-Length: 2\r\n\r\nok",
        (200, "OK Content-Length: 5", [("Content-Length", "2")], True, 2),
        (b"ok", 200, "OK Content-Length: 5"),
    )
    check(
        b"HTTP/1.1 200 OK\r\nX: a\rContent-Length: 5\r\nContent-Length: 2\r\n\r\nok",
        (200, "OK", [("X", "a Content-Length: 5"), ("Content-Length", "2")], True, 2),
        (b"ok", 200, "OK"),
    )
    check(
        b"HTTP/1.1 200 OK\r\nX: a\r\r\nContent-Length: 2\r\n\r\nok",
        (200, "OK", [("X", "a"), ("Content-Length", "2")], True, 2),
        (b"ok", 200, "OK"),
    )
    check(b"HTTP/1.1 200 OK\r\nX: a\r\r", 23)  # nothing has ended yet
    faulty(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r3\r\n\r\nok", "Content-Length ['2 3']")
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    head = (200, "OK", [("Transfer-Encoding", "chunked")], True, "chunked")
    for body in (b"2\rok\r\n", b"2\r\nok\r0\r\n\r\n", b"2;a\rb\r\nok\r\n"):
        faulty(chunked + body, "chunk", head)
    check(chunked + b"0\r\nX: y\r\r\nZ\r\n\r\n", head, (b"", 200, "OK"))


def test_folded_fields_are_unfolded():
    for fold in ("\r\n ", "\r\n\t", "\n ", " \r\n \t", "\r\n \r\n "):
        data = response("X: a%sb\r\nContent-Length: 2\r\n" % fold, b"ok")
        head, done, left = events([data])
        assert (head[2][0][0], head[2][0][1].split()) == ("X", ["a", "b"]) and done[0] == b"ok", (fold, head)
        assert "\r" not in head[2][0][1] and "\n" not in head[2][0][1]
        assert events([data[i : i + 1] for i in range(len(data))]) == [head, done, left]
    head = (200, "OK", [("Content-Length", "2"), ("X", "a Y: b")], True, 2)
    check(response("Content-Length:\r\n 2\r\nX: a\r\n Y: b\r\n", b"ok"), (200, "OK", head[2], True, 2), (b"ok", 200, "OK"))
    faulty(response("Content-Length: 2\r\n 3\r\n", b"ok"), "Content-Length ['2 3']")
    # Behind the status line such lines are ignored (RFC 9112 section 2.2).
    check(response(" X: a\r\n\tY\r\nContent-Length: 2\r\n", b"ok"), OK, (b"ok", 200, "OK"))


def test_control_characters_in_fields_are_spaces():
    for code in range(32):
        if code not in (9, 10):
            data = response("X: a%sb\r\nContent-Length: 2\r\n" % chr(code), b"ok")
            assert events([data])[:2] == [(200, "OK", [("X", "a b"), ("Content-Length", "2")], True, 2), (b"ok", 200, "OK")], code
    check(response("Content-Length: \x7f2\r\n", b"ok"), OK, (b"ok", 200, "OK"))
    faulty(response("Content-Length: 2\x003\r\n", b"ok"), "Content-Length ['2 3']")


def test_blanks_before_the_colon():
    check(response("Content-Length : 2\r\n", b"ok"), OK, (b"ok", 200, "OK"))
    check(response("Content-Length \t:2\r\n", b"ok"), OK, (b"ok", 200, "OK"))


def test_lengths_that_are_given_twice():
    for value in ("2\r\nContent-Length: 2", "2, 2", "2,\t2 , 2", ", 2", "2\r\ncontent-length: 2, 2"):
        seen = events([response("Content-Length: %s\r\n" % value, b"ok")])
        assert seen[0][3:] == (True, 2) and seen[1] == (b"ok", 200, "OK"), value


def test_chunked_wins_over_a_length():
    body = b"2\r\nok\r\n0\r\n\r\n"
    for lines in (
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 99\r\n",
    ):
        seen = events([response(lines, body)])
        assert seen[0][3:] == (False, "chunked") and seen[1] == (b"ok", 200, "OK"), lines
    seen = events([response("Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", body, "HTTP/1.0 200 OK")])
    assert seen[0][3:] == (False, "chunked") and seen[1] == (b"ok", 200, "OK")


def test_lengths_that_contradict():
    for lines, fault in (
        ("Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length ['3', '4']"),
        ("Content-Length: 3\r\nContent-Length: x\r\n", "Content-Length ['3', 'x']"),
        ("Content-Length: 3, 4\r\n", "Content-Length ['3', '4']"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding ['chunked', 'chunked']"),
        ("Transfer-Encoding: gzip\r\n", "Transfer-Encoding ['gzip']"),
        ("Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding ['gzip', 'chunked']"),
        ("Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding ['chunked', 'gzip']"),
        ("Transfer-Encoding: identity, chunked\r\n", "Transfer-Encoding ['identity', 'chunked']"),
        ("Transfer-Encoding: xchunked\r\n", "Transfer-Encoding ['xchunked']"),
        ("Content-Length: +3\r\n", "Content-Length ['+3']"),
        ("Content-Length: -3\r\n", "Content-Length ['-3']"),
        ("Content-Length: 0x3\r\n", "Content-Length ['0x3']"),
        ("Content-Length: 3 3\r\n", "Content-Length ['3 3']"),
        ("Content-Length: \xb2\r\n", "Content-Length"),
        ("Content-Length: \r\n", "Content-Length"),
        ("Content-Length: 99999999999999999999\r\n", "Content-Length ['99999999999999999999']"),
    ):
        faulty(response(lines, b"abc"), fault)


# In RFC 2616 it was the word for no coding; small servers still send it.
def test_the_coding_identity_is_none():
    for value in ("identity", "Identity", ",\tidentity ,"):
        fields = [("Transfer-Encoding", value.strip(" \t"))]
        check(response("Transfer-Encoding: %s\r\n" % value, b"ok"), (200, "OK", fields, False, "end"), b"ok", 0)
        seen = events([response("Transfer-Encoding: %s\r\nContent-Length: 2\r\n" % value, b"ok")])
        assert seen[0][3:] == (False, 2) and seen[1] == (b"ok", 200, "OK"), value


# HEAD and 304 say how long a large file is, and nothing of it comes.
def test_lengths_of_large_files():
    for length in ("9999999999", "1073741824", "18446744073709551616"):
        for line, is_head in (("HTTP/1.1 200 OK", True), ("HTTP/1.1 304 OK", False), ("HTTP/1.1 204 OK", False)):
            data = response("Content-Length: %s\r\n" % length, line=line)
            status = int(line[9:12])
            check(data, (status, "OK", [("Content-Length", length)], True, 0), (b"", status, "OK"), is_head=is_head)
    for length in (9999999999, 999999999999999999):
        assert events([response("Content-Length: %d\r\n" % length)])[0][4] == length


# The scanner looks at Host as a server has to. In a response it means nothing.
def test_host_in_a_response_does_not_matter():
    for value in ("a", "", "a b", "http://a/", "\xe9", "[::1", "a\r\n b c", "\r\n\ta b", "a\r\nHost: b", "a b\r\nHost: c d"):
        seen = events([response("X: 1\r\nHost: %s\r\nContent-Length: 2\r\n" % value, b"ok")])
        assert seen[0][3:] == (True, 2) and seen[1:] == [(b"ok", 200, "OK"), 0], (value, seen)
        assert seen[0][2][0] == ("X", "1") and seen[0][2][-1] == ("Content-Length", "2"), seen


def test_fields_that_cannot_be():
    for lines in ("a b: c\r\n", "a\r\n", ": b\r\n", "\xff: b\r\n", "a\x00b: c\r\n", "a\rb: c\r\n", "a\n"):
        faulty(response(lines + "Content-Length: 0\r\n"), "no field: b'")


def test_chunks():
    head = (200, "OK", [("Transfer-Encoding", "chunked")], True, "chunked")
    for body in (
        b"3  \r\nabc\r\n0\r\n\r\n",
        b"3\t\r\nabc\r\n0 \r\n\r\n",
        b"3 ;x=y \r\nabc\r\n0\r\n\r\n",
        b"00000003\r\nabc\r\n00000000\r\n\r\n",
        b"0000000000000000000000003\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\nno colon\r\n\r\n",
    ):
        check(response("Transfer-Encoding: chunked\r\n", body), head, (b"abc", 200, "OK"))


def test_chunks_that_cannot_be():
    head = (200, "OK", [("Transfer-Encoding", "chunked")], True, "chunked")
    for body in (b"x", b"-1", b" 3", b"3 3", b"", b"3\r\nabcd", b"3\r\nabcx\n", b"1234567890123456", b"3;" + b"x" * LIMIT):
        body += b"\r\n"
        faulty(response("Transfer-Encoding: chunked\r\n", body), "chunk", head)


def test_the_limit_of_a_head():
    base = len(response("Content-Length: 0\r\nX: \r\n"))
    for n, is_good in ((LIMIT - base, True), (LIMIT - base + 1, False), (2 * LIMIT, False)):
        data = response("Content-Length: 0\r\nX: %s\r\n" % ("x" * n))
        if is_good:
            check(data, (200, "OK", [("Content-Length", "0"), ("X", "x" * n)], True, 0), (b"", 200, "OK"))
        else:
            check(data, BAD)
    check(b"HTTP/1.1 200 " + b"x" * LIMIT, BAD)


def test_connection():
    for value, version, expected in (
        ("close", 1, False),
        ("x, Close", 1, False),
        ("keep-alive", 1, True),
        ("keep-alive", 0, True),
        ("x", 0, False),
        ("x", 1, True),
    ):
        data = response("Connection: %s\r\nContent-Length: 0\r\n" % value, line="HTTP/1.%d 200 OK" % version)
        assert events([data])[0][3] is expected, (value, version)
