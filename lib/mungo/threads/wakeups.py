# Messages to connections by their ids, from any thread: `mgr.wakeup`. They share one queue and, like a pipe's, the bell.
from .pipe import Fifo, Message, as_bytes

_EV_WAKEUP = const(19)

_MESSAGES = const(16)  # before pipes and sockets are served


class Wakeup(Message):
    """A message, maybe an empty one, to the connection with this id."""

    def __init__(self, id, data):
        self.id = id
        self.data = as_bytes(data)
        self.next = None


class Wakeups(Fifo):
    """The queue of a manager's wakeups. `send` may be called from any thread, `deliver` by the loop."""

    def __init__(self, mgr):
        Fifo.__init__(self)
        self.mgr = mgr
        self.next = False  # of the doorbell: not posted
        self.queue = mgr.wakeups  # its limits, see Fifo.has_room
        self.queue_bytes = mgr.queue_bytes

    def send(self, id, data):
        """Queue `data` (bytes-like or str) for the connection with this id. False if there is none, or if the queue is full."""
        mgr = self.mgr
        bell = mgr.bell
        message = Wakeup(id, data)
        with bell.lock:
            if mgr.find(id) is None:
                return False
            if not self.has_room(len(message.data), self):
                mgr.stats["queue_full"] += 1
                return False
            self.push(message)
            ring = bell.post(self)
        if ring:
            bell.ring()
        bell.gc_barrier.clear()
        return True

    def deliver(self, budget):
        """Called by the loop if this was posted: EV_WAKEUP for each message, at most `budget`. Returns their number, at least 1."""
        mgr = self.mgr
        bell = mgr.bell
        n = 0
        while self.count and n < budget and n < _MESSAGES:
            with bell.lock:
                message = self.pop()
                c = mgr.find(message.id)
            n += 1
            if c is None or c.is_closing:
                mgr.stats["undelivered"] += 1
            else:
                c.emit(_EV_WAKEUP, message.data)
        if self.count:
            with bell.lock:
                bell.post(self)
        return n or 1
