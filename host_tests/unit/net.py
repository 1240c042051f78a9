# Clients for tests that run in the server's own process and thread: plain sockets that do not block, and polls in between.

import errno
import socket
import time

_port = [0]


def address(port):
    """The address of a port of this machine, as `connect` and `bind` want it."""
    return socket.getaddrinfo("127.0.0.1", port)[0][-1]


# There is no getsockname: try ports until one is free.
def free(use):
    """Call `use(port)` with ports until one is free; return (what it returned, port)."""
    for _ in range(200):
        if not _port[0]:
            _port[0] = 21000 + int(time.ticks_us()) % 9000
        _port[0] += 1
        try:
            return use(_port[0]), _port[0]
        except OSError as er:
            if er.errno != errno.EADDRINUSE:
                raise
    raise AssertionError("no free port")


def listening(listen, scheme="http"):
    """Call `listen(url)` with ports until one is free; return (what it returned, port)."""
    return free(lambda port: listen("%s://127.0.0.1:%d" % (scheme, port)))


def tcp_listen(mgr, handler):
    """Have `mgr` listen for TCP; the port."""
    return listening(lambda url: mgr.listen(url, handler), "tcp")[1]


def bound(kind):
    """A socket of this kind, bound to a free port: (socket, port)."""

    def use(port):
        sock = socket.socket(socket.AF_INET, kind)
        try:
            sock.bind(address(port))
        except OSError:
            sock.close()
            raise
        return sock

    return free(use)


def udp_peer(port):
    """A socket whose datagrams go to this port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(address(port))
    sock.settimeout(5)
    return sock


class Client:
    """A TCP client of the server that `mgr` runs."""

    def __init__(self, mgr, port, data=b""):
        self.mgr = mgr
        self.got = b""
        self.ended = False
        self.sock = socket.socket()
        self.sock.connect(address(port))
        self.sock.setblocking(False)
        if data:
            self.send(data)

    def send(self, data):
        assert self.sock.write(data) == len(data)

    def look(self):
        """Take what has come, without a poll."""
        try:
            while True:
                data = self.sock.recv(1024)  # in small pieces: the heap that is tested is the client's as well
                if not data:
                    self.ended = True
                    return
                self.got += data
        except OSError as er:
            if er.errno == errno.ECONNRESET:
                self.ended = True
            elif er.errno != errno.EAGAIN:
                raise

    def until(self, ready, ms=10000):
        """Poll until `ready(self)`; return what has come."""
        start = time.ticks_ms()
        while True:
            self.look()
            if ready(self):
                return self.got
            assert time.ticks_diff(time.ticks_ms(), start) < ms, "not within %d ms: %r" % (ms, self.got)
            self.mgr.poll(20)

    def until_has(self, what, ms=10000):
        return self.until(lambda c: what in c.got, ms)

    def until_ended(self, ms=10000):
        return self.until(lambda c: c.ended, ms)

    def close(self):
        self.sock.close()


def turns(mgr, ready, most=1000):
    """Poll without sleeping until `ready()`; in how many turns."""
    n = 0
    while not ready():
        mgr.poll(0)
        n += 1
        assert n < most, "not in %d turns" % most
    return n
