"""MicroPython's `tls` on CPython's ssl: what extmod/modtls_mbedtls.c does, with what is awkward in it.

TLS 1.2 alone, as on boards. A write that was put off counts whatever is passed next as sent; a failed handshake forgets the socket below;
errors stay; `cipher` before the end of the handshake ends the process; closing tells the peer nothing.
"""

import base64
import os
import select
import ssl
import sys
import tempfile

MBEDTLS_VERSION = "none: " + ssl.OPENSSL_VERSION
PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER = 0, 1
CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED = 0, 1, 2

_RECORD = 4096  # MBEDTLS_SSL_OUT_CONTENT_LEN
_IN, _OUT, _NVAL = select.POLLIN, select.POLLOUT, 32
_WANT = object()  # nothing yet

_CUT = (-0x7280, "MBEDTLS_ERR_SSL_CONN_EOF")
_FAILED = (-0x6E00, "MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE")
_ALERT = (-0x7780, "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE")
_NO_RECORD = (-0x7200, "MBEDTLS_ERR_SSL_INVALID_RECORD")
_BAD_MAC = (-0x7180, "MBEDTLS_ERR_SSL_INVALID_MAC")
_REFUSED = (-0x3000, "MBEDTLS_ERR_X509_FATAL_ERROR")
_NO_CLIENT_CERTIFICATE = (-0x7480, "MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE")

_BY_REASON = {
    "HTTP_REQUEST": _NO_RECORD,
    "HTTPS_PROXY_REQUEST": _NO_RECORD,
    "WRONG_VERSION_NUMBER": _NO_RECORD,
    "UNKNOWN_PROTOCOL": _NO_RECORD,
    "UNEXPECTED_MESSAGE": _NO_RECORD,
    "UNEXPECTED_EOF_WHILE_READING": _CUT,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": _NO_CLIENT_CERTIFICATE,
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": _BAD_MAC,
    "BAD_RECORD_TYPE": _NO_RECORD,
}
_BY_VERIFY_CODE = {
    9: "The certificate validity starts in the future",
    10: "The certificate validity has expired",
    62: "The certificate Common Name (CN) does not match with the expected CN",
    64: "The certificate Common Name (CN) does not match with the expected CN",
}
_UNTRUSTED = "The certificate is not correctly signed by the trusted CA"


class SSLContext:
    def __init__(self, protocol, /):
        self._is_server = protocol == PROTOCOL_TLS_SERVER
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if self._is_server else ssl.PROTOCOL_TLS_CLIENT)
        self._context.maximum_version = self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        self._context.check_hostname = False
        self.verify_mode = CERT_NONE if self._is_server else CERT_REQUIRED
        self.verify_callback = None

    def load_cert_chain(self, cert, key, /):
        both = []
        for name, data in (("key", key), ("cert", cert)):
            data = data.encode() if isinstance(data, str) else bytes(data)
            if b"-----BEGIN" in data:  # (ports read PEM since August 2026)
                raise ValueError("invalid " + name)
            both.append(_to_pem(name, data))
        with tempfile.NamedTemporaryFile() as file:
            file.write(both[1] + b"\n" + both[0])
            file.flush()
            try:
                self._context.load_cert_chain(file.name)
            except ssl.SSLError as er:
                raise ValueError("invalid key" if "KEY" in (er.reason or "KEY") else "invalid cert") from None

    def load_verify_locations(self, data, /):
        data = data.encode() if isinstance(data, str) else bytes(data)
        try:
            self._context.load_verify_locations(cadata=data)
        except (ssl.SSLError, ValueError):
            raise ValueError("invalid cert") from None

    def get_ciphers(self):
        return [cipher["name"] for cipher in self._context.get_ciphers()]

    def wrap_socket(self, sock, /, *, server_side=False, do_handshake_on_connect=True, server_hostname=None, client_id=None):
        assert not do_handshake_on_connect, "it would wait for the peer"
        if not server_side and self.verify_mode == CERT_REQUIRED and server_hostname is None:
            raise ValueError("CERT_REQUIRED requires server_hostname")
        context = self._context
        verifies = self.verify_mode == CERT_REQUIRED
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE
        context.check_hostname = verifies and not server_side
        return SSLSocket(self, sock, server_side, None if server_side else server_hostname)


def _to_pem(name, data):
    kinds = {"key": "PRIVATE KEY", "cert": "CERTIFICATE"}
    text = base64.encodebytes(data).decode()
    at = 2 + (data[1] & 127 if data[1] > 127 else 0)
    if name == "key" and data[at : at + 3] == b"\x02\x01\x01":
        kinds["key"] = "EC PRIVATE KEY"
    elif name == "key" and data[at + 3] == 2:
        kinds["key"] = "RSA PRIVATE KEY"
    return ("-----BEGIN %s-----\n%s-----END %s-----\n" % (kinds[name], text, kinds[name])).encode()


class SSLSocket:
    def __init__(self, context, sock, server_side, server_hostname):
        self._context = context
        self._sock = sock  # None once it is closed, or its handshake has failed
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context._context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        self._is_server = server_side
        self._is_done = False  # the handshake
        self._is_checked = server_side  # the callback has seen the peer's certificate
        self._unsent = b""  # encrypted
        self._has_record = False  # it is a record of data
        self._poll_mask = 0
        self._error = None  # the first, which stays

    # --- what it does

    def _send(self):
        """Whether all that is encrypted has been sent."""
        self._unsent += self._outgoing.read()
        while self._unsent:
            n = self._sock.write(self._unsent)
            if not n:
                self._poll_mask = _OUT
                return False
            self._unsent = self._unsent[n:]
        return True

    def _receive(self):
        """Whether something has come, or the end."""
        try:
            data = self._sock.recv(16384)
        except BlockingIOError:
            return False
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return True

    def _run(self, step):
        """Call `step` until it has a result; _WANT if the socket below has to be ready first."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                result = _WANT
            self._check()
            if not self._send():
                return _WANT
            if result is not _WANT:
                return result
            if not self._receive():
                return _WANT

    def _check(self):
        if not self._is_checked and self._context.verify_callback:
            chain = self._ssl._sslobj.get_unverified_chain()
            if chain:
                self._is_checked = True
                for depth in reversed(range(len(chain))):
                    data = ssl.PEM_cert_to_DER_cert(chain[depth].public_bytes())
                    if self._context.verify_callback(memoryview(data), depth):
                        raise OSError(*_REFUSED)

    def _handshake(self):
        if not self._is_done:
            if self._run(self._ssl.do_handshake) is _WANT:
                return False
            self._is_done = True
        return True

    def _call(self, function, *args):
        """Call one of the two below; what fails fails from here on."""
        self._poll_mask = 0
        if self._error is not None:
            raise self._error
        if self._sock is None:
            raise OSError(9)
        try:
            return function(*args)
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLCertVerificationError as er:
            self._flush_alert()
            self._sock = None
            raise ValueError(_BY_VERIFY_CODE.get(er.verify_code, _UNTRUSTED) + "\n") from None
        except ssl.SSLError as er:
            self._flush_alert()
            reason = er.reason or ""
            if isinstance(er, ssl.SSLEOFError):
                if self._is_done:  # as mbedtls_ssl_read
                    return b""
                args = _CUT
            else:
                args = _BY_REASON.get(reason) or (_ALERT if "ALERT" in reason else _FAILED)
            self._error = OSError(*args)
        except OSError as er:
            self._error = er
        if not self._is_done and self._error.errno != _CUT[0]:
            self._sock = None
        raise self._error from None

    def _flush_alert(self):
        try:
            self._send()
        except OSError:
            pass

    def _read_record(self, size):
        if not self._handshake():
            return None
        data = self._run(lambda: self._ssl.read(size))
        return None if data is _WANT else data

    def _write_record(self, view):
        if not self._handshake():
            if not self._poll_mask:
                self._poll_mask = _IN
            return None
        if not self._has_record:
            self._ssl.write(view[:_RECORD])
            self._has_record = True
        if not self._send():
            self._poll_mask = 0
            return None
        self._has_record = False
        return min(len(view), _RECORD)

    # --- MicroPython's methods

    def recv(self, size, /):
        return self._call(self._read_record, size)

    def read(self, size=-1, /):
        data = bytearray()
        while size < 0 or len(data) < size:
            part = self._call(self._read_record, 4096 if size < 0 else size - len(data))
            if part is None:
                return bytes(data) if data else None
            if not part:
                break
            data += part
        return bytes(data)

    def readinto(self, buf, size=1 << 62, /):
        view = memoryview(buf).cast("B")[:size]
        data = self.read(len(view))
        if data is None:
            return None
        view[: len(data)] = data
        return len(data)

    def write(self, buf, *limits):
        start, size = (0, *limits) if len(limits) == 1 else limits or (0, 1 << 62)
        view = memoryview(buf.encode() if isinstance(buf, str) else buf).cast("B")[start:][:size]
        done = 0
        while done < len(view):
            n = self._call(self._write_record, view[done:])
            if not n:
                return done or None
            done += n
        return done

    def setblocking(self, flag, /):
        self._sock.setblocking(flag)

    def cipher(self):
        if not self._is_done:
            sys.stderr.write("cipher() before the end of the handshake\n")
            os.abort()
        return self._ssl.cipher()[:2]

    def close(self):
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    # --- for the shim's poll

    def tls_fileno(self):
        return self._sock.fileno() if self._sock is not None else -1

    def before_poll(self, mask):
        """(what is to be reported at once, what to wait for)."""
        if self._sock is None or self._error is not None:
            return _NVAL, 0
        wanted = self._poll_mask if self._poll_mask and mask & (_IN | _OUT) else mask
        return (_IN if wanted & _IN and (self._ssl.pending() or self._incoming.pending) else 0), wanted

    def after_poll(self, mask, event):
        """What is to be reported when the socket below is ready."""
        if event & self._poll_mask:
            event |= mask & (_IN | _OUT)
        return event
