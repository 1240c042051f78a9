"""Hello: all contenders on MicroPython answer a browser's GET with three bytes."""

from .. import cells, columns, plots
from ..cells import Cell
from ..contenders import CONTENDERS, ON_MICROPYTHON
from . import at_least, at_most

NAME = "hello"
TITLE = "Hello"
SECONDS = 0.4  # of a turn
THRESHOLD = "65536"  # for a second measurement with gc.threshold; by default MicroPython has none

EXPLAINED = """\
A GET of about 520 bytes with 11 headers; the answer is 200 with 3 bytes. keep: kept alive. close: a connection for each request.
varying: 2048 different heads, a new one for each request. repeated: always the same head. CPU is the server's, user and system.
Garbage is the memory that a request leaves to the collector, with varying headers on one connection. Figures are medians of turns
of %.1f s, with the quartiles in parentheses. x bare is the ratio to the bare loop in the same mode, inverted for CPU, so more is
better. Turns is the number of turns in which the server used 90 %% of its processor. With 10 clients it does so unless other programs
use the processor; disturbed turns count only if all are disturbed. Noise is the difference in CPU time between starts of the servers.
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
    """The row of a contender with this load; None if there is none."""
    for row in found["rows"]:
        if (row["name"], row["mode"], row["connections"], row["headers"]) == (name, mode, connections, headers):
            return row
    return None


def ratio(found, one, other, key):
    """The ratio of two medians; None if one is missing. (Rows have a better ratio to the bare loop, by neighbouring turns.)"""
    pair = [pick(found, name) for name in (one, other)]
    if not all(row and row[key] for row in pair):
        return None
    a, b = (row[key]["median"] for row in pair)
    return b / a if key == "cpu_us" else a / b


def targets(found):
    row = pick(found, "mungo")
    if row:
        yield at_least("mungo by events against the bare loop, req/s", row["times_rps"], 1.5)
        yield at_least("the same by CPU time", row["times_cpu_us"], 1.5)
        for key, text in (("rps", "req/s"), ("cpu_us", "by CPU time")):
            text = "mungo by events against microdot, which closes each time, %s" % text
            yield at_least(text, ratio(found, "mungo", "microdot", key), 30, "%.1f")
        yield at_most("garbage of a kept-alive request by events, bytes", row["garbage"], 400, "%.0f")


def draw(found):
    bars = []
    for name in ON_MICROPYTHON:
        row = pick(found, name)
        if row and row["rps"] and name != "bare-loose":
            bars.append((CONTENDERS[name].title.replace("*", "").partition(",")[0], row["rps"]))
    yield "bench-hello.svg", plots.bars("Requests a second: hello, a browser's headers, 10 connections, MicroPython", bars)
