# The server of test_slow_peers.py: /fast over HTTP at PORT and over TLS at PORT + 1; /dial connects to each URL of PEERS (JSON), names are
# asked for at DNS, and /state tells what has happened to these connections.

import json
import os

import mungo

NAMES = {getattr(mungo, name): name[3:] for name in dir(mungo) if name[:3] == "EV_"}
FOLDER = "build/certificates/"
peers = []  # of each: [its URL, the name of its last event]
answered = []


def on_peer(c, ev, data, row):
    row[1] = NAMES[ev]


def fn(c, ev, hm, _):
    if ev != mungo.EV_HTTP_MSG:
        return
    if hm.match("/fast"):
        c.http_reply(200, {}, "hi\n")
    elif hm.match("/dial"):
        for url in json.loads(os.getenv("PEERS")):
            peers.append([url, ""])
            mgr.connect(url, on_peer, peers[-1], tls=trusted if url[:3] == "tls" else None)
        c.http_reply(200, {}, "")
    elif hm.match("/state"):
        c.http_reply(200, {}, json.dumps({"peers": peers, "stats": mgr.stats, "open": mgr.tls_open, "conns": len(mgr.conns)}))


port = int(os.getenv("PORT"))
shown = mungo.Tls(cert=FOLDER + "server.pem", key=FOLDER + "server.key")
trusted = mungo.Tls(ca=FOLDER + "ca.pem")
with mungo.Manager(dns=os.getenv("DNS"), connect_ms=120000, handshake_ms=120000) as mgr:
    mgr.http_listen("http://127.0.0.1:%d" % port, fn)
    mgr.http_listen("https://127.0.0.1:%d" % (port + 1), fn, tls=shown)
    print("listening")
    while mgr.poll(1000):
        pass
