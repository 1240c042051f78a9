"""Wake-ups: the time from a worker's send to the loop's handler, while the loop sleeps in poll."""

import json
import os
import subprocess

from .. import host, markdown, stats
from ..process import SERVERS, fail, progress
from . import at_most

NAME = "wake"
TITLE = "Wake-ups"
KINDS = {"bare": "by hand: UDP and ipoll", "udp": "mungo, bell udp", "ring": "mungo, bell ring"}
KEYS = ("p50_us", "p90_us", "p99_us", "max_us")


def one(kind, count):
    """The result of servers/wake.py; None if it failed."""
    command = [host.MICROPYTHON, str(SERVERS / "wake.py"), kind, str(count)]
    env = dict(os.environ, MICROPYPATH="lib:.frozen")
    try:
        done = subprocess.run(command, cwd=host.ROOT, env=env, timeout=60, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return fail("wake.py %s: not done after 60 s" % kind)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        return fail("wake.py %s: %s" % (kind, said[-1] if said else "it printed nothing"))
    return json.loads(done.stdout)


def measure(plan):
    passes, count = (1, 500) if plan.quick else (3, 2000)
    runs = {kind: [] for kind in KINDS}
    for n in range(passes):
        for kind, found in runs.items():
            progress("wake-ups, pass %d of %d: %s" % (n + 1, passes, kind))
            found.append(one(kind, count))
    rows = []
    for kind, found in runs.items():
        found = [result for result in found if result]
        rows.append({"name": kind, "messages": count, **{key: stats.figure([result[key] for result in found]) for key in KEYS}})
    return {"rows": rows}


def report(found):
    yield "Medians of the passes, with the quartiles in parentheses.\n"
    columns = ("pipe", "p50 us>", "p90 us>", "p99 us>", "max us>", "messages each>")
    rows = [(KINDS[row["name"]], *(markdown.spread(row[key]) for key in KEYS), row["messages"]) for row in found["rows"]]
    yield from markdown.table(columns, rows)


def targets(found):
    for row in found["rows"]:
        if row["name"] == "udp":
            yield at_most("wake-up by mungo's default bell, udp, p50, us", row["p50_us"], 60, "%.0f")
            yield at_most("the same, p99, us", row["p99_us"], 300, "%.0f")
