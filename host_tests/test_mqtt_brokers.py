"""MQTT with the brokers and clients of others: mosquitto in all its modes, amqtt, mosquitto_pub and _sub, paho, aiomqtt."""

import asyncio
import contextlib
import signal
import subprocess
import threading

import aiomqtt
import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import brokers
import certificates
import lanes
from thorough import times

WAIT_S = 30
pytestmark = pytest.mark.lanes("cpython", "upy-192k")
versions = pytest.mark.parametrize("version", (4, 5))
LARGE = "".join(chr(33 + n % 90) for n in range(6000))  # it comes in pieces

MODES = {
    "plain": ({}, {}),
    "password": ({"users": {"ann": "secret"}}, {"USERNAME": "ann", "WORD": "secret"}),
    "tls": ({"tls": True}, {"CA": "ca.pem"}),
    "client certificates": ({"client_ca": True}, {"CA": "ca.pem", "CERT": "client.pem", "KEY": "client.key"}),
}


@pytest.fixture
def echo(runtime):
    """echo(broker, version, **settings): a process of servers/mqtt_echo.py, when it has subscribed; what it prints is in `out`."""
    started = []

    @contextlib.contextmanager
    def start(broker, version=4, ready="ready", **settings):
        command, environment = lanes.script_command(lanes.LANES[runtime], "host_tests/servers/mqtt_echo.py")
        for name in ("CA", "CERT", "KEY"):
            if name in settings:
                settings[name] = certificates.path(settings[name])
        environment.update(URL=broker.url.replace("127.0.0.1", "localhost"), VERSION=str(version), **settings)
        one = brokers.popen(command, cwd=lanes.ROOT, env=environment, stdin=subprocess.DEVNULL)
        one.out = brokers.Lines(one)
        started.append(one)
        if ready:
            one.out.wait_for(lambda lines: any(line.startswith(ready) for line in lines))
        yield one

    yield start
    for one in started:
        one.kill()
        one.wait()
        one.out.reader.join(WAIT_S)
        one.stdout.close()


def ended(one):
    """What a client has printed that is to end by itself."""
    assert one.wait(WAIT_S) == 0, one.out.lines
    one.out.reader.join(WAIT_S)
    return one.out.lines


# --- mosquitto


@versions
@pytest.mark.parametrize("mode", MODES)
def test_mosquitto(tmp_path, echo, version, mode):
    kind, settings = MODES[mode]
    with brokers.Mosquitto(tmp_path, **kind) as broker, echo(broker, version, **settings) as client:
        with broker.subscriber("from/#", version=version) as lines:
            for qos in (0, 1, 2):
                broker.publish(f"to/{qos}", f"hello {qos}", qos=qos, version=version)
            (tmp_path / "large").write_text(LARGE)
            broker.publish("to/large", None, "-f", tmp_path / "large", qos=2, version=version)
            assert lines.wait_count(4) == ["from/0 hello 0", "from/1 hello 1", "from/2 hello 2", f"from/large {LARGE}"]
        broker.publish("to/end", "", version=version)
        assert ended(client) == ["open False", "ready [2]", "closed 0"]


@versions
def test_who_is_not_let_in_is_told_why(tmp_path, echo, version):
    with brokers.Mosquitto(tmp_path, users={"ann": "secret"}) as broker:
        with echo(broker, version, None, USERNAME="ann", WORD="wrong") as client:
            assert ended(client)[-1] == ("closed 135" if version == 5 else "closed 5")
    with brokers.Mosquitto(tmp_path, tls=True) as broker, echo(broker, version, None, CA="other_ca.pem") as client:
        assert ended(client)[-1] == "closed 0" and client.out.lines[0].startswith("error ")
    with brokers.Mosquitto(tmp_path, client_ca=True) as broker, echo(broker, version, None, CA="ca.pem") as client:
        assert ended(client)[-1] == "closed 0" and client.out.lines[0].startswith("error ")


@versions
def test_will_and_retained_messages(tmp_path, echo, version):
    with brokers.Mosquitto(tmp_path) as broker, broker.subscriber("from/#", version=version) as lines:
        broker.publish("to/kept", "1", "-r", qos=1, version=version)
        with echo(broker, version) as client:
            assert lines.wait_count(1) == ["from/kept/retained 1"]
            client.kill()
            assert lines.wait_count(2)[1] == "from/will gone"


@versions
def test_a_session_goes_on_after_a_restart(tmp_path, echo, version):
    with brokers.Mosquitto(tmp_path, persistence=True) as broker, echo(broker, version, KEEP="1") as client:
        for n in range(2):
            broker.end()
            broker.start()
            client.out.wait_for(lambda lines, n=n: lines.count("open True") > n)
            with broker.subscriber("from/#", version=version) as lines:
                broker.publish("to/a", "1", qos=2, version=version)
                assert lines.wait_count(1) == ["from/a 1"]
        broker.kill()
        broker.forget()
        broker.start()
        client.out.wait_for(lambda lines: lines.count("open False") > 1 and lines[-1].startswith("ready"))
        with broker.subscriber("from/#", version=version) as lines:
            broker.publish("to/b", "2", qos=1, version=version)
            assert lines.wait_count(1) == ["from/b 2"]


@versions
def test_a_broker_that_is_silent_is_left(tmp_path, echo, version):
    with brokers.Mosquitto(tmp_path) as broker, echo(broker, version, KEEP_ALIVE_S="1") as client:
        broker.wait_log("Sending PINGRESP to echo", 2)
        broker.freeze()
        assert ended(client)[-1] == "closed 0" and "PINGRESP" in client.out.lines[-2]


# --- paho, aiomqtt and amqtt


class Paho:
    """A paho client in a thread of its own: `got` is what has come."""

    def __init__(self, broker, version, topic="from/#"):
        self.got = []
        self.more = threading.Condition()
        self.is_subscribed = False
        self.client = client = paho.Client(paho.CallbackAPIVersion.VERSION2, "paho", protocol=version)
        client.on_connect = lambda client, *_: client.subscribe(topic, 2)
        client.on_subscribe = lambda *_: self.note("ready")
        client.on_message = lambda _, __, msg: self.note(msg)
        client.max_inflight_messages_set(0)
        client.connect(broker.host, broker.port)

    def note(self, what):
        with self.more:
            self.got.append(what)
            self.more.notify_all()

    def wait(self, n):
        with self.more:
            assert self.more.wait_for(lambda: len(self.got) > n, WAIT_S), self.got
            return self.got[1 : n + 1]

    def __enter__(self):
        self.client.loop_start()
        self.wait(0)
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()


@versions
def test_paho(tmp_path, echo, version):
    n = times(60, 2000)
    with brokers.Mosquitto(tmp_path) as broker, echo(broker, version) as client, Paho(broker, version) as other:
        properties = None
        if version == 5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [("a", "1"), ("a", "2"), ("é", "")]
            properties.ContentType = "text/plain"
            properties.CorrelationData = b"\0\xff"
            properties.ResponseTopic = "answers"
            properties.PayloadFormatIndicator = 1
        for i in range(n):
            other.client.publish(f"to/{i % 3}", str(i), i % 3, properties=properties)
        for qos in range(3):  # in order for each topic
            found = [msg for msg in other.wait(n) if msg.topic == f"from/{qos}"]
            assert [int(msg.payload) for msg in found] == list(range(qos, n, 3)) and {msg.qos for msg in found} == {qos}
            if version == 5:
                assert all(msg.properties.json() == properties.json() for msg in found)
        other.client.publish("to/end")
        assert ended(client)[-1] == "closed 0"


@versions
def test_aiomqtt(tmp_path, echo, version):
    async def talk(broker):
        protocol = aiomqtt.ProtocolVersion.V5 if version == 5 else aiomqtt.ProtocolVersion.V311
        async with aiomqtt.Client(broker.host, broker.port, protocol=protocol) as other:
            await other.subscribe("from/#", qos=2)
            for qos in range(3):
                await other.publish("to/a", str(qos), qos=qos)
            found = []
            async for msg in other.messages:
                found.append((str(msg.topic), msg.payload, msg.qos))
                if len(found) == 3:
                    break
            await other.publish("to/end")
            return sorted(found)

    with brokers.Mosquitto(tmp_path) as broker, echo(broker, version) as client:
        found = asyncio.run(asyncio.wait_for(talk(broker), WAIT_S))
        assert found == [("from/a", b"0", 0), ("from/a", b"1", 1), ("from/a", b"2", 2)]
        assert ended(client)[-1] == "closed 0"


def test_amqtt(echo):
    with brokers.Amqtt() as broker, echo(broker) as client, Paho(broker, 4) as other:
        for qos in range(3):
            other.client.publish(f"to/{qos}", "x" * 10 ** (qos + 1), qos)
        # (amqtt has all of them come with the subscription's QoS, 2.)
        assert {(msg.topic, len(msg.payload)) for msg in other.wait(3)} == {("from/0", 10), ("from/1", 100), ("from/2", 1000)}
        other.client.publish("to/end")
        assert ended(client) == ["open False", "ready [2]", "closed 0"]


# --- brokers.py itself


@pytest.mark.lanes("cpython")
def test_a_broker_that_is_ended_keeps_sessions_and_one_that_is_killed_does_not(tmp_path, runtime):
    with brokers.Mosquitto(tmp_path, persistence=True) as broker:
        broker.publish("a/b", "1", "-r", qos=1)
        broker.end()
        broker.start()
        broker.publish("a/b", "2", "-r", qos=1)
        broker.kill()
        broker.start()
        with broker.subscriber("a/#") as lines:
            assert lines.wait_count(1) == ["a/b 1"]
        broker.end()
        broker.forget()
        broker.start()
        broker.publish("a/c", "3", "-r", qos=1)
        with broker.subscriber("a/#") as lines:
            assert lines.wait_count(1) == ["a/c 3"]
        broker.freeze()
        broker.thaw()
        broker.publish("a/d", "4")
        broker.signal(signal.SIGTERM)
