# The messages of DNS: what is asked, and what is read from answers, good ones and malformed ones.

from dnsnet import AAAA, CNAME, NS, SOA, TXT, A, a, aaaa, cname, message, number, record, soa, wire
from mungo.dns.packets import make_question, read_answer

MIN_HEAP = "128k"

ID = b"\x12\x34"
Q = make_question(ID, "www.example.org", A)
Q6 = make_question(ID, "www.example.org", AAAA)
OWNER = "www.example.org"
TO = b"\xc0\x0c"  # a pointer to the question's name
HEAD = 12 + 17 + 4  # where the first record is
ONE = ("10.1.2.3",)


def test_a_question():
    assert Q == b"\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3org\0\0\1\0\1"
    assert Q6 == Q[:-3] + b"\x1c\0\1"
    assert make_question(ID, "router", A)[12:] == b"\6router\0\0\1\0\1"
    long = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert make_question(ID, long, A)[12:] == wire(long) + b"\0\1\0\1"


def test_good_answers():
    six = "fd00:0:0:0:0:0:0:7"
    chain = [cname(OWNER, "b.example.org", 300), cname("b.example.org", "c.example.net", 40), a("c.example.net", "10.1.2.3", 200)]
    for packet, data, expected in (
        (Q, message(Q, [a(OWNER, "10.1.2.3", 77)]), (0, ONE, 77)),
        (Q, message(Q, [a(TO, "10.1.2.3", 77)]), (0, ONE, 77)),
        (Q, message(Q, [a(TO, "10.1.2.3", 77), a(TO, "10.1.2.4", 50)]), (0, ("10.1.2.3", "10.1.2.4"), 50)),
        (Q, message(Q, [a("WWW.Example.ORG", "10.1.2.3")]), (0, ONE, 60)),
        (Q, message(Q, [a(TO, "10.1.2.3", 0)]), (0, ONE, 0)),
        (Q, message(Q, [a(TO, "10.1.2.3", 0x80000000)]), (0, ONE, 0)),  # RFC 2181 section 8
        (Q, message(Q, [a(TO, "10.1.2.3", 0x7FFFFFFF)]), (0, ONE, 0x7FFFFFFF)),
        (Q6, message(Q6, [aaaa(TO, 7)]), (0, (six,), 60)),
        (Q, message(Q, chain), (0, ONE, 40)),
        (Q, message(Q, [chain[2], chain[1], chain[0]]), (0, ONE, 40)),  # in any order
        (Q, message(Q, [chain[1], chain[2], chain[0]]), (0, ONE, 40)),
        (Q, message(Q, [a("stranger.org", "10.6.6.6", 1), a(TO, "10.1.2.3")]), (0, ONE, 60)),  # what nobody asked for
        (Q, message(Q, [record(TO, TXT, b"\3abc", 1), a(TO, "10.1.2.3")]), (0, ONE, 60)),
        (Q, message(Q, [record(TO, A, b"\1\2\3\4", cls=3), a(TO, "10.1.2.3")]), (0, ONE, 60)),  # another class
        (Q, message(Q, [aaaa(TO, 7, 1), a(TO, "10.1.2.3")]), (0, ONE, 60)),
        (Q, message(Q, [a(TO, "10.1.2.3")], more=b"what follows"), (0, ONE, 60)),
        (Q, message(Q, [a(TO, "10.1.2.3")], counts=(1, 1, 0, 9)), (0, ONE, 60)),  # what nobody reads is not looked at
        (Q, message(Q, [a(TO, "10.1.2.3")], [record("org", NS, wire("ns.org"))]), (0, ONE, 60)),
        (Q, message(Q, [a(TO, "10.1.2.3")], flags=0x8580), (0, ONE, 60)),  # authoritative
        (Q, message(Q, [a(TO, "10.1.2.3")], flags=0x81B0), (0, ONE, 60)),  # AD and CD, RFC 4035
        # Negative ones, RFC 2308: the lesser of the SOA's TTL and its minimum.
        (Q, message(Q, flags=0x8183), (3, (), 0)),
        (Q, message(Q, (), [soa("org", 900, 30)], 0x8183), (3, (), 30)),
        (Q, message(Q, (), [soa("org", 20, 30)], 0x8183), (3, (), 20)),
        (Q, message(Q, (), [soa("org", 20, 30)]), (0, (), 20)),
        (Q, message(Q, [cname(OWNER, "gone.org", 5)], [soa("org", 20, 30)], 0x8183), (3, (), 5)),
        (Q, message(Q), (0, (), 0)),
        # Errors, and one that is too long.
        (Q, message(Q, flags=0x8182), (2, (), 0)),
        (Q, message(Q, flags=0x8185), (5, (), 0)),
        (Q, message(Q, [a(TO, "10.1.2.3")], flags=0x8380), (-1, (), 0)),
        (Q, message(Q, flags=0x8380, counts=(1, 9, 9, 9)), (-1, (), 0)),
    ):
        assert read_answer(data, packet) == expected, (data, read_answer(data, packet))


def test_a_chain_of_cnames_has_an_end():
    names = ["n%d.org" % n for n in range(10)]
    links = [cname(one, other) for one, other in zip([OWNER] + names, names)]
    for n in range(10):
        answer = read_answer(message(Q, links[:n] + [a(([OWNER] + names)[n], "10.1.2.3")]), Q)
        assert answer == ((0, ONE, 60) if n <= 8 else (0, (), 0)), n
    circle = [cname(OWNER, "b.org"), cname("b.org", OWNER), a("c.org", "10.1.2.3")]
    assert read_answer(message(Q, circle), Q) == (0, (), 0)
    assert read_answer(message(Q, [cname(OWNER, OWNER), a("c.org", "10.1.2.3")]), Q) == (0, (), 0)


def test_many_addresses_are_cut():
    data = message(Q, [a(TO, "10.1.2.%d" % n) for n in range(12)])
    assert read_answer(data, Q) == (0, tuple(["10.1.2.%d" % n for n in range(8)]), 60)


def at_first(data, ttl=60):
    """An answer whose first record is given from its owner on."""
    return message(Q, [data])


GOOD = message(Q, [a(TO, "10.1.2.3")])

MALFORMED = (
    b"",
    b"\x12",
    GOOD[:2],
    GOOD[:11],
    GOOD[:12],
    GOOD[: HEAD - 1],  # cut in the question
    GOOD[:HEAD],  # no record where there should be one
    GOOD[: HEAD + 1],  # cut in a pointer
    GOOD[: HEAD + 2],  # before the type
    GOOD[: HEAD + 5],  # in the class
    GOOD[: HEAD + 9],  # in the TTL
    GOOD[: HEAD + 11],  # in the length
    GOOD[: HEAD + 12],  # before the data
    GOOD[:-1],  # in the data
    b"\x12\x35" + GOOD[2:],  # another id
    b"\x13\x34" + GOOD[2:],
    message(Q, [a(TO, "10.1.2.3")], flags=0x0180),  # a question
    message(Q, [a(TO, "10.1.2.3")], flags=0x8980),  # opcode 1
    message(Q, [a(TO, "10.1.2.3")], flags=0xF980),  # opcode 15
    message(Q, [a(TO, "10.1.2.3")], counts=(0, 1, 0, 0)),  # without a question
    message(Q, [a(TO, "10.1.2.3")], counts=(2, 1, 0, 0)),  # with two
    message(Q6, [a(TO, "10.1.2.3")]),  # to another question: the type
    message(Q[:-1] + b"\3", [a(TO, "10.1.2.3")]),  # the class
    message(make_question(ID, "www.example.com", A), [a(TO, "10.1.2.3")]),  # the name
    message(make_question(ID, "ww.wexample.org", A), [a(TO, "10.1.2.3")]),
    message(make_question(ID, "example.org", A), [a(OWNER, "10.1.2.3")]),
    message(make_question(ID, "www.example.org.org", A), [a(OWNER, "10.1.2.3")]),
    message(Q, [a(TO, "10.1.2.3")], counts=(1, 2, 0, 0)),  # fewer records than it says
    message(Q, [a(TO, "10.1.2.3")], counts=(1, 65535, 0, 0)),
    message(Q, [a(TO, "10.1.2.3")], counts=(1, 1, 1, 0)),
    at_first(record(TO, A, b"\1\2\3")),  # no address
    at_first(record(TO, A, b"\1\2\3\4\5")),
    at_first(record(TO, A, b"")),
    at_first(record(TO, A, b"\1\2\3\4", length=5)),
    at_first(record(TO, A, b"\1\2\3\4", length=65535)),
    at_first(a(b"\xc0" + bytes((HEAD,)), "10.1.2.3")),  # a pointer to itself
    at_first(a(b"\xc0" + bytes((HEAD + 2,)), "10.1.2.3")),  # forward
    at_first(a(b"\xff\xff", "10.1.2.3")),  # beyond the end
    at_first(a(b"\3www\xc0" + bytes((HEAD,)), "10.1.2.3")),  # a circle through a label
    at_first(a(b"\1a\xc0" + bytes((HEAD + 2,)), "10.1.2.3")),  # a pointer to itself behind a label
    message(Q, [a(b"\1a" + TO, "10.9.9.9"), a(b"\1b\xc0" + bytes((HEAD + 18 + 2,)), "10.1.2.3")]),  # to itself, in the second record
    at_first(a(b"\x40www\0", "10.1.2.3")),  # reserved kinds of labels
    at_first(a(b"\x80www\0", "10.1.2.3")),
    at_first(a(b"\x3f", "10.1.2.3")),  # a label beyond the end
    at_first(a(b"\x0aabc\0", "10.1.2.3")[:-4]),
    at_first(a(b"\1a" * 128 + b"\0", "10.1.2.3")),  # a name of 257 bytes
    at_first(a((b"\x3f" + b"a" * 63) * 4 + b"\0", "10.1.2.3")),
    at_first(a((b"\x3f" + b"a" * 63) * 3 + b"\x2f" + b"b" * 47 + TO, "10.1.2.3")),  # too long with what a pointer adds
    at_first(record(TO, CNAME, b"")),  # no name
    at_first(record(TO, CNAME, b"\3www")),  # cut
    at_first(record(TO, CNAME, wire("b.org") + b"x")),  # more than a name
    at_first(record(TO, CNAME, wire("b.org"), length=3)),
    at_first(record(TO, CNAME, b"\xc0" + bytes((HEAD + 12,)))),  # a pointer to itself
    message(Q, [cname(TO, "b.org"), a("b.org", "10.1.2.3")[:-1]]),
    message(Q, (), [record("org", SOA, b"", 60)], 0x8183),  # an SOA without numbers
    message(Q, (), [record("org", SOA, bytes(21), 60)], 0x8183),
    message(Q, (), [soa("org", 60, 60)[:-1]], 0x8183),
    message(Q, (), [record(b"\xc0\xff", SOA, bytes(22), 60)], 0x8183),
    message(Q, [], counts=(1, 0, 1, 0)),
)


def test_malformed_answers_are_ignored():
    assert len(MALFORMED) >= 40 and len(set(MALFORMED)) == len(MALFORMED)
    assert read_answer(GOOD, Q) == (0, ONE, 60)
    for data in MALFORMED:
        assert read_answer(data, Q) is None, (data, read_answer(data, Q))


def test_a_cut_or_changed_answer_does_no_harm():
    data = message(
        Q,
        [cname(TO, "b.example.org", 300), a("b.example.org", "10.1.2.3", 200), a(b"\1b\xc0\x10", "10.1.2.4", 200)],
        [soa("example.org", 60, 60)],
    )
    assert read_answer(data, Q) == (0, ("10.1.2.3", "10.1.2.4"), 200)
    for n in range(len(data)):
        assert read_answer(data[:n], Q) is None, n
        for byte in (0, 1, 0x3F, 0x40, 0x80, 0xC0, 0xFF):
            changed = data[:n] + bytes((byte,)) + data[n + 1 :]
            answer = read_answer(changed, Q)
            assert answer is None or len(answer) == 3 and len(answer[1]) <= 8 and 0 <= answer[2] < 1 << 31, changed


def test_pointers_may_go_on_back():
    first = a(b"\3ftp\xc0\x10", "10.9.9.9")  # ftp.example.org at HEAD
    second = a(b"\3ftp\xc0\x10", "10.9.9.9")
    back = a(b"\xc0\x0c", "10.1.2.3")
    assert read_answer(message(Q, [first, second, back]), Q) == (0, ONE, 60)
    packet = make_question(ID, "a.ftp.example.org", A)
    head = 12 + 19 + 4
    chained = [a(b"\3ftp\xc0\x12", "10.9.9.9"), a(b"\1a\xc0" + bytes((head,)), "10.1.2.3")]  # a pointer to a name that ends in a pointer
    assert read_answer(message(packet, chained), packet) == (0, ONE, 60)


def test_the_work_for_a_message_has_a_limit():
    base = HEAD + 11  # where the data of the first record is: a name, and pointers of which each leads to the one before
    pointers = b"\1x\0\xc0" + bytes((base,)) + b"".join([number(0xC003 + base + 2 * n, 2) for n in range(250)])
    for n, expected in ((0, (0, ONE, 60)), (100, (0, ONE, 60)), (250, None)):
        owner = number(0xC003 + base + 2 * n, 2)
        data = message(Q, [record(b"\0", TXT, pointers), a(owner, "10.9.9.9"), a(TO, "10.1.2.3")])
        assert read_answer(data, Q) == expected, n
    other = record(b"\0", NS, b"")
    assert read_answer(message(Q, [other] * 255 + [a(TO, "10.1.2.3")]), Q) == (0, ONE, 60)
    assert read_answer(message(Q, [other] * 256 + [a(TO, "10.1.2.3")]), Q) == (0, (), 0)
