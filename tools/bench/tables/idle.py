"""Many connections: ten that ask, beside hundreds that have asked once and now say nothing."""

from .. import cells, columns
from ..cells import Cell
from . import at_least, at_most

NAME = "idle"
TITLE = "Idle connections"
SECONDS = 0.4
NAMES = ("bare", "mungo", "mungo-app", "asyncio")
COUNTS = (0, 200, 1000)
ENV = {"CONNS": "1100"}  # more than mungo's default
OPTIONS = ("-X", "heapsize=8m")  # the same for all: in MicroPython's 2 MB asyncio has no room for a thousand


def measure(plan):
    passes, rounds = (1, 2) if plan.quick else (2, 3)
    counts = COUNTS[:2] if plan.quick else COUNTS
    loads = {Cell(idle=count): passes for count in counts}
    return {"rows": cells.rows(cells.measure(plan.of(NAMES), loads, passes, rounds, SECONDS, ENV, OPTIONS), "bare")}


def report(found):
    yield "Hello, 10 connections, kept alive, varying headers; each idle one has had one answer. Heap: what each idle one takes, in bytes,"
    yield "after a collection (64-bit). x bare: to the bare loop with as many idle ones. The servers' heap is 8 MB here.\n"
    yield from columns.table(found["rows"], ("title", "idle", *columns.RATES, "heap", "noise"))
    yield "\nmicrodot and chumicro-http-server are not here: they close each connection.\n"
    yield from ("- " + note for note in cells.notes(found["rows"]))


def targets(found):
    most = max((row["idle"] for row in found["rows"]), default=0)
    for row in found["rows"]:
        if row["name"] == "mungo" and row["idle"] == most and most:
            yield at_least("mungo by events to the bare loop, req/s, with %d idle connections" % most, row["times_rps"], 1)
            yield at_most("heap for each of them, bytes", row["heap"], 600, "%.0f")
