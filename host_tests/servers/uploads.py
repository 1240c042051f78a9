# The server of test_uploads.py: an App, and beside it the same with events; `FOLDER` is where files go, `/state` tells what has happened.

import gc
import os

import mungo
from mungo.http import upload
from mungo.http.formdata import Form
from mungo.http.wholefile import WholeFile, offset

FOLDER = os.getenv("FOLDER")
LIMIT = int(os.getenv("LIMIT") or 100000000)
app = mungo.App()
state = {"most": 0, "progress": 0, "calls": 0}


def progress(up):
    state["progress"] = up.received
    state["calls"] += 1
    if not state["calls"] & 1023:
        gc.collect()
        state["most"] = max(state["most"], gc.mem_alloc())


@app.post("/form", stream=True)
def form(req):
    up = yield from upload.receive(req, Form, FOLDER, limit=LIMIT, progress=progress)
    return {"fields": up.fields, "files": [(file.field, file.name, file.size) for file in up.files]}


@app.route("/raw/<name>", methods=("PUT", "POST"), stream=True)
def raw(req, name):
    up = yield from upload.receive(req, WholeFile, FOLDER, name, limit=LIMIT, progress=progress)
    return "", 201 if up.is_whole else 202, {"Upload-Offset": up.offset}


@app.get("/raw/<name>")
def so_far(req, name):
    return "", 200, {"Upload-Offset": offset(FOLDER, name)}


@app.get("/state")
def tell(req):
    gc.collect()
    state["now"] = gc.mem_alloc()
    return dict(state, bugs=req.c.mgr.stats["bugs"], conns=len(req.c.mgr.conns))


@app.post("/clean")
def clean(req):
    return {"removed": upload.clean(FOLDER)}


def events(c, ev, hm, fn_data):
    """The same, event by event, below /events/."""
    if ev == mungo.EV_HTTP_HDRS:
        if hm.match("/events/form"):
            upload.take(c, hm, Form, FOLDER, limit=LIMIT, progress=progress)
        elif hm.match("/events/raw/*"):
            upload.take(c, hm, WholeFile, FOLDER, hm.uri[12:], limit=LIMIT, progress=progress)
        else:
            app.handler(c, ev, hm, fn_data)
    elif ev == mungo.EV_HTTP_MSG and hm.match("/events/#"):
        c.http_reply(201, {}, "%s\n" % [file.name for file in hm.sink.files])
    elif ev != mungo.EV_CLOSE or not isinstance(c.proto and c.proto.sink, upload.Upload):
        app.handler(c, ev, hm, fn_data)


mgr = mungo.Manager(max_conns=20)
app.attach(mgr, "http://127.0.0.1:" + os.getenv("PORT")).fn = events
print("listening")
while mgr.poll(1000):
    pass
