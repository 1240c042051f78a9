"""The process that saves settings is killed at each thing that it does to the file system: the old settings are there, or the new ones."""

import json

import pytest

import lanes

OLD = {"WIFI_SSID": "old", "APP": "hello"}
READ = """
import os, sys
import aboard
import config
for folder in sys.argv[1:]:
    os.chdir(folder)
    config.load()
    print(config.get("WIFI_SSID"), config.get("APP"))
"""


def run(runtime, script, *args):
    return lanes.run_script(runtime, script, *args, path=["host_tests/unit"])


# (how the file system renames, what is there before): what a start finds that was cut before the change, and after
CASES = {
    "littlefs, first": ("littlefs", None, " None", "new None"),
    "littlefs, changed": ("littlefs", OLD, "old hello", "new hello"),
    "FAT, first": ("fat", None, " None", "new None"),
    "FAT, changed": ("fat", OLD, "old hello", "new hello"),
    "changed by hand": ("start", OLD, "old hello", "old hello"),  # what is cut is the start, which keeps it for later
}
STEPS = ["open wb", "write", "flush", "close", "sync", "rename", "saved"]


@pytest.mark.parametrize("case", CASES)
def test_killed_at_each_step(runtime, case, tmp_path):
    (tmp_path / "read.py").write_text(READ)
    kind, old, before, after = CASES[case]
    flashes = []
    said = ""
    while not said.endswith("saved\n"):
        flash = tmp_path / str(len(flashes))
        flash.mkdir()
        flashes.append(flash)
        if old:
            (flash / "settings.json").write_text(json.dumps(old))
            if kind != "start":
                (flash / "settings.json.old").write_text(json.dumps(old))
        done = run(runtime, "host_tests/servers/power_cut.py", flash, len(flashes), kind)
        said = done.stdout
        assert done.returncode == (0 if said.endswith("saved\n") else 1 if runtime == "cpython" else -9), said + done.stderr
        assert len(flashes) < 20
    steps = list(STEPS)
    if case == "FAT, changed":
        steps.insert(5, "rename: remove")
    assert said.splitlines() == steps
    done = run(runtime, str(tmp_path / "read.py"), *flashes)
    found = done.stdout.splitlines()
    assert len(found) == len(flashes) and set(found) == {before, after}, done.stdout + done.stderr
    assert found == sorted(found, key=[before, after].index) and found[-1] == after  # from some step on it is the new one
    assert not list(tmp_path.glob("*/*.new"))


READ_DASHBOARD = """
import os, sys
import aboard
import mungo
from mungo.dash import Dash
for folder in sys.argv[1:]:
    os.chdir(folder)
    print(Dash("Test", mungo.App(), folder=".").setting("threshold", 1).value)
"""


@pytest.mark.parametrize("old", [None, {"threshold": 5}])
@pytest.mark.parametrize("kind", ["littlefs", "fat"])
def test_a_setting_of_a_dashboard_killed_at_each_step(runtime, kind, old, tmp_path):
    (tmp_path / "read.py").write_text(READ_DASHBOARD)
    flashes = []
    said = ""
    while not said.endswith("saved\n"):
        flash = tmp_path / str(len(flashes))
        flash.mkdir()
        flashes.append(flash)
        if old:
            (flash / "settings.json").write_text(json.dumps(old))
        said = run(runtime, "host_tests/servers/power_cut.py", flash, len(flashes), kind, "dash").stdout
        assert len(flashes) < 20
    assert said.splitlines() == [*STEPS[:5], *(["rename: remove"] if old and kind == "fat" else []), *STEPS[5:]]
    done = run(runtime, str(tmp_path / "read.py"), *flashes)
    found = done.stdout.splitlines()
    before = str(old["threshold"] if old else 1)
    assert found == sorted(found, key=[before, "9"].index) and found[-1] == "9" and found[0] == before, done.stdout + done.stderr
