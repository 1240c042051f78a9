# Echoes WebSocket messages. PLAIN=1: without machine code for masks and UTF-8.

import os
import sys

import mungo
import mungo.ws as ws
import mungo.ws.frames as frames

if os.getenv("PLAIN"):
    from mungo.core.utf8 import text
    from mungo.ws.mask import mask

    frames.mask = mask
    frames.text = text


def fn(c, ev, data, fn_data):
    if ev == mungo.EV_WS_MSG:
        ws.send(c, data)
    elif ev == mungo.EV_HTTP_MSG:
        ws.upgrade(c, data)


mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:" + sys.argv[1], fn)
print("listening")
while mgr.poll(1000):
    pass
