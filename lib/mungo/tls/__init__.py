# TLS for clients and servers, by the port's module `tls` (mbedTLS). A TLS connection proceeds so:
#   1. core/listener.py accepts it, or core/connector.py connects: EV_OPEN, EV_ACCEPT or EV_CONNECT. It has no TLS socket yet.
#   2. `Connection.begin` in connection.py starts its handshake: a client at once, a server when the first bytes are there, if there is room
#      (`tls_conns`). poll watches the TLS socket from here on, and each time that it is ready `step` goes on, until handshake_ms.
#   3. EV_TLS_HS, and the connection is like any other: `read` and `write` of its class are TLS's.
# pin.py recognizes servers by a hash, without authorities and without a clock. docs/names-tls.md: what each port can and can't do.
from time import gmtime

import tls

from .material import load

_YEAR = const(2025)  # a clock that shows an earlier one is not set


class Tls:
    """What one side of TLS connections shows and trusts: the `tls=` of listen, connect and fetch. Certificates and keys are PEM or DER,
    as bytes or in a file, whose name is a str.

    A server needs `cert` (with its chain) and `key`; with `ca` it accepts only clients whose certificate one of these has signed.
    A client trusts a server whose certificate is valid now, is for the host in the URL (or for `name`), and is signed by one of `ca`; or
    one that `pin` names: the certificate itself, or the SHA-256 of the certificate or of its public key, as 32 bytes or 64 hex digits, or a
    list of these. Pins need no clock. `verify=False` trusts anybody: what is sent is secret, but nobody knows to whom it goes.
    `cert` and `key` are what a client shows if the server asks. Raises ValueError for what can't be.
    """

    def __init__(self, ca=None, cert=None, key=None, pin=None, name=None, verify=True):
        if (cert is None) != (key is None):
            raise ValueError("Tls: want cert and key, or neither")
        self.ca = ca
        self.cert = cert
        self.key = key
        self.name = name
        self.verify = verify
        self.pins = None
        if pin is not None:
            from .pin import read_pins

            self.pins = read_pins(pin)
        self.has_cert = False  # the last step of a handshake has seen the server's certificate
        self.fault = None  # what is wrong with it, or None
        self.classes = {}  # of connections, by their base class
        self.contexts = {}  # of servers (True) and clients (False)

    def replace(self, cert, key):
        """From the next handshake on show this certificate. Connections that there are go on. Raises ValueError, OSError: the old one
        stays."""
        old = self.cert, self.key
        contexts = self.contexts
        self.contexts = {}
        self.cert = cert
        self.key = key
        try:
            for is_server in contexts:
                self.context(is_server)
        except Exception:
            self.contexts = contexts
            self.cert, self.key = old
            raise

    def context(self, is_server):
        """The port's SSLContext for one of the two sides. Raises ValueError and OSError for what is not there or can't be read."""
        context: "Any" = self.contexts.get(is_server)  # noqa: F821  # pyright: ignore
        if context is None:
            if is_server and self.cert is None:
                raise ValueError("a server wants Tls(cert=.., key=..)")
            if not is_server and self.verify and self.ca is None and self.pins is None:
                raise ValueError("whom to trust? Tls(ca=..), Tls(pin=..), or Tls(verify=False)")
            kind = tls.PROTOCOL_TLS_SERVER if is_server else tls.PROTOCOL_TLS_CLIENT
            context = tls.SSLContext(kind)
            load(context, self.ca, self.cert, self.key)
            if not is_server:
                # The port calls `check` only if it verifies. OPTIONAL: what it has found does not count.
                context.verify_mode = tls.CERT_REQUIRED if self.verify and self.pins is None else tls.CERT_OPTIONAL
                context.verify_callback = self.check
            elif self.ca is not None:
                context.verify_mode = tls.CERT_REQUIRED
            self.contexts[is_server] = context
        return context

    def check(self, cert, depth):
        """The port's question about each certificate of a server, whose own has depth 0. Returns 0, or a number that ends the handshake.
        Raises nothing: C code could not pass it on."""
        if not depth:
            self.has_cert = True
            if self.pins is not None:
                try:
                    from .pin import find_fault

                    self.fault = find_fault(cert, self.pins)
                except Exception as er:
                    self.fault = er
        return -1 if self.fault else 0

    def connection_class(self, base, is_server, plain_answer=None):
        """The class of connections like `base` that speak TLS. `plain_answer`: what a client gets that does not."""
        if (base, is_server) not in self.classes:
            from .connection import secure

            self.context(is_server)
            self.classes[base, is_server] = secure(base, self, is_server, plain_answer)
        return self.classes[base, is_server]

    def listen(self, mgr, url, scheme, fn, fn_data, base):
        """`core.listener.listen` with TLS: accepted connections are of a class like `base`."""
        from .listener import listen

        return listen(mgr, url, scheme, fn, fn_data, base, self)

    def clock_fault(self):
        """What is wrong with the clock, if certificates depend on it: a str or None."""
        if self.verify and self.pins is None and gmtime()[0] < _YEAR:
            return "the clock is not set, so no certificate is valid: get the time by SNTP first, or use Tls(pin=..)"
