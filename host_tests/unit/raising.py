# What a call raises, for tests that expect that it does.


def raised(kind, function, *args, **kwargs):
    """Call the function; the exception of this kind that it raised."""
    try:
        result = function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError("%r %r: no %s, but %r" % (args, kwargs, kind, result))


def raised_errno(function, *args, **kwargs):
    """Call the function; the errno of the OSError that it raised."""
    return raised(OSError, function, *args, **kwargs).errno


def refused(function, *args, **kwargs):
    """Call the function, which must raise ValueError; what that says."""
    return str(raised(ValueError, function, *args, **kwargs))
