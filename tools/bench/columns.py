"""The columns of the load tables, by the keys of the rows that cells.rows makes."""

from . import markdown
from .contenders import CONTENDERS


def number(key, form):
    return lambda row: markdown.number(row[key], form)


def spread(key, form):
    return lambda row: markdown.spread(row[key], form)


def plain(key, form):
    return lambda row: form % row[key] if row[key] is not None else "-"


COLUMNS = {  # key: (title, where "x" means "x BASE"; a function that formats a row's cell)
    "kind": ("load", plain("kind", "%s")),
    "name": ("contender", plain("name", "%s")),
    "title": ("server", lambda row: CONTENDERS[row["name"]].title),
    "mode": ("mode", lambda row: row["own_mode"] if row["own_mode"] == row["mode"] else "close (has no other)"),
    "connections": ("conn.>", plain("connections", "%d")),
    "headers": ("headers", plain("headers", "%s")),
    "idle": ("idle>", plain("idle", "%d")),
    "rps": ("req/s>", spread("rps", "%.0f")),
    "times_rps": ("x>", number("times_rps", "%.2f")),
    "cpu_us": ("CPU us/req>", spread("cpu_us", "%.1f")),
    "times_cpu_us": ("x>", number("times_cpu_us", "%.2f")),
    "p50_ms": ("p50 ms>", number("p50_ms", "%.2f")),
    "p99_ms": ("p99 ms>", number("p99_ms", "%.2f")),
    "garbage": ("garbage B/req>", plain("garbage", "%.0f")),
    "heap": ("heap B/idle>", number("heap", "%.0f")),
    "turns": ("turns>", lambda row: "%d of %d" % (row["quiet"], row["turns"])),
    "noise": ("noise>", plain("noise", "%.0f %%")),
}
RATES = ("rps", "times_rps", "cpu_us", "times_cpu_us", "p50_ms", "p99_ms")


def table(rows, keys, base="bare"):
    """The lines of a table with these columns. `base`: the contender that ratios compare with."""
    titles = [COLUMNS[key][0].replace("x>", "x %s>" % base) if key[:6] == "times_" else COLUMNS[key][0] for key in keys]
    return markdown.table(titles, ([COLUMNS[key][1](row) for key in keys] for row in rows))
