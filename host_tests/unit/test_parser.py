# The parser of HTTP requests, their heads: bytes in, events out. However the bytes are cut, the events are the same; see `check` in
# feeding.py. Bodies, limits and pipelining are in test_parser_bodies.py.

from feeding import GET, HEAD, LIMIT, check, done, events, fields, head, request
from mungo.core.buffer import Buffer
from mungo.http.parser import Request
from mungo.http.scan import request_table

# --- the request line


def test_get():
    check(GET, head(), done())
    check(GET[:-1], (0, len(GET) - 1))
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
        # Characters beyond ASCII belong in escapes, but curl, Java and MicroPython's clients send them as UTF-8.
        ("/caf\xe9", "/caf\xe9", ""),
        ("/\u20ac/\ud7ff?\U0001f600=\uffff", "/\u20ac/\ud7ff", "\U0001f600=\uffff"),
    ):
        check(request(target=target), head(uri=uri, query=query), done(uri=uri, query=query))
    for target in ("", "a", "?a", "/a#b", "#", "/\t", "/\x00", "/\x7f", "/a b", "/ ", " /", "/\xe9#", "/\xe9\x00", "\xe9"):
        check(request(target=target), -400)
    for raw in (b"\xe9", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xe2\x82", b"\x80", b"\xc3?\xa9"):
        check(request(target="/@").replace(b"@", raw), -400)
        check(request(target="/?@").replace(b"@", raw), -400)


def test_absolute_form():
    for target, uri, query in (
        ("http://a/", "/", ""),
        ("http://a", "/", ""),
        ("HTTP://a:80/b?c", "/b", "c"),
        ("http://a?b/c", "/", "b/c"),
        ("http://[::1]:80/b/?", "/b/", ""),
    ):
        check(request(target=target), head(uri=uri, query=query), done(uri=uri, query=query))
    bad = "http:///|http://|http://?a|http://:80/|http:/a|ftp://a/|a://b/|http//a/|http://u@a/|http://a:b/|http://a]/|://a/|https://a/"
    for target in bad.split("|"):
        check(request(target=target), -400)


# The Host field says nothing then: RFC 9112 section 3.2.2.
def test_host_of_absolute_form():
    for target, version, host, seen in (
        ("http://a:80/b?http://c/", "HTTP/1.1", "Host: x\r\n", "a:80"),
        ("HTTP://[::1]?c", "HTTP/1.1", "Host:\r\n", "[::1]"),
        ("http://a", "HTTP/1.0", "", "a"),
        ("/http://a", "HTTP/1.1", "Host: x\r\n", "x"),
        ("/", "HTTP/1.0", "", None),
    ):
        data = b"\r\n" + request(target=target, version=version, host=host)
        hm = Request(request_table(LIMIT))
        buf = Buffer(bytearray(data), len(data))
        assert hm.parse(buf) == HEAD
        assert hm.header("Host") == hm.header("host") == seen, target
        hm.keep(buf)
        assert hm.header("Host") == seen and hm.header("X-Host") is None, target


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
    check(b"\r\n" + GET, head(), done())
    check(b"\r\n\r\n\r\n" + GET + b"\r\n" + GET + b"\r\n", head(), done(), head(), done(), (0, 0))
    check(b"\r\n\r", (0, 1))
    check(b"\rG" + GET, -400)
    check(b"\n" + GET, -400)
    check(b"\r\n\n", -400)
    check(b"\r\n\r\nG", (0, 1))
    check(b"\r\r\n" + GET, -400)


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
    for line in ": x|a b: x|a : x|a|a\t: x| a: x|\ta: x|a: \x00|a: \x0b|a: \x7f|a(: x|\xe9: x|a: x\ry|a: x\r".split("|"):
        check(request(line + "\r\n"), -400)
        check(request("b: x\r\n" + line + "\r\n"), -400)
    check(request("a: x\n"), -400)
    check(b"GET / HTTP/1.1\nHost: a\n\n", -400)
    check(GET[:-1] + b"x\n", -400)
    check(GET[:-2] + b"\n", -400)


# The lines before the bad one are judged when they are whole: nothing waits for the end of the head.
def test_bad_line_is_refused_at_once():
    for data in (b"GET / HTTP/1.1\r\na b: c\r\n", b"GET / HTTP/3.0\r\n", b"GET /\r\n", b"GET / HTTP/1.1\r\n\n"):
        check(data, -400 if b"3" not in data else -505)


def test_header_lookup():
    hm = Request(request_table(LIMIT))
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
    hm = Request(request_table(LIMIT))
    data = request(target="/api/x?/fast")
    buf = Buffer(bytearray(data), len(data))
    assert hm.parse(buf) == HEAD
    assert hm.match("/api/x") and hm.match("/api/*") and hm.match("/#") and hm.match("/api/?")
    assert not hm.match("/api") and not hm.match("/api/x?/fast") and not hm.match("/*") and not hm.match("/fast")


def test_host():
    for host in ("", "a.b-c", "10.0.0.1:80", "[fe80::1]", "[::1]:80", "a:", "%41"):
        check(request(host="Host: %s\r\n" % host), head(host=host), done())
    for lines in ("", "Host: a\r\nHost: a\r\n", "Host: a\r\nhOsT: b\r\n"):
        check(request(host=lines), -400)
    for host in ("a b", "a/b", "a@b", "a\\b", "a#", "a?", "\xe9", "a\tb", "<a>", "a:b", "a:8:8", "a[", "a]", "[a", "[a]b", "[]]", "[:]:a"):
        check(request(host="Host: %s\r\n" % host), -400)
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
            (",close,", False),
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
    lines = "Content-Length: 2\r\nExpect: ,100-continue,\r\n"
    check(request(lines, b"ab"), head(fields=fields(lines), length=2, expects=True), done(b"ab"))
    lines = "Content-Length: 2\r\nExpect:\r\n"  # nothing is expected
    check(request(lines, b"ab"), head(fields=[("Content-Length", "2"), ("Expect", "")], length=2), done(b"ab"))
    lines = "Expect: 100-continue\r\n"  # there is nothing to go on with
    check(request(lines), head(fields=fields(lines)), done())
    check(request(lines + "Content-Length: 0\r\n"), head(fields=fields(lines + "Content-Length: 0\r\n")), done())
    for lines in ("Expect: x\r\n", "Expect: ,x\r\n", "Expect: 100-continue, x\r\n", "Expect: x\r\nExpect: 100-continue\r\n"):
        check(request("Content-Length: 2\r\n" + lines, b"ab"), -417)
    lines = "Content-Length: 2\r\nExpect: x\r\n"  # HTTP/1.0 did not know it
    check(
        request(lines, b"ab", version="HTTP/1.0"),
        head(version=0, fields=fields(lines), keep_alive=False, length=2),
        done(b"ab"),
    )
