# A client of the MQTT broker at URL: what comes to to/NAME goes back to from/NAME with its QoS, and in 5.0 its properties. It prints a
# line for each of these: "open SESSION", "ready" with the codes of the SUBACK, "error TEXT", "closed REASON". to/end ends it.
# VERSION; ID; USERNAME and WORD; CA, CERT, KEY: of TLS; KEEP_ALIVE_S; KEEP=1: it keeps its session, and connects again when its connection
# has ended.

import os

import mungo
from mungo.mqtt.session import Session

VERSION = int(os.getenv("VERSION") or 4)
KEPT = ("user_property", "content_type", "correlation_data", "response_topic", "payload_format_indicator")
KEEP = bool(os.getenv("KEEP"))
AGAIN_MS = 20

pending = []  # (topic, payload, qos, properties) that the connection has not taken yet
pieces = []
state = {"over": False}


def flush(c):
    while pending:
        topic, payload, qos, properties = pending[0]
        if c.publish(topic, payload, qos, properties=properties) is False:
            break
        pending.pop(0)


def message(c, msg):
    pieces.append(msg.payload)
    if msg.more:
        return
    payload = b"".join(pieces)
    pieces.clear()
    name = msg.topic[3:]
    if name == "end":
        state["over"] = True
        c.disconnect()
        return
    properties = None
    if VERSION == 5:
        properties = {key: msg.properties[key] for key in KEPT if key in msg.properties}
    pending.append(("from/" + name + ("/retained" if msg.retain else ""), payload, msg.qos, properties))
    flush(c)


def handler(c, ev, data, fn_data):
    if ev == mungo.EV_MQTT_OPEN:
        print("open", data.session_present)
        if not data.session_present:
            c.subscribe("to/#", qos=2)
    elif ev == mungo.EV_MQTT_MSG:
        message(c, data)
    elif ev == mungo.EV_MQTT_CMD:
        if data.type == 9:
            print("ready", list(data.reasons))
    elif ev == mungo.EV_ERROR:
        print("error", data)
    elif ev == mungo.EV_CLOSE:
        print("closed", c.reason)
        if KEEP and not state["over"]:
            mgr.timer(AGAIN_MS, connect)
        else:
            mgr.stop()
    if ev in (mungo.EV_WRITE, mungo.EV_MQTT_CMD, mungo.EV_MQTT_OPEN):
        flush(c)


def connect(timer=None):
    properties = {"session_expiry_interval": 1000} if KEEP and VERSION == 5 else None
    mgr.mqtt_connect(
        os.getenv("URL"),
        handler,
        id=os.getenv("ID") or "echo",
        version=VERSION,
        user=os.getenv("USERNAME"),
        password=os.getenv("WORD"),
        clean=not KEEP,
        keep_alive_s=int(os.getenv("KEEP_ALIVE_S") or 60),
        will=("from/will", "gone", 1, False),
        properties=properties,
        tls=tls,
        session=session,
    )


tls = None
if os.getenv("CA"):
    tls = mungo.Tls(ca=os.getenv("CA"), cert=os.getenv("CERT"), key=os.getenv("KEY"))
session = Session()
mgr = mungo.Manager()
connect()
while mgr.poll(1000):
    pass
mgr.close(1000)
