"""Bodies: JSON, answers of 10 KB and 100 KB, uploads of 100 KB."""

from .. import cells, columns
from ..cells import Cell
from ..contenders import CONTENDERS, ON_MICROPYTHON
from ..requesting import UPLOAD

NAME = "bodies"
TITLE = "Bodies"
SECONDS = 0.4
KINDS = ("json", "10k", "100k", "upload")


def skip(name, cell):
    return name == "bare-loose" or cell.kind == "upload" and CONTENDERS[name].most_upload < len(UPLOAD)


def measure(plan):
    names = [name for name in plan.of(ON_MICROPYTHON) if name != "bare-loose"]
    passes, rounds = (1, 2) if plan.quick else (2, 3)
    kinds = KINDS[:1] if plan.quick else KINDS
    garbage = cells.measure_garbage(names, kinds, ["keep", "close"], skip=skip)
    loads = {Cell(kind): passes for kind in kinds}
    return {"rows": cells.rows(cells.measure(names, loads, passes, rounds, SECONDS, skip=skip), "bare", garbage)}


def report(found):
    yield "json: 90 bytes, made for each answer. 10k, 100k: KB of answer. upload: 100 KB by POST. 10 connections, kept alive if the"
    yield "server can do that, headers as in hello. x bare is the ratio to a bare loop that sends large answers in pieces and counts"
    yield "the bytes of an upload.\n"
    yield from columns.table(found["rows"], ("kind", "name", "mode", *columns.RATES, "garbage", "noise"))
    yield "\nchumicro-http-server accepts bodies of up to 16 KB.\n"
    yield from ("- " + note for note in cells.notes(found["rows"]))
