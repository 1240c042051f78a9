# The handler that `app.stats` is.
from ..port import Limits


def stats(req):
    """The manager's counters and limits, for JSON."""
    mgr = req.c.mgr
    return {"stats": mgr.stats, "limits": {name: getattr(mgr, name) for name in dir(Limits) if name[:1] != "_"}}
