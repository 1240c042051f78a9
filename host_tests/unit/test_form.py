# What form.py makes of a query and of a form's body.

from mungo.http.form import parse_query, unquote
from raising import refused

MIN_HEAP = "100k"


def test_unquote():
    for data, text in (
        (b"", ""),
        (b"plain", "plain"),
        (b"a%20b", "a b"),
        (b"%41%42%43", "ABC"),
        (b"%2Fx%2fy", "/x/y"),
        (b"100%25", "100%"),
        (b"a+b", "a+b"),
        (b"%2B", "+"),
        (b"%c3%A9t%C3%a9", "\xe9t\xe9"),
        (b"\xc3\xa9%20", "\xe9 "),  # not encoded, but UTF-8
        (b"%E2%82%AC%f0%9f%98%80", "\u20ac\U0001f600"),
        (b"%00", "\0"),
    ):
        assert unquote(data) == text, (data, unquote(data))


def test_unquote_refuses_what_is_no_escape():
    for data in (b"%", b"x%", b"%4", b"a%4", b"%zz", b"%4g", b"%+f", b"% f", b"%-1", b"%0x41", b"%%41", b"%25%", b"%u0041", b"%\xc3\xa9"):
        refused(unquote, data)


def test_unquote_refuses_what_is_no_utf8():
    for data in (
        b"%ff",
        b"%80",
        b"%c3",
        b"%c3x",
        b"%c3%28",
        b"\xff",
        b"a%41\xff",
        b"%e2%82",
        b"%c0%af",  # a slash in too many bytes
        b"\xc0\xaf",
        b"%e0%80%af",
        b"%ed%a0%80",  # half of a pair
        b"%f4%90%80%80",  # beyond the last character
    ):
        refused(unquote, data)


def test_parse():
    for data, fields in (
        (b"", {}),
        (b"a=1", {"a": "1"}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a", {"a": ""}),
        (b"a=", {"a": ""}),
        (b"=x", {"": "x"}),
        (b"&&a=1&", {"a": "1"}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a+b=c+d%2B", {"a b": "c d+"}),
        (b"%26=%3D%26", {"&": "=&"}),
        (b"caf%C3%A9=%E2%82%AC", {"caf\xe9": "\u20ac"}),
    ):
        assert parse_query(data) == fields, (data, parse_query(data))


def test_parse_keeps_the_first_of_a_name():
    assert parse_query(b"a=1&b=2&a=3&%61=4") == {"a": "1", "b": "2"}


def test_parse_refuses_what_unquote_refuses():
    for data in (b"a=%", b"%zz=1", b"a=%ff", b"x=1&a=%c3"):
        refused(parse_query, data)


def test_parse_has_a_limit():
    # As long as a body may be: the strings of so many would fill a heap.
    assert len(parse_query(b"&".join([b"%d" % i for i in range(256)]))) == 256
    refused(parse_query, b"&".join([b"%d" % i for i in range(257)]))
    refused(parse_query, b"&" * 257)
