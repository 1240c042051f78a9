_MOST = const(0x1FFFFFFF)  # also of milliseconds: ticks_ms wraps at twice that on a board


def check_limit(name, value):
    """Raise ValueError if `value` is no whole number from 1 to 0x1FFFFFFF."""
    if not isinstance(value, int) or not 0 < value <= _MOST:
        raise ValueError("%s=%r: want a whole number, 1 to %d" % (name, value, _MOST))


def set_limits(owner, limits, known):
    """Set the limits that a program gave to its manager or pool, a dict. `known` is the class with the defaults.

    Raises ValueError for a name that `known` does not have, and for a value that is no whole number from 1 to 0x1FFFFFFF.
    """
    for name, value in limits.items():
        if name[:1] == "_" or not hasattr(known, name):
            names = [name for name in dir(known) if name[:1] != "_"]
            raise ValueError("no limit %r; there are: %s" % (name, ", ".join(sorted(names))))
        check_limit(name, value)
        setattr(owner, name, value)


def set_manager_limits(mgr, limits, known):
    """`set_limits` for a manager. `max_streams` follows `max_conns`, and no body may be larger than `shared_bytes`."""
    set_limits(mgr, limits, known)
    if "max_streams" not in limits:
        mgr.max_streams = max(1, mgr.max_conns - known.max_conns + known.max_streams)
    elif mgr.max_streams > mgr.max_conns:
        raise ValueError("max_streams=%d: want at most max_conns, %d" % (mgr.max_streams, mgr.max_conns))
    mgr.body_limit = min(mgr.body_limit, mgr.shared_bytes)
