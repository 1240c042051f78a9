# What waits to be published: one queue for all threads, bounded in messages and bytes. Under its lock nothing allocates, does I/O or calls
# back.
import _thread
from errno import ENOBUFS

from ..http.json_writer import dumps
from ..threads.pipe import Fifo, as_bytes
from .topics import encode_topic

DROPPED = (ENOBUFS, "outbox is full")


class Publication:
    """A message that is to be published. `reason`: of its acknowledgement in 5.0. ValueError or TypeError for what can't be."""

    reason = 0

    def __init__(self, topic, payload, qos, retain, on_done, properties):
        encode_topic(topic)
        if qos not in (0, 1, 2):
            raise ValueError("qos %r: want 0, 1 or 2" % qos)
        self.topic = topic
        if payload is None:
            payload = b""
        elif isinstance(payload, (bool, int, float, dict, list, tuple)):
            payload = dumps(payload)
        self.data = as_bytes(payload)
        self.qos = qos
        self.retain = retain
        self.on_done = on_done
        self.properties = properties
        self.failure = ()  # the arguments of on_done's OSError
        self.id = 0  # of its packet
        self.next = None


class Outbox(Fifo):
    """The queue of a client. `put` may be called from any thread, the rest by the loop.

    `queue` messages or `queue_bytes` bytes of payload may wait. Then the oldest ones make room (`drops_oldest`), or a new one is not taken.
    `other`: an Outbox of the same client.
    """

    def __init__(self, queue, queue_bytes, drops_oldest, stats, other=None):
        Fifo.__init__(self)
        self.queue = queue
        self.queue_bytes = queue_bytes
        self.drops_oldest = drops_oldest
        self.stats = stats
        self.lock = other.lock if other else _thread.allocate_lock()
        self.over = other.over if other else Fifo()  # messages whose on_done is to be called

    def put(self, message):
        """Append a message. False if it was not taken."""
        n = len(message.data)
        is_taken = True
        with self.lock:
            while is_taken and not self.has_room(n, self):
                self.stats["dropped"] += 1
                is_taken = self.drops_oldest and self.over.count < self.queue
                if is_taken:
                    old = self.pop()
                    if old.on_done is not None:
                        old.failure = DROPPED
                        self.over.push(old)
            if is_taken:
                self.push(message)
        return is_taken

    def put_back(self, message):
        """Put what was taken back to its place. (It may be one too many: a thread has added another one.)"""
        with self.lock:
            message.next = self.first
            self.first = message
            if self.last is None:
                self.last = message
            self.count += 1
            self.size += len(message.data)

    def take(self):
        """Remove the first message and return it; None if there is none."""
        with self.lock:
            return self.pop() if self.count else None

    def take_over(self):
        """Remove the first message from those that are over."""
        with self.lock:
            return self.over.pop()

    def add_over(self, message):
        """The message is over."""
        with self.lock:
            self.over.push(message)
