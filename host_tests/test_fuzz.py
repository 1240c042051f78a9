"""The inputs that fuzzing has kept: seeds, and whatever once failed. Both runtimes, and so both scanners, see the same in them."""

import lanes


def replay(lane):
    done = lanes.run_script(lane, "host_tests/fuzz/replay.py")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_kept_inputs_give_the_same_on_every_runtime():
    kept = [path for path in (lanes.ROOT / "host_tests" / "fuzz" / "corpus").glob("*/*")]
    seen = replay("cpython")
    assert len(seen) == len(kept) > 100
    assert replay("upy") == seen
