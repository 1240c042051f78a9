"""MQTT with the brokers and clients of others."""

import signal

import brokers


def test_a_broker_that_is_ended_keeps_sessions_and_one_that_is_killed_does_not(tmp_path):
    with brokers.Mosquitto(tmp_path, persistence=True) as broker:
        broker.publish("a/b", "1", "-r", qos=1)
        broker.end()
        broker.start()
        with broker.subscriber("a/#") as lines:
            assert lines.wait_count(1) == ["a/b 1"]
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


def test_a_frozen_broker_goes_on_where_it_was(tmp_path):
    with brokers.Mosquitto(tmp_path) as broker:
        with broker.subscriber("a/#", version=5) as lines:
            broker.freeze()
            broker.thaw()
            broker.publish("a/b", "1", version=5)
            assert lines.wait_count(1) == ["a/b 1"]
        assert broker.proc.poll() is None
        broker.signal(signal.SIGTERM)


def test_brokers_of_all_kinds_listen(tmp_path):
    for kind in ({"tls": True}, {"client_ca": True}, {"users": {"ann": "secret"}}):
        with brokers.Mosquitto(tmp_path, **kind) as broker, broker.subscriber("a") as lines:
            broker.publish("a", "1", qos=2)
            assert lines.wait_count(1) == ["a 1"]
    with brokers.Amqtt() as broker:
        broker.end()
