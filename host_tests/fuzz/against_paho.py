"""Round trips of MQTT packets: python -m host_tests.fuzz.against_paho [--inputs N] [--seed S]

Packets of both versions, with any fields and properties that they may have, are made by mungo and by paho, and have to be the same bytes.
Then each reads what the other has made, where it reads such packets: PUBLISH and acknowledgements; mungo whole and in pieces.
"""

import argparse
import random
import sys
from pathlib import Path

from paho.mqtt import _packet
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from .. import shim

shim.install()
shim.set_path(Path(__file__).resolve().parent)

from mungo.core.buffer import Buffer  # noqa: E402
from mungo.mqtt import packets, properties  # noqa: E402
from mungo.mqtt.connect import connect_packet  # noqa: E402
from mungo.mqtt.packets import Parser  # noqa: E402
from mungo.mqtt.topics import encode_filter, encode_topic  # noqa: E402
from mungo.mqtt.version5 import Version5  # noqa: E402

TABLE = Properties(PacketTypes.CONNECT)
BYTE, TWO, FOUR, VARINT, BINARY, STRING, PAIR = range(7)
WHERE = {  # paho's type, mungo's place
    "publish": (PacketTypes.PUBLISH, 12),
    "connect": (PacketTypes.CONNECT, 1),
    "will": (PacketTypes.WILLMESSAGE, 0),
    "subscribe": (PacketTypes.SUBSCRIBE, 8),
    "unsubscribe": (PacketTypes.UNSUBSCRIBE, 10),
    "disconnect": (PacketTypes.DISCONNECT, 13),
}
NOT_OURS = {"Topic Alias", "Server Reference"}  # mungo gives aliases itself; and a client has no server to name
LETTERS = "abcxyz/ éß€𝄞\x7f"  # (paho refuses U+FEFF in what it reads, which is a character like others)
ACKS = {4: "PUBACK", 5: "PUBREC", 6: "PUBREL", 7: "PUBCOMP"}
REASONS = (0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)


class Paho(Client):
    """A client whose packets go nowhere: `made` has the last one."""

    made = b""

    def __init__(self, version, **given):
        super().__init__(CallbackAPIVersion.VERSION2, protocol=version, **given)
        self._sock = self  # it is there

    def _packet_queue(self, command, packet, mid, qos, info=None):
        self.made = bytes(packet)
        return 0

    def close(self):
        pass


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, least=0):
        n = self.random.choice((least, 1, 2, 7, 20, 130, 300))
        return "".join(self.random.choice(LETTERS) for _ in range(max(n, least)))

    def topic(self):
        return self.text(1)

    def filter(self):
        return self.random.choice(("", "+/", "$share/g/")) + self.topic() + self.random.choice(("", "/#", "/+"))

    def data(self):
        return self.random.randbytes(self.random.choice((0, 1, 5, 127, 128, 16384)) if self.random.random() < 0.9 else 70000)

    def value(self, kind, name):
        if kind == BYTE:
            return self.random.randrange(2)
        if kind in (TWO, FOUR, VARINT):
            most = {TWO: 1 << 16, FOUR: 1 << 32, VARINT: 1 << 28}[kind]
            if name == "Maximum Packet Size":
                most = 1 << 28  # paho's limit
            return self.random.choice((1, 127, 128, most - 1, self.random.randrange(1, most)))
        if kind == BINARY:
            return self.random.randbytes(self.random.randrange(20))
        if kind == PAIR:
            return [(self.text(), self.text()) for _ in range(self.random.randrange(1, 4))]
        return self.text()

    def properties(self, where):
        """(paho's, mungo's bytes, as mungo reads it), the same properties."""
        kind = WHERE[where][0]
        theirs = Properties(kind)
        ours = {}
        for name, number in TABLE.names.items():
            type, allowed = TABLE.properties[number]
            if kind not in allowed or name in NOT_OURS or self.random.random() < 0.6:
                continue
            if where in ("publish", "disconnect") and name == "Subscription Identifier":
                continue  # it comes with messages, and does not go
            value = self.topic() if name == "Response Topic" else self.value(type, name)
            ours[name.lower().replace(" ", "_")] = value
            for one in value if type == PAIR else [value]:
                setattr(theirs, name.replace(" ", ""), one)
        return theirs, bytes(properties.write(ours, WHERE[where][1])), ours


def read(data, version, cuts):
    """The events of these bytes, in pieces."""
    parser = Parser(1 << 16, 1 << 17, Version5(0, {}) if version == 5 else None)
    buf = Buffer()
    found = []
    at = 0
    for end in [*filter(None, cuts), len(data)]:
        buf.append(data[at:end], end - at)
        at = end
        while ev := parser.parse(buf):
            assert ev > 0, (ev, data)
            msg = parser.message
            found.append(
                (msg.topic, msg.payload, msg.qos, msg.id, msg.retain, msg.dup, msg.properties)
                if ev == 2
                else (parser.type, parser.id, parser.reason)
            )
    return found


def body_of(data):
    """What is behind a packet's length, as paho gives it to its decoders."""
    at = 1
    while data[at] & 128:
        at += 1
    return data[at + 1 :]


def same(ours, theirs):
    assert bytes(ours) == bytes(theirs), f"{bytes(ours)!r}\n{bytes(theirs)!r}"


def publish(make, version):
    it = make.random
    topic, payload, qos, retain, dup = make.topic(), make.data(), it.randrange(3), it.random() < 0.5, it.random() < 0.3
    id = it.randrange(1, 1 << 16) if qos else 0
    theirs, ours, expected = make.properties("publish") if version == 5 else (None, b"", None)
    encoded = packets.publish(encode_topic(topic), payload, qos, retain, id, ours)
    client = Paho(version)
    client._send_publish(id, topic.encode(), payload, qos, retain, False, None, theirs)
    same(encoded, client.made)
    found = _packet.decode_publish(encoded[0], body_of(bytes(encoded)), client._protocol)
    assert (found.topic.decode(), bytes(found.payload), found.qos, bool(found.retain), found.mid) == (topic, payload, qos, retain, id)
    client._send_publish(id, topic.encode(), payload, qos, retain, dup and qos > 0, None, theirs)
    cuts = sorted(it.randrange(len(client.made)) for _ in range(it.randrange(4)))
    if expected and "payload_format_indicator" in expected and expected["payload_format_indicator"]:
        try:
            payload.decode()
        except UnicodeDecodeError:
            return
    if len(client.made) - len(payload) <= 1 << 16:
        assert read(client.made, version, cuts) == [(topic, payload, qos, id, retain, dup and qos > 0, expected)]


def acks(make, version):
    it = make.random
    type, id = it.choice(list(ACKS)), it.randrange(1, 1 << 16)
    client = Paho(version)
    command = type << 4 | (2 if type == 6 else 0)
    client._send_command_with_mid(command, id, False)
    same(packets.ack(type, id), client.made)
    cuts = [it.randrange(len(client.made))]
    assert read(client.made, version, cuts) == [(type, id, 0)]


def connect(make, version):
    it = make.random
    id, user = make.text(1), make.text() if it.random() < 0.6 else None
    password = make.text() if user is not None and it.random() < 0.6 else None
    keep_alive, clean = it.randrange(1 << 16), it.random() < 0.5
    client = Paho(version, client_id=id, **({} if version == 5 else {"clean_session": clean}))
    if user is not None:
        client.username_pw_set(user, password)
    will, more = None, (b"", b"")
    if version == 5:
        client._connect_properties, ours, _ = make.properties("connect")
        client._clean_start = clean
        more = ours, b""
    if it.random() < 0.6:
        will = (make.topic(), make.data()[:65535], it.randrange(3), it.random() < 0.5)
        theirs = None
        if version == 5:
            theirs, ours, _ = make.properties("will")
            more = more[0], ours
        client.will_set(*will, properties=theirs)
    client._send_connect(keep_alive)
    same(connect_packet(version, id, user, password, clean, keep_alive, will, *more), client.made)


def subscribe(make, version):
    it = make.random
    filters = [make.filter() for _ in range(it.randrange(1, 5))]
    client = Paho(version)
    client._last_mid = it.randrange(1 << 16)
    id = client._last_mid + 1 if client._last_mid < 65535 else 1
    encoded = [encode_filter(one) for one in filters]
    if it.random() < 0.3:
        theirs, ours, _ = make.properties("unsubscribe") if version == 5 else (None, b"", None)
        client._send_unsubscribe(False, encoded, theirs)
        same(packets.subscribe(id, [(one, None) for one in encoded], ours), client.made)
        return
    theirs, ours, _ = make.properties("subscribe") if version == 5 else (None, b"", None)
    options = [SubscribeOptions(it.randrange(3), *(it.random() < 0.5 for _ in "ab"), it.randrange(3)) for _ in filters]
    client._send_subscribe(False, [(one, way if version == 5 else way.QoS) for one, way in zip(encoded, options)], theirs)
    same(
        packets.subscribe(id, [(one, way.pack()[0] if version == 5 else way.QoS) for one, way in zip(encoded, options)], ours), client.made
    )


def disconnect(make, version):
    client = Paho(version)
    if version == 4:
        client._send_disconnect()
        same(packets.end(14), client.made)
        return
    reason = make.random.choice((4, 0x80, 0x81, 0x82, 0x93, 0x94, 0x95))
    theirs, ours, _ = make.properties("disconnect")
    client._send_disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=reason), theirs)
    same(packets.end(14, reason, ours), client.made)


KINDS = (publish, publish, acks, connect, subscribe, disconnect)


def run(seed, inputs):
    """So many round trips: how many of each kind."""
    make = Maker(seed)
    counts = {}
    for _ in range(inputs):
        kind = make.random.choice(KINDS)
        kind(make, make.random.choice((4, 5)))
        counts[kind.__name__] = counts.get(kind.__name__, 0) + 1
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(*(f"{name}: {n}" for name, n in run(given.seed, given.inputs).items()))
    sys.exit(0)
