# The time from the network, in the loop: SNTP (RFC 5905 section 14). A question is a datagram of 48 bytes, and so is its answer.
import os
import struct
from time import ticks_diff, ticks_us

from .core.url import parse
from .rtc import Rtc, set_rtc

_EV_CONNECT = const(4)
_EV_READ = const(7)
_EV_SNTP_TIME = const(18)

_ERA_US = const(2085978496000000)  # from 1970 to 2036, when NTP's seconds begin anew: as signed numbers they count from there
_FIRST_MS = const(2000)
_LONGEST_MS = const(64000)


class Sntp:
    """Asks time servers, at once and each `every_ms` (and up to 64 s) again, sets the clock by `set_time(us)`, and tells `fn` the time.

    `servers`: URLs as "udp://pool.ntp.org:123". The first that answers is asked again; the next one is asked if it does not, after 2, 4,
    .. 64 s. A server that refuses (a kiss-o'-death, section 7.4) is not asked again, one that is asked too often after more than 64 s, and
    after twice as long each further time. To stop, clear `servers`, which is a list.

    When the clock has been set comes `fn(c, EV_SNTP_TIME, (time_us, offset_us, delay_us, drift_ppm), fn_data)`: the time since 1970, how
    far the clock was behind, how long the question and its answer were under way, and what the clock loses (None the first time).
    `set_time` gets the time. By default it sets a board's clock; a host's is its system's. None: no clock is set.

    A socket is open while a question is. ValueError for a URL that is wrong, OSError if the manager is closed or has no timer left.
    """

    def __init__(self, mgr, servers, fn=None, fn_data=None, every_ms=3600000, set_time=set_rtc):
        for url in servers:
            parse(url, "udp", True)
        self.servers = list(servers)  # the one that is asked comes last, the one to be asked first
        self.fn = fn
        self.fn_data = fn_data
        self.every_ms = every_ms
        self.clock = Rtc(set_time)
        self.c = self.timer = None
        self.cookie: "Any" = None  # what the question ends with, and its answer has in it  # noqa: F821  # pyright: ignore
        self.pause_ms = _FIRST_MS  # from a question, which was sent `asked` (ticks_us), to the next;
        self.asked = self.rest_ms = 0  # and as much more if there was an answer
        self.ask(mgr)

    def ask(self, mgr):
        """Ask the next server; if the last one has answered, in `rest_ms`."""
        if self.c:
            self.c.is_closing = True
        servers = self.servers
        old = self.timer
        if servers:
            self.timer = mgr.timer(self.rest_ms or self.pause_ms, self.ask, mgr, True)  # (without memory for this one, the old one goes on)
        if old:
            old.cancel()
        if servers and not self.rest_ms:
            if self.pause_ms < _LONGEST_MS:
                self.pause_ms *= 2
            servers.append(servers.pop(0))
            self.cookie = os.urandom(8)
            try:
                self.c = mgr.connect(servers[-1], self.event)
            except OSError:  # no route, or no socket
                pass
        self.rest_ms = 0

    def event(self, c, ev, data, _):
        """The handler of the socket."""
        if ev == _EV_CONNECT:
            self.asked = ticks_us()
            c.send(b"\x23" + bytes(39) + self.cookie)  # version 4, a client
        if ev != _EV_READ or len(data) != 48:
            return
        head, stratum, _, root, dispersion, code, _, cookie, received, sent = struct.unpack("!BBHII4s8s8sqq", data)
        servers = self.servers
        if cookie != self.cookie or not servers:
            return
        work = (sent - received) * 15625 >> 26  # us, of 2**32 a second
        delay = ticks_diff(ticks_us(), self.asked) - work
        if not stratum:  # a kiss-o'-death, section 7.4
            if code == b"RATE":
                self.rest_ms = self.pause_ms = 2 * self.pause_ms + _LONGEST_MS
            elif code in (b"DENY", b"RSTR"):
                servers.pop()
            else:
                return
        # (It is a server's, in version 3 or 4, that knows the time. 2**20 are 16 s: so far it may be from it, by its own estimate.)
        elif (
            head in b"\x1c\x24\x5c\x64\x9c\xa4" and stratum < 16 and root // 2 + dispersion < 1 << 20 and received and min(work, delay) >= 0
        ):
            self.rest_ms = self.every_ms
            servers.insert(0, servers.pop())
            us = (sent * 15625 >> 26) + _ERA_US + delay // 2
            offset, drift = self.clock.correct(us)
            if self.fn:
                self.fn(c, _EV_SNTP_TIME, (us, offset, delay, drift), self.fn_data)
        else:
            return
        c.is_closing = True
