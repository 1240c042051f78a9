# The everyday client, against a broker that a test plays by hand: see mqttwire.py. host_tests/test_mqtt_everyday.py has real brokers.

import errno
import sys
import time

from mqttwire import PUBACK, PUBCOMP, PUBREC, SUBACK, Net, client, connected, payloads
from mungo.mqtt.patterns import Pattern
from raising import raised
from waiting import Crew, turns, until

MIN_HEAP = "256k"  # (the tests themselves take much of it; test_mqtt_everyday.py has a client that is alone in 192 KB)


def next_wire(mgr, mqtt):
    """Let the client's pause pass, and have it connect again."""
    n = len(mgr.wires)
    mqtt.retry_at = time.ticks_ms()
    mqtt.look_again(1)
    until(lambda: len(mgr.wires) > n, mgr)
    return mgr.wires[-1]


# --- publishing


def test_what_is_published_before_the_connection_waits_for_it_in_order():
    with Net() as mgr:
        mqtt = client()
        done = []
        mqtt.publish("a", "1", on_done=lambda er: done.append(("a", er)))
        mqtt.attach(mgr)
        mqtt.publish("b", b"2", 1, True, on_done=lambda er: done.append(("b", er)))
        mqtt.publish("c", None, 2, on_done=lambda er: done.append(("c", er)))
        mqtt.publish("d", {"x": [1, 2.5, None]})
        mqtt.publish("e", 21.5)
        mqtt.publish("f", True)
        turns(mgr, 3)
        wire = mgr.wires[0]
        assert not wire.published and not done
        wire.accept()
        said = wire.published
        assert [one[0] for one in said] == ["a", "b", "c", "d", "e", "f"]
        assert [one[1] for one in said][:3] == [b"1", b"2", b""]
        assert [one[1].replace(b" ", b"") for one in said][3:] == [b'{"x":[1,2.5,null]}', b"21.5", b"true"]
        assert said[0][2:4] == (0, False) and said[1][2:4] == (1, True) and said[2][2] == 2
        turns(mgr, 2)
        assert done == [("a", None)]
        wire.acknowledge(PUBREC, 2)
        wire.acknowledge(PUBCOMP, 2)
        wire.acknowledge(PUBACK, 1)
        wire.acknowledge(PUBACK, 1)
        wire.acknowledge(PUBACK, 99)
        turns(mgr, 2)
        assert done == [("a", None), ("c", None), ("b", None)]
        assert mqtt.stats["published"] == 6 and not mqtt.under_way


def test_on_done_never_comes_inside_publish():
    with Net() as mgr:
        mqtt = client()
        connected(mgr, mqtt)
        inside = []
        done = []
        for _ in range(3):
            inside.append(1)
            mqtt.publish("a", "x", on_done=lambda er: done.append(len(inside)))
            inside.pop()
        assert not done
        turns(mgr, 2)
        assert done == [0, 0, 0]


def test_what_the_broker_refuses_is_told():
    with Net() as mgr:
        mqtt = client(version=5)
        wire = connected(mgr, mqtt)
        done = []
        mqtt.publish("a", "x", 1, on_done=done.append)
        mqtt.publish("b", "x", 2, on_done=done.append)
        wire.acknowledge(PUBACK, 1, 0x87)
        wire.acknowledge(PUBREC, 2, 0x97)
        turns(mgr, 2)
        assert [er.errno for er in done] == [errno.EIO] * 2 and "0x87" in str(done[0]) and "0x97" in str(done[1])
        assert mqtt.stats["refused"] == 2
        assert "refused: a: reason 0x87" in mqtt.log.lines[-2]


def test_what_can_not_be_published_is_the_callers_error():
    mqtt = client()
    for topic, payload, qos, properties in (
        ("", "x", 0, {}),
        ("a/+", "x", 0, {}),
        ("a/#", "x", 0, {}),
        ("a\0", "x", 0, {}),
        ("a", "x", 3, {}),
        ("a", "x", "1", {}),
        ("a", "x", 0, {"content_type": "text/plain"}),
    ):
        raised(ValueError, mqtt.publish, topic, payload, qos, **properties)
    raised(TypeError, mqtt.publish, "a", object())
    raised(TypeError, mqtt.publish, "a", {1, 2})
    five = client(version=5)
    raised(ValueError, five.publish, "a", "x", no_such_property=1)
    raised(ValueError, five.publish, "a", "x", message_expiry_interval=-1)
    assert five.publish("a", "x", message_expiry_interval=60)
    raised(ValueError, client, drop="all")
    assert not mqtt.outbox.count


def test_a_full_outbox_drops_the_oldest():
    with Net() as mgr:
        mqtt = client(outbox=4)
        done = []
        for i in range(8):
            assert mqtt.publish("a", str(i), on_done=lambda er, i=i: done.append((i, er and er.errno)))
        assert mqtt.stats["dropped"] == 4  # then as many on_done wait, and new ones are not taken
        assert not mqtt.publish("a", "x")
        wire = connected(mgr, mqtt)
        turns(mgr, 3)
        assert payloads(wire) == [b"4", b"5", b"6", b"7"]
        assert sorted(done) == [(i, errno.ENOBUFS if i < 4 else None) for i in range(8)]


def test_a_full_outbox_drops_the_newest_if_that_is_wanted():
    with Net() as mgr:
        mqtt = client(outbox_bytes=30, drop="newest")
        done = []
        taken = [mqtt.publish("a", str(i) * 10, on_done=done.append) for i in range(5)]
        assert taken == [True, True, True, False, False] and mqtt.stats["dropped"] == 2
        wire = connected(mgr, mqtt)
        turns(mgr, 3)
        assert payloads(wire) == [b"0" * 10, b"1" * 10, b"2" * 10] and done == [None] * 3


def test_what_the_connection_does_not_take_now_keeps_its_place():
    with Net() as mgr:
        mqtt = client()
        wire = connected(mgr, mqtt)
        wire.room = 2
        for i in range(4):
            mqtt.publish("a", str(i), 1)
        mqtt.publish("a", "4", 0)
        assert payloads(wire) == [b"0", b"1"]
        wire.room = 1
        wire.acknowledge(PUBACK, 1)
        assert payloads(wire) == [b"0", b"1", b"2"]
        wire.room = 9
        wire.acknowledge(PUBACK, 2)
        assert payloads(wire) == [b"0", b"1", b"2", b"3", b"4"]


def test_threads_publish_and_each_ones_messages_keep_their_order():
    with Net() as mgr:
        mqtt = client(outbox=8, drop="newest")
        wire = connected(mgr, mqtt)
        crew = Crew()
        done = []

        def work(name):
            for i in range(20):
                while not mqtt.publish(name, str(i), i & 1, on_done=done.append):
                    time.sleep_ms(1)

        for name in ("a", "b", "c"):
            crew.start(work, name)
        crew.join(mgr)
        until(lambda: len(wire.published) == 60, mgr)
        for name in ("a", "b", "c"):
            assert [int(one[1]) for one in wire.published if one[0] == name] == list(range(20))
        for one in wire.published:
            if one[2]:
                wire.acknowledge(PUBACK, one[4])
        until(lambda: len(done) == 60, mgr)
        assert done == [None] * 60


# --- what comes


def test_messages_find_their_handlers_by_the_pattern():
    with Net() as mgr:
        mqtt = client(version=5)
        got = []

        @mqtt.on("greenhouse/<int:house>/valve/<name>/set", qos=1)
        def valve(msg, house, name):
            got.append((house, name, msg.payload, msg.qos, msg.text))

        @mqtt.on("greenhouse/<path:rest>")
        def any(msg, rest):
            got.append((rest, msg.json))

        wire = connected(mgr, mqtt)
        assert [(one[0], one[1]["qos"]) for one in wire.subscribed] == [("greenhouse/+/valve/+/set", 1), ("greenhouse/#", 0)]
        assert wire.bring("greenhouse/7/valve/left/set", b"12", 1, 5).given == 0
        assert got == [(7, "left", b"12", 1, "12"), ("7/valve/left/set", 12)]
        wire.bring("greenhouse/x/valve/left/set", b"[1]")
        assert got[2:] == [("x/valve/left/set", [1])]
        wire.bring("other", b"")
        assert mqtt.stats["unhandled"] == 1 and mqtt.stats["received"] == 3


def test_wildcards_find_no_topic_of_the_brokers_own():
    for text in ("<a>/x", "+/x", "<path:a>", "#", "+/<a>"):
        assert Pattern(text).match("$SYS/x") is None and Pattern(text).match("SYS/x") is not None, text
    assert Pattern("$SYS/<a>").match("$SYS/x") == {"a": "x"}


def test_a_message_for_each_pattern_is_handled_once_for_each():
    with Net() as mgr:
        mqtt = client(version=5)
        got = []
        mqtt.on("a/<x>", qos=1)(lambda msg, x: got.append(x))
        mqtt.on("a/#", no_local=True)(lambda msg: got.append("all"))
        mqtt.on("b", properties={"user_property": [("x", "y")]})(lambda msg: got.append("b"))
        wire = connected(mgr, mqtt)
        assert [one[1]["properties"] for one in wire.subscribed] == [
            {"subscription_identifier": 1},
            {"subscription_identifier": 2},
            {"subscription_identifier": 3, "user_property": [("x", "y")]},
        ]
        assert wire.subscribed[1][1]["no_local"]
        wire.bring("a/1", properties={"subscription_identifier": [2]})
        wire.bring("a/1", properties={"subscription_identifier": [1]})
        assert got == ["all", "1"]
        wire.bring("a/2", properties={"subscription_identifier": [1, 2]})
        wire.bring("a/3", properties={})
        assert got[2:] == ["2", "all", "3", "all"]
        wire.bring("b", properties={"subscription_identifier": [1]})  # of a program that was here before
        assert mqtt.stats["unhandled"] == 1
        wire.error("lost")
        turns(mgr, 1)
        wire = next_wire(mgr, mqtt)
        wire.five = Plain
        wire.accept()
        assert "properties" not in wire.subscribed[0][1]


class Plain:
    broker = {"subscription_identifier_available": 0}


def test_a_handler_that_raises_is_counted_and_its_message_acknowledged():
    with Net() as mgr:
        mqtt = client()
        got = []
        mqtt.on("a", qos=2)(lambda msg: {}["x"])
        mqtt.on("+")(lambda msg: got.append(msg.topic))
        wire = connected(mgr, mqtt)
        assert wire.bring("a", b"", 2, 1).given == 0
        assert got == ["a"] and mqtt.stats["errors"] == 1 and mgr.stats["bugs"] == 1 and mqtt.is_connected


def test_a_message_may_be_answered():
    with Net() as mgr:
        mqtt = client(version=5)
        errors = []

        @mqtt.on("ask")
        def ask(msg):
            try:
                msg.reply({"is": msg.json}, qos=1)
            except ValueError as er:
                errors.append(str(er))

        wire = connected(mgr, mqtt)
        wire.bring("ask", b"1", properties={"response_topic": "back", "correlation_data": b"\1\2"})
        wire.bring("ask", b"1", properties={})
        topic, payload, qos, retain, id, properties = wire.published[0]
        assert (topic, payload.replace(b" ", b""), qos) == ("back", b'{"is":1}', 1) and properties == {"correlation_data": b"\1\2"}
        assert len(wire.published) == 1 and "response topic" in errors[0]


def test_a_handler_in_the_loop_may_acknowledge_later():
    with Net() as mgr:
        mqtt = client()
        held = []

        @mqtt.on("a", qos=1)
        def later(msg):
            msg.message.hold()
            held.append(msg.message)

        wire = connected(mgr, mqtt)
        receipt = wire.bring("a", b"1", 1, 1)
        assert receipt.is_held and receipt.given is None
        held[0].ack()
        assert receipt.given == 0
        assert wire.bring("b", b"1", 1, 1).given == 0


def test_a_publication_knows_the_reason_of_its_acknowledgement():
    from mungo.mqtt.outbox import Publication

    with Net() as mgr:
        mqtt = client(version=5)
        wire = connected(mgr, mqtt)
        done = []
        one = Publication("a", "x", 1, False, done.append, {"message_expiry_interval": 5})
        assert mqtt.outbox.put(one) and one.reason == 0
        mqtt.pump()
        wire.acknowledge(PUBACK, 1, 0x10)
        turns(mgr, 2)
        assert done == [None] and one.reason == 0x10


def test_a_subscription_that_is_not_wanted_is_not_renewed_and_keeps_its_handler():
    with Net() as mgr:
        mqtt = client()
        got = []
        mqtt.on("a/<x>", qos=1)(lambda msg, x: got.append(x))
        mqtt.on("b")(print)
        wire = connected(mgr, mqtt)
        first = mqtt.subscriptions.all[0]
        first.is_wanted = False
        assert wire.bring("a/late", b"", 1, 1).given == 0 and got == ["late"]
        wire.error("lost")
        turns(mgr, 1)
        wire = next_wire(mgr, mqtt)
        wire.accept(False)
        assert [one[0] for one in wire.subscribed] == ["b"]
        mqtt.subscriptions.want(first)
        mqtt.pump()
        assert [one[0] for one in wire.subscribed] == ["b", "a/+"]


def test_a_pattern_that_is_added_later_is_subscribed_at_once():
    with Net() as mgr:
        mqtt = client()
        wire = connected(mgr, mqtt)
        mqtt.on("a")(print)
        assert [one[0] for one in wire.subscribed] == ["a"]
        raised(ValueError, mqtt.on("a/#/b"), print)
        assert len(mqtt.subscriptions.all) == 1


def test_a_subscription_that_is_refused_is_told():
    with Net() as mgr:
        mqtt = client()
        mqtt.on("a/<x>")(print)
        mqtt.on("b")(print)
        wire = connected(mgr, mqtt)
        wire.acknowledge(SUBACK, 1, 0, b"\x80")
        wire.acknowledge(SUBACK, 2, 0, b"\0")
        wire.acknowledge(SUBACK, 3, 0, b"\0")
        assert mqtt.stats["refused"] == 1 and "refused: subscription a/+: 0x80" in mqtt.log.lines[-1]


def test_a_subscription_that_a_broker_can_not_take_is_told_and_the_others_are_made():
    with Net() as mgr:
        mqtt = client(version=5)
        mqtt.on("a")(print)
        mqtt.on("b")(print)
        mqtt.attach(mgr)
        mgr.wires[0].failures = [ValueError("too large")]
        mgr.wires[0].accept()
        turns(mgr, 2)
        assert [one[0] for one in mgr.wires[0].subscribed] == ["b"] and mqtt.stats["refused"] == 1
        assert "refused: subscription a: too large" in mqtt.log.lines[0]


def test_what_is_too_large_is_counted():
    with Net() as mgr:
        mqtt = client()
        got = []
        mqtt.on("a")(got.append)
        connected(mgr, mqtt)
        from mungo.mqtt.packets import Message

        msg = Message("a", 0, 30)
        for at in (0, 10, 20):
            msg.at = at
            msg.more = at < 20
            msg.payload = b"0123456789"
            mqtt.route(msg)
        assert not got and mqtt.stats["received"] == mqtt.stats["unhandled"] == 1


# --- handlers in workers


class Gate:
    """Handlers that wait until they may return."""

    def __init__(self):
        import _thread

        self.lock = _thread.allocate_lock()
        self.running = []
        self.open = []
        self.done = []

    def handler(self, msg, **values):
        name = msg.text
        with self.lock:
            self.running.append(name)
        start = time.ticks_ms()
        while True:
            with self.lock:
                if name in self.open or "all" in self.open:
                    self.running.remove(name)
                    self.done.append(name)
                    return
            assert time.ticks_diff(time.ticks_ms(), start) < 20000
            time.sleep_ms(1)

    def let(self, name):
        with self.lock:
            self.open.append(name)

    def is_running(self, *names):
        with self.lock:
            return sorted(self.running) == sorted(names)


def test_a_worker_acknowledges_when_it_has_returned_and_the_loop_goes_on():
    with Net() as mgr:
        mgr.workers(n=3)
        mqtt = client()
        gate = Gate()
        got = []
        mqtt.on("slow/<name>", qos=1, worker=True)(gate.handler)
        mqtt.on("fast", qos=1)(lambda msg: got.append(msg.payload))
        wire = connected(mgr, mqtt)
        first = wire.bring("slow/a", b"a1", 1, 1)
        until(lambda: gate.is_running("a1"), mgr)
        second = wire.bring("slow/a", b"a2", 1, 2)
        third = wire.bring("slow/b", b"b1", 1, 3)
        fourth = wire.bring("slow/c", b"c1", 1, 4)
        assert wire.bring("fast", b"x", 1, 5).given == 0 and got == [b"x"]
        until(lambda: gate.is_running("a1", "b1"), mgr)  # a2 waits for a1, and one thread is left to others
        turns(mgr, 5)
        assert gate.is_running("a1", "b1") and first.given is None and third.given is None
        gate.let("b1")
        until(lambda: third.given == 0, mgr)
        until(lambda: gate.is_running("a1", "c1"), mgr)
        gate.let("a1")
        until(lambda: first.given == 0, mgr)
        until(lambda: gate.is_running("a2", "c1"), mgr)
        assert second.given is None
        gate.let("all")
        until(lambda: second.given == 0 and fourth.given == 0, mgr)
        assert gate.done.index("a1") < gate.done.index("a2")
        assert not mqtt.workers.waiting and not mqtt.workers.running and not mqtt.stats["errors"]


def test_of_qos_0_as_many_wait_for_a_worker_as_may_wait_of_the_others():
    with Net() as mgr:
        mgr.workers(n=1)
        mqtt = client(receive_maximum=3)
        gate = Gate()
        mqtt.on("slow", worker=True)(gate.handler)
        wire = connected(mgr, mqtt)
        for i in range(8):
            wire.bring("slow", b"%d" % i)
        assert mqtt.stats["dropped"] == 4
        gate.let("all")
        until(lambda: len(gate.done) == 4, mgr)
        assert gate.done == ["0", "1", "2", "3"]


def test_a_pool_that_others_have_filled_is_tried_again():
    with Net() as mgr:
        pool = mgr.workers(n=1, queue=1)
        gate = Gate()
        others = []

        def job():
            class msg:
                text = "other"

            gate.handler(msg)

        pool.submit(job, on_done=lambda *result: others.append(result))
        until(lambda: gate.is_running("other"), mgr)
        pool.submit(job, on_done=lambda *result: others.append(result))
        mqtt = client()
        mqtt.on("slow", qos=1, worker=True)(gate.handler)
        wire = connected(mgr, mqtt)
        receipt = wire.bring("slow", b"x", 1, 1)
        turns(mgr, 5)
        assert receipt.given is None and mqtt.workers.waiting
        gate.let("all")
        until(lambda: receipt.given == 0, mgr)
        assert len(others) == 2


def test_a_worker_that_raises_acknowledges_too():
    with Net() as mgr:
        mqtt = client()
        mqtt.on("slow", qos=1, worker=True)(lambda msg: {}["x"])
        wire = connected(mgr, mqtt)
        receipt = wire.bring("slow", b"x", 1, 1)
        until(lambda: receipt.given == 0, mgr)
        assert mqtt.stats["errors"] == 1


def test_a_message_with_several_handlers_waits_for_all():
    with Net() as mgr:
        mgr.workers(n=4)
        mqtt = client()
        gate = Gate()
        mqtt.on("slow", qos=1, worker=True)(gate.handler)
        mqtt.on("+", qos=1, worker=True)(gate.handler)
        wire = connected(mgr, mqtt)
        receipt = wire.bring("slow", b"x", 1, 1)
        gate.let("all")
        until(lambda: receipt.given == 0, mgr)
        assert gate.done == ["x", "x"]


def test_an_acknowledgement_that_fails_is_given_later_and_the_workers_go_on():
    """There is no memory for it, or another thread uses the flash, on which a session has to be saved first."""
    with Net() as mgr:
        mqtt = client(receive_maximum=1)
        mqtt.on("+", qos=1, worker=True)(lambda msg: None)
        wire = connected(mgr, mqtt)
        for error in (MemoryError(), OSError(errno.EAGAIN)):
            receipts = []
            for id in (1, 2, 3, 4):
                receipts.append(wire.bring("a", b"x", 1, id, failures=[error] * 2))
            assert wire.is_full
            until(lambda receipts=receipts: all(receipt.given == 0 for receipt in receipts), mgr)
            assert not wire.is_full and not mqtt.workers.running and not mqtt.workers.waiting
        assert mgr.stats["bugs"] == 0 and not wire.is_closing


class NoMemory:
    """In the place of a pool: it takes a job each second time."""

    n = 2

    def __init__(self):
        self.jobs = []
        self.calls = 0

    def submit(self, fn, on_done, timeout_ms):
        self.calls += 1
        if self.calls & 1:
            raise MemoryError
        self.jobs.append((fn, on_done))


def test_a_job_that_finds_no_memory_is_started_later_and_once():
    with Net() as mgr:
        mqtt = client()
        handled = []
        mqtt.on("+", qos=1, worker=True)(lambda msg: handled.append(msg.topic))
        wire = connected(mgr, mqtt)
        pool = NoMemory()
        mgr.workers = lambda **_: pool
        receipts = [wire.bring(topic, b"x", 1, id) for id, topic in ((1, "a"), (2, "b"), (3, "a"))]
        for _ in range(3):
            until(lambda: pool.jobs, mgr)
            fn, on_done = pool.jobs.pop()
            fn()
            on_done(None, None)
        assert handled == ["a", "b", "a"] and [receipt.given for receipt in receipts] == [0, 0, 0]
        assert not mqtt.workers.running and not mqtt.workers.waiting and not wire.is_closing
        del mgr.workers


def test_a_message_that_can_not_be_held_has_no_handler_called():
    with Net() as mgr:
        mqtt = client()
        handled = []
        mqtt.on("a", qos=1, worker=True)(lambda msg: handled.append(1))
        mqtt.on("a", qos=1)(lambda msg: handled.append(2))
        wire = connected(mgr, mqtt)
        wire.bring("a", b"x", 1, 1, cannot_hold=True)
        turns(mgr, 3)
        assert not handled and not mqtt.workers.waiting and not mqtt.workers.running and wire.is_closing  # and it comes again


def test_a_worker_may_publish_and_reply():
    with Net() as mgr:
        mqtt = client()
        mqtt.on("ask/<name>", qos=1, worker=True)(lambda msg, name: mqtt.publish("answer/" + name, msg.payload, 1))
        wire = connected(mgr, mqtt)
        receipt = wire.bring("ask/a", b"x", 1, 1)
        until(lambda: receipt.given == 0 and wire.published, mgr)
        assert wire.published[0][:3] == ("answer/a", b"x", 1)


# --- the connection


def test_it_connects_again_and_waits_longer_each_time():
    with Net() as mgr:
        mqtt = client()
        mqtt.attach(mgr)
        longest = []
        for i in range(9):
            most = 0
            for _ in range(30):
                mqtt.attempts = i
                most = max(most, mqtt.back_off(0))
            longest.append(most)
        assert longest == sorted(longest[:6]) + longest[6:] and longest[0] <= 1000 < longest[2]
        assert 30000 < longest[7] <= 60000 and 30000 < longest[8] <= 60000
        mqtt.attempts = 0
        mgr.wires[0].error("no broker")
        turns(mgr, 1)
        assert mqtt.stats["state"] == "waiting" and mqtt.stats["error"] == "no broker" and mqtt.stats["failures"] == 1
        assert "no broker" in mqtt.log.lines[-1]
        until(lambda: len(mgr.wires) == 2, mgr)  # by itself
        mgr.wires[1].accept()
        assert mqtt.stats["state"] == "connected" and mqtt.stats["error"] is None and "connected" in mqtt.log.lines[-1]


def test_no_route_is_tried_again_too():
    with Net() as mgr:
        mgr.fails = OSError(113)
        mqtt = client()
        mqtt.attach(mgr)
        assert mqtt.stats["state"] == "waiting" and "113" in mqtt.stats["error"]
        mgr.fails = None
        until(lambda: mgr.wires, mgr)
        mgr.wires[0].accept()
        assert mqtt.is_connected


def test_a_wrong_url_is_the_callers_error():
    with Net() as mgr:
        mgr.fails = ValueError("url")
        mqtt = client()
        raised(ValueError, mqtt.attach, mgr)
        turns(mgr, 2)
        assert mqtt.mgr is None and not mgr.conns
        mgr.fails = None
        mqtt.attach(mgr)  # it can be repaired
        raised(ValueError, mqtt.attach, mgr)


def test_no_memory_after_a_loss_delays_the_next_attempt_and_no_more():
    with Net() as mgr:
        mqtt = client()
        wire = connected(mgr, mqtt)

        def back_off(reason):
            raise MemoryError

        mqtt.back_off = back_off
        wire.error("lost")
        turns(mgr, 2)
        del mqtt.back_off
        assert mqtt.stats["state"] == "waiting" and mqtt.c is None
        until(lambda: len(mgr.wires) > 1, mgr)
        mgr.wires[1].accept()
        assert mqtt.publish("a", "1") and payloads(mgr.wires[1]) == [b"1"]


def test_a_message_that_finds_no_memory_keeps_its_place_and_is_not_the_callers_error():
    with Net() as mgr:
        mqtt = client()
        wire = connected(mgr, mqtt)
        done = []
        wire.failures = [MemoryError()] * 2
        for i in range(3):
            assert mqtt.publish("a", str(i), 1, on_done=done.append)
        assert not mqtt.under_way or wire.published
        until(lambda: len(wire.published) == 3, mgr)
        assert payloads(wire) == [b"0", b"1", b"2"] and mgr.stats["bugs"] == 0
        for id in (1, 2, 3):
            wire.acknowledge(PUBACK, id)
        turns(mgr, 2)
        assert done == [None] * 3 and not mqtt.under_way


def test_refused_credentials_do_not_hammer():
    with Net() as mgr:
        mqtt = client()
        for reason in (4, 5, 0x86, 0x87, 0x85, 0x8E):
            for _ in range(20):
                assert 30000 <= mqtt.back_off(reason) <= 60000
        mqtt.attempts = 0
        mqtt.attach(mgr)
        mgr.wires[0].refuse(5, text="refused: not authorized")
        turns(mgr, 3)
        assert time.ticks_diff(mqtt.retry_at, time.ticks_ms()) > 20000
        assert "not authorized" in mqtt.stats["error"] and "not authorized" in mqtt.log.lines[-1]


def test_a_connection_that_lasts_starts_the_pauses_anew():
    with Net() as mgr:
        mqtt = client()
        wire = connected(mgr, mqtt)
        mqtt.attempts = 5
        wire.error("short")
        turns(mgr, 1)
        assert mqtt.attempts == 6
        wire = next_wire(mgr, mqtt)
        wire.accept()
        mqtt.since = time.ticks_add(mqtt.since, -20000)
        wire.error("long")
        turns(mgr, 1)
        assert mqtt.attempts == 1


def test_it_subscribes_again_unless_the_broker_has_kept_its_session():
    with Net() as mgr:
        mqtt = client(id="me")
        mqtt.on("a")(print)
        wire = connected(mgr, mqtt, True)
        assert wire.options["clean"] is False and wire.options["id"] == "me"
        assert len(wire.subscribed) == 1  # that session is another program's, for all it knows
        wire.acknowledge(SUBACK, 1, reasons=b"\0")
        wire.error("lost")
        turns(mgr, 1)
        wire = next_wire(mgr, mqtt)
        assert wire.options["session"] is mgr.wires[0].options["session"]
        mqtt.on("b")(print)
        wire.accept(True)
        assert [one[0] for one in wire.subscribed] == ["b"]
        wire.error("lost")
        turns(mgr, 1)
        wire = next_wire(mgr, mqtt)
        wire.accept(False)
        assert [one[0] for one in wire.subscribed] == ["a", "b"]
        assert client().options["clean"] is True and client(id="x", clean=True).options["clean"] is True


def test_a_subscription_that_got_no_answer_is_asked_for_again():
    with Net() as mgr:
        mqtt = client(id="me")
        mqtt.on("a")(print)
        mqtt.on("b")(print)
        mqtt.on("$share/g/c")(print)
        wire = connected(mgr, mqtt)
        for id in (2, 3):
            wire.acknowledge(SUBACK, id, reasons=b"\0")
        wire.error("lost")
        turns(mgr, 1)
        wire = next_wire(mgr, mqtt)
        wire.accept(True)
        # (And mosquitto forgets those to shared topics when it is restarted, and says that it has the session.)
        assert [one[0] for one in wire.subscribed] == ["a", "$share/g/c"]


def test_a_session_of_5_0_outlasts_the_connection():
    mqtt = client(id="me", version=5, properties={"receive_maximum": 3})
    assert mqtt.options["properties"] == {"receive_maximum": 3, "session_expiry_interval": 86400}
    assert client(id="me", version=5, properties={"session_expiry_interval": 5}).options["properties"]["session_expiry_interval"] == 5
    assert client(version=5).options["properties"] == {"receive_maximum": 20} and "properties" not in client().options


def test_the_acknowledgement_may_come_on_the_next_connection():
    with Net() as mgr:
        mqtt = client(id="me")
        wire = connected(mgr, mqtt)
        done = []
        mqtt.publish("a", "x", 1, on_done=done.append)
        wire.error("lost")
        turns(mgr, 2)
        assert not done
        wire = next_wire(mgr, mqtt)
        wire.accept(True)
        wire.acknowledge(PUBACK, 1)
        turns(mgr, 2)
        assert done == [None]


def test_redirects_are_followed_a_few_times():
    with Net() as mgr:
        mqtt = client("mqtts://first:8883", version=5)
        mqtt.attach(mgr)
        for i in range(5):
            mgr.wires[-1].refuse(0x9C, {"server_reference": "other%d:1883 third" % i})
            until(lambda i=i: len(mgr.wires) == i + 2, mgr)
            assert mgr.wires[-1].url == "mqtts://other%d:1883" % i
        mgr.wires[-1].refuse(0x9C, {"server_reference": "more:1883"})
        turns(mgr, 1)
        assert mqtt.stats["state"] == "waiting" and mqtt.target == mqtt.url == "mqtts://first:8883"
        assert next_wire(mgr, mqtt).url == "mqtts://first:8883"


def test_a_redirect_for_good_counts_once_it_has_worked():
    with Net() as mgr:
        mqtt = client("mqtt://first:1883", version=5)
        wire = connected(mgr, mqtt)
        wire.refuse(0x9D, {"server_reference": "new:1883"})
        until(lambda: len(mgr.wires) == 2, mgr)
        mgr.wires[1].error("not there yet")
        turns(mgr, 1)
        assert next_wire(mgr, mqtt).url == "mqtt://first:1883"
        mgr.wires[-1].refuse(0x9D, {"server_reference": "new:1883"})
        until(lambda: len(mgr.wires) == 4, mgr)
        mgr.wires[-1].accept()
        mgr.wires[-1].error("lost")
        turns(mgr, 1)
        assert next_wire(mgr, mqtt).url == "mqtt://new:1883"


def test_a_redirect_to_what_is_no_server_is_a_failure():
    with Net() as mgr:
        mqtt = client(version=5)
        mqtt.attach(mgr)
        mgr.wires[0].refuse(0x9D, {"server_reference": "]:x"})
        mgr.fails = ValueError("no URL")
        until(lambda: mqtt.stats["failures"] == 2, mgr)
        mgr.fails = None
        assert mqtt.target == mqtt.url == "mqtt://broker:1883" and "no URL" in mqtt.stats["error"]


def test_hooks_tell_when_it_is_connected_and_when_not():
    with Net() as mgr:
        mqtt = client()
        told = []
        mqtt.connected(lambda: told.append("connected"))
        mqtt.connected(lambda: {}["x"])
        mqtt.disconnected(told.append)
        mqtt.attach(mgr)
        mgr.wires[0].error("never")
        turns(mgr, 1)
        wire = next_wire(mgr, mqtt)
        assert not told
        wire.accept()
        wire.error("lost")
        turns(mgr, 1)
        assert told == ["connected", "lost"] and mgr.stats["bugs"] == 1


def test_stop_disconnects_and_tells_what_was_not_sent():
    with Net() as mgr:
        mqtt = client()
        wire = connected(mgr, mqtt)
        wire.room = 1
        done = []
        for i in range(3):
            mqtt.publish("a", str(i), 1, on_done=lambda er: done.append(er.errno))
        mqtt.stop()
        turns(mgr, 2)
        assert wire.is_disconnected and mqtt.stats["state"] == "stopped" and done == [32] * 3 and not mgr.conns
        mqtt.publish("a", "later")
        wire = connected(mgr, mqtt)
        assert payloads(wire) == [b"later"] and mqtt.stats["state"] == "connected"
        mqtt.stop()
        mqtt.stop()
        turns(mgr, 2)
        assert not mgr.conns


def test_stop_ends_an_attempt_and_a_pause_as_well():
    with Net() as mgr:
        mqtt = client()
        mqtt.stop()  # which it is
        mqtt.attach(mgr)
        mqtt.stop()
        turns(mgr, 2)
        assert not mgr.conns and mqtt.mgr is None
        mqtt.attach(mgr)
        mgr.wires[-1].error("no")
        turns(mgr, 1)
        mqtt.stop()
        turns(mgr, 2)
        assert not mgr.conns and mqtt.mgr is None


def test_the_end_of_the_manager_is_the_clients():
    for state in ("connecting", "connected", "waiting"):
        mgr = Net()
        mqtt = client()
        done = []
        mqtt.publish("a", "x", 1, on_done=lambda er, done=done: done.append(er.errno))
        mqtt.attach(mgr)
        if state == "connected":
            mgr.wires[0].accept()
            turns(mgr, 1)
        elif state == "waiting":
            mgr.wires[0].error("no")
            turns(mgr, 1)
        assert mqtt.stats["state"] == state
        assert mgr.close() and done == [32], (state, done)
        assert mqtt.publish("a", "y")
        with Net() as mgr:
            assert payloads(connected(mgr, mqtt)) == [b"y"]


def test_its_figures_are_in_the_managers():
    with Net() as mgr:
        assert not mgr.stats["mqtt"]
        mqtt = client(id="one")
        other = client("mqtt://other:1883")
        connected(mgr, mqtt)
        other.attach(mgr)
        assert mgr.stats["mqtt"]["one"]["state"] == "connected" and mgr.stats["mqtt"]["mqtt://other:1883"]["state"] == "connecting"


def test_broadcasts_over_all_connections_pass_it_by():
    with Net() as mgr:
        connected(mgr, client())
        assert [c.send(b"x") for c in mgr.conns] == [False] * len(mgr.conns)


def test_an_idle_client_costs_no_turns():
    with Net() as mgr:
        connected(mgr, client())
        assert not mgr.keeper.wait if hasattr(mgr, "keeper") else True
        assert mgr.timers is None and mgr._due is None


def test_a_log_that_fails_is_no_reason_to_stop():
    with Net() as mgr:

        def log(line):
            raise OSError(32)

        mqtt = client(log=log)
        connected(mgr, mqtt)
        assert mqtt.is_connected and sys.platform
        with Net() as other:
            quiet = client(log=None)
            connected(other, quiet)
            assert quiet.is_connected
