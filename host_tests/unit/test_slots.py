# firmware/slots.py: which version a start runs, whatever is in ota.state.

import os
import sys

import aboard  # noqa: F401
import mungo.ota as ota
import otaboard
from aboard import machine
from otaboard import Board

MIN_HEAP = "192k"


class Partition:
    """`esp32.Partition` as MicroPython's documentation has it; `label` is that of the one that runs."""

    RUNNING = 1
    label = "ota_0"

    def __init__(self, kind):
        assert kind == self.RUNNING

    def info(self):
        return (0, 16, 0x10000, 0x180000, self.label, False)


class Start:
    """A start of the board: what `choose` puts in front of sys.path, and what it says."""

    def __init__(self, label="ota_0"):
        sys.modules.pop("slots", None)
        import slots

        class Esp32:
            pass

        Partition.label = label
        Esp32.Partition = Partition
        sys.modules["esp32"] = Esp32  # pyright: ignore
        before = sys.path[:]
        machine.dogs.clear()
        try:
            slots.choose()
            n = len(sys.path) - len(before)
            self.path = sys.path[:n]
            assert sys.path[n:] == before
        finally:
            sys.path[:] = before
            del sys.modules["esp32"]
        self.is_trial = slots.is_trial
        self.is_undone = slots.is_undone
        self.dogs = list(machine.dogs)
        slots.feed()
        assert all([dog.fed for dog in self.dogs])
        ota.device.load()
        self.state = ota.state()

    def runs(self, slot, version, trial=False):
        """Whether that is what it runs."""
        here = os.getcwd()
        path = [here + "/" + slot, here + "/" + slot + "/lib"] if slot else []
        found = self.path, self.state["slot"], self.state["version"], self.state["trial"], self.is_trial, bool(self.dogs)
        return found == (path, slot, version, trial, trial, trial) or print(found)


def test_without_an_update_what_the_cable_has_brought_runs():
    with Board():
        assert Start().runs("", 0)
        assert os.listdir(".") == ["ota.json"]


def test_an_update_that_was_kept_runs():
    with Board(version=7, slot="a"):
        os.mkdir("a")
        before = otaboard.tree()
        assert Start().runs("a", 7)
        assert otaboard.tree() == before  # a usual start writes nothing


def test_the_next_start_is_a_trial_and_without_good_it_is_undone():
    for slot, to, version in (("", "a", 0), ("a", "b", 7), ("b", "a", 7)):
        with Board(version=version, slot=slot, next=9, to=to):
            os.mkdir("a")
            os.mkdir("b")
            assert Start().runs(to, 9, trial=True)
            after = Start()
            assert after.runs(slot, version) and after.is_undone
            assert after.state["error"] == "Version 9 did not start well: it crashed, stood still or was reset, and is undone."
            after = Start()
            assert after.runs(slot, version) and not after.is_undone and "Version 9" in after.state["error"]


def test_a_trial_that_was_kept_runs_from_then_on():
    with Board(version=7, slot="a", next=9, to="b"):
        os.mkdir("b")
        assert Start().runs("b", 9, trial=True)
        assert ota.good()["version"] == 9
        for _ in range(3):
            after = Start()
            assert after.runs("b", 9) and not after.is_undone and after.state["error"] == ""


def test_without_a_note_no_trial_begins():
    with Board(version=7, slot="a", next=9, to="b"):
        os.mkdir("a")
        os.mkdir("b")
        os.mkdir("ota.new")  # so that it can't be written
        for _ in range(3):
            assert Start().runs("a", 7)
        os.rmdir("ota.new")
        assert Start().runs("b", 9, trial=True)
        os.mkdir("ota.new")
        assert Start().path[0][-2:] == "/a"  # what can't be noted is undone all the same
        os.rmdir("ota.new")
        assert Start().runs("a", 7)


def test_whatever_is_in_the_file_something_starts():
    for text in ("", "{", "[]", "null", "5", '"x"', "{}", '{"slot": 5}', '{"slot": "a"}', '{"trial": true}', '{"trial": true, "to": ""}',
                 '{"trial": true, "to": "", "back": [], "version": 1}', '{"next": 1}', '{"next": 1, "to": 5, "trial": false}',
                 '{"slot": "gone", "next": 0, "to": "", "trial": false}', "\0" * 50, "\xff"):  # fmt: skip
        with Board():
            otaboard.put("ota.state", text)
            sys.modules.pop("slots", None)
            import slots

            before = sys.path[:]
            slots.choose()
            assert sys.path == before, text
            assert not slots.is_trial


def test_the_folder_of_an_update_is_gone():
    with Board(version=7, slot="a"):
        start = Start()
        assert start.path == []


def test_fat_was_cut_between_the_two_steps_of_its_rename():
    with Board(version=7, slot="a", next=9, to="b"):
        os.mkdir("b")
        os.rename("ota.state", "ota.new")
        assert Start().runs("b", 9, trial=True)


def test_firmware_that_starts_and_is_kept():
    with Board(version=7, slot="a", next=9, to="ota_1"):
        os.mkdir("a")
        start = Start("ota_1")
        assert start.path[0][-2:] == "/a" and start.is_trial and start.state["version"] == 9 and start.state["trial"]
        # `good` has told the bootloader, and the power was cut before it could write ota.state
        after = Start("ota_1")
        assert after.runs("a", 9) and not after.is_undone and after.state["to"] == ""


def test_firmware_that_fails_and_firmware_that_never_starts():
    with Board(version=7, slot="a", next=9, to="ota_1"):
        os.mkdir("a")
        assert Start("ota_1").is_trial
        after = Start("ota_0")  # the bootloader has gone back
        assert after.runs("a", 7) and after.is_undone and "Version 9" in after.state["error"]
        assert Start("ota_0").runs("a", 7)
    with Board(version=7, slot="a", next=9, to="ota_1"):
        os.mkdir("a")
        after = Start("ota_0")
        assert after.runs("a", 7) and after.is_undone and after.state["next"] == 0 and "Version 9" in after.state["error"]
