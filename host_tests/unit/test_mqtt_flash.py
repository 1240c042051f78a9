# The outbox on flash: a client whose power is cut at each write of a littlefs, and a broker that keeps its session over TCP.

import gc
import os
import time

import vfs

import mungo
from mqttbroker import Broker
from mungo.mqtt.client import Client
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
