# DNS messages for tests, and a name server that answers as a test says.

from net import free

A = 1
NS = 2
CNAME = 5
SOA = 6
TXT = 16
AAAA = 28


def wire(name):
    """A name as a message has it, without compression."""
    data = b""
    for label in name.split("."):
        if label:
            data += bytes((len(label),)) + label.encode()
    return data + b"\0"


def number(value, n):
    return value.to_bytes(n, "big")


def record(owner, kind, data, ttl=60, cls=1, length=None):
    """A record; `owner` is a str, or bytes as they are."""
    if isinstance(owner, str):
        owner = wire(owner)
    return owner + number(kind, 2) + number(cls, 2) + number(ttl, 4) + number(len(data) if length is None else length, 2) + data


def a(owner, text, ttl=60):
    return record(owner, A, bytes([int(part) for part in text.split(".")]), ttl)


def aaaa(owner, n, ttl=60):
    """fd00::n"""
    return record(owner, AAAA, b"\xfd" + bytes(13) + number(n, 2), ttl)


def cname(owner, target, ttl=60):
    return record(owner, CNAME, wire(target), ttl)


def soa(owner, ttl, minimum):
    return record(owner, SOA, wire("ns." + owner) + wire("admin." + owner) + number(7, 4) * 4 + number(minimum, 4), ttl)


def message(packet, answers=(), authority=(), flags=0x8180, counts=None, more=b""):
    """The answer to the question `packet`."""
    if counts is None:
        counts = (1, len(answers), len(authority), 0)
    head = packet[:2] + number(flags, 2) + b"".join([number(n, 2) for n in counts])
    return bytes(head + packet[12:] + b"".join(answers) + b"".join(authority) + more)


def kind_of(packet):
    """The type that a question asks for."""
    return packet[-3]


def name_of(packet):
    """The name that a question asks for."""
    name = ""
    at = 12
    while packet[at]:
        name += packet[at + 1 : at + 1 + packet[at]].decode() + "."
        at += 1 + packet[at]
    return name[:-1]


class NameServer:
    """A UDP socket of the manager `mgr`: `answer(packet)` returns what to send back, a list of messages. `asked` are the questions."""

    def __init__(self, mgr, answer):
        self.mgr = mgr
        self.answer = answer
        self.asked = []
        self.senders = []
        self.c, self.port = free(lambda port: mgr.listen("udp://127.0.0.1:%d" % port, self.handler))
        self.text = "127.0.0.1:%d" % self.port

    def handler(self, c, ev, data, _):
        if data and ev == 7:  # EV_READ
            self.asked.append(bytes(data))
            self.senders.append(c.rem)
            for one in self.answer(bytes(data)):
                c.send(one)

    def names(self):
        """(name, type) of each question, in order."""
        return [(name_of(packet), kind_of(packet)) for packet in self.asked]
