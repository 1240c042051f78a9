"""The tables, in the order in which they are printed: a module each, with

NAME and TITLE; measure(plan), which returns what goes into results.json, a dict with "rows" as a rule; report(found), the lines of
Markdown; and, if it has any, targets(found), what the project wants of itself (see Target), and plots(found), {file name: SVG}.
"""

import dataclasses
import importlib

NAMES = ("hello", "cpython", "bodies", "idle", "threads", "slow", "wake", "ws", "files", "aio", "profile", "growth")


@dataclasses.dataclass(frozen=True)
class Plan:
    """quick: a few seconds for each table. names: the contenders that take part, or none for all."""

    quick: bool = False
    names: tuple = ()

    def of(self, names):
        """Those of them that take part."""
        return [name for name in names if not self.names or name in self.names]


def find(name):
    """The module of a table."""
    return importlib.import_module("." + name, __name__)


def target(text, figure, wanted, is_met, form="%.2f"):
    """What is wanted, the figure (a number or stats.figure), and whether it is so; None: not measured."""
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
