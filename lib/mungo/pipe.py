# C1 browser --- HTTP ---> [ manager ] <--- C2 PipeConnection . Pipe ---> worker thread
#
# Two queues, each bounded in messages and bytes; the bell says when the loop has something to look at, and a waiting worker sleeps
# on a lock of its own. Everything that both sides touch is touched under the bell's lock, and there nothing is allocated, sent
# or called back.
import _thread
from errno import EBADF, ETIMEDOUT

from micropython import const

from .connection import Connection
from .port import EPIPE

_EV_READ = const(7)
_EV_WRITE = const(8)

_CLOSING = const(1)
_FULL = const(8)

_MESSAGES = const(16)  # of one pipe in one turn


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
        if self.count:
            self.tail[1] = node
        else:
            self.head = node
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


class Outbox(Fifo):
    """Messages for the loop: a Fifo that can be posted at the bell. In the loop each node is given to `hand`, until that returns
    a true value, and then None."""

    def __init__(self, bell, hand):
        super().__init__()
        self.bell = bell
        self.hand = hand
        self.posted = False
        self.next = None

    def deliver(self, budget):
        """Called by the loop when this was posted; returns how many messages, at least 1."""
        done = 1
        stop = False
        while done <= min(budget, _MESSAGES) and not stop:
            with self.bell.lock:
                node = self.pop()
            if node is None:
                break
            done += 1
            stop = self.hand(node)
        if not stop and self.count:
            with self.bell.lock:
                self.bell.link(self)
        self.hand(None)
        return done


# A thread that waits is a list: the lock it sleeps on, which it holds itself from the start; the next one that waits at the same
# pipe; when its time is over (ticks_ms, or None); whether it is.
_LOCK = const(0)
_NEXT = const(1)
_DUE = const(2)
_EXPIRED = const(3)


def wake(waiter):
    """Wake a chain of waiters that was taken off its pipe under the lock, so that nobody else can: a double release raises."""
    while waiter is not None:
        after = waiter[_NEXT]  # read before: once awake it may wait anew
        waiter[_LOCK].release()
        waiter = after


def message(data):
    """`data` (bytes-like or str) as bytes that nobody changes: kept if they are bytes, else copied. ValueError if empty."""
    if isinstance(data, str):
        data = data.encode()
    if not data:
        raise ValueError("a message has at least one byte")
    return data if isinstance(data, bytes) else bytes(data)


class Pipe:
    """The worker's end of a pipe, made by `mgr.mkpipe`. Any thread may call its methods, which are those of a socket.

    Messages are neither lost, doubled, cut nor reordered. `mgr.queue` messages or `mgr.queue_bytes` bytes may wait each way.
    """

    def __init__(self, c):
        self.c = c
        self.inbox = Fifo()
        self.waiters = None
        self.gone = False  # C2 is closed
        self.shut = False  # this end is
        self._off = 0  # how much of the first message was received
        self.timeout = None  # what tells when a wait that starts now is over

    def settimeout(self, seconds):
        """How long `send` and `recv` wait: None for ever (the default), 0 not at all, else seconds, for calls from now on."""
        from .patience import timeout

        self.timeout = timeout(seconds)

    def send(self, data):
        """Give `data` (bytes-like or str, at least one byte) to the loop, whose handler gets it as one EV_READ; return its length.

        Waits while the queue is full. Raises OSError: ETIMEDOUT after the timeout (EAGAIN if that is 0), EPIPE when the loop's end
        is closed, EBADF when this end is; ValueError if `data` is empty.
        """
        return self._try(self._put, [message(data), None, False])

    def recv(self, n):
        """The next message of the loop's `c2.send`, at most `n` bytes of it; the rest stays for the next call.

        Waits until there is one. Returns b"" when the loop's end is closed and everything was received, or when this end is closed.
        Raises OSError: ETIMEDOUT after the timeout (EAGAIN if that is 0); ValueError unless `n` is at least 1.
        """
        if n < 1:
            raise ValueError("recv(%r): want at least 1" % n)
        got = [n, 0, False]
        data = self._try(self._get, got)
        at = got[1]
        return data if not at and n >= len(data) else data[at : at + n]

    def close(self):
        """No more from this end: C2 gets its EV_CLOSE after the last message. Twice is once."""
        mgr = self.c.mgr
        with mgr.bell.lock:
            if self.shut:
                return
            self.shut = True
            waiters = self.waiters
            self.waiters = None
            ring = mgr.bell.post(self.c.outbox)
        if ring:
            mgr.bell.ring()
        wake(waiters)
        with mgr.bell.lock:
            mgr.pipe_ends -= 1  # last: from here on the manager may close the bell

    def _try(self, step, arg):
        # Try `step(arg)` under the lock until it has a result, and sleep between. It sets arg[2] if the loop must be told.
        bell = self.c.mgr.bell
        waiter = None
        while True:
            arg[2] = False
            with bell.lock:
                done = step(arg)
                if done is None and waiter is not None:
                    if waiter[_EXPIRED]:
                        done = -ETIMEDOUT
                    else:
                        waiter[_NEXT] = self.waiters
                        self.waiters = waiter
                        if waiter[_DUE] is not None:  # the loop must know how long it may sleep
                            self.c.timed = True
                            arg[2] = bell.post(self.c.outbox)
            if arg[2]:
                bell.ring()
            if done is None:
                if waiter is not None:
                    waiter[_LOCK].acquire()
                else:  # made here, since it allocates
                    waiter = [_thread.allocate_lock(), None, self.timeout and self.timeout(), False]
                    waiter[_LOCK].acquire()
            elif isinstance(done, int) and done < 0:
                raise OSError(-done)
            else:
                return done

    def _put(self, node):
        c = self.c
        if self.gone or self.shut:
            return -EBADF if self.shut else -EPIPE
        if not c.outbox.push(node, c.mgr.queue, c.mgr.queue_bytes):
            c.mgr.stats["queue_full"] += 1
            return None
        node[2] = c.mgr.bell.post(c.outbox)
        return len(node[0])

    def _get(self, got):
        node = self.inbox.head
        if node is None:
            return b"" if self.gone or self.shut else None
        got[1] = self._off
        self._off += got[0]
        if self._off >= len(node[0]):
            self._off = 0
            self.inbox.pop()
            if self.c.wants_room:
                got[2] = self.c.mgr.bell.post(self.c.outbox)
        return node[0]


class PipeConnection(Connection):
    """C2, the loop's end of a pipe: EV_OPEN inside `mkpipe`, one EV_READ for each message, EV_CLOSE after the worker's close.

    `is_full` leaves the worker's messages in the queue, so that it waits. `is_closing` ends it now: the worker's `recv` returns
    b"" after what was sent, its `send` raises EPIPE.
    """

    def __init__(self, mgr, fn, fn_data):
        self.outbox = Outbox(mgr.bell, self._hand)  # from the worker
        self.wants_room = False
        self.timed = False  # some waiter has, or had, a deadline
        self.end = Pipe(self)
        super().__init__(mgr, None, fn, fn_data)

    def send(self, data):
        """Give `data` to the worker as one message. Never waits: False if the queue is full (EV_WRITE says when there is room)
        or the pipe is closing. ValueError if it is empty."""
        node = [message(data), None]
        mgr = self.mgr
        if self.state & _CLOSING or self.end.shut:
            return False
        with mgr.bell.lock:
            sent = self.end.inbox.push(node, mgr.queue, mgr.queue_bytes)
            if not sent:
                self.wants_room = True
                mgr.stats["queue_full"] += 1
        self._wake()
        return sent

    def _hand(self, node):
        end = self.end
        if node is not None:
            if end.waiters is not None:  # there is room for another
                self._wake()
            if not self.state & _CLOSING:
                self.emit(_EV_READ, node[0])
            return self.state & (_CLOSING | _FULL)
        # Posted, and its messages are delivered: what else may the worker have done?
        if self.timed:
            from .patience import watch

            watch(self)
        if end.shut and not self.outbox.count:
            self.is_closing = True
        elif self.wants_room and end.inbox.count < self.mgr.queue:
            self.wants_room = False
            if not self.state & _CLOSING:
                self.emit(_EV_WRITE, None)

    def _wake(self):
        with self.mgr.bell.lock:
            waiters = self.end.waiters
            self.end.waiters = None
        wake(waiters)

    def look(self):
        """Go on with what waits, unless is_full."""
        if not self.state & (_CLOSING | _FULL) and self.outbox.count:
            with self.mgr.bell.lock:
                self.mgr.bell.link(self.outbox)

    def expired(self):
        """The deadline of a waiting worker has passed."""
        from .patience import expire

        expire(self)

    def release(self):
        """The loop's end is gone: the worker learns it, and what it had sent has no taker."""
        with self.mgr.bell.lock:
            self.end.gone = True
        self._wake()
        self.mgr.stats["undelivered"] += self.outbox.count
        self.mgr.pipes -= 1
