# The server of test_uploads.py for a heap of 64 KB: forms and files with events, nothing else. Compiled, it prints what its heap held.

import gc
import os

import mungo
from mungo.http import head, upload  # before the listener is there, so that they find room in one piece

if os.getenv("FORMS"):
    from mungo.http.formdata import Form as kind
else:
    from mungo.http.wholefile import WholeFile as kind

gc.threshold(2048)
FOLDER = os.getenv("FOLDER")
assert head
state = [0, 0]  # calls, and the most that was in the heap after a collection


def progress(up):
    state[0] += 1
    if state[0] & 4095 == 1:
        gc.collect()
        state[1] = max(state[1], gc.mem_alloc())
        if state[0] == 1:
            print("first", state[1])


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_HDRS and hm.match("/*"):
        upload.take(c, hm, kind, FOLDER, *fn_data, limit=100000000, progress=progress)
    elif ev == mungo.EV_HTTP_MSG:
        print("most", state[1], "calls", state[0])
        c.http_reply(200, {}, "ok")


# (A body_limit as large, so that a request without Expect needs no part that only answers other than 200 have.)
mgr = mungo.Manager(max_conns=4, body_limit=100000000)
mgr.http_listen("http://127.0.0.1:" + os.getenv("PORT"), fn, () if os.getenv("FORMS") else ("big.bin",))
print("listening", gc.mem_free())
while mgr.poll(1000):
    pass
