"""Run each target on its kept inputs, and print what it returns: on every runtime the same. Started as a script of a lane."""

import os

from targets import TARGETS

try:
    show = ascii
except NameError:  # MicroPython's repr is that
    show = repr


def names(folder):
    if hasattr(os, "listdir"):
        return sorted(os.listdir(folder))
    return sorted(entry[0] for entry in os.ilistdir(folder) if entry[0] not in (".", ".."))


for target in sorted(TARGETS):
    for name in names("host_tests/fuzz/corpus/" + target):
        with open("host_tests/fuzz/corpus/%s/%s" % (target, name), "rb") as file:
            data = file.read()
        print(target, name, show(TARGETS[target](data)))
