# Not collected itself: host_tests/test_lanes.py runs these to see that each outcome is told as what it is.

import os
import sys

from runner import Skip


def test_passes():
    print("said by test_passes")


def test_fails():
    print("said by test_fails")
    value = 41
    assert value == 42


def test_skips():
    raise Skip("not on this board")


def test_exits():
    sys.exit(0)


def test_hangs():
    while True:
        pass


def test_dies():
    print("said by test_dies")
    os.system("kill -9 $PPID")
    while True:
        pass
