# firmware/captive.py: every name is this board, and nothing else gets an answer.

import time

import aboard  # noqa: F401
import captive
import mungo
from net import listening

MIN_HEAP = "100k"

IP = b"\x0a\x00\x00\x07"
HEAD = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"


def question(name, kind=1, klass=1, head=HEAD):
    out = head
    for label in name.split("."):
        if label:
            out += bytes([len(label)]) + label.encode()
    return out + b"\x00" + bytes([kind >> 8, kind & 255, klass >> 8, klass & 255])


def test_every_name_is_this_board():
    for name in ("connectivitycheck.gstatic.com", "captive.apple.com", "x", "a" * 63 + ".b", ""):
        query = question(name)
        reply = captive.answer(query, IP)
        assert reply[:12] == b"\x12\x34\x85\x80\x00\x01\x00\x01\x00\x00\x00\x00"
        assert reply[12 : len(query)] == query[12:]
        assert reply[len(query) :] == b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04" + IP


def test_names_have_no_other_records():
    for kind, klass in ((28, 1), (65, 1), (16, 1), (1, 3)):
        query = question("example.com", kind, klass)
        reply = captive.answer(query, IP)
        assert reply == b"\x12\x34\x85\x80\x00\x01\x00\x00\x00\x00\x00\x00" + query[12:], (kind, klass)
    assert captive.answer(question("example.com", 255), IP)[-4:] == IP


def test_edns_is_left_out():
    option = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00"
    query = question("example.com", head=HEAD[:11] + b"\x01") + option
    reply = captive.answer(query, IP)
    assert reply[10:12] == b"\x00\x00" and reply.endswith(IP) and len(reply) == len(query) - len(option) + 16


def test_what_is_no_question_gets_no_answer():
    good = question("example.com")
    for cut in range(len(good)):
        assert captive.answer(good[:cut], IP) is None, cut
    for bad in (
        good[:2] + b"\x81" + good[3:],  # an answer: two such boards would talk for ever
        good[:2] + b"\x28" + good[3:],  # another opcode
        good[:5] + b"\x02" + good[6:],  # two questions
        good[:5] + b"\x00" + good[6:],
        good[:7] + b"\x01" + good[8:],  # answers
        HEAD + b"\xc0\x0c\x00\x01\x00\x01",  # a pointer
        HEAD + b"\x40" + bytes(70),
        question(".".join(["a" * 60] * 5)),  # 305 bytes
        good + bytes(500),
        bytes(600),
    ):
        assert captive.answer(bad, IP) is None, bad


def test_it_answers_in_the_loop():
    import socket

    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.listen(url, captive.handler, captive.packed("10.0.0.7")), "udp")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    sock.setblocking(False)
    sock.send(b"rubbish")
    sock.send(question("example.com"))
    got = None
    start = time.ticks_ms()
    while got is None:
        mgr.poll(20)
        assert time.ticks_diff(time.ticks_ms(), start) < 10000
        try:
            got = sock.recv(600)
        except OSError:
            continue
    assert got.endswith(IP)
    sock.close()
    mgr.close()
