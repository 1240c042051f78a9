# A fleet's board for tests, whose broker and other boards are played by hand: see mqttwire.py.

import json
import time

from mqttwire import PUBACK, Net, client
from waiting import turns, until

NO_SUBSCRIBERS = 0x10
ID = b"boss/00000000/1"
BACK = "s/board/boss/done"  # the response topic of the job ID; the board b answers it at
ANSWER = BACK + "/b"


def kind_of(topic):
    levels = topic.split("/")
    return levels[3] if levels[1] == "board" else levels[-1]


class Board:
    """`with Board() as board`: a Fleet named b of the site s. `board.wire` is its connection, once `join` was called."""

    def __init__(self, limits=None, **options):
        from mungo.fleet import Fleet

        self.mgr = Net(**(limits or {}))
        self.mqtt = client(id="b", version=5)
        self.fleet = Fleet(self.mqtt, "s", **options)
        self.done = []  # what on_done got: (result, error)
        self.wire = None
        self.read = 0  # so many of what was published were looked at

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mgr.close()

    def join(self):
        """Connect, and wait until the name is the board's."""
        if self.mqtt.mgr is None:
            self.fleet.attach(self.mgr)
        self.wire = self.mgr.wires[-1]
        self.wire.accept()
        self.fleet.presence.claimed = time.ticks_add(time.ticks_ms(), -2000)  # nobody has answered
        self.fleet.soon(0)
        until(lambda: self.fleet.presence.is_known, self.mgr)
        self.said()
        return self

    def lose(self):
        """The connection is lost."""
        self.wire.error("lost")
        turns(self.mgr, 2)

    def come_back(self):
        """Connect again: what the board says at first, as `said`."""
        if self.mqtt.c is None:
            self.mqtt.retry_at = time.ticks_ms()
            self.mqtt.look_again(1)
        until(lambda: self.mgr.wires[-1] is not self.wire, self.mgr)
        self.wire = self.mgr.wires[-1]
        self.read = 0
        self.wire.accept()
        return self.said()

    def said(self, n=2):
        """What the board has published since the last time, in `n` turns: [(topic, payload, properties)], the newest last."""
        turns(self.mgr, n)
        new = self.wire.published[self.read :]
        self.read += len(new)
        return [(one[0], one[1], one[5]) for one in new]

    def kinds(self):
        """The kinds of the messages of `said`: what stands before the sender in their topics."""
        return [kind_of(topic) for topic, _, _ in self.said()]

    def wait_said(self, kind):
        """What it says of this kind, as one of `said`."""
        found = []

        def is_there():
            found.extend(one for one in self.said(0) if kind_of(one[0]) == kind)
            return found

        until(is_there, self.mgr)
        return found[0]

    # --- the others' part

    def bring_job(self, name, data, id=ID, **properties):
        """A job comes: its Receipt."""
        properties["response_topic"] = BACK
        properties["correlation_data"] = id
        payload = data
        if not isinstance(data, bytes):
            payload = json.dumps(data).encode()
            properties["content_type"] = "application/json"
        return self.wire.bring("s/job/" + name, payload, 1, 1, properties)

    def bring(self, kind, id=ID, data=b"", sender="boss", **properties):
        """A message to the board's inbox comes."""
        properties["correlation_data"] = id
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
            properties["content_type"] = "application/json"
        self.wire.bring("s/board/b/%s/%s" % (kind, sender), data, 0, 0, properties)

    def order(self, kind, id=ID, sender="boss", data=b""):
        self.bring(kind, id, data, sender, response_topic=BACK)

    def waits(self):
        """The board says that it waits for `go`: the number of the run, as `go` says it."""
        (taken,) = [one for one in self.said() if kind_of(one[0]) == "taken"]
        return b"%d" % json.loads(taken[1])["waits"]

    def present(self, name, boot, payload=None, retain=False, **more):
        """The presence of a board comes."""
        more["boot"] = boot
        data = json.dumps(more).encode() if payload is None else payload
        self.wire.bring("s/present/" + name, data, 0, 0, {})

    def accepted(self, reason=0, id=None):
        """The broker has the messages of QoS 1 that were published last, or that with this correlation data."""
        ids = [message.id for message in self.mqtt.under_way]
        for one in self.wire.published:
            if one[4] in ids and one[5].get("correlation_data") in (id or one[5].get("correlation_data"),):
                self.wire.acknowledge(PUBACK, one[4], reason)
        turns(self.mgr, 2)

    def submit(self, data=None, name="job", **options):
        return self.fleet.submit(name, data, on_done=lambda *outcome: self.done.append(outcome), **options)

    def taken(self, id, board="w", boot="11111111", **more):
        more["boot"] = boot
        self.bring("taken", id, more, sender=board)

    @property
    def stats(self):
        """The counters that are not 0."""
        return {name: n for name, n in self.fleet.stats.items() if n}
