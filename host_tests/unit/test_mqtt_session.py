"""Sessions without a socket: QoS 1 and 2 in both directions over a link that is cut at any packet, with a store that fails at any write,
and a client that is reset there."""

import random

from mqttnet import PUBACK, PUBCOMP, PUBREC, PUBREL, ack, publish, split
from mungo.core.buffer import Buffer
from mungo.mqtt import packets
from mungo.mqtt.packets import Fault, Message, Parser
from mungo.mqtt.session import Session
from raising import raised

MIN_HEAP = "192k"


class Wire:
    """In the place of a connection: `sent` is what has been put. It fails at the n-th packet, if `fails_at` is n."""

    out = None

    def __init__(self, fails_at=-1):
        self.sent = b""
        self.fails_at = fails_at

    def put(self, data):
        self.fails_at -= 1
        if self.fails_at == -1:
            raise MemoryError
        self.sent += bytes(data)
        return True

    def take(self):
        found, size = split(self.sent)
        assert size == len(self.sent)
        self.sent = b""
        return found


def of(data):
    return split(data)[0][0]


def begun(session=None, is_present=False, quota=10, receive_maximum=65535):
    """(a session with a new connection, that)"""
    session = session or Session()
    session.end()
    session.c = Wire()
    session.begin(is_present, quota, receive_maximum, 0)
    return session, session.c


def send(session, payload, qos):
    id = session.next_id()
    packet = packets.publish(b"a", payload, qos, id=id)
    session.add(id, packet)
    session.c.put(packet)
    return id


def message(qos, id, dup=False):
    msg = Message("a", qos << 1 | (8 if dup else 0))
    msg.id = id
    return msg


def test_identifiers_in_use_are_not_given_again():
    session, _ = begun()
    session.last = 65533
    session.asked[65535] = 1
    assert [send(session, b"", 1) for _ in range(3)] == [65534, 1, 2]
    session.last = 65533
    assert session.next_id() == 3
    session.last = 65533
    session.take_ack(PUBACK, 65534, 0)
    assert session.next_id() == 65534


def test_the_quota():
    session, wire = begun(quota=2)
    assert session.has_room and send(session, b"", 1) and session.has_room and send(session, b"", 2) and not session.has_room
    session.take_ack(PUBREC, 2, 0)
    assert not session.has_room
    session.take_ack(PUBCOMP, 2, 0)
    assert session.has_room
    for _ in range(1):
        send(session, b"", 1)
    wire.take()
    _, wire = begun(session, True, quota=1)  # a smaller one: the second waits for the first
    assert not session.has_room and wire.take() == [of(publish("a", b"", 1, 1, dup=1))]
    session.take_ack(PUBACK, 1, 0)
    assert not session.has_room and wire.take() == [of(publish("a", b"", 1, 3, dup=1))]
    session.take_ack(PUBACK, 3, 0)
    assert session.has_room


def test_what_waits_for_the_socket_is_sent_later():
    session, _ = begun()
    for _ in range(3):
        send(session, b"", 1)
    session.end()
    session.c = Wire()
    session.c.out = 1
    session.begin(True, 10, 65535, 0)
    assert session.c.take() == [] and not session.has_room
    session.c.out = None
    session.pump()
    assert len(session.c.take()) == 3 and session.has_room


def test_acknowledgements_that_do_not_fit():
    session, wire = begun()
    send(session, b"", 1)
    send(session, b"", 2)
    for type, id in ((PUBREC, 1), (PUBCOMP, 1), (PUBACK, 2), (PUBCOMP, 2)):
        assert raised(Fault, session.take_ack, type, id, 0).args == (0x82,)
    wire.take()
    for type in (PUBACK, PUBCOMP, PUBREC):
        session.take_ack(type, 9, 0)
    assert wire.take() == [of(ack(PUBREL, 9))] and len(session.outgoing) == 2


def test_held_acknowledgements_of_a_lost_session_are_for_nobody():
    session, wire = begun()
    for qos in (1, 2):
        msg = message(qos, qos)
        session.take(msg)
        msg.hold()
        begun(session, False)
        assert not session.received and not session.late and not session.receipts
        msg.ack()
        assert session.c.take() == []


def test_an_acknowledgement_that_finds_no_memory_is_given_again():
    for qos in (1, 2):
        session, wire = begun()
        msg = message(qos, 7)
        session.take(msg)
        msg.hold()
        wire.fails_at = 0
        raised(MemoryError, msg.ack)
        session.receipts.append(msg.receipt)  # as if it had failed before that was popped
        msg.ack(0x80)  # the reason stays the first
        assert wire.take() == [of(ack(PUBREC if qos == 2 else PUBACK, 7))]
        msg.ack()
        assert wire.take() == []


def test_what_is_acknowledged_between_connections_waits_for_the_next():
    for qos in (1, 2):
        session, _ = begun()
        msg = message(qos, 7)
        session.take(msg)
        msg.hold()
        session.end()
        msg.ack()  # there is no connection
        session.c = wire = Wire()
        msg.ack()  # there is one, which the broker has not accepted
        assert wire.take() == []
        session.begin(True, 10, 65535, 0)
        again = message(qos, 7, dup=True)
        assert session.knows(again)
        session.take_again(again)
        assert wire.take() == [of(ack(PUBREC if qos == 2 else PUBACK, 7))]


def test_a_handler_fails_when_it_has_acknowledged():
    for qos in (1, 2):
        session, wire = begun()
        msg = message(qos, 7)
        session.take(msg)
        msg.hold()
        msg.ack()
        session.drop(msg.receipt)  # which hides no exception of the handler's behind one of its own
        assert wire.take() == [of(ack(PUBREC if qos == 2 else PUBACK, 7))]
        assert session.received == ([7] if qos == 2 else [])  # it has come


def test_another_message_with_the_identifier_of_a_held_one():
    session, _ = begun()
    msg = message(1, 5)
    session.take(msg)
    msg.hold()
    _, wire = begun(session, True)
    new = message(1, 5)  # no DUP: the broker has dropped the first
    assert not session.knows(new)
    session.take(new)
    msg.ack()
    assert wire.take() == []
    session.handled(new)
    assert wire.take() == [of(ack(PUBACK, 5))]


class Cut(Exception):
    """The device is reset."""


class Store:
    """What survives a reset: `messages` in their order, and `received`. At the write number `fails_at` it raises `failure`, before or after
    the write; a Cut after it is none of `receive`, since then it is the handler that is cut, and its message is lost."""

    def __init__(self):
        self.messages = []  # [id, packet]
        self.received = []
        self.fails_at = -1
        self.failure = None
        self.is_after = False
        self.is_dead = False

    def write(self, change, *args):
        self.fails_at -= 1
        fails = self.fails_at == -1
        self.is_dead = self.is_dead or fails and self.failure is Cut
        if self.is_dead and not (fails and self.is_after and change != self.received.append) or fails and self.failure is not Cut:
            raise Cut if self.is_dead else self.failure("store")
        change(*args)
        if fails:
            raise Cut

    def put(self, id, packet):
        self.write(self.messages.append, [id, bytes(packet)])

    def update(self, id):
        self.write(self._set, id)

    def _set(self, id):
        for one in self.messages:
            if one[0] == id:
                one[1] = None

    def remove(self, id):
        self.write(self._remove, id)

    def _remove(self, id):
        self.messages = [one for one in self.messages if one[0] != id]

    def receive(self, id):
        self.write(self.received.append, id)

    def release(self, id):
        self.write(self._release, id)

    def _release(self, id):
        self.received = [one for one in self.received if one != id]

    def session(self):
        """The session after a reset."""
        self.is_dead = False
        session = Session(self)
        for id, packet in self.messages:
            session.restore(id, packet)
        session.received = list(self.received)
        return session


class Broker:
    """The other side, by the book (section 4.3), whose memory is never lost: `got` is what it was sent; it sends `queue`, messages (qos,
    payload). `properties`: b"\\0" for those of a PUBLISH in 5.0."""

    def __init__(self, queue, properties=b""):
        self.properties = properties
        self.got = []
        self.ids = []  # of QoS 2 that wait for PUBREL
        self.queue = queue
        self.sending = None  # (qos, payload, id), is_released
        self.released = False
        self.last = 0

    def connected(self):
        """What it sends first on a new connection."""
        if self.sending is None:
            return b""
        qos, payload, id = self.sending
        return ack(PUBREL, id) if self.released else publish("a", payload, qos, id, dup=1, properties=self.properties)

    def take(self, first, body):
        """Take a packet; what it answers."""
        type = first >> 4
        if type == 3:
            qos = first >> 1 & 3
            id = int.from_bytes(body[3:5], "big")
            if qos == 1 or id not in self.ids:
                self.got.append((qos, body[5 + len(self.properties) :]))
            if qos == 1:
                return ack(PUBACK, id)
            if id not in self.ids:
                self.ids.append(id)
            return ack(PUBREC, id)
        id = int.from_bytes(body[:2], "big")
        if type == PUBREL:
            if id in self.ids:
                self.ids.remove(id)
            return ack(PUBCOMP, id)
        if self.sending is not None and id == self.sending[2]:
            if type == PUBREC:
                self.released = True
                return ack(PUBREL, id)
            if type in (PUBACK, PUBCOMP):
                self.sending = None
        return self.next()

    def next(self):
        if self.sending is None and self.queue:
            self.last = self.last % 5 + 1
            self.sending = self.queue[0] + (self.last,)
            self.queue.pop(0)
            self.released = False
            return publish("a", self.sending[1], self.sending[0], self.last, properties=self.properties)
        return b""


def deliver(session, parser, buf, got):
    """What connection.py does with the packets in `buf`; `got` is what the handler has got."""
    while True:
        ev = parser.parse(buf)
        assert ev >= 0, ev
        if not ev:
            return
        if ev == 1:
            session.take_ack(parser.type, parser.id, parser.reason)
            continue
        msg = parser.message
        if session.knows(msg):
            session.take_again(msg)
            continue
        session.take(msg)
        got.append((msg.qos, msg.payload))
        session.handled(msg)


def run(seed, n):
    """`n` messages of each QoS in each direction, with faults by seed; how often it was cut."""
    rand = random.Random(seed) if hasattr(random, "Random") else random
    if rand is random:
        random.seed(seed)
    store = Store()
    session = store.session()
    broker = Broker([(1 + i % 2, b"%d" % i) for i in range(2 * n)])
    todo = [(1 + i % 2, b"%d" % i) for i in range(2 * n)]
    sent = []
    got = []
    cuts = 0
    while todo or session.outgoing or broker.queue or broker.sending is not None:
        cuts += 1
        assert cuts < 100 * n + 100, (todo, session.outgoing, broker.queue, broker.sending)
        store.fails_at = rand.randint(0, 12) if rand.randint(0, 2) else -1
        store.failure = (Cut, OSError, MemoryError)[rand.randint(0, 2)]
        store.is_after = rand.randint(0, 1) > 0
        wire = session.c = Wire(rand.randint(0, 15) if rand.randint(0, 2) == 0 else -1)
        parser = Parser(100, 100)
        buf = Buffer()
        try:
            session.begin(True, 3, 65535, 0)
            answers = broker.connected() or broker.next()
            for _ in range(rand.randint(1, 30)):
                while todo and session.has_room:
                    qos, payload = todo[0]
                    id = session.next_id()
                    packet = packets.publish(b"a", payload, qos, id=id)
                    if not publish_one(session, id, packet, store, todo, sent):
                        break
                    wire.put(packet)
                buf.append(answers, len(answers))
                deliver(session, parser, buf, got)
                answers = b""
                for first, body in wire.take():
                    if rand.randint(0, 19) == 0:
                        raise OSError  # the link is cut in front of this packet
                    answers += broker.take(first, body)
                answers += broker.next()
        except Cut:
            session = store.session()
        except (OSError, MemoryError):
            pass
        session.end()
    assert sent == [(1 + i % 2, b"%d" % i) for i in range(2 * n)]
    for what, seen in (("published", broker.got), ("received", got)):
        check_order(seed, what, seen, n)
    assert not store.messages and session.received == store.received == []
    return cuts


def publish_one(session, id, packet, store, todo, sent):
    """Add the next message. Whether that failed without a trace: then the program tries again; after a reset it looks into the store."""
    before = len(store.messages)
    try:
        session.add(id, packet)
    except Cut:
        if len(store.messages) > before:
            sent.append(todo.pop(0))
        raise
    except Exception:
        assert session.find(id) is None and len(store.messages) == before
        return False
    sent.append(todo.pop(0))
    return True


def check_order(seed, what, seen, n):
    """QoS 2 has come exactly once, QoS 1 at least once, both in their order."""
    twos = [payload for qos, payload in seen if qos == 2]
    assert twos == [b"%d" % i for i in range(1, 2 * n, 2)], (seed, what, twos)
    ones = []
    for qos, payload in seen:
        if qos == 1 and payload not in ones:
            ones.append(payload)
    assert ones == [b"%d" % i for i in range(0, 2 * n, 2)], (seed, what, ones)


def test_nothing_is_lost_or_doubled_whatever_fails():
    cuts = 0
    for seed in range(60):
        cuts += run(seed, 8)
    assert cuts > 300


def test_a_session_that_only_the_broker_knows_has_identifiers_that_may_be_in_use():
    """They would be taken for those of an earlier program's messages: with QoS 2 the broker would drop what they stand for."""
    first = set()
    for _ in range(4):
        session = Session()
        session.begin(True, 10, 65535, 0)
        first.add(session.next_id())
    assert len(first) > 1
    session = Session()
    session.begin(False, 10, 65535, 0)
    assert session.next_id() == 1
    session.begin(True, 10, 65535, 0)  # its own
    assert session.next_id() == 2
