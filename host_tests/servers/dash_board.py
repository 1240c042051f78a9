# A dashboard with the limits of a small board: four connections, one worker, a sensor that takes DELAY_MS and an action that takes ten
# times that. The sensor is read each EVERY_MS.
import gc
import os
import time

import micropython

import mungo
from mungo.dash import Dash

gc.threshold(2048)  # as firmware/main.py in a small heap
delay_ms = int(os.getenv("DELAY_MS") or "200")
folder = os.getenv("FOLDER")
app = mungo.App(workers=1, queue=4)
dash = Dash("Board", app, folder=folder + "/dash", www="firmware/www/dash")
dash.switch("Lamp", set=lambda value: log.add("the lamp is %s" % value))
dash.slider("Level")
dash.text("Name", "me", length=32)
dash.choice("Mode", ["eco", "fast"])
dash.setting("threshold", 40, min=0, max=100)
dash.setting("ratio", 0.5, min=0, max=1)
dash.setting("other", 5, min=0, max=100)
dash.metric("Counter", every_ms=1000, history=20)(lambda: time.ticks_ms() // 1000)
log = dash.log()
watered = dash.value("Watered", 0)


@dash.metric("Slow", worker=True, every_ms=int(os.getenv("EVERY_MS") or "100"), history=20)
def slow():
    time.sleep_ms(delay_ms)
    return time.ticks_ms() % 1000


@dash.action("Water", worker=True, fields=[dash.field("minutes", 5, min=1, max=60), dash.field("key", "", kind="password")])
def water(job):
    for n in range(10):
        time.sleep_ms(delay_ms)
        job.progress(10 * n)
    log.add("watered")
    watered.value += 1


@app.get("/heap")
def heap(req):
    gc.collect()
    micropython.mem_info()
    return {"used": gc.mem_alloc(), "free": gc.mem_free(), "conns": len(req.c.mgr.conns), "pages": len(dash.clients)}


dash.table("Rows", ["n"], lambda at, n: ([[i] for i in range(at, min(at + n, 90))], 90))
dash.files(folder + "/files", limit=20000)
dash.system()

app.run(os.getenv("HOST"), int(os.getenv("PORT")), max_conns=6, max_streams=4, body_limit=8192, send_limit=8192, ws_limit=8192)
