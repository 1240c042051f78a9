# The same jobs in the board's own pool: JOBS of MS milliseconds, in WORKERS threads, as many at a time as WINDOW. It prints the
# milliseconds that they took, as JSON.

import json
import os
import time

import mungo

JOBS = int(os.getenv("JOBS"))
WINDOW = int(os.getenv("WINDOW"))
MS = int(os.getenv("MS"))
counts = {"submitted": 0, "over": 0}


def work():
    time.sleep_ms(MS)


def more():
    while counts["submitted"] < min(JOBS, counts["over"] + WINDOW):
        counts["submitted"] += 1
        pool.submit(work, on_done=done)


def done(result, error):
    counts["over"] += 1
    more()


mgr = mungo.Manager()
pool = mgr.workers(n=int(os.getenv("WORKERS")))
start = time.ticks_ms()
more()
while counts["over"] < JOBS:
    mgr.poll(1000)
print(json.dumps({"ms": time.ticks_diff(time.ticks_ms(), start)}))
mgr.close(1000)
