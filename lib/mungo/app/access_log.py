# One line for each answer, those of limits and errors included: `app.log = print`.
from time import gmtime, ticks_diff, ticks_ms

from ..http.now import CLOCK
from ..http.server import Exchange
from .serving import AppConnection

_NONE = const(0)  # phases of http/server.py
_EARLY = const(1)


class LoggedExchange(Exchange):
    """An Exchange that tells its connection when a request begins and when its answer is over."""

    now_in = _NONE
    c: "LoggedConnection"  # its connection

    @property
    def phase(self):
        """As Exchange's."""
        return self.now_in

    @phase.setter
    def phase(self, value):
        self.now_in = value
        if value == _EARLY:
            self.c.begin(self)
        elif value == _NONE:
            self.c.end()


class LoggedConnection(AppConnection):
    """A client of an App that has a log."""

    request = "- -"  # its method and target
    status = 0  # of the answer that is being sent; 0: there is none
    sent = 0  # bytes of its body
    is_complete = False  # but for what waits to be sent
    began: "Any" = None  # (ticks_ms) when the request's head was complete  # noqa: F821  # pyright: ignore
    request_id = None  # if the program has asked for it

    def new_exchange(self, table):
        """As HttpConnection's."""
        hm = LoggedExchange(table)
        hm.c = self
        return hm

    def begin(self, hm):
        """A request's head is complete."""
        self.request = hm.method + " " + hm.target
        self.began = ticks_ms()

    def write(self, data, at, n):
        """As Connection's; what begins with a status line is an answer."""
        if not self.status and data[:5] == b"HTTP/" and data[9:12] != b"100":
            self.status = int(bytes(data[9:12]))
            self.sent = -(bytes(data).find(b"\r\n\r\n") + 4)
        n = AppConnection.write(self, data, at, n)
        if not self.is_closing:
            self.sent += n
        return n

    def end(self):
        """The answer is complete."""
        if self.status:
            if self.out is None:
                self.log()
            else:
                self.is_complete = True

    def flush(self):
        """As Connection's."""
        AppConnection.flush(self)
        if self.is_complete and self.out is None:
            self.log()

    def log(self):
        """Write the line of the answer that is over."""
        took = 0 if self.began is None else ticks_diff(ticks_ms(), self.began)
        words = [time(), str(self.rem or "-").rpartition(":")[0], self.request, str(self.status), str(self.sent), str(took)]
        if self.request_id is not None:
            words.append(self.request_id)
        self.request = "- -"
        self.status = 0
        self.is_complete = False
        self.began = self.request_id = None
        try:
            self.fn_data.log(" ".join(words))
        except Exception as er:
            self.mgr.report(er)

    def shut(self):
        """As Connection's. An answer that was cut off, and what followed a 101, ends here."""
        if self.status:
            self.log()
        AppConnection.shut(self)


def time():
    """The time of day in UTC as text, or the seconds since the start, up to where ticks_ms wraps, while the clock is not set."""
    t = gmtime()
    if t[0] < CLOCK:
        return "+%d" % (ticks_diff(ticks_ms(), 0) // 1000)
    return "%d-%02d-%02dT%02d:%02d:%02dZ" % t[:6]
