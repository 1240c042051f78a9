def set(it, limits, known):
    """Set the limits that the program gave to its manager or pool; `known` is the class that has the defaults. ValueError for a name or
    number that can't be."""
    most = 0x1FFFFFFF  # also of milliseconds: ticks_ms wraps at twice that on a board
    for name, value in limits.items():
        if name[:1] == "_" or not hasattr(known, name):
            names = [name for name in dir(known) if name[:1] != "_"]
            raise ValueError("no limit %r; there are: %s" % (name, ", ".join(sorted(names))))
        if not isinstance(value, int) or not 0 < value <= most:
            raise ValueError("%s=%r: want a whole number, 1 to %d" % (name, value, most))
        setattr(it, name, value)
