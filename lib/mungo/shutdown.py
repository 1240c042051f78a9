import select
from time import ticks_diff, ticks_ms


def close(mgr, ms):
    """`mgr.close`."""
    if mgr.busy:
        raise RuntimeError("close inside a handler; stop() makes poll return False")
    if mgr.closed:
        return not mgr.pipe_ends
    mgr.running = False
    with mgr.bell.lock:
        mgr.closed = True
    mgr.timers = None
    while mgr.conns:
        mgr.conns[-1].shut()
    start = ticks_ms()
    while mgr.pipe_ends:
        left = ms - ticks_diff(ticks_ms(), start)
        if left <= 0:
            return False
        for _ in mgr.poller.ipoll(min(left, 10)):
            mgr.bell.event(0)
    mgr.watch(mgr.bell.rx, mgr.bell, 0, select.POLLIN)
    mgr.bell.close()
    return True
