"""A service in CPython that takes part in a fleet of boards, by the topics of docs/fleet-protocol.md and paho-mqtt.

    .venv/bin/python tools/fleet_service.py HOST[:PORT] SITE NAME                          does the job "words": counts the words of a text
    .venv/bin/python tools/fleet_service.py HOST[:PORT] SITE NAME --submit JOB JSON        submits a job and prints its result
    options: --ca ca.pem --cert NAME.cert.pem --key NAME.key.pem (mqtts, port 8883)

It is an example to start from: `Service` is the part to copy. What it leaves out: data and results in pieces (more than 2,048 bytes), and
jobs that may run only once.

    service = Service("127.0.0.1", 1883, "greenhouse", "office")
    service.job("words", lambda text: len(text.split()))        # boards may submit it from now on
    future = service.submit("analyse", [1, 2, 3], timeout_s=20)  # some board does it
    future.result()
"""

import argparse
import concurrent.futures
import itertools
import json
import math
import secrets
import sys
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

BEAT_S = 30  # between two messages of presence
PRESENCE_S = 90  # its expiry
LEASE_S = 5  # without a word for so long, a job is sent again
AGAIN_S = 0.1  # until a job that no board had room for is sent again
TICK_S = 0.05
NO_SUBSCRIBERS = 0x10  # reason of a PUBACK: nobody has room, or does such jobs
JSON = "application/json"


class Failed(Exception):
    """The board's program has raised an exception; or nobody has done the job in time."""


class Job:
    """A job that was submitted, until it is over."""

    def __init__(self, name, id, payload, properties, timeout_s):
        self.name = name
        self.id = id
        self.payload = payload
        self.properties = properties
        self.deadline = time.monotonic() + timeout_s
        self.heard = time.monotonic()  # the last word of it
        self.board = None  # that has taken it
        self.mid = None  # the id of its packet
        self.future = concurrent.futures.Future()


class Service:
    def __init__(self, host, port, site, name, tls=None, workers=4):
        """`tls`: (ca, cert, key), paths. Returns when it is connected. Raises OSError."""
        self.site = site
        self.name = name
        self.boot = secrets.token_hex(4)
        self.handlers = {}  # of the jobs that it does
        self.jobs = {}  # that it has submitted, by id
        self.unheard = set()  # ids of packets that no board got
        self.under_way = set()  # the ids of those that it does
        self.numbers = itertools.count()
        self.pool = concurrent.futures.ThreadPoolExecutor(workers)
        self.workers = workers
        self.lock = threading.Lock()
        self.connected = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, f"{name}-{self.boot}", protocol=paho.MQTTv5, manual_ack=True)
        self.client.username_pw_set(name)
        if tls:
            self.client.tls_set(*tls)
        self.client.on_connect = self._connected
        self.client.on_message = self._message
        self.client.on_publish = self._acknowledged
        gone = properties(PacketTypes.WILLMESSAGE, MessageExpiryInterval=PRESENCE_S)
        self.client.will_set(f"{site}/present/{name}", json.dumps({"name": name, "boot": self.boot, "gone": True}), 1, True, gone)
        self.client.connect(host, port, keepalive=15, clean_start=True, properties=properties(PacketTypes.CONNECT, ReceiveMaximum=20))
        self.client.loop_start()
        if not self.connected.wait(10):
            raise OSError(f"{host}:{port}: no connection")
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self):
        self._present(gone=True)
        self.client.disconnect()
        self.client.loop_stop()
        self.pool.shutdown()

    # --- presence

    def _connected(self, client, data, flags, code, _properties):
        """After each connect: the broker has forgotten the subscriptions, and may have published the will."""
        if code.is_failure:
            return
        client.subscribe([(f"{self.site}/board/{self.name}/#", paho.SubscribeOptions(0))])
        for job in self.handlers:
            client.subscribe(f"$share/fleet/{self.site}/job/{job}", 1)
        self._present()
        self.connected.set()

    def _present(self, **more):
        presence = {"name": self.name, "boot": self.boot, "jobs": {job: [self.workers, 0] for job in self.handlers}, **more}
        expiry = properties(PacketTypes.PUBLISH, MessageExpiryInterval=PRESENCE_S)
        self.client.publish(f"{self.site}/present/{self.name}", json.dumps(presence), 1, True, expiry)

    # --- jobs that it does

    def job(self, name, fn):
        """From now on do jobs with this name: `fn(data)` -> result, in a thread. Data and results are bytes, or what JSON can say."""
        self.handlers[name] = fn
        self.client.subscribe(f"$share/fleet/{self.site}/job/{name}", 1)
        self._present()

    def _do(self, msg):
        """In a thread of the pool: do the job, answer, and acknowledge. `taken` says that it may last longer than the lease."""
        id = msg.properties.CorrelationData
        self.under_way.add(id)
        self._taken(msg)
        try:
            data = decoded(msg)
            kind, result = "done", self.handlers[msg.topic.rsplit("/", 1)[1]](data)
        except Exception as error:
            kind, result = "failed", {"error": repr(error), "errno": getattr(error, "errno", 0) or 0}
        payload, values = encoded(result)
        self.under_way.discard(id)
        self._answer(msg, kind, payload, **values)
        self.client.ack(msg.mid, msg.qos)

    def _taken(self, msg):
        self._answer(msg, "taken", json.dumps({"boot": self.boot}))

    def _answer(self, msg, kind, payload=b"", **values):
        topic = msg.properties.ResponseTopic.rsplit("/", 1)[0]
        values["CorrelationData"] = msg.properties.CorrelationData
        self.client.publish(f"{topic}/{kind}/{self.name}", payload, 0, False, properties(PacketTypes.PUBLISH, **values))

    # --- jobs that it submits

    def submit(self, name, data, timeout_s=30):
        """A Future of the result. Its exception is Failed if the board's program has failed, or after `timeout_s`."""
        id = f"{self.name}/{self.boot}/{next(self.numbers)}".encode()
        payload, values = encoded(data)
        values.update(CorrelationData=id, ResponseTopic=f"{self.site}/board/{self.name}/done")
        job = Job(name, id, payload, values, timeout_s)
        with self.lock:
            self.jobs[id] = job
        self._send(job)
        return job.future

    def _send(self, job):
        """Send it, the first time or again: the id is the same, so only one result counts."""
        job.heard, job.board = time.monotonic(), None
        expiry = max(1, math.ceil(job.deadline - time.monotonic()))
        values = properties(PacketTypes.PUBLISH, MessageExpiryInterval=expiry, **job.properties)
        job.mid = self.client.publish(f"{self.site}/job/{job.name}", job.payload, 1, False, values).mid

    def _acknowledged(self, client, data, mid, reason, _properties):
        if reason.value == NO_SUBSCRIBERS:
            self.unheard.add(mid)

    def _order(self, job, kind):
        values = {key: job.properties[key] for key in ("CorrelationData", "ResponseTopic")}
        self.client.publish(f"{self.site}/board/{job.board}/{kind}/{self.name}", b"", 0, False, properties(PacketTypes.PUBLISH, **values))

    def _over(self, job, result=None, error=None):
        """The first result counts, and later ones find no job."""
        with self.lock:
            if self.jobs.pop(job.id, None) is None:
                return
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(Failed(error))

    def _watch(self):
        """The beat of presence; and a job of which nothing is heard is asked for, sent again, or given up."""
        beat = time.monotonic()
        while True:
            time.sleep(TICK_S)
            now = time.monotonic()
            if now - beat > BEAT_S:
                beat = now
                self._present()
            with self.lock:
                jobs = list(self.jobs.values())
            for job in jobs:
                if now > job.deadline:
                    if job.board:
                        self._order(job, "cancel")
                    self._over(job, error="nobody has done it in time")
                elif job.mid in self.unheard and now - job.heard > AGAIN_S:
                    self.unheard.discard(job.mid)
                    self._send(job)
                elif now - job.heard > LEASE_S:
                    self._send(job)
                elif job.board and now - job.heard > LEASE_S / 3:
                    self._order(job, "ask")

    # --- what comes

    def _message(self, client, data, msg):
        if msg.topic.startswith(f"{self.site}/job/"):
            self.pool.submit(self._do, msg)
            return
        kind, sender = msg.topic.split("/")[3:5]  # the broker's ACL vouches for the sender
        id = getattr(msg.properties, "CorrelationData", None)
        with self.lock:
            job = self.jobs.get(id)
        if kind == "ask":
            self._taken(msg) if id in self.under_way else self._answer(msg, "refused")
        if job is None:
            return  # an order, or late, or a second time
        job.heard = time.monotonic()
        if kind == "taken":
            job.board = sender
        elif kind == "refused":
            self._send(job)
        elif kind == "done":
            self._over(job, decoded(msg))
        elif kind == "failed":
            self._over(job, error=json.loads(msg.payload)["error"])


def properties(type, **values):
    made = Properties(type)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def encoded(value):
    """(payload, properties): bytes as they are, all else as JSON."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value), {}
    return json.dumps(value).encode(), {"ContentType": JSON}


def decoded(msg):
    return json.loads(msg.payload) if getattr(msg.properties, "ContentType", "") == JSON else msg.payload


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("broker", metavar="HOST[:PORT]")
    parser.add_argument("site")
    parser.add_argument("name")
    parser.add_argument("--submit", nargs=2, metavar=("JOB", "JSON"))
    for name in ("--ca", "--cert", "--key"):
        parser.add_argument(name)
    given = parser.parse_args(argv)
    host, _, port = given.broker.partition(":")
    tls = (given.ca, given.cert, given.key) if given.ca else None
    service = Service(host, int(port or (8883 if tls else 1883)), given.site, given.name, tls)
    try:
        if given.submit:
            print(json.dumps(service.submit(given.submit[0], json.loads(given.submit[1])).result()))
        else:
            service.job("words", lambda text: len(text.split()))
            print("ready", flush=True)
            threading.Event().wait()
    except Failed as error:
        return str(error)
    except KeyboardInterrupt:
        pass
    finally:
        service.stop()


if __name__ == "__main__":
    sys.exit(main())
