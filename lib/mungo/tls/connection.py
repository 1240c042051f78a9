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
import gc
from time import ticks_diff

from ..core.connection import Connection
from ..core.overload import close_idlest
from ..core.reports import describe
from ..port import TX_MEMORY
from ..port.poll_table import pair

if TX_MEMORY:
    from ..core.send_memory import grant

_EV_CONNECT = const(4)
_EV_TLS_HS = const(6)

_IN = const(1)  # select.POLLIN

_MOST_BYTES = const(16384)  # bytes in one record
_QUIET_MS = const(200)  # from a server's certificate to the assumption that the handshake is over
_LOOK_MS = const(50)  # from one look for room to the next

# (Made here: in an `except` they would need memory.)
_NO_SOCKET = (OSError, MemoryError)  # what making a TLS socket raises,
_FAILURES = (OSError, ValueError)  # and what using it does

_NOT_TLS = const(-0x7200)  # mbedTLS's error: what has come is no record of TLS's


class Handshake:
    """The phase of a handshake that is under way."""

    mask = _IN  # (that it may have to write is the TLS socket's affair)

    def event(self, c, ev):
        """The TLS socket is ready."""
        c.step()

    def expired(self, c):
        """handshake_ms have passed; or a little time since the server's certificate has come: then nothing more may come."""
        if c.has_cert:
            return c.finish(None)
        c.mgr.stats["timeouts"] += 1
        c.error("timeout: no TLS handshake")


class Silent(Handshake):
    """The phase of a client that has not sent anything yet. It has no TLS socket."""

    def event(self, c, ev):
        """The first bytes are there."""
        c.wrap()


class WaitingForRoom(Handshake):
    """The phase of a client for whose TLS socket there is no room yet."""

    mask = 0

    def event(self, c, ev):
        """Only hang-ups and errors are watched: the client is gone."""
        c.is_closing = True

    def expired(self, c):
        """It is time to look for room again."""
        c.wrap()


_HANDSHAKE = Handshake()
_SILENT = Silent()
_WAITING = WaitingForRoom()


def secure(base, of_tls, of_server, answer):
    """A class like `base` that speaks TLS, see `Tls.connection_class`."""

    class TlsConnection(base):
        """A connection that speaks TLS."""

        is_tls = True
        tls = of_tls
        is_server = of_server
        plain_answer = answer
        tcp = None  # the TCP socket, while `sock` is the TLS socket around it
        host = None  # (of a client) the server's name
        pending = 0  # bytes that the last write has encrypted, and the socket has not taken
        is_proven = False  # the handshake is over for sure: data have passed
        has_cert = False  # (of a client) the server's certificate has come
        # (ticks_ms) since when there is no room
        waits_since: "Any" = None  # noqa: F821  # pyright: ignore

        @property
        def cipher(self):
            """(cipher suite, version of TLS); None as long as no data have passed."""
            return self.sock.cipher() if self.is_proven and self.tcp is not None else None

        # --- the handshake

        def begin_tls(self, n):
            """It is connected, and the handshake comes next. `n`: what a client has read already, as `read`."""
            if self.is_server:
                return self.hold(_SILENT)
            self.emit(_EV_CONNECT)
            fault = self.tls.clock_fault() if n is None else "this server speaks first" if n else "closed"
            if fault:
                self.error("TLS: " + fault)
            if not self.is_closing:
                self.mgr.deadline(self, self.mgr.handshake_ms)
                self.wrap()

        def wrap(self):
            """Make the TLS socket, if there is room for it, and take the first step."""
            mgr = self.mgr
            if mgr.tls_open >= mgr.tls_conns and not close_idlest(mgr, True):
                return self.wait_for_room()
            gc.collect()  # it takes 23 KB, 17 of them in one piece
            tcp = self.sock
            context = self.tls.context(self.is_server)
            name = self.tls.name or self.host
            try:
                sock = context.wrap_socket(tcp, server_side=self.is_server, do_handshake_on_connect=False, server_hostname=name)
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
            self.hold(_HANDSHAKE)
            if self.waits_since is not None:
                mgr.deadline(self, mgr.handshake_ms)
            self.step()

        def wait_for_room(self):
            """As many TLS connections as may be are open. A server's client waits for busy_ms."""
            mgr = self.mgr
            if self.waits_since is None:
                self.waits_since = mgr.now
            if self.is_server and ticks_diff(mgr.now, self.waits_since) < mgr.busy_ms:
                self.hold(_WAITING)
                mgr.deadline(self, _LOOK_MS)
            else:
                mgr.stats["tls_full"] += 1
                self.error("TLS: %d connections are open" % mgr.tls_open)

        def step(self):
            """Go on with the handshake."""
            had_cert = self.has_cert
            tls = self.tls
            tls.has_cert = False
            n = self.read(self.mgr.rx.data)
            if n is None:
                # A server's certificate comes in its first flight, and with the second the handshake is over: in a later turn as a rule, or
                # in this one, so the rest is tried. If only a part of it has come, what is sent from here on waits in the TLS socket.
                if tls.has_cert:
                    self.has_cert = True
                    self.mgr.deadline(self, _QUIET_MS)
                if had_cert or self.send_first():
                    self.finish(None)
            elif n >= 0:
                self.finish(n)

        def finish(self, n):
            """The handshake is over, and `n` bytes have come."""
            if self.is_closing:
                return
            self.end_phase()
            self.emit(_EV_TLS_HS)
            if self.out is not None and not self.is_closing:
                self.mgr.deadline(self, self.mgr.write_ms)
                self.flush()
            if n and not self.is_closing:
                self.take(n)
            elif n == 0:
                self.ended()

        def send_first(self):
            """Whether something that is to be sent has gone out: then the handshake is over."""
            out = self.out
            if out is None or not (self.is_server or self.has_cert):
                return False
            piece = out.pieces[0]
            n = self.write(piece, out.sent, len(piece) - out.sent)
            if n and not self.is_closing:
                out.drop(n)
            return n

        def failed(self, er):
            """The TLS socket has raised this. Returns what `read` does."""
            number = er.errno if isinstance(er, OSError) else 0
            if number == _NOT_TLS and self.is_connecting and self.plain_answer:
                self.answer_plain()
            else:
                fault = self.tls.fault or (describe(er) if number else str(er).strip())
                self.tls.fault = None
                self.error("TLS: %s" % fault)
            return -1

        def answer_plain(self):
            """This client does not speak TLS: tell it so."""
            self.close_tls()
            self.mgr.watch(self.sock, self, _IN)
            self.mask = _IN
            self.end_phase()
            self.put(self.plain_answer)
            self.linger()

        def close_tls(self):
            """Go back to the TCP socket. (If the handshake has not failed, that is closed.)"""
            self.mgr.unwatch(self.sock)
            self.sock.close()
            self.sock = self.tcp
            self.tcp = None
            self.mgr.tls_open -= 1

        # --- in the place of Connection's

        def read(self, data):
            if self.tcp is None:
                return Connection.read(self, data)
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
            if self.tcp is None:
                return Connection.write(self, data, at, n)
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
            if self.tcp is not None:
                self.close_tls()
            base.release(self)

    return TlsConnection
