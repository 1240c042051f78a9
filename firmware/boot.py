"""Runs first at every start, before the prompt: it chooses what runs (slots.py), reads the settings and prints what is wrong with them.

An error here is printed and does not stop the start; main.py then fails with the same error.
MicroPython mounts the flash before this file runs. If that has failed, there is no file system, and the error is printed here.
"""
import sys

try:
    import os

    os.statvfs("/")  # OSError: nothing is mounted
    import slots

    slots.choose()
    import settings  # noqa: F401
except Exception as er:
    print("boot: this start is without settings:")
    sys.print_exception(er)
