"""Strict UTF-8, by RFC 3629: in the portable code, and in WebSocket's machine code for it."""

import gc

from app_client import Served
from mungo.app import App
from mungo.core import utf8
from raising import raised

MIN_HEAP = "256k"

try:
    from mungo.ws.mask_viper import text

    TWINS = utf8.text, text
except (ImportError, AttributeError):
    TWINS = (utf8.text,)

GOOD = (
    b"",
    b"\0",
    b"plain \x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xe1\x80\x80\xec\xbf\xbf",
    b"\xed\x9f\xbf",  # the last before the surrogates
    b"\xee\x80\x80",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf1\x80\x80\x80\xf3\xbf\xbf\xbf",
    b"\xf4\x8f\xbf\xbf",  # U+10FFFF
    b"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80!",
)
BAD = (
    b"\x80",
    b"\xbf",
    b"\xc3",
    b"\xc3x",
    b"\xc0\x80",  # overlong
    b"\xc0\xaf",
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80",  # surrogates
    b"\xed\xbf\xbf",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfe",
    b"\xff",
    b"\xe2\x82",
    b"\xf0\x9f\x98",
)


def check(text, data, is_good):
    try:
        made = text(data)
    except ValueError:
        assert not is_good, data
    else:
        assert is_good and isinstance(made, str) and made.encode() == bytes(data), data


def test_what_is_utf8():
    for text in TWINS:
        for data in GOOD:
            check(text, data, True)
            check(text, memoryview(b"x" + data + b"x")[1 : 1 + len(data)], True)
            check(text, bytearray(data * 2 + b"a"), True)


def test_what_is_not():
    for text in TWINS:
        for data in BAD:
            for before, behind in ((b"", b""), (b"a\xc3\xa9", b""), (b"", b"z"), (b"\xf0\x9f\x98\x80", b"\xe2\x82\xac")):
                check(text, before + data + behind, False)
            check(text, memoryview(data), False)
            check(text, bytearray(data), False)


def test_text_that_goes_out():
    for data in GOOD:
        text = utf8.text(data)
        assert utf8.encode(text) == data
        assert utf8.encode(text * 3 + "\ud7ff\ud000x") == data * 3 + b"\xed\x9f\xbf\xed\x80\x80x"
    for text in ("\ud800", "\udfff", "a\ud83d", "\ud83d\ude00", "\ud7ff\udc00", "\xe9" * 100 + "\ud800x", "\ud7ff" * 10 + "\udbff"):
        raised(ValueError, utf8.encode, text)  # on CPython a UnicodeEncodeError


def test_half_of_a_pair_is_no_answer():
    app = App()
    app.get("/text")(lambda req: "\ud83d")
    app.get("/more")(lambda req: ("\ud83d", 200, {"X-A": "b"}))
    app.get("/worker", worker=True)(lambda req: "\ud83d")
    app.get("/reply")(lambda req: lambda c, hm: c.http_reply(200, {}, "\ud83d"))
    with Served(app) as site:
        for path in ("/text", "/more", "/worker", "/reply"):
            answer = site.ask(path)
            assert answer.status == 500 and answer.body == b"Internal Server Error\n", path
        assert site.bugs == 4


def test_the_table_of_section_4():
    # Each lead byte of three and of four, with each class of a second byte.
    for text in TWINS:
        for lead in range(0xE0, 0xF8):
            more = b"\x80" if lead < 0xF0 else b"\x80\x80"
            for second in (0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0):
                least = {0xE0: 0xA0, 0xF0: 0x90}.get(lead, 0x80)
                most = {0xED: 0x9F, 0xF4: 0x8F}.get(lead, 0xBF)
                check(text, bytes((lead, second)) + more, lead < 0xF5 and least <= second <= most)


def test_a_check_keeps_nothing():
    # MicroPython interns each character that a loop takes from a str: a client could fill the heap with them.
    if not hasattr(gc, "mem_alloc"):
        return
    data = bytearray(300)
    for text in TWINS:
        text(b"\xe2\x82\xac")
        gc.collect()
        before = gc.mem_alloc()
        for page in range(20):
            for i in range(100):
                code = 0x4E00 + page * 100 + i
                data[3 * i] = 0xE0 | code >> 12
                data[3 * i + 1] = 0x80 | code >> 6 & 63
                data[3 * i + 2] = 0x80 | code & 63
            assert len(text(data)) == 100
        gc.collect()
        assert gc.mem_alloc() - before < 1000, gc.mem_alloc() - before


def test_nor_does_a_pattern():
    from mungo.http.match import match

    if not hasattr(gc, "mem_alloc"):
        return
    match("/x", "/?")
    gc.collect()
    before = gc.mem_alloc()
    for code in range(0x4E00, 0x4E00 + 1000):
        target = bytes((47, 0xE0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63, 47)).decode()
        assert match(target, "/?/") and not match(target, "/?/?") and match(target, "#")
    gc.collect()
    assert gc.mem_alloc() - before < 1000, gc.mem_alloc() - before


def test_nor_does_an_escaped_one():
    from mungo.http.form import unquote

    if not hasattr(gc, "mem_alloc"):
        return
    gc.collect()
    before = gc.mem_alloc()
    for code in range(0x4E00, 0x4E00 + 1000, 10):
        data = b"%"
        for i in range(code, code + 10):
            data += b"%%%02X%%%02X%%%02X" % (0xE0 | i >> 12, 0x80 | i >> 6 & 63, 0x80 | i & 63)
        assert len(unquote(data[1:])) == 10
    gc.collect()
    assert gc.mem_alloc() - before < 1000, gc.mem_alloc() - before
