# A board for tests of firmware/: a folder for its flash, the radio's stand-in, no environment, and a clock that waits for nobody.
# Import it first: a board looks for modules at fixed places, so that sys.path must not depend on the current folder.

import os
import sys
import time


def _absolute():
    # The flash is the current folder: what is on the path must be found from there, too.
    here = os.getcwd()
    for i, path in enumerate(sys.path):
        if path and path[0] not in "/.":
            sys.path[i] = here + "/" + path
    return here


ROOT = _absolute()
if sys.implementation.name == "cpython":
    del os.sync  # it would wait for all disks of the machine
else:
    sys.path.append(ROOT + "/host_tests/shim/modules")

import machine  # noqa: E402, F401
import network  # noqa: E402, F401


class Os:
    """`os` as boards have it: without an environment."""


for _name in dir(os):
    if _name not in ("getenv", "sync") and _name[:2] != "__":
        setattr(Os, _name, getattr(os, _name))


class Folder:
    """`with Folder()`: the flash, empty at first; removed at the end."""

    def __enter__(self):
        self.path = "%s/build/board-%d" % (ROOT, time.ticks_us())
        for path in (ROOT + "/build", self.path):
            try:
                os.mkdir(path)
            except OSError:  # build/ is there already
                os.stat(path)
        os.chdir(self.path)
        return self

    def __exit__(self, *_):
        os.chdir(ROOT)
        remove(self.path)


def remove(folder):
    """Remove a folder with all that is in it."""
    for entry in list(os.ilistdir(folder)):
        path = folder + "/" + entry[0]
        if entry[1] & 0x4000:
            remove(path)
        else:
            os.remove(path)
    os.rmdir(folder)


def put(name, text):
    """A file in the flash."""
    with open(name, "wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)


def names():
    """The files in the flash."""
    return sorted(os.listdir("."))


def power_on():
    """What a reset does to the program: modules that keep something are loaded anew. Returns the module `settings`."""
    for name in ("settings", "config", "schema"):
        sys.modules.pop(name, None)
    real = sys.modules.get("os")  # (MicroPython's own modules are not in there)
    sys.modules["os"] = Os  # pyright: ignore
    try:
        import settings
    finally:
        if real is None:
            del sys.modules["os"]
        else:
            sys.modules["os"] = real
    return settings


class Clock:
    """A clock that goes on only when somebody sleeps, or a test says so: `with Clock(module, ..)` puts it into those modules, which have
    imported ticks_ms or sleep_ms."""

    def __init__(self, *modules):
        self.now = 1000
        self.real = time.ticks_ms
        self.modules = modules
        self.slept = 0  # ms in all,
        self.slept_last = 0  # and the last time

    def ticks_ms(self):
        return self.now

    def sleep_ms(self, ms):
        self.slept += ms
        self.slept_last = ms
        self.now += ms

    def __enter__(self):
        self.saved = []
        for module in self.modules:
            for name in ("ticks_ms", "sleep_ms"):
                if hasattr(module, name):
                    self.saved.append((module, name, getattr(module, name)))
                    setattr(module, name, getattr(self, name))
        return self

    def __exit__(self, *_):
        for module, name, value in self.saved:
            setattr(module, name, value)
