# The outbox on flash: a client whose power is cut at each write of a littlefs, and a broker that keeps its session over TCP.

import gc
import os
import time

import vfs

import mungo
from mqttnet import CONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, SUBSCRIBE, ack, connack, publish, split
from mungo.mqtt.client import Client
from net import tcp_listen
from test_mqtt_journal import FOLDER, Device, fresh

LANES = ("upy", "upy-192k")
MIN_HEAP = "300k"


class Mounted:
    """`with Mounted(chip)`: its files are in /flash."""

    def __init__(self, chip):
        self.chip = chip

    def __enter__(self):
        vfs.mount(vfs.VfsLfs2(self.chip, readsize=32, progsize=32, lookahead=32), "/flash")

    def __exit__(self, *_):
        vfs.umount("/flash")


class PowerIsCut(BaseException):
    """No handler survives it."""


class Chip(Device):
    """A flash: at the `cut`-th write the device is dead at once."""

    def _step(self, at, buf):
        try:
            Device._step(self, at, buf)
        except OSError:
            raise PowerIsCut()


class Broker:
    """One client's broker, which remembers its session: a manager of its own."""

    def __init__(self):
        self.mgr = mungo.Manager(linger_ms=1)
        self.port = tcp_listen(self.mgr, self.serve)
        self.c = None
        self.delivered = []  # (topic, payload) that the client has published
        self.received = []  # identifiers of QoS 2
        self.outgoing = []  # [id, topic, payload, qos, is_released]
        self.is_known = False  # it has a session
        self.last_id = 100
        self.keeps_sessions = True

    def serve(self, c, ev, data, _):
        if ev == mungo.EV_ACCEPT:
            c.fn_data = [b""]
        elif ev == mungo.EV_READ:
            got = c.fn_data[0] + c.recv.read()
            found, n = split(got)
            c.fn_data[0] = got[n:]
            for first, body in found:
                self.take(c, first, body)

    def take(self, c, first, body):
        type = first >> 4
        if type == CONNECT:
            self.c = c
            is_present = self.is_known and self.keeps_sessions
            if not is_present:
                self.received.clear()
            c.send(connack(0, int(is_present)))
            self.is_known = True
            for one in self.outgoing:
                self.send(one)
        elif type == PUBLISH:
            n = 2 + (body[0] << 8 | body[1])
            topic = body[2:n].decode()
            qos = first >> 1 & 3
            id = body[n] << 8 | body[n + 1] if qos else 0
            payload = body[n + 2 if qos else n :]
            if qos < 2 or id not in self.received:
                self.delivered.append((topic, payload))
            if qos == 2 and id not in self.received:
                self.received.append(id)
            if qos:
                c.send(ack(PUBREC if qos == 2 else PUBACK, id))
        elif type == SUBSCRIBE:
            c.send(ack(SUBACK, body[0] << 8 | body[1], b"\2"))
        else:
            id = body[0] << 8 | body[1] if body else 0
            if type == PUBREL:
                if id in self.received:
                    self.received.remove(id)
                c.send(ack(PUBCOMP, id))
            for one in list(self.outgoing):
                if one[0] == id and type == PUBREC:
                    one[4] = True
                    self.send(one)
                elif one[0] == id and type in (PUBACK, PUBCOMP):
                    self.outgoing.remove(one)

    def send(self, one):
        id, topic, payload, qos, is_released = one
        self.c.send(ack(PUBREL, id) if is_released else publish(topic, payload, qos, id))

    def bring(self, topic, payload, qos):
        """Have the client get a message, now or when it is there."""
        self.last_id += 1
        self.outgoing.append([self.last_id, topic, payload, qos, False])
        if self.c is not None and not self.c.is_closing:
            self.send(self.outgoing[-1])


class Reset:
    """A device with a client that is started again and again, in the same folder."""

    def __init__(self, broker, handled, **options):
        self.broker = broker
        self.mgr = mungo.Manager(linger_ms=1)
        self.client = Client("mqtt://127.0.0.1:%d" % broker.port, id="me", store=FOLDER, log=None, **options)

        @self.client.on("in/<name>", qos=2)
        def take(msg, name):
            handled.append((name, msg.payload))

        self.client.attach(self.mgr)

    def turn(self):
        self.mgr.poll(0)
        self.broker.mgr.poll(0)

    def until(self, ready, *args):
        start = time.ticks_ms()
        while not ready(*args):
            assert time.ticks_diff(time.ticks_ms(), start) < 10000
            self.turn()

    def is_connected(self):
        return self.client.is_connected

    def is_idle(self, payload=None):
        """Whether nothing is under way, either way; and the broker has a last message with this payload."""
        broker, client = self.broker, self.client
        is_done = client.is_connected and not client.session.outgoing and not broker.outgoing and not broker.received
        return is_done and not client.store.entries and (payload is None or broker.delivered[-1:] == [("out/end", payload)])

    def is_stopped(self):
        return self.client.mgr is None

    def close(self):
        self.mgr.close(0)


def test_a_power_cut_at_each_write_loses_and_doubles_nothing():
    data = fresh()
    content = bytearray(data)
    n = 0
    is_through = False
    while not is_through:
        n += 1
        gc.collect()
        content[:] = data
        chip = Chip(content)
        broker = Broker()
        handled = []
        sent = []  # what is on flash for sure, in its order
        with Mounted(chip):
            chip.cut = n
            chip.is_half = n & 1 == 0
            chip.done = 0
            device = None
            message = None
            try:
                device = Reset(broker, handled, store_bytes=1600)
                device.until(device.is_connected)
                for i in range(6):
                    qos = 1 + i % 2
                    message = ("out/%d" % qos, b"%d" % i)
                    device.client.publish(message[0], message[1], qos)
                    broker.bring("in/%d" % qos, b"%d" % i, qos)
                    device.turn()
                    sent.append(message)
                    message = None
                device.until(device.is_idle)
                is_through = True
            except PowerIsCut:
                pass
            if device is not None:
                device.close()
        # (The handler of a message of QoS 1 may be called again.)
        with Mounted(Chip(content)):
            device = Reset(broker, handled, store_bytes=1600)
            device.until(device.is_idle)
            device.client.publish("out/end", b"end", 1)
            device.until(device.is_idle, b"end")
            for qos in (1, 2):
                topic = "out/%d" % qos
                mine = [one for one in broker.delivered if one[0] == topic]
                known = [one for one in sent if one[0] == topic]
                if qos == 2:
                    assert mine in (known, known + [message]), (n, mine, known, message)
                else:
                    firsts = [one for i, one in enumerate(mine) if one not in mine[:i]]
                    assert firsts in (known, known + [message]), (n, mine, known, message)
            twos = [one for one in handled if one[0] == "2"]
            assert len(twos) == len(set(twos)), (n, handled)
            brought = 6 if is_through else len(sent) + (message is not None)
            assert len(twos) in (brought // 2, (brought - 1) // 2), (n, handled, brought)
            device.client.stop()
            device.until(device.is_stopped)
            device.close()
            assert os.listdir(FOLDER) == [], (n, os.listdir(FOLDER))
        broker.mgr.close(0)
    print("%d writes" % n)
    assert n > 40
