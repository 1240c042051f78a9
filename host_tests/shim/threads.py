"""_thread as MicroPython has it: acquire without a timeout, stack_size that takes a board's sizes."""

import _thread
import sys

_real_lock = _thread.allocate_lock
_real_stack_size = _thread.stack_size

# CPython needs far more stack than a board's thread for the same Python code.
_LEAST_STACK = 512 * 1024
_size = 0


class Lock:
    __slots__ = ("_lock",)

    def __init__(self):
        self._lock = _real_lock()

    # Boards ignore a timeout and wait for ever: here whoever gives one learns it at once.
    def acquire(self, blocking=True, /):
        return self._lock.acquire(bool(blocking))

    def release(self):
        self._lock.release()

    def locked(self):
        return self._lock.locked()

    def __enter__(self):
        self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()


# Returns the old size; without an argument it goes back to the default.
def stack_size(size=0, /):
    global _size
    old, _size = _size, size
    _real_stack_size(max(size, _LEAST_STACK) if size else 0)
    return old


def install():
    _thread.allocate_lock = _thread.LockType = Lock
    _thread.stack_size = stack_size
    sys.implementation._thread = "GIL"  # how MicroPython 1.26 and later tell what its threads are
