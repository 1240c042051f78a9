"""Field values that are lists, and the parameters of their members: RFC 9110 sections 5.3, 5.6.1 and 5.6.6."""

from mungo.http.header_lists import combined_value, parameter, split_list, without_parameters

MIN_HEAP = "100k"


def test_lists():
    for value, members in (
        ("", []),
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("a , b", ["a", "b"]),
        ("a\t,\tb\t", ["a", "b"]),
        ("a, ,b", ["a", "b"]),
        (" , ,\t,", []),
        (",a,", ["a"]),
        ("a b, c", ["a b", "c"]),
        ("foo ,bar,charlie", ["foo", "bar", "charlie"]),  # the section's own examples
        ("foo , ,bar,charlie", ["foo", "bar", "charlie"]),
        ("br;q=0.5,gzip;\tq=0", ["br;q=0.5", "gzip;\tq=0"]),
        ("caf\xe9, \u20ac", ["caf\xe9", "\u20ac"]),
    ):
        assert split_list(value) == members, (value, split_list(value))


def test_a_comma_in_quotes_separates_nothing():
    for value, members in (
        ('"a,b"', ['"a,b"']),
        ('"a,b",c', ['"a,b"', "c"]),
        ('c , "a,,b" , d', ["c", '"a,,b"', "d"]),
        ('a;x="1,2";y="3,4", b', ['a;x="1,2";y="3,4"', "b"]),
        ('"",","', ['""', '","']),
        ('"a\\"b,c",d', ['"a\\"b,c"', "d"]),
        ('"a\\\\",d', ['"a\\\\"', "d"]),
        ('"a\\\\\\",d",e', ['"a\\\\\\",d"', "e"]),
        ('"a\\,b",c', ['"a\\,b"', "c"]),
        ('a"b,c"d,e', ['a"b,c"d', "e"]),
    ):
        assert split_list(value) == members, (value, split_list(value))


def test_what_follows_an_open_quote_is_one_member():
    for value, members in (
        ('"', ['"']),
        ('"a,b', ['"a,b']),
        ('a, "b, c,', ["a", '"b, c,']),
        ('"a\\",b', ['"a\\",b']),
        ('"a",b",c', ['"a"', 'b",c']),
    ):
        assert split_list(value) == members, (value, split_list(value))


def test_in_an_entity_tag_a_backslash_is_a_character():
    for value, members in (
        ('"a\\", "b"', ['"a\\"', '"b"']),
        ('W/"a,b" ,\t"c\\\\"', ['W/"a,b"', '"c\\\\"']),
        ("*", ["*"]),
    ):
        assert split_list(value, has_escapes=False) == members, (value, split_list(value, False))


def test_a_list_may_stand_on_several_lines():
    fields = (("Connection", "keep-alive"), ("Host", "a"), ("CONNECTION", ""), ("connection", "Upgrade, x"), ("connections", "no"))
    assert combined_value(fields, "connection") == "keep-alive,,Upgrade, x"
    assert split_list(combined_value(fields, "connection")) == ["keep-alive", "Upgrade", "x"]
    assert combined_value(fields, "host") == "a"
    assert combined_value(fields, "expect") == "" and combined_value((), "expect") == ""
    assert split_list(combined_value((("A", '"x,'), ("A", 'y"')), "a")) == ['"x,,y"']


def test_members_without_their_parameters():
    for member, name in (
        ("gzip", "gzip"),
        ("GZip;q=0", "gzip"),
        ("gzip\t; q=0", "gzip"),
        ("notgzip", "notgzip"),
        ("Text/HTML; charset=UTF-8", "text/html"),
        ("", ""),
        (";q=1", ""),
    ):
        assert without_parameters(member) == name, member


def test_parameters():
    for member, q in (
        ("gzip", None),
        ("gzip;q=0", "0"),
        ("gzip;\tq=0", "0"),
        ("gzip ; Q=0.5", "0.5"),
        ("gzip;q=0.5\t;x=1", "0.5"),
        ("gzip;qq=1;q=0", "0"),
        ("gzip;x=q;q=1", "1"),
        ('gzip;x=";q=0";q=1', "1"),
        ('gzip;x="\\";q=0";q=1', "1"),
        ('gzip;q="0"', "0"),
        ("gzip;q=", ""),
        ("gzip;q", None),
        ("gzip;;; ;q=0", "0"),  # empty parameters are allowed
        ("gzip;level;q=0", "0"),
        ('gzip;q="0', None),
    ):
        assert parameter(member, "q") == q, (member, parameter(member, "q"))


def test_a_long_list_costs_no_more_than_its_length():
    value = '"' + "," * 2000
    assert split_list(value) == [value]
    assert split_list("," * 2000) == []
    assert len(split_list("a," * 1000)) == 1000
