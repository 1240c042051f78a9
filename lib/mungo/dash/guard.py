# The dashboard's users for routes elsewhere, for example those of updates.
from ..app.response import HttpError
from .door import explain
from .widgets import LEVELS


def guard(door, level):
    """A function of a request: it returns None for a user of this level, and the answer for others."""

    def guard(req):
        try:
            door.enter(req)
            door.csrf.check(req)
            door.check(req, LEVELS.index(level))
        except HttpError as er:
            explain(req, er.response)
            return er.response

    return guard
