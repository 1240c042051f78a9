# mungo with a thread for each request, as in firmware/apps/multi_threaded: each thread sends its result through its own pipe.

import _thread
import os

from control import report
from piped import pcb, worker

import mungo


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        if hm.match("/work"):
            _thread.start_new_thread(worker, (c.mgr.mkpipe(pcb, c), hm.body))
        else:
            c.http_reply(200, {}, report(hm.uri))
    elif ev == mungo.EV_CLOSE:
        c.fn_data = None


mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:%d" % int(os.getenv("PORT")), fn)
while True:
    mgr.poll(1000)
