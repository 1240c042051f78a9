"""An MQTT 5.0 broker with many clients, shared subscriptions, retained messages and wills, which breaks what it can: see `Faults`."""

from ..mqtt_wire import CONNACK, CONNECT, DISCONNECT, PINGREQ, PINGRESP, PUBACK, PUBLISH, SUBACK, SUBSCRIBE, packet, take_packet

UNSUBSCRIBE, UNSUBACK = 10, 11
NO_SUBSCRIBERS = 0x10
_EXPIRY, _SUBSCRIPTION, _RECEIVE_MAXIMUM = 2, 11, 0x21
_SIZES = {1: 1, 2: 4, 0x11: 4, 0x18: 4, 0x21: 2, 0x22: 2, 0x23: 2, 0x27: 4}  # of properties with a fixed one
_PAIR = 0x26


class Faults:
    """What the broker does wrong, with which chance. `is_on`: while there is trouble."""

    is_on = True

    def __init__(self, rng):
        self.lost = rng.choice((0, 0.05, 0.2))  # messages of QoS 0
        self.lost_jobs = rng.choice((0, 0, 0.1))  # that were acknowledged
        self.twice = rng.choice((0, 0.05, 0.3))
        self.late = rng.choice((0, 0.1, 0.5))
        self.late_us = rng.choice((5_000, 100_000, 1_500_000))
        self.gives_on = rng.random() < 0.5  # a dead member's jobs to others, as EMQX
        self.says_nobody = rng.random() < 0.7  # in PUBACK; VerneMQ does not
        self.in_turn = rng.random() < 0.5  # else any member


def varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return n, at


def text(data, at):
    n = int.from_bytes(data[at : at + 2], "big")
    return bytes(data[at + 2 : at + 2 + n]), at + 2 + n


def read_properties(data, at):
    """([(identifier, its bytes)], where they end)."""
    n, at = varint(data, at)
    end = at + n
    found = []
    while at < end:
        kind = data[at]
        start = at = at + 1
        if kind in _SIZES:
            at += _SIZES[kind]
        elif kind == _SUBSCRIPTION:
            _, at = varint(data, at)
        else:
            for _ in range(2 if kind == _PAIR else 1):
                _, at = text(data, at)
        found.append((kind, bytes(data[start:at])))
    return found, end


def write_properties(properties):
    data = b"".join(bytes((kind,)) + value for kind, value in properties)
    n = len(data)
    return (bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7))) + data


def fits(filter, topic):
    want, have = filter.split("/"), topic.split("/")
    return len(want) == len(have) and all(a in ("+", b) for a, b in zip(want, have, strict=True))


class Message:
    """One that is published. `due`: when it expires."""

    def __init__(self, now, topic, payload, qos, retain, properties):
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = [one for one in properties if one[0] != _EXPIRY]
        expiry = dict(properties).get(_EXPIRY)
        self.due = None if expiry is None else now + int.from_bytes(expiry, "big") * 1_000_000


class Line:
    """A connection. `subscriptions`: {filter: (qos, identifier)}."""

    def __init__(self, broker, peer):
        self.broker = broker
        self.world = broker.world
        self.peer = peer
        self.id = None
        self.out = bytearray()
        self.subscriptions = {}
        self.under_way = {}  # of QoS 1: {identifier: (Message, filter)}
        self.waiting = []  # (Message, filter, subscription's identifier), for the receive maximum
        self.number = 0
        self.will = None
        self.is_over = False
        self.heard = self.world.now
        self.keep_alive_us = 20_000_000

    def run(self):
        peer = self.peer
        world = self.world
        data = bytearray()
        while not self.is_over:
            data += peer.take(10_000)
            while not self.is_over:
                found = take_packet(data)
                if not found:
                    break
                self.heard = world.now
                self.take(*found)
            if self.out:
                peer.send(bytes(self.out))
                self.out.clear()
            if peer.is_over() or world.now - self.heard > self.keep_alive_us * 3 // 2:
                break
            peer.until(lambda: peer.inbox or self.out or self.is_over, self.keep_alive_us // 2)
        self.end()

    def end(self):
        """It is over: its will is published, its jobs are lost or given to others."""
        broker = self.broker
        self.is_over = True
        if self.id in broker.lines and broker.lines[self.id] is self:
            del broker.lines[self.id]
            for members in broker.shares.values():
                if self in members:
                    members.remove(self)
            if self.will is not None:
                broker.publish(self.will)
            jobs = [one[0] for one in [*self.under_way.values(), *self.waiting]]
            for message in jobs if broker.faults.gives_on else ():
                if "/job/" in message.topic:
                    broker.publish(message)
        self.peer.close()

    def put(self, type, body=b"", flags=0):
        self.out += packet(type, body, flags)
        self.peer.changed.fire()

    def take(self, first, body):
        """A packet has come."""
        type = first >> 4
        if (type == CONNECT) != (self.id is None):
            self.world.fail(f"a packet of type {type} from {self.id}")
        if type == CONNECT:
            self.take_connect(body)
        elif type == SUBSCRIBE:
            self.take_subscribe(body)
        elif type == UNSUBSCRIBE:
            _, at = read_properties(body, 2)
            filter = text(body, at)[0].decode()
            if filter not in self.subscriptions:
                self.world.fail(f"{self.id} unsubscribes from {filter}, which it has not")
            del self.subscriptions[filter]
            if filter[0] == "$":
                self.broker.shares[filter].remove(self)
            self.put(UNSUBACK, body[:2] + b"\0\0")
        elif type == PUBLISH:
            self.take_publish(first, body)
        elif type == PUBACK:
            id = int.from_bytes(body[:2], "big")
            if id not in self.under_way:
                self.world.fail(f"{self.id} acknowledges {id}")
            del self.under_way[id]
            self.send_waiting()
        elif type == PINGREQ:
            self.put(PINGRESP)
        elif type == DISCONNECT:
            self.will = None
            self.is_over = True
        else:
            self.world.fail(f"{self.id} sends type {type}")

    def take_connect(self, body):
        broker = self.broker
        flags = body[7]
        self.keep_alive_us = int.from_bytes(body[8:10], "big") * 1_000_000
        properties, at = read_properties(body, 10)
        self.receive_maximum = int.from_bytes(dict(properties)[_RECEIVE_MAXIMUM], "big")
        id, at = text(body, at)
        self.id = id.decode()
        if not flags & 2 or not flags & 4:
            self.world.fail(f"CONNECT of {self.id} without a clean start or a will")
        properties, at = read_properties(body, at)
        topic, at = text(body, at)
        payload, at = text(body, at)
        self.will = Message(0, topic.decode(), payload, flags >> 3 & 3, bool(flags & 32), properties)
        self.will_expiry = dict(properties)[_EXPIRY]
        old = broker.lines.get(self.id)
        if old is not None:
            old.end()
        broker.lines[self.id] = self
        self.put(CONNACK, b"\0\0" + write_properties([(0x22, b"\0\0")]))

    def take_subscribe(self, body):
        properties, at = read_properties(body, 2)
        filter, at = text(body, at)
        filter = filter.decode()
        number = dict(properties).get(_SUBSCRIPTION)
        is_shared = filter[0] == "$"
        if is_shared and self not in self.broker.shares.setdefault(filter, []):
            self.broker.shares[filter].append(self)
        self.subscriptions[filter] = body[at] & 3, number
        self.put(SUBACK, body[:2] + b"\0" + bytes((body[at] & 3,)))
        for message in list(self.broker.retained.values()) if not is_shared else ():
            if fits(filter, message.topic):
                self.broker.deliver(self, message, filter, True)

    def take_publish(self, first, body):
        broker = self.broker
        qos = first >> 1 & 3
        topic, at = text(body, 0)
        topic = topic.decode()
        id = body[at : at + 2] if qos else b""
        properties, at = read_properties(body, at + len(id))
        levels = topic.split("/")
        name = self.id.rpartition("-")[0]
        if levels[1] != "job" and levels[-1] != name:
            self.world.fail(f"{self.id} publishes to {topic}")
        self.world.note("publish", topic, body[at : at + 80])
        reason = broker.publish(Message(self.world.now, topic, body[at:], qos, bool(first & 1), properties))
        if qos:
            self.put(PUBACK, id + (bytes((reason, 0)) if reason else b""))

    def add(self, message, filter, qos, number, is_retained):
        """Send a message, when there is room for it."""
        if self.is_over or (filter[0] != "$" and filter not in self.subscriptions):
            return
        if message.due is not None and message.due <= self.world.now:
            return
        if qos:
            self.waiting.append((message, filter, number))
            self.send_waiting()
        else:
            self.send(message, number, 0, is_retained)

    def send_waiting(self):
        while self.waiting and len(self.under_way) < self.receive_maximum:
            message, filter, number = self.waiting.pop(0)
            if message.due is None or message.due > self.world.now:
                self.number = self.number % 65535 + 1
                self.under_way[self.number] = message, filter
                self.send(message, number, self.number, False)

    def send(self, message, number, id, is_retained):
        properties = list(message.properties)
        if message.due is not None:
            properties.append((_EXPIRY, max(1, (message.due - self.world.now) // 1_000_000).to_bytes(4, "big")))
        if number:
            properties.append((_SUBSCRIPTION, number))
        topic = message.topic.encode()
        head = len(topic).to_bytes(2, "big") + topic + (id.to_bytes(2, "big") if id else b"")
        self.put(PUBLISH, head + write_properties(properties) + message.payload, (2 if id else 0) | is_retained)


class FleetBroker:
    """What the broker has."""

    def __init__(self, world, rng):
        self.world = world
        self.rng = rng
        self.faults = Faults(rng)
        self.lines = {}  # by the client's id
        self.shares = {}  # {filter: [Line]}
        self.retained = {}  # by topic
        self.away_until = 0

    def accept(self, peer):
        if self.world.now < self.away_until:
            return peer.reset()
        self.world.spawn("broker", Line(self, peer).run)

    def restart(self, us, keeps):
        """It is killed, and there again in so many microseconds; its retained messages may be lost."""
        self.away_until = self.world.now + us
        for line in list(self.lines.values()):
            if not keeps:
                line.will = None
            line.is_over = True
            line.peer.reset()
            line.peer.changed.fire()
        if not keeps:
            self.retained.clear()

    def publish(self, message):
        """Hand a message to all that want it. Returns the reason for PUBACK."""
        if message.retain:
            self.retained.pop(message.topic, None)
            if message.payload:
                self.retained[message.topic] = message
        found = False
        for line in list(self.lines.values()):
            for filter in list(line.subscriptions):
                if filter[0] != "$" and fits(filter, message.topic):
                    found = True
                    self.deliver(line, message, filter)
        for filter, members in self.shares.items():
            if members and fits(filter.split("/", 2)[2], message.topic):
                found = True
                for _ in range(self.copies(self.faults.lost_jobs)):
                    line = members[0] if self.faults.in_turn else self.rng.choice(members)
                    members.remove(line)
                    members.append(line)
                    self.deliver(line, message, filter, copies=1)
        return NO_SUBSCRIBERS if not found and self.faults.says_nobody else 0

    def copies(self, lost):
        """How often a message is delivered."""
        faults = self.faults
        if not faults.is_on:
            return 1
        if self.rng.random() < lost:
            self.world.note("lost")
            return 0
        return 2 if self.rng.random() < faults.twice else 1

    def deliver(self, line, message, filter, is_retained=False, copies=None):
        """To one subscriber: late, twice, or not at all."""
        faults = self.faults
        qos, number = line.subscriptions[filter]
        qos = min(qos, message.qos)
        for _ in range(self.copies(faults.lost) if copies is None else copies):
            if faults.is_on and self.rng.random() < faults.late:
                us = self.rng.randrange(faults.late_us)
                self.world.after(us, lambda: line.add(message, filter, qos, number, is_retained))
            else:
                line.add(message, filter, qos, number, is_retained)
