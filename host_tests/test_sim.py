"""The simulated world: the library keeps its promises in it, whatever the seed; and the world notices when the library is broken."""

import ast
import copy
import json
import os
import re
import subprocess
import sys

import pytest

import lanes
from host_tests.sim import broker, everyday, fleet, stalled
from host_tests.sim import run as simulation
from host_tests.sim.everyday_mutations import EVERYDAY
from host_tests.sim.fleet_mutations import FLEET
from host_tests.sim.loader import is_shared
from host_tests.sim.mqtt_mutations import MQTT
from host_tests.sim.mutate_ast import LIBRARY, Misfit, Mutation, always, drop, never, plain_ticks, replace, twice, without_lock
from host_tests.sim.mutations import MUTATIONS
from host_tests.sim.profiles import PROFILES
from host_tests.sim.secure import FIRST_SEED
from thorough import times

RUN = "host_tests.sim.run"


def run(*args, status=0, **environment):
    result = subprocess.run(
        [sys.executable, "-m", *map(str, args)],
        cwd=lanes.ROOT,
        env=dict(os.environ, **environment),
        capture_output=True,
        text=True,
        timeout=3000,
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


def none_fails(first, seeds):
    """So many seeds from `first` on run on each platform, and pass."""
    output = run(RUN, "--seed0", first, "--seeds", seeds)
    found = re.findall(r"^(\S+): (\d+) seeds from \d+, (\d+) failed", output, re.M)
    assert {name for name, _, _ in found} == set(PROFILES) and {failed for _, _, failed in found} == {"0"}, output
    assert sum(int(n) for _, n, _ in found) == seeds * len(PROFILES), output


def test_50_seeds_with_tls_on_each_platform():
    """See sim/secure.py."""
    none_fails(FIRST_SEED, 50)


def test_seeds_with_an_mqtt_broker_on_each_platform():
    """See sim/broker.py."""
    none_fails(broker.FIRST_SEED, times(25, 500))


def test_seeds_with_the_everyday_mqtt_client_on_each_platform():
    """See sim/everyday.py."""
    none_fails(everyday.FIRST_SEED, times(25, 500))


def test_seeds_with_a_fleet_on_each_platform():
    """See sim/fleet.py."""
    none_fails(fleet.FIRST_SEED, times(4, 500))


@pytest.mark.parametrize("name", PROFILES)
def test_a_seed_of_a_fleet_is_the_same_to_the_last_step(name):
    many = hashes("--profile", name, "--seed0", fleet.FIRST_SEED, "--seeds", 2, PYTHONHASHSEED="1")
    assert hashes("--profile", name, "--seed0", fleet.FIRST_SEED + 1, "--seeds", 1, PYTHONHASHSEED="2") == many[1:]


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
    said = re.search(r"again: python -m (\S+) (.*)", output)
    assert said and said[1] == RUN, output
    failure = re.search(r"^unix seed \d+: mail waits.*", output, re.M)[0]
    hash = re.search(r"hash \w+ after \d+ steps", output[output.index(failure) :])[0]
    again = run(RUN, *said[2].split(), status=1)
    assert failure in again and hash in again, again
    assert len(again.splitlines()) > 20  # the trace


# --- mutations


@pytest.fixture(scope="module")
def noticed():
    """{mutation: [seed that notices it, what that says, whether the library as it is passes that seed]}

    For a mutation that does not fit the library any more, its error instead of the list.
    """
    return json.loads(run("host_tests.sim.mutations", "--json"))


@pytest.mark.parametrize("name", [mutation.what for mutation in MUTATIONS])
def test_a_broken_library_is_noticed(name, noticed):
    assert not isinstance(noticed[name], str), noticed[name]
    seed, failure, is_clean = noticed[name] or (None, None, None)
    assert failure, "no seed notices it"
    assert is_clean, f"seed {seed} fails without it too"


def test_there_are_mutations_enough_and_each_is_its_own():
    assert len(MUTATIONS) >= 25 and len(MQTT) >= 20 and len(EVERYDAY) >= 10 and len(FLEET) >= 15
    every = [mutation for mutation in MUTATIONS if mutation not in MQTT + EVERYDAY + FLEET] + MQTT + EVERYDAY + FLEET
    assert len({mutation.what for mutation in every}) == len(every)
    for mutation in every:
        before = ast.parse(mutation.file().read_text())
        after = copy.deepcopy(before)
        mutation.apply(after)  # raises Misfit unless each of its operations has exactly one place
        assert ast.unparse(after) != ast.unparse(before), mutation.what
    assert len({mutation.key for mutation in every}) == len(every)


def broken(text, *operations):
    function = ast.parse(text).body[0]
    for operation in operations:
        operation.apply(function)
    return ast.unparse(function)


FUNCTION = """
def work(self, it):
    with self.bell.lock:  # whatever the comment says
        ring = self.bell.post( it )
    if ring:
        self.bell.ring()
    if self.count >= 2 and not it: return ticks_diff(it.due, now)
"""


@pytest.mark.parametrize(
    "operation, old, new",
    (
        (drop("A.ring()"), "self.bell.ring()", "pass"),
        (drop("if A: B.ring()"), "if ring:\n        self.bell.ring()", "pass"),
        (twice("A.ring()"), "self.bell.ring()", "self.bell.ring()\n        self.bell.ring()"),
        (always("not A"), "not it", "True"),
        (never("A.count >= 2"), "self.count >= 2", "False"),
        (replace("A.count >= B", "A.count > B"), ">=", ">"),
        (replace("A.post(...)", "None"), "self.bell.post(it)", "None"),
        (replace("A and not B", "A and B"), "not it", "it"),
        (without_lock(), "with self.bell.lock", "if True"),
        (plain_ticks(), "ticks_diff(it.due, now)", "it.due - now"),
        (
            replace("with A.lock: ...\nif B: C.ring()", "with A.lock:\n    ...\n    if B: C.ring()"),
            "\n    if ring:\n        self",
            "\n        if ring:\n            self",
        ),
    ),
)
def test_a_mutation_changes_what_it_says(operation, old, new):
    plain = broken(FUNCTION)
    assert plain.count(old) == 1
    assert broken(FUNCTION, operation) == broken(plain.replace(old, new))


@pytest.mark.parametrize(
    "operation, n",
    ((drop("A.rings()"), 0), (replace("A.post(B, C)", "None"), 0), (replace("A.B", "A"), 0), (never("it"), 3), (never("self.bell"), 3)),
)
def test_a_mutation_with_no_place_or_several_is_an_error(operation, n):
    with pytest.raises(Misfit, match=f"matches {n} times"):
        broken(FUNCTION, operation)


@pytest.mark.parametrize("function", ("Doorbell.paste", "oorbell.post", "close"))
def test_a_mutation_whose_function_is_not_there_or_twice_is_an_error(function):
    with pytest.raises(Misfit, match=rf"mutation 'it': lib/mungo has \d+ functions '{function}'"):
        Mutation("it", "unix", function, drop("A")).file()


def test_threads_may_interrupt_each_other_wherever_they_share_something():
    shared = {path.relative_to(LIBRARY).as_posix() for path in LIBRARY.rglob("*.py") if is_shared(path, ast.parse(path.read_text()))}
    assert shared >= {path.relative_to(LIBRARY).as_posix() for path in (LIBRARY / "threads").glob("*.py")}
    for function in ("Doorbell.post", "Loop.find", "Wakeups.send", "Pipe.send", "WorkerPool.submit"):
        assert Mutation("it", "unix", function).file().relative_to(LIBRARY).as_posix() in shared, function
    assert not any(path.startswith(("http/", "ws/")) for path in shared), shared


# --- stalled peers and paused programs, on stock RP2: 8,000 bytes for what all sockets send, 16 packets for what all receive

STALLED = (
    ("big", stalled.asks(b"big")),
    ("stream", stalled.asks(b"stream")),
    ("events", stalled.asks(b"events")),
    ("asks on", stalled.asks_on),
    ("asks for little", stalled.asks_for_little),
    ("tcp", stalled.takes_nothing),
)
PAUSED = (("paused", stalled.paused), ("paused, small pieces", stalled.paused_in_small_pieces))


@pytest.fixture(scope="module")
def rp2():
    simulation.prepare()
    return simulation.Runner("rp2-stock")


def ids(script):
    return script[0] if isinstance(script, tuple) else None


@pytest.mark.parametrize("n", (2, 8))
@pytest.mark.parametrize("script", STALLED + PAUSED, ids=ids)
def test_no_turn_takes_more_than_200_ms_longer_than_asked_however_many_stall_or_pause(rp2, script, n):
    stage = stalled.Stage(rp2, 0).run([script[1]] * n)
    assert stage.over <= 200, stage.over
    assert not stage.errors, stage.errors


def test_nor_if_they_do_all_of_it_at_once(rp2):
    stage = stalled.Stage(rp2, 0, 40000).run([script for _, script in STALLED + PAUSED])
    assert stage.over <= 200, stage.over


@pytest.mark.parametrize("script", STALLED[:4] + STALLED[5:] + PAUSED, ids=ids)
def test_a_healthy_client_does_not_notice_them(rp2, script):
    # Two of them: with the two connections of the healthy client these are the four that there are.
    stage = stalled.Stage(rp2, 0, 25000).run([script[1]] * 2)
    assert not stage.lost and len(stage.gaps) > 200
    # (Paused programs keep lwIP's packets for up to pause_ms, 1 s.)
    assert max(stage.gaps) < (1300 if script in PAUSED else 300), sorted(stage.gaps)[-5:]


def test_what_stalled_readers_hold_is_given_back(rp2):
    stage = stalled.Stage(rp2, 1, 40000).run([stalled.takes_nothing] * 2)
    assert stage.stats["send_waits"] and stage.stats["timeouts"] >= 2  # after write_ms they are given up


def test_a_connection_that_stays_paused_ends_after_pause_ms(rp2):
    stage = stalled.Stage(rp2, 1, 5000).run([stalled.paused])
    assert stage.stats["recv_full"] >= 1
    stage = stalled.Stage(rp2, 1, 5000).run([stalled.paused_in_small_pieces])
    assert not stage.stats["recv_full"]  # what it sends fits into recv_limit


def test_who_reads_in_sips_and_pauses_in_between_is_held_at_recv_limit(rp2):
    stage = stalled.Stage(rp2, 1, 5000).run([stalled.sipped])
    assert not stage.stats["recv_full"] and not stage.errors
    assert stage.mgr.recv_limit <= stage.unread <= stage.mgr.recv_limit + stage.mgr.rx_bytes


# --- an empty datagram, which closes a socket for good on ESP32


class EmptyDatagrams(stalled.Stage):
    """Empty datagrams come for a UDP server and for the bell; then a datagram, and a ring."""

    def run_all(self):
        self.got = []
        self.woken = []
        self.turns = 0
        return self.run([])

    def loop(self):
        world = self.world
        world.left = 1 << 30
        self.mgr = mgr = self.mungo.Manager("udp")
        for sock in (mgr.bell.tx, mgr.bell.rx):
            sock.is_bell = True
        bell = mgr.bell.rx
        c = mgr.listen("udp://0.0.0.0:5000", lambda c, ev, data, _: ev == 7 and self.got.append(data))
        world.loop = world.current
        world.may_block = False
        source = self.net.address("10.0.0.9", 5353)
        for _ in range(3):
            self.net.bound[5000].arrive(b"", source)
        bell.arrive(b"", self.net.address(*bell.there))
        mgr.poll(0)
        mgr.poll(0)
        assert mgr.stats["reopened"] == 2, mgr.stats  # once a turn, and what came meanwhile is lost
        start = world.now
        mgr.poll(500)
        assert world.now - start >= 500_000, "it spins"
        self.net.bound[5000].arrive(b"hello", source)
        mgr.poll(100)
        assert self.got == [b"hello"] and not c.is_closing
        assert mgr.stats["bell"] == "ring"
        start = world.now
        world.spawn("ringer", lambda: (world.sleep(50_000), mgr.stop()))
        assert mgr.poll(900) is False
        assert world.now - start < 200_000, "the new bell does not ring"
        world.is_over = True

    def healthy(self):
        """There is none."""


def test_an_empty_datagram_makes_the_socket_new_once_a_turn():
    simulation.prepare()
    EmptyDatagrams(simulation.Runner("esp32"), 1).run_all()
