import sys

from .core.loop import Loop
from .port.flash import flash
from .threads.wakeups import Wakeups

_EV_OPEN = const(1)


class Manager(Loop):
    """The event manager: owns all sockets of one thread, calls handlers `fn(c, ev, ev_data, fn_data)` from `poll`.

    `bell` is "udp" or "ring", by default what works on this port; the limits are keyword arguments, see `port.Limits`. `dns`: the name
    server, or several in a tuple, as "10.0.0.1" or "10.0.0.1:53"; by default the system's. ValueError for others.
    Everything is called in the loop's thread; `wakeup` and `stop` may be called from any. All managers of a program belong to one thread:
    while one is open, another thread can't make or poll one (RuntimeError).
    """

    tls_open = 0  # TLS connections, handshakes included

    PipeConnection: "Any" = None  # noqa: F821  # pyright: ignore  # of threads/pipe.py, once that is loaded

    _room = None  # see internals: ROOM

    def __init__(self, bell=None, dns=None, **limits):
        if dns is not None:
            from .core.names import server_urls

            dns = server_urls(dns, 53)
        Loop.__init__(self, bell, **limits)
        self.mail = Wakeups(self)
        self.dns = dns  # URLs of name servers
        self.resolver = None  # the Resolver that was made last

    def listen(self, url, fn, fn_data=None, tls=None):
        """Listen at "tcp://host:port" or "udp://host:port", or, with a `mungo.Tls`, at "tls://host:port"; returns the listening connection.
        OSError if the port is taken."""
        if url[:3] == "udp":
            from .core.udp import listen

            return listen(self, url, fn, fn_data)
        from .core import listener

        return (tls or listener).listen(self, url, "tls" if tls else "tcp", fn, fn_data, listener.AcceptedConnection)

    def connect(self, url, fn, fn_data=None, tls=None):
        """Connect to "tcp://host:port" or "udp://host:port": EV_OPEN now, EV_RESOLVE with the address when that is known, EV_CONNECT or
        EV_ERROR later. With a `mungo.Tls`, to "tls://host:port": EV_TLS_HS follows EV_CONNECT.

        The host is an address, and EV_RESOLVE comes now; or a name, see `resolve`. If it has IPv6 and IPv4 addresses, both are tried: the
        second begins 250 ms after the first (RFC 8305). `connect_ms` is for all of it. ValueError for another URL.
        """
        from .core.outgoing import connect

        return connect(self, url, fn, fn_data, tls)

    def resolve(self, name, fn):
        """Look up the addresses of a host `name`: `fn(addresses, error)` is called in a later turn, once. Returns a Lookup, with `cancel`.

        `addresses` is a tuple of str, of both families. If there are none, it is empty, and `error` says why, as str: NXDOMAIN, no address,
        a timeout, what all servers have refused (SERVFAIL, REFUSED), no name server. An address is its own. Answers are kept as long as
        their TTL says, up to an hour. ValueError for what is no host name; letters beyond ASCII are written as xn--.. (RFC 5890).
        """
        from .dns.resolver import resolve

        return resolve(self, name, fn)

    def wrap(self, sock, fn, fn_data=None, udp=False):
        """Make a connection of a connected socket, from here on the manager's. `udp`: it is a datagram socket."""
        from .core.connector import wrap

        return wrap(self, sock, fn, fn_data, udp)

    def http_listen(self, url, fn, fn_data=None, tls=None):
        """Serve HTTP/1.1 at "http://host:port", or, with a `mungo.Tls`, at "https://host:port": `fn` gets EV_HTTP_MSG for each request and
        answers with `c.http_reply`."""
        from .core import listener
        from .http.server import HttpConnection

        return (tls or listener).listen(self, url, "https" if tls else "http", fn, fn_data, HttpConnection)

    def http_connect(self, url, fn, *args, **options):
        """Ask an HTTP server for "http://host:port/path", or, with `tls=`, for "https://host:port/path": `fn` gets EV_HTTP_HDRS and
        EV_HTTP_MSG with the response, or EV_ERROR.

        What may follow: `fn_data`, and by name what else there is to say of the request and its time, see `http.client.connect`.
        """
        from .http.client import connect

        return connect(self, url, fn, *args, **options)

    def mqtt_connect(self, url, fn, *args, **options):
        """Connect to the MQTT broker at "mqtt://host:1883", or, with `tls=`, at "mqtts://host:8883": `fn` gets EV_MQTT_OPEN, then
        EV_MQTT_MSG for each message, or EV_ERROR.

        What may follow: `fn_data`, and by name: `id` of the client; `version` 4 (3.1.1) or 5; `user`, `password`; `clean` (True): begin
        without the session that the broker has; `keep_alive_s` (60; 0: no pings); `will`: (topic, payload, qos, retain), and in 5.0 its
        properties; `properties` of 5.0, see mqtt/properties.py; `session`: the mqtt.session.Session of an earlier connection, to go on
        with; `message_limit` (4096) bytes of a message: a larger one comes in pieces of so many; `inflight` (16) messages of QoS 1 and 2
        that may be under way; `topic_aliases` (8): so many topics get a number in 5.0. The connection is an MqttConnection, which has
        `publish`, `subscribe` and so on. Raises ValueError for what can't be, OSError as `connect`.
        """
        from .mqtt.connect import connect

        return connect(self, url, fn, *args, **options)

    def mkpipe(self, fn, fn_data=None, udp=False):
        """Make a pipe: C2, whose handler `fn` gets EV_OPEN inside this call, and the worker's end, which is returned.

        Hand that to a thread; it has `send`, `recv`, `settimeout` and `close`. OSError at `max_pipes` pipes.
        With `udp` it is a bare socket, see `threads.udp_pipe`.
        """
        if udp:
            from .threads.udp_pipe import make_udp_pipe

            return make_udp_pipe(self, fn, fn_data)
        if self.PipeConnection is None:
            from .threads.pipe import PipeConnection

            Manager.PipeConnection = PipeConnection
        c = self.PipeConnection(self, fn, fn_data)
        c.emit(_EV_OPEN)
        return c.end

    def wakeup(self, id, data=b""):
        """Any thread: have the connection with this id get EV_WAKEUP with `data` (bytes-like or str) as bytes. Never waits.

        True if it was accepted: it is delivered unless the connection is closed first (counted as "undelivered").
        False if there is no such connection, or if `wakeups` messages or `queue_bytes` bytes are under way. TypeError for other data.
        """
        return self.mail.send(id, data)

    def workers(self, **limits):
        """The WorkerPool of this manager, made by the first call. The keyword arguments are those of `port.pool.Limits`.

        ValueError for a limit that can't be, or if the pool has been made; OSError if the manager is closed.
        """
        if self.pool is None:
            self.check_open()
            from .threads.pool import WorkerPool

            if flash.lock is not None and "mungo.http.lazy" in sys.modules:  # or it would load later, when workers use the flash
                from .http.lazy import parts

                for name in parts.names:
                    getattr(parts, name)
            self.pool = WorkerPool(self, limits)
        elif limits:
            raise ValueError("workers: the manager has its pool already")
        return self.pool

    def timer(self, ms, fn, arg=None, repeat=False):
        """Call `fn(arg)` in `ms` milliseconds, or each `ms` milliseconds; returns a Timer, which has `cancel`."""
        from .core.timer import Timer

        return Timer(self, ms, fn, arg, repeat)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, ms=1000):
        """Close everything: every connection gets its EV_CLOSE, newest first, waiting workers are woken (`send` raises EPIPE,
        `recv` returns b""), and workers have `ms` milliseconds to close their ends.

        True if all have; if not, the bell stays open, since a sender must not find it closed. Twice is once.
        """
        from .core.shutdown import close

        return close(self, ms)
