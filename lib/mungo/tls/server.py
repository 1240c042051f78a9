# The server's side: its clients begin, wait for room, and may not speak TLS at all.
# pyright: reportAttributeAccessIssue=false
from time import ticks_diff

from ..core import listener
from .connection import Handshake, TlsConnection

_IN = const(1)  # select.POLLIN

_LOOK_MS = const(50)  # from one look for room to the next
_NOT_TLS = const(-0x7200)  # mbedTLS's error: what has come is no record of TLS's

PLAIN = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 27\r\nConnection: close\r\n\r\nThis port wants https://..\n"
)


class Silent(Handshake):
    """The phase of a client that has not sent anything yet. It has no TLS socket."""

    def event(self, c, ev):
        """The first bytes are there."""
        c.wrap()


class WaitingForRoom:
    """The phase of a client for whose TLS socket there is no room yet."""

    mask = 0

    def event(self, c, ev):
        """Only hang-ups and errors are watched: the client is gone."""
        c.is_closing = True

    def expired(self, c):
        """It is time to look for room again."""
        c.mgr.deadline(c, c.mgr.handshake_ms)
        c.wrap()


_SILENT = Silent()
_WAITING = WaitingForRoom()


class TlsServer(TlsConnection):
    """A connection that a TlsListener has accepted."""

    is_server = True
    # (ticks_ms) since when there is no room
    waits_since: "Any" = None  # noqa: F821  # pyright: ignore

    def no_room(self):
        """As many TLS connections as may be are open: this client waits for busy_ms."""
        mgr = self.mgr
        if self.waits_since is None:
            self.waits_since = mgr.now
        if ticks_diff(mgr.now, self.waits_since) >= mgr.busy_ms:
            return TlsConnection.no_room(self)
        self.hold(_WAITING)
        mgr.deadline(self, _LOOK_MS)

    def failed(self, er):
        """As TlsConnection's. A client that does not speak TLS is told so."""
        if isinstance(er, OSError) and er.errno == _NOT_TLS and self.is_connecting and self.plain_answer:
            self.answer_plain()
            return -1
        return TlsConnection.failed(self, er)

    def answer_plain(self):
        """This client does not speak TLS: tell it so. What else was to be sent is not for everybody to read."""
        self.close_tls()
        if self.out is not None:
            self.mgr.held -= self.out.size
            self.out = None
        self.mgr.watch(self.sock, self, _IN)
        self.mask = _IN
        self.end_phase()
        self.put(self.plain_answer)
        self.linger()


class TlsListener(listener.Listener):
    """A listening TCP socket, of whose connections each begins with a handshake."""

    def begin(self, c):
        """The accepted connection takes its place."""
        try:
            c.hold(_SILENT)
        except MemoryError:
            c.starve()
        listener.Listener.begin(self, c)
        if not c.is_closing:
            self.mgr.deadline(c, self.mgr.handshake_ms)


def listen(mgr, url, scheme, fn, fn_data, base, its):
    """`Tls.listen`."""
    accepted_class = its.connection_class(base, True, PLAIN if scheme == "https" else None)
    return listener.listen(mgr, url, scheme, fn, fn_data, accepted_class, TlsListener)
