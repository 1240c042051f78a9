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
from .topics import encode_string, encode_topic

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
        self.topic_bytes: object = None  # those of the last topic, which most likely comes again
        self.topic = ""
        self.data = b""  # of the packet under way, whose next byte is at `at`, and which ends at `end`
        self.at = self.end = 0

    def parse(self, buf):
        """What comes next in `buf`, see above."""
        try:
            if self.left < 0:
                ev = self.take_head(buf)
                if self.left < 0:
                    return ev
            return self.take_payload(buf)
        except Fault as er:
            return -er.args[0]
        except ValueError:  # of `text`
            return -_MALFORMED

    def take_head(self, buf):
        """Take a whole packet, or a PUBLISH up to its payload."""
        data = buf.data
        start = buf.start
        at = start + 2
        if at > buf.end:
            return _NEED
        n = data[start + 1]
        if n > 127:
            n &= 127
            shift = 7
            byte = 128
            while byte > 127:
                if shift == 28:
                    raise Fault(_MALFORMED)
                if at >= buf.end:
                    return _NEED
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
            return _NEED
        self.data = data
        self.at = at
        self.end = end
        if type == _PUBLISH:
            try:
                self.take_publish(first)
            except Fault as er:
                if self.at > end < at + n:  # its topic and properties do not fit into `head_limit`
                    raise Fault(_TOO_LARGE)
                raise er
            self.left = self.message.length = n - self.at + at
        else:
            self.type = type
            self.take_fields(type, n)
        buf.consume(self.at - start)
        return _PACKET

    def take_publish(self, first):
        """Take the head of a PUBLISH (section 3.3)."""
        data = self.data
        n = self.word()
        at = self.skip(n)
        name = data[at : at + n]
        if name != self.topic_bytes:
            topic = text(name)
            if b"\0" in name:
                raise Fault(_MALFORMED)
            if b"+" in name or b"#" in name:
                raise Fault(_TOPIC_INVALID)
            self.topic = topic
            self.topic_bytes = name
        msg = Message(self.topic, first)
        qos = msg.qos
        if qos:
            if qos == 3:
                raise Fault(_MALFORMED)
            msg.id = self.packet_id()
        elif msg.dup:
            raise Fault(_MALFORMED)
        if self.five:
            self.five.take_publish(self, msg)
        elif not n:
            raise Fault(_PROTOCOL_ERROR)
        self.message = msg

    def take_fields(self, type, n):
        """Take the fields of any other packet."""
        five = self.five
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
            raise Fault(_MALFORMED)
        return at

    def byte(self):
        """Take a byte."""
        return self.data[self.skip(1)]

    def word(self):
        """Take a number of two bytes."""
        at = self.skip(2)
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
        made = text(self.binary())
        if "\0" in made:
            raise Fault(_MALFORMED)
        return made


def reason_text(packet):
    """The reason of a CONNACK or a DISCONNECT as text."""
    reason = packet.reason
    text = _REFUSALS[reason] if reason < 6 else ""
    if packet.properties:
        text = packet.properties.get("reason_string", "")
    return "0x%02x%s" % (reason, text and ", " + text)


# --- what a client sends


def varint(n):
    """A number of up to 28 bits as a packet has it, in one to four bytes (section 1.5.5)."""
    data = bytearray()
    while n > 127:
        data.append(n & 127 | 128)
        n >>= 7
    data.append(n)
    return data


def word(n):
    """A number of two bytes."""
    return n.to_bytes(2, "big")


def packet(first, parts, more=0):
    """A packet as a bytearray: its first byte, and these parts. `more`: so many bytes of it are sent later."""
    n = more
    for part in parts:
        n += len(part)
    data = bytearray((first, n & 127))
    if n > 127:
        data[1:] = varint(n)
        if len(data) > 5:
            raise ValueError("a packet of %d bytes: want less than 256 MB" % n)
    for part in parts:
        data.extend(part)
    return data


def publish(topic, payload, qos=0, retain=False, id=0, properties=b"", more=0):
    """A PUBLISH. `topic`: bytes of `encode_topic`; `payload`: bytes-like, or its beginning; `properties`: of properties.py, for 5.0."""
    head = word(len(topic)) + topic + (word(id) if qos else b"") + properties  # (few parts: most packets are of this kind)
    return packet(0x30 | qos << 1 | (1 if retain else 0), (head, payload), more)


def ack(type, id, reason=0):
    """A PUBACK, PUBREC, PUBREL or PUBCOMP; `reason`: of 5.0."""
    return packet(type << 4 | (2 if type == _PUBREL else 0), (word(id), bytes((reason,)) if reason else b""))


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


def connect(level, id, user, password, clean, keep_alive_s, will, properties=b"", will_properties=b""):
    """A CONNECT (section 3.1) of protocol level 4, 3.1.1, or 5. `will`: (topic, payload, qos, retain) or None."""
    flags = 2 if clean else 0
    fields = [encode_string(id, "id")]
    if will:
        topic, payload, qos, retain = will
        if not 0 <= qos <= 2:
            raise ValueError("will: qos %r: want 0, 1 or 2" % qos)
        flags |= 4 | qos << 3 | (32 if retain else 0)
        fields += (encode_topic(topic), payload.encode() if isinstance(payload, str) else payload)
    if user is not None:
        flags |= 128
        fields.append(encode_string(user, "user"))
    if password is not None:
        flags |= 64
        fields.append(password.encode() if isinstance(password, str) else password)
    if level == 4 and (password is not None and user is None or not id and not clean):
        raise ValueError("3.1.1: want a user with a password, and an id unless clean")
    parts = [b"\0\4MQTT", bytes((level, flags)), word(keep_alive_s), properties]
    for at in range(len(fields)):
        if len(fields[at]) > 65535:
            raise ValueError("%d bytes of will or password: want at most 65535" % len(fields[at]))
        if will and at == 1:
            parts.append(will_properties)
        parts += (word(len(fields[at])), fields[at])
    return packet(0x10, parts)


def end(type, reason=0, properties=b""):
    """A DISCONNECT, type 14, or an AUTH, 15; with a reason and properties in 5.0."""
    return packet(type << 4, (bytes((reason,)), properties) if reason or properties else ())
