"""Where a request's instructions go, by callgrind. See ../profile.py, which also tells by C function."""

import profile  # ours: this folder's parent comes first

import callgrind
import markdown
from contenders import ON_MICROPYTHON
from process import fail, progress

NAME = "profile"
TITLE = "Where a request's instructions go"
SERVERS = ("bare", "mungo", "mungo-app", "asyncio", "microdot")


def measure(plan):
    if not callgrind.is_there():
        fail("profile: there is no valgrind, see tools/debian.sh")
        return {"rows": []}
    count, turns = (100, 2) if plan.quick else (2000, 8)
    totals = {}
    for name in plan.of([name for name in SERVERS if name in ON_MICROPYTHON][:2] if plan.quick else SERVERS):
        progress("profile: " + name)
        own, _, _ = profile.count_server(name, count)
        totals[name] = sum(own.values()) / count
    progress("profile: by function of mungo")
    rows, _, _ = profile.count_functions(turns)
    return {"totals": totals, "rows": [dict(zip(("instructions", "calls", "name"), row)) for row in rows]}


def report(found):
    if not found["rows"]:
        return
    yield "Instructions of user space for a hello, kept alive but by microdot, 10 connections, browsers' headers that differ:\n"
    yield from markdown.table(("server", "instructions a request>"), [(name, "%.0f" % n) for name, n in found["totals"].items()])
    whole = sum(row["instructions"] for row in found["rows"])
    yield "\nmungo's by its functions, each without what it calls:\n"
    columns = ("function", "instructions a request>", "percent>", "calls a request>")
    rows = []
    for row in found["rows"]:
        n = row["instructions"]
        rows.append(("`%s`" % row["name"], "%.0f" % n, "%.1f" % (n * 100 / whole), "%.1f" % row["calls"]))
    yield from markdown.table(columns, rows)
