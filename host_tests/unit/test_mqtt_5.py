"""What MQTT 5.0 adds to the client by events, against a broker that does what each test says."""

from mqttnet import (
    AUTH,
    DISCONNECT,
    PINGREQ,
    PUBACK,
    PUBREC,
    PUBREL,
    SUBSCRIBE,
    UNSUBSCRIBE,
    Broker,
    ack,
    connack,
    packet,
    props,
    publish,
    split,
    string,
    word,
)
from mungo import EV_CLOSE, EV_ERROR, EV_MQTT_CMD, EV_MQTT_MSG, EV_MQTT_OPEN
from mungo.mqtt.session import Session
from raising import refused

MIN_HEAP = "192k"


def of(data):
    """A packet as `Broker.take` shows it."""
    return split(data)[0][0]


def test_a_broker_that_redirects():
    with Broker() as broker:
        c = broker.connect(connack(0x9C, 0, props(b"\x1c" + string("other:1884"), b"\x1f" + string("busy"))), version=5)
        assert broker.seen(EV_ERROR) == ["refused by the broker: 0x9c, busy"]
        assert (c.reason, c.properties["server_reference"]) == (0x9C, "other:1884")
        broker.events.clear()
        c = broker.connect(version=5)
        broker.send(packet(DISCONNECT, b"\x9d" + props(b"\x1c" + string("third"))))
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert broker.seen(EV_ERROR) == ["closed by the broker: 0x9d"] and c.reason == 0x9D
        assert c.properties == {"server_reference": "third"}


def test_a_fault_of_the_broker_is_told_in_5_0():
    for data, code in (
        (b"\x31\x80\x80\x80\x80\x01", 0x81),
        (packet(SUBSCRIBE), 0x82),
        (b"\x90\xff\xff\xff\x7f", 0x95),
        (connack(0, 0, b"\0"), 0x82),
    ):
        with Broker() as broker:
            broker.connect(version=5)
            broker.send(data)
            broker.until(lambda: broker.seen(EV_CLOSE))
            assert broker.seen(EV_ERROR) == ["the broker's fault: 0x%02x" % code]
            assert broker.take(1) == [(0xE0, bytes((code,)))]
            assert broker.mgr.stats["failed"] == 1


def test_subscription_options_of_5_0():
    with Broker() as broker:
        c = broker.connect(version=5)
        properties = {"subscription_identifier": 5}
        assert c.subscribe("a", ("b", 1 | 32), qos=2, no_local=True, retain_as_published=True, retain_handling=1, properties=properties)
        packed = props(b"\x0b\5")
        assert broker.take(1) == [of(packet(SUBSCRIBE, word(1) + packed + string("a") + b"\x1e" + string("b") + b"\x21"))]
        refused(c.subscribe, "$share/g/a", no_local=True)
        refused(c.subscribe, "a", retain_handling=3)
        refused(c.subscribe, ("a", 64))
        refused(c.unsubscribe, "a", properties={"subscription_identifier": 5})
        assert c.subscribe("$share/g/a/+") == 2 and c.unsubscribe("a") == 3
        assert broker.take(2)[1] == of(packet(UNSUBSCRIBE, word(3) + b"\0" + string("a")))


def test_the_broker_says_how_long_to_keep_alive():
    with Broker() as broker:
        c = broker.connect(connack(0, 0, props(b"\x13\0\1")), version=5)
        assert c.keep_alive_s == 1 and broker.take(1) == [(PINGREQ << 4, b"")]


def test_the_brokers_limits_of_5_0():
    with Broker() as broker:
        c = broker.connect(connack(0, 0, props(b"\x21\0\2", b"\x24\1", b"\x25\0", b"\x27\0\0\0\x14")), version=5)
        assert c.five.broker["maximum_qos"] == 1
        refused(c.publish, "a", b"", 2)
        refused(c.publish, "a", b"", 0, True)
        refused(c.publish, "a", bytes(15))
        assert not c.session.outgoing
        assert c.publish("a", bytes(14)) and c.publish("a", b"", 1) and c.publish("a", b"", 1) and not c.publish("a", b"", 1)


def test_properties_go_out():
    with Broker() as broker:
        will = ("w", "x", 0, False, {"will_delay_interval": 5})
        broker.connect(False, version=5, will=will, properties={"user_property": [("a", "b"), ("a", "c")]})
        packed = props(b"\x26" + string("a") + string("b"), b"\x26" + string("a") + string("c"))
        want = string("MQTT") + b"\5\6\0\x3c" + packed + string("me") + props(b"\x18\0\0\0\5") + string("w") + string("x")
        assert broker.take(1) == [(0x10, want)]
        broker.send(connack(0, 0, b"\0"))
        broker.until(lambda: broker.seen(EV_MQTT_OPEN))
        assert broker.c.publish("a", b"x", 1, properties={"content_type": "t"})
        assert broker.take(1) == [of(publish("a", b"x", 1, 1, properties=props(b"\x03" + string("t"))))]
        assert broker.c.disconnect(4, {"session_expiry_interval": 0})
        assert broker.take(1) == [(0xE0, b"\4" + props(b"\x11\0\0\0\0"))]


def test_topic_aliases_go_out():
    def with_alias(topic, n, payload=b"", qos=0, id=0, **more):
        return of(publish(topic, payload, qos, id, properties=props(b"\x23" + word(n)), **more))

    session = Session()
    with Broker() as broker:
        c = broker.connect(connack(0, 0, props(b"\x22\0\2")), version=5, clean=False, session=session)
        for topic, qos in (("a", 0), ("b", 1), ("a", 0), ("b", 2), ("c", 0)):
            assert c.publish(topic, b"", qos)
        assert broker.take(5) == [with_alias("a", 1), with_alias("b", 2, b"", 1, 1), with_alias("", 1), with_alias("", 2, b"", 2, 2)] + [
            of(publish("c", properties=b"\0"))
        ]
        broker.peer.is_closing = True
        broker.until(lambda: broker.seen(EV_CLOSE))
        broker.connect(False, version=5, clean=False, session=session)
        broker.take(1)
        broker.send(connack(0, 1, b"\0"))  # the aliases were the connection's
        assert broker.take(2) == [of(publish("b", b"", qos, qos, dup=1, properties=b"\0")) for qos in (1, 2)]


def test_the_clients_limits_of_5_0():
    held = []

    def hold(c, ev, msg):
        if ev == EV_MQTT_MSG:
            msg.hold()
            held.append(msg)

    for data, code in (
        (
            publish("a", b"", 1, 1, properties=b"\0")
            + publish("a", b"", 2, 2, properties=b"\0")
            + publish("a", b"", 1, 3, properties=b"\0"),
            0x93,
        ),
        (publish("a", bytes(100), properties=b"\0"), 0x95),
        (publish("a", properties=props(b"\x23\0\3")), 0x94),
    ):
        with Broker() as broker:
            broker.on_event = hold
            properties = {"receive_maximum": 2, "maximum_packet_size": 100, "topic_alias_maximum": 2}
            broker.connect(version=5, properties=properties)
            broker.send(data)
            broker.until(lambda: broker.seen(EV_CLOSE))
            assert broker.seen(EV_ERROR) == ["the broker's fault: 0x%02x" % code] and broker.take(1) == [(0xE0, bytes((code,)))]


def test_the_receive_maximum_counts_what_is_under_way():
    with Broker() as broker:
        broker.connect(version=5, properties={"receive_maximum": 2})
        for _ in range(3):
            broker.send(publish("a", b"", 1, 1, properties=b"\0") + publish("a", b"", 2, 2, properties=b"\0"))
            broker.take(2)
            broker.send(ack(PUBREL, 2))
            broker.take(1)
        assert len(broker.seen(EV_MQTT_MSG)) == 6


def test_refusals_of_5_0():
    with Broker() as broker:
        c = broker.connect(version=5)
        assert [c.publish("a", b"", qos) for qos in (1, 2, 2)] == [1, 2, 3]
        broker.take(3)
        broker.send(ack(PUBACK, 1, b"\x97") + ack(PUBREC, 2, b"\x83") + ack(PUBREC, 3, b"\x10") + ack(PUBREC, 9))
        assert broker.take(2) == [(0x62, b"\0\3"), (0x62, b"\0\x09\x92")]
        assert [one.id for one in c.session.outgoing] == [3]
        assert [data[:3] for data in broker.seen(EV_MQTT_CMD)[1:4]] == [(PUBACK, 1, 0x97), (PUBREC, 2, 0x83), (PUBREC, 3, 0x10)]
        broker.send(ack(PUBREL, 5))
        assert broker.take(1) == [(0x70, b"\0\5\x92")]
        broker.on_event = lambda c, ev, msg: ev == EV_MQTT_MSG and (msg.hold(), msg.ack(0x99))
        broker.send(publish("a", b"", 1, 7, properties=b"\0") + publish("a", b"", 2, 8, properties=b"\0"))
        assert broker.take(2) == [(0x40, b"\0\7\x99"), (0x50, b"\0\x08\x99")] and not c.session.received


def test_enhanced_authentication():
    def step(c, ev, data):
        if ev == EV_MQTT_CMD and data.type == AUTH:
            assert c.auth(0x18, {"authentication_data": data.properties["authentication_data"] + b"!"})

    with Broker() as broker:
        broker.on_event = step
        broker.connect(False, version=5, properties={"authentication_method": "M"})
        broker.take(1)
        data = props(b"\x15" + string("M"), b"\x16" + string(b"2"))
        broker.send(packet(AUTH, b"\x18" + data))
        answer = (0xF0, b"\x18" + props(b"\x16" + string(b"2!"), b"\x15" + string("M")))
        assert broker.take(1) == [answer]
        broker.send(connack(0, 0, data))
        broker.until(lambda: broker.seen(EV_MQTT_OPEN))
        assert broker.c.auth(0x19, {"authentication_method": "M"})
        assert broker.take(1) == [(0xF0, b"\x19" + props(b"\x15" + string("M")))]
