"""Fleets of real processes and a real mosquitto: boards die, are cut off and come back, and every job comes out right. `make fleet` is this
at its full size; THOROUGH=1 runs that here."""

import subprocess
import sys
import time

import pytest

import brokers
import lanes
from lines import Lines
from mqtt_member import Member
from thorough import IS_THOROUGH, times

pytestmark = brokers.needs_mosquitto
SMALL = (
    "--boards 8 --jobs 300 --submitters 2 --events 12 --restarts 1 --short-ms 20 --long-ms 200"
    " --lease-ms 1500 --keep-alive-s 2 --longest-s 4"
)
FULL_S = 3600


def trial(words, seconds):
    """The figures that it prints, after it has judged its own result."""
    command = [sys.executable, "-m", "tools.fleet.trial", *words.split()]
    done = subprocess.run(command, cwd=lanes.ROOT, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)


@pytest.mark.parametrize("seed", range(1, 1 + times(1, 10)))
def test_every_job_comes_out_right(seed):
    found = trial(f"{SMALL} --seed {seed}", 300)
    assert found["jobs"] == "300" and int(found["events"]) >= 12
    assert int(found["results"]) >= 270  # the others may run only once, and their board died


@pytest.mark.skipif(not IS_THOROUGH, reason="THOROUGH=1: some minutes")
def test_a_hundred_boards_and_20_000_jobs():
    found = trial("--seed 2", FULL_S)
    assert found["jobs"] == "20000" and int(found["events"]) >= 200


def test_a_submitter_that_dies_leaves_no_orphan_beyond_its_expiry(tmp_path):
    """Its jobs may run until their deadline, and none begins after it; nobody has them any more."""
    timeout_s = 3
    with brokers.Mosquitto(tmp_path) as broker:
        settings = {"URL": broker.url, "LEASE_MS": "1000", "KEEP_ALIVE_S": "2", "AT_ONCE": "1", "SEED": "1"}
        settings.update(JOBS="100", WINDOW="20", SHORT_MS="300", LONG_MS="300", TIMEOUT_MS=str(timeout_s * 1000))
        board = program("board", NAME="board-1", **settings)
        submitter = None
        try:
            board.out.wait_for(lambda lines: "ready" in lines)
            submitter = program("submitter", NAME="submitter-1", **settings)
            board.out.wait_for(lambda lines: len(ran(lines)) >= 3)
            end(submitter)
            time.sleep(timeout_s + 1)  # the expiry is in whole seconds
            orphans = len(ran(board.out.lines))
            with Member(broker, "later") as later:
                later.subscribe("trial/board/later/#", qos=0)
                properties = {"ResponseTopic": "trial/board/later/done", "CorrelationData": b"later/0123abcd/1"}
                assert later.publish("trial/job/work", '["later", 0, 0]', ContentType="application/json", **properties) == 0
                later.wait_for(lambda: any("board-1" in word for word in later.got if word.startswith("[")))
            assert len(ran(board.out.lines)) == orphans + 1  # this one alone: none has begun since, and none waits
            assert ran(board.out.lines)[-1] == "ran later 0"
        finally:
            end(board)
            if submitter:
                end(submitter)


def program(name, **settings):
    """A process of tools/fleet/programs: what it prints is in `out`."""
    command, environment = lanes.script_command(lanes.Lane("trial", "256k"), f"tools/fleet/programs/{name}.py")
    proc = brokers.popen(command, cwd=lanes.ROOT, env={**environment, **settings}, stdin=subprocess.DEVNULL)
    proc.out = Lines(proc)
    return proc


def ran(lines):
    return [line for line in lines if line.startswith("ran ")]


def end(proc):
    proc.kill()
    proc.wait()
    proc.out.reader.join()
