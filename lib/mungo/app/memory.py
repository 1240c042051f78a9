# A manager whose connections go to an App through memory, for testing.py.
from ..core.connection import Connection
from ..manager import Manager

_EV_OPEN = const(1)
_EV_ACCEPT = const(5)

_IN = const(1)
_OUT = const(4)

_IN_FLIGHT = const(4096)  # bytes that are under way in one direction, as with a socket's buffers

_PEER = ("127.0.0.1", 40000)


class End:
    """One end of a stream in memory, in place of a connection's socket."""

    def __init__(self):
        self.received = bytearray()
        self.other: "Any" = None  # noqa: F821  # pyright: ignore  # the other End, None if that has closed
        self.c = None  # the connection
        self.mask = 0

    def ready(self):
        """What poll would report for a socket like this."""
        ev = self.mask & _OUT if self.other is None or len(self.other.received) < _IN_FLIGHT else 0
        if self.mask & _IN and (self.received or self.other is None):
            ev |= _IN
        return ev

    def readinto(self, data):
        """As a socket's: None if there is nothing, 0 at the end."""
        n = min(len(data), len(self.received))
        if not n:
            return 0 if self.other is None else None
        data[:n] = self.received[:n]
        self.received = self.received[n:]
        return n

    def write(self, data, at, n):
        """As a socket's: how many bytes it has taken, None if the other end has no room."""
        if self.other is None:
            raise OSError(32, "closed")  # EPIPE
        n = min(n, len(data) - at, _IN_FLIGHT - len(self.other.received))
        if n < 1:
            return None
        self.other.received += memoryview(data)[at : at + n]
        return n

    def close(self):
        """As a socket's."""
        if self.other is not None:
            self.other.other = None
            self.other = None


class TestManager(Manager):
    """A Manager whose connections go to an App, through memory."""

    def __init__(self, app, **limits):
        self.app = app
        self.ends = []  # that are watched
        Manager.__init__(self, **limits)
        app.start_workers(self)

    def connect(self, url, fn, fn_data=None, tls=None):
        """Connect to the App, whatever the URL says."""
        self.check_open()
        mine, its = End(), End()
        mine.other = its
        its.other = mine
        c = Connection(self, mine, fn, fn_data)
        server = self.app.connection_class()(self, its, self.app.handler, self.app)
        server.peer = _PEER
        self.accepted += 1
        server.emit(_EV_OPEN)
        server.emit(_EV_ACCEPT)
        c.emit(_EV_OPEN)
        return c

    def watch(self, sock, c, mask):
        """As Loop's, also for an End."""
        if not isinstance(sock, End):
            Manager.watch(self, sock, c, mask)
            return
        sock.c = c
        sock.mask = mask
        if sock not in self.ends:
            self.ends.append(sock)

    def unwatch(self, sock):
        """As Loop's, also for an End."""
        if sock in self.ends:
            self.ends.remove(sock)
        else:
            Manager.unwatch(self, sock)

    def look(self, ms):
        """As Loop's, but it does not sleep while an End is ready."""
        for end in self.ends:
            if end.ready():
                ms = 0
        Manager.look(self, ms)

    def deliver(self):
        """As Loop's, and the turn of the Ends that are ready."""
        Manager.deliver(self)
        for end in self.ends[:]:
            ev = end.ready()
            if ev and not end.c.is_closing:
                try:
                    end.c.event(ev)
                except BaseException as er:
                    end.c.bug(er)
