# The entries of a folder: which of them are links, and a list of them as a page.
import os

from ..core.utf8 import encode

_MOST = const(128)  # entries in a list, which is made in memory
_FOLDER = const(4)  # as in files.py
_FILE = const(8)


def entries(found):
    """These entries of os.ilistdir, one by one, without those whose names are not UTF-8: no request can name them."""
    found = iter(found)
    while True:
        try:
            entry = next(found)
            encode(entry[0])
        except StopIteration:
            return
        except ValueError:  # on MicroPython it is `next` that finds it out, and goes on with the next one
            continue
        yield entry


def has_link(folder, name):
    """Whether some part of the path `name` below `folder` is neither a plain file nor a folder: a symbolic link, for example.

    MicroPython has neither readlink nor lstat, but a folder's entries tell their type. The root itself may be a link. A program that makes
    links while a file is served can deceive this check.
    """
    for part in name.split("/")[1:]:
        kind = 0
        for entry in entries(os.ilistdir(folder or "/")):
            if entry[0] == part:
                kind = entry[1]
        if kind >> 12 not in (_FOLDER, _FILE):
            return True
        folder += "/" + part
    return False


def listing(found):
    """A page in HTML with links to what os.ilistdir has found, at most 128; as an iterator of its lines. Hidden files are left out."""
    lines = ["<!doctype html><html lang=en><title>Files</title><ul>\n"]
    for entry in entries(found):
        name = entry[0]
        data = name.encode()
        kind = entry[1] >> 12
        is_served = name.strip(" .") == name and min(data) > 31 and "\\" not in name  # see files.py
        if kind in (_FOLDER, _FILE) and is_served and len(lines) <= _MOST:
            slash = "/" if kind == _FOLDER else ""
            path = "%" + data.hex("%").upper() + slash
            name += slash
            lines.append('<li><a href="./%s">%s</a>\n' % (path, name.replace("&", "&amp;").replace("<", "&lt;")))
    lines.sort()
    return iter(lines)
