"""Hello on CPython, for the servers that run there."""

from .. import cells, columns
from ..cells import Cell
from ..contenders import ON_CPYTHON

NAME = "cpython"
TITLE = "Hello on CPython"
SECONDS = 0.4


def measure(plan):
    passes, rounds = (1, 2) if plan.quick else (3, 3)
    loads = {Cell(): passes, Cell(mode="close"): passes}
    return {"rows": cells.rows(cells.measure(plan.of(ON_CPYTHON), loads, passes, rounds, SECONDS), "asyncio-cpython")}


def report(found):
    yield "As hello. mungo is not made for CPython and runs on the shim of its tests. x asyncio is the ratio to bare asyncio streams.\n"
    yield from columns.table(found["rows"], ("title", "mode", *columns.RATES, "noise"), "asyncio")
    yield ""
    yield from ("- " + note for note in cells.notes(found["rows"]))
