"""Where a request's instructions go, by callgrind. See ../profile.py, which also tells by C function."""

from .. import callgrind, markdown, profile
from ..process import fail, progress

NAME = "profile"
TITLE = "Where a request's instructions go"
SERVERS = ("bare", "mungo", "mungo-app", "asyncio", "microdot", "threads-bare", "threads-wakeup", "threads-mungo", "threads-app")


def measure(plan):
    if not callgrind.is_there():
        fail("profile: there is no valgrind, see tools/debian.sh")
        return {"rows": []}
    count, turns = (100, 2) if plan.quick else (2000, 8)
    totals = {}
    for name in plan.of(SERVERS[:2] if plan.quick else SERVERS):
        progress("profile: " + name)
        own, _, _ = profile.count_server(name, count)
        totals[name] = sum(own.values()) / count
    progress("profile: by function of mungo")
    found = {"totals": totals, "rows": by_function("hello", turns)}
    if not plan.quick:
        found["threaded"] = by_function("threads", turns)
    return found


def by_function(kind, turns):
    return [dict(zip(("instructions", "calls", "name"), row)) for row in profile.count_functions(kind, turns)[0]]


def report(found):
    if not found["rows"]:
        return
    yield "Instructions of user space for a hello, kept alive but by microdot, 10 connections, browsers' headers that differ:\n"
    yield from markdown.table(("server", "instructions a request>"), [(name, "%.0f" % n) for name, n in found["totals"].items()])
    yield "\nmungo's by its functions, each without what it calls:\n"
    yield from functions(found["rows"])
    if "threaded" in found:
        yield "\nThe same of a request whose answer comes by a pipe, its worker's part among them, but not the start of a thread:\n"
        yield from functions(found["threaded"])


def functions(found):
    whole = sum(row["instructions"] for row in found)
    rows = []
    for row in found:
        n = row["instructions"]
        rows.append(("`%s`" % row["name"], "%.0f" % n, "%.1f" % (n * 100 / whole), "%.1f" % row["calls"]))
    return markdown.table(("function", "instructions a request>", "percent>", "calls a request>"), rows)
