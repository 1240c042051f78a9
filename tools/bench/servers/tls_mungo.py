# mungo over TLS, or without it if there is no CERT: / is 3 bytes, all else comes from the folder ROOT.

import os

import mungo
from mungo.http import files

root = os.getenv("ROOT")
cert = os.getenv("CERT")


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        if hm.match("/"):
            c.http_reply(200, {}, "hi\n")
        else:
            files.serve(c, hm, root)


mgr = mungo.Manager()
url = "%s://127.0.0.1:%d" % ("https" if cert else "http", int(os.getenv("PORT")))
mgr.http_listen(url, fn, tls=mungo.Tls(cert=cert, key=os.getenv("KEY")) if cert else None)
while True:
    mgr.poll(1000)
