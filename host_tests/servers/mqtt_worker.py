# An App and an MQTT client of the broker at URL in one manager. A handler that runs in a worker blocks until /release is asked for.

import os
import time

import mungo
from mungo import App
from mungo.mqtt import Client

app = App()
mqtt = Client(os.getenv("URL"), id="worker", keep_alive_s=1, log=None, outbox=100)  # all that `other` publishes in one turn
state = {"blocks": True}


@app.get("/fast")
def fast(req):
    return "fast"


@app.get("/release")
def release(req):
    state["blocks"] = False
    return "released"


@mqtt.on("slow/<name>", qos=1, worker=True)
def slow(msg, name):
    mqtt.publish("began/" + name, msg.payload)
    while state["blocks"]:
        time.sleep(0.01)
    mqtt.publish("done/" + name, msg.payload)


@mqtt.on("to/<name>", qos=1)
def other(msg, name):
    mqtt.publish("from/" + name, msg.payload, qos=1)


with mungo.Manager() as mgr:
    mgr.workers(job_ms=60000)
    app.attach(mgr, "http://%s:%s" % (os.getenv("HOST"), os.getenv("PORT")))
    mqtt.attach(mgr)
    print("listening")
    while mgr.poll(1000):
        pass
