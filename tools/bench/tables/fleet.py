"""Fleets: jobs that sleep, in the board's own pool and on fleets of 1, 10, 50 and 100 boards.

Each board is a process of MicroPython with a heap of 512 KB, and does one job at a time. All share this machine's processors with mosquitto
and the submitters, so large fleets with short jobs show what the machine can do, not what boards could.
"""

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path

from ... import mpy
from ...fleet.broker import Broker
from .. import host, markdown, stats
from ..process import fail, progress
from . import at_least

NAME = "fleet"
TITLE = "Fleets"
PROGRAMS = host.ROOT / "tools" / "fleet"
HEAP = "512k"
WORKERS = 2  # of the local pool
BOARDS = (1, 10, 50, 100)
DURATIONS = (0, 10, 100)  # ms
SUBMITTERS = 4  # for more than a few boards
FEW = 10
SPARE = 1.3  # as many jobs are under way as boards, times this: one on the way for each that works
READY_S = 120


def start(program, **settings):
    path = f"{mpy.OUT}/programs:{mpy.OUT}/lib:.frozen"
    environment = dict(os.environ, MICROPYPATH=path, **{key: str(value) for key, value in settings.items()})
    command = [host.MICROPYTHON, "-X", f"heapsize={HEAP}", "-m", program]
    return subprocess.Popen(command, cwd=host.ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def local(ms, jobs):
    """Seconds of the jobs in the pool of one board."""
    with start("local", MS=ms, JOBS=jobs, WORKERS=WORKERS, WINDOW=2 * WORKERS) as proc:
        return json.loads(proc.communicate(timeout=READY_S)[0])["ms"] / 1000


@contextlib.contextmanager
def fleet(n):
    """(broker, settings) of n boards that are there."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        os.chmod(folder, 0o755)
        broker = running.enter_context(Broker(Path(folder)))
        common = {"URL": f"mqtt://{broker.host}:{broker.port}", "LEASE_MS": 5000, "KEEP_ALIVE_S": 30}
        boards = []
        for i in range(n):
            boards.append(running.enter_context(start("board", NAME=f"board-{i}", AT_ONCE=1, SILENT=1, **common)))
            running.callback(boards[-1].kill)
        for board in boards:
            for line in board.stdout:
                if line.startswith("ready"):
                    break
        yield broker, common


def submitted(broker, common, n, ms, jobs):
    """(seconds, the broker's seconds of a processor) of the jobs on a fleet of n boards that is there."""
    parts = 1 if n <= FEW else SUBMITTERS
    window = max(2, round(n * SPARE / parts))
    settings = {"JOBS": jobs // parts, "WINDOW": window, "SHORT_MS": ms, "LONG_MS": ms, "TIMEOUT_MS": 120000, "SEED": 1}
    settings.update(BEGIN_MS=1500, ONCE=10**9)  # none may run only once: those have room of their own
    before = broker.cpu_s()
    procs = [start("submitter", NAME=f"submitter-{n}-{ms}-{i}", **settings, **common) for i in range(parts)]
    counts = []
    for proc in procs:
        said = proc.communicate(timeout=READY_S)[0]
        last = said.splitlines()[-1] if said else ""
        if not last.startswith("end ") or json.loads(last[4:])["results"] != settings["JOBS"]:
            return fail("fleet of %d, %d ms: %s" % (n, ms, said[-500:]))
        counts.append(json.loads(last[4:]))
    return max(one["ms"] for one in counts) / 1000, broker.cpu_s() - before


def row(name, boards, ms, jobs, seconds, cpu_s):
    return {
        "name": name,
        "boards": boards,
        "duration_ms": ms,
        "jobs": jobs,
        "rate": stats.figure([jobs / one for one in seconds]),
        "efficiency": stats.figure([jobs * ms / 1000 / (one * boards) for one in seconds]) if ms else None,
        "overhead_ms": stats.figure([one * 1000 * boards / jobs - ms for one in seconds]),
        "broker_us": stats.figure([one * 1e6 / jobs for one in cpu_s]) if cpu_s else None,
    }


def measure(plan):
    mpy.build("lib")
    mpy.build("programs", root=PROGRAMS)
    passes, seconds = (1, 0.5) if plan.quick else (3, 6)
    rows = []
    for ms in DURATIONS:
        progress("the local pool, %d ms" % ms)
        jobs = round(seconds * (WORKERS * 1000 / ms if ms else 2000))
        rows.append(row("local pool, %d threads" % WORKERS, WORKERS, ms, jobs, [local(ms, jobs) for _ in range(passes)], ()))
    for n in BOARDS[:2] if plan.quick else BOARDS:
        progress("a fleet of %d" % n)
        with fleet(n) as (broker, common):
            for ms in DURATIONS:
                most = 200 if n <= FEW else 300  # jobs a second that this machine can do, about
                jobs = max(SUBMITTERS, round(seconds * min(most, n * 1000 / ms if ms else most)) // SUBMITTERS * SUBMITTERS)
                found = [one for one in (submitted(broker, common, n, ms, jobs) for _ in range(passes)) if one]
                if found:
                    rows.append(row("fleet of %d" % n, n, ms, jobs, *zip(*found, strict=True)))
    return {"rows": rows}


def report(found):
    yield "Jobs that sleep. Efficiency: jobs x duration / (time x boards). Overhead: what a board needs beyond the duration for each job.\n"
    columns = ("where", "job, ms>", "jobs each>", "jobs/s>", "efficiency>", "overhead, ms>", "mosquitto, us of a core>")
    rows = [
        (
            one["name"],
            one["duration_ms"],
            one["jobs"],
            markdown.spread(one["rate"]),
            markdown.number(one["efficiency"], "%.2f"),
            markdown.number(one["overhead_ms"], "%.1f"),
            markdown.number(one["broker_us"]),
        )
        for one in found["rows"]
    ]
    yield from markdown.table(columns, rows)


def targets(found):
    for one in found["rows"]:
        if one["boards"] == 10 and one["duration_ms"] == 100:
            yield at_least("efficiency of 10 boards with jobs of 100 ms", one["efficiency"], 0.9)
