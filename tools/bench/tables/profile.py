"""The instructions of a request by function, counted by callgrind. ../profile.py also counts them by C function."""

from .. import callgrind, markdown, profile
from ..process import fail, progress

NAME = "profile"
TITLE = "Instructions of a request"
SERVERS = ("bare", "mungo", "mungo-app", "asyncio", "microdot", "threads-bare", "threads-wakeup", "threads-mungo", "threads-app")


def measure(plan):
    if not callgrind.is_there():
        fail("profile: valgrind is not installed, see tools/debian.sh")
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
    yield "Instructions of user space for a hello with varying headers, on 10 connections. All but microdot keep them alive.\n"
    yield from markdown.table(("server", "instructions a request>"), [(name, "%.0f" % n) for name, n in found["totals"].items()])
    yield "\nmungo by function, each without the functions that it calls:\n"
    yield from functions(found["rows"])
    if "threaded" in found:
        yield "\nThe same for a request whose answer comes by a pipe, with the worker's part, but without the start of a thread:\n"
        yield from functions(found["threaded"])


def functions(found):
    whole = sum(row["instructions"] for row in found)
    rows = []
    for row in found:
        n = row["instructions"]
        rows.append(("`%s`" % row["name"], "%.0f" % n, "%.1f" % (n * 100 / whole), "%.1f" % row["calls"]))
    return markdown.table(("function", "instructions a request>", "percent>", "calls a request>"), rows)
