# A broker's part for tests of the everyday client, without a wire: what the connection would do, by hand.

import mungo
from mungo.core.connection import Connection
from mungo.mqtt.client import Client
from mungo.mqtt.packets import Message, Parser

OPEN, CMD, MSG = mungo.EV_MQTT_OPEN, mungo.EV_MQTT_CMD, mungo.EV_MQTT_MSG
PUBACK, PUBREC, PUBCOMP, SUBACK = 4, 5, 7, 9


class Five:
    broker = {}  # the properties of its CONNACK


class Wire(Connection):
    """In the place of an MQTT connection: it notes what the client does, and plays what the broker does."""

    five = Five  # of 5.0
    room = 1000  # messages of QoS 1 and 2 that may be under way
    reason = 0
    properties = None

    def __init__(self, mgr, fn, url, options):
        self.url = url
        self.options = options
        self.published = []  # (topic, payload, qos, retain, id)
        self.subscribed = []  # (filter, options, id)
        self.unsubscribed = []  # filters
        self.last_id = 0
        self.is_disconnected = False
        self.failures = []  # what its calls raise first
        Connection.__init__(self, mgr, None, fn, None)

    def put(self, data):
        return False

    def together(self, fn):
        fn()

    def look(self):
        """(No poll looks at it.)"""

    def publish(self, topic, payload=b"", qos=0, retain=False, properties=None):
        if self.failures:
            raise self.failures.pop()
        if qos and self.room < 1:
            return False
        id = True
        if qos:
            self.room -= 1
            id = self.next_id()
        self.published.append((topic, payload, qos, retain, id, properties))
        return id

    def subscribe(self, *filters, **options):
        if self.failures:
            raise self.failures.pop()
        id = self.next_id()
        self.subscribed.append((filters[0], options, id))
        return id

    def unsubscribe(self, filter):
        if self.room < 1:
            return False
        self.unsubscribed.append(filter)
        return self.next_id()

    def next_id(self):
        self.last_id += 1
        return self.last_id

    def disconnect(self):
        self.is_disconnected = True
        self.is_closing = True
        return True

    # --- the broker's part

    def accept(self, session_present=False):
        packet = Parser(100, 100)
        packet.type = 2
        packet.session_present = session_present
        self.emit(OPEN, packet)

    def acknowledge(self, type, id, reason=0, reasons=b""):
        packet = Parser(100, 100)
        packet.type = type
        packet.id = id
        packet.reason = reason
        packet.reasons = reasons
        self.emit(CMD, packet)

    def bring(self, topic, payload=b"", qos=0, id=0, properties=None, failures=(), cannot_hold=False):
        """A message comes; returns its Receipt, or None with QoS 0. `failures`: what its acknowledgement raises first."""
        msg = Message(topic, qos << 1, len(payload))
        msg.payload = payload
        msg.id = id
        msg.properties = properties
        if qos:
            msg.session = msg.receipt = Receipt()
            msg.receipt.failures = list(failures)
            msg.receipt.cannot_hold = cannot_hold
        self.emit(MSG, msg)
        if qos and not msg.receipt.is_held and not self.is_closing:
            msg.receipt.give(0)
        return msg.receipt

    def refuse(self, reason, properties=None, text="refused"):
        self.reason = reason
        self.properties = properties
        self.error(text)


class Receipt:
    is_held = False
    given = None

    def hold(self, msg):
        if self.cannot_hold:
            raise MemoryError
        self.is_held = True

    def give(self, reason):
        if self.failures:
            raise self.failures.pop()
        assert self.given is None
        self.given = reason


class Net(mungo.Manager):
    """A manager whose MQTT connections are Wires."""

    def __init__(self, **limits):
        self.wires = []
        self.fails = None  # what mqtt_connect raises
        mungo.Manager.__init__(self, **limits)

    def mqtt_connect(self, url, fn, fn_data=None, **options):
        if self.fails:
            raise self.fails
        wire = Wire(self, fn, url, options)
        self.wires.append(wire)
        return wire


class Quiet:
    """The log of a client."""

    def __init__(self):
        self.lines = []

    def __call__(self, line):
        self.lines.append(line)


def client(url="mqtt://broker:1883", **options):
    options.setdefault("log", Quiet())
    return Client(url, **options)


def connected(mgr, mqtt, session_present=False):
    """Attach the client, and accept it; the Wire."""
    mqtt.attach(mgr)
    mgr.wires[-1].accept(session_present)
    return mgr.wires[-1]


def payloads(wire):
    return [one[1] for one in wire.published]
