"""Growth: the cost of a turn of the loop and of a request beside 1 to 1,000 idle connections, timers, pipes or routes.

The cost is the least of many times, with the kernel's part; and if there is valgrind, the median of instructions in user space. mungo is
compared with a bare poll loop with as many sockets, because the system call itself takes longer with each of them.
"""

import html
import json
import os
import statistics
import subprocess
import tempfile

from .. import callgrind, host, markdown, plots
from ..process import SERVERS, fail, free_port, progress
from . import at_most

NAME = "growth"
TITLE = "Growth"
COUNTS = (1, 10, 100, 1000)
KINDS = {
    "poll": "a bare poll loop with N connections",
    "connections": "idle connections",
    "timers": "timers",
    "pipes": "pipes",
    "routes": "different routes of an App",
    "patterns": "different routes with `<int:id>`",
}
STEPS = {
    "turn": "a turn with nothing to do",
    "request": "a request",
    "accept": "one more connection",
    "close": "a connection in the middle ends",
    "timer": "a timer starts and is due",
    "message": "a message through a pipe",
    "first": "a request for the first route",
    "last": "a request for the last route",
    "none": "a request without a route",
}
OPTIONS = ("-X", "heapsize=64m")
SLACK = 1.25  # allowed growth of a step, as a multiple of the bare loop's


def by_time(kind, count, times):
    """{step: microseconds}; None if it failed."""
    command = [host.MICROPYTHON, *OPTIONS, str(SERVERS / "growth.py"), str(free_port()), kind, str(count), str(times)]
    env = dict(os.environ, MICROPYPATH="lib:.frozen")
    done = subprocess.run(command, cwd=host.ROOT, env=env, capture_output=True, text=True, timeout=60)
    if done.returncode:
        return fail("growth.py %s %d: %s" % (kind, count, (done.stdout + done.stderr).strip()[-200:]))
    return json.loads(done.stdout.splitlines()[-1])[1]  # (an App prints its address first)


def by_instructions(kind, count, times):
    """{step: instructions}"""
    with tempfile.TemporaryDirectory() as folder:
        script = [*OPTIONS, str(SERVERS / "growth.py"), str(free_port()), kind, str(count), str(times)]
        steps, _ = json.loads(callgrind.run(folder, [callgrind.TICKS], script).splitlines()[-1])
        counts = [callgrind.total(path) for path in callgrind.dumps(folder)][1::2]  # the other counts are between the steps
    found = {}
    for step, n in zip(steps, counts, strict=True):
        found.setdefault(step, []).append(n)
    return {step: statistics.median(numbers) for step, numbers in found.items()}


def measure(plan):
    counts = COUNTS[:2] if plan.quick else COUNTS
    passes, times = (1, 5) if plan.quick else (3, 40)
    rows = []
    for kind in KINDS:
        for count in counts:
            progress("growth: %s, %d" % (KINDS[kind], count))
            runs = [by_time(kind, count, times) for _ in range(passes)]
            if None in runs:
                continue
            counted = by_instructions(kind, count, 5) if callgrind.is_there() else {}
            for step in runs[0]:
                us = min(run[step] for run in runs)
                rows.append({"kind": kind, "n": count, "step": step, "us": us, "instructions": counted.get(step)})
    return {"rows": rows}


def lines_of(rows):
    """{(kind, step): {n: row}}, in the order of the rows."""
    found = {}
    for row in rows:
        found.setdefault((row["kind"], row["step"]), {})[row["n"]] = row
    return found


def report(found):
    counts = sorted({row["n"] for row in found["rows"]})
    yield "Microseconds with the kernel's part, and in parentheses instructions of user space. N is the number of idle objects.\n"
    rows = []
    for (kind, step), line in lines_of(found["rows"]).items():
        cells = []
        for n in counts:
            row = line.get(n)
            counted = " ({:,.0f})".format(row["instructions"]) if row and row["instructions"] else ""
            cells.append("%d%s" % (row["us"], counted) if row else "-")
        rows.append((KINDS[kind], STEPS[step], *cells))
    yield from markdown.table(("beside N", "cost of", *("N = %d>" % n for n in counts)), rows)


def more(line, key="us"):
    """The difference between the step's cost at the highest N and at the lowest."""
    low, high = min(line), max(line)
    return line[high][key] - line[low][key]


def targets(found):
    lines = lines_of(found["rows"])
    for step in ("turn", "request", "accept", "close"):
        own, bare = (lines.get((kind, step)) for kind in ("connections", "poll"))
        if own and bare and more(bare) > 0:
            yield at_most("%s beside idle connections: growth against the bare loop's" % STEPS[step], more(own) / more(bare), SLACK)
    for kind, step in lines:
        line = lines[kind, step]
        if kind not in ("poll", "connections") and len(line) > 1:
            low, high = min(line), max(line)
            key = "instructions" if line[low]["instructions"] and line[high]["instructions"] else "us"
            ratio = line[high][key] / max(line[low][key], 1)
            yield at_most("%s beside %s: %d against %d of them, by %s" % (STEPS[step], KINDS[kind], high, low, key), ratio, SLACK)


def draw(found):
    charts = []
    for title, steps in (
        ("A turn with nothing to do", ("turn",)),
        ("A request", ("request", "first")),
        ("A timer starts and is due; a message through a pipe", ("timer", "message")),
        ("A request for the last route", ("last",)),
    ):
        series = {}
        for (kind, step), line in lines_of(found["rows"]).items():
            if step in steps:
                name = html.escape(KINDS[kind].replace("`", ""))
                series[name] = [(n, max(row["us"], 1)) for n, row in line.items()]
        if series:
            charts.append((title, "us", series))
    yield "growth.svg", plots.lines("Cost beside 1 to 1,000 idle objects, in microseconds", charts)
