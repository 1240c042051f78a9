"""The parser of WebSocket frames: wstable.py says what RFC 6455 demands, section by section. Each case is fed whole, byte by byte, in two
at every place, and with other frames before and behind it in the same segment; with machine code for masks and UTF-8, and without."""

import mungo.ws.frames as module
import wstable
from mungo.core import utf8
from mungo.core.buffer import Buffer
from mungo.ws.frames import Frames, frame_head, is_close_code
from mungo.ws.mask import mask
from wsnet import closing, frame, unframe
from wstable import LIMIT

MIN_HEAP = "1m"

try:
    import mungo.ws.mask_viper as viper

    TWINS = (mask, utf8.text), (viper.mask, viper.text)
except (ImportError, AttributeError):
    TWINS = ((mask, utf8.text),)


def events(pieces, limit=LIMIT, masks=128):
    """What a parser says of these pieces: as in the table."""
    parser = Frames(limit, masks)
    buf = Buffer()
    found = []
    for piece in pieces:
        buf.append(piece, len(piece))
        while True:
            ev = parser.parse(buf)
            if not ev:
                break
            if ev < 0:
                return found + [ev]
            found.append(parser.data if ev == 1 else (ev, parser.data))
    return found


def singly(data):
    for at in range(len(data)):
        yield data[at : at + 1]


def same(found, expected, name, how):
    if found != expected:
        raise AssertionError("%s, %s: %r instead of %r" % (name, how, found, expected))


BEFORE = frame(1, "before") + frame(9, "ping") + frame(2, b"\0\1", last=False) + frame(0, b"\2")
SAW = ["before", (9, b"ping"), b"\0\1\2"]


def check(section):
    """All cases of a section; how many there are."""
    for module.mask, module.text in TWINS:
        n = 0
        for name, data, expected in section():
            n += 1
            check_case(name, data, expected)
    return n


def check_case(name, data, expected):
    same(events([data]), expected, name, "whole")
    same(events(singly(data)), expected, name, "byte by byte")
    same(events([BEFORE + data]), SAW + expected, name, "behind others")
    same(events(singly(BEFORE + data)), SAW + expected, name, "behind others, byte by byte")
    for at in range(1, min(len(data), 20)):
        same(events([data[:at], data[at:]]), expected, name, at)
        same(events([BEFORE + data[:at], data[at:]]), SAW + expected, name, "behind others, at %d" % at)
    if isinstance(expected[-1], int):  # the end is the end
        if len(data) < 1000 and "never sent" not in name:
            same(events([data + BEFORE]), expected, name, "before others")
    elif name != "a Close frame between":
        same(events([data + BEFORE]), expected + SAW, name, "before others")
        same(events([BEFORE + data + BEFORE]), SAW + expected + SAW, name, "between others")


def test_5_1_masking():
    assert check(wstable.masking) >= 8


def test_5_2_reserved_bits():
    assert check(wstable.reserved) >= 17


def test_5_2_opcodes():
    assert check(wstable.opcodes) >= 12


def test_5_2_lengths():
    assert check(wstable.lengths) >= 20


def test_5_3_keys():
    assert check(wstable.keys) >= 20


def test_5_4_fragments():
    assert check(wstable.fragments) >= 19


def test_5_5_control_frames():
    assert check(wstable.controls) >= 18


def test_5_5_1_close_frames():
    assert check(wstable.closes) >= 8


def test_7_4_close_codes():
    assert check(wstable.codes) >= 29


def test_8_1_utf_8():
    assert check(wstable.texts) >= 80


def test_8_1_utf_8_across_fragments():
    assert check(wstable.cuts) >= 10


def test_10_4_sizes():
    assert check(wstable.sizes) >= 8


def test_a_client_refuses_what_is_masked():
    for op in (1, 2, 8, 9, 10):
        same(events([frame(op)], masks=0), [-1002], op, "masked")
        same(events(singly(frame(1, "a", masked=False) + frame(op, masked=False)), masks=0)[0], "a", op, "not masked")
    data = frame(1, "good", False, False) + frame(9, "p", masked=False) + frame(0, "bye", masked=False) + frame(2, bytes(200), masked=False)
    same(events([data], masks=0), [(9, b"p"), "goodbye", bytes(200)], "fragments", "whole")
    same(events(singly(data), masks=0), [(9, b"p"), "goodbye", bytes(200)], "fragments", "byte by byte")


def test_long_messages_are_said_in_64_bits():
    data = bytes(range(256)) * 257
    for pieces in ([frame(2, data)], (frame(2, data)[at : at + 1000] for at in range(0, 70000, 1000))):
        found = events(pieces, limit=70000)
        assert found == [data]


def test_heads_are_the_shortest():
    for n in (0, 1, 125, 126, 127, 65535, 65536, 70000):
        by_the_book = frame(2, bytes(n), masked=False)
        made = frame_head(0x82, n)
        assert bytes(made) == by_the_book[: len(made)] and len(made) + n == len(by_the_book), n


def test_codes_of_close_frames():
    for code in range(0, 5100):
        want = code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014 or 3000 <= code <= 4999
        assert bool(is_close_code(code)) == want, code
    assert not is_close_code(-1) and not is_close_code(1 << 40)


def test_masks_are_the_key_s_bytes_in_turn():
    source = bytes([i * 31 & 255 for i in range(700)])
    for turn, _ in TWINS:
        for start in (0, 1, 2, 3, 5):
            for n in (0, 1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 600):
                data = bytearray(source)
                key = bytearray(b"\x01\x80\xfe\x5a")
                turn(data, start, start + n // 3, key)  # in two pieces: the key goes on where it was
                turn(data, start + n // 3, start + n, key)
                for i in range(700):
                    k = b"\x01\x80\xfe\x5a"[(i - start) & 3] if start <= i < start + n else 0
                    assert data[i] == source[i] ^ k, (turn, start, n, i)


def test_every_pair_of_bytes_is_judged_as_by_the_book():
    # By RFC 3629's table; what has three and four bytes is wstable's.
    for _, text in TWINS:
        for a in range(0, 256, 3 if text is utf8.text else 1):
            for b in (0, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF):
                data = bytes((a, b))
                good = a < 0x80 and b < 0x80 or 0xC2 <= a < 0xE0 and 0x80 <= b < 0xC0
                try:
                    assert text(memoryview(data)).encode() == data and good, data
                except ValueError:
                    assert not good, data


def test_a_parser_keeps_nothing_of_what_is_over():
    parser = Frames(LIMIT, 128)
    buf = Buffer()
    for data in (frame(2, bytes(300)), frame(2, bytes(150), last=False) + frame(0, bytes(150)), frame(8, closing(1000))):
        for piece in singly(data):
            buf.append(piece, 1)
            parser.parse(buf)
        assert parser.parts is None and not buf.end and not parser.op and not parser.left
    assert unframe(frame(1, "x"))[0] == [(0x81, b"x")]
