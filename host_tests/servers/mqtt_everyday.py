# A device with the everyday MQTT client beside a server, for host_tests/test_mqtt_everyday.py: it does what messages tell it. Of the
# environment: BROKER, the URL; OPTIONS, further options of the client as JSON; CA, CERT and KEY, files for TLS.
import gc
import json
import os
import time

import mungo
from mungo.mqtt import Client

if gc.mem_free() < 100000:
    gc.threshold(2048)  # as firmware/main.py
options = json.loads(os.getenv("OPTIONS"))
if os.getenv("CA"):
    options["tls"] = mungo.Tls(ca=os.getenv("CA"), cert=os.getenv("CERT") or None, key=os.getenv("KEY") or None)
mqtt = Client(os.getenv("BROKER"), id="device", will=("device/state", "gone", 1, True), **options)


@mqtt.connected
def connected():
    mqtt.publish("device/state", "here", 1, True)


@mqtt.on("device/echo/<int:qos>/<path:rest>", qos=2)
def echo(msg, qos, rest):
    mqtt.publish("device/said/" + rest, msg.payload, qos, on_done=told)


@mqtt.on("device/slow/<name>", qos=1, worker=True)
def slow(msg, name):
    time.sleep(float(msg.text))
    mqtt.publish("device/slept/" + name, msg.payload, 1)


def serve(c, ev, hm, fn_data):
    """/fast, /stats, and /count/QOS/N: publish N messages."""
    if ev == mungo.EV_HTTP_MSG:
        _, name, *numbers = hm.uri.split("/")
        if name == "count":
            qos, n = map(int, numbers)
            for i in range(n):
                mqtt.publish("device/counted/%d" % qos, str(i), qos, on_done=told)
        c.http_reply(200, {}, json.dumps(mgr.stats["mqtt"]["device"]) if name == "stats" else "hi\n")


@mqtt.on("device/stop")
def stop(msg):
    mqtt.stop()
    mgr.timer(200, lambda _: mgr.stop())


done = 0


def told(error):
    global done
    done += 1
    mqtt.stats["told"] = done
    if error:
        print("error", error)


with mungo.Manager() as mgr:
    mgr.http_listen("http://%s:%s" % (os.getenv("HOST"), os.getenv("PORT")), serve)
    mqtt.attach(mgr)
    print("listening")
    while mgr.poll(1000):
        pass
print("stopped")
