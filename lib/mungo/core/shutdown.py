from time import sleep_ms, ticks_diff, ticks_ms

from .one_thread import give_back


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
    is_closed = close_all(mgr, ms)
    if mgr.interrupts:
        raise mgr.interrupts.pop()
    return is_closed


def close_all(mgr, ms):
    """The same, but for what a handler of EV_CLOSE has let go and is no bug."""
    if mgr.busy:
        raise RuntimeError("close inside a handler; stop() makes poll return False")
    if mgr.poller is None:
        return True
    mgr.running = False
    if not mgr.closed:
        give_back()
    with mgr.bell.lock:
        mgr.closed = True
    mgr.timers = None
    mgr.call(shut_all, mgr)
    if not wait_until(lambda: mgr.call(has_ended, mgr), ms):
        return False
    if mgr.send_memory is not None:
        mgr.send_memory.sock.close()
    mgr.serve_flash_waiters()
    mgr.unwatch(mgr.bell.rx)
    mgr.bell.close()
    mgr.poller = None
    return True


def shut_all(mgr):
    """Close the pool, so that its jobs are dropped before their pipes are closed; then the connections, newest first."""
    if mgr.pool is not None:
        mgr.pool.drop_all()
    while mgr.conns:
        mgr.shut(mgr.conns[-1])


def has_ended(mgr):
    """Whether no thread rings, or has an end of a pipe: then the bell is ended. There is no connection left, so messages that come are
    counted as undelivered."""
    while mgr.bell.first is not None:
        mgr.take().deliver(1)
    return not mgr.pipe_ends and mgr.bell.end()
