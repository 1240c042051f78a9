# The outbox on flash without a broker and without power cuts: what comes after a reset, a full folder, a flash that is in use or fails.

import errno
import os

from flashing import Sharing
from mqttwire import PUBACK, PUBCOMP, Net, client, connected, payloads
from sites import Site
from waiting import turns

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


def test_a_full_folder_drops_the_oldest_or_the_newest():
    with Site() as site:
        for drop in ("oldest", "newest"):
            with Net() as mgr:
                mqtt = stored(site, store_bytes=2000, drop=drop)
                done = []
                mqtt.attach(mgr)
                for i in range(60):
                    mqtt.publish("a", "%02d" % i + "x" * 50, 1, on_done=lambda er, i=i, done=done: done.append((i, er.errno)))
                    turns(mgr, 2)
                assert mqtt.stats["dropped"] == len(done) > 20 and {code for _, code in done} == {errno.ENOBUFS}
                mgr.wires[0].accept()
                turns(mgr, 5)
                left = [int(payload[:2]) for payload in payloads(mgr.wires[0])]
                gone = [i for i, _ in done]
                assert sorted(left + gone) == list(range(60)) and left == sorted(left)
                assert (left[-1] == 59 and gone == list(range(len(gone)))) if drop == "oldest" else left == list(range(len(left)))
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


def test_what_finds_no_memory_is_written_later_and_what_is_on_flash_is_sent_meanwhile():
    with Site() as site, Net() as mgr:
        mqtt = stored(site)
        mqtt.attach(mgr)
        done = []
        mqtt.publish("a", "1", 1, on_done=done.append)
        turns(mgr, 3)
        before = mqtt.store.written
        kept = mqtt.store.messages
        mqtt.store.messages = Short(1 << 30)
        mqtt.store.messages.kept.update(kept)
        mqtt.publish("a", "2", 2, on_done=done.append)
        turns(mgr, 3)
        assert mqtt.store.waiting.count == 1 and mqtt.store.written == before  # nothing was written
        wire = mgr.wires[0]
        wire.accept()
        turns(mgr, 3)
        assert payloads(wire) == [b"1"] and mgr.stats["no_memory"] > 0 and mgr.stats["bugs"] == 0
        mqtt.store.messages.left = 0
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


def test_what_is_on_flash_is_not_in_memory_as_well():
    with Site() as site, Net() as mgr:
        mqtt = stored(site)
        mqtt.attach(mgr)
        for _ in range(9):
            mqtt.publish("a", bytes(100), 1, on_done=print)
            turns(mgr, 2)
        assert len(mqtt.store.messages) == 9 and not any(message.data for message in mqtt.store.messages.values())
        mqtt.store.messages.clear()
