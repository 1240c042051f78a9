# mungo serves the folder ROOT.

import os

import mungo
from mungo.http import files

root = os.getenv("ROOT")


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        files.serve(c, hm, root)


mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:%d" % int(os.getenv("PORT")), fn)
while True:
    mgr.poll(1000)
