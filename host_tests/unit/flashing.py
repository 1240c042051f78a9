# For tests of the lock around the flash's file system: the lock on any port, a thread that has it, and a file system that notices two.

import _thread
import builtins
import os
import time

import mungo
from mungo.http import files, upload

flash = mungo.flash


class Sharing:
    """`with Sharing() as it`: threads take turns at the file system, as on RP2."""

    def __enter__(self):
        assert flash.lock is None
        flash.begin_sharing()
        return self

    def __exit__(self, kind, *_):
        builtins.__import__ = flash.plain_import
        free = not flash.lock.locked() and not flash.depth
        flash.lock = flash.owner = None
        flash.depth = 0
        flash.is_wanted = False
        assert free or kind, "the lock is still held"

    # A worker that has the lock is no more than this to all others. (It needs no thread, so the test decides when.)
    def hold(self):
        assert flash.lock.acquire(False)
        flash.owner = "a worker"

    def let_go(self):
        flash.owner = None
        flash.lock.release()


class File:
    def __init__(self, file, watch):
        self.file = file
        self.watch = watch

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, *args):
        return self.watch(self.file.read, *args)

    def readinto(self, *args):
        return self.watch(self.file.readinto, *args)

    def write(self, *args):
        return self.watch(self.file.write, *args)

    def seek(self, *args):
        return self.watch(self.file.seek, *args)

    def flush(self):
        return self.watch(self.file.flush)

    def close(self):
        return self.watch(self.file.close)


class Watched:
    """`with Watched() as it`: in the place of `os` and `open` in the library. `overlaps`: how often two threads were in there, or the loop
    was without the lock. Each call takes a while."""

    def __init__(self, ms=0):
        self.ms = ms
        self.calls = 0
        self.overlaps = 0
        self.lock = _thread.allocate_lock()
        self.plain_open = builtins.open

    def __call__(self, fn, *args):
        self.calls += 1
        if not self.lock.acquire(False):
            self.overlaps += 1
            return fn(*args)
        try:
            if flash.lock is None or flash.owner != _thread.get_ident():
                self.overlaps += 1
            if self.ms:
                time.sleep_ms(self.ms)
            return fn(*args)
        finally:
            self.lock.release()

    def open(self, *args):
        return File(self(self.plain_open, *args), self)

    def __getattr__(self, name):
        fn = getattr(os, name)
        return lambda *args: self(fn, *args)

    def __enter__(self):
        self.modules = [files, upload, __import__("mungo.http.folder", None, None, ("os",))]
        for module in self.modules:
            module.os = self
        builtins.open = self.open
        return self

    def __exit__(self, *_):
        builtins.open = self.plain_open
        for module in self.modules:
            module.os = os
