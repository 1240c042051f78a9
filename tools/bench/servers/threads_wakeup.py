# mungo with a thread for each request, which answers by wakeup: all results go through one queue of the manager.

import _thread
import os

from control import report

import mungo


def worker(mgr, id, data):
    if not mgr.wakeup(id, data or b"hi\n"):
        raise OSError("a result was refused")


def fn(c, ev, data, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        if data.match("/work"):
            _thread.start_new_thread(worker, (c.mgr, c.id, data.body))
        else:
            c.http_reply(200, {}, report(data.uri))
    elif ev == mungo.EV_WAKEUP:
        c.http_reply(200, {}, data)


mgr = mungo.Manager(wakeups=64)
mgr.http_listen("http://127.0.0.1:%d" % int(os.getenv("PORT")), fn)
while True:
    mgr.poll(1000)
