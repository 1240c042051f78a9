"""MQTT's packets: what a broker sends, fed whole, byte by byte, in two at every place, and behind and before other packets; and what a
client sends, by the book."""

import gc

from mqttnet import ack, connack, packet, props, publish, string, varint, word
from mungo.core.buffer import Buffer
from mungo.mqtt import packets
from mungo.mqtt.connect import connect_packet
from mungo.mqtt.packets import Parser
from mungo.mqtt.properties import write
from mungo.mqtt.topics import encode_filter, encode_string, encode_topic, match
from mungo.mqtt.version5 import Version5
from raising import refused

MIN_HEAP = "1m"

HEAD = 60  # head_limit
MOST = 100  # message_limit
PROPERTIES = {"topic_alias_maximum": 4, "authentication_method": "SCRAM"}  # of the client's CONNECT


def events(pieces, version, head_limit, packet_limit):
    """What a parser says of these pieces: a tuple for each packet, and at the end minus a code."""
    parser = Parser(head_limit, MOST, Version5(8, PROPERTIES) if version == 5 else None, packet_limit)
    buf = Buffer()
    found = []
    for piece in pieces:
        buf.append(piece, len(piece))
        while True:
            ev = parser.parse(buf)
            if ev < 0:
                return found + [ev]
            if not ev:
                break
            msg = parser.message
            if ev == 2:
                assert isinstance(msg.payload, bytes)
                found.append((msg.topic, msg.payload, msg.qos, msg.id, msg.retain, msg.dup, msg.at, msg.more, msg.length, msg.properties))
            else:
                found.append((parser.type, parser.id, parser.reason, parser.reasons, parser.session_present, parser.properties))
        for at in range(buf.start):  # other connections use the loop's buffer
            buf.data[at] = 255
    return found


def singly(data):
    for at in range(len(data)):
        yield data[at : at + 1]


def same(found, expected, data, how):
    if found != expected:
        raise AssertionError("%r %s: %r instead of %r" % (data, how, found, expected))


def message(topic, payload=b"", qos=0, id=0, retain=False, dup=False, at=0, more=False, length=None, properties=None):
    return (topic, payload, qos, id, retain, dup, at, more, len(payload) if length is None else length, properties)


def other(type, id=0, reason=0, reasons=b"", present=False, properties=None):
    return (type, id, reason, reasons, present, properties)


def check(data, *expected, version=4, head_limit=HEAD, packet_limit=1 << 28):
    """These bytes have these events, however they are cut, and whatever comes before and behind."""
    expected = list(expected)
    limits = version, head_limit, packet_limit
    before = publish("before", b"1234", properties=b"\0" if version == 5 else b"")
    first = [message("before", b"1234", properties={} if version == 5 else None)]
    same(events([data], *limits), expected, data, "whole")
    same(events(singly(data), *limits), expected, data, "byte by byte")
    same(events([before + data], *limits), first + expected, data, "behind another")
    for at in range(1, min(len(data), 300)):
        same(events([data[:at], data[at:]], *limits), expected, data, "in two at %d" % at)
    if isinstance(expected[-1], int):
        same(events([data + before], *limits), expected, data, "the end is the end")
    else:
        same(events([data + before], *limits), expected + first, data, "before another")


def check5(data, *expected, **limits):
    check(data, *expected, version=5, **limits)


def test_publish():
    check(publish("a"), message("a"))
    check(publish("a/b", b"hello"), message("a/b", b"hello"))
    check(publish("ü/€/𝄞", bytes(range(100))), message("ü/€/𝄞", bytes(range(100))))
    check(publish("a", b"x", 1, 7), message("a", b"x", 1, 7))
    check(publish("a", b"x", 2, 65535, 1, 1), message("a", b"x", 2, 65535, True, True))
    check(b"\x30\x83\x00\x00\x01a", message("a"))  # 3.1.1 does not say that a length has to be short


def test_a_large_payload_comes_in_pieces_of_the_limit():
    body = bytes([n % 251 for n in range(250)])
    check(
        publish("a", body[:101], 1, 9),
        *[message("a", body[:100], 1, 9, more=True, length=101), message("a", body[100:101], 1, 9, at=100, length=101)],
    )
    check(
        publish("a", body),
        *[
            message("a", body[:100], more=True, length=250),
            message("a", body[100:200], at=100, more=True, length=250),
            message("a", body[200:], at=200, length=250),
        ],
    )


def test_other_packets():
    check(connack(), other(2))
    check(connack(present=1), other(2, present=True))
    check(connack(5), other(2, reason=5))
    for type in (4, 5, 6, 7, 11):
        check(ack(type, 0x1234), other(type, 0x1234))
    check(ack(9, 3, b"\0\1\2\x80"), other(9, 3, reasons=b"\0\1\2\x80"))
    check(packet(13), other(13))


def test_what_no_broker_may_send():
    check(packet(0), -0x81)
    for type in (1, 8, 10, 12, 14, 15):  # DISCONNECT and AUTH are 5.0's
        check(packet(type), -0x82)
    for type in (2, 4, 5, 6, 7, 9, 11, 13):
        for flags in range(16):
            if flags != (2 if type == 6 else 0):
                check(packet(type, b"\0\1", flags), -0x81)
    check(b"\x30\xff\xff\xff\xff\x01", -0x81)  # five bytes of length
    check(packet(2, b"\2\0"), -0x81)
    check(packet(2, b"\1\5"), -0x82)
    check(packet(2, b"\0"), -0x81)
    check(packet(2, b"\0\0\0"), -0x81)
    for type in (4, 5, 6, 7, 11):
        check(packet(type, b"\0"), -0x81)
        check(packet(type, b"\0\0"), -0x82)
        check(packet(type, b"\0\1\0"), -0x81)
    check(packet(9, b"\0\1"), -0x81)
    check(packet(9, b"\0\1\3"), -0x81)
    check(packet(13, b"\0"), -0x81)
    check(packet(3, string("a"), 8), -0x81)  # DUP with QoS 0
    check(publish("a", b"", 3, 1), -0x81)
    check(publish("a", b"", 1, 0), -0x82)
    check(packet(3, string("a") + b"\0", 2), -0x81)
    check(packet(3, b"\0\2a"), -0x81)
    check(packet(3, b"\0"), -0x81)
    check(publish(""), -0x82)
    check(publish("a/+"), -0x90)
    check(publish("#"), -0x90)
    for topic in (b"a\0b", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"a\xc3"):
        check(publish(topic), -0x81)


def test_limits_come_before_the_memory():
    check(b"\x90\xff\xff\xff\x7f", -0x95)  # 256 MB of SUBACK
    check(packet(9, b"\0\1" + bytes(HEAD - 2)), other(9, 1, reasons=bytes(HEAD - 2)))
    check(packet(9, b"\0\1" + bytes(HEAD - 1)), -0x95)
    check(publish("t" * (HEAD - 2), b"x" * 9), message("t" * (HEAD - 2), b"x" * 9))
    check(publish("t" * (HEAD - 1), b"x" * 9), -0x95)
    check(publish("a", b"x" * 40), -0x95, packet_limit=44)
    check(publish("a", b"x" * 40), message("a", b"x" * 40), packet_limit=45)
    parser = Parser(HEAD, MOST)
    buf = Buffer()
    data = b"\x30\xff\xff\xff\x7f\0\1a"  # a PUBLISH of 256 MB: what it takes is one piece
    buf.append(data, len(data))
    data = b"x" * (HEAD - 3)
    gc.collect()
    before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    buf.append(data, len(data))
    assert (parser.parse(buf), parser.left) == (0, 0xFFFFFFF - 3), (parser.parse(buf), parser.left, len(buf))
    gc.collect()
    assert not before or gc.mem_alloc() - before < 1500


def test_packets_of_5_0():
    reason = props(b"\x1f" + string("why"), b"\x26" + string("k") + string("v"))
    both = {"reason_string": "why", "user_property": [("k", "v")]}
    check5(connack(0, 0, b"\0"), other(2, properties={}))
    check5(connack(0x87, 0, reason), other(2, reason=0x87, properties=both))
    for type in (4, 5, 6, 7):
        check5(ack(type, 9), other(type, 9))
        check5(ack(type, 9, b"\x92"), other(type, 9, 0x92))
        check5(ack(type, 9, b"\x92\0"), other(type, 9, 0x92, properties={}))
        check5(ack(type, 9, b"\x92" + reason), other(type, 9, 0x92, properties=both))
    check5(ack(4, 9, b"\x10"), other(4, 9, 0x10))
    check5(ack(9, 9, reason + b"\0\1\2\x9e"), other(9, 9, reasons=b"\0\1\2\x9e", properties=both))
    check5(ack(11, 9, reason + b"\0\x11\x87"), other(11, 9, reasons=b"\0\x11\x87", properties=both))
    check5(packet(14), other(14))
    check5(packet(14, b"\x8b"), other(14, reason=0x8B))
    check5(
        packet(14, b"\x9c" + props(b"\x1c" + string("other:1883"))), other(14, reason=0x9C, properties={"server_reference": "other:1883"})
    )
    method = props(b"\x15" + string("SCRAM"), b"\x16" + string(b"\0\xff"))
    check5(
        packet(15, b"\x18" + method),
        other(15, reason=0x18, properties={"authentication_method": "SCRAM", "authentication_data": b"\0\xff"}),
    )
    check5(packet(15), other(15))
    check5(publish("a", b"x", properties=b"\0"), message("a", b"x", properties={}))


def test_each_property_of_a_broker():
    check5(
        publish(
            "a",
            b"x",
            1,
            3,
            properties=props(
                *(b"\x01\1", b"\x02\xff\xff\xff\xff", b"\x03" + string("text/plain"), b"\x08" + string("r"), b"\x09" + string(b"\0\1")),
                *(b"\x0b\1", b"\x0b\x80\1", b"\x23\0\4"),
                *(b"\x26" + string("k") + string(""), b"\x26" + string("k") + string("é")),
            ),
        ),
        message(
            "a",
            b"x",
            1,
            3,
            properties={
                "payload_format_indicator": 1,
                "message_expiry_interval": 0xFFFFFFFF,
                "content_type": "text/plain",
                "response_topic": "r",
                "correlation_data": b"\0\1",
                "subscription_identifier": [1, 128],
                "topic_alias": 4,
                "user_property": [("k", ""), ("k", "é")],
            },
        ),
        head_limit=100,
    )
    check5(
        connack(
            0,
            1,
            props(
                *(b"\x11\0\0\0\x05", b"\x12" + string("me"), b"\x13\0\x1e", b"\x15" + string("M"), b"\x16" + string(b"d")),
                *(b"\x1a" + string("i"), b"\x1c" + string("s"), b"\x21\0\x0a", b"\x22\0\x0b", b"\x24\1", b"\x25\0"),
                *(b"\x27\0\1\0\0", b"\x28\1", b"\x29\0", b"\x2a\1"),
            ),
        ),
        other(
            2,
            present=True,
            properties={
                "session_expiry_interval": 5,
                "assigned_client_identifier": "me",
                "server_keep_alive": 30,
                "authentication_method": "M",
                "authentication_data": b"d",
                "response_information": "i",
                "server_reference": "s",
                "receive_maximum": 10,
                "topic_alias_maximum": 11,
                "maximum_qos": 1,
                "retain_available": 0,
                "maximum_packet_size": 65536,
                "wildcard_subscription_available": 1,
                "subscription_identifier_available": 0,
                "shared_subscription_available": 1,
            },
        ),
        head_limit=100,
    )


def test_what_no_broker_of_5_0_may_send():
    check5(b"\xd0\x80\x00", -0x81)  # a length that could be shorter
    check5(packet(0), -0x81)
    check5(packet(13, b"\0"), -0x81)
    for type in (1, 8, 10, 12):
        check5(packet(type), -0x82)
    check5(connack(), -0x81)  # without properties
    check5(connack(1, 0, b"\0"), -0x81)  # a code of 3.1.1
    check5(connack(0, 0, b"\1"), -0x81)
    check5(connack(0, 0, b"\0\0"), -0x81)
    check5(connack(0, 0, b"\x80\0"), -0x81)
    check5(connack(0, 0, b"\x80\x80\x80\x80\1"), -0x81)
    for bad in (b"\x00", b"\x04", b"\x7f", b"\xff\1", b"\x01\1", b"\x23\0\1", b"\x18\0\0\0\0", b"\x17\1", b"\x19\1"):
        check5(connack(0, 0, props(bad)), -0x81)  # not known, or not for CONNACK
    for bad in (b"\x21\0", b"\x27\0\0", b"\x12\0\2a", b"\x26" + string("k"), b"\x1f\0\1\xff", b"\x24"):
        check5(connack(0, 0, props(bad)), -0x81)
        check5(connack(0, 0, props(bad) + b"\0\0\0"), -0x81)  # nor may it go on behind the properties
    for bad in (b"\x21\0\0", b"\x27\0\0\0\0", b"\x24\2", b"\x25\2", b"\x28\2", b"\x24\1\x24\1", b"\x1f\0\0\x1f\0\0", b"\x13\0\1\x13\0\1"):
        check5(connack(0, 0, props(bad)), -0x82)  # a value that can't be, or twice
    check5(packet(14, b"\0" + props(b"\x11\0\0\0\1")), -0x81)  # the session's expiry is the client's affair
    check5(packet(14, b"\4"), -0x81)
    check5(packet(15, b"\x19"), -0x81)
    check5(ack(4, 1, b"\1"), -0x81)
    check5(ack(6, 1, b"\x10"), -0x81)
    check5(ack(9, 1, b"\0"), -0x81)
    check5(ack(9, 1, b"\0\3"), -0x81)
    check5(ack(11, 1, b"\0"), -0x81)
    check5(ack(11, 1, b"\0\1"), -0x81)
    check5(publish("a", properties=b"\5\x0b"), -0x81)
    check5(publish("a", properties=props(b"\x0b\0")), -0x82)
    check5(publish("a", properties=props(b"\x0b\x80\0")), -0x81)
    check5(publish("a", properties=props(b"\x01\1\x01\1")), -0x82)
    check5(publish("a", properties=props(b"\x01\2")), -0x82)
    check5(publish("a", b"\xff", properties=props(b"\x01\1")), -0x99)
    check5(publish("a", b"x" * 9, properties=b"\x80\1" + bytes(128)), -0x95)  # more than `head_limit`
    check5(publish("", properties=b"\0"), -0x82)


def test_topic_aliases_of_a_broker():
    def alias(n):
        return props(b"\x23" + word(n))

    check5(
        publish("one", b"1", properties=alias(1)) + publish("two", properties=alias(4)) + publish("", b"2", properties=alias(1)),
        message("one", b"1", properties={"topic_alias": 1}),
        message("two", properties={"topic_alias": 4}),
        message("one", b"2", properties={"topic_alias": 1}),
    )
    check5(
        publish("one", properties=alias(1)) + publish("two", properties=alias(1)) + publish("", properties=alias(1)),
        *[message(topic, properties={"topic_alias": 1}) for topic in ("one", "two", "two")],
    )
    check5(publish("a", properties=alias(0)), -0x94)
    check5(publish("a", properties=alias(5)), -0x94)
    check5(publish("", properties=alias(2)), -0x82)


def same_packet(made, expected):
    assert bytes(made) == expected, (bytes(made), expected)


def test_packets_of_a_client():
    same_packet(packets.publish(b"a/b", b"xyz"), publish("a/b", b"xyz"))
    same_packet(packets.publish(b"a/b", b"xyz", 2, True, 513, b"\0"), publish("a/b", b"xyz", 2, 513, 1, properties=b"\0"))
    for n in (0, 124, 125, 16380, 16381, 70000):
        same_packet(packets.publish(b"a", bytes(n)), publish("a", bytes(n)))
    same_packet(packets.publish(b"a", b"", more=70000), publish("a", bytes(70000))[:7])
    same_packet(packets.publish(b"a", b"", more=0xFFFFFFC), b"\x30\xff\xff\xff\x7f\0\1a")
    refused(packets.publish, b"a", b"", more=0xFFFFFFD)
    same_packet(packets.ack(4, 258), b"\x40\2\1\2")
    same_packet(packets.ack(6, 258), b"\x62\2\1\2")
    same_packet(packets.ack(7, 258, 0x92), b"\x70\3\1\2\x92")
    same_packet(packets.subscribe(1, [(b"a/#", 0), (b"b", 2)]), packet(8, word(1) + string("a/#") + b"\0" + string("b") + b"\2"))
    same_packet(packets.subscribe(1, [(b"a", 1)], b"\0"), packet(8, word(1) + b"\0" + string("a") + b"\1"))
    same_packet(packets.subscribe(1, [(b"a", None), (b"b", None)]), packet(10, word(1) + string("a") + string("b")))
    same_packet(packets.end(14), b"\xe0\0")
    same_packet(packets.end(14, 4), b"\xe0\1\4")
    same_packet(packets.end(15, 0x18, b"\0"), b"\xf0\2\x18\0")


def test_connect():
    def connect(level=4, id="me", user=None, password=None, clean=True, keep_alive_s=60, will=None, *more):
        return connect_packet(level, id, user, password, clean, keep_alive_s, will, *more)

    def by_the_book(flags, *fields, level=4, more=b""):
        return packet(1, string("MQTT") + bytes((level, flags)) + b"\0\x3c" + more + b"".join([string(field) for field in fields]))

    same_packet(connect(), by_the_book(2, "me"))
    same_packet(connect(clean=False), by_the_book(0, "me"))
    same_packet(connect(id=""), by_the_book(2, ""))
    same_packet(connect(user="u", password="p"), by_the_book(0xC2, "me", "u", "p"))
    same_packet(connect(user="u", password=b"\0\xff"), by_the_book(0xC2, "me", "u", b"\0\xff"))
    same_packet(connect(user=""), by_the_book(0x82, "me", ""))
    same_packet(connect(will=("w", "gone", 1, True), user="u"), by_the_book(0xAE, "me", "w", "gone", "u"))
    same_packet(connect(will=("w", b"", 2, False)), by_the_book(0x16, "me", "w", ""))
    same_packet(connect(5, "", None, "p", False, 60, None, b"\0"), by_the_book(0x40, "", "p", level=5, more=b"\0"))
    same_packet(
        connect(5, "i", None, None, True, 60, ("w", b"x", 0, False), b"\3\x21\0\1", b"\5\x18\0\0\0\1"),
        packet(1, string("MQTT") + b"\5\6\0\x3c\3\x21\0\1" + string("i") + b"\5\x18\0\0\0\1" + string("w") + string("x")),
    )
    refused(connect, id="", clean=False)
    refused(connect, password="p")
    refused(connect, id="a\0")
    refused(connect, will=("w/#", b"", 0, False))
    refused(connect, will=("w", b"", 3, False))
    refused(connect, will=("w", bytes(65536), 0, False))
    refused(connect, user="u", password=bytes(65536))
    refused(connect, user="u" * 65536)


def test_properties_of_a_client():
    def check(properties, where, *parts):
        same_packet(write(properties, where), props(*parts))

    check(None, 12)
    check({"message_expiry_interval": 60}, 12, b"\x02\0\0\0\x3c")
    check({"payload_format_indicator": True}, 0, b"\x01\1")
    check({"content_type": "é"}, 12, b"\x03" + string("é"))
    check({"correlation_data": b"\0"}, 12, b"\x09" + string(b"\0"))
    check({"subscription_identifier": 268435455}, 8, b"\x0b\xff\xff\xff\x7f")
    check({"receive_maximum": 1}, 1, b"\x21\0\1")
    check({"topic_alias_maximum": 0}, 1, b"\x22\0\0")
    check({"session_expiry_interval": 0xFFFFFFFF}, 13, b"\x11\xff\xff\xff\xff")
    check({"user_property": [("a", "b"), ("a", "c")]}, 10, b"\x26" + string("a") + string("b"), b"\x26" + string("a") + string("c"))
    check({"response_topic": "x" * 200}, 12, b"\x08" + string("x" * 200))
    for name, value, where in (
        ("alias", 1, 12),
        ("topic_alias", 1, 12),
        ("", 1, 12),
        ("message_expiry", 1, 12),
        ("message_expiry_interval", 1, 1),
        ("message_expiry_interval", -1, 12),
        ("message_expiry_interval", 1 << 32, 12),
        ("payload_format_indicator", 2, 12),
        ("subscription_identifier", 0, 8),
        ("subscription_identifier", 1 << 28, 8),
        ("subscription_identifier", 1, 12),
        ("receive_maximum", 0, 1),
        ("receive_maximum", 65536, 1),
        ("maximum_packet_size", 0, 1),
        ("content_type", "a\0", 12),
        ("content_type", "x" * 65536, 12),
        ("correlation_data", bytes(65536), 12),
        ("server_reference", "x", 13),
        ("will_delay_interval", 1, 12),
        ("user_property", [("a", "b\0")], 12),
    ):
        refused(write, {name: value}, where)


def test_topics():
    assert encode_topic("a/b") == b"a/b" and encode_topic("/") == b"/" and encode_topic("ü") == "ü".encode()
    assert len(encode_topic("x" * 65535)) == 65535
    for topic in ("", "a/+", "#", "a\0", "x" * 65536, "ü" * 32768):
        refused(encode_topic, topic)
    refused(encode_string, "\ud800" if str is not bytes else "")
    for filter in ("a", "/", "+", "#", "a/#", "+/+/#", "/#", "+/", "$share/g/a", "$share/g/+/#", "$share/g//", "$SYS/#", "$shared"):
        assert encode_filter(filter) == filter.encode(), filter
    for filter in ("", "a#", "#/a", "a/#/b", "a+", "a/b+/c", "+a", "a\0", "$share", "$share/", "$share/g", "$share/g/", "$share//a", "##"):
        refused(encode_filter, filter)
    for filter in ("$share/+/a", "$share/g#/a", "$share/g/a#", "x" * 65536):
        refused(encode_filter, filter)


def test_match():
    for filter, topics in (
        ("a/b", "a/b"),
        ("a/+", "a/b a/ a/$b"),
        ("a/#", "a a/ a/b a/b/c"),
        ("#", "a a/b / /a"),
        ("+", "a"),
        ("+/+", "/ a/ /a a/b"),
        ("/+", "/ /a"),
        ("+/b/#", "a/b a/b/c /b"),
        ("$SYS/#", "$SYS $SYS/a"),
        ("$SYS/+", "$SYS/a"),
        ("$share/g/a/+", "a/b"),
        ("$share/g/#", "a a/b"),
    ):
        for topic in topics.split(" "):
            assert match(filter, topic), (filter, topic)
    for filter, topics in (
        ("a/b", "a a/ a/b/ a/b/c A/b b"),
        ("a/+", "a a/b/c b/b /a/b"),
        ("a/#", "b ab /a aa/b"),
        ("+", "/ a/b $SYS /a"),
        ("#", "$SYS $SYS/a"),
        ("+/a", "$SYS/a a"),
        ("$share/g/#", "$SYS/a"),
        ("$share/g/+", "a/b $share"),
    ):
        for topic in topics.split(" "):
            assert not match(filter, topic), (filter, topic)


def test_lengths_on_the_wire():
    for n in (0, 127, 128, 16383, 16384, 2097151, 2097152, 268435455):
        assert bytes(packets.varint(n)) == varint(n)
