"""Certificates for tests, made when they are missing or a day old: build/certificates/.

ca, rsa_ca, other_ca      authorities
server                    for localhost and 127.0.0.1, of P-256, signed by ca
rsa                       the same with RSA, signed by rsa_ca
new                       another one for the key of `server`
named                     for device.local alone
expired, future           of the past and of the future
self                      signed by itself
client, stranger          for clients, signed by ca and by other_ca
"""

import datetime
import fcntl
import time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import certificate
import mpy

FOLDER = mpy.ROOT / "build" / "certificates"
DAY_S = 86400
HOSTS = ["localhost", "127.0.0.1"]


def write(name, made):
    cert, key = made
    (FOLDER / f"{name}.pem").write_bytes(certificate.pem(cert))
    (FOLDER / f"{name}.key").write_bytes(certificate.pem(key))


def make():
    """The folder with the certificates."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = FOLDER / "done"
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run in two processes
        if not done.exists() or not 0 <= time.time() - done.stat().st_mtime < DAY_S:
            done.unlink(missing_ok=True)
            make_all()
            done.touch()
    return FOLDER


def make_all():
    """Make them anew."""
    now = datetime.datetime.now(datetime.timezone.utc)
    year = datetime.timedelta(days=365)
    ca = certificate.make_ca()
    other_ca = certificate.make_ca("another CA")
    rsa_ca = certificate.make_ca("an RSA CA", is_rsa=True)
    server = certificate.make_certificate(ca, HOSTS)
    made = {
        "ca": ca,
        "other_ca": other_ca,
        "rsa_ca": rsa_ca,
        "server": server,
        "rsa": certificate.make_certificate(rsa_ca, HOSTS, is_rsa=True),
        "new": certificate.make_certificate(ca, HOSTS, key=server[1]),
        "named": certificate.make_certificate(ca, ["device.local"]),
        "expired": certificate.make_certificate(ca, HOSTS, start=now - year, days=30),
        "future": certificate.make_certificate(ca, HOSTS, start=now + year),
        "self": certificate.make_certificate(None, HOSTS),
        "client": certificate.make_certificate(ca, ["client.local"]),
        "stranger": certificate.make_certificate(other_ca, ["stranger.local"]),
    }
    for name, one in made.items():
        write(name, one)


def clients(folder, names):
    """Certificates for clients, signed by ca, whose common names are these: {name: paths of (the CA's, its certificate, its key)}."""
    with open(path("ca.pem"), "rb") as cert, open(path("ca.key"), "rb") as key:
        ca = x509.load_pem_x509_certificate(cert.read()), load_pem_private_key(key.read(), None)
    found = {}
    for name in names:
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        for one, made in zip(paths, certificate.make_certificate(ca, [name])):
            one.write_bytes(certificate.pem(made))
        found[name] = path("ca.pem"), *map(str, paths)
    return found


def path(name):
    """The file of a certificate or a key: "server.pem", "server.key"."""
    return str(make() / name)
