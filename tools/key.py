"""Make a key that signs updates: make key KEY=keys/update.key

Writes two files into the folder `keys`, which git ignores, or where KEY says:

    update.key   the private key: whoever has it can put any program onto your devices. Keep a copy in a safe place, and show it to nobody
    update.pub   the public key, in hex: `make deploy` copies it to a board, in ota.json
"""

import argparse
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from boards import Complaint

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = ROOT / "keys" / "update.key"
BITS = 3072


def make(path):
    """Write a new private key to `path`, and its public one beside it. Raises Complaint if one is there."""
    if path.exists() or public(path).exists():
        raise Complaint(f"{path}: there is a key. Devices that have it take no updates of another one, so it is not replaced.")
    key = rsa.generate_private_key(65537, BITS)
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    public(path).write_text(f"{key.public_key().public_numbers().n:0{BITS // 4}x}\n")


def public(path):
    """Where the public key of this private one is."""
    return path.with_suffix(".pub")


def load(path):
    """The private key in this file. Raises Complaint if there is none that devices take."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        raise Complaint(f"KEY={path}: there is no such file: make key makes one.")
    except (TypeError, ValueError) as error:
        raise Complaint(f"KEY={path}: {error}")
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != BITS or key.public_key().public_numbers().e != 65537:
        raise Complaint(f"KEY={path}: want an RSA key of {BITS} bits with the exponent 65537, as make key makes it.")
    return key


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--key", type=Path, default=DEFAULT)
    args = parser.parse_args(argv)
    make(args.key)
    print(f"{args.key}: the private key. Keep a copy in a safe place, and show it to nobody.")
    print(f"{public(args.key)}: the public one. make deploy copies it to a board, which then takes bundles of this key alone.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Complaint as complaint:
        sys.exit(str(complaint))
