# What no broker may send: a table. Each row: its name, when it comes (BEFORE: in the place of a CONNACK; OPEN: behind one), its bytes, and
# the reason code of 5.0 that a client gives it; None: any. In 3.1.1 the connection ends.
from mqttnet import (
    AUTH,
    CONNACK,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    UNSUBACK,
    ack,
    connack,
    packet,
    props,
    publish,
    string,
    word,
)
from mqttnet import DISCONNECT as END

MALFORMED = 0x81
PROTOCOL = 0x82
TOPIC = 0x90
ALIAS = 0x94
LARGE = 0x95
FORMAT = 0x99

BEFORE, OPEN = range(2)

NAMES = {
    PUBACK: "PUBACK",
    PUBREC: "PUBREC",
    PUBREL: "PUBREL",
    PUBCOMP: "PUBCOMP",
    SUBACK: "SUBACK",
    UNSUBACK: "UNSUBACK",
    PINGRESP: "PINGRESP",
}
BAD_UTF8 = (
    ("a byte that begins nothing", b"\xff"),
    ("half a character", b"a\xc3"),
    ("a long form", b"\xc0\xaf"),
    ("half of a pair", b"\xed\xa0\x80"),
    ("beyond Unicode", b"\xf4\x90\x80\x80"),
    ("NUL", b"a\0b"),
)


def of_both():
    yield "a fifth byte of length", OPEN, b"\x30\x80\x80\x80\x80\x01", MALFORMED
    yield "256 MB of SUBACK", OPEN, b"\x90\xff\xff\xff\x7f", LARGE
    yield "a topic larger than the limit", OPEN, b"\x30\xff\xff\x7f" + b"\xff\xff" + b"t" * 9000, LARGE
    for type in (1, 8, 10, 12):
        yield "a client's packet %d" % type, OPEN, packet(type, b"\0\1"), PROTOCOL
    for type, name in NAMES.items():
        for flags in (1, 2, 8, 15):
            if type != PUBREL or flags != 2:
                yield "%s with flags %d" % (name, flags), OPEN, packet(type, b"" if type == PINGRESP else b"\0\1", flags), MALFORMED
    yield "PUBREL without its flag", OPEN, packet(PUBREL, b"\0\1", 0), MALFORMED
    for type in (PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK):
        yield "%s without an id" % NAMES[type], OPEN, packet(type), MALFORMED
        yield "%s with half an id" % NAMES[type], OPEN, packet(type, b"\1"), MALFORMED
        yield "%s of id 0" % NAMES[type], OPEN, packet(type, b"\0\0"), PROTOCOL
    yield "PINGRESP with a body", OPEN, packet(PINGRESP, b"\0"), MALFORMED
    yield "PUBLISH without anything", OPEN, packet(PUBLISH), MALFORMED
    yield "PUBLISH whose topic is cut", OPEN, packet(PUBLISH, b"\0\5ab"), MALFORMED
    yield "PUBLISH without an id", OPEN, packet(PUBLISH, string("a"), 2), MALFORMED
    yield "PUBLISH with half an id", OPEN, packet(PUBLISH, string("a") + b"\1", 4), MALFORMED
    yield "CONNACK that is cut", BEFORE, packet(CONNACK, b"\0"), MALFORMED
    yield "CONNACK without anything", BEFORE, packet(CONNACK), MALFORMED
    yield "CONNACK with a reserved bit", BEFORE, packet(CONNACK, b"\2\0\0"), MALFORMED
    yield "CONNACK with flags", BEFORE, packet(CONNACK, b"\0\0", 1), MALFORMED
    yield "SUBACK in the place of CONNACK", BEFORE, packet(SUBACK, b"\0\1\0"), None
    yield "PINGRESP in the place of CONNACK", BEFORE, packet(PINGRESP), PROTOCOL
    yield "CONNECT in the place of CONNACK", BEFORE, packet(1, string("MQTT")), PROTOCOL
    yield "HTTP in the place of CONNACK", BEFORE, b"HTTP/1.1 400 Bad Request\r\n\r\n", None


def of_4():
    yield "the reserved type 0", OPEN, packet(0), MALFORMED
    yield "the reserved type 15", OPEN, packet(15), PROTOCOL
    yield "DISCONNECT, which is the client's", OPEN, packet(END), PROTOCOL
    yield "PUBLISH of QoS 3", OPEN, publish("a", b"x", 3, 1), MALFORMED
    yield "PUBLISH of QoS 0 that is a repetition", OPEN, publish("a", dup=1), MALFORMED
    yield "PUBLISH of id 0", OPEN, publish("a", b"x", 1, 0), PROTOCOL
    yield "PUBLISH of id 0 and QoS 2", OPEN, publish("a", b"x", 2, 0), PROTOCOL
    yield "PUBLISH without a topic", OPEN, publish(""), PROTOCOL
    for topic in ("#", "a/+/b", "a+"):
        yield "PUBLISH to " + topic, OPEN, publish(topic), TOPIC
    for name, topic in BAD_UTF8:
        yield "PUBLISH to " + name, OPEN, publish(topic), MALFORMED
    yield "SUBACK without codes", OPEN, packet(SUBACK, b"\0\1"), MALFORMED
    yield "SUBACK with code 3", OPEN, packet(SUBACK, b"\0\1\3"), MALFORMED
    yield "SUBACK with a code of 5.0", OPEN, packet(SUBACK, b"\0\1\x87"), MALFORMED
    yield "UNSUBACK with codes", OPEN, packet(UNSUBACK, b"\0\1\0"), MALFORMED
    yield "PUBACK with a code", OPEN, packet(PUBACK, b"\0\1\0"), MALFORMED
    yield "CONNACK of 5.0", BEFORE, connack(0, 0, b"\0"), MALFORMED
    yield "CONNACK refused, and a session", BEFORE, connack(5, 1), PROTOCOL
    yield "a second CONNACK", OPEN, connack(), PROTOCOL


def of_5():
    yield "the reserved type 0", OPEN, packet(0), MALFORMED
    yield "a length that could be shorter", OPEN, b"\xd0\x80\x00", MALFORMED
    yield "DISCONNECT with flags", OPEN, packet(END, b"", 1), MALFORMED
    yield "AUTH with flags", OPEN, packet(AUTH, b"\x18\0", 2), MALFORMED
    yield "AUTH that nobody wants", OPEN, packet(AUTH, b"\x18" + props(b"\x15" + string("M"))), PROTOCOL
    yield "a second CONNACK", OPEN, connack(0, 0, b"\0"), PROTOCOL
    yield "DISCONNECT before CONNACK", BEFORE, packet(END, b"\x8b"), None
    yield "PUBLISH of QoS 3", OPEN, publish("a", b"x", 3, 1, properties=b"\0"), MALFORMED
    yield "PUBLISH of QoS 0 that is a repetition", OPEN, publish("a", dup=1, properties=b"\0"), MALFORMED
    yield "PUBLISH of id 0", OPEN, publish("a", b"x", 1, 0, properties=b"\0"), PROTOCOL
    yield "PUBLISH without a topic or an alias", OPEN, publish("", properties=b"\0"), PROTOCOL
    yield "PUBLISH without properties", OPEN, publish("a"), MALFORMED
    for topic in ("#", "a/+/b"):
        yield "PUBLISH to " + topic, OPEN, publish(topic, properties=b"\0"), TOPIC
    for name, topic in BAD_UTF8:
        yield "PUBLISH to " + name, OPEN, publish(topic, properties=b"\0"), MALFORMED
        yield "PUBLISH with a content type: " + name, OPEN, publish("a", properties=props(b"\x03" + string(topic))), MALFORMED
        yield (
            "PUBLISH with a user property: " + name,
            OPEN,
            publish("a", properties=props(b"\x26" + string("k") + string(topic))),
            MALFORMED,
        )
        yield (
            "PUBLISH with a user property's name: " + name,
            OPEN,
            publish("a", properties=props(b"\x26" + string(topic) + string("v"))),
            MALFORMED,
        )
    yield "PUBLISH whose properties are cut", OPEN, packet(PUBLISH, string("a") + b"\5\x01"), MALFORMED
    yield "PUBLISH whose property is cut", OPEN, publish("a", properties=props(b"\x02\0\0\0")), MALFORMED
    yield "PUBLISH whose properties' length is too long", OPEN, packet(PUBLISH, string("a") + b"\x80\x80\x80\x80\x01"), MALFORMED
    yield "PUBLISH whose properties' length could be shorter", OPEN, packet(PUBLISH, string("a") + b"\x80\0"), MALFORMED
    yield "PUBLISH with an alias 0", OPEN, publish("a", properties=props(b"\x23" + word(0))), ALIAS
    yield "PUBLISH with an alias above the limit", OPEN, publish("a", properties=props(b"\x23" + word(99))), ALIAS
    yield "PUBLISH by an alias that nobody has allowed", OPEN, publish("", properties=props(b"\x23" + word(1))), ALIAS
    yield "PUBLISH with two aliases", OPEN, publish("a", properties=props(b"\x23\0\1\x23\0\1")), PROTOCOL
    yield "PUBLISH with a subscription 0", OPEN, publish("a", properties=props(b"\x0b\0")), PROTOCOL
    yield "PUBLISH with a format that is not known", OPEN, publish("a", properties=props(b"\x01\2")), PROTOCOL
    yield "PUBLISH of text that is none", OPEN, publish("a", b"\xff", properties=props(b"\x01\1")), FORMAT
    for name, twice in (
        ("expiry", b"\x02\0\0\0\1"),
        ("format", b"\x01\0"),
        ("type", b"\x03\0\0"),
        ("data", b"\x09\0\0"),
        ("answer", b"\x08\0\1r"),
    ):
        yield "PUBLISH with two of " + name, OPEN, publish("a", properties=props(twice, twice)), PROTOCOL
    for name, other in (
        ("that is not known", b"\x04\0"),
        ("of a long number", b"\xff\x01\0"),
        ("of CONNECT", b"\x21\0\1"),
        ("of the will", b"\x18\0\0\0\1"),
        ("of answers", b"\x1f\0\0"),
    ):
        yield "PUBLISH with a property " + name, OPEN, publish("a", properties=props(other)), MALFORMED
        if other[0] not in (0x21, 0x1F):
            yield "CONNACK with a property " + name, BEFORE, connack(0, 0, props(other)), MALFORMED
    for type in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        yield "%s with a code that is not its own" % NAMES[type], OPEN, ack(type, 1, b"\x01"), MALFORMED
        yield "%s with a property of PUBLISH" % NAMES[type], OPEN, ack(type, 1, b"\0" + props(b"\x01\0")), MALFORMED
        yield "%s with two reasons" % NAMES[type], OPEN, ack(type, 1, b"\0" + props(b"\x1f\0\0\x1f\0\0")), PROTOCOL
        yield "%s with more behind" % NAMES[type], OPEN, ack(type, 1, b"\0\0\0"), MALFORMED
    yield "SUBACK without codes", OPEN, ack(SUBACK, 1, b"\0"), MALFORMED
    yield "SUBACK without properties", OPEN, ack(SUBACK, 1), MALFORMED
    yield "SUBACK with code 3", OPEN, ack(SUBACK, 1, b"\0\3"), MALFORMED
    yield "UNSUBACK without codes", OPEN, ack(UNSUBACK, 1, b"\0"), MALFORMED
    yield "UNSUBACK with a code of SUBACK", OPEN, ack(UNSUBACK, 1, b"\0\1"), MALFORMED
    yield "DISCONNECT with code 4, which is the client's", OPEN, packet(END, b"\4"), MALFORMED
    yield "DISCONNECT with an expiry of the session", OPEN, packet(END, b"\x8b" + props(b"\x11\0\0\0\1")), MALFORMED
    yield "CONNACK of 3.1.1", BEFORE, connack(), MALFORMED
    yield "CONNACK with a code of 3.1.1", BEFORE, connack(5, 0, b"\0"), MALFORMED
    yield "CONNACK refused, and a session", BEFORE, connack(0x87, 1, b"\0"), PROTOCOL
    for name, wrong in (
        ("a receive maximum 0", b"\x21\0\0"),
        ("a packet size 0", b"\x27\0\0\0\0"),
        ("a QoS 2 as maximum", b"\x24\2"),
        ("retain 2", b"\x25\2"),
        ("wildcards 2", b"\x28\2"),
        ("identifiers 2", b"\x29\2"),
        ("shared 2", b"\x2a\2"),
        ("two keep-alive intervals", b"\x13\0\1\x13\0\1"),
        ("two ids", b"\x12\0\1a\x12\0\1a"),
        ("two receive maximums", b"\x21\0\1\x21\0\1"),
    ):
        yield "CONNACK with " + name, BEFORE, connack(0, 0, props(wrong)), PROTOCOL
    yield "CONNACK whose id is no text", BEFORE, connack(0, 0, props(b"\x12" + string(b"\xff"))), MALFORMED
    yield "CONNACK with more behind", BEFORE, connack(0, 0, b"\0\0"), MALFORMED


def rows(version):
    """(name, when, bytes, code) of each for this version, 4 or 5; code None: any."""
    for make in (of_both, of_4 if version == 4 else of_5):
        for row in make():
            yield row
