"""Requests that a thread answers at once: the cost of the way to a thread and back."""

from .. import cells, columns
from ..cells import Cell
from ..contenders import CONTENDERS
from . import at_least

NAME = "threads"
TITLE = "Threads"
SECONDS = 0.4
NAMES = ("threads-bare", "threads-mungo", "threads-wakeup", "threads-app")
ENV = {"QUEUE": "64"}


def measure(plan):
    passes, rounds = (1, 2) if plan.quick else (3, 3)
    names = plan.of(NAMES)
    loads = {Cell("work", connections=n): passes for n in ((10,) if plan.quick else (1, 10, 50))}
    garbage = cells.measure_garbage(names, ["work"], ["keep"], ENV, path="/mem")
    return {"rows": cells.rows(cells.measure(names, loads, passes, rounds, SECONDS, ENV, path="/mem"), "threads-bare", garbage)}


def report(found):
    yield "GET as in hello, kept alive. A thread makes the answer at once. CPU is that of all threads of the server. x bare is the ratio to"
    yield "a loop by hand with `_thread` and a pair of UDP sockets, which loses results when the system drops a datagram.\n"
    yield from columns.table(found["rows"], ("title", "connections", *columns.RATES, "garbage", "noise"))
    yield ""
    yield from ("- " + note for note in cells.notes(found["rows"]))


def targets(found):
    for row in found["rows"]:
        if row["connections"] == 10 and row["name"] != "threads-bare":
            title = CONTENDERS[row["name"]].title.replace("*", "")
            yield at_least("threaded requests: %s, against the bare loop by CPU time" % title, row["times_cpu_us"], 1)
