# Threads for tests, and waits that have a deadline. On MicroPython there is no GIL: what threads share is behind a lock.

import _thread
import sys
import time

import micropython

import mungo

BELLS = ("udp", "ring") if hasattr(micropython, "RingIO") else ("udp",)
MS = 10000  # no wait is longer


def each_bell(test):
    """Make `test(bell)` a test that runs with each bell that there is."""

    def run():
        for bell in BELLS:
            try:
                test(bell)
            except Exception:
                print("bell:", bell)
                raise

    return run


def recorder():
    """A handler, and the list of (event, its data) that it was called with."""
    events = []

    def handler(c, ev, data, fn_data):
        events.append((ev, data))

    return handler, events


def kinds(events):
    """The events of a recorder without their data."""
    return [ev for ev, _ in events]


def kinds_of(*names):
    """The numbers of the events with these names."""
    return [getattr(mungo, "EV_" + name) for name in names]


def until(ready, mgr=None, ms=MS):
    """Poll the manager, or sleep if there is none, until `ready()` is true; return in how many turns."""
    start = time.ticks_ms()
    turns = 0
    while not ready():
        assert time.ticks_diff(time.ticks_ms(), start) < ms, "not within %d ms" % ms
        if mgr is None:
            time.sleep_ms(1)
        else:
            mgr.poll(100)
            turns += 1
    return turns


def turns(mgr, n):
    """Let the manager make `n` turns that do not wait."""
    for _ in range(n):
        mgr.poll(0)


class Crew:
    """Threads whose ends are waited for, and whose exceptions are the test's."""

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self._running = 0
        self._errors = []

    def start(self, function, *args):
        with self._lock:
            self._running += 1
        for attempt in range(1000):
            try:
                return _thread.start_new_thread(self._run, (function, args))
            except OSError:  # too many at this moment
                if attempt == 999:
                    raise
                time.sleep_ms(1)

    def _run(self, function, args):
        try:
            function(*args)
        except Exception as error:
            with self._lock:
                self._errors.append(error)
        with self._lock:
            self._running -= 1

    def running(self):
        with self._lock:
            return self._running

    def join(self, mgr=None, ms=MS):
        """Wait until all have ended, while the manager is polled; raise what one of them raised."""
        until(lambda: not self.running(), mgr, ms)
        for error in self._errors:
            sys.print_exception(error)
        assert not self._errors, "%d threads have raised" % len(self._errors)


def open_files():
    """How many file descriptors this process has."""
    return _entries("/proc/self/fd")


def system_threads():
    """How many threads it has, by the system's count."""
    return _entries("/proc/self/task")


def _entries(path):
    import os

    return len(os.listdir(path)) if hasattr(os, "listdir") else len(list(os.ilistdir(path)))


# --- pipes


def pipe(mgr, handler=None):
    """A pipe's two ends: C2 and the worker's."""
    ends = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_OPEN:
            ends.append(c)
        if handler is not None:
            handler(c, ev, data, fn_data)

    ends.append(mgr.mkpipe(fn))
    return ends


def close(mgr, *ends):
    """Close the workers' ends and the manager; nothing may be left."""
    for end in ends:
        end.close()
    assert mgr.close()
    assert (mgr.pipes, mgr.pipe_ends, mgr.conns) == (0, 0, [])


def is_waiting(end):
    """Whether a thread sleeps in this end's send or recv."""
    return end.waiters is not None


def count_waiters(mgr, end):
    """How many do."""
    n = 0
    with mgr.bell.lock:
        waiter = end.waiters
        while waiter is not None:
            n += 1
            waiter = waiter.next
    return n


def reads(events):
    return [data for ev, data in events if ev == mungo.EV_READ]
