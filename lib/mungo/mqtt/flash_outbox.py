# The outbox of a client on flash. What is published with QoS 1 and 2 is written to a journal before it is sent, and stays there until the
# broker has it; only what was sent is in memory as well. The journal is also the store of the client's session, see flash_session.py.
#
# The loop never waits for the flash (core/flash_queue.py): while another thread uses it, messages wait. A flash that fails is reported,
# and messages go on without it, in their order: behind those that are on flash.
from ..core.buffer import Buffer
from .flash_session import RETRY_MS, FlashSession
from .outbox import DROPPED, Publication
from .packets import Parser, publish
from .topics import encode_topic

_MOST = const(60000)  # bytes of a message; longer ones are not written
_AT_ONCE = const(2048)  # bytes that are written at once, and one message more
_RECORD = const(11)  # bytes of a record beside its message
_FLASH_TRIES = const(5)  # to read what is on flash
_MOST_DONE = const(256)  # functions to be called
_FAILURES = (OSError, MemoryError)  # (made here: in an `except` it would need memory)
_MESSAGE = const(2)  # the parser's event


class FlashOutbox(FlashSession):
    """The journal of a client. `waiting`: the Outbox of what is to be written. Loop's thread."""

    def __init__(self, client, folder, most, waiting):
        FlashSession.__init__(self, client, folder.rstrip("/"), most)
        self.waiting = waiting
        self.tries = 0  # to find what a reset has left
        self.is_queued = False  # `work` waits for the flash, or runs
        self.is_direct = False  # what waits can't be written: it is sent without
        self.on_done = {}  # the functions of those that are not sent, by number,
        self.first = 1  # from this one on

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
        """Find what a reset has left, and connect. What fails is tried again, by `Client.due`."""
        client = self.client
        if not self.is_loaded:
            try:
                self.restore(client.session)
            except OSError as er:
                keeper.mgr.report(er)
                self.tries += 1
                if self.tries < _FLASH_TRIES:
                    return client.look_again(RETRY_MS)
                # From here on all goes without the flash, and what is there stays for the next time.
        client.connect(True)

    def restore(self, session):
        """Find what a reset has left."""
        session.__init__(self)
        self.load()
        for entry in list(self.entries):
            number, data = self.find(entry.number) or (0, b"")
            msg = self.unpack(data) if number == entry.number else None
            if entry.is_released:
                session.restore(entry.id, None)
            elif msg is not None:
                session.restore(entry.id, self.pack(msg.topic, msg.payload, msg.qos, msg.retain, msg.properties, entry.id))
            else:  # its file is damaged
                self.entries.remove(entry)
        session.received += self.received
        self.first = self.written + 1
        self.is_loaded = True

    def work(self, keeper, _):
        """Write what waits, then hand over to the connection what it takes: what is sent makes room."""
        client = self.client
        self.is_queued = True  # (a function of the program's may come back here)
        try:
            try:
                self.write_all()
            except _FAILURES as er:
                self.failed(er)
            while client.is_connected and client.c.out is None and self.hand_over():
                pass
        except _FAILURES as er:
            self.failed(er)
        finally:
            self.is_queued = False

    def failed(self, er):
        """Something could not be done. It is tried again. (Of the errors of a flash that goes on failing the first is reported.)"""
        if isinstance(er, MemoryError):
            self.client.keeper.mgr.stats["no_memory"] += 1
        elif not self.is_direct:
            self.is_direct = True
            self.client.keeper.mgr.report(er)
        self.client.look_again(RETRY_MS)

    def write_all(self):
        """Write what waits, as far as that is possible."""
        self.is_direct = self.is_direct or not self.is_loaded
        if self.is_stale:
            self.save_now()
        if self.is_loaded:
            self.remove_done()
            while self.waiting.count and self.write_waiting():
                self.is_direct = False

    def write_waiting(self):
        """Write what waits, in one go, up to some kilobytes. False if there is no room, or if the first one is too long for a record."""
        waiting = self.waiting
        messages = []
        packed = []
        size = 0
        is_written = False
        try:
            while waiting.count and size < _AT_ONCE:
                messages.append(None)  # (a message that was taken has its place)
                message = messages[-1] = waiting.take()
                data = self.pack(message.topic, message.data, message.qos, message.retain, message.properties)
                n = len(data) + _RECORD
                if n > min(_MOST, self.most):
                    self.is_direct = not packed
                    break
                packed.append(data)
                size += n
            is_written = bool(packed) and self.make_room(size, len(packed))
            if is_written:
                self.write_messages(messages, packed)
                for _ in packed:
                    messages.pop(0)
        finally:
            while messages:
                message = messages.pop()
                if message is not None:
                    waiting.put_back(message)
        return is_written

    def write_messages(self, messages, packed):
        """Write the messages that are `packed`, and keep their on_done. If that fails, nothing is kept."""
        number = self.written
        try:
            for i in range(len(packed)):
                number += 1
                if messages[i].on_done is not None:
                    self.on_done[number] = messages[i].on_done
            self.append(packed)
        except Exception:
            while number > self.written:
                self.on_done.pop(number, None)
                number -= 1
            raise

    def end(self, failure):
        """The client has ended: what is on flash stays there, but its on_done are called."""
        self.lose(self.written + 1, failure)
        while self.waiting.count:
            self.client.finish(self.waiting.take(), failure)

    def make_room(self, size, n):
        """Drop the oldest messages until `n` of `size` bytes have room, if they may be dropped. False if there is none."""
        while not self.has_room(size) or len(self.on_done) + n > _MOST_DONE:
            dropped = self.waiting.drops_oldest and self.drop_oldest()
            if not dropped:
                return False
            self.client.stats["dropped"] += dropped
            self.lose(self.unsent)
        return True

    def lose(self, end, failure=DROPPED):
        """The messages before this number will not be sent: call their on_done."""
        for number in range(self.first, end):
            self.client.done(self.on_done.pop(number, None), failure)
        self.first = end

    def hand_over(self):
        """Hand over the next message. False if there is none, or if the connection does not take it now."""
        client = self.client
        number, data = self.find(self.unsent) or (self.written + 1, None)
        client.stats["dropped"] += number - self.unsent  # in files that can't be read
        self.unsent = number
        if data is None:
            self.lose(number)
            if self.is_direct and client.send_next(self.waiting):
                client.wake()  # (one at a time: then the others are tried to be written)
            return False
        msg = self.unpack(data)
        if msg is not None:
            self.number = number
            try:
                if not client.send(Publication(msg.topic, msg.payload, msg.qos, msg.retain, self.on_done.get(number), msg.properties)):
                    return False
            finally:
                self.number = 0
            self.on_done.pop(number, None)
        number += 1
        self.unsent = number  # (also if it is of no use to the broker)
        self.lose(number)
        return True
