# The outbox on a flash that fails, at each thing that is done with it: once, a few times in a row, and for good; and without memory for it.
# Whatever fails, what is published arrives, with QoS 2 once and in order, each on_done is called once, the folder does not fill, and
# nothing is left behind.

import errno
import os
import time

import mungo
from mqttbroker import Broker
from mungo.mqtt import journal
from mungo.mqtt.client import Client
from sites import Site
from waiting import MS

LANES = ("cpython", "upy-192k")
MIN_HEAP = "600k"

N = 6
ENOSPC = 28
FOR_GOOD = 1 << 29


class Flash:
    """In the place of `os` and `open` for the journal: the `at`-th call fails, and those after it, `times` in all. What is written by
    then is half of it."""

    def __init__(self):
        self.calls = 0
        self.at = 1 << 30
        self.times = 0
        self.error = None

    def step(self):
        self.calls += 1
        if self.at <= self.calls < self.at + self.times:
            raise self.error

    def fail(self, error, at, times):
        self.error = error
        self.at = self.calls + at
        self.times = times

    def open(self, path, mode):
        self.step()
        return File(self, open(path, mode))

    def mkdir(self, path):
        self.step()
        os.mkdir(path)

    def listdir(self, path):
        self.step()
        return os.listdir(path)

    def remove(self, path):
        self.step()
        os.remove(path)


class File:
    def __init__(self, flash, file):
        self.flash = flash
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.flash.step()

    def read(self, n):
        return self.file.read(n)

    def seek(self, n):
        self.flash.step()
        return self.file.seek(n)

    def write(self, data):
        try:
            self.flash.step()
        except Exception:
            self.file.write(bytes(data[: len(data) // 2]))
            raise
        self.file.write(data)


class Hasty(Client):
    def back_off(self, reason):
        return 1

    def look_again(self, ms):
        Client.look_again(self, min(ms, 2))


class Case:
    """A client with its outbox in the folder of a site, and its broker."""

    def __init__(self, site, flash):
        self.site = site
        self.broker = Broker()
        self.done = []
        self.got = []
        self.connect(flash)

    def connect(self, flash):
        self.mgr = mungo.Manager(linger_ms=1)
        self.mgr.prints = 1 << 20
        self.flash = flash
        journal.os = flash
        journal.open = flash.open
        self.client = Hasty("mqtt://127.0.0.1:%d" % self.broker.port, id="me", store=self.folder, store_bytes=1600, log=None)

        @self.client.on("in/<name>", qos=2)
        def take(msg, name):
            self.got.append((name, msg.payload))

    @property
    def folder(self):
        return self.site.root + "/outbox"

    def turn(self):
        self.mgr.poll(0)
        self.broker.mgr.poll(0)
        assert len(self.client.store.files) < 8, len(self.client.store.files)

    def publish(self, i):
        self.client.publish("out/%d" % (1 + i % 2), b"%d" % i, 1 + i % 2, on_done=lambda error: self.done.append((i, error)))
        self.broker.bring("in/%d" % (1 + i % 2), b"%d" % i, 1 + i % 2)

    def is_idle(self):
        self.turn()
        broker, client = self.broker, self.client
        return len(self.done) == N and not (client.session.outgoing or broker.outgoing or broker.received or client.session.received)

    def is_saved(self):
        self.turn()
        return not self.client.store.is_stale

    def is_stopped(self):
        self.turn()
        return self.client.mgr is None

    def is_clean(self):
        self.turn()
        return self.client.is_connected and not self.client.store.files

    def check(self, *what):
        """All has come as it is promised. (What is on a flash that can't be read any more is lost, and its on_done says so.)"""
        lost = [i for i, error in self.done if error and error.errno == errno.ENOBUFS and FOR_GOOD in what]
        assert sorted([i for i, error in self.done if not error] + lost) == list(range(N)), (what, self.done)
        for kind, found in (("out/", self.broker.delivered), ("", self.got)):
            for qos in (1, 2):
                mine = [payload for topic, payload in found if topic == kind + str(qos)]
                firsts = [payload for i, payload in enumerate(mine) if payload not in mine[:i]]
                known = [b"%d" % i for i in range(qos - 1, N, 2) if not kind or i not in lost]
                assert firsts == known, (what, kind, qos, mine)
                assert qos == 1 or mine == firsts, (what, kind, mine)

    def close(self):
        journal.os = os
        journal.open = open
        self.mgr.close(0)
        self.broker.mgr.close(0)


def run(site, error, at, times, is_away):
    """The `at`-th call fails. Returns how many there were."""
    flash = Flash()
    case = Case(site, flash)
    try:
        flash.fail(error, at, times)
        case.broker.is_away = is_away
        while case.client.mgr is None:
            try:
                case.client.attach(case.mgr)
            except MemoryError:  # then the program knows
                until(case.is_stopped)
        for i in range(N):
            case.publish(i)
            if i % 3:
                case.turn()
                case.turn()
        case.broker.is_away = False
        until(case.is_idle)
        if times < FOR_GOOD:
            until(case.is_saved)
        case.check(error, at, times, is_away)
        n = flash.calls
        case.client.stop()
        until(case.is_stopped)
        if times == FOR_GOOD:
            os.system("rm -rf %s" % case.folder)
        else:
            flash.at = 1 << 30
            # What a fault has left on flash goes when the next program has looked at it.
            case.connect(flash)
            case.client.attach(case.mgr)
            until(case.is_clean)
            case.check("again", error, at, times, is_away)
            assert os.listdir(case.folder) == [], (error, at, times, is_away, os.listdir(case.folder))
        return n
    finally:
        case.close()


def until(ready):
    start = time.ticks_ms()
    while not ready():
        assert time.ticks_diff(time.ticks_ms(), start) < MS


def each(make, times, step):
    with Site() as site:
        for is_away in (False, True):
            at = 1 + is_away
            while at <= run(site, make(), at, times, is_away):
                at += step
            assert at > 60, at


def test_a_flash_that_is_full_once():
    each(lambda: OSError(ENOSPC), 1, 2)


def test_a_flash_that_fails_a_few_times():
    each(lambda: OSError(errno.EIO), 5, 3)


def test_no_memory_for_something_with_the_flash():
    each(MemoryError, 3, 3)


def test_a_flash_that_fails_for_good():
    each(lambda: OSError(errno.EIO), FOR_GOOD, 7)
