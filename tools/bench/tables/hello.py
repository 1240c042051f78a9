"""Hello: a browser's GET, answered with three bytes, by all contenders on MicroPython."""

from .. import cells, columns, plots
from ..cells import Cell
from ..contenders import CONTENDERS, ON_MICROPYTHON
from . import at_least, at_most

NAME = "hello"
TITLE = "Hello"
SECONDS = 0.4  # of a turn
THRESHOLD = "65536"  # the collector's, as the second setting; the first is MicroPython's own, none

EXPLAINED = """\
GET with 11 headers, about 520 bytes; the answer is 200 with 3 bytes. keep: kept alive; close: a connection for each request.
varying: 2048 heads, each connection sends another one each time; repeated: always the same. CPU is the server's, user and system.
Garbage is what a request leaves to the collector, with varying headers on one connection. Medians of turns of %.1f s, quartiles
in parentheses. x bare: to the bare loop in the same mode; for CPU its inverse, so that more is better. Turns: how many of all had
the server busy for 90 %% of the time, as it is with 10 clients unless other programs take its processor; the others count only if
there is none. Noise: by how much the CPU time differs between starts of the servers, in percent.
"""

COLUMNS = ("name", "mode", "connections", "headers", *columns.RATES, "garbage", "turns", "noise")


def skip(name, cell):
    return name == "bare-loose" and cell.connections != 10


def measure(plan):
    names = plan.of(ON_MICROPYTHON)
    passes, rounds = (1, 2) if plan.quick else (3, 3)
    loads = {Cell(): passes, Cell(mode="close"): passes}
    if not plan.quick:
        loads[Cell(headers="repeated")] = passes
        loads |= {Cell(mode=mode, connections=n): 1 for mode in ("keep", "close") for n in (1, 50)}
    garbage = cells.measure_garbage(names, ["hello"], ["keep", "close"])
    found = {"rows": cells.rows(cells.measure(names, loads, passes, rounds, SECONDS, skip=skip), "bare", garbage)}
    if not plan.quick:
        env = {"GC_THRESHOLD": THRESHOLD}
        loads = {Cell(): 2}
        found["threshold"] = cells.rows(cells.measure(names, loads, 2, rounds, SECONDS, env), "bare")
    return found


def report(found):
    yield EXPLAINED % SECONDS
    yield from columns.table(found["rows"], COLUMNS)
    if found.get("threshold"):
        yield "\nThe same with gc.threshold(%s):\n" % THRESHOLD
        yield from columns.table(found["threshold"], COLUMNS)
    yield ""
    yield from ("- " + note for note in cells.notes(found["rows"]))


def pick(found, name, mode="keep", connections=10, headers="varying"):
    """The row of a contender, or None."""
    for row in found["rows"]:
        if (row["name"], row["mode"], row["connections"], row["headers"]) == (name, mode, connections, headers):
            return row
    return None


def ratio(found, one, other, key):
    """Of two medians, or None. (To the bare loop there is a better one, of neighbouring turns.)"""
    pair = [pick(found, name) for name in (one, other)]
    if not all(row and row[key] for row in pair):
        return None
    a, b = (row[key]["median"] for row in pair)
    return b / a if key == "cpu_us" else a / b


def targets(found):
    row = pick(found, "mungo")
    if row:
        yield at_least("mungo by events to the bare loop, req/s", row["times_rps"], 1.5)
        yield at_least("the same by CPU time", row["times_cpu_us"], 1.5)
        for key, text in (("rps", "req/s"), ("cpu_us", "by CPU time")):
            text = "mungo by events to microdot, which closes each time, %s" % text
            yield at_least(text, ratio(found, "mungo", "microdot", key), 30, "%.1f")
        yield at_most("garbage of a kept-alive request by events, bytes", row["garbage"], 400, "%.0f")


def draw(found):
    bars = []
    for name in ON_MICROPYTHON:
        row = pick(found, name)
        if row and row["rps"] and name != "bare-loose":
            bars.append((CONTENDERS[name].title.replace("*", "").partition(",")[0], row["rps"]))
    yield "bench-hello.svg", plots.bars("Requests a second: hello, a browser's headers, 10 connections, MicroPython", bars)
