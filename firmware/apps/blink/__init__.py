"""A lamp that a browser switches on and off or makes blink: docs/first-board.md shows how to put it on a board.

    curl localhost:8000/led
    curl localhost:8000/led -d blink

The pin of the lamp is in limits.py of the board's folder. A host has no lamp, so the app prints a line of text instead.
"""
import mungo
import pages
import settings

try:
    import limits
    from machine import Pin, bitstream
except ImportError:
    limits = None

app = mungo.App(workers=settings.WORKERS)
pages.add(app, __file__)
lamp = {"does": "off", "lit": False, "timer": None, "pin": None}
if limits and limits.LED is not None:
    lamp["pin"] = Pin(limits.LED, Pin.OUT)


def light(is_lit):
    lamp["lit"] = is_lit
    if lamp["pin"] is None:
        print("lamp:", "lit" if is_lit else "dark")
    elif limits.NEOPIXEL:
        bitstream(lamp["pin"], 0, (400, 850, 800, 450), bytes([20 * is_lit] * 3))
    else:
        lamp["pin"].value(limits.LED_ON == is_lit)


@app.route("/led", methods=("GET", "POST"))
def led(req):
    if req.method == "POST":
        does = {b"on": "on", b"off": "off", b"blink": "blink"}.get(req.body)
        if not does:
            return "want on, off or blink\n", 400
        if lamp["timer"]:
            lamp["timer"].cancel()
        lamp["timer"] = req.c.mgr.timer(250, lambda _: light(not lamp["lit"]), repeat=True) if does == "blink" else None
        lamp["does"] = does
        light(does != "off")
    return lamp["does"] + "\n"


def main():
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
