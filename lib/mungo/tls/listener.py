# Listening sockets whose connections begin with a handshake.
from ..core.listener import Listener
from ..core.listener import listen as listen_plain

PLAIN = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 27\r\nConnection: close\r\n\r\nThis port wants https://..\n"
)


class TlsListener(Listener):
    """A listening TCP socket, of whose connections each begins with a handshake."""

    def begin(self, c):
        """The accepted connection takes its place."""
        try:
            c.begin_tls(None)
        except MemoryError:
            c.starve()
        Listener.begin(self, c)
        if not c.is_closing:
            self.mgr.deadline(c, self.mgr.handshake_ms)


def listen(mgr, url, scheme, fn, fn_data, base, tls):
    """`Tls.listen`."""
    accepted_class = tls.connection_class(base, True, PLAIN if scheme == "https" else None)
    return listen_plain(mgr, url, scheme, fn, fn_data, accepted_class, TlsListener)
