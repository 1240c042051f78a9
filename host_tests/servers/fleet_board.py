# A board of a fleet beside a server, for host_tests/test_fleet.py: it does what requests tell it. Of the environment: BROKER, a URL; NAME;
# JOBS, those that it does; FLEET and CLIENT, further options as JSON.
import gc
import json
import os
import sys
import time

import mungo
from mungo.fleet import Fleet
from mungo.mqtt import Client

if gc.mem_free() < 100000:
    gc.threshold(2048)  # as firmware/main.py
NAME = os.getenv("NAME")
mqtt = Client(os.getenv("BROKER"), id=NAME, version=5, **json.loads(os.getenv("CLIENT") or "{}"))
fleet = Fleet(mqtt, "site", **json.loads(os.getenv("FLEET") or "{}"))


def nap(ms):
    sys.stdout.write("began %d\n" % ms)  # in one piece, as other threads write, too
    time.sleep_ms(ms * int(os.getenv("SLOWNESS") or 1))
    return [NAME, ms]


def echo(data):
    return data


def bad(data):
    raise ValueError("no %s" % data)


OFFERS = {
    "nap": (nap, {"worker": True}),
    "two": (nap, {"worker": True, "at_once": 2}),
    "once": (nap, {"worker": True, "idempotent": False}),
    "echo": (echo, {}),
    "bad": (bad, {}),
}
for name in os.getenv("JOBS").split():
    fn, options = OFFERS[name]
    fleet.job(name, **options)(fn)
submissions = {}


def say(*what):
    sys.stdout.write("done %s\n" % json.dumps(what))


def submit(tag, name, data, size=0, **options):
    def done(result, error):
        if isinstance(result, bytes):
            result = [len(result), sum(result)]
        say(tag, result, repr(error) if error else None)

    if size:
        data = bytes([n % 251 for n in range(size)])
    try:
        submissions[tag] = fleet.submit(name, data, on_done=done, **options)
    except OSError as error:
        say(tag, None, "at once: %r" % error)


def serve(c, ev, hm, fn_data):
    """POST /submit with JSON, /cancel with a tag, /stop; GET /state."""
    if ev == mungo.EV_HTTP_MSG:
        if hm.uri == "/submit":
            options = json.loads(bytes(hm.body))
            for n in range(options.pop("times", 1)):
                submit(options.pop("tag", n) if "tag" in options else n, **options)
        elif hm.uri == "/cancel":
            fleet.cancel(submissions[json.loads(bytes(hm.body))])
        elif hm.uri == "/stop":
            fleet.stop()
        holders = [job.board for job in fleet.submitter.jobs.values()] if fleet.submitter else []
        about = {"stats": fleet.stats, "boards": fleet.boards, "ready": fleet.is_ready, "boot": fleet.boot, "holders": holders}
        c.http_reply(200, {}, json.dumps(about))


with mungo.Manager() as mgr:
    mgr.http_listen("http://%s:%s" % (os.getenv("HOST"), os.getenv("PORT")), serve)
    fleet.attach(mgr)
    fleet.watch()
    print("listening")
    while mgr.poll(1000):
        pass
