# A dashboard with a widget of each kind, which keeps its files in FOLDER. PUT /set/ID, with a text or JSON, is what a program does: the
# value of a widget, a line of the log, the rows of the table. LIMITS, as JSON, are the manager's. UPDATE, a sentence or "": there is an
# update, which is refused with that.

import gc
import json
import os
import time

if gc.mem_free() < 200000:
    gc.threshold(4096)  # as firmware/main.py

import settings
from mungo.app import App
from mungo.dash import Dash

FOLDER = os.getenv("FOLDER")
UPDATE = os.getenv("UPDATE")
PACKED = os.getenv("PACKED")  # the module with the page

app = App(workers=int(os.getenv("WORKERS") or 2))
dash = Dash("Test <b>bench</b>", app, folder=FOLDER + "/dash", www=__import__(PACKED) if PACKED else "firmware/www/dash")

dash.group("Values")
number = dash.value("Number", 21.5, unit="°C", digits=1)
text = dash.value("Text", "fine")
boolean = dash.value("Boolean", False)
gauge = dash.value("Gauge", 30, kind="gauge", min=0, max=100, warn=60, alarm=80, unit="%")
wave = dash.value("Wave", 5, history=60, every_ms=500)
failing = dash.metric("Failing")(lambda: open("/nowhere"))

dash.group("Controls")
dash.switch("Switch")
dash.slider("Slider", 10, min=0, max=50, step=5, unit="%")
dash.choice("Choice", ["slow", "fast", 7])
dash.number("Level", 4, min=0, max=9, step=1)
dash.text("Name", "anna", length=16)


def broken(value):
    raise OSError(5, "the pin does not answer")


dash.switch("Broken", set=broken)


dash.switch("Slow", worker=True, set=lambda value: time.sleep_ms(300))

dash.page("Settings")
dash.setting("threshold", 40, label="Threshold", min=0, max=100)
dash.setting("mode", "day", label="Mode", options=["day", "night"])
dash.setting("heating", True, label="Heating")
dash.setting("place", "shed", label="Place", length=20)
dash.setting("fives", 10, label="Fives", min=0, max=100, check=lambda value: value // 5 * 5)

dash.page("Work")
gate = {"open": 0}


@dash.action("Water now", confirm="Is the hose connected?", worker=True, cancel=True)
def water(job):
    """It goes on to the next quarter each time that /gate is asked for."""
    for quarter in range(1, 5):
        while gate["open"] < quarter:
            time.sleep_ms(5)
            if job.is_cancelled:
                job.progress(0)
        job.progress(25 * quarter)
    gate["open"] = 0
    return "12 litres"


@dash.action("Fail")
def fail(job):
    raise OSError(5, "no water")


@dash.action(
    "Greet",
    fields=[
        dash.field("name", "you", label="Whom"),
        dash.field("times", 1, label="Times", min=1, max=3),
        dash.field("loud", False, label="Loud"),
    ],
)
def greet(job):
    name = job.values["name"]
    return " ".join(["Hello " + (name.upper() if job.values["loud"] else name)] * job.values["times"])


@dash.action("Set the clock", fields=[dash.field("time", 1704067200, kind="time", min=1704067200)])
def set_clock(job):
    return "%d s" % job.values["time"]


rows = [[n, "row %d" % n] for n in range(25)]
table = dash.table("Table", ["Number", "Name"], rows)
log = dash.log("Log")
log.add("begun")

dash.files(FOLDER + "/files", limit=200000)
dash.system()


@app.put("/set/<id>")
def put(req, id):
    value = json.loads(req.body)
    if id == "log":
        log.add(*value)
    elif id == "table":
        rows[:] = value
        table.changed()
    elif id == "gate":
        gate["open"] = value
    else:
        dash.by_id[id].value = value
    return "done\n"


if UPDATE is not None:
    dash.has_updates = True
    state = {"board": "TEST", "version": 3, "slot": "a", "trial": False, "next": 0, "step": "", "done": 0, "total": 0, "error": ""}

    @app.get("/api/update")
    def update(req):
        return state

    @app.post("/api/update", stream=True)
    def bundle(req):
        while (yield req.stream) is not None:
            pass
        if UPDATE:
            return {"error": UPDATE}, 403
        state["next"] = 4
        return state

    @app.post("/api/update/restart")
    def restart(req):
        state.update({"version": 4, "next": 0, "trial": True})
        return {"restart": True}, 202

    @app.post("/api/update/good")
    def good(req):
        state["trial"] = False
        return state


gc.collect()
limits = dict(settings.LIMITS, **json.loads(os.getenv("LIMITS") or "{}"))
app.run(settings.HOST, settings.PORT, bell=settings.BELL, **limits)
