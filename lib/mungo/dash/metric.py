# Metrics: values that the device reads, or that the program sets, and their history.
from array import array
from time import ticks_diff, ticks_ms

from .once import Once
from .widgets import Widget, describe

_NAN = float("nan")


class Metric(Widget):
    """A value that `fn()` reads each `every_ms`, in the loop or in a worker. Without `fn` the program sets it."""

    history = None
    once = None

    def __init__(self, dash, kind, label, fn=None, worker=False, history=0, every_ms=1000, **fields):
        if every_ms < 100:
            raise ValueError("every_ms=%r: want 100 or more" % every_ms)
        self.fn = fn
        if fn is not None or history:
            self.every_ms = every_ms
            fields["every_ms"] = every_ms
        if history:
            self.history = History(history)
            fields["history"] = history
        if worker:
            self.once = Once(dash)
        Widget.__init__(self, dash, kind, label, **fields)

    def __call__(self):
        """Call the function that reads it."""
        return self.fn()  # pyright: ignore

    def tick(self):
        """Read it, or begin to. Loop's thread."""
        if self.fn is not None and self.once is None:
            try:
                self.done(self.fn(), None)
            except Exception as er:
                self.done(None, er)
        if self.history is not None:
            self.history.add(self._value if self.error is None else None)
        if self.once is not None:
            self.once.start(self.done, self.fn, ())

    def done(self, value, er):
        """It was read, or that has failed: then the last value stays."""
        if er is None:
            try:
                self.put(self.check(value))
                return
            except ValueError as wrong:
                er = wrong
        self.show(self._value, describe(er))

    def samples(self):
        """What `get` of the history answers; there is one."""
        history: History = self.history  # pyright: ignore
        age = ticks_diff(ticks_ms(), history.last_ms)
        return {"every_ms": self.every_ms, "age_ms": max(0, age), "history": history.values(self.fields.get("digits"))}


class History:
    """The last samples, in a ring of fixed size: 4 bytes each."""

    last_ms = 0
    at = 0  # where the next one goes
    count = 0

    def __init__(self, size):
        self.ring = array("f", bytes(4 * size))

    def add(self, value):
        """Add a sample: a number; anything else stands for none."""
        self.ring[self.at] = value if isinstance(value, (int, float)) else _NAN
        self.at = (self.at + 1) % len(self.ring)
        self.count = min(self.count + 1, len(self.ring))
        self.last_ms = ticks_ms()

    def values(self, digits):
        """The samples, the oldest first; None for what is no number."""
        found = []
        for i in range(self.at - self.count, self.at):
            x = self.ring[i]
            found.append(None if x != x else float("%.6g" % x) if digits is None else round(x, digits))
        return found
