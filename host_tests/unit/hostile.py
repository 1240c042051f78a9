# Requests that a server must refuse: (name, status, bytes), for a server with these limits. Each is refused for what is in it, with
# nothing more to come. Used by test_hostile.py over sockets and by test_hostile_parse.py without.

HEAD_LIMIT = 512
BODY_LIMIT = 256

_HOST = b"Host: a\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"


# A request with these lines behind Host, and this body.
def _post(lines, body=b"", version=b"HTTP/1.1"):
    return b"POST / " + version + b"\r\n" + _HOST + lines + b"\r\n" + body


def _get(target=b"/", lines=_HOST, method=b"GET", version=b"HTTP/1.1"):
    return method + b" " + target + b" " + version + b"\r\n" + lines + b"\r\n"


# One by one, since some are long.
def rows():
    # Two opinions about where the body ends.
    yield "both lengths", 400, _post(b"Content-Length: 5\r\n" + _CHUNKED, b"0\r\n\r\n")
    yield "both lengths, the other way round", 400, _post(_CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n")
    yield "two lengths", 400, _post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello!")
    yield "two equal lengths", 400, _post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello")
    yield "two lengths in a list", 400, _post(b"Content-Length: 5, 5\r\n", b"hello")
    yield "two codings", 400, _post(_CHUNKED + _CHUNKED, b"0\r\n\r\n")
    yield "two codings, one unknown", 400, _post(_CHUNKED + b"Transfer-Encoding: x\r\n", b"0\r\n\r\n")

    # Content-Length
    yield "length with plus", 400, _post(b"Content-Length: +5\r\n", b"hello")
    yield "length with minus", 400, _post(b"Content-Length: -5\r\n", b"hello")
    yield "length in hex", 400, _post(b"Content-Length: 0x5\r\n", b"hello")
    yield "length with a space inside", 400, _post(b"Content-Length: 1 5\r\n", b"hello")
    yield "length with a fraction", 400, _post(b"Content-Length: 5.0\r\n", b"hello")
    yield "length that is empty", 400, _post(b"Content-Length:\r\n", b"hello")
    yield "length that is blank", 400, _post(b"Content-Length: \t \r\n", b"hello")
    yield "length in words", 400, _post(b"Content-Length: five\r\n", b"hello")
    yield "length in another script", 400, _post(b"Content-Length: \xd9\xa5\r\n", b"hello")
    yield "length of 2**32", 413, _post(b"Content-Length: 4294967296\r\n", b"hello")
    yield "length of 2**64 + 5", 413, _post(b"Content-Length: 18446744073709551621\r\n", b"hello")
    yield "length of ten digits", 413, _post(b"Content-Length: 9999999999\r\n", b"hello")
    yield "length of ten digits behind zeros", 413, _post(b"Content-Length: 0009999999999\r\n", b"hello")
    yield "length of 18 digits", 413, _post(b"Content-Length: 999999999999999999\r\n", b"hello")
    yield "length of 200 digits", 413, _post(b"Content-Length: " + b"1" * 200 + b"\r\n", b"hello")
    yield "length over the limit", 413, _post(b"Content-Length: 257\r\n")
    yield "length over the limit, with the body", 413, _post(b"Content-Length: 300\r\n", b"x" * 300)

    # Fields
    yield "folded line", 400, _get(lines=_HOST + b"X: a\r\n b\r\n")
    yield "folded line with a tab", 400, _get(lines=_HOST + b"X: a\r\n\tb\r\n")
    yield "folded first field", 400, _get(lines=b" " + _HOST)
    yield "space before the colon", 400, _get(lines=_HOST + b"X : a\r\n")
    yield "length with a space before the colon", 400, _post(b"Content-Length : 5\r\n", b"hello")
    yield "coding with a tab before the colon", 400, _post(b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n")
    yield "no colon", 400, _get(lines=_HOST + b"X\r\n")
    yield "no name", 400, _get(lines=_HOST + b": x\r\n")
    yield "space in a name", 400, _get(lines=_HOST + b"X Y: a\r\n")
    yield "bracket in a name", 400, _get(lines=_HOST + b"X[]: a\r\n")
    yield "NUL in a name", 400, _get(lines=_HOST + b"X\0: a\r\n")
    yield "high byte in a name", 400, _get(lines=_HOST + b"X\xff: a\r\n")
    yield "NUL in a value", 400, _get(lines=_HOST + b"X: a\0b\r\n")
    yield "bare CR in a value", 400, _get(lines=_HOST + b"X: a\rContent-Length: 5\r\n")
    yield "bare CR before the line end", 400, _get(lines=_HOST + b"X: a\r\r\n")
    yield "control byte in a value", 400, _get(lines=_HOST + b"X: a\x1bb\r\n")
    yield "vertical tab in a value", 400, _get(lines=_HOST + b"X: a\x0bb\r\n")
    yield "DEL in a value", 400, _get(lines=_HOST + b"X: a\x7f\r\n")
    yield "LF alone", 400, b"GET / HTTP/1.1\nHost: a\n\n"
    yield "LF alone behind a field", 400, _get(lines=_HOST + b"X: a\n")
    yield "LF alone for the last line", 400, b"GET / HTTP/1.1\r\nHost: a\r\n\n"
    yield "CR alone", 400, b"\rGET / HTTP/1.1\rHost: a\r\r"
    yield "101 fields", 431, _get(lines=_HOST + b"a:\r\n" * 100)
    yield "200 fields", 431, _get(lines=_HOST + b"a:\r\n" * 200)
    yield "long field", 431, _get(lines=_HOST + b"X: " + b"x" * 600 + b"\r\n")
    yield "field that does not end", 431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 600
    yield "name that does not end", 431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x" * 600

    # Chunks
    yield "chunk size that is empty", 400, _post(_CHUNKED, b"\r\nhello\r\n0\r\n\r\n")
    yield "chunk size with 0x", 400, _post(_CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n")
    yield "chunk size with plus", 400, _post(_CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n")
    yield "chunk size with minus", 400, _post(_CHUNKED, b"-5\r\nhello\r\n0\r\n\r\n")
    yield "chunk size behind a space", 400, _post(_CHUNKED, b" 5\r\nhello\r\n0\r\n\r\n")
    yield "chunk size before a space", 400, _post(_CHUNKED, b"5 \r\nhello\r\n0\r\n\r\n")
    yield "chunk size with an underscore", 400, _post(_CHUNKED, b"1_0\r\nhello\r\n0\r\n\r\n")
    yield "chunk size that is no number", 400, _post(_CHUNKED, b"xyz\r\nhello\r\n0\r\n\r\n")
    yield "chunk size with zeros in front, over the limit", 413, _post(_CHUNKED, b"00000101\r\n" + b"x" * 257 + b"\r\n0\r\n\r\n")
    yield "chunk size with zeros in front, and a letter", 400, _post(_CHUNKED, b"0000000g\r\nhello\r\n0\r\n\r\n")
    yield "chunk size of 2**32", 413, _post(_CHUNKED, b"100000000\r\nhello\r\n0\r\n\r\n")
    yield "chunk size of 2**32 + 5", 413, _post(_CHUNKED, b"100000005\r\nhello\r\n0\r\n\r\n")
    yield "chunk size of 2**60 - 1", 413, _post(_CHUNKED, b"fffffffffffffff\r\nhello\r\n0\r\n\r\n")
    yield "chunk size of 2**64 + 5", 413, _post(_CHUNKED, b"10000000000000005\r\nhello\r\n0\r\n\r\n")
    yield "chunk size of 2**64 + 5, with zeros in front", 413, _post(_CHUNKED, b"00010000000000000005\r\nhello\r\n0\r\n\r\n")
    yield "chunk size with too many zeros", 431, _post(_CHUNKED, b"0" * 500 + b"1\r\nx\r\n0\r\n\r\n")
    yield "chunk size with LF alone", 400, _post(_CHUNKED, b"5\nhello\r\n0\r\n\r\n")
    yield "chunk extension with NUL", 400, _post(_CHUNKED, b"5;a\0\r\nhello\r\n0\r\n\r\n")
    yield "chunk extension with a bare CR", 400, _post(_CHUNKED, b"5;a\r0\r\nhello\r\n0\r\n\r\n")
    yield "chunk that is longer than its size", 400, _post(_CHUNKED, b"5\r\nhello!\r\n0\r\n\r\n")
    yield "chunk that is shorter than its size", 400, _post(_CHUNKED, b"5\r\nhell\r\n0\r\n\r\n")
    yield "chunk that ends in LF alone", 400, _post(_CHUNKED, b"5\r\nhello\n0\r\n\r\n")
    yield "chunk that ends in CR alone", 400, _post(_CHUNKED, b"5\r\nhello\r0\r\n\r\n")
    yield "chunk without an end", 400, _post(_CHUNKED, b"5\r\nhello0\r\n\r\n")
    yield "chunk extension over the limit", 431, _post(_CHUNKED, b"5;" + b"x" * 500 + b"\r\nhello\r\n0\r\n\r\n")
    yield "chunk extensions over the limit", 431, _post(_CHUNKED, b"1;abcdefgh\r\nx\r\n" * 60 + b"0\r\n\r\n")
    yield "chunk size that does not end", 431, _post(_CHUNKED, b"0" * 600)
    yield "chunks over the limit", 413, _post(_CHUNKED, (b"40\r\n" + b"x" * 64 + b"\r\n") * 5 + b"0\r\n\r\n")
    yield "chunk over the limit", 413, _post(_CHUNKED, b"101\r\n" + b"x" * 257 + b"\r\n0\r\n\r\n")
    yield "trailer without a colon", 400, _post(_CHUNKED, b"0\r\nX\r\n\r\n")
    yield "trailer that is folded", 400, _post(_CHUNKED, b"0\r\nX: a\r\n b\r\n\r\n")
    yield "trailer with LF alone", 400, _post(_CHUNKED, b"0\r\nX: a\n\r\n")
    yield "trailer with a bare CR", 400, _post(_CHUNKED, b"0\r\nX: a\rb\r\n\r\n")
    yield "trailers over the limit", 431, _post(_CHUNKED, b"0\r\n" + b"X: 0123456789\r\n" * 40 + b"\r\n")
    yield "trailer that does not end", 431, _post(_CHUNKED, b"0\r\nX: " + b"x" * 500)

    # Codings
    yield "coding unknown", 400, _post(b"Transfer-Encoding: x\r\n", b"hello")
    yield "coding identity", 400, _post(b"Transfer-Encoding: identity\r\n", b"hello")
    yield "coding empty", 400, _post(b"Transfer-Encoding:\r\n", b"hello")
    yield "coding gzip before chunked", 501, _post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n")
    yield "coding chunked before gzip", 400, _post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n")
    yield "coding chunked twice", 400, _post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n")
    yield "coding of commas alone", 400, _post(b"Transfer-Encoding: ,,\r\n", b"0\r\n\r\n")
    yield "coding unknown, chunked on its next line", 501, _post(b"Transfer-Encoding: x\r\n" + _CHUNKED, b"0\r\n\r\n")
    yield "coding chunked with a parameter", 400, _post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n")
    yield "coding nearly chunked", 400, _post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n")
    yield "coding with a vertical tab", 400, _post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n")
    yield "coding in HTTP/1.0", 400, _post(_CHUNKED, b"0\r\n\r\n", b"HTTP/1.0")

    # The request line
    yield "garbage", 400, b"\x7f\x45\x4c\x46\x02\x01\x01\0\0\0"
    yield "TLS greeting", 400, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"
    yield "HTTP/0.9", 400, b"GET /\r\n"
    yield "HTTP/0.9 in name", 505, _get(version=b"HTTP/0.9")
    yield "HTTP/2 preface", 505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield "HTTP/3.0", 505, _get(version=b"HTTP/3.0")
    yield "HTTP/1", 400, _get(version=b"HTTP/1")
    yield "HTTP/1.10", 400, _get(version=b"HTTP/1.10")
    yield "HTTP in small letters", 400, _get(version=b"http/1.1")
    yield "another protocol", 400, _get(version=b"ICAP/1.0")
    yield "no target", 400, b"GET HTTP/1.1\r\nHost: a\r\n\r\n"
    yield "two spaces", 400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"
    yield "tab for a space", 400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"
    yield "space in front", 400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    yield "space behind", 400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"
    yield "space in the target", 400, _get(b"/a b")
    yield "method with a colon", 400, _get(method=b"GET:")
    yield "method with a NUL", 400, _get(method=b"GE\0T")
    yield "long method", 414, b"X" * 600
    yield "long target", 414, _get(b"/" + b"x" * 600)
    yield "target that does not end", 414, b"GET /" + b"x" * 600
    yield "NUL in the target", 400, _get(b"/a\0b")
    yield "target that is not UTF-8", 400, _get(b"/\xe9")
    yield "target with an overlong slash", 400, _get(b"/\xc0\xaf")
    yield "target with half of a pair", 400, _get(b"/?\xed\xa0\x80")
    yield "target with a number beyond Unicode", 400, _get(b"/\xf4\x90\x80\x80")
    yield "target with half of a character", 400, _get(b"/\xe2\x82")
    yield "fragment in the target", 400, _get(b"/a#b")
    yield "target without a slash", 400, _get(b"a/b")
    yield "target that is a path of Windows", 400, _get(b"\\a")
    yield "asterisk for GET", 400, _get(b"*")
    yield "URL of ftp", 400, _get(b"ftp://a/")
    yield "URL of a file", 400, _get(b"file:///etc/passwd")
    yield "URL without a host", 400, _get(b"http:///a")
    yield "URL with a port alone", 400, _get(b"http://:80/a")
    yield "URL of https", 400, _get(b"https://a/")
    yield "URL with a password", 400, _get(b"http://u:p@a/")
    yield "CONNECT", 501, _get(b"a:443", method=b"CONNECT")
    yield "CONNECT to an address", 501, _get(b"[::1]:8080", method=b"CONNECT")
    yield "CONNECT without a port", 400, _get(b"a", method=b"CONNECT")
    yield "CONNECT with an empty port", 400, _get(b"a:", method=b"CONNECT")
    yield "CONNECT with a port that is none", 400, _get(b"a:x", method=b"CONNECT")
    yield "CONNECT with port 0", 400, _get(b"a:0", method=b"CONNECT")
    yield "CONNECT with port 65536", 400, _get(b"a:65536", method=b"CONNECT")
    yield "CONNECT without a host", 400, _get(b":443", method=b"CONNECT")
    yield "CONNECT with a user", 400, _get(b"u@a:443", method=b"CONNECT")
    yield "CONNECT with a path", 400, _get(b"/", method=b"CONNECT")
    yield "CONNECT with a path like a port", 400, _get(b"/a:443", method=b"CONNECT")
    yield "CONNECT with an asterisk", 400, _get(b"*", method=b"CONNECT")
    yield "CONNECT with a URL", 400, _get(b"http://a:443/", method=b"CONNECT")
    yield "host in place of the target", 400, _get(b"a:443")

    # Host and Expect
    yield "no Host", 400, _get(lines=b"X: a\r\n")
    yield "no fields at all", 400, _get(lines=b"")
    yield "two Hosts", 400, _get(lines=_HOST + b"host: b\r\n")
    yield "two equal Hosts", 400, _get(lines=_HOST + _HOST)
    yield "two Hosts in HTTP/1.0", 400, _get(lines=_HOST + _HOST, version=b"HTTP/1.0")
    yield "Host with a space", 400, _get(lines=b"Host: a b\r\n")
    yield "Host with a slash", 400, _get(lines=b"Host: a/b\r\n")
    yield "Host with two ports", 400, _get(lines=b"Host: a:80:80\r\n")
    yield "Host with a port that is none", 400, _get(lines=b"Host: a:b\r\n")
    yield "Host with an open bracket", 400, _get(lines=b"Host: [::1\r\n")
    yield "Host with a user", 400, _get(lines=b"Host: u@a\r\n")
    yield "Host with a high byte", 400, _get(lines=b"Host: \xe9\r\n")
    yield "no Host, with a URL", 400, _get(b"http://a/", b"")
    yield "Expect of nonsense", 417, _post(b"Content-Length: 5\r\nExpect: wonders\r\n", b"hello")
    yield "Expect of too much", 417, _post(b"Content-Length: 5\r\nExpect: 100-continue, wonders\r\n", b"hello")
    yield "Expect twice", 417, _post(b"Content-Length: 5\r\nExpect: x\r\nExpect: 100-continue\r\n", b"hello")
