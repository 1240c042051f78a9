"""The app blink as on a board: with a pin, which prints its level, and the limits that name it."""
import sys


class Pin:
    OUT = 1

    def __init__(self, id, mode):
        print("pin", id, "is an output")

    def value(self, level):
        print("level", int(level))


class Machine:
    bitstream = None


class Limits:
    LED = 7
    LED_ON = 0  # a lamp between the pin and 3.3 V
    NEOPIXEL = False


Machine.Pin = Pin
sys.modules["machine"] = Machine
sys.modules["limits"] = Limits
from apps import blink  # noqa: E402

blink.app.get("/timers")(lambda req: str(len(req.c.mgr.timers.all) if req.c.mgr.timers else 0))
blink.main()
