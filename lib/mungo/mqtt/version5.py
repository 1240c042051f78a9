# What a connection of MQTT 5.0 has beside its properties: topic aliases, and the reason codes and payloads that may come. packets.py calls
# it where the versions differ.
from ..core.utf8 import is_utf8
from . import auth, broker_limits
from .packets import Fault
from .properties import read, write

_CONNACK = const(2)
_PUBLISH = const(3)
_SUBACK = const(9)
_UNSUBACK = const(11)
_AUTH = const(15)

_MALFORMED = const(0x81)
_PROTOCOL_ERROR = const(0x82)
_ALIAS_INVALID = const(0x94)
_FORMAT_INVALID = const(0x99)
_NOT_FOUND = const(0x92)

_MOST = const(65535)
_NO_LIMIT = const(0x1FFFFFFF)  # above the largest packet

# The reason codes below 0x80 that a packet of this type may have, by type. (What is not known from 0x80 on is an error as well.)
_REASONS = (b"", b"", b"\0", b"", b"\0\x10", b"\0\x10", b"\0", b"\0", b"", b"\0\1\2", b"", b"\0\x11", b"", b"\0", b"\0", b"\0\x18\0")


class Version5:
    """The `five` of a connection and its Parser. `properties`: those of its CONNECT; `aliases`: so many topics that are published get an
    alias at most."""

    def __init__(self, aliases, properties):
        self.alias_limit = properties.get("topic_alias_maximum", 0)
        self.receive_maximum = properties.get("receive_maximum", _MOST)
        self.packet_limit = properties.get("maximum_packet_size", _NO_LIMIT)
        self.method = properties.get("authentication_method")
        self.most = _NO_LIMIT  # bytes of a packet that the broker takes
        self.topics = {}  # of the broker's aliases
        self.aliases = {}  # of topics that are published, as bytes
        self.aliases_left = aliases
        self.new = None  # the topic that gets the next one, while it is being sent
        self.broker: dict = {}  # the properties of the broker's CONNACK

    auth = auth.send
    encode = broker_limits.encode
    check_size = broker_limits.check_size

    def write(self, properties, where):
        """The bytes of properties, as properties.write. Raises ValueError, too, if they are too many for the broker."""
        packed = write(properties, where)
        self.check_size(packed)
        return packed

    def open(self, c, properties, quota):
        """The broker has accepted the connection: take what it demands. Returns the quota of messages that may be under way, the broker's,
        and the reason code for an identifier that is not known."""
        self.broker = properties
        self.most = properties.get("maximum_packet_size", _NO_LIMIT)
        self.aliases_left = min(self.aliases_left, properties.get("topic_alias_maximum", 0))
        c.keep_alive_s = properties.get("server_keep_alive", c.keep_alive_s)
        return min(quota, properties.get("receive_maximum", _MOST)), self.receive_maximum, _NOT_FOUND

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
        if type == _AUTH:
            auth.check(self.method, parser.properties)

    def check_reasons(self, type, reasons):
        """Raise Fault for a reason code that a packet of this type can't have."""
        for reason in reasons:
            if reason < 128 and reason not in _REASONS[type]:
                raise Fault(_MALFORMED)

    def check_payload(self, msg):
        """Raise Fault for a payload that says that it is UTF-8, and is not. (One that comes in pieces is not looked at.)"""
        if msg.properties.get("payload_format_indicator") and not is_utf8(msg.payload, 0, msg.length):
            raise Fault(_FORMAT_INVALID)

    def remember(self):
        """What `encode` has made is sent now."""
        if self.new is not None:
            self.aliases[self.new] = len(self.aliases) + 1
            self.aliases_left -= 1
            self.new = None

    def check_options(self, filter, options):
        """Whether a subscription can't have these options (section 3.8.3.1)."""
        return not 0 <= options < 48 or options & 3 == 3 or options & 4 and filter[:7] == "$share/"
