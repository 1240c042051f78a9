# The settings of a board: settings.json, an object of the names in schema.py. Whatever is in it has been checked, or is not used.
#
#   settings.json       what counts; written by hand, by `save`, and so by the portal's page
#   settings.json.old   the last one that was right: used while settings.json is not, so that a slip takes no board off the net
import json
import sys

import store

PATH = "settings.json"
OLD = "settings.json.old"

values = {}  # as they are in use: the defaults of schema.py, and what the file says


class Schema:
    """`with Schema() as schema`: the module, which takes memory only meanwhile."""

    def __enter__(self):
        import schema

        return schema

    def __exit__(self, *_):
        sys.modules.pop("schema", None)


def is_whole(data):
    """Whether this (bytes) can be used as a settings.json."""
    return parse(data) is not None


def parse(data, name=None):
    """The settings in it, as a dict; None if there are none, or if they are wrong: then, if it has a name, that is said."""
    if data is None:
        return None
    with Schema() as schema:
        try:
            return schema.parse(data)
        except ValueError as er:
            if name:
                print("%s: %s" % (name, er))


def read():
    """The settings that count, as a dict: those of settings.json or, if it is wrong, the last ones that were right. Who has removed it
    wants the defaults."""
    data = store.read(PATH)
    if data is None:
        return {}
    found = parse(data, PATH)
    if found is not None:
        keep(data)
        return found
    found = parse(store.read(OLD))
    print("so it is not used; what counts is", "each setting's default" if found is None else "what it was when it was last right")
    return found or {}


def keep(data):
    """Keep what is right for the time when settings.json is not."""
    if data != store.read(OLD):
        try:
            store.write(OLD, data)
        except OSError as er:  # the flash is full, or can't be written: that must not keep the board from starting
            sys.print_exception(er)


def load():
    """Read the settings."""
    store.mend(PATH, is_whole)
    store.mend(OLD, is_whole)
    values.clear()
    with Schema() as schema:
        values.update(schema.defaults())
        values.update(read())


def save(changes):
    """Change these settings, a dict, and keep the others. ValueError if one can't be, OSError if there is no room: then nothing changes.

    What was imported from `settings` stays as it is until the next start.
    """
    with Schema() as schema:
        for name, value in changes.items():
            schema.check(name, value)
        found = read()
        found.update(changes)
        data = json.dumps(found).encode()
        schema.parse(data)  # for its length
    store.write(PATH, data)
    values.update(changes)


def get(name):
    """What this setting is; None if only settings.py has a default."""
    return values.get(name)


def text(name):
    """`get` as text, as an environment variable would be."""
    value = get(name)
    return None if value is None else str(value)
