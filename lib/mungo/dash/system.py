# The device itself: memory, the loop, connections, workers, its clock, limits and counters.
import gc
from time import gmtime

from ..port import Limits
from .widgets import unix_time

_MINUTE = const(120)  # samples, one a second


def add(dash, page):
    """Put it on this page of `dash`, see `Dash.system`."""
    before = dash.now_page, dash.now_group
    dash.page(page)

    @dash.metric("Loop latency", unit="ms", history=_MINUTE, id="latency")
    def latency():
        late = dash.late_ms
        dash.late_ms = 0
        return late

    if hasattr(gc, "mem_free"):
        dash.metric("Free memory", unit="KB", digits=1, every_ms=5000, history=_MINUTE, id="free")(lambda: gc.mem_free() / 1024)
        dash.metric("Largest block", unit="KB", digits=1, every_ms=30000, history=_MINUTE, id="largest")(lambda: largest_block() / 1024)
    dash.metric("Connections", history=_MINUTE, id="connections")(lambda: dash.mgr.accepted)
    dash.metric("Busy workers", history=_MINUTE, id="busy")(lambda: (dash.mgr.stats["workers"] or {"busy": 0})["busy"])

    dash.metric("Clock", every_ms=5000)(clock)

    def counters(at, n):
        found = []
        for name, value in sorted(dash.mgr.stats.items()):
            if isinstance(value, dict):
                found += [["%s.%s" % (name, one), value[one]] for one in sorted(value)]
            else:
                found.append([name, value])
        return found[at : at + n], len(found)

    def limits(at, n):
        found = [[name, getattr(dash.mgr, name)] for name in dir(Limits) if name[0] != "_"]
        return found[at : at + n], len(found)

    dash.table("Counters", ["Counter", "Value"], counters)
    dash.table("Limits", ["Limit", "Value"], limits)
    dash.now_page, dash.now_group = before


def clock():
    """The time, to a minute: its pages are told no more often."""
    return "not set" if unix_time() is None else "%d-%02d-%02d %02d:%02d UTC" % gmtime()[:5]


def largest_block():
    """How many bytes can be had in one piece, to an eighth, and 1 MB at most."""
    gc.collect()
    size = min(gc.mem_free(), 1048576)
    while size > 256:
        try:
            bytearray(size)
            return size
        except MemoryError:
            size -= size >> 3
    return size
