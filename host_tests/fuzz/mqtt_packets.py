"""Targets: what an MQTT broker sends."""

from mungo.core.buffer import Buffer
from mungo.mqtt.packets import Parser
from mungo.mqtt.topics import encode_filter, encode_topic, match
from mungo.mqtt.version5 import Version5

HEAD = 60
MOST = 40
CODES = (0x81, 0x82, 0x90, 0x94, 0x95, 0x99)


def events(pieces, is_5):
    """What a parser says of these pieces, as test_mqtt_packets.py."""
    parser = Parser(HEAD, MOST, Version5(4, {"topic_alias_maximum": 4, "authentication_method": "M"}) if is_5 else None, 1000)
    buf = Buffer()
    found = []
    for piece in filter(None, pieces):
        buf.append(piece, len(piece))
        while True:
            ev = parser.parse(buf)
            if ev < 0:
                return found + [ev]
            if not ev:
                break
            msg = parser.message
            if ev == 2:
                if not (len(msg.payload) <= MOST and 0 <= msg.at and msg.at + len(msg.payload) <= msg.length <= 1000):
                    raise AssertionError("%d %d %d" % (msg.at, len(msg.payload), msg.length))
                if encode_topic(msg.topic) is None or msg.qos > 2 or (msg.qos > 0) != (msg.id > 0):
                    raise AssertionError("%r" % msg.topic)
                found.append((msg.topic, msg.payload, msg.qos, msg.id, msg.retain, msg.dup, msg.at, msg.more, properties(msg.properties)))
            else:
                found.append((parser.type, parser.id, parser.reason, parser.reasons, properties(parser.properties)))
        if buf.end - buf.start > len(piece) + HEAD + MOST + 5:
            raise AssertionError("it keeps %d bytes" % (buf.end - buf.start))
    return found


def properties(found):
    return found and sorted([(name, found[name]) for name in found])


def packets(data):
    """A broker's bytes, the first says of which version: the same packets however they are cut, each within the limits; or a reason code
    of the list."""
    if not data:
        return None
    is_5 = data[0] & 1
    data = bytes(data[1:])
    found = events([data], is_5)
    if events([data[at : at + 1] for at in range(len(data))], is_5) != found:
        raise AssertionError("byte by byte")
    at = len(data) // 2
    if events([data[:at], data[at:]], is_5) != found:
        raise AssertionError("in two")
    if found and isinstance(found[-1], int) and -found[-1] not in CODES:
        raise AssertionError("%d" % found[-1])
    return found


def topics(data):
    """A filter and a topic with a blank between: as text, or refused. One selects the other as the levels say, one by one."""
    try:
        filter, _, topic = str(bytes(data), "utf-8").partition(" ")
    except (UnicodeError, ValueError):
        return None
    for one, encode in ((filter, encode_filter), (topic, encode_topic)):
        try:
            if encode(one) != one.encode():
                raise AssertionError("%r" % one)
        except ValueError:
            return False
    found = match(filter, topic)
    levels = filter.split("/")
    if levels[0] == "$share":
        levels = levels[2:]
    names = topic.split("/")
    if levels[-1] == "#":
        expected = fit(levels[:-1], names[: len(levels) - 1]) and len(names) >= len(levels) - 1
    else:
        expected = len(levels) == len(names) and fit(levels, names)
    if names[0][:1] == "$" and levels[0] in ("+", "#"):
        expected = False
    if found != expected:
        raise AssertionError("%r %r" % (filter, topic))
    return found


def fit(levels, names):
    return len(levels) == len(names) and all([level in ("+", name) for level, name in zip(levels, names)])
