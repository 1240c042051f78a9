# A program that is an MQTT client and nothing else: it gets back what it publishes, in a worker, and stops.
import os

from mungo.mqtt import Client

mqtt = Client(os.getenv("BROKER"), id="alone")
got = []


@mqtt.on("alone/<int:qos>", qos=2, worker=True)
def alone(msg, qos):
    got.append((qos, msg.text))
    if len(got) == 3:
        mqtt.publish("alone/stop", on_done=lambda error: mqtt.stop())


@mqtt.connected
def connected():
    for qos, word in enumerate(("zero", "one", "two")):
        mqtt.publish("alone/%d" % qos, word, qos)


mqtt.run()
print(sorted(got))
print(mqtt.stats["error"])
