"""The tables, in the order in which they are printed. Each is a module with

NAME and TITLE; measure(plan), which returns a dict with "rows" for results.json; report(found), which yields lines of Markdown; and,
if needed, targets(found), which yields the project's targets (see target), and draw(found), which yields (file name, SVG).
"""

import dataclasses
import importlib

NAMES = ("hello", "cpython", "bodies", "idle", "threads", "slow", "wake", "ws", "files", "tls", "aio", "profile", "growth", "mqtt", "fleet")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to measure. quick: a few seconds for each table. names: the contenders that take part; empty for all."""

    quick: bool = False
    names: tuple = ()

    def of(self, names):
        """The contenders of `names` that take part, as a list."""
        return [name for name in names if not self.names or name in self.names]


def find(name):
    """The module of the table with this name."""
    return importlib.import_module("." + name, __name__)


def target(text, figure, wanted, is_met, form="%.2f"):
    """A target as a dict. `figure`: a number or a stats.figure; None if it was not measured. `wanted`: the target as text."""
    if figure is None:
        return {"text": text, "found": "not measured", "wanted": wanted, "met": None}
    if isinstance(figure, dict):
        found = "%s (%s to %s, %d)" % (*(form % figure[key] for key in ("median", "low", "high")), figure["n"])
        figure = figure["median"]
    else:
        found = form % figure
    return {"text": text, "found": found, "wanted": wanted, "met": bool(is_met(figure))}


def at_least(text, figure, n, form="%.2f"):
    return target(text, figure, "at least %g" % n, lambda found: found >= n, form)


def at_most(text, figure, n, form="%.2f"):
    return target(text, figure, "at most %g" % n, lambda found: found <= n, form)
