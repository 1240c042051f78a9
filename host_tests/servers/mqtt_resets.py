# The everyday client of the broker at URL, with its outbox on flash, in the folder STORE. It publishes COUNT messages with QoS 1 and 2 each
# to up/1 and up/2: BOOT * 100000 + their number. It prints "QOS NUMBER" for what comes, and "! all" when all of its own are acknowledged. A
# message to down/end ends it.

import os
import sys

import mungo
from mungo.mqtt import Client

COUNT = int(os.getenv("COUNT"))
first = int(os.getenv("BOOT")) * 100000
sent = [0, 0]
left = [2 * COUNT]


class Hasty(Client):
    def back_off(self, reason):
        return 5


mqtt = Hasty(
    os.getenv("URL"),
    id="resets",
    version=int(os.getenv("VERSION")),
    store=os.getenv("STORE"),
    clean=False,
    keep_alive_s=1,
    outbox=8,
    drop="newest",
    log=None,
)


def done(error):
    assert error is None, error
    left[0] -= 1
    if not left[0]:
        print("! all")


def publish(timer):
    for qos in (1, 2):
        n = sent[qos - 1]
        if n < COUNT and mqtt.publish("up/%d" % qos, str(first + n), qos, on_done=done):
            sent[qos - 1] = n + 1


@mqtt.on("down/<name>", qos=2)
def down(msg, name):
    if name == "end":
        mgr.stop()
    else:
        sys.stdout.write("%s %s\n" % (name, msg.text))  # (at once: a reset in the middle leaves no half of it)


mgr = mungo.Manager()
mqtt.attach(mgr)
mgr.timer(1, publish, repeat=True)
while mgr.poll(1000):
    pass
