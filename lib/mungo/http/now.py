# The time of day in fields (RFC 9110 sections 5.6.7 and 6.6.1): the Date of answers. A board has none until its clock is set.
from time import gmtime

CLOCK = const(2024)  # an earlier year comes from a clock that was never set

_HEADS = const(8)  # that are kept, see internals: HEADS

_MONTHS = const("JanFebMarAprMayJunJulAugSepOctNovDec")


def http_date(t):
    """The date field for the time `t`, a tuple of gmtime: "Sun, 06 Nov 1994 08:49:37 GMT" (section 5.6.7)."""
    at = 3 * t[6]
    day = "MonTueWedThuFriSatSun"[at : at + 3]
    at = 3 * t[1]
    return "%s, %02d %s %d %02d:%02d:%02d GMT" % ((day, t[2], _MONTHS[at - 3 : at], t[0]) + t[3:6])


class Now:
    """The field Date, made once a second for all answers, and heads that have it."""

    second = None  # which one it is of: ticks_ms >> 10
    date = b""  # the field; b"" while the clock is not set

    def __init__(self):
        self.heads = {}  # of this second: {(content type, length, or its complement if the connection closes): head of 200}

    def update(self, ms):
        """Make the field anew if a second has begun. `ms`: ticks_ms."""
        if ms >> 10 != self.second:
            self.second = ms >> 10
            t = gmtime()
            self.date = b"Date: %s\r\n" % http_date(t).encode() if t[0] >= CLOCK else b""
            self.heads.clear()

    def head_ok(self, key):
        """The head of a 200 with this key of `heads`; no content type: b""."""
        content_type, n = key
        if content_type:
            content_type = b"Content-Type: %s\r\n" % content_type
        end = b""
        if n < 0:
            n = ~n
            end = b"Connection: close\r\n"
        head = b"HTTP/1.1 200 OK\r\n%s%sContent-Length: %d\r\n%s\r\n" % (self.date, content_type, n, end)
        if len(self.heads) < _HEADS:
            self.heads[key] = head
        return head


now = Now()
