"""MicroPython's modules for CPython: `install()` makes this process look like a board to pure MicroPython code.

It changes the real modules of this process (time, select, socket, _thread, gc, sys, collections) and adds
micropython, machine and network. Where ports differ it follows the boards (addresses are tuples, ticks wrap
at 2**30 ms), so that the unix port and the shim together show both sides.
"""

# Modules of the standard library that the shim's own process needs, bound to the real time, socket and _thread
# before these are changed.
import os
import sys
import threading  # noqa: F401
import traceback  # noqa: F401

from . import aio, clock, language, poll, sockets, threads


def install():
    language.install()
    clock.install()
    poll.install()
    aio.install(sockets.install())
    threads.install()
    sys.path.append(os.path.join(os.path.dirname(__file__), "modules"))
