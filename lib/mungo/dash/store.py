# Small files of JSON that survive a power cut: at each moment a file has its old or its new content, all of it.
import json
import os
from errno import ENOENT

from ..http.json_writer import dumps
from .door import exists


def read(path):
    """The object in this file; {} if there is none. Raises ValueError if it is none of JSON, OSError if it can't be read."""
    wrong = None
    for name in (path, path + ".new"):  # FAT removes the old file before it renames the new one
        try:
            with open(name, "rb") as file:
                found = json.loads(str(file.read(), "utf-8"))
            if isinstance(found, dict):
                if name != path:
                    os.rename(name, path)
                return found
            wrong = wrong or ValueError(path)
        except OSError as er:
            if er.errno != ENOENT:
                raise
        except ValueError as er:
            # (The new one alone, and cut: the power has failed at the first write of all.)
            wrong = er if name == path else wrong
    if wrong is not None:
        raise wrong
    return {}


def write(path, value):
    """Replace the file by this object. Raises OSError if there is no room; then the old content stays. The caller has the flash."""
    data = dumps(value).encode()
    part = path + ".new"
    folder = path.rpartition("/")[0]
    if folder and not exists(folder):
        os.mkdir(folder)
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
    except OSError:
        if exists(part):
            os.remove(part)
        raise
    if hasattr(os, "sync"):  # on ports whose driver may delay writes
        os.sync()
    os.rename(part, path)
