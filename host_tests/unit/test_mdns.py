# lib/mungo/mdns/: responders and questions in a network of their own, whose time goes on only when a test says so.

import errno
import struct

import mungo
import mungo.mdns as mdns
import mungo.mdns.responder as responder
from mungo.mdns.responder import Responder
from raising import raised, raised_errno

MIN_HEAP = "288k"

A, PTR, TXT, AAAA, SRV, NSEC, ANY = 1, 12, 16, 28, 33, 47, 255
ANSWER = 0x8400
FLUSH = 0x8000


class Air:
    """A network: what is sent to all reaches all sockets at port 5353, with its sender's as well."""

    def __init__(self):
        self.now = 1000
        self.timers = []
        self.conns = []
        self.queue = []  # (who gets it, its sender, data)
        self.sent = []  # (when, its sender, "all" or "one", data)

    def send(self, c, data):
        assert 0 < len(data) <= 1472
        everybody = c.peer is c.group or c.peer == c.group
        self.sent.append((self.now, c, "all" if everybody else "one", data))
        for one in list(self.conns) if everybody else [c.peer]:
            if not everybody or one.port == 5353:
                self.queue.append((one, c, data))

    def deliver(self):
        while self.queue:
            c, sender, data = self.queue.pop(0)
            if c in self.conns:
                c.peer = sender
                c.rem = "%s:%d" % (sender.address, sender.port)
                c.handler(c, mungo.EV_READ, data, None)

    def run(self, ms):
        """Let this time pass."""
        end = self.now + ms
        self.deliver()
        while True:
            due = [timer for timer in self.timers if timer.due <= end]
            if not due:
                break
            first = min([timer.due for timer in due])
            timer = [timer for timer in due if timer.due == first][0]
            self.timers.remove(timer)
            self.now = max(self.now, timer.due)
            timer.fn(timer.arg)
            self.deliver()
        self.now = end

    def __enter__(self):
        self.real = responder.ticks_ms
        responder.ticks_ms = lambda: self.now
        return self

    def __exit__(self, *_):
        responder.ticks_ms = self.real


class Timer:
    def __init__(self, air, due, fn, arg):
        self.air = air
        self.due = due
        self.fn = fn
        self.arg = arg

    def cancel(self):
        if self in self.air.timers:
            self.air.timers.remove(self)


class Conn:
    """In the place of a UdpConnection."""

    peer = rem = group = own = None
    is_closed = False

    def __init__(self, host, port, handler):
        self.air = host.air
        self.address = host.address
        self.port = port
        self.handler = handler
        self.sock = self
        self.options = []

    def setsockopt(self, *option):
        self.options.append(option)

    def send(self, data):
        if self.is_closing:
            return False
        self.air.send(self, data)
        return True

    @property
    def is_closing(self):
        return self.is_closed

    @is_closing.setter
    def is_closing(self, value):
        self.is_closed = True
        if self in self.air.conns:
            self.air.conns.remove(self)


class Host:
    """In the place of a manager: a machine in the network."""

    def __init__(self, air, address):
        self.air = air
        self.address = address

    def listen(self, url, handler):
        port = int(url.split(":")[-1])
        assert url[:7] == "udp://:"
        if port == 0:
            port = 40000 + len(self.air.sent) + len(self.air.conns)
        c = Conn(self, port, handler)
        self.air.conns.append(c)
        return c

    def timer(self, ms, fn, arg=None):
        assert ms >= 0
        timer = Timer(self.air, self.air.now + ms, fn, arg)
        self.air.timers.append(timer)
        return timer


class Peer:
    """Another program: it sends what a test says, and has what it got in `got`."""

    def __init__(self, air, address="10.0.0.99", port=5353):
        self.got = []
        self.c = Conn(Host(air, address), port, lambda c, ev, data, _: self.got.append(data))
        air.conns.append(self.c)

    def say(self, data):
        self.c.peer = self.c.group = "all"
        self.c.send(data)


def answers(air, ms, peer, data):
    """What it gets within this time after it has said this."""
    peer.got.clear()
    peer.say(data)
    air.run(ms)
    return [read(one) for one in peer.got if one != data]


# --- packets, made and read without the library


def name(text):
    data = b""
    for label in text.split("."):
        data += bytes((len(label.encode()),)) + label.encode()
    return data + b"\0"


def question(text, kind, unicast=0):
    return name(text) + struct.pack("!HH", kind, 1 | unicast)


def record(text, kind, seconds, value, flush=0):
    return name(text) + struct.pack("!HHIH", kind, 1 | flush, seconds, len(value)) + value


def packet(flags=0, asked=(), found=(), probed=(), more=(), id=0):
    head = struct.pack("!6H", id, flags, len(asked), len(found), len(probed), len(more))
    return head + b"".join(asked) + b"".join(found) + b"".join(probed) + b"".join(more)


def ask(text, kind=A, **options):
    return packet(0, [question(text, kind)], **options)


def read(data):
    """(id, flags, [(name, type, class) asked], [(section, name, type, class, seconds, value)])"""
    counts = struct.unpack("!6H", data[:12])
    at = 12
    asked = []
    found = []
    for section in range(4):
        for _ in range(counts[2 + section]):
            labels = []
            while data[at]:
                assert data[at] < 64
                labels.append(str(data[at + 1 : at + 1 + data[at]], "utf-8"))
                at += 1 + data[at]
            at += 1
            kind, group = struct.unpack("!HH", data[at : at + 4])
            at += 4
            if section == 0:
                asked.append((".".join(labels), kind, group))
                continue
            seconds, n = struct.unpack("!IH", data[at : at + 6])
            at += 6 + n
            found.append((section, ".".join(labels), kind, group, seconds, data[at - n : at]))
    assert at == len(data)
    return counts[0], counts[1], asked, found


IP = b"\x0a\0\0\x07"
HTTP = "_http._tcp.local"
KITCHEN = "kitchen." + HTTP
EVERYTHING = sorted([
    (1, "kitchen.local", A, FLUSH | 1, 120, IP),
    (1, "kitchen.local", NSEC, FLUSH | 1, 120, name("kitchen.local") + b"\0\1\x40"),
    (1, KITCHEN, SRV, FLUSH | 1, 120, b"\0\0\0\0\0\x50" + name("kitchen.local")),
    (1, KITCHEN, TXT, FLUSH | 1, 120, b"\6path=/"),
    (1, HTTP, PTR, 1, 120, name(KITCHEN)),
    (1, "_services._dns-sd._udp.local", PTR, 1, 120, name(HTTP)),
])  # fmt: skip


def kitchen(air, **options):
    """A responder that has its name."""
    it = Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7", 80, ("path=/",), **options)
    air.run(5000)
    air.sent.clear()
    return it


def test_a_name_is_probed_three_times_and_announced_twice():
    with Air() as air:
        names = []
        it = Responder(Host(air, "10.0.0.7"), "Kitchen", "10.0.0.7", 80, ("path=/",), names.append)
        assert air.sent == [] and it.c.own == IP
        air.run(255)
        begin = air.sent[0][0]
        assert 0 <= begin - 1000 <= 255
        air.run(6000)
        assert [when - begin for when, *_ in air.sent] == [0, 250, 500, 750, 1750]
        assert all(to == "all" for _, _, to, _ in air.sent)
        for _, _, _, data in air.sent[:3]:
            id, flags, asked, found = read(data)
            assert (id, flags) == (0, 0) and set(asked) == {("kitchen.local", ANY, 1), (KITCHEN, ANY, 1)}
            # What it means to have is in the authority section, as a record of its class without the uppermost bit.
            assert sorted(found) == sorted([(2, n, k, 1, s, v) for _, n, k, _, s, v in EVERYTHING if k in (A, SRV, TXT)])
        for _, _, _, data in air.sent[3:]:
            id, flags, asked, found = read(data)
            assert (id, flags, asked) == (0, ANSWER, []) and sorted(found) == EVERYTHING
        assert names == ["kitchen"] and it.name == "kitchen" and not air.timers


def test_not_all_begin_at_the_same_time():
    # As they would when the power comes back.
    begins = set()
    for _ in range(20):
        with Air() as air:
            Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7")
            air.run(300)
            begins.add(air.sent[0][0])
    assert len(begins) > 5


def test_the_socket_is_in_the_group():
    with Air() as air:
        it = kitchen(air)
        options = [option[2] for option in it.c.options]
        assert options == [255, IP, b"\xe0\0\0\xfb" + IP]


def test_a_name_without_a_server_has_no_service():
    with Air() as air:
        Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7")
        air.run(5000)
        assert {kind for _, _, kind, _, _, _ in read(air.sent[-1][3])[3]} == {A, NSEC}
        assert answers(air, 2000, Peer(air), ask(HTTP, PTR)) == []


def test_questions_for_what_it_has_are_answered():
    with Air() as air:
        kitchen(air)
        peer = Peer(air)
        for text, kind in (
            ("kitchen.local", A), ("KITCHEN.Local", A), ("kitchen.local", AAAA), ("kitchen.local", ANY), (KITCHEN, SRV), (KITCHEN, TXT),
            (KITCHEN, ANY), (HTTP, PTR), ("_HTTP._tcp.local", PTR), (HTTP, ANY), ("_services._dns-sd._udp.local", PTR),
        ):  # fmt: skip
            for unicast in (0, FLUSH):
                seen = answers(air, 2000, peer, packet(0, [question(text, kind, unicast)]))
                assert len(seen) == 1 and sorted(seen[0][3]) == EVERYTHING and seen[0][:3] == (0, ANSWER, []), (text, kind)
        for text, kind in (
            ("kitchen2.local", A), ("kitchen", A), ("local", A), ("x.kitchen.local", A), ("_ipp._tcp.local", PTR), ("garage." + HTTP, SRV),
            ("kitchen.local.local", A), ("7.0.0.10.in-addr.arpa", PTR),
        ):  # fmt: skip
            assert answers(air, 2000, peer, ask(text, kind)) == [], text


def test_answers_wait_for_others_and_come_once_in_a_second():
    with Air() as air:
        it = kitchen(air)
        peer = Peer(air)
        waits = []
        for _ in range(20):
            air.sent.clear()
            begin = air.now
            answers(air, 3000, peer, ask(HTTP, PTR))
            waits.append([when - begin for when, c, _, _ in air.sent if c is it.c])
        assert all(len(wait) == 1 and 20 <= wait[0] < 120 for wait in waits) and len({wait[0] for wait in waits}) > 1
        air.sent.clear()
        times = []
        for _ in range(300):  # 3 s
            peer.say(ask(HTTP, PTR))
            air.run(10)
            times += [when for when, c, _, _ in air.sent if c is it.c]
            peer.got.clear()
            air.sent.clear()
        air.run(2000)
        assert 3 <= len(times) <= 5 and all(b - a >= 1000 for a, b in zip(times, times[1:]))


def test_what_is_known_is_not_said_again():
    with Air() as air:
        kitchen(air)
        peer = Peer(air)
        pointer = name(KITCHEN)
        for seconds, text, value, n in (
            (120, HTTP, pointer, 0), (60, HTTP, pointer, 0), (59, HTTP, pointer, 1), (0, HTTP, pointer, 1),
            (120, HTTP, name("garage." + HTTP), 1), (120, "_ipp._tcp.local", pointer, 1),
        ):  # fmt: skip
            asked = packet(0, [question(HTTP, PTR)], [record(text, PTR, seconds, value)])
            assert len(answers(air, 2000, peer, asked)) == n, (seconds, text)
        # One thing that is not known is enough.
        asked = packet(0, [question(HTTP, PTR), question("kitchen.local", A)], [record(HTTP, PTR, 120, pointer)])
        assert len(answers(air, 2000, peer, asked)) == 1


def test_a_question_from_another_port_is_answered_as_a_name_server_does():
    with Air() as air:
        it = kitchen(air)
        peer = Peer(air, port=40000)
        everybody = Peer(air, "10.0.0.98")
        begin = air.now
        (id, flags, asked, found), = answers(air, 0, peer, ask("kitchen.local", A, id=0x1234))  # fmt: skip
        assert (id, flags, asked) == (0x1234, ANSWER, [("kitchen.local", A, 1)])
        assert sorted(found) == sorted([(1, n, k, 1, 10, v) for _, n, k, _, _, v in EVERYTHING])
        assert [(when - begin, to) for when, c, to, _ in air.sent if c is it.c] == [(0, "one")]
        air.run(2000)
        assert [read(data)[1] for data in everybody.got] == [0]  # the question
        two = packet(0, [question("garage.local", AAAA), question(HTTP, PTR, FLUSH)], id=7)
        assert answers(air, 0, peer, two)[0][:3] == (7, ANSWER, [(HTTP, PTR, 1)])


def test_a_probe_for_its_name_is_answered_at_once():
    with Air() as air:
        kitchen(air)
        peer = Peer(air)
        assert len(answers(air, 2000, peer, ask(HTTP, PTR))) == 1
        air.run(-1000)  # less than a second after the last answer
        probe = packet(0, [question("kitchen.local", ANY)], probed=[record("kitchen.local", A, 120, b"\x0a\0\0\x63")])
        assert len(answers(air, 0, peer, probe)) == 1


def test_a_name_that_is_taken_gets_a_number():
    with Air() as air:
        its = []
        for n in range(4):
            address = "10.0.0.%d" % (10 + n)
            its.append(Responder(Host(air, address), "kitchen", address, 80))
            air.run(5000)
        assert [it.name for it in its] == ["kitchen", "kitchen-2", "kitchen-3", "kitchen-4"]
        peer = Peer(air)
        for n, it in enumerate(its):
            found = answers(air, 2000, peer, ask(it.name + ".local"))
            assert [value for _, _, kind, _, _, value in found[0][3] if kind == A] == [bytes((10, 0, 0, 10 + n))]
        # All four offer the service.
        found = answers(air, 3000, peer, ask(HTTP, PTR))
        instances = [value for one in found for _, text, kind, _, _, value in one[3] if text == HTTP]
        assert sorted(instances) == sorted([name(it.name + "." + HTTP) for it in its])


def test_those_that_begin_together_all_get_a_name():
    for turn in range(20):
        with Air() as air:
            its = []
            for n in range(5):
                address = "10.0.0.%d" % ((turn * 7 + n * 50) % 250 + 1)
                its.append(Responder(Host(air, address), "kitchen", address, 80 + n % 2))
                air.run(turn * 10)
            air.run(30000)
            assert sorted([it.name for it in its]) == ["kitchen"] + ["kitchen-%d" % n for n in range(2, 6)]
            assert not air.timers  # it has come to an end


def test_of_two_that_probe_together_the_greater_one_has_the_name():
    with Air() as air:
        for value, wins in ((b"\x0a\0\0\x08", False), (b"\x0a\0\0\x06", True), (b"\xff\0\0\1", False), (IP, True)):
            it = Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7")
            air.run(300)
            peer = Peer(air)
            peer.say(packet(0, [question("kitchen.local", ANY)], probed=[record("kitchen.local", A, 120, value)]))
            air.sent.clear()
            begin = air.now
            air.run(900)
            # The loser waits for a second, and tries again: then the other has it, or is gone.
            assert bool([c for _, c, _, _ in air.sent if c is it.c]) == wins, value
            air.run(3000)
            assert it.name == "kitchen" and it.step > 4
            assert wins or [when for when, c, _, _ in air.sent if c is it.c][0] == begin + 1000
            it.close()
            peer.c.is_closing = True


def test_probes_for_other_names_do_not_matter():
    with Air() as air:
        it = Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7", 80)
        peer = Peer(air)
        for _ in range(20):
            peer.say(packet(0, [question("zebra.local", ANY)], probed=[record("zebra.local", A, 120, b"\xff\xff\xff\xff")]))
            air.run(50)
        air.run(1000)
        assert it.name == "kitchen" and it.step > 3


def test_another_that_has_the_name_is_noticed():
    other = b"\x0a\0\0\x63"
    for found, taken in (
        ([record("kitchen.local", A, 120, other, FLUSH)], True),
        ([record("KITCHEN.local", A, 120, other)], True),
        ([record("kitchen.local", AAAA, 120, bytes(16))], True),  # even if that is not for us
        ([record(KITCHEN, SRV, 120, b"\0\0\0\0\0\x51" + name("garage.local"))], True),
        ([record(KITCHEN, TXT, 120, b"\0")], True),
        ([record("kitchen.local", A, 120, IP)], False),  # the same
        ([record("kitchen.local", A, 0, other)], False),  # a goodbye
        ([record("garage.local", A, 120, other)], False),
        ([record(HTTP, PTR, 120, name("garage." + HTTP))], False),  # another one's service
    ):
        for section in ("found", "more"):
            with Air() as air:
                it = Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7", 80, ("path=/",))
                air.run(300)
                Peer(air).say(packet(ANSWER, **{section: found}))
                air.run(5000)
                assert it.name == ("kitchen-2" if taken else "kitchen"), found
    with Air() as air:  # what does not come from port 5353 is no answer of a responder
        it = Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7", 80)
        air.run(300)
        Peer(air, port=40000).say(packet(ANSWER, found=[record("kitchen.local", A, 120, other, FLUSH)]))
        air.run(5000)
        assert it.name == "kitchen"


def test_two_networks_that_become_one_have_one_of_each_name():
    with Air() as air:
        other = Air()
        names = []
        first = Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7", 80, fn=names.append)
        second = Responder(Host(other, "10.0.0.8"), "kitchen", "10.0.0.8", 80, fn=names.append)
        air.run(5000)
        other.run(5000)
        assert first.name == second.name == "kitchen"
        second.c.air = second.mgr.air = air
        air.conns.append(second.c)
        Peer(air).say(ask("kitchen.local"))
        air.run(20000)
        assert {first.name, second.name} == {"kitchen", "kitchen-2"}
        assert names[:2] == ["kitchen"] * 2 and "kitchen-2" in names


def test_a_name_that_it_has_had_is_not_given_up_without_a_question():
    with Air() as air:
        it = kitchen(air)
        Peer(air).say(packet(ANSWER, found=[record("kitchen.local", A, 120, b"\x0a\0\0\x63", FLUSH)]))
        air.run(5000)
        seen = [read(data)[1:3] for _, c, _, data in air.sent if c is it.c]
        assert it.name == "kitchen" and seen[:3] == [(0, seen[0][1])] * 3 and seen[3:] == [(ANSWER, [])] * 2


def test_an_answer_is_no_question():
    with Air() as air:
        kitchen(air)
        both = packet(ANSWER, [question(HTTP, PTR)], [record("garage.local", A, 120, IP)])
        assert answers(air, 3000, Peer(air), both) == []


def test_after_many_conflicts_it_takes_its_time():
    with Air() as air:
        it = Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7")
        peer = Peer(air)
        seen = []
        while len(seen) < 20:
            peer.got.clear()
            air.run(1)
            for data in peer.got:
                if data[2] == 0:
                    text = read(data)[2][0][0]
                    if not seen or seen[-1][0] != text:
                        seen.append((text, air.now))
                    peer.say(packet(ANSWER, found=[record(text, A, 120, b"\x01\1\1\1", FLUSH)]))
        times = [when for _, when in seen]
        assert it.number >= 20
        assert all(b - a < 600 for a, b in zip(times[:14], times[1:14])) and all(b - a >= 5000 for a, b in zip(times[15:], times[16:]))


def test_it_says_goodbye():
    with Air() as air:
        it = kitchen(air)
        peer = Peer(air)
        it.close()
        air.run(0)
        (_, flags, _, found), = [read(data) for data in peer.got]  # fmt: skip
        assert flags == ANSWER and sorted(found) == sorted([(1, n, k, g, 0, v) for _, n, k, g, _, v in EVERYTHING])
        assert answers(air, 5000, peer, ask("kitchen.local")) == [] and not air.timers
        it = Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7")
        air.run(300)
        peer.got.clear()
        it.close()  # before it has the name
        air.run(5000)
        assert peer.got == [] and not air.timers


# What a responder must not mind, whatever it is doing: packets, and the same after a head of a question and of an answer.
GOOD = packet(ANSWER, [question("kitchen.local", A)], [record("kitchen.local", A, 120, b"\x01\1\1\1"), record(HTTP, PTR, 9, name(KITCHEN))],
              [record(KITCHEN, SRV, 9, bytes(6) + name("garage.local"))], [record("x.local", TXT, 9, b"\1x")])  # fmt: skip
MALFORMED = (
    b"x",
    bytes(11),
    bytes(12),
    b"\xff" * 12,
    b"\xff" * 1472,
    packet(0, [b""]) [:4] + b"\0\1" + bytes(6),  # a question that is not there
    bytes(4) + b"\xff\xff" + bytes(6),
    bytes(4) + b"\0\1" + bytes(6) + b"\xc0\x0c\0\1\0\1",  # a name that points to itself
    bytes(4) + b"\0\1" + bytes(6) + b"\1a\xc0\x0c\0\1\0\1",
    bytes(4) + b"\0\1" + bytes(6) + b"\xc0\xff\0\1\0\1",  # behind the end
    bytes(4) + b"\0\1" + bytes(6) + b"\xc0",
    bytes(4) + b"\0\1" + bytes(6) + b"\x40a\0\0\1\0\1",  # a reserved kind of label
    bytes(4) + b"\0\1" + bytes(6) + b"\x80a\0\0\1\0\1",
    bytes(4) + b"\0\1" + bytes(6) + b"\x3fkitchen",  # a label without its end
    bytes(4) + b"\0\1" + bytes(6) + (b"\x3f" + b"a" * 63) * 5 + b"\0\0\1\0\1",  # too long a name
    bytes(4) + b"\0\1" + bytes(6) + name("kitchen.local"),  # no type
    bytes(4) + b"\0\1" + bytes(6) + name("kitchen.local") + b"\0\1\0",
    packet(ANSWER, found=[name("kitchen.local") + b"\0\1\0\1\0\0\0\x78\xff\xff" + b"\1\1\1\1"]),  # data that is not there
    packet(ANSWER, found=[name("kitchen.local") + b"\0\1\0\1\0\0\0\x78"]),
    packet(ANSWER, found=[record("kitchen.local", A, 120, b"\1\1\1\1")])[:-1],
    packet(ANSWER, found=[record(HTTP, PTR, 120, name(KITCHEN) + b"x")]),  # more than a name
    packet(ANSWER, found=[record(HTTP, PTR, 120, b"")]),
    packet(ANSWER, found=[record(HTTP, PTR, 120, b"\xc0\xff")]),
    packet(ANSWER, found=[record(KITCHEN, SRV, 120, bytes(5))]),
    packet(ANSWER, found=[record(KITCHEN, SRV, 120, bytes(6))]),
    packet(ANSWER | 3, found=[record("kitchen.local", A, 120, b"\1\1\1\1")]),  # with an error
    packet(ANSWER | 0x2800, found=[record("kitchen.local", A, 120, b"\1\1\1\1")]),  # another opcode
    packet(0x2800, [question("kitchen.local", A)]),
    packet(3, [question("kitchen.local", A)]),
)  # fmt: skip


def test_malformed_packets_do_nothing():
    with Air() as air:
        probing = Responder(Host(air, "10.0.0.8"), "garage", "10.0.0.8", 80)
        it = kitchen(air)
        peer = Peer(air)
        many = MALFORMED + tuple(GOOD[:n] for n in range(1, len(GOOD)))
        for data in many:
            assert answers(air, 2000, peer, data) == [], data
            for c in (it.c, probing.c):
                c.rem = "10.0.0.99:5353"
                c.handler(c, mungo.EV_READ, data, None)
        assert (it.name, probing.name) == ("kitchen", "garage") and not air.timers
        # The same ones, while it probes.
        for data in MALFORMED:
            probing = Responder(Host(air, "10.0.0.8"), "kitchen-2", "10.0.0.8", 80)
            air.run(300)
            peer.say(data)
            air.run(3000)
            peer.got.clear()
            air.sent.clear()
            assert probing.name == "kitchen-2", data
            probing.close()


def test_any_bytes_do_nothing_bad():
    with Air() as air:
        it = kitchen(air)
        got = [0]

        def count(found):
            got[0] += 1

        it.c.rem = "10.0.0.99:40000"
        it.c.peer = it.c
        seed = 1
        for _ in range(300):
            air.sent.clear()
            data = bytearray(GOOD if seed & 8 else ask("kitchen.local"))
            for _ in range(3):
                seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
                data[(seed >> 8) % len(data)] = seed >> 16 & 255
            it.event(it.c, mungo.EV_READ, bytes(data), None)
            mdns.query(Host(air, "10.0.0.9"), HTTP, count, "10.0.0.9", 10)
            c = air.conns[-1]
            c.handler(c, mungo.EV_READ, bytes(data), None)
            air.run(10)
        air.run(20000)
        assert got == [300] and it.name.startswith("kitchen")


# --- questions


def test_a_query_finds_an_address():
    with Air() as air:
        kitchen(air)
        found = []
        begin = air.now
        for text in ("kitchen.local", "Kitchen.LOCAL"):
            mdns.query(Host(air, "10.0.0.9"), text, found.append, "10.0.0.9")
            air.run(0)
            assert found.pop() == [("kitchen", "10.0.0.7", 0, b"")] and air.now == begin
        mdns.query(Host(air, "10.0.0.9"), "garage.local", found.append, "10.0.0.9", 600)
        air.run(599)
        assert found == []
        air.run(1)
        assert found == [[]] and len(air.conns) == 1
        assert len([1 for _, _, to, data in air.sent if to == "all" and data[12:] == question("garage.local", A)]) == 2  # asked again
        air.run(2000)
        assert not air.timers and found == [[]]


def test_a_query_finds_all_that_offer_a_service():
    with Air() as air:
        for n in range(40):
            address = "10.0.0.%d" % (10 + n)
            it = Responder(Host(air, address), "lamp-%02d" % n, address, 80 + n, ("n=%d" % n,) if n else ("",))
            it.step = 5
            for timer in list(air.timers):
                timer.cancel()
            it.timer = None
        found = []
        mdns.query(Host(air, "10.0.0.9"), HTTP, found.append, "10.0.0.9", 300)
        air.run(299)
        assert found == []
        air.run(1)
        assert len(found) == 1 and len(found[0]) == 32  # at most; each once, though they were asked twice
        lamps = sorted(found[0])
        assert lamps[1] == ("lamp-01", "10.0.0.11", 81, b"\3n=1") and len(set(lamps)) == 32
        assert lamps[0] == ("lamp-00", "10.0.0.10", 80, b"\0")
        assert len([1 for _, _, to, data in air.sent if to == "all" and data[12:] == question(HTTP, PTR)]) == 2


def test_answers_that_are_none_are_left_out():
    instance = name("lamp." + HTTP)
    pointer = record(HTTP, PTR, 120, instance)
    service = record("lamp." + HTTP, SRV, 120, b"\0\0\0\0\0\x50" + name("lamp.local"))
    address = record("lamp.local", A, 120, IP)
    lamp = ("lamp", "10.0.0.7", 80, b"")
    for found, wanted in (
        ((pointer, service, address), [lamp]),
        ((address, service, pointer), [lamp]),
        ((record(HTTP, PTR, 120, instance + b"x"), service, address), []),
        ((pointer, service), []),
        ((pointer, address), []),
        ((service, address), []),
        ((pointer, service, record("lamp.local", A, 120, IP + b"\0")), []),
        ((pointer, service, record("lamp.local", AAAA, 120, bytes(16))), []),
        ((record(HTTP, PTR, 120, b"\4l\xffmp" + name(HTTP)), service, address), []),
        ((record(HTTP, PTR, 120, b"\0"), service, address), []),
        ((pointer, record("lamp." + HTTP, SRV, 120, b"\0\0\0\0\0\x50\0"), address), []),
        ((pointer, service, address, pointer, service, address), [lamp]),
    ):
        with Air() as air:
            got = []
            mdns.query(Host(air, "10.0.0.9"), HTTP, got.append, "10.0.0.9", 300)
            c = air.conns[0]
            c.handler(c, mungo.EV_READ, packet(ANSWER, [question(HTTP, PTR)], found[:1], (), found[1:]), None)
            air.run(300)
            assert got == [wanted], found
    with Air() as air:  # what is no answer
        got = []
        mdns.query(Host(air, "10.0.0.9"), HTTP, got.append, "10.0.0.9", 300)
        air.conns[0].handler(air.conns[0], mungo.EV_READ, packet(0, [question(HTTP, PTR)], (pointer, service, address)), None)
        air.run(300)
        assert got == [[]]


def test_a_wrong_name_or_address_is_the_callers_mistake():
    with Air() as air:
        host = Host(air, "10.0.0.7")
        for text in ("", "a.b", "kitchen.local", "x" * 61, "\xe4" * 31):
            raised(ValueError, Responder, host, text, "10.0.0.7")
        raised(ValueError, Responder, host, "kitchen", "10.0.0.7", 80, ("x" * 256,))
        raised(ValueError, Responder, host, "kitchen", "here")
        raised(ValueError, mdns.query, host, "kitchen.local", None, "here")
        raised(ValueError, mdns.query, host, "x" * 256 + ".local", None, "10.0.0.7")
        assert air.conns == [] and air.timers == []
        for text in ("x" * 60, "\xe4" * 30, "Living Room"):
            it = Responder(host, text, "10.0.0.7")
            air.run(5000)
            assert it.name == text.lower()
            it.close()


def test_a_socket_without_its_group_is_given_back():
    class Deaf(Conn):
        def setsockopt(self, *option):
            raise OSError(errno.ENODEV)

    class Lonely(Host):
        def listen(self, url, handler):
            self.air.conns.append(Deaf(self, 5353, handler))
            return self.air.conns[-1]

    with Air() as air:
        assert raised_errno(Responder, Lonely(air, "10.0.0.7"), "kitchen", "10.0.0.7") == errno.ENODEV
        assert air.conns == [] and air.timers == []


def test_without_a_timer_there_is_no_socket_either():
    class Busy(Host):
        left = 0

        def timer(self, ms, fn, arg=None):
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOMEM)
            return Host.timer(self, ms, fn, arg)

    with Air() as air:
        called = []
        for left in (0, 1):
            host = Busy(air, "10.0.0.7")
            host.left = left
            if left == 0:
                assert raised_errno(Responder, host, "kitchen", "10.0.0.7") == errno.ENOMEM
            host.left = left
            assert raised_errno(mdns.query, host, "kitchen.local", called.append, "10.0.0.7") == errno.ENOMEM
            assert air.conns == []
        air.run(5000)
        assert called == []


def test_a_query_whose_socket_was_closed_ends_in_its_time():
    with Air() as air:
        found = []
        mdns.query(Host(air, "10.0.0.9"), "garage.local", found.append, "10.0.0.9", 600)
        air.conns[0].is_closing = True
        air.run(599)
        assert found == []
        air.run(5000)
        assert found == [[]]


def test_a_responder_without_memory_for_a_packet_goes_on():
    with Air() as air:
        it = Responder(Host(air, "10.0.0.7"), "kitchen", "10.0.0.7", 80, ("path=/",))
        real = it.send
        fails = [2]

        def send(*args):
            fails[0] -= 1
            if fails[0] == 0:
                raise MemoryError
            return real(*args)

        it.send = send
        for _ in range(2):
            try:
                air.run(5000)
            except MemoryError:
                pass
        it.send = real
        air.run(5000)
        assert answers(air, 2000, Peer(air), ask("kitchen.local"))
