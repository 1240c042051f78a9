# The settings of a board: settings.json, an object with names from schema.py. A file with a wrong value is not used.
#
#   settings.json       the settings in use; you or `save` (the portal's page) write it
#   settings.json.old   the last valid one; used while settings.json is wrong, so that a typing error does not cut the board off
import json
import sys

import store

PATH = "settings.json"
OLD = "settings.json.old"

values = {}  # in use: the defaults of schema.py, replaced by those of the file


class Schema:
    """`with Schema() as schema` loads the module schema; at the end its memory is free again."""

    def __enter__(self):
        import schema

        return schema

    def __exit__(self, *_):
        sys.modules.pop("schema", None)


def is_whole(data):
    """Whether `data` (bytes) is a valid settings.json."""
    return parse(data) is not None


def parse(data, name=None):
    """The settings in `data` (bytes) as a dict; None if `data` is None or wrong. With a `name`, the error is printed."""
    if data is None:
        return None
    with Schema() as schema:
        try:
            return schema.parse(data)
        except ValueError as er:
            if name:
                print("%s: %s" % (name, er))


def read():
    """The settings in use, as a dict: those of settings.json or, if it is wrong, the last valid ones; {} if there is no such file."""
    data = store.read(PATH)
    if data is None:
        return {}
    found = parse(data, PATH)
    if found is not None:
        keep(data)
        return found
    found = parse(store.read(OLD))
    print("%s is not used; the board uses" % PATH, "the defaults" if found is None else "the last valid settings")
    return found or {}


def keep(data):
    """Write `data` (bytes), the valid settings, to settings.json.old if that differs."""
    if data != store.read(OLD):
        try:
            store.write(OLD, data)
        except OSError as er:  # e.g. the flash is full; the board must start nevertheless
            sys.print_exception(er)


def load():
    """Read the settings into `values`, after repairing files that a power cut has left."""
    store.mend(PATH, is_whole)
    store.mend(OLD, is_whole)
    values.clear()
    with Schema() as schema:
        values.update(schema.defaults())
        values.update(read())


def save(changes):
    """Change the settings in the dict `changes`, and keep the others.

    Raises ValueError if a value is not allowed, OSError if the flash has no room; then nothing changes. Names imported from `settings`
    keep their values until the next start.
    """
    with Schema() as schema:
        for name, value in changes.items():
            schema.check(name, value)
        found = read()
        found.update(changes)
        data = json.dumps(found).encode()
        schema.parse(data)  # checks the length
    store.write(PATH, data)
    values.update(changes)


def get(name):
    """The value of a setting; None if the file has none and its default is in settings.py."""
    return values.get(name)


def value(name, default, *_):
    """The value of a setting, or `default` if the file has none, or an empty one."""
    found = get(name)
    return default if found is None or found == "" else found
