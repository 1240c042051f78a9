# Which setting an app has failed at, as one sentence. Loaded only after an app has failed.
import errno
import os
import sys

_NOT_MINE = (99, 49, 125)  # EADDRNOTAVAIL of Linux, macOS and lwIP: MicroPython's errno has no name for it


def text(er):
    """What is wrong with a setting and what is allowed, for an exception that the import or the main() of the app has raised. None if it
    has another cause."""
    import settings

    name = settings.APP
    if isinstance(er, settings.Wrong):
        return str(er)
    if (
        isinstance(er, ImportError)
        and str(er).endswith(("'apps.%s'" % name, "'apps'"))
        or (isinstance(er, AttributeError) and "'main'" in str(er) and name not in apps())
    ):
        return "APP=%s: there is no such app: want one of %s" % (name, ", ".join(apps()))
    if isinstance(er, OSError):
        if er.errno == errno.EADDRINUSE:
            return "PORT=%d: another program listens at %s:%d: end it, or choose another port, for example PORT=%d" % (
                settings.PORT, settings.HOST, settings.PORT, settings.PORT % 65535 + 1)  # fmt: skip
        if er.errno in (errno.EACCES, errno.EPERM) and settings.PORT < 1024:
            return "PORT=%d: the system lets only its administrator listen there: want a port from 1024 to 65535" % settings.PORT
        if er.errno in _NOT_MINE:
            return "HOST=%s: this machine does not have that address: want one of its own, or 0.0.0.0 for all of them" % settings.HOST


def apps():
    """The sorted names of the apps in the folders of sys.path; frozen ones are not among them."""
    found = set()
    for folder in sys.path:
        folder = (folder or ".") + "/apps"
        for name in _list(folder):
            if {"__init__.py", "__init__.mpy"} & set(_list(folder + "/" + name)):
                found.add(name)
    return sorted(found)


def _list(folder):
    try:
        return os.listdir(folder)
    except OSError:  # there is no such folder
        return []
