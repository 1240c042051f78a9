"""The inputs that fuzzing has kept: seeds, and whatever once failed. Both runtimes, and so both scanners, see the same in them. And a short
run of the fuzz that compares both parsers with h11, and MQTT's packets with paho."""

import subprocess
import sys

import pytest

import lanes


def replay(lane):
    done = lanes.run_script(lane, "host_tests/fuzz/replay.py")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_kept_inputs_give_the_same_on_every_runtime():
    kept = [path for path in (lanes.ROOT / "host_tests" / "fuzz" / "corpus").glob("*/*")]
    seen = replay("cpython")
    assert len(seen) == len(kept) > 100
    assert "app args [200]" in seen and not [line for line in seen if line.startswith(("app ", "file ")) and line.endswith(" []")]
    assert replay("upy") == seen


def test_packets_of_mqtt_are_those_of_paho():
    done = against("-m", "host_tests.fuzz.against_paho", "--inputs", "3000", "--seed", "5")
    assert done.returncode == 0 and len(done.stdout.split()) == 10, done.stdout + done.stderr


@pytest.mark.parametrize(
    "fault",
    [
        "begin = it.packets.begin; it.packets.begin = lambda first, *more: begin(first & 0xFE, *more)",
        "it.Parser.packet_id = lambda parser: parser.word() & 0xFF or 1",
        "it.properties.write = lambda given, where, write=it.properties.write: write(dict(reversed(given.items())), where)",
    ],
)
def test_a_fault_in_packets_differs_from_paho(fault):
    code = (
        f"import host_tests.fuzz.against_paho as it\n{fault}\ntry: it.run(1, 500)\nexcept AssertionError: pass\nelse: raise SystemExit(1)"
    )
    done = against("-c", code)
    assert done.returncode == 0, done.stdout + done.stderr


def against(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=lanes.ROOT, capture_output=True, text=True, timeout=None)


def test_all_differences_from_h11_are_explained():
    done = against("-m", "host_tests.fuzz.against_h11", "--inputs", "8000", "--seed", "5")
    assert done.returncode == 0 and done.stdout.count(" 0 others\n") == 2, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("side", "fault"),
    [
        ("server", "it.Request.read_length = lambda hm: setattr(hm, 'left', 1) or 0"),
        ("server", "it.Request.fields_left = 0"),
        ("server", "from mungo.http import chunked; chunked._size = lambda hm, line, size=chunked._size: size(hm, line.rstrip(b' ')) ^ 1"),
        ("client", "it.Response.is_lenient = False; it.EXPLAINED = [row for row in it.EXPLAINED if row[1] != 'mungo']"),
        ("client", "it.Response._read_framing = lambda hm: setattr(hm, 'left', 0) or 0"),
        ("client", "from mungo.http import normalize; normalize.spaced = bytes"),
    ],
)
def test_a_fault_is_a_difference_that_nothing_explains(side, fault):
    code = f"import host_tests.fuzz.against_h11 as it\n{fault}\ncounts, others = it.run({side!r}, 1, 2000)\nassert others"
    done = against("-c", code)
    assert done.returncode == 0, done.stdout + done.stderr
