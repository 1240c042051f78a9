# Settings of a host: each comes from the environment variable of its name.
import os
import sys


def text(name, default, *usual):
    """The text of a setting. Raises ValueError, which says what is allowed, if it is wrong."""
    try:
        value = os.getenv(name)
    except UnicodeError:
        raise ValueError("%s: want text in UTF-8" % name)
    if value and value not in usual and not (name == "APP" and value.replace("_", "").isalpha()):
        check(name, value)
    return value or default


def number(name, default, most=0x1FFFFFFF, least=0):
    """The whole number of a setting. Raises ValueError, which says what is allowed, if it is wrong."""
    try:
        value = os.getenv(name)
    except UnicodeError:
        raise ValueError("%s: want text in UTF-8" % name)
    if not value:
        return default
    if len(value) <= 10 and not value.strip("0123456789"):
        value = int(value)
        if least <= value <= most:
            return value
    check(name, value)


def check(name, value):
    """Raise ValueError, which says what is allowed, if this setting must not have this value."""
    # It takes a tenth of a small heap: so it is loaded only for a value that is not a usual one.
    import schema

    schema.check(name, value)
    del sys.modules["schema"]
