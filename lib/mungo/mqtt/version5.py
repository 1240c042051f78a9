# What a connection of MQTT 5.0 has beside its properties: topic aliases, and the reason codes and payloads that may come. packets.py calls
# it where the versions differ.
from ..core.utf8 import is_utf8
from .packets import Fault
from .properties import read

_CONNACK = const(2)
_PUBLISH = const(3)
_SUBACK = const(9)
_UNSUBACK = const(11)

_MALFORMED = const(0x81)
_PROTOCOL_ERROR = const(0x82)
_ALIAS_INVALID = const(0x94)
_FORMAT_INVALID = const(0x99)

# The reason codes below 0x80 that a packet of this type may have, by type. (What is not known from 0x80 on is an error as well.)
_REASONS = (b"", b"", b"\0", b"", b"\0\x10", b"\0\x10", b"\0", b"\0", b"", b"\0\1\2", b"", b"\0\x11", b"", b"\0", b"\0", b"\0\x18\0")


class Version5:
    """The `five` of a Parser. `alias_limit`: as many topics get an alias at most, in each direction."""

    def __init__(self, alias_limit):
        self.alias_limit = alias_limit
        self.topics = {}  # of the broker's aliases
        self.aliases = {}  # of topics that are published, as bytes
        self.broker_aliases = 0  # the broker's Topic Alias Maximum

    def take_publish(self, parser, msg):
        """Take a PUBLISH's properties, and find the topic of an alias (section 3.3.2.3.4)."""
        msg.properties = read(parser, _PUBLISH)
        alias = msg.properties.get("topic_alias")
        if alias is not None:
            if not 0 < alias <= self.alias_limit:
                raise Fault(_ALIAS_INVALID)
            if msg.topic:
                self.topics[alias] = msg.topic
            msg.topic = self.topics.get(alias)
        if not msg.topic:
            raise Fault(_PROTOCOL_ERROR)

    def take_properties(self, parser, type):
        """Take the properties of any other packet, which may leave them out, and look at its reason code."""
        self.check_reasons(type, (parser.reason,))
        if parser.at < parser.end or type in (_CONNACK, _SUBACK, _UNSUBACK):
            parser.properties = read(parser, type)

    def check_reasons(self, type, reasons):
        """Raise Fault for a reason code that a packet of this type can't have."""
        for reason in reasons:
            if reason < 128 and reason not in _REASONS[type]:
                raise Fault(_MALFORMED)

    def check_payload(self, msg):
        """Raise Fault for a payload that says that it is UTF-8, and is not. (One that comes in pieces is not looked at.)"""
        if msg.properties.get("payload_format_indicator") and not is_utf8(msg.payload, 0, msg.length):
            raise Fault(_FORMAT_INVALID)

    def alias_of(self, topic):
        """(the bytes of a topic as it is sent now, its alias; 0: it has none)."""
        alias = self.aliases.get(topic, 0)
        if alias:
            return b"", alias
        if len(self.aliases) < min(self.alias_limit, self.broker_aliases):
            alias = self.aliases[topic] = len(self.aliases) + 1
        return topic, alias
