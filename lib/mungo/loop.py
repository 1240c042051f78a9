import errno
import select
import sys
from time import ticks_add, ticks_diff, ticks_ms

from .port import BELL, LIMITS
from .buffer import Buffer
from .connection import IDLE
from .doorbell import Doorbell, works
from .event import EV_POLL

_NEVER = 1000  # ms: the longest sleep, the net under a ring that was lost
_MESSAGES = 64  # that other threads may have delivered in one turn before sockets and timers are looked at again


class Loop:
    """One thread's sockets, timers and mail, and the poll that serves them.

    Limits are keyword arguments; `LIMITS` lists them with their defaults. How often each was hit is in `stats`.
    All methods are for the loop's own thread, `stop` excepted.
    """

    def __init__(self, bell=None, **limits):
        for name, default in LIMITS.items():
            value = limits.pop(name, default)
            if not isinstance(value, int) or not 0 < value < 1 << 29:
                raise ValueError("%s=%r: want a whole number from 1 to %d" % (name, value, (1 << 29) - 1))
            setattr(self, name, value)
        if limits:
            raise ValueError("no such limit: %s; there are: %s" % (", ".join(limits), ", ".join(sorted(LIMITS))))
        self.stats = {
            "accepted": 0,  # connections taken in
            "refused": 0,  # turned away or put off at max_conns
            "evicted": 0,  # idle ones closed to make room
            "starved": 0,  # times that accept found no socket
            "failed": 0,  # connections that ended in EV_ERROR
            "timeouts": 0,  # of these, by a deadline
            "recv_full": 0,  # receive buffers at their limit
            "send_full": 0,  # sends refused at send_limit
            "queue_full": 0,  # pipe messages that had to wait, or were refused to the loop
            "undelivered": 0,  # messages of workers whose connection had gone
            "rings_lost": 0,
            "bugs": 0,  # exceptions that handlers let go
        }
        if bell is None:
            bell = BELL if works(BELL) else "ring"
        self.bell = Doorbell(bell, self.stats)
        self.stats["bell"] = bell
        self.running = True
        self.closed = False
        self.now = ticks_ms()  # of this turn
        self.conns = []  # newest last
        self.accepted = 0  # how many of them are accepted sockets
        self.pipe_ends = 0  # that workers still hold; under the bell's lock
        self.rx = Buffer(bytearray(self.rx_bytes))  # lent to the connection that is being read
        self.timers = []  # soonest first
        self._poller = select.poll()
        self._socks = {}  # socket -> connection
        self._ids = [None] * 16  # chains of connections by the low bits of their ids: the one table that other threads read
        self._last_id = 0
        self._ready = []  # (both reused) what ipoll found
        self._flags = []
        self._doomed = []  # to be closed at the end of the turn
        self._again = []  # to be served without waiting for their sockets
        self.starved = []  # listeners that wait for a free socket
        self.turning_away = False  # there is one connection beyond max_conns, which is being told so
        self._polled = []  # connections that want EV_POLL
        self._due = None  # no deadline of a connection is earlier
        self._busy = False
        self.watch(self.bell.rx, self.bell, select.POLLIN, 0)

    # --- one turn

    def poll(self, ms=-1):
        """Serve what is ready; if nothing is, sleep until something is or a deadline or timer is due, at most `ms` milliseconds.

        It returns after one turn, or after a second at the latest; `ms` below 0 means no limit of the caller's.
        Returns `running`, so that `while mgr.poll(1000): pass` ends when some thread calls `stop`.
        Raises RuntimeError inside a handler, and OSError when the manager is closed.
        """
        self.check_open()
        if self._busy:
            raise RuntimeError("poll called inside a handler")
        self._busy = True
        try:
            self._turn(self._wait(ms))
        finally:
            self._busy = False
        return self.running

    def stop(self):
        """Make `poll` return soon and `running` False. Any thread may call it."""
        self.running = False
        self.bell.ring()

    def _wait(self, ms):
        if self._doomed or self._again or self._polled or self.bell.first is not None or not self.running:
            return 0
        if not 0 <= ms < _NEVER:
            ms = _NEVER
        now = ticks_ms()
        if self.timers:
            ms = min(ms, ticks_diff(self.timers[0].due, now))
        if self._due is not None:
            ms = min(ms, ticks_diff(self._due, now))
        return max(ms, 0)

    def _turn(self, ms):
        ready = self._ready
        n = 0
        # Collected first: handlers change the poll set, and ipoll minds that while it runs.
        for sock, ev in self._poller.ipoll(ms):
            if n == len(ready):
                ready.append(None)
                self._flags.append(0)
            ready[n] = self._socks[sock]
            self._flags[n] = ev
            n += 1
        self.now = now = ticks_ms()
        if self.timers:
            self._fire(now)
        for c in self._polled:
            c.emit(EV_POLL, now)
        for i in range(n):
            c = ready[i]
            ready[i] = None
            try:
                c.event(self._flags[i])
            except Exception as er:  # want of memory, mostly; handlers are guarded where they are called
                c.bug(er)
        if self._again:
            again = self._again
            self._again = []
            for c in again:
                c.resume()
        if self.bell.first is not None:
            self._mail()
        if self._due is not None and ticks_diff(self._due, now) <= 0:
            self._sweep(now)
        if self._doomed:
            self._bury()

    def _mail(self):
        budget = _MESSAGES
        while budget > 0:
            box = self.bell.take()
            if box is None:
                return
            budget -= box.deliver(budget)

    def _fire(self, now):
        timers = self.timers
        for _ in range(len(timers)):  # what a timer adds is for the next turn
            if not timers or ticks_diff(timers[0].due, now) > 0:
                return
            timers.pop(0).fire(now)

    def _sweep(self, now):
        # The one place where connections' deadlines are looked at; on the way it learns when to look next.
        least = None
        for c in self.conns:
            if c.wait:
                left = c.wait - ticks_diff(now, c.since)
                if left <= 0:
                    try:
                        c.expired()
                    except Exception as er:
                        c.bug(er)
                    left = c.wait - ticks_diff(now, c.since)
                if c.wait and (least is None or left < least):
                    least = left
        self._due = None if least is None else ticks_add(now, max(least, 1))

    def _bury(self):
        doomed = self._doomed
        while doomed:
            doomed.pop(0).shut()

    # --- what connections need

    def check_open(self):
        """Raise OSError if the manager is closed."""
        if self.closed:
            raise OSError(errno.EBADF, "the manager is closed")

    def add(self, c):
        """Give the connection its id and let other threads find it by that. Ids are never used twice."""
        self._last_id += 1
        c.id = self._last_id
        self.conns.append(c)
        at = c.id & 15
        with self.bell.lock:
            c.chain = self._ids[at]
            self._ids[at] = c

    def remove(self, c):
        """Forget the connection; late mail for it has no taker from here on."""
        self.conns.remove(c)
        if c in self._polled:
            self._polled.remove(c)
        at = c.id & 15
        with self.bell.lock:
            before = self._ids[at]
            if before is c:
                self._ids[at] = c.chain
            else:
                while before.chain is not c:
                    before = before.chain
                before.chain = c.chain

    def find(self, id):
        """The connection with this id, or None. Any thread, with the bell's lock held."""
        c = self._ids[id & 15]
        while c is not None and c.id != id:
            c = c.chain
        return c

    def watch(self, sock, c, mask, old):
        """Have the poll look at `sock` for `mask` (0: not at all) instead of `old`; `c.event(flags)` is called when it is ready."""
        if not mask:
            # Also before every close: the unix port would go on polling the descriptor's number.
            self._poller.unregister(sock)
            self._socks.pop(sock)
        elif old:
            self._poller.modify(sock, mask)
        else:
            self._socks[sock] = c
            self._poller.register(sock, mask)

    def deadline(self, c, ms):
        """`c.expired()` will be called unless `c.since` moves on or `c.wait` changes within `ms` milliseconds."""
        c.since = self.now
        c.wait = ms
        due = ticks_add(self.now, ms)
        if self._due is None or ticks_diff(due, self._due) < 0:
            self._due = due

    def doom(self, c):
        """Have `c` closed when the handlers of this turn are done."""
        self._doomed.append(c)

    def again(self, c):
        """Call `c.resume()` in the next turn, which will not sleep."""
        if c not in self._again:
            self._again.append(c)

    def want_poll(self, c, wanted):
        """Switch EV_POLL for `c` on or off."""
        if c in self._polled:
            self._polled.remove(c)
        if wanted:
            self._polled.append(c)

    def evict(self):
        """Close the kept-alive connection that has been idle longest. False if all are at work."""
        idlest = None
        for c in self.conns:
            if c.state & IDLE and (idlest is None or ticks_diff(c.since, idlest.since) < 0):
                idlest = c
        if idlest is None:
            return False
        self.stats["evicted"] += 1
        idlest.shut()
        return True

    def report(self, er):
        """Print a handler's exception with its traceback and count it."""
        self.stats["bugs"] += 1
        sys.print_exception(er)
