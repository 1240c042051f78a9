# What secrets need: a comparison whose time tells nothing, and the HMAC that MicroPython's hashlib lacks.
from hashlib import sha256


def same(a, b):
    """Whether `a` and `b` (str or bytes) are equal. The time that this takes depends neither on where they differ nor on the other's
    length. Any thread."""
    # It compares digests: they have one length, and a client can't choose their bytes.
    a = digest(a)
    b = digest(b)
    diff = 0
    for i in range(32):
        diff |= a[i] ^ b[i]
    return not diff


def digest(data):
    """SHA-256 of `data` (bytes, or str as UTF-8): 32 bytes."""
    return sha256(data.encode() if isinstance(data, str) else data).digest()


def hmac(key, data):
    """HMAC-SHA256 (RFC 2104) of the bytes `data` with the bytes `key`: 32 bytes."""
    if len(key) > 64:
        key = digest(key)
    key = key + bytes(64 - len(key))
    return digest(bytes([x ^ 0x5C for x in key]) + digest(bytes([x ^ 0x36 for x in key]) + data))
