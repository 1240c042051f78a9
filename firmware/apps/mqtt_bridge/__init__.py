"""MQTT in the browser: a page that shows topics as they change, and publishes.

    make run APP=mqtt_bridge BROKER=mqtt://127.0.0.1:1883
    curl -N localhost:8000/events                               # the messages as server-sent events
    curl localhost:8000/topics                                  # the last one of each topic
    curl -d topic=home/lamp -d payload=on localhost:8000/publish
    mosquitto_pub -t home/door -m open

The server and the MQTT client share one loop. The topics are those below `home/`.
"""

import json

import mungo
import mungo.sse as sse
import pages
import settings
from mungo.app import abort
from mungo.mqtt import Client

MOST = 50  # topics that are kept
mqtt = Client(
    settings.BROKER or "mqtt://127.0.0.1:1883",
    user=settings.BROKER_USER or None,
    password=settings.BROKER_PASSWORD or None,
    tls=mungo.Tls(ca=settings.TLS_CA) if settings.TLS_CA else None,
)
app = mungo.App()
pages.add(app, __file__)
readers = []
topics = {}


@mqtt.on("home/<path:rest>")
def changed(msg, rest):
    try:
        payload = msg.text
    except ValueError:
        payload = "%d bytes, not text" % len(msg.payload)
    if msg.topic in topics or len(topics) < MOST:
        topics[msg.topic] = payload[:200]
        tell(msg.topic)


def tell(topic):
    sse.broadcast(readers, json.dumps({"topic": topic, "payload": topics[topic]}))


@mqtt.connected
def connected():
    sse.broadcast(readers, "connected", event="state")


@mqtt.disconnected
def disconnected(error):
    sse.broadcast(readers, "no broker", event="state")


@app.get("/events")
def events(req):
    return sse.stream(begin)


def begin(c, last_id):
    sse.send(c, "connected" if mqtt.is_connected else "no broker", event="state")
    readers.append(c)
    for topic in topics:
        sse.send(c, json.dumps({"topic": topic, "payload": topics[topic]}))


@app.get("/topics")
def list_topics(req):
    return topics


@app.post("/publish")
def publish(req):
    topic = req.form.get("topic", "")
    if topic[:5] != "home/":
        abort(400, "topic: want home/..\n")
    try:
        mqtt.publish(topic, req.form.get("payload", ""), retain=True)
    except ValueError as er:
        abort(400, "%s\n" % er)


def main():
    with mungo.Manager(bell=settings.BELL, **settings.LIMITS) as mgr:
        app.open(mgr, settings.HOST, settings.PORT)
        mqtt.attach(mgr)
        while mgr.poll(1000):
            pass
