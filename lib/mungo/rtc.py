# The clock of this device: what it says, how to set it, and how wrong it goes.
from time import gmtime, time_ns

_2000 = const(946684800)  # s from 1970, where the time of some ports begins, to 2000, where that of others does


def _epoch():
    return _2000 if gmtime(0)[0] == 2000 else 0


def now_us():
    """The time by this device's clock, in microseconds since 1970, wherever the port's own time begins."""
    return time_ns() // 1000 + _epoch() * 1000000


def set_rtc(us):
    """Set a board's clock to this time, in microseconds since 1970. RP2's takes whole seconds. Does nothing on a host, whose clock
    is its system's."""
    import machine

    if hasattr(machine, "RTC"):
        year, month, day, hour, minute, second, weekday = gmtime(us // 1000000 - _epoch())[:7]
        machine.RTC().datetime((year, month, day, weekday, hour, minute, second, us % 1000000))  # pyright: ignore


class Rtc:
    """A clock that is corrected now and then, by `set_time(us)`; None: it is not set, only compared."""

    def __init__(self, set_time):
        self.set_time = set_time
        self.last = 0  # the time when it was corrected last, in us since 1970

    def correct(self, us):
        """Set the clock to this time. Returns (how many us it was behind, how many of a million it has lost since the last time).

        The latter is None the first time.
        """
        behind = us - now_us()
        drift = (behind - self.left) * 1000000 // (us - self.last) if us > self.last > 0 else None
        if self.set_time is not None:
            self.set_time(us)
        self.last = us
        self.left = us - now_us()  # how far it is behind even now
        return behind, drift
