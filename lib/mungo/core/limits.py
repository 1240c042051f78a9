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
