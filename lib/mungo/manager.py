import errno
import select
import socket
from time import ticks_diff, ticks_ms

from .connection import Listener
from .event import EV_OPEN
from .loop import Loop
from .pipe import PipeConnection, Wakeups
from .url import parse


class Manager(Loop):
    """The event manager: owns all sockets of one thread, calls handlers `fn(c, ev, ev_data, fn_data)` from `poll`.

    `bell` is "udp" or "ring", by default what works on this port; the limits are keyword arguments, see `port.LIMITS`.
    Everything is called in the loop's thread; `wakeup` and `stop` may be called from any.
    """

    def __init__(self, bell=None, **limits):
        super().__init__(bell, **limits)
        self.pipes = 0
        self.mail = Wakeups(self)

    def listen(self, url, fn, fn_data=None):
        """Listen at "tcp://host:port" or "udp://host:port"; returns the listening connection. OSError if the port is taken."""
        scheme, host, port = parse(url, ("tcp", "udp"))
        if scheme == "udp":
            from .udp import listen

            return listen(self, host, port, fn, fn_data)
        return self.serve(host, port, fn, fn_data, None)

    def serve(self, host, port, fn, fn_data, pfn):
        """`listen` for protocols: what is accepted has the handler `pfn` before `fn`."""
        self.check_open()
        info = socket.getaddrinfo(host, port)[0]
        sock = socket.socket(info[0], socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(info[-1])
            sock.listen(self.backlog)
            c = Listener(self, sock, fn, fn_data)
        except Exception:
            sock.close()
            raise
        c.pfn = pfn
        c.raw_address = info[-1]
        c.look()
        c.emit(EV_OPEN, None)
        return c

    def connect(self, url, fn, fn_data=None):
        """Connect to "tcp://host:port" or "udp://host:port": EV_OPEN and EV_RESOLVE now, EV_CONNECT or EV_ERROR later.

        The host is an address: looking up a name would block the loop, so names are refused with ValueError.
        """
        from .dial import connect

        self.check_open()
        return connect(self, url, fn, fn_data)

    def wrap(self, sock, fn, fn_data=None, udp=False):
        """Make a connection of a connected socket, from here on the manager's. `udp`: it is a datagram socket."""
        from .dial import wrap

        self.check_open()
        return wrap(self, sock, fn, fn_data, udp)

    def http_listen(self, url, fn, fn_data=None):
        """Serve HTTP/1.1 at "http://host:port": `fn` gets EV_HTTP_MSG for each request and answers with `c.http_reply`."""
        from .http.server import handler

        _, host, port = parse(url, ("http",))
        return self.serve(host, port, fn, fn_data, handler)

    def mkpipe(self, fn, fn_data=None, udp=False):
        """Make a pipe: C2, whose handler `fn` gets EV_OPEN inside this call, and the worker's end, which is returned.

        Hand that to a thread; it has `send`, `recv`, `settimeout` and `close`. OSError at `max_pipes` pipes.
        With `udp` it is a bare socket, see `barepipe`.
        """
        self.check_open()
        if udp:
            from .barepipe import make

            return make(self, fn, fn_data)
        if self.pipes >= self.max_pipes:
            raise OSError(errno.ENOBUFS, "no more than max_pipes=%d pipes" % self.max_pipes)
        c = PipeConnection(self, fn, fn_data)
        self.pipes += 1
        with self.bell.lock:
            self.pipe_ends += 1
        c.emit(EV_OPEN, None)
        return c.end

    def wakeup(self, id, data=b""):
        """Any thread: have the connection with this id get EV_WAKEUP with `data`. Never waits.

        True if it was accepted: it is delivered unless the connection is closed first (counted as "undelivered").
        False if there is no such connection, or if `wakeups` messages or `queue_bytes` bytes are under way.
        """
        return self.mail.put(id, data)

    def timer(self, ms, fn, arg=None, repeat=False):
        """Call `fn(arg)` in `ms` milliseconds, or each `ms` milliseconds; returns a Timer, which has `cancel`."""
        from .timer import Timer

        self.check_open()
        return Timer(self, ms, fn, arg, repeat)

    def close(self, wait_ms=1000):
        """Close everything: every connection gets its EV_CLOSE, newest first, waiting workers are woken (`send` raises EPIPE,
        `recv` returns b""), and workers have `wait_ms` milliseconds to close their ends.

        True if all have; if not, the bell stays open, since a sender must not find it closed. Twice is once.
        """
        if self._busy:
            raise RuntimeError("close called inside a handler; stop() makes poll return False")
        if self.closed:
            return True
        self.running = False
        with self.bell.lock:
            self.closed = True
        del self.timers[:]
        while self.conns:
            self.conns[-1].shut()
        start = ticks_ms()
        while self.pipe_ends:
            left = wait_ms - ticks_diff(ticks_ms(), start)
            if left <= 0:
                return False
            for _ in self._poller.ipoll(min(left, 1000)):
                self.bell.event(0)
        self.watch(self.bell.rx, self.bell, 0, select.POLLIN)
        self.bell.close()
        return True
