# A board for tests of updates: a folder for its flash, a key, and bundles that are signed by it, or by anything else.

import json
import os
import time
from binascii import hexlify
from hashlib import sha256

import aboard  # noqa: F401
import mungo.ota as ota
from mungo.ota.bundle import receive
from mungo.port.flash import BUSY

# The key of these tests is no secret, and weak: it has 16 small factors, with which a small heap signs in a moment.
PRIMES = (
    0xFFABD0927DC0CF67ABC37EB2278E747D5B7A0E040E0EB07F,
    0xFF56FF3CD206783282D250BD7ED03070EBF6EC0D516BC49F,
    0xFDA38BE2E9CF5553AF2DDD51C5679166D177D0331D4F6F71,
    0xFF88A0A85BF953C0D2B3C47ECF2B1DAE602E1547E920D231,
    0xFEF76A0DA23E7D26B70FC6BEAE6F7EA0106F934209C05F31,
    0xFFE54192DB5A75C157F016FE6ABBA1BF867100A8A55B1E1D,
    0xFFAA830254B4AE6D361896101FC4D91401B9196E85010707,
    0xFF4D28D33750453DBCA2343FC229C8BBBACE8622195425A3,
    0xFE1FD6366056BBF10A473EEE86E83435DF2E4F4EF316587F,
    0xFF1F091A825F861FCAA67DB851EC91D39EEE840D1BC6C061,
    0xFD756178D9F16C8B0FCB5F6147FAC6C49B2F1870D733E8F1,
    0xFF529FFAB9CC8A7E2908386AAF3E10A744E0FA985A325397,
    0xFF819D907D34DE80D50612BA79458EEFBFDDFC0B4B1A39BB,
    0xFDB53E7CC6CCD2DFEFFD06A323F09644AEB0F11CB1CD8A4B,
    0xFF2F2B52153C2847B23D9095D91BFC3B493140BCD253AE0B,
    0xFD77D33AB9B19D6B2B23EE56A76BED91AFACB4E4668C1663,
)
N = 1
for _p in PRIMES:
    N *= _p


def power(x):
    """x ** d % N: what the owner of the private key can do."""
    total = 0
    for p in PRIMES:
        rest = N // p
        total += pow(x % p, inverse(65537, p - 1), p) * rest * pow(rest % p, p - 2, p)
    return total % N


def inverse(a, m):
    """1 / a modulo m."""
    r, s, t, u = m, a % m, 0, 1
    while s:
        q = r // s
        r, s = s, r - q * s
        t, u = u, t - q * u
    return t % m


DIGEST_INFO = b"010\r\x06\t`\x86H\x01e\x03\x04\x02\x01\x05\x00\x04 "


def padded(data):
    """What is signed, as RFC 8017 section 9.2 says."""
    return b"\0\1" + b"\xff" * 330 + b"\0" + DIGEST_INFO + sha256(data).digest()


def sign(data):
    return power(int.from_bytes(padded(data), "big")).to_bytes(384, "big")


def entry(path, data):
    return b"%s %d %s" % (hexlify(sha256(data).digest()), len(data), path.encode())


def seal(text):
    """The start of a bundle with this list."""
    head = b"mungo-bundle" + len(text).to_bytes(4, "big") + text
    return head + sign(head)


def bundle(files, version=1, board="TEST", to="folder"):
    """A bundle of {path: bytes}."""
    names = sorted(files)
    lines = [json.dumps({"board": board, "version": version, "to": to}).encode()] + [entry(name, files[name]) for name in names]
    return seal(b"\n".join(lines)) + b"".join([files[name] for name in names])


def put(name, text):
    with open(name, "w") as file:
        file.write(text)


def tree(path="."):
    """{path: bytes} of the files in a folder."""
    found = {}
    for item in list(os.ilistdir(path)):
        name = item[0] if path == "." else path + "/" + item[0]
        if item[1] & 0x4000:
            found.update(tree(name))
        else:
            with open(name, "rb") as file:
                found[name] = file.read()
    return found


def remove(path):
    for item in list(os.ilistdir(path)):
        name = path + "/" + item[0]
        if item[1] & 0x4000:
            remove(name)
        else:
            os.remove(name)
    os.rmdir(path)


class Board:
    """`with Board() as board`: its flash is the current folder, empty but for ota.json; it is removed at the end."""

    def __init__(self, key="%x" % N, **state):
        self.key = key
        self.state = state

    def __enter__(self):
        self.path = "%s/build/ota-%d-%d" % (aboard.ROOT, time.ticks_us(), id(self) & 0xFFFF)
        for path in (aboard.ROOT + "/build", self.path):
            try:
                os.mkdir(path)
            except OSError:
                os.stat(path)
        os.chdir(self.path)
        if self.key:
            put("ota.json", json.dumps({"board": "TEST", "key": self.key}))
        if self.state:
            start = {"version": 0, "slot": "", "trial": False, "next": 0, "to": "", "error": ""}
            start.update(self.state)
            put("ota.state", json.dumps(start))
        ota.device.load()
        return self

    def __exit__(self, *_):
        os.chdir(aboard.ROOT)
        remove(self.path)


class Connection:
    """What `receive` needs of one."""

    def __init__(self):
        self.mgr = self
        self.stats = {}
        self.waiters = []

    def use_flash(self, fn, c, arg):
        fn(c, arg)

    def when_flash_is_free(self, fn, c, arg):
        self.waiters.append((fn, arg))

    def work(self):
        """What comes in later turns."""
        while self.waiters:
            fn, arg = self.waiters.pop(0)
            fn(self, arg)


def upload(data, size=300):
    """Upload a bundle: what is answered."""
    return drive(data[at : at + size] for at in range(0, len(data), size))


def drive(pieces):
    """Upload a bundle that comes in these pieces, without an App and sockets."""
    c = Connection()
    steps = receive(c, ota.device)
    wish = steps.send(None)
    try:
        while True:
            wish = steps.send(None if wish is BUSY else next(pieces, None))
    except StopIteration as end:
        return end.value
    finally:
        c.work()
