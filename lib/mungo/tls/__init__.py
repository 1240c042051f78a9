# TLS for clients and servers, by the port's module `tls` (mbedTLS). A TLS connection proceeds so:
#   1. core/listener.py accepts it, or core/connector.py connects: EV_OPEN, EV_ACCEPT or EV_CONNECT. It has no TLS socket yet.
#   2. Its handshake begins: that of a client (client.py) at once, that of a server (server.py) when the first bytes are there, if there is
#      room (`tls_conns`). From here on connection.py has what both need: poll watches the TLS socket, and each time that it is ready `step`
#      goes on, until handshake_ms.
#   3. EV_TLS_HS, and the connection is like any other: `read` and `write` of its class are TLS's.
# pin.py recognizes servers by a hash, without authorities and without a clock. docs/names-tls.md: what each port can and can't do.
import tls

from .material import load


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
        self.pins = None
        self.wants_authority = verify and pin is None  # and the clock
        if pin is not None:
            from .pin import find_fault, read_pins

            self.pins = read_pins(pin)
            self.find_fault = find_fault
        self.classes = {}  # of connections, by their base class and side
        self.contexts = {}  # of servers (True) and clients (False)
        self.has_cert = False  # the last step of a handshake has seen the server's certificate
        self.fault = None  # what is wrong with it, or None

    def replace(self, cert, key):
        """From the next handshake on show this certificate. Connections that there are go on. Raises ValueError, OSError: the old one
        stays."""
        contexts = {is_server: self.make_context(is_server, cert, key) for is_server in self.contexts}
        self.contexts = contexts
        self.cert = cert
        self.key = key

    def make_context(self, is_server, cert, key):
        """The port's SSLContext for one of the two sides. Raises ValueError and OSError for what is not there or can't be read."""
        if is_server:
            if cert is None:
                raise ValueError("a server wants Tls(cert=.., key=..)")
            kind = tls.PROTOCOL_TLS_SERVER
            mode = tls.CERT_NONE if self.ca is None else tls.CERT_REQUIRED
        else:
            if self.wants_authority and self.ca is None:
                raise ValueError("whom to trust? Tls(ca=..), Tls(pin=..), or Tls(verify=False)")
            kind = tls.PROTOCOL_TLS_CLIENT
            # The port calls `check` only if it verifies. OPTIONAL: what it has found does not count.
            mode = tls.CERT_REQUIRED if self.wants_authority else tls.CERT_OPTIONAL
        context: "Any" = tls.SSLContext(kind)  # noqa: F821  # pyright: ignore
        load(context, self.ca, cert, key)
        context.verify_mode = mode
        if not is_server:
            context.verify_callback = self.check
        return context

    def check(self, cert, depth):
        """The port's question about each certificate of a server, whose own has depth 0. Returns 0, or a number that ends the handshake.
        Raises nothing: C code could not pass it on."""
        if not depth:
            self.has_cert = True
            if self.pins is not None:
                try:
                    self.fault = self.find_fault(cert, self.pins)
                except Exception as er:
                    self.fault = er
        return -1 if self.fault else 0

    def connection_class(self, base, is_server, plain_answer=None):
        """The class of connections like `base` that speak TLS. `plain_answer`: what a client gets that does not. Raises ValueError and
        OSError for certificates that are not there or can't be read."""
        if (base, is_server) not in self.classes:
            if is_server:
                from .server import TlsServer as side
            else:
                from .client import TlsClient as side
            if is_server not in self.contexts:
                self.contexts[is_server] = self.make_context(is_server, self.cert, self.key)
            more = {"base": base, "tls": self, "plain_answer": plain_answer}
            self.classes[base, is_server] = type("TlsConnection", (side, base), more)
        return self.classes[base, is_server]

    def listen(self, mgr, url, scheme, fn, fn_data, base):
        """`core.listener.listen` with TLS: accepted connections are of a class like `base`."""
        from .server import listen

        return listen(mgr, url, scheme, fn, fn_data, base, self)
