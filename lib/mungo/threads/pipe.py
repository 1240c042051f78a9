# The pipe between the loop and a worker: C2, a PipeConnection, is the loop's end; the Pipe is the worker's.
#
#   C1 browser --- HTTP ---> [ manager ] <--- C2 PipeConnection . Pipe ---> worker thread
#
# How a message travels from a worker to C2's handler, and an answer back:
#   manager.py        mkpipe makes both ends; the program gives the worker's end to a thread
#   pipe.py           Pipe.send puts the message into the pipe's outbox; while that is full, it waits
#   core/doorbell.py  post puts the pipe into the queue of boxes that have something for the loop, and ring wakes the loop
#   core/loop.py      poll takes the pipe from that queue in deliver, before it looks at sockets
#   pipe.py           Pipe.deliver takes messages off, wakes a sender that waits for room, and calls C2's handler with EV_READ
#   pipe.py           the handler's c2.send puts the answer into the pipe's inbox, and wakes the worker, which sleeps in Pipe.recv
#   pipe.py           Pipe.close posts the pipe again: after the last message deliver closes C2, and core/connection.py sends EV_CLOSE
#
# What both threads touch exists before the worker gets its end, and is touched under the bell's lock alone. Under that lock nothing
# allocates, does I/O or calls a handler.
import _thread
from errno import EAGAIN, EBADF, ETIMEDOUT
from time import ticks_add, ticks_diff, ticks_ms

from ..core.connection import Connection
from ..port import EPIPE
from .wakeups import as_bytes

_EV_READ = const(7)
_EV_WRITE = const(8)

_MESSAGES = const(16)  # of one pipe, before other pipes and sockets are served

# Bits of a pipe's `flags`
_GONE = const(1)  # C2 is closed
_SHUT = const(2)  # the worker's end is closed
_REFUSED = const(4)  # the inbox had no room for a message,
_ROOM = const(8)  # and has room again: the handler is to be told
_TIMED = const(16)  # a waiter has, or had, a deadline: the loop must look at the waiters


class Message:
    """A message in a Fifo: `data`, see `as_bytes`, with at least one byte. Raises TypeError, or ValueError if it is empty."""

    def __init__(self, data):
        data = as_bytes(data)
        if not data:
            raise ValueError("an empty message: want at least one byte")
        self.data = data
        self.next = None


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


class Inbox(Fifo):
    """The messages to a worker, which may receive them in pieces."""

    def __init__(self):
        Fifo.__init__(self)
        self.taken = 0  # bytes of the first message that recv has returned

    def take(self, n):
        """Count the next `n` bytes of the first message as received. True if that was the rest of it: it is removed."""
        if n < len(self.first.data) - self.taken:
            self.taken += n
            return False
        self.taken = 0
        self.pop()
        return True


class Waiter:
    """A thread that sleeps until another one releases its lock."""

    def __init__(self, due):
        self.next = None  # another one that waits for the same thing
        self.due = due  # ticks_ms at which it gives up; None: never
        self.is_expired = False  # whether that has passed
        self.lock = _thread.allocate_lock()
        self.lock.acquire()


def release_waiters(waiter):
    """Wake the waiters of a list that was taken off its pipe or pool under the lock: so no waiter is released twice, which raises."""
    while waiter is not None:
        after = waiter.next  # read first: a thread that is awake may put its waiter into a list again
        waiter.lock.release()
        waiter = after


class Pipe:
    """The worker's end of a pipe, made by `mgr.mkpipe`. Any thread may call its methods, which are those of a socket.

    Messages are neither lost, doubled, cut nor reordered. `mgr.queue` messages or `mgr.queue_bytes` bytes may wait each way.
    """

    def __init__(self, mgr, c):
        self.mgr = mgr
        self.c = c  # C2. For the loop alone: a connection's dict may grow at any time
        self.next = False  # of the doorbell: not posted
        self.outbox = Fifo()  # to the loop
        self.inbox: "Inbox | None" = None  # to the worker, once the loop has sent something
        self.waiters: "Waiter | None" = None
        self.flags = 0
        self.timeout_ms = None

    def is_gone(self):
        """Whether C2 was closed before this end. (With a property in the class, setting any attribute would cost a search of the class.)"""
        return self.flags & _GONE > 0

    # --- any thread

    def settimeout(self, timeout):
        """How long `send` and `recv` wait: None for ever (the default), 0 not at all, else that many seconds, for calls from now on.

        ValueError for a negative time, or for more than 500,000 seconds.
        """
        if timeout is not None:
            if not 0 <= timeout <= 500000:
                raise ValueError("timeout %r: want None, or 0 to 500000 seconds" % timeout)
            timeout = int(timeout * 1000)
        self.timeout_ms = timeout

    def send(self, data):
        """Give `data` (bytes-like or str, at least one byte) to the loop, whose handler gets it as one EV_READ. Returns its length.

        Waits while the queue is full. Raises OSError: ETIMEDOUT after the timeout (EAGAIN if that is 0), EPIPE if the loop's end
        is closed, EBADF if this end is; ValueError if `data` is empty, TypeError if it is something else.
        """
        message = Message(data)
        n = len(message.data)
        mgr = self.mgr
        bell = mgr.bell
        outbox = self.outbox
        waiter = None
        while True:
            error = 0
            sent = ring = False
            with bell.lock:
                if self.flags & (_GONE | _SHUT):
                    error = EBADF if self.flags & _SHUT else EPIPE
                elif outbox.has_room(n, mgr):
                    outbox.push(message)
                    sent = True
                    ring = bell.post(self)
                else:
                    if waiter is None:
                        mgr.stats["queue_full"] += 1
                    ring = self._enlist(waiter)
            if ring:
                bell.ring()
            if sent:
                bell.gc_barrier.clear()
                return n
            if error:
                raise OSError(error)
            waiter = self._sleep(waiter)

    def recv(self, n):
        """The next message of the loop's `c2.send`, at most `n` bytes of it; the rest stays for the next call.

        Waits until there is one. Returns b"" if this end is closed, or if the loop's end is closed and everything was received.
        Raises OSError: ETIMEDOUT after the timeout (EAGAIN if that is 0); ValueError unless `n` is a whole number of at least 1.
        """
        if not isinstance(n, int) or n < 1:
            raise ValueError("recv(%r): want a whole number > 0" % n)
        bell = self.mgr.bell
        waiter = None
        while True:
            data = None
            ring = False
            at = 0
            with bell.lock:
                inbox = self.inbox
                if self.flags & _SHUT:
                    data = b""
                elif inbox is not None and inbox.count:
                    data = inbox.first.data
                    at = inbox.taken
                    if inbox.take(n) and self.flags & _REFUSED:
                        self.flags ^= _REFUSED | _ROOM
                        ring = bell.post(self)
                elif self.flags & _GONE:
                    data = b""
                else:
                    ring = self._enlist(waiter)
            if ring:
                bell.ring()
            if data is not None:
                bell.gc_barrier.clear()
                return data[at : at + n] if at or n < len(data) else data
            waiter = self._sleep(waiter)

    def close(self):
        """Close this end: C2 gets its EV_CLOSE after the last message. Closing twice does nothing."""
        mgr = self.mgr
        bell = mgr.bell
        with bell.lock:
            if self.flags & _SHUT:
                return
            self.flags |= _SHUT
            waiters = self.waiters
            self.waiters = None
            ring = bell.post(self)
            if not ring:
                mgr.pipe_ends -= 1
        if ring:
            bell.ring()
            with bell.lock:
                mgr.pipe_ends -= 1  # after the ring: from here on the manager may close the bell
        if waiters is not None:
            release_waiters(waiters)

    def _enlist(self, waiter):
        # With the lock held: the waiter is to be woken by the next change. True if the bell must be rung: the loop must learn of a
        # deadline. (The first time there is no waiter yet: making one allocates.)
        if waiter is None or waiter.is_expired:
            return False
        waiter.next = self.waiters
        self.waiters = waiter
        if waiter.due is None:
            return False
        self.flags |= _TIMED
        return self.mgr.bell.post(self)

    def _sleep(self, waiter):
        # Sleep until the waiter is woken. Returns it; the first time makes it, and does not sleep.
        if waiter is None:
            ms = self.timeout_ms  # read once: another thread may set it
            if ms == 0:
                raise OSError(EAGAIN)
            return Waiter(None if ms is None else ticks_add(ticks_ms(), ms))
        if waiter.is_expired:
            raise OSError(ETIMEDOUT)
        waiter.lock.acquire()
        return waiter

    # --- the loop's thread

    def deliver(self, budget):
        """Called by the loop if the pipe was posted: call C2's handler with each message. Returns their number, at least 1.

        At most `budget` messages; if more wait, the pipe is posted again.
        """
        c = self.c
        bell = self.mgr.bell
        outbox = self.outbox
        n = 0
        try:
            if self.flags & (_TIMED | _ROOM):
                c.on_flags()
            while outbox.count and not c.state and n < budget and n < _MESSAGES:
                with bell.lock:
                    message = outbox.pop()
                n += 1
                if self.waiters is not None:  # there is room for another message
                    self.wake(0)
                if c.fn is not None:
                    c.fn(c, _EV_READ, message.data, c.fn_data)
        except BaseException as er:
            c.bug(er)  # which closes C2
        is_shut = self.flags & _SHUT  # read before the messages: after it is set, none is added
        if outbox.count:
            if not c.state:
                with bell.lock:
                    bell.post(self)
        elif is_shut:
            c.is_closing = True
        return n or 1

    def wake(self, flag):
        """Set a bit of the flags, and wake all that wait at this pipe; they look again."""
        with self.mgr.bell.lock:
            self.flags |= flag
            waiters = self.waiters
            self.waiters = None
        release_waiters(waiters)


class PipeConnection(Connection):
    """C2, the loop's end of a pipe: EV_OPEN inside `mkpipe`, one EV_READ for each message, EV_CLOSE after the worker's close.

    `is_full` leaves the worker's messages in the queue, so that it waits. `is_closing` ends it now: the worker's `recv` returns
    b"" after what was sent, its `send` raises EPIPE. `end` is the worker's end.
    """

    def __init__(self, mgr, fn, fn_data):
        if mgr.pipes >= mgr.max_pipes:
            raise OSError(12, "max_pipes")  # ENOMEM
        self.end = Pipe(mgr, self)
        self.error_text = None  # (here: without memory for it an answer that was cut off would look whole, see app/relay.py)
        Connection.__init__(self, mgr, None, fn, fn_data)
        mgr.pipes += 1
        with mgr.bell.lock:
            mgr.pipe_ends += 1

    def emit(self, ev, data=None):
        """Call the handler. If it raises, the connection is closed."""
        if not self.mgr.busy:
            self.mgr.call(self.emit, ev, data)
        elif self.fn is not None:
            try:
                self.fn(self, ev, data, self.fn_data)
            except BaseException as er:
                self.bug(er)

    @property
    def unread(self):
        """How many of the worker's messages wait for the handler."""
        return self.end.outbox.count

    def send(self, data):
        """Give `data` (bytes-like or str) to the worker as one message. Never waits. Raises as the worker's `send` for wrong data.

        Returns False if the queue is full (EV_WRITE says when there is room) or the pipe is closing.
        """
        message = Message(data)
        mgr = self.mgr
        end = self.end
        if self.is_closing or end.flags & _SHUT:
            return False
        if end.inbox is None:
            end.inbox = Inbox()
        with mgr.bell.lock:
            sent = end.inbox.has_room(len(message.data), mgr)
            if sent:
                end.inbox.push(message)
            else:
                end.flags = end.flags & ~_ROOM | _REFUSED
                mgr.stats["queue_full"] += 1
            waiters = end.waiters
            end.waiters = None
        release_waiters(waiters)
        return sent

    def on_flags(self):
        """See what the worker wants: a deadline to be watched, or the handler told that there is room."""
        end = self.end
        if end.flags & _TIMED:
            now = ticks_ms()
            with self.mgr.bell.lock:
                ms = self._next_deadline(now)
            if ms is not None:
                self.mgr.deadline(self, max(ms, 1) + ticks_diff(now, self.mgr.now))  # which counts from the turn's start
        if end.flags & _ROOM and not self.is_closing and not end.flags & _SHUT:
            with self.mgr.bell.lock:
                end.flags &= ~_ROOM
            self.emit(_EV_WRITE)

    def _next_deadline(self, now):
        # Milliseconds until the first waiter gives up, None if none does. With the lock held.
        least = None
        waiter = self.end.waiters
        while waiter is not None:
            if waiter.due is not None:
                ms = ticks_diff(waiter.due, now)
                if least is None or ms < least:
                    least = ms
            waiter = waiter.next
        return least

    def expired(self):
        """A waiter's deadline has passed. Wake all: those whose deadline it is give up, the others wait again."""
        # MicroPython's acquire has no timeout, so the loop's sweep of deadlines ends a wait.
        now = ticks_ms()
        self.wait = 0
        with self.mgr.bell.lock:
            waiters = waiter = self.end.waiters
            self.end.waiters = None
            while waiter is not None:
                waiter.is_expired = waiter.due is not None and ticks_diff(waiter.due, now) <= 0
                waiter = waiter.next
        release_waiters(waiters)

    def look(self):
        """`is_full` has changed: go on with the messages that wait."""
        if not self.state and self.end.outbox.count:
            with self.mgr.bell.lock:
                self.mgr.bell.post(self.end)

    def release(self):
        """The connection is closing: tell the worker, and count the messages that no handler gets."""
        end = self.end
        if not end.flags & _SHUT:
            end.wake(_GONE)
        if end.outbox.count:
            self.mgr.stats["undelivered"] += self.unread
        self.mgr.pipes -= 1
