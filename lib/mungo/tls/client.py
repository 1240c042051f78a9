# The client's side: it begins when it is connected, and has to guess when the server is ready.
# pyright: reportAttributeAccessIssue=false
from time import gmtime

from .connection import Handshake, TlsConnection

_EV_CONNECT = const(4)

_QUIET_MS = const(200)  # from a server's certificate to the assumption that the handshake is over
_YEAR = const(2025)  # a clock that shows an earlier one is not set


class ClientHandshake(Handshake):
    """The phase of a client's handshake."""

    def expired(self, c):
        """A little time has passed since the server's certificate has come: then nothing more may come. Or handshake_ms have."""
        if c.has_cert:
            c.finish(None)
        else:
            Handshake.expired(self, c)


class TlsClient(TlsConnection):
    """A connection to a server that speaks TLS."""

    handshake = ClientHandshake()
    has_cert = False  # the server's certificate has come

    def begin_tls(self, n):
        """It is connected, and the handshake comes next. `n`: what it has read already, as `read`."""
        self.emit(_EV_CONNECT)
        if n is not None:
            self.error("TLS: this server speaks first" if n else "TLS: closed")
        elif self.tls.wants_authority and gmtime()[0] < _YEAR:
            self.error("TLS: the clock is not set, so no certificate is valid: get the time by SNTP first, or use Tls(pin=..)")
        if not self.is_closing:
            self.mgr.deadline(self, self.mgr.handshake_ms)
            self.wrap()

    def is_over(self):
        """Whether the handshake seems to be over.

        The server's certificate comes in its first flight, and with the second the handshake is over: in a later turn as a rule, or in this
        one, so the rest is tried. If only a part of it has come, what is sent from here on waits in the TLS socket.
        """
        had_cert = self.has_cert
        if self.tls.has_cert:
            self.has_cert = True
            self.mgr.deadline(self, _QUIET_MS)
        return had_cert or self.has_cert and TlsConnection.is_over(self)
