# A client for test_ws_clients.py: sends to ws://HOST:BACKEND/ what its list says, prints whether it came back, and closes.
# BACKEND is a URL; CA: the file with the authority that it trusts, for wss.

import os
import sys

import mungo
import mungo.ws as ws

SENT = ["", "caf\u00e9 \U0001f43e", "x" * 126, bytes(range(256)), bytes(65536), "\u20ac" * 20000, b"in pieces, the last"]


def fn(c, ev, data, left):
    if ev == mungo.EV_WS_OPEN:
        print("protocol", c.proto.protocol)
        ws.send(c, left[0])
    elif ev == mungo.EV_WS_MSG:
        want = left.pop(0)
        if type(data) is not type(want) or data != want:
            print("another message", data)
        elif not left:
            ws.close(c, 4002, "done")
        elif len(left) == 1:
            ws.send(c, b"in pieces, ", more=True)
            ws.ping(c, b"here?")
            ws.send(c, b"the last")
        else:
            ws.send(c, left[0])
    elif ev == mungo.EV_WS_CTL:
        print("control", data)
    elif ev == mungo.EV_ERROR:
        print("error", data)
    elif ev == mungo.EV_CLOSE:
        print("closed", c.proto.code)
        c.mgr.stop()


print("listening: not at all, this is a client")
mgr = mungo.Manager()
tls = mungo.Tls(ca=os.getenv("CA")) if os.getenv("CA") else None
ws.connect(mgr, os.getenv("BACKEND") or sys.argv[1], fn, list(SENT), protocols=("v1",), tls=tls)
while mgr.poll(1000):
    pass
mgr.close()
