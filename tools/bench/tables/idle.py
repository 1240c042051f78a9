"""Many connections: ten active ones beside hundreds of idle ones that have had one answer each."""

from .. import cells, columns
from ..cells import Cell
from . import at_least, at_most

NAME = "idle"
TITLE = "Idle connections"
SECONDS = 0.4
NAMES = ("bare", "mungo", "mungo-app", "asyncio")
COUNTS = (0, 200, 1000)
ENV = {"CONNS": "1100"}  # more than mungo's default
OPTIONS = ("-X", "heapsize=8m")  # for all servers: MicroPython's default of 2 MB is too little for asyncio with a thousand


def measure(plan):
    passes, rounds = (1, 2) if plan.quick else (2, 3)
    counts = COUNTS[:2] if plan.quick else COUNTS
    loads = {Cell(idle=count): passes for count in counts}
    return {"rows": cells.rows(cells.measure(plan.of(NAMES), loads, passes, rounds, SECONDS, ENV, OPTIONS), "bare")}


def report(found):
    yield "Hello, 10 active connections, kept alive, varying headers. Each idle connection has had one answer. Heap is the bytes that"
    yield "each idle one takes after a collection (64-bit). x bare is the ratio to the bare loop with as many idle ones. The servers"
    yield "have a heap of 8 MB.\n"
    yield from columns.table(found["rows"], ("title", "idle", *columns.RATES, "heap", "noise"))
    yield "\nmicrodot and chumicro-http-server are not in this table, because they close each connection.\n"
    yield from ("- " + note for note in cells.notes(found["rows"]))


def targets(found):
    most = max((row["idle"] for row in found["rows"]), default=0)
    for row in found["rows"]:
        if row["name"] == "mungo" and row["idle"] == most and most:
            yield at_least("mungo by events against the bare loop, req/s, with %d idle connections" % most, row["times_rps"], 1)
            yield at_most("heap for each idle connection, bytes", row["heap"], 600, "%.0f")
