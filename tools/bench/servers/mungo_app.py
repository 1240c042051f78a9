# mungo as its documentation starts: one listener, one handler, limits and deadlines at their defaults.

import os

from control import report

import mungo


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        if hm.match("/"):
            c.http_reply(200, {}, "hi\n")
        else:
            c.http_reply(200, {}, report("/collect" if hm.match("/collect") else "/mem"))


mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:%d" % int(os.getenv("PORT")), fn, None)
while True:
    mgr.poll(1000)
