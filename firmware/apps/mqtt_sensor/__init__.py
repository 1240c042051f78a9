"""A sensor that speaks MQTT: it publishes its readings, and takes commands. It needs no server of its own.

    make run APP=mqtt_sensor BROKER=mqtt://127.0.0.1:1883
    mosquitto_sub -v -t 'sensor/#'
    mosquitto_pub -t sensor/every_ms/set -m 500
    mosquitto_pub -q 1 -t sensor/offset/set -m 1.5    # a slow one: it runs in a worker, and is acknowledged when it is done

If the broker or the network is gone, the last readings wait. sensor/state says whether the sensor is there: the broker itself says when it
is not.
"""

import time

import mungo
import settings
from mungo.mqtt import Client

mqtt = Client(
    settings.BROKER or "mqtt://127.0.0.1:1883",
    id="mqtt-sensor",
    user=settings.BROKER_USER or None,
    password=settings.BROKER_PASSWORD or None,
    tls=mungo.Tls(ca=settings.TLS_CA) if settings.TLS_CA else None,
    will=("sensor/state", "offline", 1, True),
    outbox=20,
)
every_ms = settings.DELAY_MS or 1000
offset = 0.0


def read_sensor():
    """Degrees Celsius. On a board: read the sensor. This one makes them up."""
    return 20 + time.ticks_diff(time.ticks_ms(), 0) % 10000 / 1000 + offset


@mqtt.connected
def online():
    mqtt.publish("sensor/state", "online", 1, True)


@mqtt.on("sensor/every_ms/set")
def set_every_ms(msg):
    global every_ms
    every_ms = min(max(int(msg.text), 50), 3600000)
    mqtt.publish("sensor/every_ms", every_ms, retain=True)


@mqtt.on("sensor/offset/set", qos=1, worker=True)
def set_offset(msg):
    global offset
    time.sleep_ms(settings.DELAY_MS)  # a board writes it to its flash, or moves a motor: this may take a while
    offset = float(msg.text)
    mqtt.publish("sensor/offset", offset, 1, True)


def publish_reading(mgr):
    mqtt.publish("sensor/celsius", round(read_sensor(), 1), 1)
    mgr.timer(every_ms, publish_reading, mgr)


def main():
    with mungo.Manager(bell=settings.BELL, **settings.LIMITS) as mgr:
        print("listening for sensor/+/set at %s" % mqtt.url)
        mqtt.attach(mgr)
        publish_reading(mgr)
        while mgr.poll(1000):
            pass
