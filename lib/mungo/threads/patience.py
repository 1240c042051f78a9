# Workers that wait with a timeout. MicroPython's acquire has none, so the deadlines live in the loop's sweep.
from time import ticks_diff, ticks_ms

from .pipe import wake

_NEXT = const(1)  # of a waiter, see pipe.py
_DUE = const(2)
_EXPIRED = const(3)


def watch(c):
    """Have the loop look at the waiters of the pipe `c` when the first of them is due."""
    now = ticks_ms()
    with c.mgr.bell.lock:
        least = _least(c.end.waiters, now)
    if least is not None:
        c.mgr.deadline(c, max(least, 1) + ticks_diff(now, c.mgr.now))  # which counts from the turn's start


def _least(waiter, now):
    least = None
    while waiter is not None:
        if waiter[_DUE] is not None:
            ms = ticks_diff(waiter[_DUE], now)
            if least is None or ms < least:
                least = ms
        waiter = waiter[_NEXT]
    return least


def expired(c):
    """Wake all that wait at the pipe `c`: those whose time is over give up, the others wait again."""
    now = ticks_ms()
    c.wait = 0
    with c.mgr.bell.lock:
        waiters = waiter = c.end.waiters
        c.end.waiters = None
        while waiter is not None:
            waiter[_EXPIRED] = waiter[_DUE] is not None and ticks_diff(waiter[_DUE], now) <= 0
            waiter = waiter[_NEXT]
    wake(waiters)
