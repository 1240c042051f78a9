"""A certificate authority of your own, and certificates for devices that it signs.

    .venv/bin/python tools/certificate.py NAME [ADDRESS ..] [--out certificates] [--rsa] [--days 397] [--board BOARD]

NAME is what browsers call the device, "device.local" or a host name; other names and IP addresses may follow. Writes into the folder
(ca.pem and ca.key are made once and used again):

    ca.pem              the authority: what phones, browsers and clients are told to trust
    ca.key              its key: keep it, and show it to nobody
    NAME.cert.pem       the device's certificate: TLS_CERT, or Tls(cert=..)
    NAME.key.pem        the device's key: TLS_KEY, or Tls(key=..)
"""

import argparse
import datetime
import ipaddress
import os
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import boards

ROOT = Path(__file__).resolve().parents[1]

TRUST = """
Written to {folder}:
  {name}.cert.pem, {name}.key.pem   for the device:
      app.run(port=443, tls=mungo.Tls(cert="{name}.cert.pem", key="{name}.key.pem"))
      or the settings TLS_CERT and TLS_KEY of an app
  ca.pem   for whoever connects. SHA-256 of the device's certificate, for Tls(pin=..):
      {pin}

To trust ca.pem:
  curl       curl --cacert {folder}/ca.pem https://{name}/
  MicroPython  mungo.Tls(ca="ca.pem")
  Firefox    Settings, Privacy & Security, View Certificates, Authorities, Import
  Chrome on Linux  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n mungo -i {folder}/ca.pem (of the package libnss3-tools)
  Windows    certutil -addstore -user Root {folder}/ca.pem; Chrome and Edge use it
  macOS      open ca.pem in Keychain Access, then set it to Always Trust
  iPhone     send ca.pem to it and open it, Settings, General, VPN & Device Management, install;
             then General, About, Certificate Trust Settings, switch it on
  Android    Settings, Security, Encryption & credentials, Install a certificate, CA certificate
Anybody who has ca.key can pretend to be any server to those who trust ca.pem. Its names are limited to those that end with .local, .lan,
.home.arpa or .internal, and to private addresses, unless it was made with --any-name.
"""

COPY = """
To copy them to {board}, where the settings TLS_CERT and TLS_KEY have these names:
  .venv/bin/mpremote fs cp {folder}/{name}.cert.pem :cert.pem
  .venv/bin/mpremote fs cp {folder}/{name}.key.pem :key.pem
and "TLS": 1, "PORT": 443 in its settings.json."""

LOCAL = ("local", "lan", "home.arpa", "internal", "localhost")
NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8")


def make_key(is_rsa=False):
    """A new private key: of the curve P-256, which boards compute soonest, or RSA of 2048 bits."""
    return rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())


def subject(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def build(name, issuer, key, days, start):
    """A builder of a certificate with what all have."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
    )


def yesterday():
    """A little ago: clocks of devices may be behind."""
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)


def make_ca(name="mungo local CA", is_rsa=False, any_name=False, days=3650, start=None):
    """An authority: (certificate, key). It signs for local names and addresses alone, unless `any_name`."""
    key = make_key(is_rsa)
    builder = build(name, subject(name), key, days, start or yesterday())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    usage.update(digital_signature=True, key_cert_sign=True, crl_sign=True)
    builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    if not any_name:
        permitted = [x509.DNSName(part) for part in LOCAL]
        permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in NETWORKS]
        # Not critical: mbedTLS refuses a critical extension that it does not know.
        builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=False)
    return builder.sign(key, hashes.SHA256()), key


def general_name(name):
    """A name or an address, as certificates have it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def make_certificate(ca, names, is_rsa=False, days=397, start=None, key=None):
    """A certificate for these names and addresses, signed by `ca`, a (certificate, key); None: by itself. Returns (certificate, key)."""
    key = key or make_key(is_rsa)
    issuer, issuer_key = (ca[0].subject, ca[1]) if ca else (subject(names[0]), key)
    builder = build(names[0], issuer, key, days, start or yesterday())
    builder = builder.add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
    )
    if ca:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(authority, critical=False)
    return builder.sign(issuer_key, hashes.SHA256()), key


def pem(thing):
    """A certificate or key as PEM, bytes."""
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM)
    # (the form of OpenSSL: mbedTLS reads both)
    return thing.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def write(path, thing):
    """Write a certificate or key; keys are for their owner alone."""
    mode = 0o644 if isinstance(thing, x509.Certificate) else 0o600
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(pem(thing))


def load_ca(folder, is_rsa, any_name):
    """The authority in this folder, which is made if there is none."""
    cert, key = folder / "ca.pem", folder / "ca.key"
    if cert.exists() != key.exists():
        raise SystemExit(f"{folder}: only one of ca.pem and ca.key is there")
    if not cert.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = make_ca(is_rsa=is_rsa, any_name=any_name)
        write(cert, made[0])
        write(key, made[1])
    return x509.load_pem_x509_certificate(cert.read_bytes()), serialization.load_pem_private_key(key.read_bytes(), None)


def main(argv):
    parser = argparse.ArgumentParser(description="A certificate authority of your own, and certificates for devices.")
    parser.add_argument("names", nargs="+", metavar="NAME", help="the device's name; other names and IP addresses of it may follow")
    parser.add_argument("--out", type=Path, default=ROOT / "certificates", help="the folder, default certificates/")
    parser.add_argument("--rsa", action="store_true", help="RSA keys, for old clients: slower on boards than P-256")
    parser.add_argument("--any-name", action="store_true", help="a new authority may sign for any name")
    parser.add_argument("--board", choices=sorted(boards.BOARDS), metavar="BOARD", help="the device is this board")
    parser.add_argument("--days", type=int, default=397, help="how long it is valid, default 397: browsers accept no more")
    args = parser.parse_args(argv)
    for name in args.names:
        if not name or name.strip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:"):
            parser.error(f"{name!r}: want a host name or an address")
    ca = load_ca(args.out, args.rsa, args.any_name)
    cert, key = make_certificate(ca, args.names, args.rsa, args.days)
    write(args.out / f"{args.names[0]}.cert.pem", cert)
    write(args.out / f"{args.names[0]}.key.pem", key)
    if args.board:
        print(COPY.format(folder=args.out, name=args.names[0], board=args.board))
    print(TRUST.format(folder=args.out, name=args.names[0], pin=cert.fingerprint(hashes.SHA256()).hex()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
