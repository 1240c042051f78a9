# The server of test_tls.py: https at PORT, bare TLS that sends back what comes at PORT + 1, plain HTTP at PORT + 2. CERT and CA are names
# of certificates in build/certificates. /files/.. is the folder ROOT, /state tells what has happened here. SNDBUF: the size of the buffers
# of accepted sockets.

import gc
import hashlib
import json
import os

import mungo
from mungo.http import files

NAMES = {getattr(mungo, name): name[3:] for name in dir(mungo) if name[:3] == "EV_"}
FOLDER = "build/certificates/"
SNDBUF = int(os.getenv("SNDBUF") or 0)
events = []  # of connections that are over: names of what their handler got, in one str each
under_way = {}


def name_of(cert):
    return {"cert": FOLDER + cert + ".pem", "key": FOLDER + cert + ".key"}


def open_files():
    if hasattr(os, "listdir"):
        return len(os.listdir("/proc/self/fd"))
    return len(list(os.ilistdir("/proc/self/fd")))


def note(c, ev, data):
    if ev == mungo.EV_ACCEPT and SNDBUF:
        c.sock.setsockopt(1, 7, SNDBUF)  # SOL_SOCKET, SO_SNDBUF
    if ev == mungo.EV_OPEN:
        under_way[c.id] = []
    if c.id in under_way:
        under_way[c.id].append(NAMES[ev] + (" " + data if ev == mungo.EV_ERROR else ""))
        if ev == mungo.EV_CLOSE:
            events.append(" ".join(under_way.pop(c.id)))
            if len(events) > 40:
                events.pop(0)


def on_http(c, ev, hm, tls):
    if c.is_listening:
        return
    note(c, ev, hm)
    if ev == mungo.EV_HTTP_HDRS and hm.match("/sum"):
        digest = hashlib.sha256()
        hm.on_body(digest.update)
        c.digest = digest
    elif ev == mungo.EV_HTTP_MSG:
        if hm.match("/sum"):
            c.http_reply(200, {}, "".join(["%02x" % byte for byte in c.digest.digest()]))
        elif hm.match("/state"):
            gc.collect()
            gc.collect()
            row = {"heap": gc.mem_alloc(), "files": open_files(), "conns": len(c.mgr.conns), "stats": c.mgr.stats, "events": events}
            row["open"] = c.mgr.tls_open
            c.http_reply(200, {}, json.dumps(row))
        elif hm.match("/cipher"):
            c.http_reply(200, {}, "%s %s" % c.cipher)
        elif hm.match("/replace/*"):
            tls.replace(**name_of(hm.uri[9:]))
            c.http_reply(200, {}, "ok")
        elif hm.match("/files/*"):
            files.serve(c, hm, os.getenv("ROOT"), hm.uri[6:])
        elif hm.match("/data/*"):
            n = int(hm.uri[6:])
            c.http_reply(200, {}, (pattern(at) for at in range(0, n, 1000)))
        else:
            c.http_reply(200, {}, hm.body or "hi\n")


def pattern(at):
    return bytes([at // 1000 & 255]) * 1000


def on_bytes(c, ev, data, greeting):
    if c.is_listening:
        return
    note(c, ev, data)
    if ev == mungo.EV_ACCEPT and greeting:
        c.send(greeting)
    elif ev == mungo.EV_READ and not c.is_full:
        if not c.send(c.recv.read()):
            c.is_closing = True
        if c.out is not None:
            c.is_full = True
    elif ev == mungo.EV_WRITE:
        c.is_full = False


port = int(os.getenv("PORT"))
ca = os.getenv("CA")
tls = mungo.Tls(ca=ca and FOLDER + ca + ".pem", **name_of(os.getenv("CERT") or "server"))
limits = {name.lower(): int(os.getenv(name)) for name in ("HANDSHAKE_MS", "TLS_CONNS", "BUSY_MS") if os.getenv(name)}
with mungo.Manager(**limits) as mgr:
    mgr.http_listen("https://127.0.0.1:%d" % port, on_http, tls, tls=tls)
    mgr.listen("tls://127.0.0.1:%d" % (port + 1), on_bytes, (os.getenv("GREETING") or "").encode(), tls=tls)
    mgr.http_listen("http://127.0.0.1:%d" % (port + 2), on_http, tls)
    print("listening")
    while mgr.poll(1000):
        pass
