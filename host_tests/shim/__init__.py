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

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(os.path.dirname(_HERE))


def install():
    language.install()
    clock.install()
    poll.install()
    aio.install(sockets.install())
    threads.install()
    sys.path.append(os.path.join(_HERE, "modules"))


def set_path(folder):
    """Have `import` look where a board does: in the folder of the program, then in the library and the firmware.

    Then in the folders of MICROPYPATH, as on the unix port. sys.path is set here because a runtime sets it before a program starts.
    """
    # lib/ and firmware/ are copied to boards: no __pycache__ there.
    sys.pycache_prefix = os.path.join(_ROOT, "build", "pycache")
    more = [path for path in os.environ.get("MICROPYPATH", "").split(":") if path not in ("", ".frozen")]
    sys.path[0:1] = [str(folder), os.path.join(_ROOT, "lib"), os.path.join(_ROOT, "firmware"), *map(os.path.abspath, more)]
