"""A switch and a sensor that appear in Home Assistant by themselves, by MQTT discovery.

    make run APP=mqtt_homeassistant BROKER=mqtt://homeassistant.local:1883 BROKER_USER=me BROKER_PASSWORD=secret
    mosquitto_sub -v -t 'homeassistant/#' -t 'mungo-lamp/#'     # what Home Assistant sees
    mosquitto_pub -t mungo-lamp/lamp/set -m ON                   # what it sends

On a board set the pin in `switch`, and read a sensor in `publish_celsius`.
"""

import mungo
import settings
from mungo.mqtt import Client

NAME = "mungo-lamp"
AVAILABLE = NAME + "/available"
DEVICE = {"identifiers": [NAME], "name": "Lamp", "manufacturer": "mungo", "model": "mqtt_homeassistant"}
# (component, object, what Home Assistant is told besides the rest)
ENTITIES = (
    ("switch", "lamp", {"name": "Lamp", "command_topic": NAME + "/lamp/set"}),
    ("sensor", "celsius", {"name": "Temperature", "device_class": "temperature", "unit_of_measurement": "°C"}),
)
mqtt = Client(
    settings.BROKER or "mqtt://127.0.0.1:1883",
    id=NAME,
    user=settings.BROKER_USER or None,
    password=settings.BROKER_PASSWORD or None,
    tls=mungo.Tls(ca=settings.TLS_CA) if settings.TLS_CA else None,
    will=(AVAILABLE, "offline", 1, True),
)
is_on = False
turns = 0


@mqtt.connected
def introduce():
    """Tell Home Assistant what there is: each entity by a retained message."""
    for component, name, more in ENTITIES:
        config = {
            "unique_id": NAME + "-" + name,
            "state_topic": "%s/%s" % (NAME, name),
            "availability_topic": AVAILABLE,
            "device": DEVICE,
        }
        config.update(more)
        mqtt.publish("homeassistant/%s/%s/%s/config" % (component, NAME, name), config, 1, True)
    mqtt.publish(AVAILABLE, "online", 1, True)
    switch(is_on)


@mqtt.on("homeassistant/status")
def started(msg):
    """Home Assistant says "online" after each of its starts."""
    if msg.payload == b"online":
        introduce()


@mqtt.on(NAME + "/lamp/set", qos=1)
def command(msg):
    switch(msg.payload == b"ON")


def switch(on):
    """Switch the lamp, and say so. On a board: `pin.value(on)`."""
    global is_on
    is_on = on
    mqtt.publish(NAME + "/lamp", "ON" if on else "OFF", 1, True)


def publish_celsius(_):
    global turns
    turns += 1
    mqtt.publish(NAME + "/celsius", round(20 + turns % 50 / 10, 1))


def main():
    with mungo.Manager(bell=settings.BELL, **settings.LIMITS) as mgr:
        print("listening for %s/lamp/set at %s" % (NAME, mqtt.url))
        mqtt.attach(mgr)
        mgr.timer(settings.DELAY_MS or 1000, publish_celsius, repeat=True)
        while mgr.poll(1000):
            pass
