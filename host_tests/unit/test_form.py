# What form.py makes of a query and of a form's body.

import gc

from mungo.http.form import Fields, decode, parse_query, percent_decode, unquote
from raising import refused

MIN_HEAP = "104k"

NONE = "\ufffd"  # U+FFFD: what stands for bytes that are not UTF-8


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


def test_fields_keep_all_values_of_a_name():
    fields = parse_query(b"a=1&b=2&a=3&%61=4&a=1&c")
    assert fields == {"a": "1", "b": "2", "c": ""} and fields["a"] == fields.get("a") == "1"
    assert [fields.getlist(name) for name in "abcd"] == [["1", "3", "4", "1"], ["2"], [""], []]
    assert isinstance(fields, dict) and sorted(fields) == ["a", "b", "c"] and sorted(fields.items())[0] == ("a", "1")
    fields.getlist("a").append("x")  # the lists are the program's own
    fields.getlist("b").append("x")
    fields.getlist("d").append("x")
    assert [fields.getlist(name) for name in "abd"] == [["1", "3", "4", "1"], ["2"], []]
    other = Fields()
    other.add("a", "5")
    assert other.getlist("a") == ["5"] and not Fields() and Fields() == {}


# The WHATWG's URL standard, "percent-decode" and "application/x-www-form-urlencoded parsing": there is no failure.
def test_a_stray_percent_sign_stays():
    for data, text in (
        (b"%", "%"),
        (b"100%", "100%"),
        (b"%4", "%4"),
        (b"%zz", "%zz"),
        (b"%4g", "%4g"),
        (b"%+f", "% f"),
        (b"%-1", "%-1"),
        (b"%0x41", "%0x41"),
        (b"%%41", "%A"),
        (b"%%%41%", "%%A%"),
        (b"%25%", "%%"),
        (b"%25%34%31", "%41"),  # decoded once
        (b"%u0041", "%u0041"),
        (b"%\xc3\xa9", "%\xe9"),
        (b"%E2%82%AC%", "\u20ac%"),
        (b"%e2%82%acx%4", "\u20acx%4"),
    ):
        assert parse_query(b"a=" + data + b"&b=2") == {"a": text, "b": "2"}, data
        assert parse_query(data + b"=1&b=2") == {text: "1", "b": "2"}, data
    assert percent_decode(b"%41%zz%ff%") == b"A%zz\xff%" and percent_decode(b"+") == b"+"


def test_bytes_that_are_not_utf8_become_one_character_a_piece():
    for data, text in (
        (b"\xff", NONE),
        (b"\x80", NONE),
        (b"\xc3", NONE),
        (b"\xc3x", NONE + "x"),
        (b"x\xc3\x28", "x" + NONE + "("),
        (b"\xe2\x82", NONE),  # one for the part of a character
        (b"\xe2\x82x", NONE + "x"),
        (b"\xe2\xe2\x82\xac", NONE + "\u20ac"),
        (b"\xe2\x82\xe2\x82\xac\xff", NONE + "\u20ac" + NONE),
        (b"\xf0\x9f\x98", NONE),
        (b"\xf0\x9f\x98\xf0\x9f\x98\x80", NONE + "\U0001f600"),
        (b"\xf0\x9f\xc3\xa9", NONE + "\xe9"),
        (b"\xc0\xaf", NONE * 2),  # a slash in too many bytes
        (b"\xc1\xbf", NONE * 2),
        (b"\xe0\x80\xaf", NONE * 3),
        (b"\xe0\x9f\xbf", NONE * 3),
        (b"\xf0\x8f\xbf\xbf", NONE * 4),
        (b"\xed\xa0\x80", NONE * 3),  # half of a pair
        (b"\xed\xa0\xbd\xed\xb8\x80", NONE * 6),
        (b"\xf4\x90\x80\x80", NONE * 4),  # beyond the last character
        (b"\xf5\x80\x80\x80", NONE * 4),
        (b"\xf8\x88\x80\x80\x80", NONE * 5),
        (b"\xfe\xff", NONE * 2),
        (b"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\xff", "\ud7ff\ue000\U0010ffff" + NONE),
    ):
        assert decode(data) == decode(memoryview(data)) == text, (data, decode(data))
        escaped = b"".join([b"%%%02x" % byte for byte in data])
        for query in (data, escaped):
            assert parse_query(b"a=1&" + query + b"=2&c=" + query) == {"a": "1", text: "2", "c": text}, data
    assert decode(b"") == "" and decode(b"caf\xc3\xa9") == "caf\xe9"


def names(n):
    return b"&".join([b"%d" % i for i in range(n)])


def test_parse_has_a_limit():
    # As long as a body may be: the strings of so many would fill a heap.
    assert len(parse_query(names(256))) == 256
    gc.collect()
    refused(parse_query, names(257))
    refused(parse_query, b"&" * 257)
