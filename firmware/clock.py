# The time from the network, in a manager's loop, so that nobody waits for it: SNTP (RFC 4330), and before it a query for the time server's
# address (RFC 1035), because MicroPython's own lookup of names blocks for seconds if no name server answers.
#
# A question is asked again after 1, 2, 4, .. 64 seconds. Before the app starts the board gives it 2 seconds; then it goes on in the
# app's loop, see keeper.py.
import os
from time import gmtime, ticks_diff, ticks_ms

import machine

import captive

FIRST_MS = const(2000)
_LONGEST_MS = const(64000)
_EV_READ = const(7)

_EPOCH = const(2208988800)  # seconds from 1900, where NTP begins, to 1970
_EPOCH_2000 = const(3155673600)  # and to 2000, where boards' time begins
_ERA = 1 << 32  # NTP's seconds begin anew in 2036
_OLDEST = 3913056000  # 2024: what is earlier is after 2036


def parse_time(data, cookie):
    """The seconds since 1900 in a time server's answer `data` to the query that ended with the 8 bytes `cookie`; None if it is none."""
    if len(data) < 48 or data[0] & 7 != 4 or data[0] >> 6 == 3 or not 0 < data[1] < 16 or data[24:32] != cookie:
        return None
    seconds = int.from_bytes(data[40:44], "big")
    return seconds if seconds >= _OLDEST else seconds + _ERA


def name_query(host, id):
    """A DNS query for the address of `host`; `id`: 2 bytes."""
    query = id + b"\x01\x00\x00\x01" + bytes(6)
    for part in host.split("."):
        query += bytes((len(part),)) + part.encode()
    return query + b"\x00\x00\x01\x00\x01"


def parse_address(data, query):
    """The address as text in the answer `data` to this query; None if it has none."""
    n = len(query)
    if data[:2] != query[:2] or len(data) < n or not data[2] & 0x80 or data[3] & 15 or data[12:n].lower() != query[12:].lower():
        return None
    at = n
    for _ in range(data[6] << 8 | data[7]):
        while at < len(data) and 0 < data[at] < 64:
            at += data[at] + 1
        at += 2 if at < len(data) and data[at] else 1
        if at + 10 > len(data):
            return None
        size = data[at + 8] << 8 | data[at + 9]
        if data[at : at + 4] == b"\x00\x01\x00\x01" and size == 4 and at + 14 <= len(data):
            return "%d.%d.%d.%d" % tuple(data[at + 10 : at + 14])
        at += 10 + size  # e.g. an alias
    return None


class Clock:
    """Asks the time server `host`, an address or a name that the name server at the address `name_server` knows, until the clock is set.

    `is_set`: it is. `ports`: of the two servers.
    """

    def __init__(self, host, name_server, ports=(123, 53)):
        self.host = host
        self.name_server = name_server
        self.ports = ports
        self.address = host if captive.is_address(host) else None
        self.is_set = False
        self.query = b""
        self.c = None

    def first_try(self):
        """Ask for 2 seconds at most; return whether the clock is set."""
        from mungo.manager import Manager

        start = ticks_ms()
        with Manager() as mgr:
            self.attach(mgr)
            while not self.is_set and ticks_diff(ticks_ms(), start) < FIRST_MS:
                mgr.poll(max(FIRST_MS - ticks_diff(ticks_ms(), start), 0))
        return self.is_set

    def attach(self, mgr):
        """Ask in this manager's loop."""
        if not self.is_set:
            self.mgr = mgr
            self.pause_ms = 1000
            self.ask()

    def ask(self, _=None):
        """Ask for what is not known yet, and again later."""
        if self.is_set or self.mgr.closed:
            return
        self.drop()
        try:
            if self.address is None:
                self.query = name_query(self.host, os.urandom(2))
                self.open(self.name_server, self.ports[1], self.on_name)
            else:
                self.query = b"\x23" + bytes(39) + os.urandom(8)  # version 4, a client; the last 8 bytes come back
                self.open(self.address, self.ports[0], self.on_time)
        except (OSError, ValueError) as er:  # no socket, no route, no name server
            print("clock: %s: %r" % (self.host, er))
        self.mgr.timer(self.pause_ms, self.ask)
        self.pause_ms = min(2 * self.pause_ms, _LONGEST_MS)

    def open(self, address, port, handler):
        """Send the query there."""
        self.c = self.mgr.connect("udp://%s:%d" % (address, port), handler)
        self.c.send(self.query)

    def drop(self):
        """The answer has come, or is given up."""
        if self.c is not None:
            self.c.is_closing = True
            self.c = None

    def on_name(self, c, ev, data, fn_data):
        """The handler of the name server's answers."""
        if ev == _EV_READ and c is self.c:
            self.address = parse_address(data, self.query)
            if self.address:
                self.drop()
                self.query = b"\x23" + bytes(39) + os.urandom(8)
                self.open(self.address, self.ports[0], self.on_time)

    def on_time(self, c, ev, data, fn_data):
        """The handler of the time server's answers."""
        if ev == _EV_READ and c is self.c:
            seconds = parse_time(data, self.query[40:])
            if seconds is not None:
                self.drop()
                self.set(seconds)

    def set(self, seconds):
        """Set the clock to these seconds since 1900."""
        self.is_set = True
        now = gmtime(seconds - (_EPOCH_2000 if gmtime(0)[0] == 2000 else _EPOCH))
        machine.RTC().datetime((now[0], now[1], now[2], now[6], now[3], now[4], now[5], 0))  # pyright: ignore  # (the unix port's types lack it)
        print("clock: it is %d-%02d-%02d %02d:%02d:%02d UTC" % now[:6])
