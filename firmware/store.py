# Files that survive a power cut: at every moment a file has its old content or its new one, whole.
import os
from errno import ENOENT


def read(path):
    """The content of a file that `write` has written, as bytes; None if there is none, or if the flash does not give it."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as er:
        if er.errno != ENOENT:
            print("store: %s: %r" % (path, er))


def write(path, data):
    """Replace the content of a file: `data` (bytes) goes to a temporary name first, and is given this name when it is all there.

    littlefs puts a file in another's place in one step. FAT removes the other one first: between the two only PATH.new is there,
    which `mend` puts in its place. OSError if there is no room; the old content stays.
    """
    part = path + ".new"
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
    except OSError:
        remove(part)
        raise
    if hasattr(os, "sync"):  # where a driver keeps blocks back
        os.sync()
    os.rename(part, path)


def mend(path, is_whole):
    """At the start: finish or undo what a power cut has interrupted. `is_whole(data)` tells whether this can be all of a file."""
    part = path + ".new"
    data = read(part)
    if data is None:
        return
    if read(path) is None and is_whole(data):
        os.rename(part, path)
    else:
        remove(part)


def remove(path):
    """Remove a file, if it is there."""
    if read_size(path) is not None:
        os.remove(path)


def read_size(path):
    """A file's length in bytes; None if there is none."""
    try:
        return os.stat(path)[6]
    except OSError:
        return None
