"""time.ticks_* and sleep_*, wrapping at 2**30 as on a 32-bit board.

TICKS_START in the environment is the first value of both counters: with -500 ticks_ms wraps after half a second.
"""

import os
import time
from operator import index

_PERIOD = 1 << 30
_HALF = _PERIOD // 2
_start = int(os.environ.get("TICKS_START", "0"))
_zero = time.monotonic_ns()
_sleep = time.sleep


def ticks_ms():
    return (_start + (time.monotonic_ns() - _zero) // 1_000_000) % _PERIOD


def ticks_us():
    return (_start + (time.monotonic_ns() - _zero) // 1000) % _PERIOD


def ticks_add(ticks, delta, /):
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return index(ticks + delta) % _PERIOD


def ticks_diff(end, start, /):
    return (index(end - start) + _HALF) % _PERIOD - _HALF


def sleep_ms(ms, /):
    _sleep(max(index(ms), 0) / 1000)


def sleep_us(us, /):
    _sleep(max(index(us), 0) / 1_000_000)


def install():
    time.ticks_ms = ticks_ms
    time.ticks_us = time.ticks_cpu = ticks_us
    time.ticks_add = ticks_add
    time.ticks_diff = ticks_diff
    time.sleep_ms = sleep_ms
    time.sleep_us = sleep_us
