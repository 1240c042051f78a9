# What the entries of a folder tell: symbolic links, and a list for people.
import os

_MOST = const(128)  # names in a list, which is made in memory
_FOLDER = const(4)
_FILE = const(8)


def leaves(at, name):
    """Whether some part of `name`, below the folder `at`, is something else than a plain file or folder, as its folder lists it.

    MicroPython has neither readlink nor lstat, but entries say what they are themselves. The root itself may be a link, and who can
    make links while a file is served can deceive this.
    """
    for part in name.split("/")[1:]:
        kind = 0
        for entry in os.ilistdir(at or "/"):
            if entry[0] == part:
                kind = entry[1]
        if kind >> 12 not in (_FOLDER, _FILE):
            return True
        at += "/" + part


def reply(it, c, name):
    """Answer with the list of the folder `name` of `it`, a files.send."""
    lines = ["<!doctype html><ul>\n"]
    for entry in it.fs.ilistdir(it.root + name or "/"):
        name = entry[0]
        if entry[1] >> 12 in (_FOLDER, _FILE) and name.strip(" .") == name and len(lines) <= _MOST:
            path = "".join(["%%%02X" % x for x in name.encode()])
            name = name.replace("&", "&amp;").replace("<", "&lt;")
            if entry[1] >> 12 == _FOLDER:
                path += "/"
                name += "/"
            lines.append('<li><a href="./%s">%s</a>\n' % (path, name))
    lines.sort()
    it.headers["Content-Type"] = "text/html; charset=utf-8"
    return c.http_reply(200, it.headers, iter(lines))
