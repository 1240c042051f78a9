from .port import LIMITS


def override(mgr, limits):
    """Set the limits that the program gave to its manager. ValueError for a name or number that can't be."""
    most = 0x1FFFFFFF  # also of milliseconds: ticks_ms wraps at twice that on a board
    for name, value in limits.items():
        if name not in LIMITS:
            raise ValueError("no limit %r; there are: %s" % (name, ", ".join(sorted(LIMITS))))
        if not isinstance(value, int) or not 0 < value <= most:
            raise ValueError("%s=%r: want a whole number, 1 to %d" % (name, value, most))
        setattr(mgr, name, value)
