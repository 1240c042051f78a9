"""tools/fleet_service.py, a service in CPython with paho, and boards do each other's jobs, by the topics of docs/fleet-protocol.md."""

import contextlib
import json
import subprocess
import sys
import threading

import pytest

import brokers
import certificates
import fleet_acl
import fleet_service
import lanes

pytestmark = [brokers.needs_mosquitto, pytest.mark.lanes("cpython", "upy")]
SITE = "greenhouse"
A, B = "a.local", "b.local"
WAIT_S = 30


@pytest.fixture
def board(runtime):
    """board(url, name, **settings): a process of servers/fleet_peer.py, when it is connected; what it prints is in `out`."""
    with contextlib.ExitStack() as running:

        def start(url, name, **settings):
            command, environment = lanes.script_command(lanes.LANES[runtime], "host_tests/servers/fleet_peer.py")
            environment.update(URL=url, NAME=name, SITE=SITE, **settings)
            one = brokers.popen(command, cwd=lanes.ROOT, env=environment, stdin=subprocess.DEVNULL)
            one.out = brokers.Lines(one)
            running.callback(end, one)
            one.out.wait_for(lambda lines: "ready" in lines)
            return one

        yield start


def end(one):
    one.kill()
    one.wait()
    one.out.reader.join(WAIT_S)
    one.stdout.close()


@contextlib.contextmanager
def service(broker, name="office", tls=None):
    one = fleet_service.Service("localhost" if tls else broker.host, broker.port, SITE, name, tls)
    try:
        yield one
    finally:
        one.stop()


def test_boards_do_the_service_s_jobs(tmp_path, board):
    with brokers.Mosquitto(tmp_path) as broker, service(broker) as office:
        board(broker.url, "board-1")
        assert office.submit("double", 21).result(WAIT_S) == 42
        assert office.submit("double", {"a": [1]}.get("a")).result(WAIT_S) == [1, 1]
        assert office.submit("reversed", b"\0abc").result(WAIT_S) == b"cba\0"
        with pytest.raises(fleet_service.Failed, match="no such thing"):
            office.submit("fails", "thing").result(WAIT_S)
        with pytest.raises(fleet_service.Failed, match="nobody"):
            office.submit("unknown", 1, timeout_s=1).result(WAIT_S)
        many = [office.submit("double", n) for n in range(50)]
        assert [one.result(WAIT_S) for one in many] == [2 * n for n in range(50)]
        assert not office.jobs


def test_the_service_does_a_board_s_job(tmp_path, board):
    with brokers.Mosquitto(tmp_path) as broker, service(broker) as office:
        calls = []
        office.job("words", lambda text: calls.append(text) or len(text.split()))
        one = board(broker.url, "board-1")
        office.submit("ask", "one two three").result(WAIT_S)
        one.out.wait_for(lambda lines: "result 3 None" in lines)
        assert calls == ["one two three"]


def test_a_job_that_lasts_longer_than_the_lease_runs_once(tmp_path, board):
    with brokers.Mosquitto(tmp_path) as broker, service(broker) as office:
        calls = []
        is_asked = threading.Semaphore(0)  # the board asks for it at a third of its lease
        answer = office._taken

        def taken(msg):
            answer(msg)
            is_asked.release()

        def words(text):
            calls.append(text)
            for _ in range(6):  # two leases and more
                assert is_asked.acquire(timeout=WAIT_S)
            return 1

        office._taken = taken
        office.job("words", words)
        one = board(broker.url, "board-1", LEASE_MS="900")
        office.submit("ask", "long").result(WAIT_S)
        one.out.wait_for(lambda lines: "result 1 None" in lines)
        assert calls == ["long"]


def test_a_service_that_fails_says_so(tmp_path, board):
    with brokers.Mosquitto(tmp_path) as broker, service(broker) as office:
        office.job("words", lambda text: 1 / 0)
        one = board(broker.url, "board-1")
        office.submit("ask", "").result(WAIT_S)
        one.out.wait_for(lambda lines: any("result None" in line and "ZeroDivisionError" in line for line in lines))


def test_a_board_that_dies_with_a_job_is_replaced(tmp_path, board, monkeypatch):
    monkeypatch.setattr(fleet_service, "LEASE_S", 1)
    with brokers.Mosquitto(tmp_path) as broker, service(broker) as office:
        first = board(broker.url, "board-1")
        first.send_signal(19)  # SIGSTOP: the broker sends it the job
        result = office.submit("double", 1)
        broker.wait_log("Sending PUBLISH to board-1")
        board(broker.url, "board-2")
        assert result.result(WAIT_S) == 2


def test_with_client_certificates_and_the_rules_for_mosquitto(tmp_path, board):
    people = certificates.clients(tmp_path, (A, B))
    acl = tmp_path / "acl"
    acl.write_text(fleet_acl.rules(SITE, {A: ["words"], B: ["*"]}))
    acl.chmod(0o600)
    settings = ("use_identity_as_username true", f"acl_file {acl}")
    with brokers.Mosquitto(tmp_path, client_ca=True, settings=settings) as broker, service(broker, A, people[A]) as office:
        office.job("words", lambda text: len(text.split()))
        ca, cert, key = people[B]
        one = board(broker.url.replace("127.0.0.1", "localhost"), B, CA=ca, CERT=cert, KEY=key)
        assert office.submit("double", 21).result(WAIT_S) == 42
        office.submit("ask", "one two").result(WAIT_S)
        one.out.wait_for(lambda lines: "result 2 None" in lines)


def test_the_commands(tmp_path, board, runtime):
    if runtime != "cpython":
        pytest.skip("once is enough")
    command = [sys.executable, "tools/fleet_service.py"]
    with brokers.Mosquitto(tmp_path) as broker:
        place = [f"{broker.host}:{broker.port}", SITE]
        offers = brokers.popen([*command, *place, "office"], cwd=lanes.ROOT)
        offers.out = brokers.Lines(offers)
        try:
            offers.out.wait_for(lambda lines: "ready" in lines)
            one = board(broker.url, "board-1")
            done = subprocess.run([*command, *place, "desk", "--submit", "double", "[1]"], cwd=lanes.ROOT, capture_output=True, text=True)
            assert json.loads(done.stdout) == [1, 1] and done.returncode == 0, done.stderr
            done = subprocess.run([*command, *place, "desk", "--submit", "fails", "1"], cwd=lanes.ROOT, capture_output=True, text=True)
            assert done.returncode == 1 and "no such 1" in done.stderr
            subprocess.run([*command, *place, "desk", "--submit", "ask", '"a b c d"'], cwd=lanes.ROOT, check=True, capture_output=True)
            one.out.wait_for(lambda lines: "result 4 None" in lines)
        finally:
            end(offers)
