# A log of a few lines, for people.
import _thread

from .widgets import Widget, shorten, unix_time

_LONGEST = const(160)  # characters of a line
_LEVELS = ("debug", "info", "warning", "error")


class Log(Widget):
    """The last `lines` lines (20). `add` is for any thread."""

    count = 0  # of all lines

    def __init__(self, dash, label, lines=20, **options):
        self.lines: list = [None] * lines  # a ring: [number, time, level, text]
        self.seqs = [0] * lines  # the change that told the pages of each; 0: not yet
        self.lock = _thread.allocate_lock()
        Widget.__init__(self, dash, "log", label, **options)

    def add(self, text, level="info"):
        """Add a line. `level`: "debug", "info", "warning" or "error". Raises ValueError for another one."""
        if level not in _LEVELS:
            raise ValueError("level %r: want one of %r" % (level, _LEVELS))
        line = [0, unix_time(), level, shorten(str(text), _LONGEST)]
        with self.lock:
            at = self.count % len(self.lines)
            self.count += 1
            line[0] = self.count
            self.lines[at] = line
            self.seqs[at] = 0
        self.touch()

    def settle(self):
        """The pages are told of the lines that are new, by the change `seq`."""
        with self.lock:
            for i in range(len(self.lines)):
                self.seqs[i] = self.seqs[i] or self.seq

    def state(self, since=0):
        """The lines that a page does not have which knows all up to `since`. (Of the full state it may get the last ones again.)"""
        return {"lines": sorted([line for line, seq in zip(self.lines, self.seqs) if line is not None and (seq > since or not since)])}
