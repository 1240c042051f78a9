# What secrets need: a comparison that tells nothing by its time, and the HMAC that MicroPython's hashlib lacks.
from hashlib import sha256


def same(a, b):
    """Whether the str or bytes `a` and `b` are equal. How long that takes tells neither where they differ nor how long the other is."""
    # Of digests nobody can choose the bytes, and they have one length.
    a = digest(a)
    b = digest(b)
    diff = 0
    for i in range(32):
        diff |= a[i] ^ b[i]
    return not diff


def digest(data):
    """The 32 bytes of SHA-256 of `data`, str (as UTF-8) or bytes."""
    return sha256(data.encode() if isinstance(data, str) else data).digest()


def hmac(key, data):
    """The 32 bytes of HMAC-SHA256 (RFC 2104) of the bytes `data` with the bytes `key`."""
    if len(key) > 64:
        key = digest(key)
    key = key + bytes(64 - len(key))
    return digest(bytes([x ^ 0x5C for x in key]) + digest(bytes([x ^ 0x36 for x in key]) + data))
