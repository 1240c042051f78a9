# The server of test_ws_clients.py: what each path does with messages; /state tells what was counted. CERT: it is served over TLS, with the
# certificate of this name in build/certificates.

import os

import mungo
import mungo.ws as ws

app = mungo.App()
codes = []  # of the WebSockets that have ended


def echo(c, ev, data, fn_data):
    if ev == mungo.EV_WS_MSG:
        c.is_full = not ws.send(c, data)  # (one message may be over the limit: it is taken when nothing else waits)
        if c.is_full:
            waiting[c.id] = data
    elif ev == mungo.EV_WRITE and c.id in waiting:
        ws.send(c, waiting.pop(c.id))
        c.is_full = False
    elif ev == mungo.EV_CLOSE:
        codes.append(c.proto.code)


def pieces(c, ev, data, fn_data):
    if ev == mungo.EV_WS_MSG:
        for i in range(len(data)):
            ws.send(c, data[i : i + 1], more=True)
            ws.ping(c, b"%d" % i)
        ws.send(c, data[:0])
    elif ev == mungo.EV_CLOSE:
        codes.append(c.proto.code)


def ends(c, ev, data, fn_data):
    if ev == mungo.EV_WS_MSG:
        ws.close(c, 4001, data)
    elif ev == mungo.EV_CLOSE:
        codes.append(c.proto.code)


waiting = {}


@app.get("/<name>")
def open_it(req, name):
    fn = {"echo": echo, "pieces": pieces, "ends": ends}[name]
    return lambda c, hm: ws.upgrade(c, hm, fn, protocols=("v2", "v1"), ping_ms=int(req.args.get("ping_ms", "30000")))


@app.get("/state")
def state(req):
    return {"codes": codes, "stats": req.c.mgr.stats}


cert = os.getenv("CERT")
if cert:
    cert = "build/certificates/" + cert
    cert = mungo.Tls(cert=cert + ".pem", key=cert + ".key")
app.run(os.getenv("HOST"), int(os.getenv("PORT")), tls=cert)
