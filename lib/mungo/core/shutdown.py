from time import sleep_ms, ticks_diff, ticks_ms


def wait_until(is_done, ms):
    """Look each millisecond whether `is_done()` is true, for at most `ms` milliseconds; returns whether it was."""
    start = ticks_ms()
    while not is_done():
        if ticks_diff(ticks_ms(), start) >= ms:
            return False
        sleep_ms(1)
    return True


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

    def has_ended():
        while mgr.bell.first is not None:  # there is no connection left: messages that were accepted are counted as undelivered
            mgr.bell.take().deliver(1)
        return not mgr.pipe_ends

    if not wait_until(has_ended, ms):
        return False
    mgr.unwatch(mgr.bell.rx)
    mgr.bell.close()
    mgr.poller = None
    return True
