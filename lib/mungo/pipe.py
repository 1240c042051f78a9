# C1 browser --- HTTP ---> [ manager ] <--- C2 PipeConnection . Pipe ---> worker thread
#
# Two queues, each bounded in messages and bytes; the bell says when the loop has something to look at, and a waiting worker sleeps
# on a lock of its own. Everything that both sides touch is touched under the bell's lock, and there nothing is allocated, sent
# or called back.
import _thread
import errno
from time import ticks_add, ticks_diff, ticks_ms

from .port import EPIPE
from .connection import CLOSED, CLOSING, DRAINING, FULL, Connection
from .event import EV_READ, EV_WAKEUP, EV_WRITE

_MESSAGES = 16  # of one pipe in one turn


class Fifo:
    """A bounded queue of nodes `[message, next, ..]`. Used with the lock held; allocates nothing."""

    def __init__(self):
        self.head = None
        self.tail = None
        self.count = 0
        self.size = 0  # bytes

    def push(self, node, most, most_bytes):
        """Append `node`; False if that would be more than `most` messages or `most_bytes` bytes. One message always fits."""
        n = len(node[0])
        if self.count and (self.count >= most or self.size + n > most_bytes):
            return False
        if self.head is None:
            self.head = node
        else:
            self.tail[1] = node
        self.tail = node
        self.count += 1
        self.size += n
        return True

    def pop(self):
        """Take the first node off, or None."""
        node = self.head
        if node is not None:
            self.head = node[1]
            self.count -= 1
            self.size -= len(node[0])
        return node


class Waiter:
    """A thread that sleeps until `wake` lets go of its lock, which it holds itself from the start."""

    def __init__(self, ms):
        self.lock = _thread.allocate_lock()
        self.lock.acquire()
        self.due = None if ms is None else ticks_add(ticks_ms(), ms)
        self.expired = False
        self.next = None


def wake(waiter):
    """Wake a chain of waiters that was taken off its pipe under the lock, so that nobody else can: a double release raises."""
    while waiter is not None:
        after = waiter.next  # read before: once awake it may wait anew
        waiter.lock.release()
        waiter = after


def message(data):
    """`data` as bytes that nobody changes: kept if they are bytes, else copied."""
    if isinstance(data, str):
        data = data.encode()
    elif not isinstance(data, bytes):
        data = bytes(data)
    return data


class Pipe:
    """The worker's end of a pipe, made by `mgr.mkpipe`. Any thread may call its methods, which are those of a socket.

    Messages are neither lost, doubled, cut nor reordered. `mgr.queue` messages or `mgr.queue_bytes` bytes may wait each way.
    """

    def __init__(self, c):
        self._c = c
        self._bell = c.mgr.bell
        self.inbox = Fifo()
        self.waiters = None
        self.gone = False  # C2 is closed
        self.shut = False  # this end is
        self._off = 0  # how much of the first message was received
        self._ms = None

    def settimeout(self, seconds):
        """How long `send` and `recv` wait: None for ever (the default), 0 not at all, else seconds, for calls from now on."""
        if seconds is not None and not 0 <= seconds <= 500000:
            raise ValueError("settimeout(%r): want None or 0 to 500000 seconds" % seconds)
        self._ms = None if seconds is None else int(seconds * 1000)

    def send(self, data):
        """Give `data` (bytes-like or str, at least one byte) to the loop, whose handler gets it as one EV_READ; return its length.

        Waits while the queue is full. Raises OSError: ETIMEDOUT after the timeout (EAGAIN if that is 0), EPIPE when the loop's end
        is closed, EBADF when this end is; ValueError if `data` is empty.
        """
        data = message(data)
        if not data:
            raise ValueError("send: a message has at least one byte")
        node = [data, None]
        mgr = self._c.mgr
        waiter = None
        while True:
            ring = done = False
            with self._bell.lock:
                if self.shut:
                    code = errno.EBADF
                elif self.gone:
                    code = EPIPE
                elif self._c.outbox.push(node, mgr.queue, mgr.queue_bytes):
                    code = 0
                    done = True
                    ring = self._bell.post(self._c)
                else:
                    code = 0
                    if waiter is None:
                        mgr.stats["queue_full"] += 1
                    elif waiter.expired:
                        code = errno.ETIMEDOUT
                    else:
                        ring = self._sleep(waiter)
            if ring:
                self._bell.ring()
            if code:
                raise OSError(code)
            if done:
                return len(data)
            waiter = self._wait(waiter)

    def recv(self, n):
        """The next message of the loop's `c2.send`, at most `n` bytes of it; the rest stays for the next call.

        Waits until there is one. Returns b"" when the loop's end is closed and everything was received.
        Raises OSError: ETIMEDOUT after the timeout (EAGAIN if that is 0); ValueError unless `n` is at least 1.
        """
        if n < 1:
            raise ValueError("recv(%r): want at least 1" % n)
        waiter = None
        late = False
        while True:
            ring = False
            with self._bell.lock:
                node = self.inbox.head
                if node is not None:
                    a = self._off
                    b = a + n
                    if b < len(node[0]):
                        self._off = b
                    else:
                        self._off = 0
                        self.inbox.pop()
                        if self._c.wants_room:
                            ring = self._bell.post(self._c)
                elif self.gone or self.shut:
                    return b""
                elif waiter is not None:
                    late = waiter.expired
                    if not late:
                        ring = self._sleep(waiter)
            if ring:
                self._bell.ring()
            if late:
                raise OSError(errno.ETIMEDOUT)
            if node is not None:
                data = node[0]
                return data if a == 0 and b >= len(data) else data[a:b]
            waiter = self._wait(waiter)

    def close(self):
        """No more from this end: C2 gets its EV_CLOSE after the last message. Twice is once."""
        ring = False
        with self._bell.lock:
            if self.shut:
                return
            self.shut = True
            self._c.mgr.pipe_ends -= 1
            sleepers = self.waiters
            self.waiters = None
            if not self.gone or self._c.mgr.closed:  # a manager that is being closed waits for this
                ring = self._bell.post(self._c)
        if ring:
            self._bell.ring()
        wake(sleepers)

    def _sleep(self, waiter):
        # Under the lock: queue the waiter; a loop that sleeps must learn of its deadline.
        waiter.next = self.waiters
        self.waiters = waiter
        return waiter.due is not None and self._bell.post(self._c)

    def _wait(self, waiter):
        # The first time round there is no waiter yet, since making one allocates and the lock was held.
        if waiter is None:
            if self._ms == 0:
                raise OSError(errno.EAGAIN)
            return Waiter(self._ms)
        waiter.lock.acquire()
        return waiter


class PipeConnection(Connection):
    """C2, the loop's end of a pipe: EV_OPEN inside `mkpipe`, one EV_READ for each message, EV_CLOSE after the worker's close.

    `is_full` leaves the worker's messages in the queue, so that it waits. `is_closing` ends it now: the worker's `recv` returns
    b"" after what was sent, its `send` raises EPIPE.
    """

    def __init__(self, mgr, fn, fn_data):
        super().__init__(mgr, None, fn, fn_data)
        self.outbox = Fifo()  # from the worker
        self.wants_room = False
        self.posted = False
        self.next = None
        self.end = Pipe(self)

    def send(self, data):
        """Give `data` to the worker as one message. Never waits: False if the queue is full (EV_WRITE says when there is room)
        or the pipe is closing. ValueError if it is empty."""
        data = message(data)
        if not data:
            raise ValueError("send: a message has at least one byte")
        node = [data, None]
        end = self.end
        sleepers = None
        with self.mgr.bell.lock:
            if self.state & (CLOSING | CLOSED | DRAINING) or end.shut:
                return False
            sent = end.inbox.push(node, self.mgr.queue, self.mgr.queue_bytes)
            if sent:
                sleepers = end.waiters
                end.waiters = None
            else:
                self.wants_room = True
                self.mgr.stats["queue_full"] += 1
        wake(sleepers)
        return sent

    def deliver(self, budget):
        """Called by the loop when the worker has posted this pipe."""
        bell = self.mgr.bell
        end = self.end
        done = 0
        budget = min(budget, _MESSAGES)
        while done < budget and not self.state & (CLOSING | CLOSED | FULL):
            with bell.lock:
                node = self.outbox.pop()
                sleepers = None
                if node is not None:
                    sleepers = end.waiters
                    end.waiters = None
            wake(sleepers)
            if node is None:
                break
            done += 1
            self.emit(EV_READ, node[0])
        room = False
        draining = bool(self.state & DRAINING)
        with bell.lock:
            left = self.outbox.count and not self.state & (CLOSING | CLOSED | FULL)
            if left:
                bell.link(self)
            ended = end.shut and not self.outbox.count
            if self.wants_room and end.inbox.count < self.mgr.queue:
                self.wants_room = draining  # to be told of each that is taken
                room = True
            drained = not end.inbox.count
            ms = self._first_due()
        if ms is not None:
            self.mgr.deadline(self, max(ms, 1))
        if ended or (drained and draining):
            self.is_closing = True
        elif room and not self.state & (CLOSING | DRAINING):
            self.emit(EV_WRITE, None)
        return done + 1

    def _first_due(self):
        # With the lock held: milliseconds to the earliest waiter's deadline, or None.
        least = None
        now = ticks_ms()
        waiter = self.end.waiters
        while waiter is not None:
            if waiter.due is not None:
                ms = ticks_diff(waiter.due, now)
                if least is None or ms < least:
                    least = ms
            waiter = waiter.next
        return least

    def expired(self):
        """A deadline of a waiting worker has passed: wake whom it concerns. The others wake too and wait again."""
        now = ticks_ms()
        with self.mgr.bell.lock:
            sleepers = waiter = self.end.waiters
            self.end.waiters = None
            while waiter is not None:
                if waiter.due is not None and ticks_diff(waiter.due, now) <= 0:
                    waiter.expired = True
                waiter = waiter.next
        self.wait = 0
        wake(sleepers)

    def look(self):
        """Go on with what waits, unless is_full."""
        if not self.state & (FULL | CLOSED) and self.outbox.head is not None:
            with self.mgr.bell.lock:
                self.mgr.bell.link(self)

    def _drained(self):
        # (is_draining) Closed once the worker has received what it was sent.
        with self.mgr.bell.lock:
            self.wants_room = True
            left = self.end.inbox.count
        if not left:
            self.is_closing = True

    def _release(self):
        with self.mgr.bell.lock:
            self.end.gone = True
            sleepers = self.end.waiters
            self.end.waiters = None
            lost = self.outbox.count
            self.outbox = Fifo()
            self.mgr.stats["undelivered"] += lost
            self.mgr.pipes -= 1
        wake(sleepers)


class Wakeups:
    """What `mgr.wakeup` has accepted and the loop not yet delivered."""

    def __init__(self, mgr):
        self.mgr = mgr
        self.posted = False
        self.next = None
        self.fifo = Fifo()

    def put(self, id, data):
        """`mgr.wakeup`."""
        mgr = self.mgr
        node = [message(data), None, id]
        ring = False
        with mgr.bell.lock:
            if mgr.closed or mgr.find(id) is None:
                return False
            taken = self.fifo.push(node, mgr.wakeups, mgr.queue_bytes)
            if taken:
                ring = mgr.bell.post(self)
            else:
                mgr.stats["queue_full"] += 1
        if ring:
            mgr.bell.ring()
        return taken

    def deliver(self, budget):
        """Called by the loop."""
        mgr = self.mgr
        bell = mgr.bell
        done = 0
        while done < budget:
            with bell.lock:
                node = self.fifo.pop()
                c = None if node is None else mgr.find(node[2])
            if node is None:
                return done + 1
            done += 1
            if c is None or c.is_closing:
                mgr.stats["undelivered"] += 1
            else:
                c.emit(EV_WAKEUP, node[0])
        with bell.lock:
            if self.fifo.count:
                bell.link(self)
        return done
