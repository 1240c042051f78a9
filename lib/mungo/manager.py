from .core.loop import Loop
from .threads.pipe import Outbox, PipeConnection

_EV_OPEN = const(1)
_EV_WAKEUP = const(19)


class Manager(Loop):
    """The event manager: owns all sockets of one thread, calls handlers `fn(c, ev, ev_data, fn_data)` from `poll`.

    `bell` is "udp" or "ring", by default what works on this port; the limits are keyword arguments, see `port.Limits`.
    Everything is called in the loop's thread; `wakeup` and `stop` may be called from any.
    """

    def __init__(self, bell=None, **limits):
        Loop.__init__(self, bell, **limits)
        self.post = Outbox(self, self)

    def listen(self, url, fn, fn_data=None):
        """Listen at "tcp://host:port" or "udp://host:port"; returns the listening connection. OSError if the port is taken."""
        if url[:3] == "udp":
            from .core.udp import listen

            return listen(self, url, fn, fn_data)
        from .core.listener import AcceptedConnection, listen

        return listen(self, url, "tcp", fn, fn_data, AcceptedConnection)

    def connect(self, url, fn, fn_data=None):
        """Connect to "tcp://host:port" or "udp://host:port": EV_OPEN and EV_RESOLVE now, EV_CONNECT or EV_ERROR later.

        The host is an address: looking up a name would block the loop, so names are refused with ValueError.
        """
        from .core.connector import connect

        return connect(self, url, fn, fn_data)

    def wrap(self, sock, fn, fn_data=None, udp=False):
        """Make a connection of a connected socket, from here on the manager's. `udp`: it is a datagram socket."""
        from .core.connector import wrap

        return wrap(self, sock, fn, fn_data, udp)

    def http_listen(self, url, fn, fn_data=None):
        """Serve HTTP/1.1 at "http://host:port": `fn` gets EV_HTTP_MSG for each request and answers with `c.http_reply`."""
        from .core.listener import listen
        from .http.server import HttpConnection

        return listen(self, url, "http", fn, fn_data, HttpConnection)

    def http_connect(self, url, fn, *args, **options):
        """Ask an HTTP server for "http://host:port/path": `fn` gets EV_HTTP_HDRS and EV_HTTP_MSG with the response, or EV_ERROR.

        What may follow: `fn_data`, and by name what else there is to say of the request and its time, see `http.client.connect`.
        """
        from .http.client import connect

        return connect(self, url, fn, *args, **options)

    def mkpipe(self, fn, fn_data=None, udp=False):
        """Make a pipe: C2, whose handler `fn` gets EV_OPEN inside this call, and the worker's end, which is returned.

        Hand that to a thread; it has `send`, `recv`, `settimeout` and `close`. OSError at `max_pipes` pipes.
        With `udp` it is a bare socket, see `barepipe`.
        """
        self.check_open()
        if udp:
            from .threads.udp_pipe import make

            return make(self, fn, fn_data)
        if self.pipes >= self.max_pipes:
            raise OSError(12, "max_pipes")  # ENOMEM
        c = PipeConnection(self, fn, fn_data)
        self.pipes += 1
        with self.bell.lock:
            self.pipe_ends += 1
        c.emit(_EV_OPEN)
        return c.end

    def wakeup(self, id, data=b""):
        """Any thread: have the connection with this id get EV_WAKEUP with `data`. Never waits.

        True if it was accepted: it is delivered unless the connection is closed first (counted as "undelivered").
        False if there is no such connection, or if `wakeups` messages or `queue_bytes` bytes are under way.
        """
        node = [bytes(data), None, id]
        bell = self.bell
        with bell.lock:
            if not self.find(id):
                return False
            if not self.post.push(node, self.wakeups, self.queue_bytes):
                self.stats["queue_full"] += 1
                return False
            ring = bell.post(self.post)
        if ring:
            bell.ring()
        bell.fence.clear()
        return True

    def hand(self, node):
        """Called by the loop with each wakeup."""
        if node:
            with self.bell.lock:
                c = self.find(node[2])
            if c and not c.is_closing:
                c.emit(_EV_WAKEUP, node[0])
            else:
                self.stats["undelivered"] += 1

    def workers(self, **limits):
        """The WorkerPool of this manager, see `workers.make` for the arguments; made when this is called first."""
        from .threads.pool import make

        return make(self, **limits)

    def timer(self, ms, fn, arg=None, repeat=False):
        """Call `fn(arg)` in `ms` milliseconds, or each `ms` milliseconds; returns a Timer, which has `cancel`."""
        from .core.timer import Timer

        return Timer(self, ms, fn, arg, repeat)

    def __enter__(self):
        return self

    def __exit__(self, kind, er, _):
        self.close()

    def close(self, ms=1000):
        """Close everything: every connection gets its EV_CLOSE, newest first, waiting workers are woken (`send` raises EPIPE,
        `recv` returns b""), and workers have `ms` milliseconds to close their ends.

        True if all have; if not, the bell stays open, since a sender must not find it closed. Twice is once.
        """
        from .core.shutdown import close

        return close(self, ms)
