"""The heap is full, but for k blocks, while messages of each QoS go both ways; for each k. Whatever fails, no exception leaves poll,
each EV_OPEN gets its EV_CLOSE. With memory again the session goes on: QoS 1 has come at least once, QoS 2 exactly once, in order."""

import mungo
from mqttnet import connack, split
from mungo import EV_CLOSE, EV_MQTT_CMD, EV_MQTT_MSG, EV_MQTT_OPEN, EV_OPEN, EV_READ
from mungo.mqtt.session import Session
from net import tcp_listen
from test_mqtt_session import Broker, check_order
from test_no_memory import turns_with
from waiting import until

LANES = ("upy-192k",)
MIN_HEAP = "400k"

N = 4  # messages of each QoS in each direction


class Case:
    """A client and its broker, which never forgets, in one manager."""

    def __init__(self, version):
        self.version = version
        self.mgr = mungo.Manager(linger_ms=20)
        self.mgr.prints = 1 << 20  # and what fails is not printed
        self.broker = Broker([(1 + i % 2, b"%d" % i) for i in range(2 * N)], b"\0" if version == 5 else b"")
        self.port = tcp_listen(self.mgr, self.serve)
        self.session = Session()
        self.todo = [(1 + i % 2, b"%d" % i) for i in range(2 * N)]
        self.got = []
        self.opened = self.closed = 0
        self.is_up = False

    def serve(self, c, ev, data, fn_data):
        if ev == EV_READ:
            packets, size = split(bytes(memoryview(c.recv.data)[c.recv.start : c.recv.end]))
            for first, body in packets:
                if first == 0x10:
                    c.put(connack(0, 1, self.broker.properties) + (self.broker.connected() or self.broker.next()))
                else:
                    c.put(self.broker.take(first, body) + self.broker.next())
            c.recv.consume(size)

    def handler(self, c, ev, data, fn_data):
        if ev == EV_OPEN:
            self.opened += 1
        elif ev == EV_CLOSE:
            self.closed += 1
            self.is_up = False
        elif ev == EV_MQTT_OPEN or ev == EV_MQTT_CMD:
            while self.todo:
                qos, payload = self.todo[0]
                if not c.publish("a", payload, qos):
                    break
                self.todo.pop(0)
        elif ev == EV_MQTT_MSG:
            bytes(100)
            self.got.append((data.qos, data.payload))

    def connect(self):
        self.is_up = True
        self.c = self.mgr.mqtt_connect(
            "mqtt://127.0.0.1:%d" % self.port,
            self.handler,
            id="me",
            clean=False,
            version=self.version,
            session=self.session,
            inflight=3,
            keep_alive_s=0,
        )

    def is_done(self):
        if not self.is_up:
            self.connect()
        return not (self.todo or self.session.outgoing or self.session.received or self.broker.queue or self.broker.sending)


def check(version, blocks, is_collecting, after):
    """Let it happen with so many blocks, after some turns with memory. Returns how often memory was short."""
    case = Case(version)
    case.connect()
    for _ in range(after):
        case.mgr.poll(0)
    er = turns_with(case.mgr, blocks, is_collecting, 0)
    assert er is None, er
    until(case.is_done, case.mgr)
    check_order(blocks, "published", case.broker.got, N)
    check_order(blocks, "received", case.got, N)
    case.mgr.close()
    assert case.opened == case.closed, (blocks, case.opened, case.closed)
    return case.mgr.stats["no_memory"]


def test_memory_short_at_any_block():
    times = []
    for version in (4, 5):
        for after in (0, 2, 4, 6):
            for blocks in range(0, 200, 7):
                times.append(check(version, blocks + after, blocks % 2 > 0, after))
    assert times.count(0) < len(times) // 2 and max(times) > 1 and 0 in times, times
