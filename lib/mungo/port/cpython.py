# CPython through the shim of host_tests: the unix port's limits, and tuples for addresses.
from .unix import BELL, EPIPE, LIMITS, MAY_PAUSE, NO_SOCKETS  # noqa: F401


def address(raw):
    """The text of a socket address as `accept` and `recvfrom` give it."""
    return "%s:%d" % raw[:2]
