# The loop collects early, so that no worker has to while the loop runs. Only where threads run side by side: see Loop.collect_early.

import gc
import time

import mungo

LANES = ("upy", "upy-192k")
_modules = [__import__("mungo.core." + name, None, None, ("gc",)) for name in ("loop", "collector")]
RATE = 16384  # of the unix port
LEAST_MS = 2


class Counting:
    """`with Counting() as it`: in the place of gc in the loop."""

    def __init__(self):
        self.collected = []  # ticks_ms of each
        self.asked = 0

    def collect(self):
        self.collected.append(time.ticks_ms())
        gc.collect()

    def mem_free(self):
        self.asked += 1
        return gc.mem_free()

    def __enter__(self):
        for module in _modules:
            module.gc = self
        return self

    def __exit__(self, *_):
        for module in _modules:
            module.gc = gc


def turns(mgr, ms):
    """Let the loop make turns for so long."""
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < ms:
        mgr.poll(0)


def test_the_loop_collects_before_half_of_what_was_free_can_be_used():
    with mungo.Manager() as mgr, Counting() as it:
        most = max(LEAST_MS, min(gc.mem_free() // 2 // RATE, 1000)) + 1
        mgr.poll(0)
        n = len(it.collected)
        deadline = time.ticks_add(time.ticks_ms(), most)
        while time.ticks_diff(deadline, time.ticks_ms()) >= 0:
            mgr.poll(0)
        mgr.poll(0)
        assert len(it.collected) > n


def test_garbage_is_gone_after_that():
    with mungo.Manager() as mgr:
        gc.collect()
        free = gc.mem_free()
        for _ in range(free // 4 // 64):
            bytearray(33)  # 64 bytes with its head
        assert gc.mem_free() < free - free // 8
        mgr._collect_at = time.ticks_ms()
        mgr.poll(0)
        assert gc.mem_free() > free - free // 50


def test_no_turn_asks_for_the_free_memory():
    # It takes longer than a collection: 7.3 ms on an RP2040.
    with mungo.Manager() as mgr, Counting() as it:
        turns(mgr, 150)
        assert it.collected and not it.asked


def test_collections_have_a_least_distance():
    # Also in a heap in which half of what is free is used up at once.
    real = gc.mem_free

    class Small(Counting):
        def mem_free(self):
            return 1000

    with Small() as it, mungo.Manager() as mgr:
        assert mgr._collect_ms == LEAST_MS
        it.collected.clear()
        while len(it.collected) < 6:
            mgr.poll(0)
        for i in range(1, len(it.collected)):
            assert time.ticks_diff(it.collected[i], it.collected[i - 1]) >= LEAST_MS
    assert gc.mem_free is real


def test_a_turn_collects_at_most_once():
    with mungo.Manager() as mgr, Counting() as it:
        for _ in range(200):
            n = len(it.collected)
            mgr.poll(1)
            assert len(it.collected) - n <= 1
