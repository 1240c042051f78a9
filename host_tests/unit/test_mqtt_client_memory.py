# The heap is full, but for k blocks, while the everyday client does all that it does: for each k. Whatever fails, no exception leaves poll,
# and with memory again it goes on: QoS 1 has come at least once, QoS 2 exactly once, in order, and each on_done was called once. (Without
# workers: in threads without a GIL no collection is safe, see internals. test_mqtt_client.py and the simulation have those.)

import time

import mungo
from mqttbroker import Broker
from mungo.mqtt.client import Client
from test_no_memory import turns_with

LANES = ("upy-192k",)
MIN_HEAP = "500k"

N = 6


class Hasty(Client):
    def back_off(self, reason):
        return 1

    def look_again(self, ms):
        Client.look_again(self, min(ms, 2))


class Case:
    def __init__(self):
        self.broker = Broker()
        self.mgr = mungo.Manager(linger_ms=1)
        for mgr in (self.mgr, self.broker.mgr):
            mgr.prints = 1 << 20
        self.client = client = Hasty("mqtt://127.0.0.1:%d" % self.broker.port, id="me", log=None)
        self.done = [0] * N  # how often each on_done was called (which needs no memory)
        self.refused = 0
        self.got = []
        self.ended = []

        @client.on("in/<name>", qos=2)
        def take(msg, name):
            self.got.append(("out/" + name, msg.payload))

        client.disconnected(self.ended.append)
        client.attach(self.mgr)

    def poll(self):
        self.mgr.poll(0)
        self.broker.mgr.poll(0)

    def publish(self, i):
        self.client.publish("out/%d" % (1 + i % 2), b"%d" % i, 1 + i % 2, on_done=lambda error: self.on_done(i, error))
        self.broker.bring("in/%d" % (1 + i % 2), b"%d" % i, 1 + i % 2)

    def on_done(self, i, error):
        self.done[i] += 1
        self.refused += error is not None

    def is_idle(self):
        return 0 not in self.done and not (self.client.session.outgoing or self.broker.outgoing or self.broker.received)


def check(blocks, is_collecting, after):
    case = Case()
    for i in range(N):
        case.publish(i)
    for _ in range(after):
        case.poll()
    er = turns_with(case.mgr, blocks, is_collecting, 0)
    assert er is None, er
    start = time.ticks_ms()
    while not case.is_idle():
        assert time.ticks_diff(time.ticks_ms(), start) < 20000, (blocks, is_collecting, after, case.client.stats, case.done)
        case.poll()
    what = (blocks, is_collecting, after)
    assert case.done == [1] * N and not case.refused, (what, case.done)
    lost = 0
    for found in (case.broker.delivered, case.got):
        for qos in (1, 2):
            mine = [payload for topic, payload in found if topic == "out/%d" % qos]
            firsts = [payload for i, payload in enumerate(mine) if payload not in mine[:i]]
            missing = [i for i in range(qos - 1, N, 2) if b"%d" % i not in mine]
            lost += len(missing)
            assert qos == 1 or len(mine) == len(firsts), (what, mine)
    assert lost <= case.client.stats["errors"], (what, lost)  # (what a handler raises is counted, and its message acknowledged)
    case.client.stop()
    while case.client.mgr is not None:
        case.poll()
    case.mgr.close(5000)
    case.broker.mgr.close()
    return case.mgr.stats["no_memory"]


def test_memory_short_at_any_block():
    times = []
    for after in (2, 3):  # turns with memory: then much has come
        for blocks in range(after, 140, 5):
            times.append(check(blocks, blocks % 2 > 0, after))
    assert times.count(0) < len(times) // 2 and max(times) > 1 and 0 in times, times
