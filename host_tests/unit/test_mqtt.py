"""The MQTT client by events, against a broker that does what each test says."""

import gc
from array import array
from time import ticks_diff, ticks_ms

from mqttnet import (
    CONNACK,
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
    publish,
    split,
    string,
    word,
)
from mungo import EV_CLOSE, EV_CONNECT, EV_ERROR, EV_MQTT_CMD, EV_MQTT_MSG, EV_MQTT_OPEN, EV_OPEN, EV_READ, EV_RESOLVE, EV_WRITE
from mungo.core.connection import Connection
from mungo.mqtt.connection import MqttConnection
from mungo.mqtt.session import Session
from raising import raised, refused
from runner import Skip
from waiting import kinds, turns

MIN_HEAP = "200k"


def of(data):
    """A packet as `Broker.take` shows it."""
    return split(data)[0][0]


def test_the_order_of_events():
    with Broker() as broker:
        c = broker.connect()
        assert broker.peer.got == b""
        broker.send(publish("a/b", b"hi") + publish("c"))
        broker.until(lambda: len(broker.seen(EV_MQTT_MSG)) == 2)
        turns(broker.mgr, 2)
        order = [EV_OPEN, EV_RESOLVE, EV_CONNECT, EV_WRITE, EV_MQTT_OPEN, EV_MQTT_CMD, EV_READ]
        assert kinds(broker.events) == order + [EV_MQTT_MSG, EV_MQTT_CMD] * 2 + [EV_READ]
        assert broker.seen(EV_MQTT_OPEN) == [(CONNACK, 0, 0, b"", False)]
        assert broker.seen(EV_MQTT_MSG) == [("a/b", b"hi"), ("c", b"")]
        assert c.disconnect()
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert broker.take(1) == [(0xE0, b"")] and not broker.seen(EV_ERROR)


def test_what_has_come_is_acknowledged_before_a_disconnect():
    with Broker() as broker:
        c = broker.connect()

        def leave(c, ev, data, fn_data):
            if ev == EV_MQTT_CMD and data.id == 8:
                assert c.disconnect()

        c.fn = leave
        broker.send(publish("a", b"", 1, 7) + publish("a", b"", 1, 8) + publish("a", b"", 1, 9))
        assert broker.take(3) == [of(ack(PUBACK, 7)), of(ack(PUBACK, 8)), (0xE0, b"")]


def test_connect_says_what_it_was_told():
    with Broker() as broker:
        broker.connect(False, id="me", user="u", password="p", clean=False, keep_alive_s=30, will=("w", "gone", 1, True))
        want = string("MQTT") + b"\x04\xec\0\x1e" + string("me") + string("w") + string("gone") + string("u") + string("p")
        assert broker.take(1) == [(0x10, want)]
        broker.send(connack(0, 1))
        broker.until(lambda: broker.seen(EV_MQTT_OPEN))
        assert broker.seen(EV_MQTT_OPEN) == [(CONNACK, 0, 0, b"", True)]


def test_what_can_not_be_connected():
    with Broker() as broker:
        for url in (
            "mqtt:127.0.0.1",
            "tcp://127.0.0.1:1",
            "mqtts://127.0.0.1:1",
            "mqtt://u:p@127.0.0.1:1",
            "mqtt://127.0.0.1:x",
            "mqtt://",
        ):
            refused(broker.mgr.mqtt_connect, url, None)
        url = "mqtt://127.0.0.1:%d" % broker.port
        for options in (
            {"version": 3},
            {"version": 6},
            {"properties": {"receive_maximum": 1}},
            {"version": 5, "properties": {"topic_alias": 1}},
            {"clean": False},
            {"keep_alive_s": 65536},
            {"keep_alive_s": -1},
            {"will": ("a", "b", 0, False, {"will_delay_interval": 1})},
            {"version": 5, "will": ("a", "b", 0, False, {"receive_maximum": 1})},
            {"message_limit": 0},
            {"inflight": 0},
        ):
            refused(broker.mgr.mqtt_connect, url, None, **options)
        assert len(broker.mgr.conns) == 1


def test_a_session_is_free_again_when_no_memory_was_found_to_connect():
    session = Session()
    put = Connection.put
    with Broker() as broker:
        Connection.put = no_memory
        try:
            raised(MemoryError, broker.connect, clean=False, session=session)
        finally:
            Connection.put = put
        assert session.c is None
        broker.connect(clean=False, session=session)
        broker.until(lambda: broker.seen(EV_MQTT_OPEN))


class NoHost(Connection):
    """It finds no memory to keep its host's name."""

    @property
    def host(self):
        return None

    @host.setter
    def host(self, name):
        raise MemoryError


class NoMemory:
    """In the place of a Tls."""

    def connection_class(self, base, is_server):
        return NoHost


def test_a_connection_without_memory_for_its_host_ends_as_others_do():
    with Broker() as broker:
        events = []
        broker.mgr.connect("tls://127.0.0.1:%d" % broker.port, lambda c, ev, data, _: events.append(ev), None, NoMemory())
        broker.until(lambda: EV_CLOSE in events)
        assert events == [EV_OPEN, EV_RESOLVE, EV_ERROR, EV_CLOSE]
        assert broker.mgr.stats["no_memory"] == 1


def test_a_refusal_is_an_error():
    with Broker() as broker:
        c = broker.connect(connack(5))
        assert broker.seen(EV_ERROR) == ["refused by the broker: 0x05, not authorized"] and not broker.seen(EV_MQTT_OPEN)
        assert c.reason == 5 and broker.seen(EV_MQTT_CMD) == [(CONNACK, 0, 5, b"", False)]
        assert kinds(broker.events)[-2:] == [EV_ERROR, EV_CLOSE] and not c.publish("a")


def test_nothing_may_come_before_connack():
    for data in (publish("a"), packet(PINGRESP), ack(PUBACK, 1), connack(0, 1)):
        with Broker() as broker:
            broker.connect(data)
            assert broker.seen(EV_ERROR) == ["the broker's fault: 0x82"] and not broker.seen(EV_MQTT_OPEN, EV_MQTT_MSG)
            assert broker.take() == []


def test_a_second_connack_is_a_fault():
    with Broker() as broker:
        broker.connect()
        broker.send(connack())
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert broker.seen(EV_ERROR) == ["the broker's fault: 0x82"] and broker.take() == []


def test_publish_with_each_qos():
    with Broker() as broker:
        c = broker.connect()
        assert c.publish("a", b"0") is True
        assert c.publish("a", "1", 1) == 1
        assert c.publish("b", bytearray(b"2"), 2, True) == 2
        assert broker.take(3) == [of(publish("a", b"0")), of(publish("a", b"1", 1, 1)), of(publish("b", b"2", 2, 2, 1))]
        broker.events.clear()
        broker.send(ack(PUBREC, 2) + ack(PUBACK, 1))
        assert broker.take(1) == [(0x62, b"\0\2")]
        broker.send(ack(PUBREC, 2))
        assert broker.take(1) == [(0x62, b"\0\2")]
        assert len(c.session.outgoing) == 1
        broker.send(ack(PUBCOMP, 2))
        broker.until(lambda: len(broker.seen(EV_MQTT_CMD)) == 4)
        assert [data[:2] for data in broker.seen(EV_MQTT_CMD)] == [(PUBREC, 2), (PUBACK, 1), (PUBREC, 2), (PUBCOMP, 2)]
        assert not c.session.outgoing and c.publish("a", b"", 1) == 3


def test_what_can_not_be_published():
    with Broker() as broker:
        c = broker.connect()
        for args in (
            ("",),
            ("a/+",),
            ("a", b"", 3),
            ("a", b"", -1),
            ("a", "\ud800" if len("\ud800") == 1 else "", 4),
            ("a", b"", 0, 0, {"x": 1}),
        ):
            refused(c.publish, *args)
        refused(c.publish_begin, "a", 10, 2)
        refused(c.subscribe)
        refused(c.subscribe, "a/#/b")
        refused(c.subscribe, "a", qos=3)
        refused(c.subscribe, "a", no_local=True)
        refused(c.unsubscribe, "a#")
        refused(c.disconnect, 4)
        refused(c.auth, 0x18, {"authentication_method": "x"})
        refused(c.send, b"x")
        turns(broker.mgr, 3)
        assert broker.take() == []


def test_large_payloads_go_out():
    with Broker(recv_limit=200000) as broker:
        c = broker.connect()
        body = bytes(range(256)) * 12
        assert c.publish("a", body) is True and c.publish("b", bytearray(body), 1) == 1
        assert broker.take(2) == [of(publish("a", body)), of(publish("b", body, 1, 1))]


def test_so_many_messages_are_under_way_at_once():
    with Broker() as broker:
        c = broker.connect(inflight=3)
        assert [c.publish("a", b"", qos) for qos in (1, 2, 1, 1, 2)] == [1, 2, 3, False, False]
        assert c.publish("a")
        broker.send(ack(PUBACK, 3))
        broker.until(lambda: broker.seen(EV_MQTT_CMD)[-1][:2] == (PUBACK, 3))
        assert c.publish("a", b"", 1) == 4 and not c.publish("a", b"", 1)


def test_a_full_send_buffer_refuses():
    with Broker(send_limit=5000) as broker:
        c = broker.connect()
        broker.peer.is_full = True
        n = 0
        while c.publish("a", bytes(3000)):
            n += 1
        assert not c.publish("a", bytes(3000), 1) and not c.session.outgoing and c.session.has_room
        size = len(publish("a", bytes(3000)))
        broker.events.clear()
        total = [0]

        def serve(peer, ev, data, fn_data):
            if ev == EV_READ:
                total[0] += len(peer.recv.read())

        broker.peer.fn = serve
        broker.peer.is_full = False
        broker.until(lambda: broker.seen(EV_WRITE) and total[0] == n * size)
        assert c.publish("a", bytes(3000), 1) == 1


def test_messages_with_each_qos_come():
    with Broker() as broker:
        broker.connect()
        broker.send(publish("a", b"0", retain=1) + publish("b", b"1", 1, 7) + publish("c", b"2", 2, 8))
        assert broker.take(2) == [of(ack(PUBACK, 7)), of(ack(PUBREC, 8))]
        broker.send(publish("c", b"2", 2, 8, dup=1))
        assert broker.take(1) == [of(ack(PUBREC, 8))]
        broker.send(ack(PUBREL, 8) + ack(PUBREL, 8))
        assert broker.take(2) == [of(ack(PUBCOMP, 8))] * 2
        assert broker.seen(EV_MQTT_MSG) == [("a", b"0"), ("b", b"1"), ("c", b"2")]
        broker.send(publish("c", b"3", 2, 8))
        assert broker.take(1) == [of(ack(PUBREC, 8))]
        assert broker.seen(EV_MQTT_MSG)[3:] == [("c", b"3")]


def test_what_a_message_has():
    found = []
    with Broker() as broker:
        broker.on_event = lambda c, ev, msg: ev == EV_MQTT_MSG and found.append((msg.qos, msg.retain, msg.dup, msg.id, msg.properties))
        broker.connect()
        broker.send(publish("a", b"", 1, 9, 1, 1) + publish("a"))
        broker.until(lambda: len(found) == 2)
        assert found == [(1, True, True, 9, None), (0, False, False, 0, None)], found


def test_large_messages_come_in_pieces():
    body = bytes(range(250)) * 10
    found = []
    with Broker() as broker:
        broker.on_event = lambda c, ev, msg: ev == EV_MQTT_MSG and found.append((msg.at, len(msg.payload), msg.more, msg.length))
        broker.connect(message_limit=1000)
        broker.send(publish("a", body, 2, 7))
        assert broker.take(1) == [of(ack(PUBREC, 7))]
        assert found == [(0, 1000, True, 2500), (1000, 1000, True, 2500), (2000, 500, False, 2500)]
        assert b"".join([payload for _, payload in broker.seen(EV_MQTT_MSG)]) == body
        assert len(broker.seen(EV_MQTT_CMD)) == 2
        broker.send(publish("a", body, 2, 7, dup=1))
        assert broker.take(1) == [of(ack(PUBREC, 7))]
        assert len(broker.seen(EV_MQTT_MSG)) == 3


def test_a_message_is_sent_in_pieces():
    with Broker(recv_limit=100000) as broker:
        c = broker.connect()
        assert c.publish_begin("a", 3000, 1) == 1
        assert not c.publish("a") and not c.subscribe("a") and not c.ping() and not c.publish_begin("b", 1)
        broker.send(publish("x"))
        for _ in range(5):
            assert c.send(bytes(400))
        assert c.send("x" * 999)
        turns(broker.mgr, 3)
        assert not broker.seen(EV_MQTT_MSG)
        refused(c.send, b"xy")
        assert c.send(b"y")
        broker.until(lambda: broker.seen(EV_MQTT_MSG))
        assert broker.take(1) == [of(publish("a", bytes(2000) + b"x" * 999 + b"y", 1, 1))]
        refused(c.send, b"z")
        broker.send(ack(PUBACK, 1))
        broker.until(lambda: not c.session.outgoing)
        words = array("H", (1, 2, 3))  # whose len is not its number of bytes
        whole = bytes(memoryview(words))
        assert c.publish("a", words) and c.publish_begin("b", 6)
        refused(c.send, array("H", (1, 2, 3, 4)))
        assert c.send(words) and c.publish("c")
        assert broker.take(3) == [of(publish("a", whole)), of(publish("b", whole)), of(publish("c"))]
        broker.until(lambda: not c.session.outgoing)
        assert c.publish_begin("b", 0) and c.publish("c")
        assert broker.take(2) == [of(publish("b")), of(publish("c"))]


def test_subscribe_and_unsubscribe():
    with Broker() as broker:
        c = broker.connect()
        assert c.subscribe("a/#", ("b", 2), qos=1) == 1
        assert broker.take(1) == [of(packet(SUBSCRIBE, word(1) + string("a/#") + b"\1" + string("b") + b"\2"))]
        broker.send(ack(SUBACK, 1, b"\1\x80"))
        assert c.unsubscribe("a/#", "b") == 2
        assert broker.take(1) == [of(packet(UNSUBSCRIBE, word(2) + string("a/#") + string("b")))]
        broker.send(ack(UNSUBACK, 2))
        broker.until(lambda: len(broker.seen(EV_MQTT_CMD)) == 3)
        assert broker.seen(EV_MQTT_CMD)[1:] == [(SUBACK, 1, 0, b"\1\x80", False), (UNSUBACK, 2, 0, b"", False)]
        assert c.subscribe("a") == 3
        broker.send(ack(SUBACK, 3, b"\0\0"))  # one filter, two answers
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert broker.seen(EV_ERROR) == ["the broker's fault: 0x82"]


def test_keep_alive():
    with Broker() as broker:
        c = broker.connect(keep_alive_s=1)
        for _ in range(2):
            assert broker.take(1) == [(PINGREQ << 4, b"")]
            broker.send(packet(PINGRESP) + publish("a"))
        assert broker.take(1) == [(PINGREQ << 4, b"")]
        broker.send(publish("a"))  # this is no answer
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert broker.seen(EV_ERROR) == ["no PINGRESP within 1 s"] and broker.mgr.stats["timeouts"] == 1
        assert c.reason == 0


def test_a_large_message_may_delay_a_pingresp():
    with Broker() as broker:
        broker.connect(keep_alive_s=1, message_limit=100)
        data = publish("a", bytes(300))
        broker.send(data[:100])
        for at in range(100, 280, 20):
            start = ticks_ms()
            broker.until(lambda start=start: ticks_diff(ticks_ms(), start) > 250)
            broker.send(data[at : at + 20])
        assert broker.take(1) == [(PINGREQ << 4, b"")] and not broker.seen(EV_CLOSE)
        broker.until(lambda: broker.seen(EV_CLOSE))  # and now nothing comes any more
        assert broker.seen(EV_ERROR) == ["no PINGRESP within 1 s"]


def test_an_idle_client_makes_no_garbage():
    if not hasattr(gc, "mem_alloc"):
        raise Skip("CPython")
    with Broker() as broker:
        broker.connect()
        turns(broker.mgr, 5)
        gc.collect()
        before = gc.mem_alloc()
        turns(broker.mgr, 50)
        used = gc.mem_alloc() - before
        broker.c.is_closing = True
        broker.until(lambda: broker.seen(EV_CLOSE))
        turns(broker.mgr, 5)
        gc.collect()
        before = gc.mem_alloc()
        turns(broker.mgr, 50)
        assert used == gc.mem_alloc() - before


def test_an_idle_client_has_no_timer():
    with Broker() as broker:
        c = broker.connect(keep_alive_s=0)
        assert not c.wait and not broker.mgr.timers
        assert c.ping() and broker.take(1) == [(PINGREQ << 4, b"")]
        broker.send(packet(PINGRESP))
        broker.until(lambda: broker.seen(EV_MQTT_CMD)[-1][0] == PINGRESP)
        assert not c.wait
        c = broker.connect(keep_alive_s=60)
        assert c.wait == 45000 and not broker.mgr.poll_events


def test_a_broker_that_does_not_answer():
    with Broker(connect_ms=200) as broker:
        broker.connect(False)
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert broker.seen(EV_ERROR) == ["timeout: no CONNACK"]


def test_a_paused_program_is_not_held_against_the_broker():
    with Broker() as broker:
        c = broker.connect(keep_alive_s=1)
        c.is_full = True
        for _ in range(3):
            assert broker.take(1) == [(PINGREQ << 4, b"")]
            broker.send(packet(PINGRESP) + publish("a"))
        assert not broker.seen(EV_MQTT_MSG)
        c.is_full = False
        broker.until(lambda: len(broker.seen(EV_MQTT_MSG)) == 3)
        assert not broker.seen(EV_CLOSE)


def test_acknowledgements_are_held_and_come_in_order():
    held = []

    def hold(c, ev, msg):
        if ev == EV_MQTT_MSG and msg.topic == "slow":
            msg.hold()
            held.append(msg)

    with Broker() as broker:
        broker.on_event = hold
        broker.connect()
        broker.send(publish("slow", b"1", 1, 1) + publish("slow", b"2", 2, 2) + publish("fast", b"3", 1, 3) + publish("fast", b"4"))
        broker.until(lambda: len(broker.seen(EV_MQTT_MSG)) == 4)
        turns(broker.mgr, 2)
        held[1].ack()
        turns(broker.mgr, 2)
        assert broker.take() == []
        held[0].ack()
        held[0].ack()
        assert broker.take(3) == [of(ack(PUBACK, 1)), of(ack(PUBREC, 2)), of(ack(PUBACK, 3))]
        turns(broker.mgr, 3)
        assert broker.take() == []


def test_a_message_held_over_a_new_connection():
    for qos, answer in ((1, PUBACK), (2, PUBREC)):
        check_held(qos, answer)


def check_held(qos, answer):
    held = []

    def hold(c, ev, msg):
        if ev == EV_MQTT_MSG:
            msg.hold()
            held.append(msg)

    session = Session()
    with Broker() as broker:
        broker.on_event = hold
        broker.connect(clean=False, session=session)
        broker.send(publish("a", b"1", qos, 5) + publish("a", b"2", qos, 6))
        broker.until(lambda: len(held) == 2)
        broker.peer.is_closing = True
        broker.until(lambda: broker.seen(EV_CLOSE))
        held[1].ack()
        broker.connect(connack(0, 1), clean=False, session=session)
        broker.send(publish("a", b"1", qos, 5, dup=1) + publish("a", b"2", qos, 6, dup=1))
        turns(broker.mgr, 5)
        assert broker.take() == [] and len(held) == 2
        held[0].ack()
        assert broker.take(2) == [of(ack(answer, 5)), of(ack(answer, 6))]
        broker.send(publish("a", b"3", 1, 7))
        broker.until(lambda: len(held) == 3)
        broker.peer.is_closing = True
        broker.until(lambda: len(broker.seen(EV_CLOSE)) == 2)
        broker.connect(clean=False, session=session)  # the broker has lost the session
        held[2].ack()
        broker.send(publish("a", b"4", qos, 7))
        broker.until(lambda: len(held) == 4)
        turns(broker.mgr, 3)
        assert broker.take() == []


def test_a_handler_that_fails_gets_the_message_again():
    for qos in (1, 2):
        check_failing(qos)


def check_failing(qos):
    failures = [1]

    def fail(c, ev, msg):
        if ev == EV_MQTT_MSG and failures:
            failures.pop()
            raise KeyError("in a handler")

    session = Session()
    with Broker() as broker:
        broker.mgr.prints = 1000
        broker.on_event = fail
        broker.connect(clean=False, session=session)
        broker.send(publish("a", b"1", qos, 5))
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert broker.mgr.stats["bugs"] == 1 and not session.received and not session.late and broker.take() == []
        broker.connect(connack(0, 1), clean=False, session=session)
        broker.send(publish("a", b"1", qos, 5, dup=1))
        assert broker.take(1) == [of(ack(PUBACK if qos == 1 else PUBREC, 5))]
        assert broker.seen(EV_MQTT_MSG) == [("a", b"1")] * 2


def test_a_session_goes_on_after_a_new_connection():
    session = Session()
    with Broker() as broker:
        c = broker.connect(clean=False, session=session)
        for n in range(4):
            assert c.publish("a", b"%d" % n, 1 + n % 2) == n + 1
        broker.take(4)
        raised(ValueError, broker.mgr.mqtt_connect, "mqtt://127.0.0.1:%d" % broker.port, None, session=session)
        broker.send(ack(PUBREC, 2))
        assert broker.take(1) == [(0x62, b"\0\2")]
        broker.peer.is_closing = True
        broker.until(lambda: broker.seen(EV_CLOSE))
        broker.connect(False, clean=False, session=session)
        broker.take(1)
        broker.send(connack(0, 1))
        again = [of(publish("a", b"%d" % n, 1 + n % 2, n + 1, dup=1)) for n in range(4)]
        again[1] = (0x62, b"\0\2")
        assert broker.take(4) == again
        assert broker.c.publish("a", b"4", 1) == 5 and broker.take(1) == [of(publish("a", b"4", 1, 5))]
        broker.peer.is_closing = True
        broker.until(lambda: len(broker.seen(EV_CLOSE)) == 2)
        broker.connect(False, clean=False, session=session)  # and now the broker has lost it
        broker.take(1)
        broker.send(connack())
        assert broker.take(4) == [of(publish("a", b"%d" % n, 1 + n % 2, n + 1)) for n in (0, 2, 3, 4)]


def test_an_acknowledgement_of_another_kind_is_a_fault():
    for qos, data in ((1, ack(PUBREC, 1)), (1, ack(PUBCOMP, 1)), (2, ack(PUBACK, 1)), (2, ack(PUBCOMP, 1))):
        with Broker() as broker:
            c = broker.connect()
            assert c.publish("a", b"", qos) == 1
            broker.send(data)
            broker.until(lambda: broker.seen(EV_CLOSE))
            assert broker.seen(EV_ERROR) == ["the broker's fault: 0x82"]
            assert len(c.session.outgoing) == 1


def no_memory(c, data):
    raise MemoryError


def test_a_message_that_finds_no_memory_on_its_way_is_not_lost():
    session = Session()
    with Broker() as broker:
        c = broker.connect(clean=False, session=session)
        put = Connection.put
        try:
            Connection.put = no_memory
            assert c.publish("a", b"x", 1) == 1 and not c.publish("a", b"y")
        finally:
            Connection.put = put
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert broker.seen(EV_ERROR) == ["no memory"] and broker.mgr.stats["no_memory"] == 1
        broker.connect(connack(0, 1), clean=False, session=session)
        assert broker.take(1) == [of(publish("a", b"x", 1, 1, dup=1))]


def test_a_link_that_breaks_is_told():
    with Broker() as broker:
        c = broker.connect()
        broker.peer.is_closing = True
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert broker.seen(EV_ERROR) == ["closed by the broker"] and not c.publish("a") and not c.disconnect()


def test_a_handler_may_close_in_any_event():
    for kind in (EV_OPEN, EV_CONNECT, EV_MQTT_OPEN, EV_MQTT_MSG, EV_MQTT_CMD):
        check_closing(kind)


def check_closing(kind):
    with Broker() as broker:

        def close(c, ev, data):
            if ev == kind:
                c.is_closing = True

        broker.on_event = close
        n = len(broker.mgr.conns)
        c = broker.mgr.mqtt_connect("mqtt://127.0.0.1:%d" % broker.port, broker.handler)
        for data in (connack(), publish("a") + publish("b")):
            if kind > EV_CONNECT:
                broker.until(lambda: broker.peers)
                broker.send(data)
            turns(broker.mgr, 20)
        broker.until(lambda: broker.seen(EV_CLOSE))
        assert len(broker.seen(EV_MQTT_MSG)) == (kind == EV_MQTT_MSG) and not broker.seen(EV_ERROR), (kind, broker.events)
        assert c.session.c is None
        broker.until(lambda: len(broker.mgr.conns) == n)


def test_without_a_handler():
    with Broker() as broker:
        c = broker.mgr.mqtt_connect("mqtt://127.0.0.1:%d" % broker.port, None)
        broker.until(lambda: broker.peers)
        broker.send(connack() + publish("a", b"", 1, 1))
        assert broker.take(2)[1] == of(ack(PUBACK, 1))
        assert c.publish("a")


def test_publish_is_a_packet():
    assert of(publish("a", b"xy", 1, 2)) == (PUBLISH << 4 | 2, b"\0\1a\0\2xy")


class Writes(list):
    """`with Writes() as writes`: the bytes of each write to an MQTT connection's socket."""

    def __enter__(self):
        plain = MqttConnection.write

        def write(c, data, at, n):
            self.append(bytes(data[at : at + n]))
            return plain(c, data, at, n)

        MqttConnection.write = write
        return self

    def __exit__(self, *_):
        del MqttConnection.write


def test_what_is_sent_for_what_has_come_goes_out_together_and_in_its_order():
    with Broker() as broker:
        c = broker.connect()
        large = b"x" * 1390

        def answer(c, ev, data):
            if ev == EV_MQTT_MSG:
                c.publish("b", data.payload)
                c.publish("a", large if data.payload == b"2" else "")

        broker.on_event = answer
        with Writes() as writes:
            broker.send(b"".join(publish("in", b"%d" % i, 1, i + 1) for i in range(4)))
            expected = []
            for i in range(4):
                expected += ((0x30, string("b") + b"%d" % i), (0x30, string("a") + (large if i == 2 else b"")), (0x40, word(i + 1)))
            assert broker.take(12) == expected
            assert len(writes) == 3, writes  # before the large one, it, and after it
            del writes[:]
            c.publish("c", "1")  # nothing has come: at once
            assert writes == [publish("c", b"1")]


def test_what_a_handler_has_sent_goes_out_however_it_closes_then():
    for how in ("is_draining", "disconnect", "is_closing"):
        with Broker() as broker:
            c = broker.connect()

            def answer(c, ev, data, how=how):
                if ev == EV_MQTT_MSG:
                    assert c.publish("b", "1") and c.publish("b", "2", 1) == 1
                    if how == "disconnect":
                        c.disconnect()
                    else:
                        setattr(c, how, True)

            broker.on_event = answer
            broker.send(publish("in", b"", 1, 9))
            broker.until(lambda: broker.seen(EV_CLOSE))
            sent = [(0x30, string("b") + b"1"), (0x32, string("b") + word(1) + b"2")]
            sent += [(0xE0, b"")] if how == "disconnect" else []
            assert broker.take(len(sent)) == sent, how
            assert not c.publish("b", "3")


def test_each_topic_is_its_own_whatever_was_published_before():
    with Broker() as broker:
        c = broker.connect()
        for topic in ("a", "b/c", "b/c", "a"):
            assert c.publish(topic, "1")
            for wrong in ("", None, "a/#", "a\0"):
                raised((ValueError, AttributeError), c.publish, wrong, "1")
        assert [body for _, body in broker.take(4)] == [string(topic) + b"1" for topic in ("a", "b/c", "b/c", "a")]
