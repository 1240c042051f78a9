# The client's parser: what is a response and what is none, however the bytes are cut.

from mungo.core.buffer import Buffer
from mungo.http.response_parser import Response

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


def test_what_is_no_status_line():
    for line in (
        "HTTP/2.0 200 OK",
        "http/1.1 200 OK",
        "HTTP/1.x 200 OK",
        "HTTP/1.11 200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200 O\x00K",
        "HTTP/1.1 200 O\nK",
        "HTTP/1.1",
        "SSH-2.0-x",
        " HTTP/1.1 200 OK",
        "",
    ):
        check(response("Content-Length: 0\r\n", line=line), BAD)
    assert events([b"SSH"]) == [BAD]  # there is no need to wait for more
    assert events([b"\x15\x03"]) == [BAD]


def test_lengths_that_contradict():
    for lines in (
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999\r\n",
    ):
        check(response(lines, b"abc"), BAD)
    check(response("Transfer-Encoding: chunked\r\n", line="HTTP/1.0 200 OK"), BAD)


def test_fields_that_cannot_be():
    for lines in ("a b: c\r\n", "a\r\n", ": b\r\n", " a: b\r\n", "a: b\n", "a: \x00\r\n", "a: b\r\n c\r\n"):
        check(response(lines + "Content-Length: 0\r\n"), BAD)


def test_chunks_that_cannot_be():
    head = (200, "OK", [("Transfer-Encoding", "chunked")], True, "chunked")
    for body in (b"x\r\n", b"-1\r\n", b"3\nabc", b"3\r\nabcd\r\n", b"12345678\r\n", b"0\r\nno colon\r\n\r\n"):
        check(response("Transfer-Encoding: chunked\r\n", body), head, BAD)


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
