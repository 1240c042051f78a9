# JSON that comes in and goes out: RFC 8259, and nothing else, on every runtime.

import json
from collections import OrderedDict, namedtuple

from app_client import Served
from mungo.app import App
from mungo.http.json_reader import check, join_surrogates, loads
from mungo.http.json_writer import dumps
from raising import raised, refused

MIN_HEAP = "400k"

LINES = "Content-Type: application/json\r\n"

GOOD = (
    (b"0", 0),
    (b"-0", 0),
    (b"-12", -12),
    (b"1.5", 1.5),
    (b"-0.25e+2", -25.0),
    (b"2E2", 200.0),
    (b"1e-2", 0.01),
    (b"0.0", 0.0),
    (b"0e0", 0.0),
    (b"123456789012345678901234567890", 123456789012345678901234567890),
    (b"true", True),
    (b"false", False),
    (b"null", None),
    (b'""', ""),
    (b'"abc"', "abc"),
    (b"[]", []),
    (b"{}", {}),
    (b"[[],{}]", [[], {}]),
    (b" \t\r\n[ \t\r\n1 , 2\n] \r", [1, 2]),
    (b'{"a":1}', {"a": 1}),
    (b' { "a" : [ 1 , { "b" : null } ] , "c" : "," } ', {"a": [1, {"b": None}], "c": ","}),
    (b'{"":0}', {"": 0}),
    (b'{"a":1,"a":2}', {"a": 2}),
    (b'"[1 2]{a}"', "[1 2]{a}"),
    (b'"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'),
    (b'"\\u0041\\u00e9\\u20AC\\uabcd"', "A\xe9\u20ac\uabcd"),
    (b'"\\u0000"', "\0"),
    (b'"\x7f"', "\x7f"),
    (b'"\\\\"', "\\"),
    (b'"\\\\u"', "\\u"),
    (b'["\\\\","\\\\\\""]', ["\\", '\\"']),
    (b'"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbf"', "caf\xe9 \u20ac \U0001f600 \uffff"),
    (b"[" * 32 + b"]" * 32, None),
    (b'{"a":' * 31 + b"[]" + b"}" * 31, None),
)

BAD = (
    # more than one value, or less
    b"",
    b" ",
    b"1 2",
    b"[]]",
    b"[][]",
    b"{}}",
    b'"a" "b"',
    b"[1]x",
    b"[1],",
    b",",
    b":",
    b"]",
    b"}",
    b"[",
    b"{",
    b"[1",
    b'{"a"',
    b'{"a":',
    b'{"a":1',
    b'"a',
    b'"',
    b"\0[]",
    b"[]\0",
    b"[1]\0x",
    b"[" * 3000,
    b'[{"":' * 500,
    b"[" * 33 + b"]" * 33,
    # commas, colons and brackets
    b"[1 true]",
    b"[1 2]",
    b'["a" "b"]',
    b"[1,]",
    b"[,1]",
    b"[1,,2]",
    b"[,]",
    b"[1:2]",
    b"[[] []]",
    b"[{}{}]",
    b"[1}",
    b'{"a":1]',
    b"[}",
    b"{]",
    b'{"a" 1}',
    b'{"a",1}',
    b'{"a"::1}',
    b'{"a":,}',
    b'{"a":1,}',
    b'{,"a":1}',
    b'{"a":1 "b":2}',
    b'{"a":1:2}',
    b'{"a"}',
    b'{"a":1,"b"}',
    b'{:1}',
    b"{1:2}",
    b"{a:1}",
    b"{'a':1}",
    b'{null:1}',
    b'{[]:1}',
    b'{"a":"b":"c"}',
    # numbers
    b"01",
    b"-01",
    b"00",
    b"-",
    b"--1",
    b"+1",
    b"1+2",
    b"1-2",
    b".5",
    b"-.5",
    b"1.",
    b"1.e2",
    b"1.2.3",
    b"1e",
    b"1e+",
    b"1E-",
    b"1ee2",
    b"1e2e3",
    b"1e2.5",
    b"1e+-2",
    b"0x10",
    b"1_0",
    b"1a",
    b"1 .5",
    b"NaN",
    b"-NaN",
    b"nan",
    b"Infinity",
    b"-Infinity",
    b"inf",
    b"[1.5.]",
    b"\xef\xbc\x91",  # a digit, but not of ASCII
    # names
    b"tru",
    b"truee",
    b"True",
    b"nul",
    b"nulll",
    b"None",
    b"undefined",
    b"x",
    b"[true1]",
    b"truefalse",
    b"[true,fals]",
    # strings
    b'"\n"',
    b'"\t"',
    b'"\x1f"',
    b'"a\0b"',
    b'"\\x41"',
    b'"\\a"',
    b'"\\\'"',
    b'"\\0"',
    b'"\\ "',
    b'"\\U0041"',
    b'"\\u"',
    b'"\\u004"',
    b'"\\u004g"',
    b'"\\u 041"',
    b'"\\u+041"',
    b'"\\u-041"',
    b'"\\u0_41"',
    b'"\\\xc3\xa9"',
    b'"\\"',
    b'"\\\\\\"',
    b"'a'",
    b"`a`",
    # blanks and comments
    b"\x0b1",
    b"\x0c1",
    b"[1\xc2\xa0]",
    b"\xe2\x81\xa01",
    b"\xef\xbb\xbf{}",  # a byte order mark
    b"[1]//x",
    b"/**/1",
    b"#x\n1",
    b"<null>",
)

NOT_UTF8 = (
    b'"\xff"',
    b"\xff",
    b"[1]\xff",
    b'"\x80"',
    b'"\xc3"',
    b'"\xc0\x80"',
    b'"\xc0\xaf"',
    b'"\xe0\x80\xaf"',
    b'"\xed\xa0\x80"',
    b'"\xed\xa0\xbd\xed\xb8\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"\xf8\x88\x80\x80\x80"',
    b'{"\xe9":1}',
    b'"\xe2\x82"',
    b'\xff\xfe[\x00]\x00',
)

# What is between quotes, and the characters that it stands for; None: half of a pair.
SURROGATES = (
    (b"\\ud83d\\ude00", "\U0001f600"),
    (b"\\uD83D\\uDE00", "\U0001f600"),
    (b"\\ud800\\udc00\\udbff\\udfff", "\U00010000\U0010ffff"),
    (b"a\\ud83d\\ude00b\\n\\ud83d\\ude01", "a\U0001f600b\n\U0001f601"),
    (b"\\ud7ff\\ue000\\uffff", "\ud7ff\ue000\uffff"),
    (b"\\\\ud83d", "\\ud83d"),
    (b"\\\\\\ud83d\\ude00", "\\\U0001f600"),
    (b"\\u005cud83d", "\\ud83d"),
    (b"\\ud83d", None),
    (b"\\ude00", None),
    (b"\\ude00\\ud83d", None),
    (b"\\ud83d\\ud83d\\ude00", None),
    (b"\\ud83dx\\ude00", None),
    (b"\\ud83d \\ude00", None),
    (b"\\ud83d\\n", None),
    (b"\\ud83d\\u0041", None),
    (b"\\ud83d\\\\ude00", None),
    (b"\\udfff", None),
    (b"\\ud83d\\ude00\\ud83d", None),
)


def test_json_is_read():
    for data, value in GOOD:
        check(data)
        found = loads(data)
        assert value is None and data[:1] in b"[{n" or found == value and type(found) is type(value), (data, found)


def test_what_is_no_json_is_refused():
    for data in BAD:
        refused(check, data)  # whatever the port's parser makes of it
        refused(loads, data)
        refused(loads, b"[%s,1]" % data[:1000])  # nor in the middle of something


def test_cut_short_it_is_none():
    data = b'{"a": [1.5, true, {"b\\u00e9\\n": "c"}], "d": null}'
    assert loads(data) == {"a": [1.5, True, {"b\xe9\n": "c"}], "d": None}
    for end in range(len(data)):
        refused(loads, data[:end])


def test_json_is_utf8():
    for data in NOT_UTF8:
        refused(loads, data)
        refused(loads, data, False)


def test_a_surrogate_pair_is_one_character():
    for data, text in SURROGATES:
        data = b'"%s"' % data
        for is_strict in (True, False):
            if text is None:
                refused(loads, data, is_strict)
            else:
                found = loads(data, is_strict)
                assert found == text and found.encode() == text.encode() and len(found) == len(text), (data, found)
        if text is not None:
            assert loads(b"{%s:[%s]}" % (data, data)) == {text: [text]}
    data = b'{"a\\n": "\\t"}'
    assert join_surrogates(data) is data


def test_without_the_check_the_port_decides():
    lax = loads(b"[1, 2]", False)
    assert lax == [1, 2]
    assert loads(b"[" * 40 + b"]" * 40, False)
    for data in (b"{", b"x", b"[1", b'"\\ud83d\\u12"', b'"\\u'):
        refused(loads, data, False)


def test_a_request_with_it():
    app = App()
    app.post("/")(lambda req: {"got": req.json})
    app.post("/worker", worker=True)(lambda req: {"got": req.json})
    with Served(app) as site:
        for path in ("/", "/worker"):
            answer = site.ask(path, "POST", LINES, b'"\\ud83d\\ude00"')
            assert answer.status == 200 and json.loads(answer.body) == {"got": "\U0001f600"}
            answer.body.decode()
            for data in (b"[1 true]", b"{'a':1}", b"NaN", b'"\xc0\x80"', b'"\\ud83d"', b"[" * 5000, b"01", b"\xff"):
                assert site.ask(path, "POST", LINES, data).status == 400, data
        assert site.bugs == 0


def test_a_program_switches_the_check_off():
    app = App()
    app.strict_json = False
    inner = App()
    inner.post("/")(lambda req: {"got": req.json})
    app.mount(inner, "/inner")
    with Served(app) as site:
        deep = b"[" * 33 + b"]" * 33
        assert site.ask("/inner/", "POST", LINES, b'{"a": %s}' % deep).status == 500  # it was read, and can't be sent
        assert site.bugs == 1
        for data in (b"{", b'"\xff"', b'"\\ud83d"'):
            assert site.ask("/inner/", "POST", LINES, data).status == 400
        assert site.bugs == 1
    app.strict_json = True
    with Served(app) as site:
        assert site.ask("/inner/", "POST", LINES, deep).status == 400


# --- what goes out

NAN = float("nan")
INF = float("inf")


def test_what_is_sent_is_json():
    for value in (
        {},
        [],
        {"a": [1, -2.5, None, True, False, "x", {"b": []}]},
        [1e300, 1e-300, 0.0, 12345678901234567890],
        {"quote\"": "back\\slash\n\r\t\0\x1f\x7f", "caf\xe9": "\u20ac \U0001f600 \u2028"},
        {"a": {"b": {"c": [[[[]]]]}}},
    ):
        text = dumps(value)
        check(text.encode())
        assert loads(text.encode()) == value, text
    for value, read in (
        ((1, (2,)), [1, [2]]),
        ({1: 2, None: 3, 1.5: 4}, {"1": 2, "null": 3, "1.5": 4}),
        ({True: 1, False: 2}, {"true": 1, "false": 2}),
        (OrderedDict([("a", 1)]), {"a": 1}),
    ):
        assert loads(dumps(value).encode()) == read, value


def test_numbers_that_json_does_not_have_become_null():
    for value, read in (
        ([NAN, INF, -INF], [None] * 3),
        ({"celsius": NAN, "b": [1, {"c": -INF}]}, {"celsius": None, "b": [1, {"c": None}]}),
        ((NAN,), [None]),
        (["NaN", "inf", NAN, "-Infinity", "nan"], ["NaN", "inf", None, "-Infinity", "nan"]),
        ({"nan": NAN, "Infinity": INF}, {"nan": None, "Infinity": None}),
        (['"nan"', NAN, 'a"inf', "\\", NAN, '\\"nan', "\\\\", INF, '"'], ['"nan"', None, 'a"inf', "\\", None, '\\"nan', "\\\\", None, '"']),
        ({"a": 1e999}, {"a": None}),
    ):
        text = dumps(value)
        assert loads(text.encode()) == read, text
    value = [NAN, {"a": INF}]
    dumps(value)
    assert value[0] != value[0] and value[1] == {"a": INF}  # the program's own values stay


class Thing:
    pass


def test_what_json_does_not_have_is_a_type_error_with_its_name():
    for bad, name in (
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        (bytearray(2), "bytearray"),
        (memoryview(b"x"), "memoryview"),
        (object(), "object"),
        (Thing(), "Thing"),
        (Thing, "type"),
        (range(3), "range"),
        (iter([]), "iterator"),
        (namedtuple("Point", ("x", "y"))(1, 2), "Point"),  # MicroPython would write Point(x=1, y=2)
        (ValueError("x"), "ValueError"),
        (dumps, "function"),
        (1j, "complex"),
    ):
        for value in ([bad], {"a": bad}, [1, {"b": [bad]}], ([NAN, bad],)):
            assert name in str(raised(TypeError, dumps, value)), (value, name)
    for bad, name in (((1, 2), "tuple"), (b"a", "bytes"), (Thing, "type")):
        assert name in str(raised(TypeError, dumps, {"a": {bad: 1}}))


def nested(depth, inner):
    for _ in range(depth):
        inner = [inner]
    return inner


def test_depth_is_bounded():
    assert dumps(nested(31, [])) == "[" * 32 + "]" * 32
    assert dumps(nested(32, NAN)) == "[" * 32 + "null" + "]" * 32
    refused(dumps, nested(32, []))
    refused(dumps, nested(500, []))
    circle = []
    circle.append({"a": circle})
    refused(dumps, circle)
    many = [[] for _ in range(100)]  # many, but not deep
    assert dumps(many).count("[") == 101


def test_an_answer_with_it():
    app = App()
    values = {"nan": {"celsius": NAN, "deep": [(INF,)]}, "set": {"tags": {1, 2}}, "bytes": [b"x"], "thing": {"a": Thing()}}
    app.get("/loop/<name>")(lambda req, name: values[name])
    app.get("/worker/<name>", worker=True)(lambda req, name: values[name])

    @app.after_request
    def changed(req, response):
        if "changed" in req.args:
            response.body = {"changed": response.status, "nan": NAN}

    with Served(app) as site:
        reports = []
        site.mgr.report = reports.append
        for kind in ("/loop/", "/worker/"):
            answer = site.ask(kind + "nan")
            assert (answer.status, loads(answer.body)) == (200, {"celsius": None, "deep": [[None]]})
            for name, said in (("set", "set"), ("bytes", "bytes"), ("thing", "Thing")):
                answer = site.ask(kind + name)
                assert answer.status == 500 and b"{" not in answer.body and b"<" not in answer.body, answer.body
                assert isinstance(reports[-1], TypeError) and said in str(reports[-1])
        assert len(reports) == 6
        assert loads(site.ask("/loop/nan?changed").body) == {"changed": 200, "nan": None}
