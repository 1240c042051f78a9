# Exceptions that handlers let go: each is counted, and printed with its traceback.
import sys
from time import ticks_diff, ticks_ms

_PRINTS = const(20)  # tracebacks in a second: what is reported at each turn must not fill a log, or a serial line


NO_MEMORY = "no memory"


def describe(er):
    """The text of an exception, for EV_ERROR."""
    try:
        return repr(er)
    except MemoryError:
        return NO_MEMORY


class Reports:
    """What `mgr.report` does. `stats` are the manager's counters."""

    def __init__(self, stats):
        self.stats = stats
        self.prints = 0  # tracebacks in the second since
        self.since = ticks_ms()

    def add(self, er):
        """Count an exception and print it, at most 20 in a second. Raises nothing."""
        stats = self.stats
        stats["bugs"] += 1
        if isinstance(er, MemoryError):
            stats["no_memory"] += 1
        now = ticks_ms()
        if not 0 <= ticks_diff(now, self.since) < 1000:
            self.since = now
            self.prints = 0
        self.prints += 1
        if self.prints <= _PRINTS:
            try:
                return sys.print_exception(er)
            except Exception:
                pass  # nobody reads stdout any more, or there is no memory for that
        stats["unprinted"] += 1
