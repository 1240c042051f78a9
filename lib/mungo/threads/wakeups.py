# Messages to connections by their ids, from any thread: `mgr.wakeup`. They share one queue and, like a pipe's, the bell. (It does not use
# the Fifo of pipe.py, which programs without pipes do not load.)
_EV_WAKEUP = const(19)

_MESSAGES = const(16)  # before pipes and sockets are served


def as_bytes(data):
    """`data` (str, or bytes-like) as bytes that nobody changes: bytes by reference, others copied. TypeError for anything else."""
    if isinstance(data, str):
        return data.encode()
    return data if type(data) is bytes else bytes(memoryview(data))  # (bytes(5) would be five zeros)


class Wakeup:
    """A message, maybe an empty one, to the connection with this id."""

    def __init__(self, id, data):
        self.id = id
        self.data = as_bytes(data)
        self.next = None


class Wakeups:
    """The queue of a manager's wakeups. `send` may be called from any thread, `deliver` by the loop."""

    def __init__(self, mgr):
        self.mgr = mgr
        self.next = False  # of the doorbell: not posted
        self.first: "Any" = None  # noqa: F821  # pyright: ignore
        self.last: "Any" = None  # noqa: F821  # pyright: ignore
        self.count = 0
        self.size = 0  # bytes

    def send(self, id, data):
        """Queue `data` (bytes-like or str) for the connection with this id. False if there is none, or if the queue is full."""
        mgr = self.mgr
        bell = mgr.bell
        message = Wakeup(id, data)
        n = len(message.data)
        with bell.lock:
            if mgr.find(id) is None:
                return False
            if self.count and (self.count >= mgr.wakeups or self.size + n > mgr.queue_bytes):
                mgr.stats["queue_full"] += 1
                return False
            if self.first is None:
                self.first = message
            else:
                self.last.next = message
            self.last = message
            self.count += 1
            self.size += n
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
                message = self.first
                self.first = message.next
                message.next = None  # as in Fifo.pop
                if self.first is None:
                    self.last = None
                self.count -= 1
                self.size -= len(message.data)
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
