"""A handler of the everyday MQTT client that blocks in a worker: nothing else notices."""

import urllib.request

import pytest

import brokers

pytestmark = pytest.mark.lanes("cpython", "upy")
PINGS = 4
REQUESTS = 300
MESSAGES = 50


def test_while_a_handler_blocks_pings_go_on_and_topics_and_pages_are_served(tmp_path, serve):
    with brokers.Mosquitto(tmp_path) as broker, broker.subscriber("from/#", qos=1) as lines, broker.subscriber("+/slow") as slow:
        one = serve(script="mqtt_worker.py", env={"URL": broker.url})
        base = f"http://{one.host}:{one.port}"
        broker.wait_log("Sending SUBACK to worker", 2)
        broker.publish("slow/slow", "1", qos=1)
        slow.wait_for(lambda lines: "began/slow 1" in lines)
        pings = sum("Received PINGREQ from worker" in line for line in broker.out.lines)
        broker.publish("to/a", list(range(MESSAGES)))
        # (Acknowledgements have the order of the messages, so mosquitto stops after 20 of QoS 1 behind the one that blocks.)
        broker.publish("to/b", list(range(15)), qos=1)
        for _ in range(REQUESTS):
            with urllib.request.urlopen(base + "/fast", timeout=brokers.START_S) as answer:
                assert answer.read() == b"fast"
        found = lines.wait_count(MESSAGES + 15)
        assert sorted(found) == sorted([f"from/a {n}" for n in range(MESSAGES)] + [f"from/b {n}" for n in range(15)])
        broker.wait_log("Received PINGREQ from worker", pings + PINGS)
        assert "done/slow 1" not in slow.lines  # it blocks until now
        with urllib.request.urlopen(base + "/release", timeout=brokers.START_S) as answer:
            assert answer.read() == b"released"
        slow.wait_for(lambda lines: "done/slow 1" in lines)
