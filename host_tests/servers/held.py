# When HELD requests wait, each with a pipe of its own, the loop stops for HOLD_MS, and meanwhile six threads answer them all.

import _thread
import os
import time

import mungo
import settings

HELD = int(os.getenv("HELD") or 600)
HOLD_MS = 600

ends = []


def thread_function(first):
    for end, data in ends[first::6]:
        end.send(data)
        end.close()


def hold(mgr):
    time.sleep_ms(20)
    for first in range(6):
        _thread.start_new_thread(thread_function, (first,))
    time.sleep_ms(HOLD_MS)  # nothing may wait in a handler: this is what happens if one does
    print("pipes that are still open:", mgr.pipe_ends)


def pcb(c, ev, ev_data, c1):
    if ev == mungo.EV_READ:
        c1.http_reply(200, {}, ev_data)


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        ends.append((c.mgr.mkpipe(pcb, c), b"answer to " + hm.body))
        if len(ends) == HELD:
            c.mgr.timer(0, hold, c.mgr)


mgr = mungo.Manager(settings.BELL, max_conns=HELD + 1, backlog=1000)
mgr.http_listen("http://%s:%d" % (settings.HOST, settings.PORT), fn)
print("listening on port", settings.PORT)
while mgr.poll(1000):
    pass
