# The outbox on flash without a broker and without power cuts: what comes after a reset, a full folder, a flash that is in use or fails.

import errno
import os
import time

from flashing import Sharing
from mqttwire import PUBACK, PUBCOMP, Net, client, connected, payloads
from sites import Site
from waiting import turns, until

MIN_HEAP = "600k"


def stored(site, **options):
    options.setdefault("id", "me")
    return client(store=site.root + "/outbox", **options)


def files(site):
    return sorted(os.listdir(site.root + "/outbox"))


def test_what_waits_is_there_after_a_reset_with_all_that_belongs_to_it():
    with Site() as site:
        for version in (4, 5):
            properties = {"content_type": "text/plain", "user_property": [("a", "b"), ("a", "c")]} if version == 5 else {}
            with Net() as mgr:
                mqtt = stored(site, version=version)
                mqtt.publish("zero", "0")
                mqtt.attach(mgr)
                mqtt.publish("a/é", "one", 1, True, **properties)
                mqtt.publish("b", b"\x00\xff", 2)
                turns(mgr, 3)
                assert len(files(site)) == 1
            with Net() as mgr:  # (as a reset: what was in memory is gone)
                wire = connected(mgr, stored(site, version=version))
                turns(mgr, 3)
                first, second = wire.published
                assert first[:4] == ("a/é", b"one", 1, True) and second[:4] == ("b", b"\x00\xff", 2, False)
                assert (first[5] or {}) == properties and not second[5]
            for name in files(site):
                os.remove(site.root + "/outbox/" + name)


def test_a_full_folder_drops_the_oldest_or_takes_no_newest():
    with Site() as site:
        for drop in ("oldest", "newest"):
            with Net() as mgr:
                mqtt = stored(site, store_bytes=2000, drop=drop, outbox=5)
                done = []
                taken = []
                mqtt.attach(mgr)
                for i in range(60):
                    if mqtt.publish("a", "%02d" % i + "x" * 50, 1, on_done=lambda er, i=i, done=done: done.append((i, er.errno))):
                        taken.append(i)
                    turns(mgr, 2)
                wire = mgr.wires[0]
                gone = [i for i, _ in done]
                if drop == "oldest":
                    assert len(taken) == 60 and gone == list(range(len(gone))) and {code for _, code in done} == {errno.ENOBUFS}
                else:
                    assert 20 < len(taken) < 40 and taken == list(range(len(taken))) and not done
                assert mqtt.stats["dropped"] == 60 - len(taken) + len(done) > 20
                assert sum(os.stat(site.root + "/outbox/" + name)[6] for name in files(site)) <= 2000
                wire.room = 5
                wire.accept()
                while len(wire.published) + len(gone) < len(taken):  # as the broker acknowledges, the rest is written
                    turns(mgr, 3)
                    assert wire.room < 5
                    for one in wire.published[-5 + wire.room :]:
                        wire.room += 1
                        wire.acknowledge(PUBACK, one[4])
                assert [int(payload[:2]) for payload in payloads(wire)] == taken[len(gone) :]
            for name in files(site):
                os.remove(site.root + "/outbox/" + name)


def test_while_a_worker_uses_the_flash_messages_wait_and_the_loop_does_not():
    with Site() as site, Sharing() as sharing, Net() as mgr:
        mqtt = stored(site)
        sharing.hold()
        mqtt.attach(mgr)
        turns(mgr, 5)
        assert not mgr.wires  # it may have messages to send first
        sharing.let_go()
        turns(mgr, 3)
        wire = mgr.wires[0]
        wire.accept()
        sharing.hold()
        mqtt.publish("a", "1", 1)
        mqtt.publish("a", "2", 0)
        turns(mgr, 5)
        assert payloads(wire) == [b"2"]
        sharing.let_go()
        turns(mgr, 5)
        assert payloads(wire) == [b"2", b"1"] and len(mgr.flash_waiters) == 0


def test_a_flash_that_fails_is_told_and_messages_go_on():
    with Site() as site, Net() as mgr:
        mqtt = stored(site)
        wire = connected(mgr, mqtt)
        mqtt.store.folder += "/gone"
        done = []
        mqtt.publish("a", "1", 1, on_done=done.append)
        turns(mgr, 3)
        mqtt.publish("a", "x" * 70000, 2)  # too long for a record
        turns(mgr, 5)
        assert mgr.stats["bugs"] == 1 and [payload[:1] for payload in payloads(wire)] == [b"1", b"x"]
        wire.acknowledge(PUBACK, 1)
        turns(mgr, 3)
        assert done == [None]


def test_a_message_that_is_longer_than_the_store_goes_without_it_and_in_its_order():
    with Site() as site, Net() as mgr:
        mqtt = stored(site, store_bytes=1600, outbox_bytes=100000)
        wire = connected(mgr, mqtt)
        wire.room = 0
        done = []
        for payload in (b"1", b"2" * 1600, b"3", b"4" * 70000, b"5"):
            mqtt.publish("a", payload, 1, on_done=lambda error, payload=payload: done.append((payload[:1], error)))
            turns(mgr, 1)
        wire.room = 5
        mqtt.wake()
        turns(mgr, 9)
        assert [payload[:1] for payload in payloads(wire)] == [b"1", b"2", b"3", b"4", b"5"]
        for id in range(1, 6):
            wire.acknowledge(PUBACK, id)
        turns(mgr, 3)
        assert done == [(b"%d" % i, None) for i in range(1, 6)] and files(site) == []


def test_what_could_not_be_written_is_when_the_flash_works_again_also_without_a_connection():
    with Site() as site, Net() as mgr:
        mqtt = stored(site)
        mqtt.attach(mgr)
        folder = mqtt.store.folder
        mqtt.store.folder += "/gone"
        mqtt.publish("a", "1", 1)
        turns(mgr, 3)
        mgr.wires[0].error("lost")
        turns(mgr, 3)
        assert mqtt.store.waiting.count == 1 and files(site) == [] and mqtt.stats["state"] == "waiting"
        mqtt.store.folder = folder
        mqtt.retry_at = time.ticks_add(time.ticks_ms(), 60000)
        until(lambda: files(site), mgr)
        assert not mqtt.store.waiting.count and len(mgr.wires) == 1


def test_the_folder_does_not_fill_while_one_message_waits_for_its_acknowledgement():
    with Site() as site, Net() as mgr:
        mqtt = stored(site, store_bytes=2000)
        connected(mgr, mqtt)
        mqtt.publish("a", "1", 1)
        turns(mgr, 3)
        store = mqtt.store
        store.number = store.written
        store.put(1, store.pack("a", b"1", 1, False, None))
        store.number = 0
        for id in range(100):  # the states of what comes
            store.receive(id + 1)
            store.release(id + 1)
        assert sum(os.stat(site.root + "/outbox/" + name)[6] for name in files(site)) <= 2000 and store.find(1)
        store.remove(1)
        turns(mgr, 2)


def test_stop_keeps_what_is_on_flash():
    with Site() as site, Net() as mgr:
        mqtt = stored(site)
        mqtt.attach(mgr)
        done = []
        mqtt.publish("a", "1", 1, on_done=done.append)
        turns(mgr, 3)
        mqtt.stop()
        turns(mgr, 3)
        assert [er.errno for er in done] == [32] and len(files(site)) == 1
        wire = connected(mgr, mqtt)
        turns(mgr, 3)
        assert payloads(wire) == [b"1"]


class Short:
    """In the place of a dict: `left` times there is no memory for one more."""

    def __init__(self, left):
        self.left = left
        self.kept = {}

    def __setitem__(self, key, value):
        if self.left:
            self.left -= 1
            raise MemoryError
        self.kept[key] = value

    def get(self, key):
        return self.kept.get(key)

    def pop(self, *args):
        return self.kept.pop(*args)

    def __contains__(self, key):
        return key in self.kept

    def __len__(self):
        return len(self.kept)

    def __iter__(self):
        return iter(self.kept)

    def __getitem__(self, key):
        return self.kept[key]

    def clear(self):
        self.kept.clear()


def test_what_finds_no_memory_is_written_later_and_what_is_on_flash_is_sent_meanwhile():
    with Site() as site, Net() as mgr:
        mqtt = stored(site)
        mqtt.attach(mgr)
        done = []
        mqtt.publish("a", "1", 1, on_done=done.append)
        turns(mgr, 3)
        before = mqtt.store.written
        kept = mqtt.store.on_done
        mqtt.store.on_done = Short(1 << 30)
        mqtt.store.on_done.kept.update(kept)
        mqtt.publish("a", "2", 2, on_done=done.append)
        turns(mgr, 3)
        assert mqtt.store.waiting.count == 1 and mqtt.store.written == before  # nothing was written
        wire = mgr.wires[0]
        wire.accept()
        turns(mgr, 3)
        assert payloads(wire) == [b"1"] and mgr.stats["no_memory"] > 0 and mgr.stats["bugs"] == 0
        mqtt.store.on_done.left = 0
        mqtt.due()
        turns(mgr, 3)
        assert payloads(wire) == [b"1", b"2"]
        wire.acknowledge(PUBACK, 1)
        wire.acknowledge(PUBCOMP, 2)
        turns(mgr, 3)
        assert done == [None, None] and not mqtt.store.waiting.count


def test_an_identifier_that_finds_no_memory_leaves_its_message_on_flash():
    with Site() as site, Net() as mgr:
        store = stored(site).store
        store.load()
        store.is_loaded = True
        store.append([store.pack("a", b"1", 2, False, None)])

        def save():
            raise MemoryError

        store.save = save
        store.number = 1
        try:
            store.put(5, store.pack("a", b"1", 2, False, None))
            raise AssertionError
        except MemoryError:
            pass
        assert store.unsent == 1 and not store.entries and store.find(1)[0] == 1 and not mgr.wires


def test_of_what_is_on_flash_memory_has_only_the_functions_to_call_and_not_too_many():
    with Site() as site, Net() as mgr:
        for drop in ("oldest", "newest"):
            mqtt = stored(site, drop=drop, id=drop)
            mqtt.attach(mgr)
            done = []
            taken = []
            for i in range(300):
                if mqtt.publish("a", b"x", 1, on_done=lambda er, i=i, done=done: done.append(i)):
                    taken.append(i)
                turns(mgr, 1)
            kept = mqtt.store.on_done
            assert all(callable(fn) for fn in kept.values()) and len(kept) <= 256
            assert len(kept) + len(done) + mqtt.store.waiting.count == len(taken)
            assert taken == list(range(300 if drop == "oldest" else 256 + 32)) and done == list(range(len(done)))
            mqtt.stop()
            turns(mgr, 3)
            assert sorted(done) == taken
            for name in files(site):
                os.remove(site.root + "/outbox/" + name)
