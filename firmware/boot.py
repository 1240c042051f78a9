"""The first that runs, at every start and before the prompt is there: it reads the settings, and says what is wrong with them.

Nothing in it can keep a board from starting: whatever fails is printed, and main.py, which would fail too, is left to do so.
MicroPython has mounted the flash by now; if it could not, there is no file system, and that is said here.
"""
import sys

try:
    import os

    os.statvfs("/")  # OSError: nothing is mounted
    import settings  # noqa: F401
except Exception as er:
    print("boot: this start is without settings:")
    sys.print_exception(er)
