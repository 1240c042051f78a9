# A session (MQTT 5.0 section 4.1; the same in 3.1.1): messages of QoS 1 and 2 that are under way, in both directions. No socket here: `c`
# is anything with `put(packet)`, and `out`, which is None when the socket takes more.
#
# A message that is published          put on the wire as    until
# QoS 1   PUBLISH                      its packet            PUBACK
# QoS 2   PUBLISH                      its packet            PUBREC
#         PUBREL                       PUBREL                PUBCOMP
# A refusal (a reason code from 0x80 on, in 5.0) ends it at once. A new connection sends what is under way again, in its order. If the
# broker has lost the session, what has no PUBREC is published anew, and what has one counts as delivered.
#
# A message that has come              in `receipts`         in `received`
# QoS 1   its handler runs, or it is held   yes
# QoS 2   the same                     yes                   yes
#         acknowledged by PUBREC                             yes, until PUBREL
# Acknowledgements are sent in the order of the messages. What comes again meanwhile does not reach the handler.
#
# Each step first tells the `store`, if there is one, then changes the session, then sends. So whatever fails, memory or flash, leaves a
# session from which the next connection goes on. The store has:
#   put(id, packet)   a message is published: `packet` is a bytearray, its PUBLISH. What this raises leaves no trace of the message
#   update(id)        its PUBREC has come: from here on only the id is needed
#   remove(id)        it is over, or refused
#   receive(id)       a message of QoS 2 has come. This comes before its handler runs, so that a reset makes it run never twice; if that
#                     holds the message, release follows, and receive with `ack`
#   release(id)       it is over, or its handler has failed
# What the others raise ends the connection. After a reset `restore` and `received` bring the session back.
from os import urandom

from .packets import Fault, ack

_PUBACK = const(4)
_PUBREC = const(5)
_PUBREL = const(6)
_PUBCOMP = const(7)

_PROTOCOL_ERROR = const(0x82)
_NOT_FOUND = const(0x92)
_RECEIVE_MAXIMUM_EXCEEDED = const(0x93)


class Outgoing:
    """A message of QoS 1 or 2 that is under way: `packet` is its PUBLISH; None after its PUBREC; b"" if its payload is not kept."""

    def __init__(self, id, packet):
        self.id = id
        self.packet = packet


class Receipt:
    """The acknowledgement that a message is owed: of a Message of packets.py."""

    def __init__(self, session, id, qos):
        self.session = session
        self.id = id
        self.qos = qos
        self.is_held = False  # the program gives it later
        self.is_given = False  # (all are here: once the handler has returned, to give it must not need memory)
        self.reason = 0

    def give(self, reason):
        """Acknowledge the message, when those before it are acknowledged. (If the broker has lost the session, nobody waits for that.)"""
        session = self.session
        if self in session.receipts or session.late.get(self.id) is self:
            if not self.is_given:
                if self.is_held and self.qos == 2 and reason < 128 and session.store:
                    session.store.receive(self.id)
                self.reason = reason
                self.is_given = True
            session.answer()  # (the second time as well: there may have been no memory for the first)


class Session:
    """What a client and its broker both remember of messages of QoS 1 and 2. Give the same Session to `mgr.mqtt_connect` again to go on
    after a connection has ended, with `clean=False`. One connection at a time has it. `store`: see above."""

    c: "Any" = None  # the connection  # noqa: F821  # pyright: ignore
    sent = 0  # so many of the first in `outgoing` are sent on this connection,
    quota = 0  # and so many may be; 0: the broker has not accepted it
    receive_maximum = 65535  # what the broker was told (5.0)
    not_found = 0  # the reason for an id that is not known: of 5.0

    def __init__(self, store=None):
        self.store = store
        self.last = 0  # the last packet identifier
        self.outgoing = []  # in their order
        self.received = []  # identifiers
        self.receipts = []  # in the order of their messages
        self.late = {}  # Receipts of an earlier connection's messages by their identifiers, which the broker sends again
        self.asked = {}  # SUBSCRIBE and UNSUBSCRIBE under way: identifier, number of filters

    def restore(self, id, packet):
        """After a reset: a message is under way that the store has kept. `packet`: None after `update`."""
        self.outgoing.append(Outgoing(id, packet and bytearray(packet)))

    def begin(self, is_present, quota, receive_maximum, not_found):
        """The broker has accepted the connection; `is_present`: it has the session, too."""
        self.quota = quota
        self.receive_maximum = receive_maximum
        self.not_found = not_found
        self.asked = {}
        if is_present and not self.last:  # an earlier program's, which may have left identifiers that are in use there: begin elsewhere
            self.last = int.from_bytes(urandom(2), "big")
        while self.receipts:
            receipt = self.receipts[-1]
            self.late[receipt.id] = receipt
            self.receipts.pop()
        if not is_present:
            self.late = {}
            while self.received:
                self.release(self.received[0])
        for one in self.outgoing[:]:
            if one.packet:
                one.packet[0] = one.packet[0] | 8 if is_present else one.packet[0] & ~8  # DUP
            elif not is_present or one.packet is not None:
                self.finish(one)
        self.pump()

    def end(self):
        """The connection is closed."""
        self.c = None  # (what needs memory is left to `begin`)
        self.sent = self.quota = 0

    # --- published

    @property
    def has_room(self):
        """Whether a message may be added now."""
        return self.sent == len(self.outgoing) < self.quota

    def next_id(self):
        """A packet identifier that is not in use."""
        while True:
            self.last = self.last % 65535 + 1
            if self.find(self.last) is None and self.last not in self.asked:
                return self.last

    def find(self, id):
        """The Outgoing with this identifier, or None."""
        for one in self.outgoing:
            if one.id == id:
                return one

    def add(self, id, packet):
        """A message is published, and its sender sends it, now. `packet`: its PUBLISH, or b"" if it is not to be sent again."""
        self.outgoing.append(Outgoing(id, packet))
        if packet and self.store:
            try:
                self.store.put(id, packet)
            except BaseException:
                self.outgoing.pop()
                raise
        self.sent += 1

    def finish(self, one):
        """A message is over."""
        if one.packet != b"" and self.store:
            self.store.remove(one.id)
        at = self.outgoing.index(one)
        self.outgoing.pop(at)
        if at < self.sent:
            self.sent -= 1

    def pump(self):
        """Send again what is under way, as far as the broker and the socket take it."""
        while self.sent < len(self.outgoing) and self.sent < self.quota and self.c.out is None:
            one = self.outgoing[self.sent]
            self.sent += 1
            self.c.put(one.packet or ack(_PUBREL, one.id))

    def take_ack(self, type, id, reason):
        """A PUBACK, PUBREC, PUBREL or PUBCOMP has come. Raises Fault for one that does not fit its message."""
        if type == _PUBREL:
            return self.take_release(id)
        one = self.find(id)
        if one is None:
            if type == _PUBREC and reason < 128:
                self.c.put(ack(_PUBREL, id, self.not_found))
            return
        qos = 1 if one.packet == b"" else one.packet[0] >> 1 & 3 if one.packet else 2
        if (type == _PUBACK) != (qos == 1) or type == _PUBCOMP and one.packet:
            raise Fault(_PROTOCOL_ERROR)
        if type == _PUBREC and reason < 128:
            if one.packet:
                if self.store:
                    self.store.update(id)
                one.packet = None
            self.c.put(ack(_PUBREL, id))
        else:
            self.finish(one)
            self.pump()

    # --- received

    def knows(self, msg):
        """Whether this message, of QoS 1 or 2, has come before."""
        return msg.id in self.received if msg.qos == 2 else msg.dup and msg.id in self.late

    def take_again(self, msg):
        """A message has come that `knows`: answer it as the first time."""
        receipt = self.late.get(msg.id)
        if receipt is not None:
            self.receipts.append(receipt)
            self.late.pop(msg.id)
            self.answer()
        elif msg.qos == 2:
            for receipt in self.receipts:
                if receipt.id == msg.id:
                    return
            self.c.put(ack(_PUBREC, msg.id))

    def take(self, msg):
        """A message of QoS 1 or 2 has come, and its handler comes next. Raises Fault if the broker has sent too many."""
        n = len(self.received) + 1
        for receipt in self.receipts:
            n += receipt.qos == 1
        if n > self.receive_maximum:
            raise Fault(_RECEIVE_MAXIMUM_EXCEEDED)
        msg.session = self
        if msg.id in self.late:
            self.late.pop(msg.id)  # another message had this identifier
        if msg.qos == 2:
            receipt = self.add_receipt(msg)
            try:
                self.received.append(msg.id)
                if self.store:
                    self.store.receive(msg.id)
            except BaseException:
                self.drop(receipt)
                raise

    def add_receipt(self, msg):
        """Make a message's Receipt. (With QoS 1 one is needed only if it can't be acknowledged as soon as the handler returns.)"""
        receipt = msg.receipt = Receipt(self, msg.id, msg.qos)  # (the attribute may find no memory, too: so it comes first)
        self.receipts.append(receipt)
        return receipt

    def hold(self, msg):
        """The program acknowledges the message later. If the device is reset before, the message shall come again."""
        receipt = msg.receipt or self.add_receipt(msg)
        if not receipt.is_held:
            receipt.is_held = True
            if msg.qos == 2 and self.store:
                self.store.release(msg.id)

    def handled(self, msg):
        """The handler of a message of QoS 1 or 2 has returned: acknowledge it, unless that is held."""
        msg.session = None
        receipt = msg.receipt
        if receipt is None:
            if not self.receipts:
                self.c.put(ack(_PUBACK, msg.id))
                return
            receipt = self.add_receipt(msg)
        if not receipt.is_held:
            receipt.give(0)

    def drop(self, receipt):
        """The handler of a message has failed: it has not come."""
        if receipt in self.receipts:  # (not if it was acknowledged, or there was no memory to note it)
            self.receipts.remove(receipt)
            if receipt.id in self.received and receipt.qos == 2:
                self.received.remove(receipt.id)  # (first: if the store fails, the message shall come again all the same)
                if self.store:
                    self.store.release(receipt.id)

    def answer(self):
        """Send the acknowledgements that are given, up to the first that is not."""
        while self.quota and self.receipts and self.receipts[0].is_given:
            receipt = self.receipts[0]
            if receipt.qos == 2 and receipt.reason >= 128:
                self.release(receipt.id)
            packet = ack(_PUBREC if receipt.qos == 2 else _PUBACK, receipt.id, receipt.reason)
            self.receipts.pop(0)
            self.c.put(packet)

    def take_release(self, id):
        """A PUBREL has come."""
        reason = self.not_found
        if id in self.received:
            reason = 0
            self.release(id)
        self.c.put(ack(_PUBCOMP, id, reason))

    def release(self, id):
        """A message of QoS 2 is over."""
        if self.store:
            self.store.release(id)
        self.received.remove(id)
