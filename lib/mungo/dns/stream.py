# Questions by TCP: their answers are too long for a datagram (RFC 1035 section 4.2.2). This loads with the first of them.
from ..core.connector import connect
from .packets import number

_EV_CONNECT = const(4)
_EV_READ = const(7)
_EV_CLOSE = const(9)


def ask(lookup, url):
    """Ask the server at `url`, "udp://..", by TCP. OSError if there is no way there."""
    if lookup.stream is not None:
        lookup.stream.is_closing = True  # (its server is silent)
    lookup.stream = connect(lookup.resolver.mgr, url.replace("udp", "tcp"), on_event, lookup)


def on_event(c, ev, data, lookup):
    """The handler of the connection."""
    resolver = lookup.resolver
    if ev == _EV_CONNECT:
        for question in lookup.questions:
            c.send(bytes((len(question) >> 8, len(question) & 255)) + question)
    elif ev == _EV_READ:
        while len(c.recv) > 1:
            n = 2 + number(c.recv.data, c.recv.start, 2)
            if len(c.recv) < n:
                break
            resolver.take(c.recv.read(n)[2:])
        resolver.go_on()
    elif ev == _EV_CLOSE and lookup.stream is c and lookup in resolver.lookups:
        lookup.stream = None
        lookup.due = resolver.mgr.now
        resolver.go_on()
