# What is kept of crashes: a log, in two files of bounded size, and how many there were in a row.
#
#   crash.log, crash.old   the newest entries, and those before
#   crashes                "2": two in a row; "2w": and the app is running under the watchdog
import gc
import io
import os
import sys
from time import gmtime

import store

LOG = "crash.log"
OLD = "crash.old"
COUNT = "crashes"
LIMIT = const(4096)  # bytes of each of the two
_ENTRY = const(1500)  # bytes of one entry: what a traceback has beyond that is cut off


class _Cut(io.IOBase):
    """A file that takes so many bytes and drops the rest."""

    def __init__(self, file, left):
        self.file = file
        self.left = left

    def write(self, data):
        part = data[: self.left]
        if isinstance(part, str):
            part = part.encode()[: self.left]
        self.left -= len(part)
        self.file.write(part)
        return len(data)


def log(er):
    """Add a crash to the log: `er`, an exception, or a text. It counts."""
    gc.collect()  # it may have been for want of memory
    if (store.read_size(LOG) or 0) + _ENTRY > LIMIT:
        os.rename(LOG, OLD)
    with open(LOG, "ab") as file:
        out = _Cut(file, _ENTRY)
        out.write("--- %d-%02d-%02d %02d:%02d:%02d, free %d\n" % (gmtime()[:6] + (gc.mem_free(),)))
        if isinstance(er, str):
            out.write(er)
            out.left += 1
            out.write("\n")
        else:
            out.write(repr(er)[:200] + "\n")  # a traceback has this last, where it may be cut off
            sys.print_exception(er, out)
    _write(count() + 1, False)


def text():
    """The log, the older entries first."""
    data = (store.read(OLD) or b"") + (store.read(LOG) or b"")
    try:
        return str(data, "utf-8")
    except UnicodeError:  # an entry was cut off in the middle of a character
        data = bytearray(data)
        for i in range(len(data)):
            if data[i] > 127:
                data[i] = 63  # "?"
        return str(data, "utf-8")


def count():
    """How many crashes there were in a row."""
    return _read()[0]


def forget(n=0):
    """The app has run long enough, or somebody wants it to be tried again: there were only `n` crashes in a row."""
    if count() > n:
        _write(n, _read()[1])


def begin():
    """From here on the watchdog is on: if it is what resets the board, `was_watchdog` will tell."""
    _write(count(), True)


def end():
    """The app has ended, one way or another, but not by the watchdog."""
    n, is_marked = _read()
    if is_marked:
        _write(n, False)


def was_watchdog(is_reset_by_it):
    """At the start: has the watchdog ended the app? `is_reset_by_it` is what the system says; on RP2 it says so of each reset."""
    store.mend(COUNT, len)
    n, is_marked = _read()
    if is_marked:
        _write(n, False)
    return is_marked and is_reset_by_it


def _read():
    data = store.read(COUNT) or b""
    digits = data[:-1] if data[-1:] == b"w" else data
    return int(digits) if digits.isdigit() else 0, digits != data


def _write(n, is_marked):
    if n or is_marked:
        store.write(COUNT, b"%d%s" % (n, b"w" if is_marked else b""))
    else:
        store.remove(COUNT)
