# mungo as at the start of its documentation: one listener, one handler, default limits and deadlines. (CONNS: another limit of
# connections than the default, for a thousand idle ones.)

import json
import os

from control import FACTS, TEXT10K, TEXT100K, report

import mungo


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        if hm.match("/"):
            c.http_reply(200, {}, "hi\n")
        elif hm.match("/json"):
            c.http_reply(200, {"Content-Type": "application/json"}, json.dumps(FACTS))
        elif hm.match("/10k"):
            c.http_reply(200, {}, TEXT10K)
        elif hm.match("/100k"):
            c.http_reply(200, {}, TEXT100K)
        elif hm.match("/upload"):
            c.http_reply(200, {}, "%d\n" % hm.size)
        else:
            c.http_reply(200, {}, report(hm.uri))
    elif ev == mungo.EV_HTTP_HDRS and hm.left:
        upload(hm)


def upload(hm):
    """Count the bytes of an upload. (Not in fn: a closure variable costs an allocation in each call.)"""

    def take(piece):
        hm.size += len(piece)

    hm.size = 0
    hm.on_body(take)


limits = {"max_conns": int(os.getenv("CONNS"))} if os.getenv("CONNS") else {}
mgr = mungo.Manager(**limits)
mgr.http_listen("http://127.0.0.1:%d" % int(os.getenv("PORT")), fn, None)
while True:
    mgr.poll(1000)
