"""An MQTT broker that breaks connections, falls silent, delivers late and again, and a program that comes back to it with its session.

Both sides number what they publish: QoS 0, 1 and 2, each with a topic of its own, in both directions. For some time the broker makes
trouble, and memory and descriptors run out; then all that is owed has to come. QoS 1 comes at least once, QoS 2 exactly once, each topic
in order, and whoever is silent is left within the keep-alive. A broker that has lost its session owes less: see `judge`.
"""

import random

from ..mqtt_wire import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    packet,
    take_packet,
)
from .checks import Planned
from .scenario import Scene

FIRST_SEED = 2_000_000  # from here on the seeds are of these scenes
PORT = 1883
TROUBLE_US = 30_000_000  # so long
PATIENCE_US = 95_000_000  # by then all has come
_WINDOW = 6  # messages to the client that may be under way
_RECEIVE_MAXIMUM = 5  # of the broker's in 5.0
_ALIASES = 2
_ERROR, _CLOSE, _WRITE, _MQTT_CMD, _MQTT_MSG, _MQTT_OPEN = 0, 9, 8, 15, 16, 17


class Way:
    """The messages of one QoS in one direction: which have come, as often as they have."""

    def __init__(self, world, name, qos, count):
        self.world = world
        self.name = name
        self.qos = qos
        self.count = count
        self.next = 0  # that is published
        self.found = []
        self.excused = set()  # numbers that may come twice, or not at all: a session was lost

    def came(self, number):
        """A message has come."""
        found = self.found
        if number not in range(self.next):
            self.world.fail(f"{self.name}: {number} has come, which was not sent")
        if number in found:
            if self.qos != 1 and number not in self.excused:
                self.world.fail(f"{self.name}: {number} twice")
        elif found and number < max(found) and number not in self.excused:
            self.world.fail(f"{self.name}: {number} after {max(found)}")
        found.append(number)

    def is_done(self):
        """Whether all has come that has to."""
        if self.next < self.count:
            return False
        return not self.qos or all(number in self.found or number in self.excused for number in range(self.count))


class Broker:
    """What the broker remembers. Each connection is a Line."""

    def __init__(self, scene, rng, version, forget):
        self.scene = scene
        self.world = scene.world
        self.rng = rng
        self.version = version
        self.forget = forget  # how likely it loses its session with a connection
        self.delay = rng.choice((0, 0, 20_000, 300_000))
        self.repeat = rng.choice((0, 0.1, 0.4)) if version == 4 else 0  # (5.0 forbids it, section 4.4)
        self.cut = rng.choice((40, 200, 600, 3000))  # bytes: connections break within so many
        self.ids = 65535  # so many identifiers are used in turn
        self.line = None  # the last one
        self.has_session = False
        self.forget_all()

    def forget_all(self):
        """It has no session any more: what was under way is lost, or comes twice."""
        self.has_session = False
        for way, number, _, _ in getattr(self, "under_way", {}).values():
            way.excused.add(number)
        for way in self.scene.up if self.line else ():
            # What has come may come once more, and what the client has from PUBREC on counts as delivered.
            way.excused.update(range(way.next + 1))
        self.under_way = {}  # identifier: [its Way, number, whether its PUBREC has come, whether it is subscribed]
        self.received = set()  # identifiers of QoS 2
        self.id = 0

    def next_id(self):
        """An identifier that is not in use."""
        id = self.id
        while True:
            id = id % self.ids + 1
            if id not in self.under_way:
                return id

    def accept(self, peer):
        """A client connects."""
        self.world.spawn("broker", self.serve, peer)

    def serve(self, peer):
        peer.slowness = self.rng.choice((0, 0, 0, 30_000))
        line = self.line = self.line_class(self, peer)
        line.run()
        if self.is_trouble() and self.rng.random() < self.forget and self.line is line:
            self.world.note("forget")
            self.forget_all()

    def is_trouble(self):
        return self.world.now < TROUBLE_US


class Line:
    """One connection of the broker."""

    def __init__(self, broker, peer):
        self.broker = broker
        self.world = broker.world
        self.scene = broker.scene
        self.rng = broker.rng
        self.peer = peer
        self.c = self.scene.c
        self.data = bytearray()
        self.out = []  # (when, bytes)
        self.is_accepted = self.is_open = self.is_present = self.is_over = False
        self.heard = self.world.now
        self.keep_alive_us = 0
        self.silent_since = None
        self.taken = set()  # identifiers of the client's messages, until their end is sent
        self.aliases = {}
        self.window = _WINDOW
        self.left = [1 << 40, 1 << 40]  # bytes in and out, until it breaks
        if broker.is_trouble() and self.rng.random() < 0.8:
            self.left[self.rng.randrange(2)] = self.rng.randrange(broker.cut)

    def run(self):
        peer = self.peer
        world = self.world
        while self.broker.line is self and not self.is_over:
            data = peer.take(min(self.left[0], 10_000))
            self.left[0] -= len(data)
            self.data += data
            while not self.is_over:
                found = take_packet(self.data)
                if not found:
                    break
                self.heard = world.now
                self.take(*found)
            if self.is_open:
                self.send_more()
            while self.out and self.out[0][0] <= world.now and self.left[1] > 0:
                data = self.out.pop(0)[1][: self.left[1]]
                self.left[1] -= len(data)
                peer.send(data)
            if min(self.left) <= 0:
                return self.break_off()
            if peer.is_over():
                break
            limit = self.keep_alive_us * 3 // 2
            if limit and world.now - self.heard > limit + self.scene.slack_us and not peer.slowness and not self.scene.is_ending:
                world.fail("the client has sent nothing for one and a half times of keep-alive")
            due = self.out[0][0] if self.out else world.now + 250_000
            peer.until(lambda: peer.inbox, max(due - world.now, 100))
        peer.close()

    def break_off(self):
        how = self.rng.choice(("reset", "close", "vanish", "silence"))
        self.world.note("fault", how, self.left)
        if how in ("reset", "close"):
            return getattr(self.peer, how)()
        if how == "vanish":
            self.peer.vanish()
        self.silent_since = self.world.now
        while self.broker.line is self and not self.peer.is_over() and self.world.now < PATIENCE_US:
            self.peer.until(lambda: False, 1_000_000)

    # --- packets

    def put(self, type, body=b"", flags=0):
        """Send a packet, maybe later, behind those before it."""
        rng = self.rng
        when = self.world.now + (rng.randrange(self.broker.delay) if self.broker.delay and rng.random() < 0.3 else 0)
        if self.out:
            when = max(when, self.out[-1][0])
        is_again = type in (PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP) and (type != PUBLISH or flags & 6)
        self.out.append((when, packet(type, body, flags)))
        if is_again and rng.random() < self.broker.repeat:
            self.out.append((when, packet(type, body, flags | 8 if type == PUBLISH else flags)))

    def fail(self, text):
        self.world.fail(f"the client has sent {text}")

    def take(self, first, body):
        """A packet of the client's has come."""
        broker = self.broker
        type = first >> 4
        number = int.from_bytes(body[:2], "big")
        if (type == CONNECT) == self.is_accepted:
            self.fail(f"type {type}, accepted: {self.is_accepted}")
        if type != PUBLISH and first & 15 != (2 if type in (PUBREL, SUBSCRIBE) else 0):
            self.fail(f"a first byte {first:#x}")
        if type == CONNECT:
            return self.take_connect(body)
        # (Real ones have the session from CONNECT on. If then CONNACK is lost, no client ever learns that its session was.)
        broker.has_session = True
        if type == SUBSCRIBE:
            self.put(SUBACK, body[:2] + (b"\0" if broker.version == 5 else b"") + b"\2")
            self.is_open = True
        elif type == PUBLISH:
            self.take_publish(first, body)
        elif type == PUBACK:
            self.end(number, 1)
        elif type == PUBREC:
            one = broker.under_way.get(number)
            if one:
                one[2] = True
                self.put(PUBREL, body[:2], 2)
        elif type == PUBREL:
            broker.received.discard(number)
            self.taken.discard(number)
            self.put(PUBCOMP, body[:2])
        elif type == PUBCOMP:
            self.end(number, 2)
        elif type == PINGREQ:
            self.put(PINGRESP)
        elif type == DISCONNECT:
            self.is_over = True
        else:
            self.fail(f"type {type}")

    def take_connect(self, body):
        broker = self.broker
        if body[:7] != b"\0\4MQTT" + bytes((broker.version,)) or body[7] & 3:
            self.fail(f"a CONNECT {body!r}")
        self.is_accepted = True
        self.keep_alive_us = int.from_bytes(body[8:10], "big") * 1_000_000
        present = self.is_present = broker.has_session
        properties = b""
        if broker.version == 5:
            properties = b"\6\x21" + _RECEIVE_MAXIMUM.to_bytes(2, "big") + b"\x22" + _ALIASES.to_bytes(2, "big")
            if body[10:11] != b"\0":
                self.window = int.from_bytes(body[12:14], "big")
        self.put(CONNACK, bytes((present, 0)) + properties)
        for id, (way, number, is_released, _) in broker.under_way.items():
            if is_released:
                self.put(PUBREL, id.to_bytes(2, "big"), 2)
            else:
                self.publish(id, way, number, 8)
        self.is_open = present and self.scene.is_subscribed

    def end(self, id, qos):
        """A message is over."""
        one = self.broker.under_way.get(id)
        if one:
            if one[0].qos != qos or qos == 2 and not one[2]:
                self.fail(f"an acknowledgement of QoS {qos} for {one}")
            del self.broker.under_way[id]

    def take_publish(self, first, body):
        broker = self.broker
        qos = first >> 1 & 3
        n = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:n].decode()
        id = body[n : n + 2] if qos else b""
        at = n + len(id)
        if broker.version == 5:
            properties = body[at + 1 : at + 1 + body[at]]
            at += 1 + body[at]
            if properties:
                alias = properties[1] << 8 | properties[2]
                if properties[0] != 0x23 or not 0 < alias <= _ALIASES:
                    self.fail(f"properties {properties!r}")
                if topic:
                    self.aliases[alias] = topic
                topic = self.aliases.get(alias)
        if topic != f"up/{qos}":
            self.fail(f"the topic {topic} with QoS {qos}")
        number, pad = body[at:].split(b" ")
        number = int(number)
        if pad.strip(b"x"):
            self.fail(f"the payload {body[at:]!r}")
        way = self.scene.up[qos]
        identifier = int.from_bytes(id, "big")
        if first & 8 and not self.is_present:
            self.fail("DUP, and there is no session")
        if qos and self.is_present and not first & 8 and number in way.found and number not in way.excused:
            self.fail(f"{topic} {number} again, without DUP")
        if qos:
            self.taken.add(identifier)
            most = min(self.scene.inflight, _RECEIVE_MAXIMUM if broker.version == 5 else 1 << 16)
            if len(self.taken) > most:
                self.fail(f"{len(self.taken)} messages at once, and {most} are allowed")
        if qos == 2:
            self.put(PUBREC, id)
            if identifier in broker.received:
                return
            broker.received.add(identifier)
        elif qos:
            self.taken.discard(identifier)
            self.put(PUBACK, id)
        way.next = max(way.next, number + 1)  # (its call may not have returned yet)
        way.came(number)

    def publish(self, id, way, number, dup=0):
        name = b"down/%d" % way.qos
        body = len(name).to_bytes(2, "big") + name + (id.to_bytes(2, "big") if id else b"") + (b"\0" if self.broker.version == 5 else b"")
        self.put(PUBLISH, body + b"%d " % number + self.scene.pad, dup | way.qos << 1)

    def ways(self):
        """Those that the client has subscribed to."""
        return self.scene.down

    def send_more(self):
        """Send what may be sent."""
        broker = self.broker
        while len(broker.under_way) < min(self.window, _WINDOW) and len(self.out) < 20:
            ways = [way for way in self.ways() if way.next < way.count]
            if not ways:
                return
            way = min(ways, key=lambda way: (way.next, way.qos))
            number = way.next
            way.next += 1
            if way.qos:
                broker.id = broker.next_id()
                broker.under_way[broker.id] = [way, number, False, True]
            self.publish(broker.id if way.qos else 0, way, number)


Broker.line_class = Line


class BrokerScene(Scene):
    """A program with one session, which connects again and again, beside some of what the other scenes have."""

    def start(self, mgr):
        world = self.world
        more = self.more = random.Random(f"{world.profile.name} {world.seed} mqtt")
        self.targets = []
        count = more.choice((3, 10, 25))
        self.up = [Way(world, f"up/{qos}", qos, count) for qos in range(3)]
        self.down = [Way(world, f"down/{qos}", qos, count) for qos in range(3)]
        self.pad = b"x" * more.choice((0, 40, 700, 3000))
        self.inflight = more.choice((1, 3, 16))
        self.version = more.choice((4, 5))
        self.receive_maximum = more.choice((None, 1, 3)) if self.version == 5 else None
        self.keep_alive_s = more.choice((1, 2, 4))
        # (On RP2 all wait for the memory that a connection without a peer holds, see core/send_memory.py.)
        self.slack_us = 15_000_000 if world.profile.tx_heap else 3_000_000
        self.moody = more.choice((0, 0, 0.05))
        self.late = more.choice((0, 0, 0.3))  # how many acknowledgements are held
        self.c = None
        self.is_subscribed = False
        self.asked = None  # the identifier of the SUBSCRIBE under way
        self.held = []
        from mungo.mqtt.session import Session

        self.session = Session()
        self.broker = Broker(self, more, self.version, more.choice((0, 0, 0.2)))
        self.net.servers[PORT] = self.broker.accept
        self.actors += 1
        self.is_done = False
        for part in (self.timers, self.echo, self.pipes):
            if more.random() < 0.2:
                try:
                    part(mgr)
                except OSError:
                    world.note("not enough sockets")
        mgr.max_timers += 1
        mgr.timer(more.choice((20, 200)), self.step, None, True)
        self.timer_scripts.append(self)

    # --- the program

    def step(self, _):
        """Connect if there is no connection, and publish."""
        world = self.world
        self.progress()
        if self.is_ending or self.is_done:
            return
        if world.now > TROUBLE_US:
            world.allocations = None
            self.net.most = world.profile.sockets
        is_idle = not (self.held or self.session.outgoing or self.broker.under_way)
        if is_idle and all(way.is_done() for way in self.up + self.down):
            self.is_done = True
            self.actors -= 1
            if self.c is not None:
                self.c.disconnect()
        elif world.now > PATIENCE_US:
            ways = [(way.name, way.next, len(set(way.found)), sorted(way.excused)[-1:]) for way in self.up + self.down]
            world.fail(f"not all has come: {ways}, {self.session.outgoing}, {self.broker.under_way}")
        elif self.c is None:
            self.connect()
        else:
            self.talk()

    def connect(self):
        options = {"properties": {"receive_maximum": self.receive_maximum}} if self.receive_maximum else {}
        try:
            self.c = self.mgr.mqtt_connect(
                f"mqtt://10.0.0.3:{PORT}",
                self.checks.watch(self.handler),
                id="sim",
                version=self.version,
                clean=False,
                keep_alive_s=self.keep_alive_s,
                session=self.session,
                inflight=self.inflight,
                **options,
            )
        except (OSError, MemoryError):
            self.world.note("no connection")

    def talk(self):
        """Subscribe and publish, as far as the connection takes it, and acknowledge what is held."""
        c = self.c
        try:
            if not self.is_subscribed and not self.asked:
                self.asked = c.subscribe("down/#", qos=2)
            while self.held and self.more.random() < 0.7:
                self.held[0].ack()
                self.held.pop(0)
            for way in sorted(self.up, key=lambda way: way.next):
                if way.next < way.count and c.publish(f"up/{way.qos}", b"%d " % way.next + self.pad, way.qos):
                    way.next += 1
        except MemoryError:
            self.world.note("not published")

    def handler(self, c, ev, data, _):
        if ev == _MQTT_OPEN:
            self.asked = None
            if not data.session_present:
                self.is_subscribed = False
            if c.stage != 2 or self.session.c is not c:
                self.world.fail("EV_MQTT_OPEN, and it is not open")
            self.talk()
        elif ev == _MQTT_MSG:
            self.take(data)
        elif ev == _MQTT_CMD:
            if data.type == SUBACK and data.id == self.asked:
                self.is_subscribed = True
            if data.type in (SUBACK, PUBACK, PUBCOMP):
                self.talk()
        elif ev == _WRITE:
            self.talk()
        elif ev == _ERROR:
            if "fault" in data:
                self.world.fail(f"the client says {data}")
            if "PINGRESP" in data and self.is_prompt(c):
                self.world.fail("the client has missed a PINGRESP")
        elif ev == _CLOSE and c is self.c:
            self.c = self.asked = None

    def take(self, msg):
        """A message has come."""
        rng = self.more
        number, pad = msg.payload.split(b" ")
        if msg.topic != f"down/{msg.qos}" or pad != self.pad:
            self.world.fail(f"a message {msg.topic} {msg.payload!r}")
        if self.broker.is_trouble() and rng.random() < self.moody:
            raise Planned
        if msg.qos and rng.random() < self.late:
            msg.hold()
            self.held.append(msg)
        self.down[msg.qos].came(int(number))

    def is_prompt(self, c):
        """Whether this connection's broker still answers, and soon."""
        line = self.broker.line
        is_slow = self.world.profile.tx_heap or self.keep_alive_s < 2 or line.peer.slowness
        return line.c is c and line.silent_since is None and not line.peer.is_closed and not is_slow

    def look(self):
        """After each turn: is a silent broker kept?"""
        line = self.broker.line
        if line is None or line.silent_since is None or line.c is None or self.checks.open.get(line.c.id) is not line.c:
            return
        limit = 2 * self.keep_alive_s * 1_000_000 + self.mgr.write_ms * 1000
        if line.c.stage != 2:
            limit = self.mgr.connect_ms * 1000
        if self.world.now - line.silent_since > limit + self.slack_us:
            self.world.fail(f"a broker is silent for {(self.world.now - line.silent_since) / 1e6} s, and is kept")

    def end(self, mgr):
        self.net.most = self.world.profile.sockets
        super().end(mgr)
        if self.session.c is not None:
            self.world.fail("closed, and the session has a connection")
