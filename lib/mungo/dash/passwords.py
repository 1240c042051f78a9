# Passwords as salted hashes: PBKDF2-HMAC-SHA256 (RFC 8018 section 5.2). For workers: it takes about half a second.
from binascii import hexlify, unhexlify
from hashlib import sha256
from os import urandom
from time import ticks_diff, ticks_us

from ..app.digest import digest, same

_WANTED_US = const(400000)  # that a hash is to take on this device
_LEAST = const(1000)  # rounds
_MOST = const(200000)
_TRIED = const(100)  # rounds by which the device's speed is measured


def pbkdf2(password, salt, rounds):
    """32 bytes for `password` (str) and `salt` (bytes)."""
    key = password.encode()
    if len(key) > 64:
        key = digest(key)
    key = key + bytes(64 - len(key))
    inner = bytes([x ^ 0x36 for x in key])
    outer = bytes([x ^ 0x5C for x in key])
    last = sha256(outer + sha256(inner + salt + b"\0\0\0\1").digest()).digest()
    total = int.from_bytes(last, "big")
    for _ in range(rounds - 1):
        last = sha256(outer + sha256(inner + last).digest()).digest()
        total ^= int.from_bytes(last, "big")
    return total.to_bytes(32, "big")


def fit_rounds():
    """How many rounds take 0.4 s on this device, which is measured."""
    start = ticks_us()
    pbkdf2("", b"", _TRIED)
    return max(_LEAST, min(_MOST, _TRIED * _WANTED_US // max(1, ticks_diff(ticks_us(), start))))


def hash_password(password):
    """What is kept of a password: "rounds$salt$hash"."""
    rounds = fit_rounds()
    salt = urandom(16)
    return "%d$%s$%s" % (rounds, hexlify(salt).decode(), hexlify(pbkdf2(password, salt, rounds)).decode())


def is_right(password, kept):
    """Whether this is the password of which `kept` is kept."""
    rounds, salt, hash = kept.split("$")
    return same(pbkdf2(password, unhexlify(salt), int(rounds)), unhexlify(hash))
