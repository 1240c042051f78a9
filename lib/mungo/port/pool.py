# The limits of a worker pool on each system. Boards' figures are from the ports' sources and an emulator, not from a physical board.
import gc
import sys


class Limits:
    """A pool's limits, each a keyword argument of `mgr.workers`."""

    n = 4  # threads
    queue = 16  # jobs that may wait for one
    job_ms = 30000  # milliseconds that a job may take, the wait included
    stack = 1  # bytes of each thread's stack; below 1024: the port's default


EAGER = sys.platform == "rp2"  # start threads with the pool: a stack is one piece of the heap, which fragments later

if sys.platform == "esp32":
    Limits.n = 2  # of one core, under a GIL: more would not be faster, and each has its stack
    Limits.queue = 8
    Limits.stack = 8192  # the default of 4096 allows a handful of nested calls
elif sys.platform == "rp2":
    Limits.n = 1  # the second core; there is no third thread
    Limits.queue = 4
    Limits.stack = 8192  # 26 nested calls; 4096 allow 11


def make_room(stack):
    """Before a thread with a stack of so many bytes is started: where that is a piece of the heap (RP2), see that there is one.
    Raises MemoryError if there is none.

    `start_new_thread` would raise that as well. But MicroPython 1.28 says "core1 in use" from then on, until the board is reset.
    """
    if EAGER:
        gc.collect()
        bytearray(max(stack, 4096) + 512)  # and a little more, for what is allocated before the stack
        gc.collect()
