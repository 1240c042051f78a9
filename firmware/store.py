# Files that survive a power cut: at every moment a file has its complete old content or its complete new content.
#
# On RP2 only one thread at a time may use the file system, see mungo/port/flash.py: each function here waits for that, 2 s at most.
import os
from errno import ENOENT
from time import sleep_ms, ticks_diff, ticks_ms

from mungo.port.flash import flash

WAIT_MS = 2000
_EBUSY = const(16)


class _Use:
    """`with using:` uses the file system. Raises OSError EBUSY if a worker is stuck in there."""

    def __enter__(self):
        start = ticks_ms()
        while not flash.begin():
            if ticks_diff(ticks_ms(), start) >= WAIT_MS:
                raise OSError(_EBUSY)
            sleep_ms(1)

    def __exit__(self, *_):
        flash.end()


using = _Use()


def read(path):
    """The content of a file as bytes; None if there is no such file or if it can't be read (the error is printed)."""
    try:
        with using, open(path, "rb") as file:
            return file.read()
    except OSError as er:
        if er.errno != ENOENT:
            print("store: %s: %r" % (path, er))


def write(path, data):
    """Replace the content of a file with `data` (bytes): write it to PATH.new, then rename that to PATH.

    littlefs replaces a file in one step. FAT removes the old file first; if the power fails then, only PATH.new is there, and `mend`
    renames it. Raises OSError if there is no room; the old content stays.
    """
    part = path + ".new"
    with using:
        try:
            with open(part, "wb") as file:
                file.write(data)
                file.flush()
        except OSError:
            remove(part)
            raise
        if hasattr(os, "sync"):  # on ports whose driver may delay writes
            os.sync()
        os.rename(part, path)


def mend(path, is_whole):
    """Finish or undo a `write` that a power cut has interrupted; call it at the start. `is_whole(data)` tells whether `data` (bytes) is
    a complete file."""
    part = path + ".new"
    with using:
        data = read(part)
        if data is None:
            return
        if read(path) is None and is_whole(data):
            os.rename(part, path)
        else:
            remove(part)


def remove(path):
    """Remove a file if it exists."""
    with using:
        if read_size(path) is not None:
            os.remove(path)


def read_size(path):
    """The length of a file in bytes; None if there is no such file."""
    with using:
        try:
            return os.stat(path)[6]
        except OSError:
            return None
