"""The everyday MQTT client at the broker of broker.py, which also refuses connections for a while, beside a flash that fails and resets.

The program publishes with each QoS, and counts what `on_done` says: exactly once for each message, and None only for what the broker has.
Handlers run in the loop or in workers, and some raise. A reset takes what is in memory: the next client has the same folder. Then nothing
that was on flash is lost or doubled.
"""

import random
import sys

from ..mqtt_wire import SUBACK, SUBSCRIBE
from .broker import PATIENCE_US, PORT, TROUBLE_US, Broker, BrokerScene, Line, Way
from .checks import Planned

FIRST_SEED = 3_000_000  # from here on the seeds are of these scenes
_PAUSE_MS = 3000  # from one attempt to the next, at most
_FOLDER = "/outbox"
_STATE = 4500  # bytes of states beyond store_bytes, which is for messages


class EverydayLine(Line):
    """A connection of a broker that remembers which topics are subscribed."""

    def take(self, first, body):
        if first >> 4 != SUBSCRIBE:
            return super().take(first, body)
        broker = self.broker
        broker.has_session = True
        at = 2
        if broker.version == 5:
            at += 1 + body[2]
        n = int.from_bytes(body[at : at + 2], "big")
        filter = body[at + 2 : at + 2 + n].decode()
        if filter in self.asked:
            self.fail(f"SUBSCRIBE to {filter} twice")
        self.asked.add(filter)
        broker.subscribed.add(filter)
        self.put(SUBACK, body[:2] + (b"\0" if broker.version == 5 else b"") + b"\2")
        self.is_open = True

    def take_connect(self, body):
        self.asked = set()
        super().take_connect(body)
        self.is_open = self.is_present

    def ways(self):
        return [way for way in self.scene.down if way.name in self.broker.subscribed or "down/+" in self.broker.subscribed]


class EverydayBroker(Broker):
    line_class = EverydayLine

    def forget_all(self):
        self.subscribed = set()
        super().forget_all()

    def accept(self, peer):
        if self.is_trouble() and self.rng.random() < self.scene.absence:
            self.world.note("away")
            return peer.reset()
        return super().accept(peer)


class EverydayScene(BrokerScene):
    @property
    def c(self):
        return self.client and self.client.c

    @c.setter
    def c(self, value):
        """(The client's.)"""

    def start(self, mgr):
        world = self.world
        more = self.more = random.Random(f"{world.profile.name} {world.seed} everyday")
        self.targets = []
        self.client = None
        quiet = random.Random(f"{world.profile.name} {world.seed} quiet")
        count = more.choice((3, 8, 20))
        self.up = [Way(world, f"up/{qos}", qos, count) for qos in range(3)]
        self.down = [Way(world, f"down/{qos}", qos, count) for qos in range(3)]
        self.pad = b"x" * more.choice((0, 40, 700))
        self.inflight = more.choice((1, 3, 16))
        self.version = more.choice((4, 5))
        self.keep_alive_s = more.choice((1, 2, 4))
        self.slack_us = 15_000_000 if world.profile.tx_heap else 3_000_000
        self.moody = more.choice((0, 0, 0.05))
        self.absence = more.choice((0, 0, 0.4))
        self.has_store = more.random() < 0.6
        self.fs_faults = more.choice((0, 0, 0.02, 0.2)) if self.has_store else 0
        self.resets = more.choice((0, 1, 3)) if self.has_store else 0
        self.reset_at = more.randrange(TROUBLE_US // 4) if self.resets else 1 << 60
        self.in_worker = more.random() < 0.5
        self.worker_ms = more.choice((0, 1, 30, 300))
        self.uses_flash = self.in_worker and more.random() < 0.5
        self.drop = more.choice(("oldest", "newest"))
        self.patterns = more.choice((("down/<name>",), ("down/0", "down/1", "down/2")))
        self.queue = more.choice((2, 8, 32))
        # Quiet: little happens but what is published with one QoS or comes with QoS 2, so resets meet each step of a message's way, and
        # what the client does next does not make up for what it has not saved.
        self.is_quiet = self.has_store and quiet.random() < 0.5
        if self.is_quiet:
            ways = quiet.choice(((self.up[2],), (self.up[1],), (self.down[2],), (self.up[2], self.down[2])))
            for way in self.up + self.down:
                way.count = 12 if way in ways else 0
            self.fs_faults = quiet.choice((0, 0, 0, 0.1))
            self.resets = 10
            self.reset_at = quiet.randrange(2_000_000)
        self.epoch = 0
        self.errors = self.planned = 0
        self.done = [{}, {}, {}]  # what on_done has said, by number
        self.is_subscribed = True
        self.broker = EverydayBroker(self, more, self.version, more.choice((0, 0, 0.2)))
        if not self.broker.repeat:  # (else what is repeated would be taken for the next one's)
            self.broker.ids = quiet.choice((7, 65535))
        self.net.servers[PORT] = self.broker.accept
        self.actors += 1
        self.is_done = False
        if more.random() < 0.3:
            self.timers(mgr)
        self.open_client()
        mgr.max_timers += 1
        mgr.timer(more.choice((20, 200)), self.step, None, True)
        self.timer_scripts.append(self)
        world.fs.chance = self.fs_faults
        world.shares_flash = self.uses_flash

    def open_client(self):
        """A client, as after a start of the device."""
        world = self.world
        from mungo.mqtt.client import Client

        self.epoch += 1
        self.dropped = 0
        client = Client(
            f"mqtt://10.0.0.3:{PORT}",
            id="sim",
            version=self.version,
            keep_alive_s=self.keep_alive_s,
            inflight=self.inflight,
            outbox=self.queue,
            drop=self.drop,
            store=_FOLDER if self.has_store else None,
            store_bytes=8000 if self.drop == "newest" else 60000,  # (after a reset no on_done says what is dropped)
            log=None,
        )
        world.guards.append(client.outbox.lock)
        back_off = client.back_off
        client.back_off = lambda reason: min(back_off(reason), _PAUSE_MS)
        client.event = self.checks.watch(client.event)
        for pattern in self.patterns:
            client.on(pattern, qos=2, worker=self.in_worker)(self.take)
        self.client = client
        self.attach()

    def attach(self):
        world = self.world
        was, world.allocations = world.allocations, None  # (a program that starts has memory)
        try:
            self.client.attach(self.mgr)
        finally:
            world.allocations = was

    # --- the program

    def step(self, _):
        world = self.world
        self.progress()
        if self.is_ending or self.is_done:
            return
        client = self.client
        if world.now > TROUBLE_US:
            world.allocations = None
            world.fs.chance = 0
            self.net.most = world.profile.sockets
        if client.mgr is None:
            return self.open_client()
        if self.has_store and world.fs.faults and not client.store.is_loaded:  # this time all goes without it
            self.excuse_all()
        if self.has_store and sum(file.size for file in client.store.files) > client.store.most + _STATE:
            world.fail("the folder is larger than it may be")
        if world.now > self.reset_at and not client.keeper.is_closing:
            return self.reset()
        if all(way.is_done() for way in self.up) and self.has_all_come() and self.is_settled():
            self.is_done = True
            self.actors -= 1
            client.stop()
        elif world.now > PATIENCE_US:
            ways = [(way.name, way.next, sorted({*range(way.count)} - {*way.found} - way.excused)) for way in self.up + self.down]
            errors = f"errors {self.errors}, planned {self.planned}, {client.stats}, on_done {self.done}"
            under_way = f"{client.session.outgoing}, {self.broker.under_way}, {client.under_way}, waiting {client.outbox.count}"
            world.fail(f"not all has come: missing {ways}, {errors}, {under_way}, {client.store and self.store()}")
        else:
            self.talk()

    def store(self):
        """The store's state, for a failure."""
        store = self.client.store
        entries = [(entry.number, entry.id, entry.is_released) for entry in store.entries]
        files = [(file.number, file.last, file.size, file.faults) for file in store.files]
        flags = store.is_loaded, store.is_direct, store.is_queued, store.is_stale
        return (
            f"entries {entries}, files {files}, {store.unsent} of {store.written}, {flags}, waiting {store.waiting.count}, {store.on_done}"
        )

    def has_all_come(self):
        """Whether what was sent to the client has come. (A worker that finds no memory before it calls the handler is an error of it.)"""
        if any(way.next < way.count for way in self.down):
            return False
        missing = [number for way in self.down[1:] for number in range(way.count) if number not in way.found and number not in way.excused]
        return len(missing) <= max(0, self.errors + self.client.stats["errors"] - self.planned)

    def is_settled(self):
        """Whether nothing is under way, and each on_done was called."""
        client = self.client
        is_idle = not (client.session.outgoing or self.broker.under_way or client.under_way or client.outbox.count)
        if not is_idle or any(None in done.values() for done in self.done):
            return False
        return (
            not self.has_store
            or not client.store.is_loaded
            or not (client.store.waiting.count or client.store.entries or client.store.on_done or client.store.is_stale)
        )

    def talk(self):
        """Publish a little."""
        for way in sorted(self.up, key=lambda way: way.next):
            if way.next < way.count and self.more.random() < (0.2 if self.is_quiet else 0.7):
                number = way.next
                done = self.done[way.qos]
                epoch = self.epoch
                done[number] = None
                try:
                    is_taken = self.client.publish(
                        f"up/{way.qos}",
                        b"%d " % number + self.pad,
                        way.qos,
                        on_done=lambda error, way=way, number=number, epoch=epoch: self.on_done(way, number, epoch, error),
                    )
                except MemoryError:
                    is_taken = False
                if is_taken:
                    way.next = max(way.next, number + 1)
                elif number < way.next:
                    self.world.fail(f"{way.name}: {number} was refused, and has come")
                else:
                    del done[number]

    def on_done(self, way, number, epoch, error):
        world = self.world
        if epoch != self.epoch:
            return  # (it is gone)
        done = self.done[way.qos]
        if number not in done or done[number] is not None:
            world.fail(f"{way.name}: on_done of {number} twice, or for what was not taken")
        done[number] = error or True
        if error is not None:
            way.excused.add(number)
            if error.errno == world.profile.errno["ENOBUFS"]:
                self.dropped += 1
                if self.client.stats["dropped"] < self.dropped:
                    world.fail(f"{way.name}: {number} was dropped, and is not counted")
            if error.errno != world.profile.errno["ENOBUFS"] and not (self.is_ending or self.is_done):
                world.fail(f"{way.name}: on_done of {number} says {error!r}")
            if self.drop == "newest" and not (self.is_ending or self.is_done or self.has_store and world.fs.faults):
                world.fail(f"{way.name}: {number} was dropped, although it was taken")
        elif way.qos and number not in way.found and number not in way.excused:
            world.fail(f"{way.name}: on_done of {number}, which has not come")

    def take(self, msg, name=None):
        """The handler."""
        rng = self.more
        world = self.world
        number, pad = msg.payload.split(b" ")
        if msg.topic != f"down/{msg.qos}" or pad != self.pad or name not in (None, msg.topic[5:]):
            world.fail(f"a message {msg.topic} {msg.payload!r} {name}")
        if self.in_worker:
            world.current.is_stranger = True
            self.sleep_ms(self.worker_ms)
            if self.uses_flash:
                with sys.modules["mungo.port.flash"].flash:
                    world.fs.use()
        self.down[msg.qos].came(int(number))
        if rng.random() < self.moody:
            self.planned += 1
            raise Planned

    def excuse_all(self):
        """What was sent until now may be lost, or come twice."""
        for way in self.up + self.down:
            way.excused.update(range(way.next + 1))

    def reset(self):
        """The device is reset: what is in memory is gone."""
        world = self.world
        client = self.client
        world.note("reset")
        self.resets -= 1
        later = self.more.randrange(TROUBLE_US // (30 if self.is_quiet else 3))
        self.reset_at = world.now + later if self.resets and world.now < TROUBLE_US else 1 << 60
        for way in self.up:
            done = self.done[way.qos]
            for number in [number for number in done if done[number] is None]:
                del done[number]
        message = client.store.waiting.first
        while message is not None:  # what is not on flash
            self.up[message.qos].excused.add(int(message.data.split(b" ")[0]))
            message = message.next
        # One of QoS 1 is sent again as if it were new, maybe one that is done as well: that is written later.
        self.up[1].excused.update(self.up[1].found)
        self.up[1].excused.update(int(message.data.split(b" ")[0]) for message in client.under_way if message.qos == 1)
        if client.workers is not None:
            for call in client.workers.running + client.workers.waiting:
                self.down[call.received.qos].excused.add(int(call.received.payload.split(b" ")[0]))
        if world.fs.faults or client.store.is_stale:  # what could not be saved, for want of memory as well, may be lost, or come twice
            self.excuse_all()
        self.errors += client.stats["errors"]
        client.store.is_loaded = False  # nothing is written any more
        if client.c is not None:
            client.c.is_closing = True
        client.keeper.is_closing = True
        self.epoch += 1

    def is_prompt(self, c):
        return False

    def end(self, mgr):
        self.net.most = self.world.profile.sockets
        self.world.fs.chance = 0
        super(BrokerScene, self).end(mgr)
        for way, done in zip(self.up, self.done, strict=True):
            for number in done:
                if done[number] is None:
                    self.world.fail(f"closed, and {way.name}: on_done of {number} was not called")
