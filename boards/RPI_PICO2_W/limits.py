"""Raspberry Pi Pico 2 W: what it has for mungo, and its pins. Figures from the sources; not tried on a board."""
from shared_limits import *

SOCKETS = 12 if OURS else 5  # TCP, besides listeners; UDP has three
MANAGER["max_conns"] = SOCKETS - 1
if OURS:
    MANAGER["backlog"] = 12  # as many as there are sockets
