"""Differences of the language's own parts: OSError.errno, deque, gc, sys.print_exception, os.ilistdir."""

import builtins
import collections
import ctypes
import gc
import os
import sys
import traceback


# In MicroPython errno is args[0]; CPython's OSError(11) has errno None, since it wants two arguments.
def _errno_is_first_argument():
    own = OSError.errno

    def errno(self):
        number = own.__get__(self)
        return self.args[0] if number is None and self.args else number

    # A built-in type's dict is closed to setattr; this way subclasses and errors raised in C have it as well.
    gc.get_referents(OSError.__dict__)[0]["errno"] = property(errno, own.__set__)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(OSError))


class deque(collections.deque):
    """deque(iterable, maxlen, flags): flag 1 makes a full deque raise IndexError instead of dropping an item."""

    def __init__(self, iterable=(), maxlen=None, flags=0):
        super().__init__((), maxlen)
        self._is_checked = flags & 1
        self.extend(iterable)

    def _check(self):
        if self._is_checked and len(self) == self.maxlen:
            raise IndexError("full")

    def append(self, item):
        self._check()
        super().append(item)

    def appendleft(self, item):
        self._check()
        super().appendleft(item)

    def extend(self, iterable):
        for item in iterable:
            self.append(item)


def print_exception(error, file=None, /):
    traceback.print_exception(error, chain=False, file=file or sys.stdout)


def ilistdir(path=".", /):
    """(name, type, inode, size) of each entry; a link is a link here, as on the unix port."""
    with os.scandir(path) as entries:
        for entry in entries:
            it = entry.stat(follow_symlinks=False)
            yield entry.name, it.st_mode & 0xF000, it.st_ino, it.st_size


_threshold = -1


def threshold(amount=None, /):
    global _threshold
    if amount is None:
        return _threshold
    _threshold = amount


def install():
    _errno_is_first_argument()
    collections.deque = deque
    sys.print_exception = print_exception
    gc.mem_alloc = lambda: 0
    gc.mem_free = lambda: 1 << 30
    gc.threshold = threshold
    os.ilistdir = ilistdir
    builtins.const = lambda value: value  # MicroPython's compiler knows it without an import
