# The loop collects early, so that no worker has to while the loop runs. Only where threads run side by side: see Loop.tidy.

import gc
import time

import mungo

LANES = ("upy", "upy-192k")


def turns(mgr, ms):
    """Let the loop make turns for so long: by then it has looked at the heap."""
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) <= ms:
        mgr.poll(0)


def litter(n):
    """Leave `n` bytes of garbage, in small pieces."""
    for _ in range(n // 64):
        bytearray(33)  # 64 bytes with its head


def test_garbage_is_collected_at_a_turn_once_it_is_a_quarter_of_what_was_free():
    mgr = mungo.Manager()
    gc.collect()
    ms = gc.mem_free() // 4 // 16384 + 2  # by then the next look is due
    turns(mgr, ms)
    free = gc.mem_free()
    litter(free // 8)
    less = gc.mem_free()
    assert less < free - free // 10
    turns(mgr, ms)
    assert gc.mem_free() < less + free // 50, "collected too early: it costs time"
    litter(free // 5)
    assert gc.mem_free() < free - free // 4
    turns(mgr, ms)
    assert gc.mem_free() > free - free // 50, "not collected"
    assert mgr.close()


def test_idle_turns_do_not_look_at_the_heap():
    mgr = mungo.Manager()
    turns(mgr, gc.mem_free() // 4 // 16384 + 2)
    real = gc.mem_free
    looks = []
    module = __import__("mungo.core.loop", None, None, ("gc",))

    class Counting:
        collect = gc.collect

        def mem_free(self):
            looks.append(None)
            return real()

    module.gc = Counting()
    try:
        for _ in range(1000):
            mgr.poll(0)
    finally:
        module.gc = gc
    assert len(looks) < 100, len(looks)
    assert mgr.close()
