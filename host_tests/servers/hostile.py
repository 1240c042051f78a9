# The server of test_hostile.py: small limits, and it tells what it has been asked.

import os

import mungo

asked = []


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        if hm.uri == "/asked":
            c.http_reply(200, {}, "%d %s" % (c.mgr.stats["bugs"], " ".join(asked)))
            del asked[:]
        else:
            asked.append(hm.uri)
            c.http_reply(200, {}, "ok\n")


mgr = mungo.Manager(head_limit=int(os.getenv("HEAD_LIMIT")), body_limit=int(os.getenv("BODY_LIMIT")), linger_ms=300)
mgr.http_listen("http://%s:%s" % (os.getenv("HOST"), os.getenv("PORT")), fn)
print("listening on port", os.getenv("PORT"))
while mgr.poll(1000):
    pass
