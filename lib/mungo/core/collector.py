# When the loop collects: a method of Loop.
#
# Where threads run side by side (unix port, RP2) MicroPython's collector does not stop the others while it marks what is in use. Who runs
# short of memory starts it; it looks at all that can be reached from the modules, and only then at each thread's stack. What some other
# thread meanwhile moves from its stack into something that was looked at already is freed while it is in use. Measured on the unix port
# with a heap of 192 KB: the busy loop of a server lost objects, within seconds, to collections that its workers had started. So the loop
# collects early, and no worker has to while the loop runs. (While it sleeps a worker may; a collection that is under way when it wakes it
# waits for.) It does so by the clock: gc.mem_free takes longer than gc.collect (RP2040: 7.3 ms and 1.2 to 3.3, in an emulator).
import gc
from time import ticks_add, ticks_diff, ticks_ms


def collect_early(mgr):
    """Wait for a collection that is under way; collect if half of what was free may be used by now. Called at the start of each turn."""
    mgr.bell.gc_barrier.clear()
    if ticks_diff(mgr.now, mgr._collect_at) >= 0:
        gc.collect()
        mgr._collect_at = ticks_add(ticks_ms(), mgr._collect_ms)
