# What a broker of MQTT 5.0 takes, by its CONNACK: no larger packets, maybe no QoS 2 and nothing to retain, and so many topic aliases. The
# functions are methods of version5.py's class.
from .packets import publish, word
from .properties import write

_TO_PUBLISH = const(12)  # one that is sent, see properties.py


def check_size(five, packet, more=0):
    """Raise ValueError for a packet, with `more` bytes that follow, that is too large for the broker."""
    if len(packet) + more > five.most:
        raise ValueError("%d bytes: the broker takes no more than %d" % (len(packet) + more, five.most))


def encode(five, packet, topic, payload, qos, retain, id, properties, more):
    """The PUBLISH `packet` as it is sent now: with an alias in the place of the topic, if that has one; `remember` follows when nothing
    can fail any more. Raises ValueError for what the broker does not take."""
    check_size(five, packet, more)
    if qos > five.broker.get("maximum_qos", 2) or retain and not five.broker.get("retain_available", 1):
        raise ValueError("qos %d, retain %r: the broker takes no more than %r" % (qos, retain, five.broker))
    five.new = None
    alias = five.aliases.get(topic)
    if alias is None:
        if not five.aliases_left:
            return packet
        alias = len(five.aliases) + 1
        five.new = topic
    else:
        topic = b""
    aliased = publish(topic, payload, qos, retain, id, write(properties, _TO_PUBLISH, b"\x23" + word(alias)), more)
    if len(aliased) + more > five.most:  # the first time it is longer
        five.new = None
        return packet
    return aliased
