# The time of day in fields (RFC 9110 sections 5.6.7 and 6.6.1): the Date of answers. A board has none until its clock is set.
from time import gmtime

CLOCK = const(2024)  # an earlier year comes from a clock that was never set

_MONTHS = const("JanFebMarAprMayJunJulAugSepOctNovDec")


def http_date(t):
    """The date field for the time `t`, a tuple of gmtime: "Sun, 06 Nov 1994 08:49:37 GMT" (section 5.6.7)."""
    at = 3 * t[6]
    day = "MonTueWedThuFriSatSun"[at : at + 3]
    at = 3 * t[1]
    return "%s, %02d %s %d %02d:%02d:%02d GMT" % ((day, t[2], _MONTHS[at - 3 : at], t[0]) + t[3:6])


class Now:
    """The field Date, made once a second for all answers. `second` tells which one it is of (ticks_ms >> 10)."""

    second = None
    field = b""  # with its CRLF; b"" while the clock is not set

    def update(self, second):
        """Make the field anew, in a second that has begun."""
        t = gmtime()
        self.field = b"Date: %s\r\n" % http_date(t).encode() if t[0] >= CLOCK else b""
        self.second = second


now = Now()


def date_field(ms):
    """The field Date as bytes, in the turn of the loop that began at `ms` (ticks_ms)."""
    if ms >> 10 != now.second:
        now.update(ms >> 10)
    return now.field
