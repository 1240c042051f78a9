# C1 browser --- HTTP ---> [ manager ] <--- C2 PipeConnection . Pipe ---> worker thread
#
# Two queues, each bounded in messages and bytes; the bell says when the loop has something to look at, and a waiting worker sleeps
# on a lock of its own. Everything that both sides touch is touched under the bell's lock, and there nothing is allocated, sent
# or called back.
import _thread
from errno import EAGAIN, EBADF, ETIMEDOUT
from time import ticks_add, ticks_ms

from ..core.connection import Connection
from ..port import EPIPE

_EV_READ = const(7)
_EV_WRITE = const(8)

_MESSAGES = const(16)  # of one pipe at a time


class Fifo:
    """A bounded queue of nodes `[message, next, ..]`. Used with the lock held; allocates nothing."""

    def __init__(self):
        self.head = None
        self.tail = None
        self.count = 0
        self.size = 0  # bytes

    def push(self, node, limit, size):
        """Append `node`; False if that would be more than `limit` messages or `size` bytes. One message always fits."""
        n = len(node[0])
        if self.count and (self.count >= limit or self.size + n > size):
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
        """Take the first node off; there must be one."""
        node = self.head
        self.head = node[1]
        node[1] = None  # else what holds it a little longer, say an old stack frame, holds all that come after it
        if not self.head:
            self.tail = None  # the last message must not be kept until the next one comes
        self.count -= 1
        self.size -= len(node[0])
        return node


class Outbox(Fifo):
    """Messages for the loop: a Fifo that can be posted at the bell. In the loop `c.hand` is called: with None, with each node
    until it returns a true value, and with None again."""

    def __init__(self, mgr, c):
        Fifo.__init__(self)
        self.mgr = mgr
        self.c = c
        self.next = False  # not posted

    def deliver(self, n):
        """Called by the loop when this was posted; returns how many messages, at least 1."""
        bell = self.mgr.bell
        done = 1
        stop = self.c.hand(None)
        if n > _MESSAGES:
            n = _MESSAGES
        while not stop and self.count and done <= n:  # (only the loop takes any off)
            with bell.lock:
                node = self.pop()
            done += 1
            stop = self.c.hand(node)
        if not stop and self.count:
            with bell.lock:
                bell.link(self)
        self.c.hand(None)
        return done


# A thread that waits is a list: the lock it sleeps on, which it holds itself from the start; the next one that waits at the same
# pipe; when its time is over (ticks_ms, or None); whether it is.
_LOCK = const(0)
_NEXT = const(1)
_DUE = const(2)
_EXPIRED = const(3)

# Bits of a pipe's `flags`
_GONE = const(1)  # C2 is closed
_SHUT = const(2)  # the worker's end is
_WANT = const(4)  # the loop waits for room in the inbox,
_ROOM = const(16)  # and there is some
_TIMED = const(8)  # some waiter has, or had, a deadline


def wake(waiter):
    """Wake a chain of waiters that was taken off its pipe under the lock, so that nobody else can: a double release raises."""
    while waiter:
        after = waiter[_NEXT]  # read before: once awake it may wait anew
        waiter[_LOCK].release()
        waiter = after


def message(data):
    """`data` (bytes-like or str) as bytes that nobody changes: kept if they are bytes, else copied. ValueError if empty."""
    if isinstance(data, str):
        data = data.encode()
    if not data:
        raise ValueError("empty")
    return bytes(data)


class Pipe(Outbox):
    """The worker's end of a pipe, made by `mgr.mkpipe`. Any thread may call its methods, which are those of a socket.

    Messages are neither lost, doubled, cut nor reordered. `mgr.queue` messages or `mgr.queue_bytes` bytes may wait each way.
    """

    def __init__(self, mgr, c):
        # All that a worker touches is here from the start. Of C2 it touches nothing: its dict may grow meanwhile.
        Outbox.__init__(self, mgr, c)
        self.inbox: "Fifo | None" = None  # a Fifo, once the loop has sent something
        self.waiters = None
        self.flags = 0  # under the lock
        self.ms = None  # what a wait may take

    def settimeout(self, timeout):
        """How long `send` and `recv` wait: None for ever (the default), 0 not at all, else that many seconds, for calls from now on."""
        if timeout is not None:
            if not 0 <= timeout <= 500000:
                raise ValueError("timeout %r" % timeout)
            timeout = int(timeout * 1000)
        self.ms = timeout

    def send(self, data):
        """Give `data` (bytes-like or str, at least one byte) to the loop, whose handler gets it as one EV_READ; return its length.

        Waits while the queue is full. Raises OSError: ETIMEDOUT after the timeout (EAGAIN if that is 0), EPIPE when the loop's end
        is closed, EBADF when this end is; ValueError if `data` is empty.
        """
        return self._try(self.put, [message(data), None, None])

    def recv(self, n):
        """The next message of the loop's `c2.send`, at most `n` bytes of it; the rest stays for the next call.

        Waits until there is one. Returns b"" when the loop's end is closed and everything was received, or when this end is closed.
        Raises OSError: ETIMEDOUT after the timeout (EAGAIN if that is 0); ValueError unless `n` is at least 1.
        """
        if n < 1:
            raise ValueError("recv(%r)" % n)
        arg: list = [n, 0, None]
        data = self._try(self.get, arg)
        at = arg[1]
        return data if not at and n >= len(data) else data[at : at + n]  # pyright: ignore

    def close(self):
        """No more from this end: C2 gets its EV_CLOSE after the last message. Twice is once."""
        bell = self.mgr.bell
        with bell.lock:
            if self.flags & _SHUT:
                return
            self.flags |= _SHUT
            waiters = self.waiters
            self.waiters = None
            ring = bell.post(self)
        if ring:
            bell.ring()
        wake(waiters)
        with bell.lock:
            self.mgr.pipe_ends -= 1  # last: from here on the manager may close the bell

    def wake(self, bit=0):
        """Set `bit` of the flags, and wake all that wait at this pipe, to look again. Not with the lock held."""
        with self.mgr.bell.lock:
            self.flags |= bit
            waiters = self.waiters
            self.waiters = None
        wake(waiters)

    def _try(self, step, arg):
        # Try `step(arg)` under the lock until it has a result, and sleep between. It sets arg[2] if the loop must be told; None
        # there is the first time.
        bell = self.mgr.bell
        waiter = None
        while True:
            with bell.lock:
                done = step(arg)
                if done is None and waiter:
                    if waiter[_EXPIRED]:
                        done = -ETIMEDOUT
                    else:
                        waiter[_NEXT] = self.waiters
                        self.waiters = waiter
                        if waiter[_DUE] is not None:  # the loop must know how long it may sleep
                            self.flags |= _TIMED
                            arg[2] = bell.post(self)
            if arg[2]:
                bell.ring()
            arg[2] = False
            if done is None:
                if waiter:
                    waiter[_LOCK].acquire()
                else:  # made here, since it allocates
                    due = self.ms  # read once: another thread may set it
                    if due == 0:
                        raise OSError(EAGAIN)
                    if due is not None:
                        due = ticks_add(ticks_ms(), due)
                    waiter = [_thread.allocate_lock(), None, due, False]
                    waiter[_LOCK].acquire()
            elif isinstance(done, int) and done < 0:
                raise OSError(-done)
            else:
                bell.fence.clear()
                return done

    def put(self, node):
        """A step of `send`."""
        mgr = self.mgr
        if self.flags & (_GONE | _SHUT):
            return -EBADF if self.flags & _SHUT else -EPIPE
        if not self.push(node, mgr.queue, mgr.queue_bytes):
            if node[2] is None:
                mgr.stats["queue_full"] += 1
            return None
        node[2] = mgr.bell.post(self)
        return len(node[0])

    def get(self, arg):
        """A step of `recv`."""
        node = self.inbox and self.inbox.head
        if node is None or self.flags & _SHUT:
            return b"" if self.flags & (_GONE | _SHUT) else None
        arg[1] = node[2]
        node[2] += arg[0]
        if node[2] >= len(node[0]):
            self.inbox.pop()
            if self.flags & _WANT:
                self.flags ^= _WANT | _ROOM
                arg[2] = self.mgr.bell.post(self)
        return node[0]


class PipeConnection(Connection):
    """C2, the loop's end of a pipe: EV_OPEN inside `mkpipe`, one EV_READ for each message, EV_CLOSE after the worker's close.

    `is_full` leaves the worker's messages in the queue, so that it waits. `is_closing` ends it now: the worker's `recv` returns
    b"" after what was sent, its `send` raises EPIPE.
    """

    def __init__(self, mgr, fn, fn_data):
        self.end = Pipe(mgr, self)
        Connection.__init__(self, mgr, None, fn, fn_data)

    def send(self, data):
        """Give `data` to the worker as one message. Never waits: False if the queue is full (EV_WRITE says when there is room)
        or the pipe is closing. ValueError if it is empty."""
        from .inbox import put

        return put(self, message(data))

    def hand(self, node):
        """Called by the loop with each message of the worker's, before and after them with None. True: no more for now."""
        end = self.end
        if node is not None:
            if end.waiters:  # there is room for another
                end.wake()
            self.emit(_EV_READ, node[0])
        else:  # what else may the worker have done?
            if end.flags & _TIMED:
                from .patience import watch

                watch(self)
            if end.flags & _SHUT and not end.count:
                self.is_closing = True
            elif end.flags & _ROOM and not self.is_closing:
                with self.mgr.bell.lock:
                    end.flags &= ~_ROOM
                self.emit(_EV_WRITE)
        return self.state

    def look(self):
        """Go on with what waits, unless is_full."""
        if not self.state and self.end.count:
            with self.mgr.bell.lock:
                self.mgr.bell.link(self.end)

    def expired(self):
        """The deadline of a waiting worker has passed."""
        from .patience import expired

        expired(self)

    def release(self):
        """The loop's end is gone: the worker learns it, and what it had sent has no taker."""
        self.end.wake(_GONE)
        if self.end.count:
            self.mgr.stats["undelivered"] += self.end.count
        self.mgr.pipes -= 1
