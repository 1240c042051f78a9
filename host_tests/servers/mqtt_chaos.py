# A client of the broker at URL that connects again at once, whatever happens, and keeps its session. It publishes COUNT messages of each
# QoS to up/0, up/1 and up/2, their numbers; with SLOWLY=1 one of each every few ms. It prints what comes, "QOS NUMBER", "! open" for each
# subscription, and errors, "! TEXT". A message to down/end ends it.

import os

import mungo
from mungo.mqtt.session import Session

COUNT = int(os.getenv("COUNT"))
VERSION = int(os.getenv("VERSION"))
AGAIN_MS = 1
SLOWLY = os.getenv("SLOWLY")

sent = [0, 0, 0]
state = {"over": False}


def publish(c):
    """All that it takes: the same number of each QoS."""
    for _ in range(3 if SLOWLY else COUNT * 3):
        if state["over"]:
            break
        qos = min((1, 2, 0), key=lambda qos: sent[qos])
        n = sent[qos]
        if n >= COUNT or c.publish("up/%d" % qos, str(n), qos) is False:
            return
        sent[qos] = n + 1


def handler(c, ev, data, fn_data):
    if ev == mungo.EV_MQTT_OPEN:
        if not data.session_present:
            c.subscribe("down/#", qos=2)
        state["c"] = c
    elif ev == mungo.EV_MQTT_MSG:
        if data.topic == "down/end":
            state["over"] = True
        else:
            print(data.topic[5:], str(data.payload, "ascii"))
    elif ev == mungo.EV_ERROR:
        print("!", data)
    elif ev == mungo.EV_CLOSE:
        if state["over"]:
            mgr.stop()
        else:
            mgr.timer(AGAIN_MS, connect)
    if ev == mungo.EV_MQTT_CMD and data.type == 9:
        print("! open")
    if ev == mungo.EV_MQTT_CMD and state["over"] and data.type == 3:
        c.disconnect()
    elif not SLOWLY and ev in (mungo.EV_WRITE, mungo.EV_MQTT_CMD, mungo.EV_MQTT_OPEN):
        publish(c)


def connect(timer=None):
    properties = {"session_expiry_interval": 1000} if VERSION == 5 else None
    mgr.mqtt_connect(
        os.getenv("URL"), handler, id="chaos", version=VERSION, clean=False, keep_alive_s=1, properties=properties, session=session
    )


session = Session()
mgr = mungo.Manager()
connect()
if SLOWLY:
    mgr.timer(3, lambda timer: "c" in state and publish(state["c"]), repeat=True)
while mgr.poll(1000):
    pass
assert mgr.stats["bugs"] == 0, mgr.stats
mgr.close(1000)
