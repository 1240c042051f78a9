"""MQTT packets as brokers of tests need them: their types, and their first bytes."""

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK = range(1, 10)
PINGREQ, PINGRESP, DISCONNECT = range(12, 15)


def packet(type, body=b"", flags=0):
    """A packet as bytes."""
    size = b""
    n = len(body)
    while True:
        n, low = n >> 7, n & 127
        size += bytes((low | (128 if n else 0),))
        if not n:
            return bytes((type << 4 | flags,)) + size + body


def take_packet(data):
    """The first packet in a bytearray, taken off: (its first byte, its body), or None if it is not whole."""
    n = shift = 0
    at = 1
    while at < len(data):
        n |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            if len(data) < at + n:
                return None
            found = data[0], bytes(data[at : at + n])
            del data[: at + n]
            return found
    return None
