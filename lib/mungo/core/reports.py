# Failures: what handlers let go is counted, and printed with its traceback; a connection that fails ends with EV_ERROR. `broken`, `starve`
# and `bug` are methods of Connection, `report` of Loop.
import sys
from time import ticks_diff, ticks_ms

from .buffer import EMPTY

_EV_BUG = const(101)  # for a protocol's handler: a handler has raised. It answers with True if the connection need not be closed at once

_PRINTS = const(20)  # tracebacks in a second: what is reported at each turn must not fill a log, or a serial line

NO_MEMORY = "no memory"


def describe(er):
    """The text of an exception, for EV_ERROR."""
    try:
        return repr(er)
    except MemoryError:
        return NO_MEMORY


def broken(c, er):
    """End the connection `c` because of the exception `er`."""
    c.error(describe(er))


def starve(c):
    """What the connection `c` waits for could not be noted for want of memory: end it, rather than have it wait for ever."""
    c.mgr.stats["no_memory"] += 1
    c.error(NO_MEMORY)


def bug(c, er):
    """A handler of the connection `c` has raised: report it and end the connection, unless its protocol has an answer, or it is a
    listener."""
    c.mgr.report(er)
    if c.recv is not EMPTY:  # it may be the loop's
        c.recv = EMPTY
    try:
        if c.is_listening or c.pfn is not None and c.pfn(c, _EV_BUG, er):
            return
    except Exception:
        pass  # there was no memory for its answer
    c.broken(er)


def report(mgr, er):
    """Count what a handler has let go, and print it with its traceback, at most 20 in a second. Raises nothing.

    Ctrl-C, sys.exit() and whatever else is no Exception is no bug: `poll` raises it when its turn is done, or `close`. Who catches it
    may poll on.
    """
    if not isinstance(er, Exception):
        return mgr.interrupts.append(er)
    stats = mgr.stats
    stats["bugs"] += 1
    if isinstance(er, MemoryError):
        stats["no_memory"] += 1
    now = ticks_ms()
    if ticks_diff(now, mgr.since) // 1000:
        mgr.since = now
        mgr.prints = 0
    mgr.prints += 1
    if mgr.prints <= _PRINTS:
        try:
            return sys.print_exception(er)
        except Exception:
            pass  # nobody reads stdout any more, or there is no memory for that
    stats["unprinted"] += 1
