# The MQTT client by events: packets.py parses and makes packets, session.py sees to QoS 1 and 2, version5.py has what 5.0 adds.
#
# A handler's order: OPEN RESOLVE CONNECT (TLS_HS) MQTT_OPEN MQTT_CMD READ (MQTT_MSG MQTT_CMD READ).. CLOSE; or ERROR CLOSE at any time.
#
# Keep-alive: PINGREQ is sent three quarters of the time after the last one, whatever else comes and goes. So a client that only sends
# notices a dead link, too. Its PINGRESP has to come within the whole time; behind a large message that is still coming it may come later.
from ..core.connection import Connection
from ..core.utf8 import encode
from . import packets
from .packets import Fault
from .topics import encode_filter, encode_topic

_EV_MQTT_CMD = const(15)
_EV_MQTT_MSG = const(16)
_EV_MQTT_OPEN = const(17)

_MESSAGE = const(2)  # the parser's event

_CONNACK = const(2)
_PUBACK = const(4)
_PUBCOMP = const(7)
_SUBACK = const(9)
_UNSUBACK = const(11)
_PINGRESP = const(13)
_DISCONNECT = const(14)
_AUTH = const(15)

_PROTOCOL_ERROR = const(0x82)

_OPEN = const(2)  # the stage when CONNACK has accepted; 0 before

_JOIN = const(2048)  # bytes: a payload up to this goes out in one piece with its head,
_BATCH = const(1400)  # and small packets up to this together


class MqttConnection(Connection):
    """A client's connection to a broker. `session`: its Session. `reason` and `properties` are those of the CONNACK that has refused it, or
    of the broker's DISCONNECT; reason 0: there was none."""

    stage = 0
    parser: "Any" = None  # a Parser of packets.py  # noqa: F821  # pyright: ignore
    session: "Any" = None  # a Session  # noqa: F821  # pyright: ignore
    five: "Any" = None  # a Version5 in 5.0  # noqa: F821  # pyright: ignore
    reason = 0
    properties = None
    clean = True
    inflight = 0
    keep_alive_s = 0
    pinged = 0  # (ticks_ms) when the last PINGREQ was sent
    is_pinged = False  # its PINGRESP has not come
    is_heard = False  # but other bytes have
    batch: "Any" = None  # (bytearray) in `together`: what is to be sent  # noqa: F821  # pyright: ignore
    unsent = 0  # bytes of a message that `publish_begin` has begun
    topic = None  # the last topic that was published to, which most likely comes again,
    topic_bytes = b""  # and as bytes

    # --- for programs

    def publish(self, topic, payload=b"", qos=0, retain=False, properties=None):
        """Publish a message. `payload`: bytes-like, or str as UTF-8; `properties`: of 5.0, see properties.py.

        Returns True with QoS 0, and the packet's identifier with QoS 1 and 2: the message is in the session then, and EV_MQTT_CMD with this
        `id` says when the broker has it (PUBACK or PUBCOMP; in 5.0 maybe a refusal). False: none of it was taken, because the connection is
        not open, because more than `send_limit` bytes would wait (EV_WRITE says when there is room), or because `inflight` messages of QoS
        1 and 2 are under way, or the broker's receive maximum (EV_MQTT_CMD of an acknowledgement says so). Raises ValueError for what can't
        be in such a message, or what the broker has said that it does not take. Loop's thread.
        """
        if type(payload) is not bytes:
            payload = encode(payload) if isinstance(payload, str) else bytes(memoryview(payload))
        n = len(payload)
        if qos or n <= _JOIN:
            return self._publish(topic, payload, n, qos, retain, properties)
        return self._publish(topic, b"", n, qos, retain, properties) and self.put(payload)

    def publish_begin(self, topic, length, qos=0, retain=False, properties=None):
        """Begin to publish a message whose payload, of `length` bytes, is sent by `send` in pieces. Returns and raises as `publish`.

        Until all of it is sent nothing else can be, and nothing is received. The payload is not kept, so QoS 2 is not possible, and a
        message with QoS 1 that gets no PUBACK before the connection ends is not sent again.
        """
        if qos > 1:
            raise ValueError("qos %r: want 0 or 1 in pieces" % qos)
        id = self._publish(topic, b"", length, qos, retain, properties)
        if id and length:
            self.unsent = length
            self.pause(True)
        return id

    def send(self, data):
        """Send the next piece of the message that `publish_begin` has begun. Returns as a TCP connection's `send`. Raises ValueError for
        more than its rest."""
        if type(data) is not bytes:
            data = encode(data) if isinstance(data, str) else bytes(memoryview(data))  # (an array's len is not its number of bytes)
        if len(data) > self.unsent:
            raise ValueError("%d bytes: want up to %d" % (len(data), self.unsent))
        is_sent = Connection.send(self, data)
        if is_sent:
            self.unsent -= len(data)
            if not self.unsent:
                self.pause(False)
                self.resume()
        return is_sent

    def subscribe(self, *filters, qos=0, no_local=False, retain_as_published=False, retain_handling=0, properties=None):
        """Subscribe to filters: each a str, for which the keywords hold, or (a str, its options as a number: the QoS, and in 5.0 4 for no
        local, 8 for retain as published, 16 or 32 for the retain handling 1 or 2).

        Returns the packet's identifier: EV_MQTT_CMD with it has the broker's answers, a SUBACK's `reasons`. False as `publish`. Raises
        ValueError for what is no filter and no option. Loop's thread.
        """
        options = qos | (4 if no_local else 0) | (8 if retain_as_published else 0) | retain_handling << 4
        return self._ask([(one, options) if isinstance(one, str) else one for one in filters], properties)

    def unsubscribe(self, *filters, properties=None):
        """End the subscriptions to these filters. Returns and raises as `subscribe`; the answer is an UNSUBACK."""
        return self._ask([(one, None) for one in filters], properties)

    def ping(self):
        """Send a PINGREQ, in addition to those that keep the connection alive. EV_MQTT_CMD says when PINGRESP comes. Returns as `send`."""
        if not self._is_ready(2):
            return False
        self.is_pinged = not self.is_full  # if the program does not read, the answer can't be seen
        self.pinged = self.mgr.now
        self._watch()
        return self.put(b"\xc0\0")

    def auth(self, reason, properties):
        """Send an AUTH of 5.0 (section 4.12): reason 0x18 to go on, in the handler of an AUTH's EV_MQTT_CMD, or 0x19 to begin anew. The
        method is that of `mqtt_connect`. Returns as `send`, and raises ValueError in 3.1.1, without a method, and for another one."""
        if self.five:
            return self.five.auth(self, reason, properties)
        raise ValueError("want version 5")

    def disconnect(self, reason=0, properties=None):
        """Send a DISCONNECT and close. In 5.0 with a reason, 4: the will shall be published nevertheless; and properties. Returns whether
        it was sent. Loop's thread."""
        if not self.five and reason:
            raise ValueError("reason %r: want 0 in 3.1.1" % reason)
        packet = packets.end(_DISCONNECT, reason, self._pack(properties, 13) if properties else b"")
        if self.stage != _OPEN or self.is_ending or self.unsent:
            self.is_closing = True
            return False
        self.put(packet)
        self.linger()
        return True

    # --- sending

    def together(self, fn):
        """Call `fn()`, and send what it sends in as few pieces as possible."""
        if self.batch is not None:
            return fn()
        self.batch = bytearray()
        try:
            fn()
        finally:
            self.send_batch()

    def put(self, data):
        """As a TCP connection's; in `together`, with what follows."""
        if self.batch is not None:
            if not self.state and len(self.batch) + len(data) <= _BATCH:
                self.batch.extend(data)
                return True
            self.send_batch()
            self.batch = bytearray()
        return Connection.put(self, data)

    def send_batch(self):
        """Send what was put into the batch, also if the connection is ending since."""
        batch = self.batch
        self.batch = None
        if batch:
            done = 0 if self.out else self.write(batch, 0, len(batch))
            if done < len(batch):
                self.put_later(batch, done)

    def _is_ready(self, n):
        # Whether a packet of `n` bytes may be sent now.
        return self.stage == _OPEN and not self.is_ending and not self.unsent and (self.out is None or self.out.has_room(n))

    def _pack(self, properties, where):
        # The bytes of properties.
        if self.five:
            return self.five.write(properties, where)
        if properties:
            raise ValueError("properties: want none in 3.1.1")
        return b""

    def _publish(self, topic, payload, length, qos, retain, properties):
        # Publish a message whose payload has `length` bytes and begins with these.
        if not topic or topic != self.topic:
            self.topic = None  # (first: there may be no memory)
            self.topic_bytes = encode_topic(topic)
            self.topic = topic
        topic = self.topic_bytes
        if not 0 <= qos <= 2:
            raise ValueError("qos %r: want 0, 1 or 2" % qos)
        session = self.session
        packed = self._pack(properties, 12) if self.five or properties else b""
        if not self._is_ready(length + len(topic) + len(packed) + 12) or qos and not session.has_room:
            return False
        more = length - len(payload)
        if self.batch is not None and not (qos or packed or more or self.state) and len(self.batch) + length <= _BATCH:
            try:
                packets.publish(topic, payload, 0, retain, 0, b"", 0, self.batch)
            except MemoryError:  # maybe the first half of it is there
                self.batch = bytearray()
                self.starve()
            return True
        id = session.next_id() if qos else 0
        packet = packets.publish(topic, payload, qos, retain, id, packed, more)
        five = self.five
        sent = five.encode(packet, topic, payload, qos, retain, id, properties, more) if five else packet
        if qos:
            session.add(id, b"" if more else packet)
        is_sent = False
        try:
            if five:
                five.remember()
            is_sent = self.put(sent)
        except MemoryError:  # the session may have the message: then the next connection sends it
            self.starve()
        return id or is_sent

    def _ask(self, filters, properties):
        # Subscribe, or unsubscribe if the options are None.
        packed = self._pack(properties, 8 if filters and filters[0][1] is not None else 10)
        asked = []
        n = 20 + len(packed)
        for filter, options in filters:
            if options is not None and (self.five.check_options(filter, options) if self.five else not 0 <= options <= 2):
                raise ValueError("filter %r: options %r" % (filter, options))
            asked.append((encode_filter(filter), options))
            n += 3 + len(asked[-1][0])
        if not asked:
            raise ValueError("want a filter")
        if not self._is_ready(n):
            return False
        session = self.session
        id = session.next_id()
        packet = packets.subscribe(id, asked, packed)
        if self.five:
            self.five.check_size(packet)
        session.asked[id] = len(asked)
        self.put(packet)
        return id

    # --- receiving

    def receive(self):
        """Take the packets that have come. A fault ends the connection."""
        try:
            while not self.state:
                ev = self.parser.take(self.recv)
                if ev == _MESSAGE:
                    self.take_message(self.parser.message)
                elif ev:
                    self.take_packet(self.parser)
                else:
                    break
        except Fault as er:
            self.fail(er.args[0])

    def take_message(self, msg):
        """Give a message, or a piece of one, to the program, and acknowledge it."""
        if self.stage != _OPEN:
            raise Fault(_PROTOCOL_ERROR)
        if msg.qos:
            if not self.take_once(msg):
                return
        elif self.fn is not None:
            self.fn(self, _EV_MQTT_MSG, msg, self.fn_data)
        if self.fn is not None and not msg.more:
            self.fn(self, _EV_MQTT_CMD, msg, self.fn_data)

    def take_once(self, msg):
        """Give a message of QoS 1 or 2 to the program, and acknowledge it. False if it has come before."""
        session = self.session
        if session.knows(msg):
            if not msg.more:
                session.take_again(msg)
            return False
        if not msg.more:
            session.take(msg)
        if self.fn is not None:
            try:
                self.fn(self, _EV_MQTT_MSG, msg, self.fn_data)
            except BaseException:
                session.drop(msg.receipt)
                raise
        if not msg.more:
            session.handled(msg)
        return True

    def take_packet(self, parser):
        """Do what a packet says, and tell the program."""
        type = parser.type
        if self.stage != _OPEN:
            if type == _CONNACK:
                if not parser.reason:
                    self.open(parser)
            elif type != _AUTH:
                raise Fault(_PROTOCOL_ERROR)
        elif type == _CONNACK:
            raise Fault(_PROTOCOL_ERROR)
        elif type <= _PUBCOMP:
            self.session.take_ack(type, parser.id, parser.reason)
        elif type <= _UNSUBACK:
            n = len(parser.reasons)
            if self.session.asked.pop(parser.id, n) != n and n:
                raise Fault(_PROTOCOL_ERROR)
        elif type == _PINGRESP:
            self.is_pinged = False
            self._watch()
        self.tell(_EV_MQTT_CMD, parser)
        if type == _CONNACK and parser.reason or type == _DISCONNECT:
            self.reason = parser.reason
            self.properties = parser.properties
            self.error("%s by the broker: %s" % ("refused" if type == _CONNACK else "closed", packets.reason_text(parser)))

    def open(self, parser):
        """The broker has accepted the connection."""
        if parser.session_present and self.clean:
            raise Fault(_PROTOCOL_ERROR)
        self.stage = _OPEN
        quota = self.inflight
        receive_maximum = 65535
        not_found = 0
        if self.five:
            quota, receive_maximum, not_found = self.five.open(self, parser.properties, quota)
        self.pinged = self.mgr.now
        self._watch()
        self.session.begin(parser.session_present, quota, receive_maximum, not_found)
        self.tell(_EV_MQTT_OPEN, parser)

    def at_end(self):
        """The broker has closed its side."""
        self.error("closed by the broker")

    def tell(self, ev, data):
        """Call the program's handler, if there is one."""
        if self.fn is not None:
            self.fn(self, ev, data, self.fn_data)

    def fail(self, code):
        """End it because of the broker's fault, with this reason code."""
        text = "the broker's fault: 0x%02x" % code
        if self.five and self.stage == _OPEN and not self.is_ending:
            self.put(packets.end(_DISCONNECT, code))
            self.mgr.stats["failed"] += 1
            self.error_text = text
            self.linger()
        else:
            self.error(text)

    def _watch(self):
        # The deadline: of the next PINGREQ, or of the PINGRESP.
        ms = self.keep_alive_s * 1000
        if self.out is None:  # (else the write deadline runs)
            self.since = self.pinged
            self.wait = ms if self.is_pinged else ms * 3 // 4
            if ms:
                self.mgr.due(self)

    def on_deadline(self):
        """The deadline has passed."""
        if self.stage != _OPEN:
            self.mgr.stats["timeouts"] += 1
            self.error("timeout: no CONNACK")
        elif self.unsent or self.is_pinged and self.is_heard and (len(self.recv) or self.parser.left >= 0):
            self.pinged = self.mgr.now  # a large message is being sent, behind which a PINGREQ can't come; or one comes
            self.is_pinged = self.is_pinged and not self.unsent
            self.is_heard = False
            self._watch()
        elif self.is_pinged and not self.is_full:
            self.mgr.stats["timeouts"] += 1
            self.error("no PINGRESP within %d s" % self.keep_alive_s)
        else:
            self.ping()
