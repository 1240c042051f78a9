# The loop: one thread's sockets, timers and mail. A turn, which is one call of `poll`:
#   1. `look` sleeps in ipoll until a socket, the bell or a deadline is due, and notes the sockets that are ready. It also frees
#      memory early (`collect_early`).
#   2. `deliver` hands over what other threads have posted (doorbell.py, threads/pipe.py, threads/pool.py).
#   3. `_serve` calls `event` of each ready connection (connection.py, listener.py, udp.py): it reads, and its protocol (http/server.py)
#      and the program's handlers run in there.
#   4. `finish` fires timers (timer.py), sends EV_POLL, resumes connections, looks at deadlines (`expired`), and at last closes the
#      connections that have asked for it (`shut`): so EV_CLOSE never comes inside a handler.
import gc
import select
from time import ticks_add, ticks_diff, ticks_ms

from ..port import ALLOC_RATE, BELL, COLLECT_MS, EMPTY_CLOSES, TX_MEMORY, Limits
from ..port.flash import flash
from .buffer import Buffer
from .collector import collect_early
from .doorbell import Doorbell
from .flash_queue import serve_flash_waiters, use_flash, when_flash_is_free
from .one_thread import claim, give_back
from .reports import report

_EV_POLL = const(2)
_EV_READ = const(7)

_LONGEST = const(1000)  # ms of sleep: the net under a ring that was lost
_MESSAGES = const(64)  # of other threads in one turn, before sockets and timers are looked at again
_FLASH_MS = const(2)  # from one look whether the flash is free to the next


class Loop(Limits):
    """One thread's sockets, timers and mail, and the poll that serves them.

    Limits are keyword arguments; `port.Limits` lists them with their defaults. How often each was hit is in `stats`.
    All methods are for the loop's own thread, except `stop`.
    """

    _room = None  # see internals: ROOM
    newest: object = None  # the Loop that was made last: a call that waits must not run inside one of its handlers

    collect_early = collect_early
    use_flash = use_flash
    when_flash_is_free = when_flash_is_free
    serve_flash_waiters = serve_flash_waiters
    report = report

    def __init__(self, bell=None, **limits):
        claim(1)
        try:
            self._set_up(bell, limits)
        except BaseException:
            give_back()
            raise

    def _set_up(self, bell, limits):
        gc.collect()  # garbage of the imports would lie between objects that stay
        flash.share()
        if limits:
            from .limits import set_manager_limits

            set_manager_limits(self, limits, Limits)
        self.stats = dict.fromkeys(
            (
                "accepted",  # connections taken in
                "evicted",  # idle ones closed to make room
                "refused",  # clients turned away at max_conns
                "starved",  # times that accept found no socket
                "failed",  # connections that ended in EV_ERROR, or before they were accepted
                "timeouts",  # deadlines that passed, but for idle connections
                "recv_full",  # receive buffers at recv_limit
                "send_full",  # sends refused at send_limit
                "shared_full",  # bodies and sends refused at shared_bytes
                "streams_full",  # streams refused at max_streams
                "tls_full",  # TLS connections refused at tls_conns
                "send_waits",  # writes put off because the system had no memory for them
                "queue_full",  # messages of pipes and wakeups that had to wait or were refused
                "dns_ignored",  # datagrams for the resolver that were no answer to its questions
                "workers",  # a dict of the pool's own figures, once there is one
                "mqtt",  # {name: a dict of its own figures} of the everyday clients, once there is one
                "undelivered",  # messages whose connection had gone, datagrams that the system did not take
                "reopened",  # UDP sockets made anew, since an empty datagram had closed them (ESP32)
                "rings_lost",
                "bugs",  # exceptions that handlers let go, or that the loop has met itself for want of memory
                "unprinted",  # those whose traceback stdout did not take, or beyond 20 in a second
                "no_memory",  # MemoryErrors among them, and connections, accepts and datagrams that had to wait or end for that
            ),
            0,
        )
        self.bell = Doorbell(bell or BELL, not bell, self.stats)
        Loop.newest = self
        self.running = True
        self.closed = self.is_polled = self.busy = False  # busy: in a turn
        self.interrupts = []  # what handlers have let go and is no bug, see `report`
        self.now = ticks_ms()  # when this turn began
        self.conns = []  # newest last
        self.accepted = 0  # how many of them are accepted sockets
        self.pipes = 0  # and pipes
        self.held = 0  # bytes of bodies and send buffers, see core/holding.py
        self.pipe_ends = 0  # that workers still hold; under the bell's lock
        self.rx = Buffer(bytearray(self.rx_bytes))  # lent to the connection that is being read
        self.scratch = None  # what the connections of a protocol share: they are served one by one
        self.timers = None  # a timer.Timers once there was a timer
        self.pool = None  # a WorkerPool once there is one. It has a deadline, and is closed before the connections
        self.closing = 0  # how many connections are to be closed at the end of the turn
        self.to_close = []  # these, in their order; it has a place for each connection, which notes itself (`is_closing`)
        self.resuming = []  # connections that get EV_READ in the next turn, which does not sleep
        self.flash_waiters = []  # (function, connection, argument): what waits for the flash
        self.tasks = None  # what runs coroutines for handlers: aio.py, while asyncio polls this manager
        self.poll_events = []  # connections that want EV_POLL: a program adds and removes its own
        self.spare = None  # the connection beyond max_conns, which waits or is being refused
        self.waiting = None  # the same while it waits
        self.paused_listeners = []  # that wait for a free socket
        self.poller = select.poll()
        self._socks = {}  # socket -> connection
        # Ids, None where there is none, and the connections with them: all that other threads read. (A connection's dict may grow.)
        self._ids = []
        self._found_by = []
        self.last = 0
        self._ready = []  # (reused) what ipoll found: connection, flags, connection, flags ..
        self._next = self._found = 0  # the place in it of what comes next, and of its end
        self._collect_at = self.now  # when to collect, see `collect_early`, and ms from then to the next time
        self._collect_ms = ALLOC_RATE and max(COLLECT_MS, min(gc.mem_free() // 2 // ALLOC_RATE, _LONGEST))
        self._due = None  # no deadline of a connection is earlier
        # Looked up often: found here sooner than in the class. See internals: OWN.
        self.idle_ms = self.idle_ms
        self.max_conns = self.max_conns
        self.recv_limit = self.recv_limit
        self.send_slice = self.send_slice
        self.prints = 0  # tracebacks that were printed in the second
        self.since = self.now  # which began then
        self._room = None  # see internals: ROOM
        self.poller.ipoll(0)  # the first one makes the tuple that all return
        self.watch(self.bell.rx, self, select.POLLIN)
        self.send_memory = None
        if TX_MEMORY:
            from .send_memory import make_send_memory

            self.send_memory = make_send_memory(self.stats)

    # --- one turn

    def poll(self, ms=-1):
        """Serve what is ready; if nothing is, sleep until something is or a deadline or timer is due, at most `ms` milliseconds.

        It returns after one turn, or after a second at the latest; `ms` below 0 means no limit of the caller's.
        Returns `running`, so that `while mgr.poll(1000): pass` ends when some thread calls `stop`.
        Raises RuntimeError inside a handler and if another thread has a manager, OSError when this manager is closed.
        """
        if self.busy:
            raise RuntimeError("poll: in a handler of this manager")
        self.check_open()
        if not self.is_polled:
            claim(0)  # maybe another thread has made it
            self.is_polled = True
        try:
            self.busy = True  # (in here: Ctrl-C may come at any point, and close refuses while it is set)
            self.look(ms)
            self.deliver()
            while self._next < self._found:
                self._serve()
            self.finish()
            if self._found:
                self.find  # noqa: B018  (allocates one block, see internals: ONE BLOCK A TURN)
            self.busy = False
        except MemoryError:  # the next turn goes on where this one was. (No more in here: the frame must fit on the stack, see the same)
            self.starved()
        except BaseException:
            self.busy = False
            raise
        return self.running

    def starved(self):
        """A turn has ended for want of memory."""
        self.busy = False
        self.stats["no_memory"] += 1

    def stop(self):
        """Make `poll` return soon and `running` False. Any thread may call it."""
        self.running = False
        self.bell.ring()

    def look(self, ms):
        """Wait up to `ms` milliseconds for what is ready, and note it."""
        # (Handlers change the poll set, which must not happen while ipoll is being iterated.)
        if ms < 0 or ms > _LONGEST:
            ms = _LONGEST
        now = ticks_ms()
        if self.timers:
            ms = min(ms, self.timers.time_left(now))
        if self._due is not None:
            ms = min(ms, ticks_diff(self._due, now))
        if self.flash_waiters:
            ms = min(ms, _FLASH_MS)
        if ms < 0 or self.closing or self.resuming or self.bell.first or not self.running:
            ms = 0
        ready = self._ready
        n = 0
        for sock, ev in self.poller.ipoll(ms):
            ready[n] = self._socks[sock]
            ready[n + 1] = ev
            n += 2
        self._next = 0
        self._found = n
        self.now = ticks_ms()
        if ALLOC_RATE:
            self.collect_early()

    def _serve(self):
        # Call the connections that are ready, until one of them raises.
        try:
            while self._next < self._found:
                i = self._next
                self._next = i + 2
                self._ready[i].event(self._ready[i + 1])
        except BaseException as er:
            self._ready[self._next - 2].bug(er)

    def deliver(self):
        """Hand over what other threads have posted."""
        # Before the sockets, since a client waits for it. The bell may be read later: the FIFO is looked at before each sleep.
        n = _MESSAGES
        while n > 0 and self.bell.first:
            n -= self.take().deliver(n)

    def take(self):
        """Take the first box that threads have posted off the doorbell's queue, and return it. There must be one."""
        bell = self.bell
        with bell.lock:
            box = bell.first
            bell.first = box.next
            box.next = False
            if bell.first is None:
                bell.rung = False
        return box

    def event(self, ev):
        """The bell is readable: read what has rung. What is left over makes ipoll return once more, which is harmless."""
        if self.bell.rx.readinto(self.bell.rings) == 0 and EMPTY_CLOSES:
            self.bell.reopen(self)

    def bug(self, er):
        """`event` has raised, for want of memory: the turn counts it."""
        raise er

    def finish(self):
        """What each turn ends with: timers, EV_POLL, resuming, deadlines, closing."""
        if self.timers:
            self.timers.fire()
        if self.poll_events:
            self._emit_poll()
        if self.flash_waiters:
            self.serve_flash_waiters()
        if self.resuming:
            self._resume()
        if self._due is not None and ticks_diff(self._due, self.now) <= 0:
            self._sweep()
        if self.closing:
            self._close()
        if self.waiting is not None and self.accepted < self.max_conns:
            self._expire(self.waiting)
        if self.interrupts:
            raise self.interrupts.pop()

    # (From the end on: who leaves the list meanwhile moves nobody to a place that was passed.)

    def _emit_poll(self):
        # Connections that are closing leave the list.
        conns = self.poll_events
        at = len(conns)
        while at > 0:
            at -= 1
            if at < len(conns):
                c = conns[at]
                if c.is_closing:
                    conns.pop(at)
                else:
                    c.emit(_EV_POLL, self.now)

    def _resume(self):
        # Go on with the connections that have something left from the last turn.
        n = len(self.resuming)
        while n > 0:
            n -= 1
            c = self.resuming.pop(0)
            if not c.is_closing:
                c.emit(_EV_READ, 0)
                try:
                    c.settle()
                except BaseException as er:
                    c.bug(er)

    def _sweep(self):
        # The one place where connections' deadlines are looked at; on the way it learns when to look next.
        self._due = None
        conns = self.conns
        at = len(conns)
        while at > 0:
            at -= 1
            if at < len(conns) and conns[at].wait:
                self._look_at_deadline(conns[at])
        if self.pool is not None and self.pool.wait:
            self._look_at_deadline(self.pool)

    def _look_at_deadline(self, c):
        if ticks_diff(self.now, c.since) < c.wait:
            self.due(c)
        else:
            self._expire(c)

    def _close(self):
        ready = self._ready
        for at in range(0, self._found, 2):
            ready[at] = None  # or it would keep them
        at = 0
        while at < self.closing:  # (EV_CLOSE's handlers may close others)
            c = self.to_close[at]
            self.to_close[at] = None
            at += 1
            if c is not None:  # (Ctrl-C may have ended another turn in here)
                self.shut(c)
        self.closing = 0

    def _expire(self, c):
        try:
            c.expired()
        except BaseException as er:
            c.bug(er)

    # --- what connections need

    def call(self, fn, *args):
        """Call `fn(*args)`, which calls handlers, and return what it returns. Between two turns `poll` and `close` are refused meanwhile,
        as they are in a turn."""
        if self.busy:
            return fn(*args)
        try:
            self.busy = True
            self.now = ticks_ms()
            return fn(*args)
        finally:
            self.busy = False

    def has_bytes(self, n):
        """Whether bodies and send buffers may take `n` bytes more."""
        if self.held + n <= self.shared_bytes:
            return True
        self.stats["shared_full"] += 1
        return False

    def check_open(self):
        """Raise OSError if the manager is closed."""
        if self.closed:
            raise OSError(9, "closed")  # EBADF, the same everywhere

    def add(self, c):
        """Watch the connection's socket, give it its id and let other threads find it by that. Ids are never used twice.
        MemoryError, and OSError if the manager is closed: nothing of that is done."""
        if self.closed:
            self.check_open()
        if None not in self._ids:
            self._grow()
        self.last = c.id = id = self.last + 1
        if len(self.to_close) <= self.closing + len(self.conns):
            self.to_close.append(None)
        self.conns.append(c)
        try:
            if c.sock is not None:
                self.watch(c.sock, c, c.mask)
        except Exception:
            self.conns.pop()
            raise
        with self.bell.lock:
            at = self._ids.index(None)
            self._ids[at] = id
            self._found_by[at] = c

    def _grow(self):
        # (What allocates comes before the lock.)
        ids = self._ids + [None] * 8
        found_by = self._found_by + [None] * 8
        with self.bell.lock:
            self._ids = ids
            self._found_by = found_by

    def shut(self, c):
        """Close the connection now, unless it is. Late mail for it is undelivered from here on. Needs no memory, see internals: CLOSING."""
        id = c.id
        with self.bell.lock:
            if id not in self._ids:
                return
            at = self._ids.index(id)
            self._ids[at] = self._found_by[at] = None
        # They are in the order of their ids. (list.remove would compare each with it, and look for __eq__ in all its classes.)
        conns = self.conns
        at = 0
        end = len(conns)
        while end - at > 1:
            mid = (at + end) // 2
            if conns[mid].id > id:
                end = mid
            else:
                at = mid
        conns.pop(at)
        c.shut()

    def find(self, id):
        """The connection with this id, or None. Any thread, with the bell's lock held."""
        if id in self._ids:
            return self._found_by[self._ids.index(id)]

    def watch(self, sock, c, mask):
        """From now on call `c.event(flags)` when `sock` is ready for `mask`, or has failed, which a mask of 0 shows as well.

        To change the mask needs no memory. MemoryError for a new one, which is not watched then.
        """
        is_new = sock not in self._socks
        if is_new:
            n = len(self._socks)
            if 2 * n >= len(self._ready):
                self._ready += (None, 0)
                bytearray(32 * n)
            bytearray(64)  # see internals: ROOM TO REGISTER
        self._socks[sock] = c
        try:
            self.poller.register(sock, mask)
        except MemoryError:
            if is_new:
                self._socks.pop(sock)
            raise

    def unwatch(self, sock):
        """Stop watching. Before every close: the unix port would go on polling the descriptor's number."""
        self.poller.unregister(sock)
        self._socks.pop(sock, None)

    def deadline(self, c, ms):
        """`c.expired()` will be called in `ms` milliseconds, unless `c.since` moves on or `c.wait` changes before."""
        self.now = c.since = self.now if self.busy else ticks_ms()
        c.wait = ms
        self.due(c)

    def due(self, c):
        """Look at the deadlines no later than this connection's."""
        due = ticks_add(c.since, c.wait)
        if self._due is None or ticks_diff(due, self.now) < ticks_diff(self._due, self.now):
            self._due = due

    def resume_listeners(self):
        """A socket was given back: listeners that had none try again."""
        while self.paused_listeners:
            self.paused_listeners.pop(0).expired()
