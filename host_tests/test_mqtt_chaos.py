"""MQTT over links that break, with brokers that are killed, stopped and restarted: QoS 1 arrives at least once, QoS 2 exactly once, in
order for each topic, in both directions."""

import random
import subprocess
import threading

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import brokers
import lanes
from mqtt_ledger import Ledger, judge
from thorough import times

pytestmark = pytest.mark.lanes("cpython", "upy-192k")
WAIT_S = 60
COUNT = times(40, 1000)
BREAKS = times(100, 1000)
SEEDS = range(times(1, 10))


def client(runtime, url, script="mqtt_chaos.py", **settings):
    command, environment = lanes.script_command(lanes.LANES[runtime], f"host_tests/servers/{script}")
    environment.update(URL=url, **{name: str(value) for name, value in settings.items()})
    one = brokers.popen(command, cwd=lanes.ROOT, env=environment, stdin=subprocess.DEVNULL)
    one.out = brokers.Lines(one)
    return one


def end(one):
    """What it has printed, when it has ended by itself: {QoS: numbers}."""
    assert one.wait(WAIT_S) == 0, one.out.lines[-20:]
    one.out.reader.join(WAIT_S)
    one.stdout.close()
    return numbers(one)


def numbers(one):
    """What has come to it: {QoS: numbers}."""
    found = {0: [], 1: [], 2: []}
    for line in list(one.out.lines):
        qos, _, n = line.partition(" ")
        if qos != "!":
            found[int(qos)].append(int(n))
    return found


def run(runtime, ledger, **settings):
    """A client until all is done: what it has got."""
    with ledger:
        one = client(runtime, ledger.url, COUNT=ledger.count, VERSION=ledger.version, **settings)
        try:
            ledger.wait(WAIT_S * times(1, 10), lambda: one.poll() is None)
            return end(one)
        except BaseException:
            print(ledger.state(), *one.out.lines[-20:], sep="\n")
            raise
        finally:
            one.kill()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("version", (4, 5))
def test_links_that_break_at_any_byte(runtime, version, seed):
    ledger = Ledger(version, COUNT, seed, BREAKS)
    down = run(runtime, ledger)
    assert ledger.breaks >= times(60, 900) and ledger.resumed > ledger.breaks // 4 and ledger.swept >= 60
    for qos in range(3):
        judge(ledger.up[qos], qos, COUNT)
        judge(down[qos], qos, COUNT)


# A broker that loses its session has lost what it knew of QoS 2, so what was under way may come twice.
@pytest.mark.parametrize("version", (4, 5))
def test_brokers_that_lose_their_sessions_or_are_not_there(runtime, version):
    ledger = Ledger(version, COUNT, 7, BREAKS // 2, forget=0.4, silences=0, down_s=0.02, is_sweeping=False)
    down = run(runtime, ledger)
    assert ledger.forgotten > 3 and ledger.resumed > 3
    for qos in (1, 2):
        judge(ledger.up[qos], qos, COUNT, is_session_kept=False)
    for qos in range(3):  # what it had sent is lost with it, nothing else
        assert down[qos] and sorted(set(down[qos])) == list(dict.fromkeys(down[qos])), down[qos]


# --- resets


# What was published, and is not on flash yet, is lost with a reset: the last of each life. Of the others none is missing, none is there
# twice, and none is late. Of what comes, a reset may take the one message whose handler was about to be called.
@pytest.mark.parametrize("seed", range(times(1, 5)))
@pytest.mark.parametrize("version", times((5,), (4, 5)))
def test_the_client_is_reset_again_and_again_with_its_outbox_on_flash(tmp_path, runtime, version, seed):
    n = times(40, 300)
    resets = times(4, 50)
    ledger = Ledger(version, 12 * n, 11 + seed, BREAKS // 4, silences=0, is_sweeping=False)
    ledger.expected = 1 << 30
    moments = random.Random(f"{runtime} {version} {seed}")
    down = {0: [], 1: [], 2: []}
    with ledger:
        for boot in range(resets + 1):
            one = client(runtime, ledger.url, script="mqtt_resets.py", VERSION=version, COUNT=n, BOOT=boot, STORE=tmp_path / "outbox")
            try:
                if boot < resets:
                    at = moments.randrange(3, n)
                    one.out.wait_for(lambda lines, at=at: len(lines) > at)
                    one.kill()
                    one.wait()
                    one.out.reader.join(WAIT_S)
                else:
                    one.out.wait_for(lambda lines: "! all" in lines, WAIT_S)
                    ledger.is_enough = True
                    ledger.wait(WAIT_S, lambda one=one: one.poll() is None)
                    assert one.wait(WAIT_S) == 0, one.out.lines[-20:]
                    one.out.reader.join(WAIT_S)
                for line in one.out.lines:
                    assert line == "! all" or line[0] in "012", "\n".join(one.out.lines[-20:])
                    if line != "! all":
                        down[int(line[0])].append(int(line[2:]))
            finally:
                one.kill()
                one.wait()
                one.stdout.close()
    for qos in (1, 2):
        lives = {}
        for number in ledger.up[qos]:
            lives.setdefault(number // 100000, []).append(number % 100000)
        for found in lives.values():
            judge(found, qos, len(set(found)))
        assert len(set(lives[resets])) == n
    judge(down[1], 1, ledger.count)
    assert down[2] == sorted(set(down[2])) and len(down[2]) >= ledger.count - resets, sorted(set(range(ledger.count)) - set(down[2]))


# --- mosquitto


class Other:
    """paho on the other side, which has to get through the same: `up` is what has come. (What is published comes from mosquitto_pub: one
    that has messages under way itself while mosquitto 2.0.11 restarts is out of its quota for good.)"""

    def __init__(self, broker, version):
        self.up = {0: [], 1: [], 2: []}
        self.more = threading.Condition()
        self.opened = 0
        options = {"clean_session": False} if version == 4 else {}
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, "other", protocol=version, **options)
        self.client.on_connect = self.on_connect
        self.client.on_message = self.on_message
        self.client.on_subscribe = self.on_subscribe
        self.client.reconnect_delay_set(1, 1)
        options = {}
        if version == 5:
            options = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            options["properties"].SessionExpiryInterval = 1000
        self.client.connect(broker.host, broker.port, 60, **options)

    def on_connect(self, client, *_):
        client.subscribe("up/#", 2)

    def on_subscribe(self, *_):
        with self.more:
            self.opened += 1
            self.more.notify_all()

    def on_message(self, client, _, msg):
        with self.more:
            self.up[int(msg.topic[3:])].append(int(msg.payload))
            self.more.notify_all()

    def wait(self, ready, what):
        with self.more:
            assert self.more.wait_for(ready, WAIT_S), f"{what}: { {qos: len(found) for qos, found in self.up.items()} }"

    def __enter__(self):
        self.client.loop_start()
        self.wait(lambda: self.opened, "subscribed")
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.mark.lanes("upy-192k")
@pytest.mark.parametrize("version", (4, 5))
def test_mosquitto_is_stopped_and_restarted_with_its_sessions(tmp_path, runtime, version):
    n = times(300, 1000)
    steps = times(3, 12)
    with brokers.Mosquitto(tmp_path, persistence=True) as broker, Other(broker, version) as other:
        one = client(runtime, broker.url, COUNT=n, VERSION=version, SLOWLY=1)
        try:
            one.out.wait_for(lambda lines: "! open" in lines)
            for step in range(steps):
                for qos in range(3):
                    broker.publish(f"down/{qos}", list(range(n * step // steps, n * (step + 1) // steps)), qos=qos, version=version)
                other.wait(lambda step=step: len(other.up[2]) > n * step // (steps + 1), f"step {step}")
                if step % 3 == 1:
                    errors = sum(line.startswith("! ") for line in one.out.lines)
                    broker.freeze()
                    one.out.wait_for(lambda lines, errors=errors: sum(line.startswith("! ") for line in lines) > errors)
                    broker.thaw()
                else:
                    broker.end()
                    broker.start()
            other.wait(lambda: all(len(set(other.up[qos])) == n for qos in (1, 2)), "all of it")
            one.out.wait_for(lambda _: all(len(set(numbers(one)[qos])) == n for qos in (1, 2)), WAIT_S)
            broker.publish("down/end", "", qos=1)
            down = end(one)
        finally:
            one.kill()
    for qos in range(3):  # (mosquitto 2.0.11 sends what it has kept in another order at times, to clients of any kind)
        judge(down[qos], qos, n, is_ordered=False)
        judge(other.up[qos], qos, n, is_ordered=False)


# It forgets messages, the client none that it has not acknowledged: what is published after the restart arrives, in both directions.
@pytest.mark.lanes("upy-192k")
@pytest.mark.parametrize("version", (4, 5))
def test_mosquitto_is_killed_and_restarted_without_its_sessions(tmp_path, runtime, version):
    with brokers.Mosquitto(tmp_path) as broker, Other(broker, version) as other:
        one = client(runtime, broker.url, COUNT=1 << 30, VERSION=version, SLOWLY=1)
        try:
            for step in range(2):
                other.wait(lambda: all(other.up.values()), f"step {step}")
                opened = other.opened
                broker.kill()
                broker.start()
                other.wait(lambda opened=opened: other.opened > opened, "subscribed again")
                one.out.wait_for(lambda lines, step=step: lines.count("! open") > step + 1)
                seen = {qos: len(found) for qos, found in other.up.items()}
                other.wait(lambda seen=seen: all(len(other.up[qos]) > seen[qos] for qos in seen), "more")
            for qos in range(3):
                broker.publish(f"down/{qos}", "0", qos=qos)
            one.out.wait_for(lambda _: all(numbers(one).values()))
            broker.publish("down/end", "", qos=1)
            assert all(set(found) == {0} for found in end(one).values())
        finally:
            one.kill()
    for found in other.up.values():
        first = list(dict.fromkeys(found))
        assert first == sorted(first)
