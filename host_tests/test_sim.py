"""The simulated world: the library keeps its promises in it, whatever the seed; and the world notices when the library is broken."""

import json
import os
import re
import subprocess
import sys

import pytest

import lanes
from sim.mutations import MUTATIONS
from sim.profiles import PROFILES

RUN = "host_tests/sim/run.py"


def run(*args, status=0, **environment):
    result = subprocess.run(
        [sys.executable, *map(str, args)], cwd=lanes.ROOT, env=dict(os.environ, **environment), capture_output=True, text=True, timeout=600
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result.stdout


def test_500_seeds_on_each_platform():
    output = run(RUN, "--seeds", 500)
    seeds = {name: 0 for name in PROFILES}
    for name, n, failed in re.findall(r"^(\S+): (\d+) seeds from \d+, (\d+) failed", output, re.M):
        assert failed == "0"
        seeds[name] += int(n)
    assert seeds == {name: 500 for name in PROFILES}, output


def hashes(*args, **environment):
    found = re.findall(r"^(\S+ seed \d+: hash \w+ after \d+ steps)", run(RUN, *args, "--hashes", **environment), re.M)
    assert found
    return found


@pytest.mark.parametrize("name", PROFILES)
def test_a_seed_is_the_same_to_the_last_step(name):
    many = hashes("--profile", name, "--seed0", 0, "--seeds", 25, PYTHONHASHSEED="1")
    assert len(set(many)) == 25
    for seed in (3, 24):  # whatever ran before, and however str are hashed
        assert hashes("--profile", name, "--seed0", seed, "--seeds", 1, PYTHONHASHSEED="2") == [many[seed]]


def test_a_seed_that_fails_says_how_to_see_it_again_and_fails_again():
    output = run(RUN, "--profile", "unix", "--seeds", 30, "--mutation", 0, "--hashes", status=1)
    said = re.search(r"again: python (\S+) (.*)", output)
    assert said and said[1] == RUN, output
    failure = re.search(r"^unix seed \d+: mail waits.*", output, re.M)[0]
    hash = re.search(r"hash \w+ after \d+ steps", output[output.index(failure) :])[0]
    again = run(RUN, *said[2].split(), status=1)
    assert failure in again and hash in again, again
    assert len(again.splitlines()) > 20  # the trace


# --- mutations


@pytest.fixture(scope="module")
def noticed():
    """{mutation: [seed that notices it, what that says, whether the library as it is passes that seed]}"""
    return json.loads(run("host_tests/sim/mutations.py", "--json"))


@pytest.mark.parametrize("name", [mutation[0] for mutation in MUTATIONS])
def test_a_broken_library_is_noticed(name, noticed):
    seed, failure, is_clean = noticed[name] or (None, None, None)
    assert failure, "no seed notices it"
    assert is_clean, f"seed {seed} fails without it too"


def test_there_are_mutations_enough_and_each_is_its_own():
    assert len(MUTATIONS) >= 25
    assert len({mutation[0] for mutation in MUTATIONS}) == len(MUTATIONS)
    for name, _, file, old, _ in MUTATIONS:
        assert (lanes.ROOT / "lib" / "mungo" / file).read_text().count(old) == 1, f"{name}: {file} has changed"
    assert len({mutation[2:] for mutation in MUTATIONS}) == len(MUTATIONS)
