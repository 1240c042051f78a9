# The outbox of a client on flash. What is published with QoS 1 and 2 is written to a journal before it is sent, and stays there until the
# broker has it; only what was sent is in memory as well. The journal is also the store of the client's session, see session.py.
#
# The loop never waits for the flash (core/flash_queue.py): while another thread uses it, messages wait. If the session has to be saved at
# that moment, the connection ends, and the next one goes on from there. A flash that fails is reported, and messages go on without it.
from errno import EAGAIN, ENOBUFS

from ..core.buffer import Buffer
from ..port.flash import flash
from .journal import Journal
from .outbox import Publication
from .packets import Parser, publish
from .topics import encode_topic

_MOST = const(60000)  # bytes of a message; longer ones are not written
_BATCH = const(2048)  # bytes that are written at once, and one message more
_RECORD = const(11)  # bytes of a record beside its message
_RETRY_MS = const(1000)
_FAILURES = (OSError, MemoryError)  # (made here: in an `except` it would need memory)
_MESSAGE = const(2)  # the parser's event


class FlashOutbox(Journal):
    """The journal of a client. `waiting`: the Outbox of what is to be written. Loop's thread."""

    def __init__(self, client, folder, most, waiting):
        Journal.__init__(self, folder.rstrip("/"), most)
        self.client = client
        self.waiting = waiting
        self.is_loaded = False
        self.is_queued = False  # `work` waits for the flash
        self.number = 0  # of the message that is being handed over
        self.messages = {}  # those that have an on_done and are not sent, by number

    def pack(self, topic, payload, qos, retain, properties, id=1):
        """The PUBLISH of a message as bytes."""
        write = self.client.write_properties
        return publish(encode_topic(topic), payload, qos, retain, id, write(properties, 12) if write else b"")

    def unpack(self, data):
        """The Message of a PUBLISH. None if it is of another version of MQTT."""
        five = None
        if self.client.write_properties:
            from .version5 import Version5

            five = Version5(0, {})
        parser = Parser(_MOST, _MOST, five)
        return parser.message if parser.parse(Buffer(data, len(data))) == _MESSAGE else None

    # --- with the flash, see Loop.use_flash

    def begin(self, keeper, _):
        """Find what a reset has left, and connect."""
        if not self.is_loaded:
            self.load()
            self.is_loaded = True
            session = self.client.session
            for entry in list(self.entries):
                number, data = self.find(entry.number) or (0, b"")
                msg = self.unpack(data) if number == entry.number else None
                if entry.is_released:
                    session.restore(entry.id, None)
                elif msg is not None and entry.id:
                    session.restore(entry.id, self.pack(msg.topic, msg.payload, msg.qos, msg.retain, msg.properties, entry.id))
                else:  # it was done, or its file is damaged
                    self.entries.remove(entry)
            session.received += self.received
            self.remove_done()
        self.client.connect(True)

    def work(self, keeper, _):
        """Write what waits, then hand over to the connection what it takes."""
        self.is_queued = False
        client = self.client
        try:
            try:
                while self.waiting.count:
                    self.write_waiting()
            finally:  # what is sent makes room
                while client.is_connected and client.c.out is None and self.hand_over():
                    pass
        except _FAILURES as er:
            if isinstance(er, MemoryError):
                keeper.mgr.stats["no_memory"] += 1
            else:
                keeper.mgr.report(er)
            client.look_again(_RETRY_MS)

    def write_waiting(self):
        """Write what waits, in one go, up to some kilobytes."""
        client = self.client
        messages = []
        packed = []
        size = 0
        outbox = self.waiting  # where they go back to, if they can't be written now
        try:
            while self.waiting.count and size < _BATCH:
                messages.append(None)  # (a message that was taken has its place)
                message = messages[-1] = self.waiting.take()
                packed.append(self.pack(message.topic, message.data, message.qos, message.retain, message.properties))
                size += len(packed[-1]) + _RECORD
            if size > _MOST:  # one that is too long for a record
                outbox = client.outbox
            elif self.make_room(size):
                outbox = client.outbox  # if it fails, they go on without
                self.write_messages(messages, packed)
                outbox = None
            else:
                outbox = None
                client.stats["dropped"] += len(messages)
                for message in messages:
                    client.finish(message, ENOBUFS)
        except MemoryError:
            outbox = outbox and self.waiting
            raise
        finally:
            while outbox is not None and messages:
                message = messages.pop()
                if message is not None:
                    outbox.put_back(message)

    def write_messages(self, messages, packed):
        """Write messages, and keep those that have an on_done. If there is no memory for that, nothing is written."""
        number = self.written
        try:
            for message in messages:
                number += 1
                if message.on_done is not None:
                    self.messages[number] = message
            self.append(packed)
        except Exception:
            for _ in messages:
                self.messages.pop(number, None)
                number -= 1
            raise
        for message in messages:
            message.data = b""  # it is on flash

    def make_room(self, size):
        """Drop the oldest messages until `size` bytes have room, if they may be dropped. False if there is none."""
        n = 1
        while n and not self.has_room(size) and self.waiting.drops_oldest:
            first = self.unsent
            n = self.drop_oldest()
            self.client.stats["dropped"] += n
            for number in range(first, first + n):
                self.client.finish(self.messages.pop(number, None), ENOBUFS)
        return self.has_room(size)

    def hand_over(self):
        """Hand over the next message. False if there is none, or if the connection does not take it now."""
        found = self.find(self.unsent)
        if found is None:
            self.unsent = self.written + 1
            return False
        number, data = found
        msg = self.unpack(data)
        if msg is not None:
            message = self.messages.get(number)
            on_done = message and message.on_done
            self.number = number
            is_taken = self.client.send(Publication(msg.topic, msg.payload, msg.qos, msg.retain, on_done, msg.properties))
            self.number = 0
            if not is_taken:
                return False
        self.messages.pop(number, None)
        self.unsent = number + 1  # (also if it is of no use to the broker)
        return True

    def forget(self, keeper, entry):
        """The broker has the message of an entry."""
        try:
            self.done(entry)
        except OSError as er:
            keeper.mgr.report(er)

    # --- the store of a session

    def put(self, id, packet):
        """A message begins, see session.py. (If that can't be saved, it may come twice after a reset.)"""
        if self.number:
            entry = self.sent(self.number, id)
            try:
                if packet[0] & 6 == 4:
                    self.save_now()
            except Exception:
                self.entries.remove(entry)
                self.unsent = self.number
                raise

    def update(self, id):
        """Its PUBREC has come."""
        for entry in self.entries:
            if entry.id == id:
                entry.is_released = True
                self.save_now()

    def remove(self, id):
        """It is over."""
        for entry in self.entries:
            if entry.id == id:
                entry.id = 0
                self.client.keeper.mgr.use_flash(self.forget, self.client.keeper, entry)
                return

    def receive(self, id):
        """A message of QoS 2 has come."""
        if id not in self.received:
            self.received.append(id)
        self.save_now()

    def release(self, id):
        """It is over, or comes again."""
        if id in self.received:
            self.received.remove(id)
        self.save_now()

    def save_now(self):
        """Write the state, if something is left of it. Raises OSError(EAGAIN) if another thread has the flash."""
        if not flash.begin():
            raise OSError(EAGAIN)
        try:
            self.remove_done()
            if self.files or self.received or self.entries:
                self.save()
        except OSError as er:
            self.client.keeper.mgr.report(er)
        finally:
            flash.end()
