# The file system of the flash, which two threads must not use at the same time on RP2: its two cores run Python side by side, and
# MicroPython's littlefs is not made for that. When both read, each gets wrong bytes, mostly without an error (measured in an emulator).
#
# Workers wait for each other: `with mungo.flash:`. The loop never waits: what it has to do with files goes through `Loop.use_flash`, which
# puts it off to a later turn while another thread has the lock. An import reads files as well: `share`, which each Manager calls, puts
# imports under the lock, and before workers start `mgr.workers` loads what HTTP would load later.
import _thread
import builtins
import sys
from time import sleep_ms

from . import SHARES_FLASH

_YIELD_MS = const(5)  # how long a worker lets the loop go first, which tries each 2 ms

BUSY = "busy"  # what a generator yields that waits for the flash, see app/body_streams.py


class Busy(BaseException):
    """Another thread uses the file system: what has raised this is to be called again in a later turn, see `Loop.when_flash_is_free`. No
    `except Exception` of a program's catches it."""


def close(c, file):
    """`file.close()`, for `Loop.use_flash`."""
    file.close()


class Flash:
    """`with mungo.flash:` goes around all that a worker does with files. A thread may enter it again inside. Any thread.

    Only RP2 needs it. Elsewhere there is no lock, and it costs a look at an attribute.
    """

    def __init__(self):
        # (All of them here: between taking the lock and `end` nothing may need memory.)
        self.lock: "Any" = None  # noqa: F821  # pyright: ignore
        self.owner: object = None  # the thread that has the lock,
        self.depth = 0  # and how often it has entered
        self.is_wanted = False  # the loop has found the lock taken
        self.plain_import: "Any" = None  # noqa: F821  # pyright: ignore

    def share(self):
        """From here on threads take turns at the file system, if this port needs that. Twice is once."""
        if SHARES_FLASH and self.lock is None:
            self.begin_sharing()

    def begin_sharing(self):
        """`share` on any port."""
        self.lock = _thread.allocate_lock()
        self.plain_import = builtins.__import__
        builtins.__import__ = self.load

    def begin(self, waits=False):
        """Use the file system from here to `end`, if this returns True. False: another thread uses it. Never waits, unless `waits`."""
        if self.lock is not None:
            thread = _thread.get_ident()
            if self.owner != thread:
                if waits and self.is_wanted:
                    self.is_wanted = False
                    sleep_ms(_YIELD_MS)
                if not self.lock.acquire(waits):
                    self.is_wanted = True
                    return False
                self.owner = thread
            self.depth += 1
        return True

    def end(self):
        """The end of what `begin` has begun."""
        if self.depth:
            self.depth -= 1
            if not self.depth:
                self.owner = None
                self.lock.release()

    def __enter__(self):
        self.begin(True)

    def __exit__(self, *_):
        self.end()

    def load(self, name, globals={}, locals=None, fromlist=(), level=0):  # noqa: B006
        """In the place of `__import__`: a module that is not loaded yet is looked for under the lock."""
        whole = name
        if level:
            whole = globals["__name__"]
            for _ in range(level - ("__path__" in globals)):
                whole = whole.rpartition(".")[0]
            if name:
                whole += "." + name
        if whole in sys.modules:
            return self.plain_import(name, globals, locals, fromlist, level)
        with self:
            return self.plain_import(name, globals, locals, fromlist, level)


flash = Flash()
