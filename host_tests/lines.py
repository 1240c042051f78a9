"""The lines of a process, to wait for."""

import threading

START_S = 30


class Lines:
    """What a process prints, line by line, to wait for."""

    def __init__(self, proc):
        self.proc = proc
        self.lines = []
        self.is_ended = False
        self.more = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.proc.stdout:
            with self.more:
                self.lines.append(line.rstrip("\n"))
                self.more.notify_all()
        with self.more:
            self.is_ended = True
            self.more.notify_all()

    def wait_for(self, found, timeout=START_S):
        """Wait until found(lines) is true, and return that; what is false then, at its end or in time, raises AssertionError."""
        with self.more:
            self.more.wait_for(lambda: self.is_ended or found(self.lines), timeout)
            result = found(self.lines)
        assert result, "not seen in:\n" + "\n".join(self.lines[-50:])
        return result

    def wait_count(self, n, timeout=START_S):
        """Wait for n lines, and return all that have come."""
        self.wait_for(lambda lines: len(lines) >= n, timeout)
        return list(self.lines)
