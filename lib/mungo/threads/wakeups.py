# Messages to connections by their ids, from any thread: `mgr.wakeup`. They share one queue, a Fifo as pipe.py's, and the bell. (The Fifo is
# here because each manager has wakeups, and programs without pipes load no pipe.py.)
_EV_WAKEUP = const(19)

_MESSAGES = const(16)  # before pipes and sockets are served


def as_bytes(data):
    """`data` (str, or bytes-like) as bytes that nobody changes: bytes by reference, others copied. TypeError for anything else."""
    if isinstance(data, str):
        return data.encode()
    return data if type(data) is bytes else bytes(memoryview(data))  # (bytes(5) would be five zeros)


class Fifo:
    """A queue of messages, or of other objects with `data` and `next`. Used with the bell's lock held; allocates nothing."""

    def __init__(self):
        self.first = None
        self.last = None
        self.count = 0
        self.size = 0  # bytes of data

    def has_room(self, n, limits):
        """Whether `n` bytes more are within `limits.queue` messages and `limits.queue_bytes` bytes. One message always has room."""
        return not self.count or self.count < limits.queue and self.size + n <= limits.queue_bytes

    def push(self, message):
        """Append a message."""
        if self.last is None:
            self.first = message
        else:
            self.last.next = message
        self.last = message
        self.count += 1
        self.size += len(message.data)

    def pop(self):
        """Remove the first message and return it. There must be one."""
        message = self.first
        self.first = message.next
        message.next = None  # or an old stack frame that the collector finds would keep all messages after this one, too
        if self.first is None:
            self.last = None  # or the last message would be kept until the next one comes
        self.count -= 1
        self.size -= len(message.data)
        return message


class Wakeup:
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
