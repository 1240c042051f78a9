"""How long quick requests wait while some handlers are slow."""

import contextlib
import json

from .. import markdown
from ..contenders import CONTENDERS
from ..process import Server, fail, progress, tool
from . import at_most

NAME = "slow"
TITLE = "While handlers are slow"
COUNTS = (1, 3, 8, 32)
QUICK_COUNTS = (1,)
PATHS = {  # name: (slow path, fast path)
    "slow-bare": ("/slow", "/"),
    "microdot": ("/slow", "/"),
    "mungo-app": ("/slow", "/"),
    "slow-threads": ("/", "/fast"),
}


def together(pairs):
    """A list of rows for pairs of (name, number of slow requests), all measured at once."""
    found, clients = [], []
    with contextlib.ExitStack() as stack:
        servers = [(stack.enter_context(Server(name, {"APP": "multi_threaded"})), count) for name, count in pairs]
        for server, count in servers:
            slow, fast = PATHS[server.name]
            if server.wait(fast):
                args = ("--port", str(server.port), "--slow", slow, "--fast", fast, "--count", str(count))
                clients.append((server.name, count, tool("slow_client", *args)))
        for name, count, client in clients:
            out = client.communicate()[0]
            if client.returncode == 0:
                found.append({"name": name, "count": count, **json.loads(out)})
            else:
                fail("slow_client.py for %s: exit status %d" % (name, client.returncode))
    return found


def measure(plan):
    """The rows. mungo is measured alone; the others only sleep in their handlers, so they are measured at once."""
    counts = QUICK_COUNTS if plan.quick else COUNTS
    progress("slow handlers, %s at once" % ", ".join(map(str, counts)))
    pairs = [(name, count) for name in plan.of(PATHS) for count in counts]
    blocking = [pair for pair in pairs if not CONTENDERS[pair[0]].uses_mungo]
    rows = together(blocking)
    for pair in pairs:
        if pair not in blocking:
            rows += together([pair])
    return {"rows": rows}


def counted(texts):
    """The texts with their counts: "2 (4), 4 (4)"; the first and the last of more than five: "2 to 64 (32)"."""
    texts = list(texts)
    if len(set(texts)) > 5:
        return "%s to %s (%d)" % (texts[0], texts[-1], len(texts))
    return ", ".join("%s (%d)" % (text, texts.count(text)) for text in dict.fromkeys(texts))


def percentile(ranked, n):
    return ranked[len(ranked) * n // 100]


def line(row):
    fast, refused = row["fast_ms"], row["refused_s"]
    return (
        CONTENDERS[row["name"]].title,
        row["count"],
        "%.1f" % percentile(fast, 50) if fast else "-",
        "%.1f" % percentile(fast, 99) if fast else "-",
        counted("%.0f" % second for second in row["slow_s"]) or "-",
        "%d, in %.2f s" % (len(refused), refused[-1]) if refused else "none",
        counted(error.partition("(")[0] for error in row["errors"]) or "none",
    )


def report(found):
    yield "K requests at once, whose handlers sleep for 2 s, and 200 requests for a fast path, one every 9 ms. mungo by App has a pool of"
    yield "4 workers with a queue of 8.\n"
    columns = ("contender", "K>", "fast p50 ms>", "fast p99 ms>", "slow ones answered after s", "503 at once", "errors")
    yield from markdown.table(columns, map(line, found["rows"]))


def targets(found):
    for row in found["rows"]:
        if row["name"] == "slow-threads" and row["fast_ms"]:
            yield at_most("fast requests, p99, beside slow ones (%d), ms" % row["count"], percentile(row["fast_ms"], 99), 20, "%.1f")
