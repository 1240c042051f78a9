# A littlefs in memory, as boards have it, whose power is cut at a write. (The unix port of MicroPython has littlefs.)

import gc
import os

import vfs

import aboard

_BLOCK = 512
_GEOMETRY = {"readsize": 32, "progsize": 32, "lookahead": 32}


class Flash:
    """A flash of 16 KB in memory, whose power is cut at the `cut`-th write or erasure: of a write half is done, or none."""

    def __init__(self, data=None, blocks=32):
        self.data = bytearray(data or b"\xff" * (_BLOCK * blocks))
        self.done = 0
        self.cut = None
        self.is_half = False
        self.is_dark = False  # then it can't be read either

    def check(self):
        """Raise OSError if the power is off."""
        if self.cut is not None and self.done >= self.cut:
            raise OSError(5)

    def cut_at(self, n, is_half):
        """From the n-th write on there is no power, and nothing can be read; of that write half is done, or nothing."""
        self.cut = n
        self.is_half = is_half
        self.is_dark = True

    def readblocks(self, block, buf, offset=0):
        if self.is_dark:
            self.check()
        at = block * _BLOCK + offset
        buf[:] = memoryview(self.data)[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=None):
        at = block * _BLOCK + (offset or 0)
        if offset is None:
            self._step(at, b"\xff" * _BLOCK)
        self._step(at, buf)

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // _BLOCK
        if op == 5:
            return _BLOCK
        if op == 6:
            self._step(arg * _BLOCK, b"\xff" * _BLOCK)
            return 0

    def _step(self, at, buf):
        if self.cut is not None:
            self.done += 1
            if self.done >= self.cut:  # and everything after that: there is no power
                if self.is_half and self.done == self.cut:
                    n = len(buf) // 2
                    self.data[at : at + n] = buf[:n]
                raise OSError(5)
        self.data[at : at + len(buf)] = buf


def each_cut(data, most):
    """Flashes with this content, each with the number of a write, for `cut_at`, and whether half of that is to be done: from the first
    write on, until there was no write of that number. There are fewer than `most`."""
    for is_half in (False, True):
        n = 1
        flash = Flash(data)
        yield flash, n, is_half
        while flash.done >= n:
            n += 1
            assert n < most
            flash = Flash(data)
            yield flash, n, is_half


class Mounted:
    """`with Mounted(flash)`: it is the current folder."""

    def __init__(self, flash):
        self.flash = flash

    def __enter__(self):
        vfs.mount(vfs.VfsLfs2(self.flash, **_GEOMETRY), "/flash")
        os.chdir("/flash")

    def __exit__(self, *_):
        # A file that could not be closed is closed once more by the collector: while its file system is there.
        gc.collect()
        os.chdir(aboard.ROOT)
        vfs.umount("/flash")


def make(blocks=32):
    """A Flash with an empty file system."""
    flash = Flash(None, blocks)
    vfs.VfsLfs2.mkfs(flash, **_GEOMETRY)
    return flash
