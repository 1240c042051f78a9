"""The examples with MQTT, with mosquitto, on both runtimes."""

import json
import time

import pytest

import brokers
from asking import ask, request

pytestmark = brokers.needs_mosquitto


@pytest.fixture
def broker(tmp_path):
    with brokers.Mosquitto(tmp_path) as one:
        yield one


def test_mqtt_sensor(serve, broker):
    with broker.subscriber("sensor/#") as lines:
        one = serve(app="mqtt_sensor", env={"BROKER": broker.url, "DELAY_MS": "100"})
        lines.wait_for(lambda lines: "sensor/state online" in lines)
        lines.wait_for(lambda lines: sum("sensor/celsius 2" in line for line in lines) > 2)
        broker.publish("sensor/every_ms/set", "50")
        lines.wait_for(lambda lines: "sensor/every_ms 50" in lines)
        broker.publish("sensor/offset/set", "100", qos=1)
        lines.wait_for(lambda lines: "sensor/offset 100.0" in lines and any("sensor/celsius 12" in line for line in lines))
        broker.publish("sensor/every_ms/set", "soon")
        broker.publish("sensor/every_ms/set", "60")
        lines.wait_for(lambda lines: "sensor/every_ms 60" in lines)
        assert "ValueError" in one.output()  # it is told, and the sensor goes on
        one.proc.kill()
        lines.wait_for(lambda lines: "sensor/state offline" in lines)


def test_mqtt_bridge(serve, broker):
    broker.publish("home/door", "open", "-r")
    one = serve(app="mqtt_bridge", env={"BROKER": broker.url})
    with broker.subscriber("home/#") as lines:
        deadline = time.monotonic() + 30
        while json.loads(ask(one, "/topics")[1]) != {"home/door": "open"}:
            assert time.monotonic() < deadline
        status, headers, body = request(one, "/")
        assert status == 200 and b"<h1>Topics below home/</h1>" in body
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        assert request(one, "/publish", "POST", b"topic=home/lamp&payload=on", **form)[0] == 204
        lines.wait_for(lambda lines: "home/lamp on" in lines)
        while json.loads(ask(one, "/topics")[1]) != {"home/door": "open", "home/lamp": "on"}:
            assert time.monotonic() < deadline
        for body in (b"topic=other/lamp&payload=on", b"topic=home/%23", b""):
            assert request(one, "/publish", "POST", body, **form)[0] == 400
        broker.kill()
        assert request(one, "/publish", "POST", b"topic=home/lamp&payload=off", **form)[0] == 204  # it waits
        broker.start()
    with broker.subscriber("home/lamp") as lines:
        lines.wait_for(lambda lines: "home/lamp off" in lines)


def test_mqtt_homeassistant(serve, broker):
    with broker.subscriber("homeassistant/+/+/+/config") as found, broker.subscriber("mungo-lamp/#") as lines:
        serve(app="mqtt_homeassistant", env={"BROKER": broker.url, "DELAY_MS": "100"})
        configs = {}
        for line in found.wait_count(2):
            topic, _, text = line.partition(" ")
            configs[topic] = json.loads(text)
        assert set(configs) == {"homeassistant/switch/mungo-lamp/lamp/config", "homeassistant/sensor/mungo-lamp/celsius/config"}
        for config in configs.values():
            assert config["device"]["identifiers"] == ["mungo-lamp"] and config["unique_id"] and config["availability_topic"]
        switch = configs["homeassistant/switch/mungo-lamp/lamp/config"]
        sensor = configs["homeassistant/sensor/mungo-lamp/celsius/config"]
        lines.wait_for(lambda lines: f"{switch['availability_topic']} online" in lines and f"{switch['state_topic']} OFF" in lines)
        broker.publish(switch["command_topic"], "ON", qos=1)
        lines.wait_for(lambda lines: f"{switch['state_topic']} ON" in lines)
        lines.wait_for(lambda lines: any(line.startswith(f"{sensor['state_topic']} 20.") for line in lines))
        broker.publish("homeassistant/status", "online")  # it has started again
        assert len(found.wait_count(4)) == 4


def test_fleet_worker_and_fleet_door(serve, broker):
    def until(ready):
        deadline = time.monotonic() + 30
        while not ready():
            assert time.monotonic() < deadline

    door = serve(app="fleet_door", env={"BROKER": broker.url})
    until(lambda: "door" in json.loads(ask(door, "/fleet")[1])["boards"])
    status, headers, _ = request(door, "/primes/10")
    assert status == 503 and headers["Retry-After"] == "1"  # nobody does that
    worker = serve(app="fleet_worker", env={"BROKER": broker.url})
    until(lambda: len(json.loads(ask(door, "/fleet")[1])["boards"]) == 2)
    status, body = ask(door, "/primes/1000")
    assert status == 200 and json.loads(body) == {"primes": 168}
    assert ask(door, "/primes/1000001")[0] == 400
    stats = json.loads(ask(worker, "/fleet")[1])["stats"]
    assert stats["ran"] == 1 and json.loads(ask(door, "/fleet")[1])["stats"]["done"] == 1
