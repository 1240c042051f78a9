_EV_POLL = const(2)


def emit(mgr):
    """Send EV_POLL to the connections in `mgr.polled`; those that are closing leave the list."""
    for c in mgr.polled[:]:
        if c.is_closing:
            mgr.polled.remove(c)
        else:
            c.emit(_EV_POLL, mgr.now)
