# The tutorial's program, and what it costs: /stats says how much heap is in use, how many connections and descriptors there are.

import gc
import json
import os

import apps.multi_threaded as app

original = app.fn


def open_files():
    if hasattr(os, "listdir"):
        return len(os.listdir("/proc/self/fd"))
    return len(list(os.ilistdir("/proc/self/fd")))


def fn(c, ev, hm, fn_data):
    if ev == app.mungo.EV_HTTP_MSG and hm.match("/stats"):
        gc.collect()
        gc.collect()
        mgr = c.mgr
        row = {"heap": gc.mem_alloc(), "conns": len(mgr.conns), "files": open_files(), "threads": app.threads}
        row["ends"] = mgr.pipe_ends
        row["stats"] = mgr.stats
        c.http_reply(200, {}, json.dumps(row))
    else:
        original(c, ev, hm, fn_data)


app.fn = fn
app.main()
