"""What RFC 6455 demands of who receives frames, case by case.

section  what it demands                                                      cases
5.1      clients mask, servers do not; else the connection fails              masking
5.2      RSV 0, known opcodes, the shortest length that does, no bit 63       reserved, opcodes, lengths
5.3      the payload is the masked bytes, XOR the key's four                  keys
5.4      fragments: 0 continues, nothing else does; control frames between    fragments
5.5      control frames: at most 125 bytes, never in fragments                controls
5.5.1    a Close frame's body: nothing, or a code and UTF-8                   closes
5.5.2,3  pings and pongs carry what they carry, also nothing                  controls
5.6      text is UTF-8, binary is anything                                    texts
5.8, 9   no extension is agreed on, so nothing of theirs may come             reserved
7.4      the codes that may be sent                                           codes
8.1      text that is no UTF-8 fails with 1007, wherever it is cut            texts, cuts
10.4     a limit on messages, also in fragments                               sizes

Each case is (name, bytes of a client, what comes of them): str for a text, bytes for a binary message, (opcode, bytes) for a control
frame, minus a code for the end. LIMIT is the longest message.
"""

from wsnet import closing, frame

LIMIT = 300


def masking():
    yield "a masked text", frame(1, "hi"), ["hi"]
    yield "a text that is not masked", frame(1, "hi", masked=False), [-1002]
    yield "an empty text that is not masked", frame(1, masked=False), [-1002]
    yield "a ping that is not masked", frame(9, "hi", masked=False), [-1002]
    yield "a Close frame that is not masked", frame(8, masked=False), [-1002]
    yield "a long message that is not masked", frame(2, bytes(200), masked=False), [-1002]
    yield "a second frame that is not masked", frame(1, "hi") + frame(1, "ho", masked=False), ["hi", -1002]
    yield "a fragment that is not masked", frame(1, "hi", last=False) + frame(0, "ho", masked=False), [-1002]


def reserved():
    for op in (1, 2, 8, 9, 10):
        for rsv in (0x40, 0x20, 0x10):
            yield "opcode %d with reserved bit %x" % (op, rsv), frame(op, rsv=rsv), [-1002]
    yield "all reserved bits", frame(2, "hi", rsv=0x70), [-1002]
    yield "a fragment with RSV1", frame(1, "hi", last=False) + frame(0, "ho", rsv=0x40), [-1002]


def opcodes():
    for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield "opcode %d" % op, frame(op, "hi"), [-1002]
    yield "opcode 3, not the last", frame(3, "hi", last=False), [-1002]
    yield "opcode 11 after a message", frame(2, "hi") + frame(11), [b"hi", -1002]


def lengths():
    for n in (0, 1, 124, 125, 126, 127, 128, 255, 256, LIMIT):
        yield "%d bytes" % n, frame(2, bytes(n)), [bytes(n)]
    for n in (0, 1, 125):
        yield "%d bytes, said in 16 bits" % n, frame(2, bytes(n), wide=2), [-1002]
        yield "%d bytes, said in 64 bits" % n, frame(2, bytes(n), wide=8), [-1002]
    yield "126 bytes, said in 64 bits", frame(2, bytes(126), wide=8), [-1002]
    yield "65535 bytes, said in 64 bits", bytes((0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1, 2, 3, 4)), [-1002]
    yield "bit 63", bytes((0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4)), [-1002]
    yield "all 64 bits", bytes((0x82, 0xFF)) + b"\xff" * 12, [-1002]


def keys():
    for key in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\0\0\0", b"\0\0\0\1", b"\x80\x7f\x01\xfe"):
        for n in (1, 3, 5, 64):
            data = bytes([i * 7 & 255 for i in range(n)])
            yield "%d bytes with the key %r" % (n, key), frame(2, data, key=key), [data]
    yield "keys that change", frame(2, "abcde", last=False) + frame(0, "fgh", key=b"wxyz"), [b"abcdefgh"]


def fragments():
    yield "two", frame(1, "good", last=False) + frame(0, "bye"), ["goodbye"]
    yield "four", frame(2, "a", last=False) + frame(0, "b", last=False) + frame(0, "c", last=False) + frame(0, "d"), [b"abcd"]
    yield "all empty", frame(1, last=False) + frame(0, last=False) + frame(0), [""]
    yield "an empty end", frame(2, "abc", last=False) + frame(0), [b"abc"]
    yield "an empty start", frame(2, last=False) + frame(0, "abc"), [b"abc"]
    yield "long ones", frame(2, bytes(140), last=False) + frame(0, bytes(130), last=False) + frame(0, bytes(30)), [bytes(300)]
    yield "a ping between", frame(1, "good", last=False) + frame(9, "p") + frame(0, "bye"), [(9, b"p"), "goodbye"]
    both = frame(1, "good", last=False) + frame(10) + frame(9, "p" * 125)
    yield "pong and ping between", both + frame(0, "bye"), [(10, b""), (9, b"p" * 125), "goodbye"]
    yield "a Close frame between", frame(1, "good", last=False) + frame(8, closing(1001)), [(8, closing(1001))]
    yield "a continuation of nothing", frame(0, "hi"), [-1002]
    yield "one that goes on", frame(0, "hi", last=False), [-1002]
    yield "an empty one", frame(0), [-1002]
    yield "one after a message", frame(1, "hi") + frame(0, "ho"), ["hi", -1002]
    yield "one after fragments", frame(1, "a", last=False) + frame(0, "b") + frame(0, "c"), ["ab", -1002]
    yield "one after a ping", frame(9, "hi") + frame(0, "ho"), [(9, b"hi"), -1002]
    yield "a text within a text", frame(1, "hi", last=False) + frame(1, "ho"), [-1002]
    yield "a binary within a text", frame(1, "hi", last=False) + frame(2, "ho"), [-1002]
    yield "a text within a binary, after a ping", frame(2, "hi", last=False) + frame(9) + frame(1, "ho"), [(9, b""), -1002]
    yield "a text within empty fragments", frame(1, last=False) + frame(1, "ho"), [-1002]


def controls():
    for op in (9, 10):
        yield "%d, empty" % op, frame(op), [(op, b"")]
        yield "%d, any bytes" % op, frame(op, bytes(range(125))), [(op, bytes(range(125)))]
        yield "%d, bytes that are no UTF-8" % op, frame(op, b"\xff\xfe"), [(op, b"\xff\xfe")]
    for op in (8, 9, 10):
        yield "%d of 126 bytes" % op, frame(op, closing(1000, bytes(124))), [-1002]
        yield "%d of 70000 bytes" % op, frame(op)[:1] + b"\xff\0\0\0\0\0\1\x11\x70" + b"abcd", [-1002]
        yield "%d, not the last" % op, frame(op, last=False), [-1002]
        yield "%d, not the last, in a message" % op, frame(1, "hi", last=False) + frame(op, last=False), [-1002]


def closes():
    yield "empty", frame(8), [(8, b"")]
    yield "a code", frame(8, closing(1000)), [(8, closing(1000))]
    yield "a code and a reason", frame(8, closing(1001, b"caf\xc3\xa9")), [(8, closing(1001, b"caf\xc3\xa9"))]
    yield "the longest reason", frame(8, closing(4000, b"x" * 123)), [(8, closing(4000, b"x" * 123))]
    yield "one byte", frame(8, b"\x03"), [-1002]
    yield "a reason that is no UTF-8", frame(8, closing(1000, b"\xff")), [-1007]
    yield "a reason that is cut", frame(8, closing(1000, b"caf\xc3")), [-1007]
    yield "a reason with half a pair", frame(8, closing(1000, b"\xed\xa0\x80")), [-1007]


def codes():
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
        yield "%d" % code, frame(8, closing(code)), [(8, closing(code))]
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield "%d" % code, frame(8, closing(code)), [-1002]


GOOD = (
    "\0\x7f", "\x80\u07ff", "\u0800\ud7ff", "\ue000\uffff", "\ufdd0\ufffe", "\U00010000\U0010ffff", "\U0001f43e \u00b5\u4e2d"
)
BAD = (
    b"\x80",  # what continues, alone
    b"\xbf",
    b"\xc2",  # cut at the end
    b"\xe2\x82",
    b"\xf0\x9f\x90",
    b"\xc2a",  # cut in the middle
    b"\xe2\x82a",
    b"\xf0\x9f\x90a",
    b"\xc0\xaf",  # longer than need be
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80",  # halves of pairs
    b"\xed\xbf\xbf",
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",  # no such byte
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xfe",
    b"\xff",
)


def texts():
    for text in GOOD:
        yield "%r" % text, frame(1, text), [text]
        yield "%r as binary" % text, frame(2, text), [text.encode()]
    for data in BAD:
        yield "%r" % data, frame(1, data), [-1007]
        yield "%r within" % data, frame(1, b"abc\xc3\xa9" + data + b"def"), [-1007]
        yield "%r as binary" % data, frame(2, data), [data]


def cuts():
    text = "\u00b5\u20ac\U0001f43e!"
    data = text.encode()
    for at in range(len(data) + 1):
        yield "good text cut at %d" % at, frame(1, data[:at], last=False) + frame(0, data[at:]), [text]
    for bad in (b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        for at in range(1, len(bad)):
            yield "%r cut at %d" % (bad, at), frame(1, bad[:at], last=False) + frame(9) + frame(0, bad[at:]), [(9, b""), -1007]


def sizes():
    yield "the limit", frame(2, bytes(LIMIT)), [bytes(LIMIT)]
    yield "one more", frame(2, bytes(LIMIT + 1)), [-1009]
    yield "one more, a text", frame(1, "x" * (LIMIT + 1)), [-1009]
    yield "far more, which is never sent", bytes((0x82, 0xFF, 0x7F, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4)), [-1009]
    yield "one more in fragments", frame(2, bytes(LIMIT), last=False) + frame(0, b"x"), [-1009]
    yield "one more in many", frame(2, bytes(100), last=False) + frame(0, bytes(200), last=False) + frame(0, b"x", last=False), [-1009]
    yield "the limit in fragments, ping between", frame(2, bytes(200), last=False) + frame(9) + frame(0, bytes(100)), [(9, b""), bytes(300)]
    yield "each message by itself", frame(2, bytes(LIMIT)) + frame(2, bytes(LIMIT)), [bytes(LIMIT)] * 2


SECTIONS = masking, reserved, opcodes, lengths, keys, fragments, controls, closes, codes, texts, cuts, sizes
