"""The process that saves settings is killed at each thing that it does to the file system: the old settings are there, or the new ones."""

import json
import subprocess

import pytest

import lanes

OLD = {"WIFI_SSID": "old", "APP": "hello"}
READ = """
import os, sys
here = os.getcwd()
sys.path[:] = [here + "/" + path if path[:1] not in ("", "/", ".") else path for path in sys.path]
import config
os.chdir(sys.argv[1])
config.load()
print(config.get("WIFI_SSID"), config.get("APP"))
"""


def run(runtime, script, *args):
    command, environment = lanes.script_command(lanes.LANES[runtime], script)
    command += [str(arg) for arg in args]
    return subprocess.run(command, cwd=lanes.ROOT, env=environment, capture_output=True, text=True, timeout=60)


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
    seen = set()
    is_through = False
    n = 0
    while not is_through:
        n += 1
        flash = tmp_path / str(n)
        flash.mkdir()
        if old:
            (flash / "settings.json").write_text(json.dumps(old))
            if kind != "start":
                (flash / "settings.json.old").write_text(json.dumps(old))
        done = run(runtime, "host_tests/servers/power_cut.py", flash, n, kind)
        is_through = done.stdout.endswith("saved\n")
        assert done.returncode == 0 if is_through else done.returncode in (1, -9), done.stderr
        found = run(runtime, str(tmp_path / "read.py"), flash)
        seen.add(found.stdout.rstrip("\n"))
        assert found.stdout.rstrip("\n") == after or not is_through
        assert seen <= {before, after}, (n, done.stdout, found.stdout, found.stderr)
        assert not list(flash.glob("*.new"))
        assert n < 20
    assert seen == {before, after}
    wanted = list(STEPS)
    if case == "FAT, changed":
        wanted.insert(5, "rename: remove")
    assert done.stdout.splitlines() == wanted
