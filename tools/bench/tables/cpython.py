"""Hello on CPython: the same servers, where they run."""

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
    yield "As hello. mungo runs by the shim that the tests use, and is not made for CPython. x asyncio: to bare asyncio streams there.\n"
    yield from columns.table(found["rows"], ("title", "mode", *columns.RATES, "noise"), "asyncio")
    yield ""
    yield from ("- " + note for note in cells.notes(found["rows"]))
