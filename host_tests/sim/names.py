"""A name server on the other side of the network, which loses questions, answers twice, late, out of order or not at all."""

from .net import UdpPeer

ADDRESS = "10.0.0.9"
SIX = "fd00:0:0:0:0:0:0:3"
_A, _AAAA = 1, 28


class NameServer(UdpPeer):
    """`says` is what it tells of each name: "four", an address; "both", one of each family; "nothing", "nxdomain", "refused", "silence"."""

    def __init__(self, net, rng, says):
        super().__init__(net, 53)
        self.rng = rng
        self.says = says
        self.loss = rng.choice((0, 0, 0.3, 0.7))
        self.asked = 0
        self.changed = self

    def fire(self):
        """Questions have come."""
        while self.got:
            packet = self.got.pop(0)
            self.asked += 1
            if self.says == "silence" or self.rng.random() < self.loss:
                continue
            if self.rng.random() < 0.3:
                good = self.answer(packet)
                for bad in (packet, packet[:9], good[:-3], bytes((good[0] ^ 1,)) + good[1:]):
                    self.send(bad, self.sender)
            for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
                self.send(self.answer(packet), self.sender)

    def answer(self, packet):
        kind = packet[-3]
        record = b""
        if kind == _A and self.says in ("four", "both"):
            record = b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4\x0a\0\0\3"
        elif kind == _AAAA and self.says == "both":
            record = b"\xc0\x0c\0\x1c\0\1\0\0\0\x05\0\x10\xfd" + bytes(14) + b"\3"
        rcode = {"nxdomain": 3, "refused": 5}.get(self.says, 0)
        return packet[:2] + bytes((0x81, 0x80 | rcode, 0, 1, 0, bool(record), 0, 0, 0, 0)) + packet[12:] + record
