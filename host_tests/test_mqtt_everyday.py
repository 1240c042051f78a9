"""The everyday MQTT client with mosquitto: what is lost is found again, and what is slow keeps nobody waiting."""

import json
import time

import pytest

import brokers
import certificates
import lanes
from asking import ask

pytestmark = [brokers.needs_mosquitto, pytest.mark.lanes("cpython", "upy-224k")]
WAIT_S = 60


@pytest.fixture
def device(serve):
    """device(broker, **options): a process with the client, which is connected; `environment` for more."""

    def start(broker, environment=(), state="connected", **options):
        settings = {"BROKER": broker.url, "OPTIONS": json.dumps(options), **dict(environment)}
        one = serve(script="mqtt_everyday.py", env=settings)
        wait_stats(one, lambda stats: stats["state"] == state)
        return one

    return start


def stats_of(one):
    return json.loads(ask(one, "/stats")[1])


def wait_stats(one, ready):
    deadline = time.monotonic() + WAIT_S
    while not ready(stats_of(one)):
        assert time.monotonic() < deadline, stats_of(one)
        time.sleep(0.02)


@pytest.mark.parametrize("version", [4, 5])
def test_messages_of_each_qos_go_both_ways(device, tmp_path, version):
    with brokers.Mosquitto(tmp_path) as broker:
        one = device(broker, version=version)
        with broker.subscriber("device/#", version=version) as lines:
            assert lines.wait_count(1) == ["device/state here"]  # retained
            for qos in (0, 1, 2):
                broker.publish(f"device/echo/{qos}/a/b{qos}", f"{qos}", qos=qos, version=version)
            lines.wait_for(lambda lines: all(f"device/said/a/b{qos} {qos}" in lines for qos in (0, 1, 2)))
            wait_stats(one, lambda stats: stats.get("told") == 3)
            one.proc.kill()
            lines.wait_for(lambda lines: "device/state gone" in lines)
        assert "error" not in one.output()


@pytest.mark.parametrize("way", ["keeps its sessions", "loses its sessions"])
def test_what_is_published_while_the_broker_is_away_comes_later(device, tmp_path, way):
    with brokers.Mosquitto(tmp_path, persistence=True) as broker:
        one = device(broker, outbox=200, keep_alive_s=2)
        broker.end() if way == "keeps its sessions" else broker.kill()
        wait_stats(one, lambda stats: stats["state"] == "waiting")
        for qos in (1, 2):
            assert ask(one, f"/count/{qos}/50") == (200, b"hi\n")
        broker.start()
        with broker.subscriber("device/counted/#") as lines:
            wait_stats(one, lambda stats: stats.get("told") == 100)
            broker.publish("device/echo/1/x", "still", qos=1)  # it has its subscriptions
            wait_stats(one, lambda stats: stats["told"] == 101)
            assert len(lines.lines) <= 100  # (it may have come after the device)
        stats = stats_of(one)
        assert stats["connects"] >= 2 and stats["failures"] >= 1 and not stats["dropped"] and "error" not in one.output()
        assert f"mqtt {broker.url}: connected" in one.output()


def test_a_silent_broker_is_noticed_and_left_out(device, tmp_path):
    with brokers.Mosquitto(tmp_path) as broker:
        one = device(broker, keep_alive_s=1)
        broker.freeze()
        wait_stats(one, lambda stats: stats["failures"] >= 1)
        assert stats_of(one)["error"] in ("no PINGRESP within 1 s", "timeout: no CONNACK", None)
        broker.thaw()
        wait_stats(one, lambda stats: stats["state"] == "connected")
        with broker.subscriber("device/said/#") as lines:
            broker.publish("device/echo/1/x", "back", qos=1)
            lines.wait_for(lambda lines: "device/said/x back" in lines)


@pytest.mark.parametrize("version", [4, 5])
def test_a_slow_handler_keeps_nobody_waiting(device, tmp_path, version):
    with brokers.Mosquitto(tmp_path) as broker:
        one = device(broker, keep_alive_s=1, version=version)
        with broker.subscriber("device/#") as lines:
            begin = time.monotonic()
            broker.publish("device/slow/a", "3", qos=1)
            broker.publish("device/slow/a", "0", qos=1)
            slowest = n = 0
            while not any("slept" in line for line in lines.lines):
                start = time.monotonic()
                assert ask(one, "/fast") == (200, b"hi\n")
                slowest = max(slowest, time.monotonic() - start)
                if n < 5:
                    broker.publish(f"device/echo/1/n{n}", "x", qos=1)
                    lines.wait_for(lambda lines, n=n: f"device/said/n{n} x" in lines)  # it is served meanwhile
                    assert not any("slept" in line for line in lines.lines) or time.monotonic() - begin > 3
                    n += 1
            assert n == 5
            lines.wait_for(lambda lines: [line for line in lines if "slept" in line] == ["device/slept/a 3", "device/slept/a 0"])
            assert time.monotonic() - begin >= 3
        assert sum("PINGREQ from device" in line for line in broker.out.lines) >= 2  # pings went on
        stats = stats_of(one)
        assert stats["connects"] == 1 and not stats["failures"]


def test_a_wrong_password_is_told_and_does_not_hammer(device, tmp_path):
    with brokers.Mosquitto(tmp_path, users={"ann": "secret"}) as broker:
        one = device(broker, state="waiting", user="ann", password="wrong")
        assert "refused" in one.output() and "wrong" not in one.output()
        assert stats_of(one)["failures"] == 1  # (the unit tests look at the pause, half a minute or more)
    with brokers.Mosquitto(tmp_path, users={"ann": "secret"}) as broker:
        device(broker, user="ann", password="secret")


@pytest.mark.lanes("cpython", "upy")
def test_tls_with_a_clients_certificate(device, tmp_path):
    certificates.make()
    paths = {name: certificates.path(file) for name, file in (("CA", "ca.pem"), ("CERT", "client.pem"), ("KEY", "client.key"))}
    with brokers.Mosquitto(tmp_path, client_ca=True) as broker:
        one = device(broker, paths, version=5)
        with broker.subscriber("device/said/#") as lines:
            broker.publish("device/echo/2/x", "secret", qos=2)
            lines.wait_for(lambda lines: "device/said/x secret" in lines)
        broker.kill()
        wait_stats(one, lambda stats: stats["state"] == "waiting")
        broker.start()
        wait_stats(one, lambda stats: stats["connects"] == 2)


def test_messages_on_flash_outlast_the_process(device, tmp_path):
    folder = tmp_path / "outbox"
    with brokers.Mosquitto(tmp_path, persistence=True) as broker:
        one = device(broker, store=str(folder), version=5)
        broker.end()
        wait_stats(one, lambda stats: stats["state"] == "waiting")
        assert ask(one, "/count/2/20") == (200, b"hi\n")
        assert ask(one, "/count/1/20") == (200, b"hi\n")
        ask(one, "/fast")  # a turn later they are written
        one.proc.kill()
        one.proc.wait()
        assert list(folder.iterdir())
        broker.start()
        with broker.subscriber("device/counted/#", version=5) as lines:
            one = device(broker, store=str(folder), version=5)
            lines.wait_count(40)
            for qos in (1, 2):
                topic = f"device/counted/{qos} "
                assert [line for line in lines.lines if topic in line] == [f"{topic}{i}" for i in range(20)]
            deadline = time.monotonic() + WAIT_S
            while list(folder.iterdir()):
                assert time.monotonic() < deadline
                time.sleep(0.02)


def test_stop_is_a_goodbye_without_a_will(device, tmp_path):
    with brokers.Mosquitto(tmp_path) as broker:
        one = device(broker)
        with broker.subscriber("device/#") as lines:
            lines.wait_count(1)
            broker.publish("device/stop", "")
            one.proc.wait(WAIT_S)
            broker.publish("device/end", "x")
            lines.wait_for(lambda lines: "device/end x" in lines)
            assert "device/state gone" not in lines.lines
        assert "stopped" in one.output()
        broker.wait_log("Received DISCONNECT from device")


@pytest.mark.lanes("upy-192k")
def test_it_fits_into_192_kb_alone(runtime, tmp_path):
    with brokers.Mosquitto(tmp_path) as broker:
        done = lanes.run_script(runtime, "host_tests/servers/mqtt_alone.py", BROKER=broker.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-2:] == ["[(0, 'zero'), (1, 'one'), (2, 'two')]", "None"], done.stdout
