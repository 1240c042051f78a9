# MQTT for tests: a broker's packets by the book, the packets of a client taken apart, and a broker that answers as a test says.

import mungo
from net import tcp_listen
from waiting import until

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = range(1, 12)
PINGREQ, PINGRESP, DISCONNECT, AUTH = range(12, 16)


def varint(n):
    data = b""
    while True:
        n, low = n >> 7, n & 127
        data += bytes((low | (128 if n else 0),))
        if not n:
            return data


def word(n):
    return n.to_bytes(2, "big")


def string(value):
    """Text or bytes behind their length."""
    data = value.encode() if isinstance(value, str) else value
    return word(len(data)) + data


def packet(type, body=b"", flags=None):
    """A packet of this type; `flags`: the low bits of its first byte."""
    if flags is None:
        flags = 2 if type in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0
    return bytes((type << 4 | flags,)) + varint(len(body)) + body


def props(*parts):
    """Properties of 5.0, whose bytes are given, behind their length."""
    body = b"".join(parts)
    return varint(len(body)) + body


def connack(reason=0, present=0, properties=b""):
    """`properties`: of `props`, for 5.0."""
    return packet(CONNACK, bytes((present, reason)) + properties)


def publish(topic, payload=b"", qos=0, id=0, retain=0, dup=0, properties=b""):
    """`properties`: of `props`, for 5.0."""
    body = string(topic) + (word(id) if qos else b"") + properties + payload
    return packet(PUBLISH, body, dup << 3 | qos << 1 | retain)


def ack(type, id, more=b""):
    """`more`: of 5.0, the reason code and properties; or the codes of a SUBACK."""
    return packet(type, word(id) + more)


def split(data):
    """([(first byte, the rest behind the length)] of the packets in `data`, how many of its bytes they are)."""
    found = []
    at = 0
    while at < len(data):
        a = at + 1
        n = shift = 0
        byte = 128
        while byte > 127 and a < len(data):
            byte = data[a]
            n |= (byte & 127) << shift
            shift += 7
            a += 1
        if byte > 127 or a + n > len(data):
            break
        found.append((data[at], data[a : a + n]))
        at = a + n
    return found, at


class Broker:
    """`with Broker() as broker`: a manager with a client's connection `c`, made by `connect`, and the broker's end of it, which sends what
    the test says. `events`: those of the client's handler."""

    def __init__(self, **limits):
        limits.setdefault("linger_ms", 50)  # the peer does not close
        self.mgr = mungo.Manager(**limits)
        self.peers = []  # the broker's connections, newest last
        self.events = []
        self.on_event = None  # called as on_event(c, ev, data)
        self.version = 4
        self.port = tcp_listen(self.mgr, self.serve)

    def serve(self, c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            self.peers.append(c)
            c.got = b""
        elif ev == mungo.EV_READ:
            c.got += c.recv.read()

    def handler(self, c, ev, data, fn_data):
        if ev == mungo.EV_MQTT_CMD or ev == mungo.EV_MQTT_OPEN:
            kept = (data.type, data.id, data.reason, data.reasons, data.session_present) if data.type != PUBLISH else (PUBLISH, data.id)
        elif ev == mungo.EV_MQTT_MSG:
            kept = (data.topic, data.payload)
        else:
            kept = data
        self.events.append((ev, kept))
        if self.on_event:
            self.on_event(c, ev, data)

    def connect(self, answer=True, **options):
        """Connect, and have the broker accept it, unless `answer` is False; a str or bytes: its CONNACK. Returns the connection."""
        options.setdefault("id", "me")
        self.version = options.get("version", 4)
        n = len(self.peers)
        before = len(self.seen(mungo.EV_MQTT_OPEN, mungo.EV_CLOSE))
        self.c = self.mgr.mqtt_connect("mqtt://127.0.0.1:%d" % self.port, self.handler, **options)
        self.until(lambda: len(self.peers) > n and self.packets())
        if answer:
            self.send(answer if isinstance(answer, bytes) else connack(0, 0, self.none))
            self.until(lambda: len(self.seen(mungo.EV_MQTT_OPEN, mungo.EV_CLOSE)) > before)
            self.take()
        return self.c

    @property
    def none(self):
        """No properties."""
        return b"\0" if self.version == 5 else b""

    @property
    def peer(self):
        return self.peers[-1]

    def send(self, data):
        self.peer.send(data)

    def packets(self):
        """The packets of the client that have come and are not taken."""
        return split(self.peer.got)[0]

    def take(self, n=None):
        """Wait for `n` packets of the client, and take them."""
        if n is not None:
            self.until(lambda: len(self.packets()) >= n)
        found, size = split(self.peer.got)
        assert n is None or len(found) == n, found
        self.peer.got = self.peer.got[size:]
        return found

    def seen(self, *kinds):
        return [data for ev, data in self.events if ev in kinds]

    def until(self, ready, ms=10000):
        until(ready, self.mgr, ms)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mgr.close(5000)
