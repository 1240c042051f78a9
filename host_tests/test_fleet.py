"""A fleet with mosquitto: results come once, whatever happens to boards and the broker."""

import json
import re
import signal
import time

import pytest

import brokers
import lanes
import packages
from asking import ask
from guide import DOCS, blocks, code_spans, table
from lines import Lines

pytestmark = [brokers.needs_mosquitto, pytest.mark.lanes("upy")]
both = pytest.mark.lanes("cpython", "upy")
WAIT_S = 60


class Board:
    """A process of host_tests/servers/fleet_board.py."""

    def __init__(self, one):
        self.one = one

    def ask(self, path="/state", body=None):
        return json.loads(ask(self.one, path, json.dumps(body) if body is not None else None)[1])

    def submit(self, tag, job, data=None, **options):
        self.ask("/submit", {"tag": tag, "name": job, "data": data, **options})

    @property
    def stats(self):
        return {name: n for name, n in self.ask()["stats"].items() if n}

    def done(self):
        """{tag: [result, error]} of what has ended; each once."""
        found = {}
        for line in re.findall(r"^done (.*)$", self.one.output(), re.M):
            tag, *outcome = json.loads(line)
            assert tag not in found, tag
            found[tag] = outcome
        return found

    def began(self):
        """How many jobs have begun here."""
        return len(re.findall(r"^began", self.one.output(), re.M))

    def wait(self, ready, what=""):
        deadline = time.monotonic() + WAIT_S
        while not ready():
            assert time.monotonic() < deadline, (what, self.ask(), self.one.output())
            time.sleep(0.02)

    def result(self, tag):
        """The outcome of a job, when it has one."""
        self.wait(lambda: tag in self.done(), tag)
        return self.done()[tag]

    def stop(self):
        self.one.proc.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.one.proc.send_signal(signal.SIGCONT)


@pytest.fixture
def broker(tmp_path):
    with brokers.Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def board(serve, broker):
    """board(name, jobs, **options of the fleet): a Board; `client` for options of its client."""
    boards = []

    def start(name, jobs="", client=(), slowness=1, **options):
        client = {"keep_alive_s": 15, **dict(client)}
        env = {"BROKER": broker.url, "NAME": name, "JOBS": jobs, "FLEET": json.dumps(options), "CLIENT": json.dumps(client)}
        env["SLOWNESS"] = slowness
        one = Board(serve(script="fleet_board.py", env=env))
        boards.append(one)
        return one

    yield start
    for one in boards:
        if one.one.proc.poll() is None:
            one.go_on()  # a process that is stopped can't be ended


def offers(boss, job, n=1):
    """Wait until so many boards say that they do such jobs."""
    boss.wait(lambda: sum(job in one["jobs"] for one in boss.ask()["boards"].values()) == n, job)


@both
def test_results_come_back_by_several_boards(board):
    boards = [board(name, "nap echo bad") for name in ("a", "b")]
    boss = board("boss")
    offers(boss, "nap", 2)
    for n in range(12):
        boss.submit(n, "nap", 60 + n)
    for n in range(12):
        (name, ms), error = boss.result(n)
        assert ms == 60 + n and name in "ab" and error is None
    assert all(one.began() > 1 for one in boards) and sum(one.began() for one in boards) == 12
    boss.submit("json", "echo", {"a": [1, None, "\u20ac"]})
    assert boss.result("json") == [{"a": [1, None, "\u20ac"]}, None]
    boss.submit("bad", "bad", "luck")
    assert "no luck" in boss.result("bad")[1] and "JobFailed" in boss.result("bad")[1]
    state = boss.ask()
    stats = state["stats"]
    assert stats["submitted"] == 14 and stats["done"] == 13 and stats["failed"] == 1
    assert stats["late"] == stats["duplicates"] == stats["sent_again"] == stats["errors"] == 0
    assert set(state["boards"]) == {"a", "b", "boss"} and state["boards"]["a"]["boot"] == boards[0].ask()["boot"]
    assert state["boards"]["a"]["jobs"]["nap"][0] == 1 and state["boards"]["a"]["mungo"] == packages.version()


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_a_job_whose_board_is_lost_runs_on_another_one(board, way):
    first = board("a", "nap")
    boss = board("boss", lease_ms=1500)
    offers(boss, "nap")
    boss.submit("x", "nap", 400)
    first.wait(lambda: first.began() == 1)
    boss.wait(lambda: boss.ask()["holders"] == ["a"])
    if way == "killed":
        first.one.proc.kill()
    else:
        first.stop()
    second = board("b", "nap")
    assert boss.result("x") == [["b", 400], None]
    assert second.began() == 1 and boss.stats["sent_again"] >= 1
    if way == "stopped":
        first.go_on()
        boss.wait(lambda: boss.stats.get("duplicates"), "its result is dropped")
    assert list(boss.done()) == ["x"]


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_a_job_that_may_run_only_once_ends_with_an_error_instead(board, way):
    first = board("a", "once")
    second = board("b")
    boss = board("boss", lease_ms=1500)
    offers(boss, "once")
    boss.submit("x", "once", 3000)
    first.wait(lambda: first.began() == 1)
    if way == "killed":
        first.one.proc.kill()
    else:
        first.stop()
    assert "may run only once" in boss.result("x")[1]
    assert second.began() == 0 and "sent_again" not in boss.stats


@both
def test_a_job_that_may_run_only_once_runs(board):
    board("a", "once")
    boss = board("boss")
    offers(boss, "once")
    for n in range(3):
        boss.submit(n, "once", n)
    assert [boss.result(n) for n in range(3)] == [[["a", n], None] for n in range(3)]


def test_the_broker_is_restarted_while_jobs_run(board, broker):
    boards = [board(name, "nap") for name in ("a", "b")]
    boss = board("boss", lease_ms=2000)
    offers(boss, "nap", 2)
    for n in range(8):
        boss.submit(n, "nap", 300, timeout_ms=60000)
    boss.wait(lambda: len(boss.done()) >= 2)
    broker.kill()
    broker.start()
    assert [boss.result(n)[0][1] for n in range(8)] == [300] * 8
    stats = boss.stats
    assert stats["done"] == 8 and sum(one.began() for one in boards) <= 8 + stats.get("sent_again", 0)
    offers(boss, "nap", 2)


def test_while_the_broker_is_away_submits_wait_in_a_bounded_queue_or_fail_at_once(board, broker):
    worker = board("a", "nap")
    patient, hasty = board("patient", queue=3), board("hasty", offline="fail")
    for one in (patient, hasty):
        offers(one, "nap")
    broker.kill()
    for one in (patient, hasty):
        one.wait(lambda one=one: not one.ask()["ready"])
    for n in range(4):
        patient.submit(n, "nap", n, timeout_ms=60000)
    hasty.submit(0, "nap", 0)
    assert "at once" in hasty.result(0)[1] and "107" in hasty.result(0)[1]  # ENOTCONN
    assert "at once" in patient.result(3)[1] and "11" in patient.result(3)[1]  # EAGAIN
    assert list(patient.done()) == [3]
    broker.start()
    assert [patient.result(n) for n in range(3)] == [[["a", n], None] for n in range(3)]
    assert worker.began() == 3


def test_a_submitter_that_dies_leaves_no_orphan_beyond_the_expiry(board):
    worker = board("a", "nap once")
    boss = board("boss")
    offers(boss, "nap")
    boss.submit("x", "nap", 2500, timeout_ms=1000)
    boss.submit("y", "nap", 7, timeout_ms=1000)  # waits
    worker.wait(lambda: worker.began() == 1)
    boss.one.proc.kill()
    other = board("other")
    offers(other, "nap")
    other.submit("z", "nap", 5)
    assert other.result("z") == [["a", 5], None]
    assert "began 7" not in worker.one.output()
    assert worker.ask()["boards"]["a"]["jobs"]


def test_what_nobody_offers_and_a_deadline_are_errors(board):
    board("a", "nap")
    boss = board("boss")
    offers(boss, "nap")
    boss.submit("x", "other", 1, timeout_ms=30000)
    assert "11" in boss.result("x")[1]  # EAGAIN
    boss.submit("y", "nap", 3000, timeout_ms=500)
    assert "110" in boss.result("y")[1]  # ETIMEDOUT
    boss.submit("z", "nap", 5, timeout_ms=20000)
    assert boss.result("z")[1] is None


def test_a_cancelled_job_gives_its_place_to_others(board):
    worker = board("a", "nap")
    boss = board("boss")
    offers(boss, "nap")
    boss.submit("x", "nap", 500)
    boss.wait(lambda: boss.ask()["holders"] == ["a"])
    boss.ask("/cancel", "x")
    assert "32" in boss.result("x")[1]  # EPIPE
    worker.wait(lambda: worker.stats.get("cancelled"))
    boss.submit("y", "nap", 5)
    assert boss.result("y") == [["a", 5], None] and "late" not in boss.stats


def test_at_once_jobs_run_on_a_board(board):
    worker = board("a", "two")
    boss = board("boss")
    offers(boss, "two")
    for n in range(3):
        boss.submit(n, "two", 30000)
    boss.wait(lambda: boss.ask()["holders"].count("a") == 2 and worker.began() == 2)
    boss.wait(lambda: boss.stats.get("full", 0) > 2)  # the third one was sent again and again
    assert worker.began() == 2 and not boss.done() and boss.ask()["holders"].count(None) == 1


def test_a_slow_board_gets_fewer(board):
    slow, fast = board("slow", "nap", slowness=8), board("fast", "nap")
    boss = board("boss")
    offers(boss, "nap", 2)
    for n in range(20):
        boss.submit(n, "nap", 60)
    assert [boss.result(n)[1] for n in range(20)] == [None] * 20
    assert fast.began() > 2 * slow.began() > 0 and fast.began() + slow.began() == 20


def test_the_local_board_is_used_first_when_it_is_idle(board):
    other = board("b", "nap")
    boss = board("boss", "nap")
    offers(boss, "nap", 2)
    boss.submit(0, "nap", 600)
    boss.submit(1, "nap", 200)
    assert boss.result(0)[0][0] == "boss" and boss.result(1)[0][0] == "b"
    assert boss.stats["local"] == 1 and other.began() == 1


def test_two_boards_with_one_name(board):
    first = board("a", "nap")
    first.wait(lambda: first.ask()["ready"])
    second = board("a", "nap")
    second.wait(lambda: "another board has this name" in second.one.output())
    boss = board("boss")
    offers(boss, "nap")
    for n in range(3):
        boss.submit(n, "nap", n)
        assert boss.result(n)[1] is None
    assert first.began() == 3 and first.ask()["ready"] and not second.ask()["ready"]
    first.one.proc.kill()
    boss.wait(lambda: "a" not in boss.ask()["boards"])
    board("a", "nap")  # the name is free again


def test_a_board_that_says_goodbye_is_gone_at_once(board):
    one = board("a", "nap")
    boss = board("boss")
    offers(boss, "nap")
    one.ask("/stop")
    boss.wait(lambda: "a" not in boss.ask()["boards"])


@both
def test_large_data_and_results_come_in_pieces(board):
    board("a", "echo")
    boss = board("boss")
    offers(boss, "echo")
    for size in (2048, 2049, 4096, 20000, 65536):
        boss.submit(size, "echo", size=size)
        data = bytes(n % 251 for n in range(size))
        assert boss.result(size) == [[size, sum(data)], None]
    boss.submit("text", "echo", "x" * 5000)
    assert boss.result("text") == ["x" * 5000, None]


@both
def test_the_programs_of_the_guide(broker, runtime, tmp_path):
    procs = []
    try:
        for n, block in enumerate(blocks(DOCS / "fleet.md", "python")):
            path = tmp_path / f"program{n}.py"
            path.write_text(block.text.replace("mqtt://127.0.0.1:1883", broker.url))
            command, env = lanes.script_command(lanes.LANES[runtime], str(path))
            procs.append(brokers.popen(command, cwd=lanes.ROOT, env={**env, "PYTHONUNBUFFERED": "1"}))
            if n == 0:
                Lines(procs[0]).wait_for(lambda lines: any("connected" in line for line in lines))
                broker.wait_log("$share/fleet/greenhouse/job/analyse")
        Lines(procs[1]).wait_for(lambda lines: "{'mean': 3.0}" in lines)
    finally:
        for proc in procs:
            proc.kill()
            proc.wait(WAIT_S)


def test_limits_and_counters_of_the_guide_are_the_code_s():
    sources = {path.stem: path.read_text() for path in (lanes.ROOT / "lib/mungo/fleet").glob("*.py")}
    counters = re.findall(r'^    "(\w+)",  # (.*)$', sources["fleet"], re.M)
    assert [(code_spans(row[0])[0], row[1]) for row in table(DOCS / "fleet.md", "counters")[1:]] == counters
    for name, value, text in [(code_spans(row[0])[0], row[1], row[2]) for row in table(DOCS / "fleet.md", "limits")[1:]]:
        found = re.search(rf"\b{name} ?= ?(?:const\()?(\d+)", "".join(sources.values()))
        assert found and found[1] == value, name
        assert set(code_spans(text)) - {"submit", "EAGAIN"} <= {one for one, _ in counters}, text
