# CPython through the shim of host_tests: the unix port's limits.
from .unix import BELL, EPIPE, LIMITS, MAY_PAUSE, NO_SOCKETS  # noqa: F401
