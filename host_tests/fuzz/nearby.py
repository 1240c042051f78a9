"""Targets: what devices nearby say by multicast DNS."""

import mungo.mdns as mdns
from mungo.mdns.responder import Responder

_EV_READ = 7
_PORTS = (":5353", ":40000")


class Net:
    """A manager and its socket; `sent` is what goes out."""

    peer = group = own = None
    is_closing = False

    def __init__(self):
        self.sock = self
        self.sent = []
        self.handler = None
        self.due = []
        self.rem = ""

    def listen(self, url, handler):
        self.handler = handler
        return self

    def setsockopt(self, *option):
        pass

    def timer(self, ms, fn, arg=None):
        if ms < 0:
            raise AssertionError("%d" % ms)
        timer = Timer()
        timer.fn = fn
        self.due.append(timer)
        return timer

    def send(self, data):
        if len(data) > 1472 or not mdns.is_whole(data):
            raise AssertionError("%r" % data)
        self.sent.append(data)

    def fire(self):
        due = self.due
        self.due = []
        for timer in due:
            if not timer.is_cancelled:
                timer.fn(None)


class Timer:
    is_cancelled = False
    fn = print

    def cancel(self):
        self.is_cancelled = True


def responder(data):
    """A datagram for one that has its name, or is about to get it. If it is no packet nothing happens; then the name is the one it was, or
    the next; and what is sent is a packet."""
    if not data:
        return None
    net = Net()
    it = Responder(net, "kitchen", "10.0.0.7", 80, ("path=/",))
    for _ in range(data[0] & 7):
        net.fire()
    net.sent.clear()
    net.rem = "10.0.0.9" + _PORTS[data[0] >> 3 & 1]
    step = it.step
    data = bytes(data[1:])
    net.handler(net, _EV_READ, data, None)
    if not mdns.is_whole(data) and (net.sent or it.step != step or it.name != "kitchen"):
        raise AssertionError("%r" % net.sent)
    net.fire()
    if it.name not in ("kitchen", "kitchen-2"):
        raise AssertionError(it.name)
    return it.name, it.step, sorted([len(one) for one in net.sent])


def found(data):
    """An answer to a question for a host, or for a service: what is found has a name, an address and a port."""
    if not data:
        return None
    net = Net()
    seen = []
    mdns.query(net, ("kitchen.local", "_http._tcp.local")[data[0] & 1], seen.append, "10.0.0.8", 1000)
    net.handler(net, _EV_READ, bytes(data[1:]), None)
    net.fire()
    if len(seen) != 1:
        raise AssertionError("%d" % len(seen))
    for name, address, port, text in seen[0]:
        numbers = [int(n) for n in address.split(".")]
        if len(numbers) != 4 or max(numbers) > 255 or not 0 <= port < 65536 or len(name.encode()) > 63 or not isinstance(text, bytes):
            raise AssertionError("%r" % seen)
    return seen[0]
