# The record of crashes: a log in two files of bounded size, and the number of crashes in a row.
#
#   crash.log, crash.old   the newest entries, and the older ones
#   crashes                "2": two in a row; "2w": two in a row, and the app is running under the watchdog
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
_ENTRY = const(1500)  # bytes of one entry; a longer traceback is cut off


class _Cut(io.IOBase):
    """Writes the first `left` bytes to a file and drops the rest."""

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
    """Add `er` (an exception or a str) to the log, and count one crash more. Raises OSError if the flash has no room."""
    gc.collect()  # the crash may have been a MemoryError
    with store.using:
        _append(er)


def _append(er):
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
            out.write(repr(er)[:200] + "\n")  # first, because a traceback ends with it and may be cut off
            sys.print_exception(er, out)
    _write(count() + 1, False)


def text():
    """The log as a str, older entries first."""
    data = (store.read(OLD) or b"") + (store.read(LOG) or b"")
    try:
        return str(data, "utf-8")
    except UnicodeError:  # an entry was cut off inside a character
        data = bytearray(data)
        for i in range(len(data)):
            if data[i] > 127:
                data[i] = 63  # "?"
        return str(data, "utf-8")


def count():
    """The number of crashes in a row."""
    return _read()[0]


def forget(n=0):
    """Lower the number of crashes in a row to `n`: after a long run, or for another try."""
    if count() > n:
        _write(n, _read()[1])


def begin():
    """Mark that the watchdog is on, so that `was_watchdog` recognises its reset."""
    _write(count(), True)


def end():
    """Remove the mark: the app has ended without a reset by the watchdog."""
    n, is_marked = _read()
    if is_marked:
        _write(n, False)


def was_watchdog(is_reset_by_it):
    """Whether the watchdog has reset the board while the app ran; call it once, at the start.

    `is_reset_by_it` is the reset cause from the system, which on RP2 is the watchdog after every reset by software.
    """
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
