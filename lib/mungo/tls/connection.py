# Connections that speak TLS: each has two sockets, that of TCP and that of TLS around it.
#
# What the port's TLS sockets want (MicroPython's extmod/modtls_mbedtls.c), and what is done about it here:
# - A write that was put off has encrypted its data already. The next one must come with the same data and length: otherwise bytes count as
#   sent that are not. `pending` has that length. So who gets fewer bytes taken than it has given must give all the others again, see
#   `Part.pour` in http/part.py; as a rule they wait in the send buffer.
# - A handshake that fails forgets the TCP socket, which nobody would close then: `release` closes both.
# - After an error the TLS socket does nothing any more, so its connection ends.
# - `readinto` loses what it has read if an error follows. `recv` returns one record at a time.
# - Nothing tells that a handshake is over but data that pass. `cipher()` before that ends the program, so it waits for them (`is_proven`).
# What TlsConnection uses and does not have is Connection's:
# pyright: reportAttributeAccessIssue=false
import gc

from ..core.overload import close_idlest
from ..core.reports import describe
from ..port import TX_MEMORY
from ..port.poll_table import pair

if TX_MEMORY:
    from ..core.send_memory import grant

_EV_TLS_HS = const(6)

_IN = const(1)  # select.POLLIN

_MOST_BYTES = const(16384)  # bytes in one record

# (Made here: in an `except` they would need memory.)
_NO_SOCKET = (OSError, MemoryError)  # what making a TLS socket raises,
_FAILURES = (OSError, ValueError)  # and what using it does


class Handshake:
    """The phase of a handshake that is under way."""

    mask = _IN  # (that it may have to write is the TLS socket's affair)

    def event(self, c, ev):
        """The TLS socket is ready."""
        c.step()

    def expired(self, c):
        """handshake_ms have passed."""
        c.mgr.stats["timeouts"] += 1
        c.error("timeout: no TLS handshake")


class TlsConnection:
    """What makes a TLS connection of a connection, as a client or as a server: the classes that `Tls.connection_class` makes have one of
    the two before their `base`, the class of a connection without TLS."""

    handshake = Handshake()
    is_tls = True
    base: "Any"  # noqa: F821  # pyright: ignore
    tls: "Any"  # a Tls  # noqa: F821  # pyright: ignore
    is_server = False
    tcp = None  # the TCP socket, while `sock` is the TLS socket around it
    host = ""  # (of a client) the server's name, as the URL has it
    pending = 0  # bytes that the last write has encrypted, and the socket has not taken
    is_proven = False  # the handshake is over for sure: data have passed

    @property
    def cipher(self):
        """(cipher suite, version of TLS); None as long as no data have passed."""
        return self.sock.cipher() if self.is_proven and self.tcp is not None else None

    # --- the handshake

    def wrap(self):
        """Make the TLS socket, if there is room for it, and take the first step."""
        mgr = self.mgr
        if mgr.tls_open >= mgr.tls_conns and not close_idlest(mgr, True):
            return self.no_room()
        gc.collect()  # it takes 23 KB, 17 of them in one piece
        tcp = self.sock
        its = self.tls
        name = its.name or self.host.partition("%")[0].strip("[].") or None  # (certificates have no zone, and no dot at the end)
        try:
            sock = its.contexts[self.is_server].wrap_socket(
                tcp, server_side=self.is_server, do_handshake_on_connect=False, server_hostname=name
            )
        except _NO_SOCKET as er:
            mgr.stats["no_memory"] += 1
            return self.broken(er)
        mgr.unwatch(tcp)
        self.sock = sock
        self.tcp = tcp
        mgr.tls_open += 1
        pair(mgr, sock, tcp)
        mgr.watch(sock, self, _IN)
        self.mask = _IN
        self.hold(self.handshake)
        self.step()

    def no_room(self):
        """As many TLS connections as may be are open."""
        self.mgr.stats["tls_full"] += 1
        self.error("TLS: %d connections are open" % self.mgr.tls_open)

    def step(self):
        """Go on with the handshake."""
        self.tls.has_cert = False
        n = self.read(self.mgr.rx.data)
        if n is None:
            if self.is_over():
                self.finish(None)
        elif n >= 0:
            self.finish(n)

    def finish(self, n):
        """The handshake is over, and `n` bytes have come."""
        self.end_phase()
        self.emit(_EV_TLS_HS)
        if self.out is not None and not self.is_closing:
            self.mgr.deadline(self, self.mgr.write_ms)
            self.flush()
        if n and not self.is_closing:
            self.take(n)
        elif n == 0:
            self.ended()

    def is_over(self):
        """Whether something that is to be sent has gone out: then the handshake is over."""
        out = self.out
        if out is None:
            return False
        piece = out.pieces[0]
        n = self.write(piece, out.sent, len(piece) - out.sent)
        if self.is_closing or self.tcp is None:  # that has failed
            return False
        out.drop(n)
        return n

    def failed(self, er):
        """The TLS socket has raised this. Returns what `read` does."""
        its = self.tls
        self.error("TLS: %s" % (its.fault or (describe(er) if isinstance(er, OSError) else str(er).strip())))
        its.fault = None
        return -1

    def close_tls(self):
        """Go back to the TCP socket. (If the handshake has not failed, that is closed.)"""
        self.mgr.unwatch(self.sock)
        self.sock.close()
        self.sock = self.tcp
        self.tcp = None
        self.mgr.tls_open -= 1

    # --- in the place of Connection's

    def read(self, data):
        """As Connection's, of what was encrypted."""
        if self.tcp is None:
            return self.base.read(self, data)
        if TX_MEMORY and self.out is None:
            self.unproven = 0
        try:
            got = self.sock.recv(len(data))
        except _FAILURES as er:
            return self.failed(er)
        if got is not None:
            self.prove()
            n = len(got)
            data[:n] = got
            return n

    def write(self, data, at, n):
        """As Connection's, encrypted. What was not taken must be given again, all of it (`pending`)."""
        if self.tcp is None:
            return self.base.write(self, data, at, n)
        end = at + min(n, self.mgr.send_slice)
        start = at
        while at < end:
            size = self.pending or min(end - at, _MOST_BYTES)
            if TX_MEMORY:
                granted = grant(self, size)
                if granted < size and self.pending:
                    break
                size = granted
            try:
                done = self.sock.write(data, at, size) or 0
            except _FAILURES as er:
                self.failed(er)
                return len(data)
            self.pending = size - done
            if not done:
                break
            at += done
            self.prove()
        return at - start

    def prove(self):
        """Data have passed."""
        if not self.is_proven:
            self.is_proven = True
            self.mgr.watch(self.sock, self, self.mask)  # (from now on see poll_table.py)

    def release(self):
        """As Connection's: both sockets are closed."""
        if self.tcp is not None:
            self.close_tls()
        self.base.release(self)
