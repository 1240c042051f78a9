"""Raspberry Pi Pico W: what it has for mungo, and its pins. Figures from an emulator and the sources; not tried on a board."""
from shared_limits import *

SOCKETS = 8 if OURS else 5  # TCP, besides listeners; UDP has three
MANAGER["max_conns"] = SOCKETS - 1
