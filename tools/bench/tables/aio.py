"""mungo and asyncio in one thread: the cost of each for the other.

Idle: processor time and wake-ups of `await app.serve()` without requests. Throughput: requests a second of `await app.serve()` and of
`app.run()`. Lateness: how late a task is that sleeps 10 ms again and again, with asyncio alone and beside an App with 10 busy clients.
"""

import json
import time
from pathlib import Path

from .. import cells, columns, markdown, stats
from ..process import Server, fail, progress
from . import at_least, at_most

NAME = "aio"
TITLE = "asyncio beside an App"
LATE = {"alone": "asyncio alone", "beside": "beside a busy App"}


def start(name, *args):
    return Server(name, args=args)


def percentile(ranked, n):
    return ranked[min(len(ranked) - 1, len(ranked) * n // 100)] / 1000


def measure_idle(seconds):
    """{"percent": of a processor, "wakes": a second} of an idle server; None if it did not start."""
    with start("app.serve", "serve") as server:
        if not server.wait():
            return None
        time.sleep(0.5)

        def look():
            proc = Path("/proc/%d" % server.process.pid)
            status = (proc / "status").read_text()
            busy_ns = int((proc / "schedstat").read_text().split()[0])
            return time.perf_counter(), busy_ns, int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

        before = look()
        time.sleep(seconds)
        took, busy, wakes = (b - a for a, b in zip(before, look()))
    return {"percent": busy / took / 1e7, "wakes": wakes / took}


def measure_throughput(rounds):
    with start("app.run", "run") as one, start("app.serve", "serve") as other:
        if not one.wait() or not other.wait():
            return {}
        found = cells.load([one, other], "keep", "--connections", "10", "--rounds", str(rounds), "--seconds", "0.4")
    return {name: [{**turn, "pass": 0} for turn in turns] for name, turns in found.items()}


def measure_lateness(seconds):
    """Lateness in ms (p50, p99, max), of asyncio alone and beside a busy App, and the result of the load; None if a server failed."""
    with start("ticks", "ticks", str(seconds)) as server:
        server.process.wait(seconds + 10)
        if server.process.returncode:
            return fail("asyncio alone: " + server.said())
        alone = sorted(json.loads(server.said()))
    with start("app.serve", "serve-ticks", str(seconds)) as server:
        if not server.wait():
            return None
        load = cells.load([server], "keep", "--connections", "10", "--seconds", str(seconds - 1))
        server.process.wait(seconds + 10)
        beside = sorted(json.loads(server.said()))
    found = {"load": load["app.serve"][0]}
    for name, ranked in (("alone", alone), ("beside", beside)):
        found[name] = [percentile(ranked, n) for n in (50, 99, 100)]
    return found


def measure(plan):
    progress("asyncio beside an App")
    idle = measure_idle(1 if plan.quick else 5)
    turns = measure_throughput(2 if plan.quick else 6)
    late = [measure_lateness(2 if plan.quick else 3) for _ in range(1 if plan.quick else 5)]
    if idle is None or not turns or None in late:
        fail("asyncio beside an App: not measured")
        return {"rows": []}
    late = [turn for turn in late if stats.quiet([turn["load"]])] or late
    lateness = {name: [stats.figure([turn[name][n] for turn in late]) for n in range(3)] for name in LATE}
    rows = cells.rows({cells.Cell(): turns}, "app.run")
    return {"idle": idle, "rows": rows, "late": lateness}


def report(found):
    if not found["rows"]:
        return
    yield from columns.table(found["rows"], ("title", *columns.RATES), "app.run")
    yield ""
    titles = ("a task that sleeps 10 ms is late by", "p50 ms>", "p99 ms>", "max ms>")
    rows = [(LATE[name], *(markdown.spread(figure, "%.2f") for figure in figures)) for name, figures in found["late"].items()]
    yield from markdown.table(titles, rows)


def targets(found):
    if not found["rows"]:
        return
    yield at_most("idle with asyncio: percent of a processor", found["idle"]["percent"], 3)
    yield at_most("idle with asyncio: wake-ups a second", found["idle"]["wakes"], 1000, "%.0f")
    for row in found["rows"]:
        if row["name"] == "app.serve":
            yield at_least("app.serve against app.run, req/s", row["times_rps"], 0.5)
    added = found["late"]["beside"][1]["median"] - found["late"]["alone"][1]["median"]
    yield at_most("lateness that a busy App adds to a task of asyncio, p99, ms", added, 5)
