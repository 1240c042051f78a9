"""What MQTT demands of a client, with a broker that a test leads by the hand: conformance_mqtt.md says which demand is shown where."""

import gc
import time

import mungo
from mqtt_malformed import BEFORE, rows
from mqttnet import (
    AUTH,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Broker,
    ack,
    connack,
    packet,
    props,
    publish,
    string,
    word,
)
from mungo.mqtt.session import Session
from raising import refused

MIN_HEAP = "1m"


def types(packets):
    return [first >> 4 for first, _ in packets]


def ids(packets):
    """(type, identifier) of acknowledgements and of SUBSCRIBE; and of PUBLISH with QoS 1 or 2 to topics of one letter."""
    found = []
    for first, body in packets:
        at = 3 if first >> 4 == PUBLISH else 0
        found.append((first >> 4, body[at] << 8 | body[at + 1]))
    return found


def of_5(version, more=b""):
    return (more or b"\0") if version == 5 else b""


def each_version(test):
    def run():
        for version in (4, 5):
            try:
                test(version)
            except Exception:
                print("version:", version)
                raise

    return run


# --- mistakes of a broker


def judge(version, when, data):
    """What becomes of these bytes: the code of the client's DISCONNECT, or None; when it has ended."""
    with Broker() as broker:
        broker.connect(answer=when != BEFORE, version=version)
        broker.take()
        events = len(broker.events)
        # (A reset by the client's end, while some of it is not read, would lose its DISCONNECT: so all goes out first.)
        broker.send(data)
        try:
            broker.until(lambda: broker.seen(mungo.EV_CLOSE))
        except AssertionError:
            return "it goes on"
        ends = [ev for ev, _ in broker.events[events:]]
        assert ends[-2:] == [mungo.EV_ERROR, mungo.EV_CLOSE] and mungo.EV_MQTT_MSG not in ends, ends
        for _ in range(3):
            broker.mgr.poll(0)
        found = broker.packets()
        assert types(found) in ([], [DISCONNECT]), found
        return found[0][1][0] if found else None


def check_rows(version):
    wrong = []
    n = 0
    for name, when, data, code in rows(version):
        n += 1
        found = judge(version, when, data)
        expected = code if version == 5 and when != BEFORE else None
        if code is not None and found != expected:
            wrong.append("%s: %r instead of %r" % (name, found, expected))
    assert not wrong, wrong
    return n


def test_what_no_broker_may_send():
    assert check_rows(4) + check_rows(5) > 200


# Each of these is a sequence: what comes is right by itself.
def test_sequences_that_no_broker_may_send():
    def judge_all(code, *parts, version=5, **options):
        with Broker() as broker:
            broker.connect(version=version, **options)
            for part in parts:
                broker.send(part)
            broker.until(lambda: broker.seen(mungo.EV_CLOSE))
            for _ in range(3):
                broker.mgr.poll(0)
            last = [(first, body) for first, body in broker.packets() if first >> 4 == DISCONNECT]
            assert (last[0][1][0] if last else None) == (code if version == 5 else None), (parts, last)

    one, two = (publish("a", b"x", 2, id, properties=b"\0") for id in (1, 2))
    judge_all(0x93, one, two, properties={"receive_maximum": 1})
    judge_all(
        0x82, publish("a", properties=props(b"\x23\0\1")), publish("", properties=props(b"\x23\0\2")), properties={"topic_alias_maximum": 2}
    )
    judge_all(0x95, publish("a", bytes(200), properties=b"\0"), properties={"maximum_packet_size": 100})
    judge_all(0x82, connack(0, 0, b"\0"))
    judge_all(0x82, connack(), version=4)


@each_version
def test_a_suback_with_another_number_of_codes_ends_the_connection(version):
    with Broker() as broker:
        broker.connect(version=version)
        id = broker.c.subscribe("a", "b")
        broker.take(1)
        broker.send(ack(SUBACK, id, of_5(version) + b"\0"))
        broker.until(lambda: broker.seen(mungo.EV_CLOSE))


@each_version
def test_an_acknowledgement_of_another_kind_ends_the_connection(version):
    for qos, wrong in ((1, PUBREC), (1, PUBCOMP), (2, PUBACK), (2, PUBCOMP)):
        with Broker() as broker:
            broker.connect(version=version)
            id = broker.c.publish("a", b"", qos)
            broker.take(1)
            broker.send(ack(wrong, id))
            broker.until(lambda: broker.seen(mungo.EV_CLOSE))
            assert broker.seen(mungo.EV_ERROR), (qos, wrong)


# --- the beginning


@each_version
def test_connect_is_the_first_packet(version):
    with Broker() as broker:
        c = broker.connect(answer=False, version=version)
        assert c.publish("a") is False and c.publish("a", b"", 1) is False and c.subscribe("a") is False and c.ping() is False
        assert types(broker.take(1)) == [CONNECT]
        broker.send(connack(0, 0, broker.none))
        broker.until(lambda: broker.seen(mungo.EV_MQTT_OPEN))
        assert c.publish("a") is True
        assert types(broker.take(1)) == [PUBLISH]


@each_version
def test_a_connection_that_is_refused(version):
    with Broker() as broker:
        broker.connect(answer=connack(0x87 if version == 5 else 5, 0, of_5(version)), version=version)
        broker.until(lambda: broker.seen(mungo.EV_CLOSE))
        assert not broker.seen(mungo.EV_MQTT_OPEN) and broker.c.reason == (0x87 if version == 5 else 5)
        assert broker.packets() == []
    if version == 5:
        with Broker() as broker:
            broker.connect(version=5)
            broker.send(packet(DISCONNECT, b"\x8b" + props(b"\x1c" + string("other:1883"))))
            broker.until(lambda: broker.seen(mungo.EV_CLOSE))
            assert broker.c.reason == 0x8B and broker.c.properties == {"server_reference": "other:1883"}
            assert broker.packets() == []


@each_version
def test_a_session_that_nobody_asked_for_ends_the_connection(version):
    with Broker() as broker:
        broker.connect(answer=connack(0, 1, of_5(version)), version=version, clean=True)
        broker.until(lambda: broker.seen(mungo.EV_CLOSE))
        assert broker.seen(mungo.EV_ERROR) and not broker.seen(mungo.EV_MQTT_OPEN)


@each_version
def test_text_is_kept_as_it_is(version):
    topic = "\ufeffa/\U0001d11e \ufeff"
    with Broker() as broker:
        broker.connect(version=version)
        assert broker.c.publish(topic, "\ufeffx")
        assert broker.take(1)[0][1] == string(topic) + broker.none + "\ufeffx".encode()
        broker.send(publish(topic, properties=broker.none))
        broker.until(lambda: broker.seen(mungo.EV_MQTT_MSG))
        assert broker.seen(mungo.EV_MQTT_MSG)[0][0] == topic


# --- QoS 1 and 2


@each_version
def test_identifiers_are_not_used_twice(version):
    session = Session()
    session.last = 65533
    with Broker() as broker:
        c = broker.connect(version=version, session=session)
        asked = [c.subscribe("a"), c.publish("a", b"", 1), c.unsubscribe("a"), c.publish("a", b"", 2)]
        assert asked == [65534, 65535, 1, 2], asked
        found = broker.take(4)
        assert types(found) == [SUBSCRIBE, PUBLISH, UNSUBSCRIBE, PUBLISH] and [id for _, id in ids(found)] == asked
        session.last = 65533  # all of these are in use
        assert c.publish("a", b"", 1) == 3
        broker.send(ack(SUBACK, 65534, of_5(version) + b"\0") + ack(PUBACK, 65535) + ack(UNSUBACK, 1, of_5(version, b"\0\0")))
        broker.until(lambda: len(broker.seen(mungo.EV_MQTT_CMD)) >= 4)
        session.last = 65533
        assert [c.publish("a", b"", 1) for _ in range(4)] == [65534, 65535, 1, 4]
        broker.send(ack(PUBREC, 2))
        broker.until(lambda: session.find(2).packet is None)
        session.last = 1
        assert c.publish("a", b"", 1) == 5  # 2 waits for its PUBCOMP


@each_version
def test_what_is_under_way_is_sent_again_in_its_order(version):
    session = Session()
    options = {"version": version, "session": session, "clean": False}
    with Broker() as broker:
        c = broker.connect(**options)
        for qos in (1, 2, 1, 2, 2):
            c.publish("a", b"%d" % qos, qos)
        first = broker.take(5)
        assert [it[0] & 8 for it in first] == [0] * 5 and [id for _, id in ids(first)] == [1, 2, 3, 4, 5]
        broker.send(ack(PUBREC, 2) + ack(PUBREC, 5) + ack(PUBACK, 3))
        assert ids(broker.take(2)) == [(PUBREL, 2), (PUBREL, 5)]
        broker.send(ack(PUBCOMP, 5))
        broker.until(lambda: len(session.outgoing) == 3)
        for _ in range(3):  # nothing is sent again while the connection is there
            broker.mgr.poll(0)
        assert broker.packets() == []
        for _ in range(2):
            broker.peer.is_closing = True
            broker.until(lambda: broker.seen(mungo.EV_CLOSE))
            broker.events.clear()
            broker.connect(answer=connack(0, 1, broker.none), **options)
            broker.until(lambda: len(broker.packets()) >= 2)
            again = broker.take()
            while len(again) < 3:
                again += broker.take(1)
            assert types(again) == [PUBLISH, PUBREL, PUBLISH] and [id for _, id in ids(again)] == [1, 2, 4], again
            assert [it[0] & 8 for it in again if it[0] >> 4 == PUBLISH] == [8, 8]
            assert again[0][1] == first[0][1] and again[2][1] == first[3][1]


@each_version
def test_a_session_that_the_broker_has_lost_is_forgotten(version):
    session = Session()
    options = {"version": version, "session": session, "clean": False}
    with Broker() as broker:
        c = broker.connect(**options)
        c.publish("a", b"1", 1)
        c.publish("a", b"2", 2)
        broker.send(publish("b", b"x", 2, 7, properties=broker.none))
        broker.until(lambda: broker.seen(mungo.EV_MQTT_MSG))
        broker.peer.is_closing = True
        broker.until(lambda: broker.seen(mungo.EV_CLOSE))
        broker.events.clear()
        broker.connect(answer=False, **options)
        broker.take()
        broker.send(connack(0, 0, broker.none) + publish("b", b"new", 2, 7, properties=broker.none))
        broker.until(lambda: broker.seen(mungo.EV_MQTT_MSG))
        assert broker.seen(mungo.EV_MQTT_MSG) == [("b", b"new")]  # 7 is another message
        broker.until(lambda: len(broker.packets()) >= 3)
        sent = [it for it in broker.take() if it[0] >> 4 == PUBLISH]
        assert [it[0] & 8 for it in sent] == [0, 0]  # published anew


@each_version
def test_acknowledgements_come_in_the_order_of_the_messages(version):
    held = []

    def on_event(c, ev, data):
        if ev == mungo.EV_MQTT_MSG and data.payload == b"held":
            data.hold()
            held.append(data)

    with Broker() as broker:
        broker.on_event = on_event
        broker.connect(version=version)
        broker.send(publish("a", b"", 1, 10, properties=broker.none) + publish("a", b"", 2, 11, properties=broker.none))
        assert ids(broker.take(2)) == [(PUBACK, 10), (PUBREC, 11)]
        for qos, id, payload in ((1, 20, b"held"), (2, 21, b""), (1, 22, b""), (2, 23, b"held"), (1, 24, b"")):
            broker.send(publish("a", payload, qos, id, properties=broker.none))
        broker.until(lambda: len(broker.seen(mungo.EV_MQTT_MSG)) == 7)
        held[1].ack()
        broker.mgr.poll(0)
        assert broker.packets() == []
        held[0].ack()
        held[0].ack()
        assert ids(broker.take(5)) == [(PUBACK, 20), (PUBREC, 21), (PUBACK, 22), (PUBREC, 23), (PUBACK, 24)]


@each_version
def test_pubrel_comes_in_the_order_of_pubrec(version):
    with Broker() as broker:
        c = broker.connect(version=version)
        for _ in range(3):
            c.publish("a", b"", 2)
        broker.take(3)
        broker.send(ack(PUBREC, 3) + ack(PUBREC, 1) + ack(PUBREC, 2))
        assert ids(broker.take(3)) == [(PUBREL, 3), (PUBREL, 1), (PUBREL, 2)]


@each_version
def test_a_message_of_qos_2_is_delivered_once(version):
    session = Session()
    options = {"version": version, "session": session, "clean": False}
    with Broker() as broker:
        broker.connect(**options)
        message = publish("a", b"x", 2, 7, properties=broker.none)
        again = publish("a", b"x", 2, 7, dup=1, properties=broker.none)
        broker.send(message)
        assert ids(broker.take(1)) == [(PUBREC, 7)]
        broker.send(again)
        assert ids(broker.take(1)) == [(PUBREC, 7)]
        broker.peer.is_closing = True
        broker.until(lambda: broker.seen(mungo.EV_CLOSE))
        broker.connect(answer=connack(0, 1, broker.none), **options)
        broker.send(again)
        assert ids(broker.take(1)) == [(PUBREC, 7)]
        broker.send(ack(PUBREL, 7))
        assert ids(broker.take(1)) == [(PUBCOMP, 7)]
        assert broker.seen(mungo.EV_MQTT_MSG) == [("a", b"x")]


@each_version
def test_after_its_acknowledgement_an_identifier_is_another_message(version):
    with Broker() as broker:
        broker.connect(version=version)
        for dup in (0, 1):
            broker.send(publish("a", b"%d" % dup, 1, 7, dup=dup, properties=broker.none))
            broker.take(1)
        for dup in (0, 1):
            broker.send(publish("b", b"%d" % dup, 2, 8, dup=dup, properties=broker.none))
            assert ids(broker.take(1)) == [(PUBREC, 8)]
            broker.send(ack(PUBREL, 8))
            assert ids(broker.take(1)) == [(PUBCOMP, 8)]
        assert broker.seen(mungo.EV_MQTT_MSG) == [("a", b"0"), ("a", b"1"), ("b", b"0"), ("b", b"1")]


@each_version
def test_what_nobody_wants_is_acknowledged(version):
    with Broker() as broker:
        broker.connect(version=version)
        broker.c.fn = None  # a program without a handler
        more = props(b"\x02\0\0\0\0") if version == 5 else b""  # it has expired, and is here
        broker.send(publish("a", b"", 1, 1, properties=more) + publish("a", b"", 2, 2, properties=more) + ack(PUBREL, 2))
        assert ids(broker.take(3)) == [(PUBACK, 1), (PUBREC, 2), (PUBCOMP, 2)]


@each_version
def test_a_handler_that_fails_has_not_had_its_message(version):
    fails = [True]

    def on_event(c, ev, data):
        if ev == mungo.EV_MQTT_MSG and fails:
            fails.clear()
            raise MemoryError

    session = Session()
    options = {"version": version, "session": session, "clean": False}
    with Broker() as broker:
        broker.on_event = on_event
        for qos, back in ((1, PUBACK), (2, PUBREC)):
            broker.connect(answer=connack(0, 1 if qos == 2 else 0, of_5(version)), **options)
            broker.send(publish("a", b"x", qos, 7, properties=broker.none))
            broker.until(lambda: broker.seen(mungo.EV_CLOSE))
            assert back not in types(broker.packets())
            broker.events.clear()
            broker.connect(answer=connack(0, 1, broker.none), **options)
            broker.send(publish("a", b"x", qos, 7, dup=1, properties=broker.none))
            assert ids(broker.take(1)) == [(back, 7)]
            assert broker.seen(mungo.EV_MQTT_MSG) == [("a", b"x")]
            broker.peer.is_closing = True
            broker.until(lambda: broker.seen(mungo.EV_CLOSE))
            broker.events.clear()
            session = options["session"] = Session()
            fails.append(True)


def test_acknowledgements_that_nobody_expects():
    with Broker() as broker:
        broker.connect(version=5)
        broker.send(ack(PUBACK, 9) + ack(PUBREC, 9) + ack(PUBCOMP, 9) + ack(PUBREL, 9))
        assert [(first >> 4, bytes(body)) for first, body in broker.take(2)] == [(PUBREL, b"\0\x09\x92"), (PUBCOMP, b"\0\x09\x92")]
    with Broker() as broker:
        broker.connect(version=4)
        broker.send(ack(PUBREC, 9) + ack(PUBREL, 9))
        assert [(first >> 4, bytes(body)) for first, body in broker.take(2)] == [(PUBREL, b"\0\x09"), (PUBCOMP, b"\0\x09")]


def test_a_refusal_ends_a_message():
    session = Session()
    with Broker() as broker:
        c = broker.connect(version=5, session=session, clean=False)
        c.publish("a", b"", 1)
        c.publish("a", b"", 2)
        broker.take(2)
        broker.send(ack(PUBACK, 1, b"\x97") + ack(PUBREC, 2, b"\x87"))
        broker.until(lambda: not session.outgoing)
        assert broker.packets() == []
        reasons = [kept[2] for kept in broker.seen(mungo.EV_MQTT_CMD) if kept[0] in (PUBACK, PUBREC)]
        assert reasons == [0x97, 0x87]


def test_refusals_of_a_program():
    def on_event(c, ev, data):
        if ev == mungo.EV_MQTT_MSG:
            data.hold()
            data.ack(0x83)

    with Broker() as broker:
        broker.on_event = on_event
        broker.connect(version=5)
        for _ in range(2):  # after a refusal the identifier is another message's
            broker.send(publish("a", b"", 1, 7, properties=b"\0") + publish("a", b"", 2, 8, properties=b"\0"))
            assert [bytes(body) for _, body in broker.take(2)] == [b"\0\x07\x83", b"\0\x08\x83"]
        assert len(broker.seen(mungo.EV_MQTT_MSG)) == 4


# --- limits


def test_limits_of_the_server():
    limits = props(b"\x24\1", b"\x25\0", b"\x27\0\0\0\x28")
    with Broker() as broker:
        c = broker.connect(answer=connack(0, 0, limits), version=5)
        refused(c.publish, "a", b"", 2)
        refused(c.publish, "a", b"", 0, True)
        refused(c.publish, "a", bytes(40))
        assert c.publish("a", bytes(34)) is True
        assert len(broker.take(1)[0][1]) == 38
        long = {"user_property": [("k", "x" * 40)]}
        for call in (
            lambda: c.subscribe("a" * 40),
            lambda: c.unsubscribe("a" * 40),
            lambda: c.subscribe("a", properties=long),
            lambda: c.auth(0x19, long),
            lambda: c.disconnect(0, dict(long, reason_string="y" * 40)),
        ):
            refused(call)
        broker.mgr.poll(0)
        assert broker.packets() == []


def test_no_more_is_under_way_than_the_server_takes():
    with Broker() as broker:
        c = broker.connect(answer=connack(0, 0, props(b"\x21\0\2")), version=5)
        assert [c.publish("a", b"", qos) for qos in (1, 2, 1, 2)] == [1, 2, False, False]
        assert c.publish("a") is True and c.subscribe("a") and c.ping() is True
        assert types(broker.take(5)) == [PUBLISH, PUBLISH, PUBLISH, SUBSCRIBE, PINGREQ]
        broker.send(publish("b", b"", 1, 9, properties=b"\0") + packet(PINGRESP))
        assert ids(broker.take(1)) == [(PUBACK, 9)]
        broker.send(ack(PUBREC, 2))
        assert types(broker.take(1)) == [PUBREL]
        assert c.publish("a", b"", 1) is False  # QoS 2 counts until PUBCOMP
        broker.send(ack(PUBCOMP, 2))
        broker.until(lambda: c.session.find(2) is None)
        assert c.publish("a", b"", 1) and c.publish("a", b"", 1) is False


def test_topic_aliases():
    def sent(broker):
        return [bytes(body) for _, body in broker.take(1)][0]

    def alias(n):
        return props(b"\x23" + word(n))

    with Broker() as broker:
        c = broker.connect(version=5)  # no maximum: no alias
        for _ in range(2):
            c.publish("long/topic")
            assert sent(broker) == string("long/topic") + b"\0"
        for _ in range(2):  # aliases end with their connection
            broker.peer.is_closing = True
            broker.until(lambda: broker.seen(mungo.EV_CLOSE))
            broker.events.clear()
            c = broker.connect(answer=connack(0, 0, props(b"\x22\0\1")), version=5)
            c.publish("long/topic")
            assert sent(broker) == string("long/topic") + alias(1)
            c.publish("long/topic")
            assert sent(broker) == string("") + alias(1)
            c.publish("other/topic")
            assert sent(broker) == string("other/topic") + b"\0"


@each_version
def test_mistakes_of_a_program_are_refused(version):
    with Broker() as broker:
        c = broker.connect(version=version)
        for call in (
            lambda: c.publish("a", b"", 3),
            lambda: c.publish("a", b"", -1),
            lambda: c.publish("a/#"),
            lambda: c.publish(""),
            lambda: c.subscribe(),
            lambda: c.unsubscribe(),
            lambda: c.subscribe("a", qos=3),
            lambda: c.subscribe("a#"),
            lambda: c.unsubscribe("a#"),
            lambda: c.subscribe(("a", 64)),
            lambda: c.subscribe("$share/g/a", no_local=True),
            lambda: c.subscribe("a", retain_handling=3),
            lambda: c.publish("a", properties={"response_topic": "a/+"}),
            lambda: c.publish("a", properties={"response_topic": "#"}),
        ):
            refused(call)
        broker.mgr.poll(0)
        assert broker.packets() == []


# --- time, and the end


@each_version
def test_pings_come_within_the_keep_alive(version):
    with Broker() as broker:
        c = broker.connect(version=version, keep_alive_s=1)
        for _ in range(2):
            assert c.publish("a")  # whatever else is sent
            assert types(broker.take(1)) == [PUBLISH]
            assert types(broker.take(1)) == [PINGREQ]
            broker.send(packet(PINGRESP))
        broker.until(lambda: broker.seen(mungo.EV_CLOSE))  # the last one gets no answer
        assert "PINGRESP" in broker.seen(mungo.EV_ERROR)[0]


def test_the_keep_alive_of_the_server_counts():
    with Broker() as broker:
        broker.connect(answer=connack(0, 0, props(b"\x13\0\1")), version=5, keep_alive_s=0)
        assert types(broker.take(1)) == [PINGREQ]


@each_version
def test_nothing_is_sent_behind_disconnect(version):
    with Broker() as broker:
        c = broker.connect(version=version)
        assert c.disconnect() is True
        assert c.publish("a") is False and c.subscribe("a") is False and c.ping() is False and c.disconnect() is False
        broker.send(publish("a", b"", 1, 1, properties=broker.none))
        broker.until(lambda: broker.seen(mungo.EV_CLOSE))
        assert types(broker.packets()) == [DISCONNECT] and not broker.seen(mungo.EV_ERROR)
        broker.until(lambda: broker.peer.is_closing)


def test_authentication():
    method = b"\x15" + string("M")
    asked = []

    def on_event(c, ev, data):
        if ev == mungo.EV_MQTT_CMD and data.type == AUTH:
            asked.append((data.reason, data.properties))
            c.auth(0x18, {"authentication_data": b"2"})

    with Broker() as broker:
        broker.on_event = on_event
        c = broker.connect(answer=False, version=5, properties={"authentication_method": "M", "authentication_data": b"1"})
        broker.take()
        broker.send(packet(AUTH, b"\x18" + props(method, b"\x16" + string(b"?"))))
        found = broker.take(1)
        assert found == [(AUTH << 4, b"\x18" + props(b"\x16" + string(b"2"), method))], found
        broker.send(connack(0, 0, props(method)))
        broker.until(lambda: broker.seen(mungo.EV_MQTT_OPEN))
        assert c.auth(0x19, {"authentication_method": "M"})
        assert broker.take(1) == [(AUTH << 4, b"\x19" + props(method))]
        broker.send(packet(DISCONNECT, b"\x87"))
        broker.until(lambda: broker.seen(mungo.EV_CLOSE))
        assert asked == [(0x18, {"authentication_method": "M", "authentication_data": b"?"})] and c.reason == 0x87
    with Broker() as broker:
        c = broker.connect(version=5)  # without a method
        refused(c.auth, 0x19, {"authentication_data": b"x"})
        refused(c.auth, 0x18, None)
        assert broker.packets() == []
    with Broker() as broker:
        c = broker.connect(version=5, properties={"authentication_method": "M"})
        refused(c.auth, 1, {"authentication_method": "M"})
        refused(c.auth, 0x19, {"authentication_method": "other"})
    with Broker() as broker:
        c = broker.connect(version=4)
        refused(c.auth, 0x18, None)


def allocated(mgr):
    """Bytes that ten turns leave behind."""
    mgr.poll(0)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(10):
        mgr.poll(0)
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def test_an_idle_client_costs_nothing_between_pings():
    with Broker() as broker:
        counts = hasattr(gc, "mem_alloc")
        without = allocated(broker.mgr) if counts else 0
        broker.connect(keep_alive_s=60)
        assert not counts or allocated(broker.mgr) <= without
        events = len(broker.events)
        start = time.ticks_ms()
        broker.mgr.poll(300)  # nothing wakes it
        assert time.ticks_diff(time.ticks_ms(), start) >= 300
        assert len(broker.events) == events and broker.packets() == []
