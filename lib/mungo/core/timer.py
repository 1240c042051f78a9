import errno
from time import ticks_add, ticks_diff, ticks_ms

_MOST = const(0x1FFFFFFF)  # ms: ticks_ms wraps at twice that on a board, and ticks_diff reaches half as far
_LONGEST = const(1000)


class Timer:
    """Calls `fn(arg)` in the loop's thread after `ms` milliseconds, once or repeatedly. Made by `mgr.timer`.

    A repeating timer keeps its phase: the n-th call is due n * `ms` after the start, however late the last one was. Calls that
    were missed altogether are left out.
    Raises ValueError for an `ms` that is no whole number in range, OSError(ENOMEM) beyond `max_timers`.
    """

    def __init__(self, mgr, ms, fn, arg, repeat):
        mgr.check_open()
        if not isinstance(ms, int) or not bool(repeat) <= ms <= _MOST:
            raise ValueError("timer: %r ms: want a whole number, %d to %d" % (ms, bool(repeat), _MOST))
        if mgr.timers is None:
            mgr.timers = Timers(mgr)
        self.mgr = mgr
        self.fn = fn
        self.arg = arg
        self.ms = ms
        self.repeat = repeat
        self.due = ticks_add(ticks_ms(), ms)
        mgr.timers.made = self.number = mgr.timers.made + 1
        mgr.timers.add(self)

    def cancel(self):
        """Never call the function again. Does nothing if the timer has fired or is cancelled."""
        if self.mgr.timers is not None and self in self.mgr.timers.all:
            self.mgr.timers.all.remove(self)


class Timers:
    """A manager's timers, soonest first."""

    def __init__(self, mgr):
        self.mgr = mgr
        self.all = []
        self.made = 0  # how many there were

    def add(self, timer):
        """Put a timer in its place. OSError(ENOMEM) if max_timers are running."""
        n = len(self.all)
        if n >= self.mgr.max_timers:
            raise OSError(errno.ENOMEM, "max_timers=%d" % n)
        self.all.insert(self.place(timer, 0), timer)

    def place(self, timer, at):
        """The place of a timer among those from `at` on."""
        end = len(self.all)
        now = ticks_ms()  # (compared with each other, one that is late and one in six days could seem to change places)
        left = ticks_diff(timer.due, now)
        while at < end:  # behind timers that are due at the same time
            middle = (at + end) // 2
            if ticks_diff(self.all[middle].due, now) > left:
                end = middle
            else:
                at = middle + 1
        return at

    def repeat(self, timer, now):
        """The first timer is due again: move it to its new place. (Taken out and added again it might find no memory.)"""
        timer.due = ticks_add(timer.due, timer.ms * (ticks_diff(now, timer.due) // timer.ms + 1))
        at = self.place(timer, 1) - 1
        for i in range(at):
            self.all[i] = self.all[i + 1]
        self.all[at] = timer

    def time_left(self, now):
        """Milliseconds until the first timer is due, at most a second."""
        return min(_LONGEST, ticks_diff(self.all[0].due, now)) if self.all else _LONGEST

    def fire(self):
        """Call the timers that are due, each at most once. Timers that they start are for the next turn."""
        now = self.mgr.now
        made = self.made
        while self.all and ticks_diff(self.all[0].due, now) <= 0 and self.all[0].number <= made:
            timer = self.all[0]
            if timer.repeat:
                self.repeat(timer, now)
            else:
                self.all.pop(0)
            try:
                timer.fn(timer.arg)
            except BaseException as er:
                self.mgr.report(er)
