# Properties of MQTT 5.0 (section 2.2.2). In Python they are a dict by the names below, for example {"message_expiry_interval": 60}. What
# may be there several times is a list: "user_property" of pairs of str, [("name", "value"), ..]; and of what comes in,
# "subscription_identifier" of int. Other values are int, str, or bytes, as their kind says.
from .packets import Fault, varint, word
from .topics import encode_string, encode_topic

_MALFORMED = const(0x81)
_PROTOCOL_ERROR = const(0x82)

# Each row: the identifier, its kind, the packets that may have it, and its name.
#   kinds     b 0 or 1, w two bytes, d four bytes, v up to four, s str, x bytes, p a pair of str; W, D and V may not be 0
#   packets   four hexadecimal digits: bit 0 for the will, 12 for a PUBLISH and 13 for a DISCONNECT that a client sends, else the packet's
#             type
_TABLE = (
    ";01b1009payload_format_indicator;02d1009message_expiry_interval;03s1009content_type;08s1009response_topic;09x1009correlation_data"
    ";0bV0108subscription_identifier;11d2006session_expiry_interval;12s0004assigned_client_identifier;13w0004server_keep_alive"
    ";15s8006authentication_method;16x8006authentication_data;17b0002request_problem_information;18d0001will_delay_interval"
    ";19b0002request_response_information;1as0004response_information;1cs4004server_reference;1fseaf4reason_string"
    ";21W0006receive_maximum;22w0006topic_alias_maximum;23w0008topic_alias;24b0004maximum_qos;25b0004retain_available"
    ";26pffffuser_property;27D0006maximum_packet_size;28b0004wildcard_subscription_available"
    ";29b0004subscription_identifier_available;2ab0004shared_subscription_available;"
)


def may_have(row, where):
    """Whether the row at this place allows its property there."""
    return int(_TABLE[row + 4 : row + 8], 16) >> where & 1


def read(parser, where):
    """Take the properties of the packet under way, which has the type `where`. Raises Fault for what may not be there."""
    n = number(parser)
    at = parser.skip(n)
    packet_end = parser.end
    parser.end = parser.at
    parser.at = at
    found = {}
    while parser.at < parser.end:
        row = _TABLE.find(";%02x" % parser.byte())
        if row < 0 or not may_have(row, where):
            raise Fault(_MALFORMED)
        kind = _TABLE[row + 3]
        name = _TABLE[row + 8 : _TABLE.find(";", row + 8)]
        value: "Any" = read_value(parser, kind)  # noqa: F821  # pyright: ignore
        if kind in "WDV" and not value or kind == "b" and value > 1:
            raise Fault(_PROTOCOL_ERROR)
        if kind in "pV":
            found.setdefault(name, []).append(value)
        elif name in found:
            raise Fault(_PROTOCOL_ERROR)
        else:
            found[name] = value
    parser.end = packet_end
    return found


def number(parser):
    """Take a number of one to four bytes (section 1.5.5)."""
    n = shift = 0
    byte = 128
    while byte > 127:
        byte = parser.byte()
        n |= (byte & 127) << shift
        shift += 7
        if shift > 28 or shift > 7 and not byte:
            raise Fault(_MALFORMED)
    return n


def read_value(parser, kind):
    """Take a value of this kind."""
    if kind == "b":
        return parser.byte()
    if kind in "wW":
        return parser.word()
    if kind in "dD":
        high = parser.word()
        return high << 16 | parser.word()
    if kind == "s":
        return parser.string()
    if kind == "x":
        return bytes(parser.binary())
    if kind == "p":
        name = parser.string()
        return name, parser.string()
    return number(parser)


def write(properties, where, more=b""):
    """The bytes of a dict of properties with their length in front. `where`: 0 for the will, 12 for a PUBLISH, 13 for a DISCONNECT, else
    the packet's type. `more`: the bytes of another property.

    Raises ValueError for a name that is not known or may not be there, and for a value that can't be."""
    data = bytearray()
    for name, value in (properties or {}).items():
        row = _TABLE.find(name + ";") - 8
        if row < 0 or _TABLE[row] != ";" or not may_have(row, where):
            raise ValueError("property %r: not known, or not for this packet" % name)
        kind = _TABLE[row + 3]
        for one in value if kind == "p" else (value,):
            data.append(int(_TABLE[row + 1 : row + 3], 16))
            write_value(data, name, kind, one)
    data.extend(more)
    return varint(len(data)) + data


def write_value(data, name, kind, value):
    """Add a value to `data`."""
    if kind == "p":
        for one in value:
            write_value(data, name, "s", one)
    elif kind in "sx":
        if kind == "s":
            value = encode_topic(value) if name == "response_topic" else encode_string(value, name)
        if len(value) > 65535:
            raise ValueError("property %r of %d bytes: want at most 65535" % (name, len(value)))
        data.extend(word(len(value)))
        data.extend(value)
    else:
        n = "bwdv".find(kind.lower())
        value = int(value)  # (of a bool)
        if not (1 if kind < "a" else 0) <= value < (2, 1 << 16, 1 << 32, 1 << 28)[n]:
            raise ValueError("property %r: %r" % (name, value))
        data.extend(varint(value) if n == 3 else value.to_bytes(1 << n, "big"))
