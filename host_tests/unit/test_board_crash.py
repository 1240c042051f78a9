# firmware/crash.py: the log is bounded, and keeps what is newest.

import gc
import os

import aboard
import crash
from aboard import Folder

MIN_HEAP = "100k"


def fail(depth):
    if depth:
        fail(depth - 1)
    raise ValueError("so deep")


def chain(depth):
    """A long traceback: CPython shortens one of a function that calls itself."""
    def one(depth):
        two(depth - 1)

    def two(depth):
        fail(0) if depth < 0 else one(depth - 1)

    one(depth)


def caught(fn, *args):
    try:
        fn(*args)
    except Exception as er:
        return er


def size(name):
    return os.stat(name)[6]


def test_an_exception_is_logged_with_its_traceback():
    with Folder():
        crash.log(caught(fail, 2))
        text = crash.text()
        lines = text.split("\n")
        assert lines[0].startswith("--- 20") and ", free " in lines[0], text
        assert lines[1].startswith("ValueError('so deep'") and lines[2] == "Traceback (most recent call last):"
        assert "in fail" in text and lines[-2] == "ValueError: so deep", text
        assert crash.count() == 1


def test_a_text_is_logged():
    with Folder():
        crash.log("caf\u00e9")
        assert crash.text().endswith("\ncaf\u00e9\n") and crash.count() == 1


def test_the_log_is_bounded_and_keeps_the_newest():
    with Folder():
        assert crash.text() == ""
        for n in range(100):
            crash.log("crash %d %s" % (n, "x" * (n * 37 % 900)))
            total = 0
            for name in aboard.names():
                total += size(name) if name != "crashes" else 0
            assert total <= 2 * crash.LIMIT, total
            assert size("crash.log") <= crash.LIMIT
        text = crash.text()
        kept = [int(line.split(" ")[1]) for line in text.split("\n") if line.startswith("crash ")]
        assert kept == list(range(kept[0], 100)) and len(kept) > 3, kept
        assert aboard.names() == ["crash.log", "crash.old", "crashes"]


def test_one_entry_is_bounded():
    with Folder():
        crash.log(caught(chain, 60))
        assert 1490 < size("crash.log") <= 1501
        assert "ValueError('so deep'" in crash.text()
        crash.log("x" * 10000)
        assert size("crash.log") <= 3002
        crash.log("the last")
        assert crash.text().endswith("x\n--- " + crash.text().split("\n--- ")[-1]) and crash.text().endswith("the last\n")


def test_a_cut_in_a_character_harms_nothing():
    with Folder():
        for n in range(3):
            crash.log("x" * n + "\u20ac" * 2000)
            text = crash.text()
            assert text.startswith("--- ") and len(text) > 400 * (n + 1)


def test_the_count_of_crashes_in_a_row():
    with Folder():
        assert crash.count() == 0
        crash.forget()
        assert aboard.names() == []
        for n in (1, 2, 3):
            crash.log("x")
            assert crash.count() == n
        crash.forget(2)
        assert crash.count() == 2
        crash.forget(2)
        assert crash.count() == 2
        crash.forget()
        assert crash.count() == 0 and "crashes" not in aboard.names()


def test_a_count_that_is_rubbish_is_none():
    with Folder():
        for rubbish in ("", "w", "x", "-1", "3 crashes", "\xff"):
            aboard.put("crashes", rubbish)
            assert crash.count() == 0, rubbish


def test_the_watchdog_s_mark():
    with Folder():
        crash.log("x")
        crash.begin()
        assert crash.count() == 1
        crash.log("y")  # an exception ends the app: the mark is gone
        assert crash.count() == 2 and not crash.was_watchdog(True)
        crash.begin()
        crash.end()
        assert not crash.was_watchdog(True)
        crash.begin()
        assert not crash.was_watchdog(False)  # the power was cut
        crash.begin()
        assert crash.was_watchdog(True) and not crash.was_watchdog(True)
        assert crash.count() == 2


def test_a_crash_for_want_of_memory_is_logged():
    with Folder():
        er = None
        keep = []
        try:
            while not hasattr(gc, "mem_free") or gc.mem_free() < 1 << 29:
                keep.append(bytearray(512))
            raise MemoryError("as CPython has it")
        except MemoryError as error:
            er = error
        keep = None
        crash.log(er)
        assert "MemoryError" in crash.text()
