# CPython through the shim of host_tests: the unix port's limits, and a collector that needs no help.
from .unix import BELL, EMPTY_CLOSES, EPIPE, MAY_PAUSE, NO_SOCKETS, SHARES_DESCRIPTORS, SHARES_FLASH, TX_MEMORY, Limits  # noqa: F401

ALLOC_RATE = COLLECT_MS = 0
Limits.shared_bytes = 1 << 26
Limits.tls_conns = 1 << 8
