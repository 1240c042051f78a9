# Messages to connections by their ids, from any thread: `mgr.wakeup`. They share one queue and, like a pipe's, the bell.
from collections import deque

_EV_WAKEUP = const(19)

_MESSAGES = const(16)  # before pipes and sockets are served


class Wakeups:
    """The queue of a manager's wakeups. `send` may be called from any thread, `deliver` by the loop."""

    def __init__(self, mgr):
        self.mgr = mgr
        self.next = False  # of the doorbell: not posted
        self.messages: "deque | None" = None  # (id, data), once there was one
        self.size = 0  # bytes of data in it

    def send(self, id, data):
        """Put `data` (bytes) into the queue for the connection with this id. False if there is none, or if the queue is full."""
        mgr = self.mgr
        bell = mgr.bell
        message = (id, data)
        messages = self.messages
        if messages is None:
            messages = deque((), mgr.wakeups)
        ring = False
        with bell.lock:
            if mgr.find(id) is None:
                return False
            if self.messages is None:
                self.messages = messages
            messages = self.messages  # another thread may have been first
            if messages and (len(messages) >= mgr.wakeups or self.size + len(data) > mgr.queue_bytes):
                mgr.stats["queue_full"] += 1
                return False
            messages.append(message)
            self.size += len(data)
            ring = bell.post(self)
        if ring:
            bell.ring()
        bell.gc_barrier.clear()
        return True

    def deliver(self, budget):
        """Called by the loop if this was posted: EV_WAKEUP for each message, at most `budget`. Returns their number, at least 1."""
        mgr = self.mgr
        messages = self.messages
        n = 0
        while messages and n < budget and n < _MESSAGES:
            with mgr.bell.lock:
                id, data = messages.popleft()
                self.size -= len(data)
                c = mgr.find(id)
            n += 1
            if c is None or c.is_closing:
                mgr.stats["undelivered"] += 1
            else:
                c.emit(_EV_WAKEUP, data)
        if messages:
            with mgr.bell.lock:
                mgr.bell.post(self)
        return n or 1
