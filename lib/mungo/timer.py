from time import ticks_add, ticks_diff, ticks_ms


class Timer:
    """Calls `fn(arg)` in the loop's thread after `ms` milliseconds, once or again and again. Made by `mgr.timer`.

    A repeating timer keeps its phase: the n-th call is due n * `ms` after the start, however late the last one was, and periods
    that were missed altogether are left out, not caught up with.
    """

    def __init__(self, loop, ms, fn, arg, repeat):
        if not isinstance(ms, int) or not (1 if repeat else 0) <= ms < 1 << 29:
            # ticks_ms wraps after 2**30 ms on a board, so that only half of that can be told from the past.
            raise ValueError("timer of %r ms: want a whole number up to %d, of at least 1 if it repeats" % (ms, (1 << 29) - 1))
        if len(loop.timers) >= loop.max_timers:
            raise OSError(12, "no more than max_timers=%d timers" % loop.max_timers)
        self._loop = loop
        self._fn = fn
        self._arg = arg
        self._ms = ms
        self._repeat = repeat
        self.due = ticks_add(ticks_ms(), ms)
        self._insert()

    def cancel(self):
        """Never call it again. Nothing happens if it is not going to be called anyway."""
        self._repeat = False
        if self in self._loop.timers:
            self._loop.timers.remove(self)

    def _insert(self):
        timers = self._loop.timers
        at = len(timers)
        while at and ticks_diff(timers[at - 1].due, self.due) > 0:
            at -= 1
        timers.insert(at, self)

    def fire(self, now):
        """Called by the loop, which has taken it off its list."""
        if self._repeat:
            late = ticks_diff(now, self.due)
            self.due = ticks_add(self.due, self._ms * (late // self._ms + 1))
            self._insert()
        try:
            self._fn(self._arg)
        except Exception as er:
            self._loop.report(er)
