# MQTT for tests: a broker's packets by the book, the packets of a client taken apart, and a broker that answers as a test says.

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
