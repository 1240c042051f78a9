# A submitter of the trial: JOBS jobs, WINDOW at a time, of which each tenth may run only once. It says "done N" after each tenth job that
# is over, and at its end "end" and its counts as JSON. It begins BEGIN_MS after it is connected, or at once without that.
# NAME, URL, LEASE_MS, KEEP_ALIVE_S, TIMEOUT_MS, SEED; a job lasts from SHORT_MS to LONG_MS.

import json
import os
import random
import sys
import time

import mungo
from mungo.fleet import Fleet
from mungo.mqtt import Client

NAME = os.getenv("NAME")
JOBS = int(os.getenv("JOBS"))
WINDOW = int(os.getenv("WINDOW"))
TIMEOUT_MS = int(os.getenv("TIMEOUT_MS"))
SHORT_MS, LONG_MS = int(os.getenv("SHORT_MS")), int(os.getenv("LONG_MS"))
ONCE = int(os.getenv("ONCE") or 10)  # each such job may run only once

calls = bytearray(JOBS)  # of each job's on_done
counts = {"submitted": 0, "results": 0, "wrong": 0, "errors": {}, "errors of once": {}}


class Job:
    def __init__(self, n):
        self.n = n
        self.is_once = n % ONCE == ONCE - 1

    def submit(self):
        data = [NAME, self.n, random.randrange(SHORT_MS, LONG_MS + 1)]
        fleet.submit("once" if self.is_once else "work", data, on_done=self.done, timeout_ms=TIMEOUT_MS)

    def done(self, result, error):
        n = self.n
        calls[n] += 1
        if error is not None:
            errors = counts["errors of once" if self.is_once else "errors"]
            kind = repr(error)
            errors[kind] = errors.get(kind, 0) + 1
        elif result[:3] == [NAME, n, n * n]:
            counts["results"] += 1
        else:
            counts["wrong"] += 1
        over = JOBS - calls.count(b"\0")
        if over % 10 == 0:
            say("done", over)
        more(over)


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def ready():
    say("ready")
    if os.getenv("BEGIN_MS") and not start:
        mgr.timer(int(os.getenv("BEGIN_MS")), begin)


def begin(timer=None):
    global start
    start = time.ticks_ms()
    more(0)


def more(over):
    global end
    while counts["submitted"] < min(JOBS, over + WINDOW):
        job = Job(counts["submitted"])
        counts["submitted"] += 1
        job.submit()
    if over == JOBS:
        end = time.ticks_ms()
        mgr.timer(1000, finish)  # late results have time to be called too


def finish(timer):
    counts["ms"] = time.ticks_diff(end, start)
    counts["more than once"] = sum(1 for n in calls if n > 1)
    counts["stats"] = fleet.stats
    say("end", json.dumps(counts))
    fleet.stop()
    mgr.stop()


random.seed(int(os.getenv("SEED")))
mqtt = Client(os.getenv("URL"), id=NAME, version=5, keep_alive_s=int(os.getenv("KEEP_ALIVE_S")), log=None)
fleet = Fleet(mqtt, site="trial", lease_ms=int(os.getenv("LEASE_MS")), queue=WINDOW + 1)
start = end = 0
mgr = mungo.Manager(rx_bytes=1024)  # as on RP2
mqtt.connected(ready)
fleet.attach(mgr)
if not os.getenv("BEGIN_MS"):
    begin()
while mgr.poll(1000):
    pass
mgr.close(1000)
