# MQTT packets, 3.1.1 and 5.0: a broker's bytes in, events out, and the packets of a client as bytes. No socket here.
#
# `Parser.parse(buf)` takes what is in a Buffer and says what it found:
#   NEED      0      nothing whole
#   PACKET    1      any packet but PUBLISH: `type`, `id`, `reason` and so on of the parser are its own until the next call
#   MESSAGE   2      a PUBLISH, `message`; if its payload has more than `message_limit` bytes, one event for each so many of them
#   -code            a fault: minus a reason code of 5.0 (section 2.4). The connection is of no more use
# A packet is judged at points that depend on its own bytes alone, and pieces have a fixed size. So events do not depend on how the bytes
# are cut. What memory is taken: packets wait in the buffer up to `head_limit` bytes, of a larger PUBLISH that many; pieces have their size.
#
# properties.py has what 5.0 adds. Without it, `five` is None and 3.1.1 is spoken.
from ..core.buffer import Buffer
from ..core.utf8 import text

_NEED = const(0)
_PACKET = const(1)
_MESSAGE = const(2)

# Types of packets (section 2.1.2). A client receives the others, and AUTH comes and goes.
_CONNECT = const(1)
_CONNACK = const(2)
_PUBLISH = const(3)
_PUBREL = const(6)
_PUBCOMP = const(7)
_SUBACK = const(9)
_UNSUBACK = const(11)
_PINGRESP = const(13)

_RECEIVED = const(0x2AFC)  # a bit for each type that a client may receive: in 3.1.1,
_RECEIVED_5 = const(0xEAFC)  # and in 5.0

_MALFORMED = const(0x81)
_PROTOCOL_ERROR = const(0x82)
_TOPIC_INVALID = const(0x90)
_TOO_LARGE = const(0x95)


_REFUSALS = "", "protocol level", "id", "not available", "user or password", "not authorized"  # return codes of 3.1.1, section 3.2.2.3


class Fault(ValueError):
    """What a broker may not send. Its one argument is the reason code."""


class Message:
    """What has come by one PUBLISH.

    `topic`, `payload` as bytes, `qos`, `retain`, `dup` and `id`, the packet's, 0 with QoS 0. `properties` of 5.0: a dict, see
    properties.py; None in 3.1.1. `length` of the whole payload; if it comes in pieces, this one begins at `at`, and `more` follows.
    """

    type = _PUBLISH
    payload = b""
    id = at = qos = 0
    retain = dup = more = False
    properties = None
    session: "Any" = None  # while the handler of one of QoS 1 or 2 runs  # noqa: F821  # pyright: ignore
    receipt: "Any" = None  # see session.py  # noqa: F821  # pyright: ignore

    def __init__(self, topic, first, length=0):
        self.topic = topic
        self.length = length
        if first != 0x30:
            self.qos = first >> 1 & 3
            self.retain = first & 1 > 0
            self.dup = first & 8 > 0

    def hold(self):
        """In the handler of its EV_MQTT_MSG, of the last piece: it is acknowledged by `ack`, and not when the handler returns."""
        if self.session is not None:
            self.session.hold(self)

    def ack(self, reason=0):
        """Acknowledge it after `hold`, in the loop's thread. Acknowledgements are sent in the order of the messages (section 4.6), so
        this one waits for those of earlier messages. `reason`: of 5.0, 0x80 and above to refuse it. Twice is once. Nothing with QoS 0."""
        if self.receipt is not None:
            self.receipt.give(reason)


class Parser:
    """The packets of one broker: `ev_data` of EV_MQTT_CMD.

    `type` of the packet; `id`; `reason`, its return code or reason code; `reasons`, the codes of SUBACK and UNSUBACK as bytes;
    `session_present` of CONNACK; `properties` of 5.0 as a dict, or None.
    """

    type = 0
    id = 0
    reason = 0
    reasons = b""
    session_present = False
    properties = None
    message: "Message" = None  # pyright: ignore
    left = -1  # bytes of a payload that are to come; -1: the next is a packet's head
    part = None  # the Buffer of a piece that is not whole

    def __init__(self, head_limit, message_limit, five=None, packet_limit=0x1FFFFFFF):
        self.head_limit = head_limit
        self.message_limit = message_limit
        self.packet_limit = packet_limit
        self.five = five
        self.types = _RECEIVED_5 if five else _RECEIVED
        self.topic_bytes = b""  # those of the last topic, which most likely comes again
        self.topic = ""
        self.data = b""  # of the packet under way, whose next byte is at `at`, and which ends at `end`
        self.at = self.end = 0
        self.head_end = self.beyond = 0  # of a large PUBLISH: where its first `head_limit` bytes end, and how many more there are

    def parse(self, buf):
        """What comes next in `buf`, see above."""
        try:
            return self.take(buf)
        except Fault as er:
            return -er.args[0]

    def take(self, buf):
        """As `parse`, but raises a Fault."""
        if self.left < 0:
            first = self.take_head(buf)
            if not first:
                return _NEED
            if first >> 4 != _PUBLISH:
                self.type = first >> 4
                self.take_fields(self.type)
                buf.consume(self.at - buf.start)
                return _PACKET
            self.take_publish(first)
            buf.consume(self.at - buf.start)
        return self.take_payload(buf)

    def take_head(self, buf):
        """Find the next packet, of a large PUBLISH its first `head_limit` bytes. Returns its first byte; 0 if that has not come."""
        data = buf.data
        start = buf.start
        at = start + 2
        if at > buf.end:
            return 0
        n = data[start + 1]
        if n > 127:
            n &= 127
            shift = 7
            byte = 128
            while byte > 127:
                if shift == 28:
                    raise Fault(_MALFORMED)
                if at >= buf.end:
                    return 0
                byte = data[at]
                n |= (byte & 127) << shift
                shift += 7
                at += 1
            if not byte and self.five:
                raise Fault(_MALFORMED)
        first = data[start]
        type = first >> 4
        if type != _PUBLISH:
            if not self.types >> type & 1:
                raise Fault(_PROTOCOL_ERROR if type else _MALFORMED)  # 0 is no packet at all
            if first & 15 != (2 if type == _PUBREL else 0):
                raise Fault(_MALFORMED)
        if at - start + n > self.packet_limit or type != _PUBLISH and n > self.head_limit:
            raise Fault(_TOO_LARGE)
        end = at + min(n, self.head_limit)
        if end > buf.end:
            return 0
        self.data = data
        self.at = at
        self.end = self.head_end = end
        self.beyond = at + n - end
        return first

    def take_publish(self, first):
        """Take the head of a PUBLISH (section 3.3)."""
        n = self.word()
        at = self.skip(n)
        if n != len(self.topic_bytes) or self.data.find(self.topic_bytes, at, at + n) < 0:
            self.take_topic(at, n)
        msg = self.message = Message(self.topic, first)
        if msg.qos:
            if msg.qos == 3:
                raise Fault(_MALFORMED)
            msg.id = self.packet_id()
        elif msg.dup:
            raise Fault(_MALFORMED)
        if self.five:
            self.five.take_publish(self, msg)
        elif not n:
            raise Fault(_PROTOCOL_ERROR)
        self.left = msg.length = self.end - self.at + self.beyond

    def short(self):
        """The packet has ended too early; of a PUBLISH maybe because its topic and properties do not fit into `head_limit`."""
        raise Fault(_TOO_LARGE if self.beyond and self.at > self.head_end else _MALFORMED)

    def take_topic(self, at, n):
        """Take a topic that is not the one before."""
        name = bytes(memoryview(self.data)[at : at + n])
        topic = checked_text(name)
        if b"\0" in name:
            raise Fault(_MALFORMED)
        if b"+" in name or b"#" in name:
            raise Fault(_TOPIC_INVALID)
        self.topic = topic
        self.topic_bytes = name

    def take_fields(self, type):
        """Take the fields of any other packet."""
        five = self.five
        n = self.end - self.at
        self.id = self.reason = 0
        self.reasons = b""
        self.properties = None
        if type == _CONNACK:
            flags = self.byte()
            self.reason = self.byte()
            self.session_present = flags > 0
            if flags > 1:
                raise Fault(_MALFORMED)
            if flags and self.reason:
                raise Fault(_PROTOCOL_ERROR)
        elif type < _PINGRESP:
            self.id = self.packet_id()
            if five and type <= _PUBCOMP and n > 2:
                self.reason = self.byte()
        if type == _PINGRESP:
            five = None  # it has nothing in either version
        elif type > _PINGRESP and n:
            self.reason = self.byte()
        if five:
            five.take_properties(self, type)
        if type == _SUBACK or five and type == _UNSUBACK:
            at = self.skip(max(1, self.end - self.at))
            self.reasons = bytes(memoryview(self.data)[at : self.end])
            if five:
                five.check_reasons(type, self.reasons)
            elif self.reasons.strip(b"\0\1\2\x80"):
                raise Fault(_MALFORMED)
        if self.at < self.end:
            raise Fault(_MALFORMED)

    def take_payload(self, buf):
        """Take the message's payload, or its next piece."""
        n = self.left
        msg = self.message
        if n <= self.message_limit and n <= buf.end - buf.start and self.part is None and not msg.more:
            msg.payload = bytes(memoryview(buf.data)[buf.start : buf.start + n])  # as most are: whole, and in the buffer
            buf.consume(n)
            self.left = -1
        else:
            n = min(n, self.message_limit)
            part = self.part
            if part is None:
                part = self.part = Buffer(bytearray(n))
            more = min(n - part.end, buf.end - buf.start)
            part.append(memoryview(buf.data)[buf.start :], more)
            buf.consume(more)
            if part.end < n:
                return _NEED
            self.part = None
            if msg.more:
                msg.at += len(msg.payload)
            msg.payload = bytes(part.data)
            self.left -= n
            msg.more = self.left > 0
            if not msg.more:
                self.left = -1
        if self.five and not msg.more and not msg.at:
            self.five.check_payload(msg)
        return _MESSAGE

    # --- fields

    def skip(self, n):
        """Pass the next `n` bytes of the packet; where they begin."""
        at = self.at
        self.at += n
        if self.at > self.end:
            self.short()
        return at

    def byte(self):
        """Take a byte."""
        return self.data[self.skip(1)]

    def word(self):
        """Take a number of two bytes."""
        at = self.at
        self.at = at + 2
        if self.at > self.end:
            self.short()
        return self.data[at] << 8 | self.data[at + 1]

    def packet_id(self):
        """Take a packet's identifier."""
        id = self.word()
        if not id:
            raise Fault(_PROTOCOL_ERROR)
        return id

    def binary(self):
        """Take bytes behind their length: a view, which is valid until the buffer is used again."""
        n = self.word()
        at = self.skip(n)
        return memoryview(self.data)[at : at + n]

    def string(self):
        """Take a str behind its length."""
        made = checked_text(self.binary())
        if "\0" in made:
            raise Fault(_MALFORMED)
        return made


def checked_text(data):
    """`text` of what a broker has sent. Raises Fault."""
    try:
        return text(data)
    except ValueError:
        raise Fault(_MALFORMED)


def reason_text(packet):
    """The reason of a CONNACK or a DISCONNECT as text."""
    reason = packet.reason
    text = _REFUSALS[reason] if reason < 6 else ""
    if packet.properties:
        text = packet.properties.get("reason_string", "")
    return "0x%02x%s" % (reason, text and ", " + text)


# --- what a client sends


def varint(n, data=None):
    """A number of up to 28 bits as a packet has it, in one to four bytes (section 1.5.5), behind the bytearray `data`."""
    if data is None:
        data = bytearray()
    while n > 127:
        data.append(n & 127 | 128)
        n >>= 7
    data.append(n)
    return data


def word(n):
    """A number of two bytes."""
    return n.to_bytes(2, "big")


def begin(first, n, data):
    """Begin a packet in the bytearray `data`: its first byte, and that `n` others follow."""
    if n > 0xFFFFFFF:
        raise ValueError("a packet of %d bytes: want less than 256 MB" % n)
    data.append(first)
    varint(n, data)


def packet(first, parts):
    """A packet as a bytearray: its first byte, and these parts."""
    n = 0
    for part in parts:
        n += len(part)
    data = bytearray()
    begin(first, n, data)
    for part in parts:
        data.extend(part)
    return data


def publish(topic, payload, qos=0, retain=False, id=0, properties=b"", more=0, data=None):
    """A PUBLISH, as a bytearray, or behind `data`. `topic`: bytes of `encode_topic`; `payload`: bytes-like, or its beginning, of which
    `more` bytes follow later; `properties`: of properties.py, for 5.0."""
    if data is None:
        data = bytearray()
    n = len(topic)
    begin(0x30 | qos << 1 | (1 if retain else 0), (4 if qos else 2) + n + len(properties) + len(payload) + more, data)
    data.append(n >> 8)
    data.append(n & 255)
    data.extend(topic)
    if qos:
        data.append(id >> 8)
        data.append(id & 255)
    data.extend(properties)
    data.extend(payload)
    return data


def ack(type, id, reason=0):
    """A PUBACK, PUBREC, PUBREL or PUBCOMP; `reason`: of 5.0."""
    data = bytearray((type << 4 | (2 if type == _PUBREL else 0), 3 if reason else 2, id >> 8, id & 255))
    if reason:
        data.append(reason)
    return data


def subscribe(id, filters, properties=b""):
    """A SUBSCRIBE for a list of (bytes of `encode_filter`, options byte: the QoS, and in 5.0 what section 3.8.3.1 adds); an UNSUBSCRIBE
    if the options are None."""
    parts = [word(id), properties]
    first = 0x82
    for filter, options in filters:
        parts += (word(len(filter)), filter)
        if options is None:
            first = 0xA2
        else:
            parts.append(bytes((options,)))
    return packet(first, parts)


def end(type, reason=0, properties=b""):
    """A DISCONNECT, type 14, or an AUTH, 15; with a reason and properties in 5.0."""
    return packet(type << 4, (bytes((reason,)), properties) if reason or properties else ())
