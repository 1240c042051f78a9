from time import ticks_diff, ticks_ms


def close(mgr, ms):
    """`mgr.close`."""
    if mgr.busy:
        raise RuntimeError("close inside a handler; stop() makes poll return False")
    if mgr.poller is None:
        return True
    mgr.running = False
    with mgr.bell.lock:
        mgr.closed = True
    mgr.timers = None
    mgr.busy = True
    try:
        while mgr.conns:
            mgr.conns[-1].shut()
    finally:
        mgr.busy = False
    start = ticks_ms()
    while True:
        while mgr.bell.first is not None:  # there is nobody left: what was accepted is counted as undelivered
            mgr.bell.take().deliver(1)
        if not mgr.pipe_ends:
            break
        left = ms - ticks_diff(ticks_ms(), start)
        if left <= 0:
            return False
        for _ in mgr.poller.ipoll(min(left, 10)):
            mgr.bell.event(0)
    mgr.unwatch(mgr.bell.rx)
    mgr.bell.close()
    mgr.poller = None
    return True
