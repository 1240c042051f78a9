# Which version this start runs. boot.py calls `choose` before anything else is imported: what follows then comes from the folder of an
# update, a/ or b/, if there is one, and else from what the cable has brought. lib/mungo/ota/__init__.py says what is in ota.state.
#
# No update replaces this file, and it never raises: if anything is wrong, what ran before starts, or what the cable has brought.
import json
import os
import sys

WATCHDOG_MS = const(8000)  # RP2's longest is 8,388

is_trial = False  # this start is the trial of an update
is_undone = False  # the last start was one, and has failed
watchdog = None  # of the trial. It can't be stopped


def choose():
    """Choose the version, and put its folders in front of sys.path."""
    try:
        state = read("ota.state") or read("ota.new")  # on FAT a rename has a moment in which only the new one is there
        if state:
            try:
                decide(state)
            except OSError as er:  # the flash is full; `state` is what to run all the same
                sys.print_exception(er)
            use(state["slot"])
    except Exception as er:
        sys.print_exception(er)


def use(slot):
    """Have imports look into this folder first. Raises OSError if it is gone."""
    if slot:
        path = os.getcwd().rstrip("/") + "/" + slot
        os.stat(path)
        sys.path[:0] = [path, path + "/lib"]


def decide(state):
    """Begin a trial, or end one that nothing has kept: `state` is then what this start runs. Raises OSError if the flash is full."""
    global is_trial
    to = state["to"]
    is_image = len(to) > 1  # firmware, which the bootloader chooses
    if state["trial"]:
        state["trial"] = False
        state["to"] = ""
        if not is_image or running() != to:  # (an image that still runs after a reset has been kept)
            undo(state, state["version"])
            state["slot"], state["version"] = state["back"]
    elif not state["next"]:
        return
    elif is_image and running() != to:
        undo(state, state["next"])
        state["next"] = 0
        state["to"] = ""
    else:
        begun = dict(state)
        begun.update({"trial": True, "back": (state["slot"], state["version"]), "version": state["next"], "next": 0})
        if not is_image:
            begun.update({"slot": to, "to": ""})
        write(begun)  # (first: without that note the trial would have no end)
        state.update(begun)
        is_trial = True
        begin_watchdog()
        return
    write(state)


def undo(state, version):
    """This version has failed."""
    global is_undone
    is_undone = True
    state["error"] = "Version %d did not start well: it crashed, stood still or was reset, and is undone." % version


def running():
    """The label of the partition that an ESP32 runs."""
    from esp32 import Partition  # pyright: ignore

    return Partition(Partition.RUNNING).info()[4]


def begin_watchdog():
    """Have a trial that stands still end by a reset, if the board can do that."""
    global watchdog
    try:
        from machine import WDT  # pyright: ignore
    except ImportError:
        return
    watchdog = WDT(timeout=WATCHDOG_MS)


def feed():
    """Feed the watchdog of a trial. Call it each second or so."""
    if watchdog is not None:
        watchdog.feed()


def read(path):
    """The object in a file of JSON; {} if there is none."""
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def write(state):
    """Write ota.state, by one rename."""
    with open("ota.new", "w") as file:
        file.write(json.dumps(state))
    os.rename("ota.new", "ota.state")
