"""The inputs that fuzzing has kept: seeds, and whatever once failed. Both runtimes, and so both scanners, see the same in them."""

import subprocess

import lanes


def replay(lane):
    command, environment = lanes.script_command(lanes.LANES[lane], "host_tests/fuzz/replay.py")
    done = subprocess.run(command, cwd=lanes.ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_kept_inputs_give_the_same_on_every_runtime():
    kept = [path for path in (lanes.ROOT / "host_tests" / "fuzz" / "corpus").glob("*/*")]
    seen = replay("cpython")
    assert len(seen) == len(kept) > 100
    assert replay("upy") == seen
