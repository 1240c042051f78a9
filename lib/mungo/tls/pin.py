# Servers recognized by a hash: of the certificate, or of its public key (SubjectPublicKeyInfo, RFC 5280 section 4.1), which stays when a
# certificate is made anew for the same key.
from binascii import hexlify, unhexlify
from hashlib import sha256

from .material import read, to_der


def read_pins(pin):
    """The SHA-256s that a `pin` of Tls names: a list of bytes. Raises ValueError for what can't be."""
    pins = []
    for one in pin if isinstance(pin, (list, tuple)) else (pin,):
        if isinstance(one, str) and len(one.replace(":", "")) == 64:
            one = unhexlify(one.replace(":", ""))
        if len(one) != 32 or isinstance(one, str):
            cert = to_der(read(one), "CERTIFICATE")[0]
            if not public_key(cert):
                raise ValueError("pin: want a certificate or a SHA-256")
            one = sha256(cert).digest()
        pins.append(bytes(one))
    return pins


def find_fault(cert, pins):
    """None if one of `pins` is the hash of this certificate (DER) or of its key, else what is wrong, a str."""
    whole = sha256(cert).digest()
    if whole in pins or sha256(public_key(bytes(cert))).digest() in pins:
        return None
    return "the server's certificate has the SHA-256 %s, which is none of Tls(pin=..)" % hexlify(whole).decode()


def public_key(cert):
    """The SubjectPublicKeyInfo in a certificate (DER), with its tag and length. b"" if it is none."""
    try:
        return find_key(cert)
    except IndexError:
        return b""


def find_key(cert):
    """`public_key`. Raises IndexError for what is no certificate."""
    at = start_of(cert, start_of(cert, 0))  # into Certificate and TBSCertificate
    if cert[at] == 0xA0:  # version
        at = end_of(cert, at)
    for _ in range(5):  # serialNumber, signature, issuer, validity, subject
        at = end_of(cert, at)
    return cert[at : end_of(cert, at)]


def start_of(data, at):
    """Where the content of the DER value at `at` starts."""
    n = data[at + 1]
    return at + 2 + (n & 127 if n > 127 else 0)


def end_of(data, at):
    """Where it ends."""
    n = data[at + 1]
    start = start_of(data, at)
    return start + (int.from_bytes(data[at + 2 : start], "big") if n > 127 else n)
