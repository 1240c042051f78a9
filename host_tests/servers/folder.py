# Serves the folder ROOT by events, or the packed module with the name PACKED, if that is given. How many descriptors are open is told
# at /-/open.

import gc
import os

if gc.mem_free() < 100000:
    gc.threshold(2048)  # as firmware/main.py

import mungo
import settings

PACKED = os.getenv("PACKED")
root = os.getenv("ROOT")


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        if hm.match("/-/open"):
            c.http_reply(200, {}, str(len(list(os.ilistdir("/proc/self/fd")))))
        else:
            files.serve(c, hm, root, listing=True)


mgr = mungo.Manager(settings.BELL, **settings.LIMITS)
mgr.http_listen("http://%s:%d" % (settings.HOST, settings.PORT), fn)
from mungo.http import files  # noqa: E402  (in a small heap what stays comes first)

if PACKED:
    root = __import__(PACKED)
gc.collect()
print("listening on port", settings.PORT)
while mgr.poll(1000):
    pass
