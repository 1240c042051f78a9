"""Make a signed bundle for updates over the air: make bundle BOARD= APP= VERSION= KEY=

It has what `make deploy` copies, but for files of the library that the app does not use, and for what starts a board: boot.py, main.py
and slots stay as the cable has brought them.
lib/mungo/ota/bundle.py says how a bundle is made up.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

import boards
import deploy
import device
import key as keys
import mpy
import reach
from boards import Complaint

OUT = mpy.ROOT / "build" / "updates"
MAGIC = b"mungo-bundle"
LIST_BYTES = 16384  # as in lib/mungo/ota/bundle.py
PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")
STARTERS = ("boot", "main", "slots")


def sources(app, root=mpy.ROOT):
    """The files of `deploy.tree` as source, {path: bytes}: for CPython, and for tracebacks with line numbers."""
    files = {}
    for folder, prefix in (("lib", "lib/"), ("firmware", "")):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root / folder).as_posix()
            is_ours = not name.startswith("apps/") or name.startswith(f"apps/{app}/") or name.count("/") == 1
            if path.is_file() and is_ours and path.suffix not in (".json", ".pyi", ".pyc", ".md", ".svg"):
                files[prefix + name] = path.read_bytes()
    return files


def tree(board, app, is_source=False):
    """{path: bytes} of the files of a bundle."""
    files = sources(app) if is_source else deploy.tree(board, app)
    left_out = {*reach.left_out(board, app, reach.OTA), *STARTERS}
    files = {path: data for path, data in files.items() if path.rpartition(".")[0] not in left_out}
    text = f"# Which app this update is, see settings.py.\nAPP = {app!r}\n"
    if is_source:
        files["bundled.py"] = text.encode()
    else:
        source = OUT / "bundled.py"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        mpy.compile_file(source, source.with_suffix(".mpy"), "bundled.py", "-O3")
        files["bundled.mpy"] = source.with_suffix(".mpy").read_bytes()
    return files


def pack(files, board, version, key, to="folder"):
    """A bundle as bytes, of {path: bytes}. Raises Complaint for a path that devices refuse, or too many files."""
    for path in files:
        if not set(path) <= PLAIN or len(path) > 100 or "/." in f"/{path}" or "//" in f"/{path}/":
            raise Complaint(f"{path}: a file in a bundle has a name of letters, digits and . _ -, and none that begins with a dot.")
    lines = [json.dumps({"board": board, "version": version, "to": to}).encode()]
    lines += [b"%s %d %s" % (hashlib.sha256(data).hexdigest().encode(), len(data), path.encode()) for path, data in sorted(files.items())]
    return seal(b"\n".join(lines), key) + b"".join(data for _, data in sorted(files.items()))


def seal(list_, key):
    """The start of a bundle with this list: up to its signature."""
    if len(list_) > LIST_BYTES:
        raise Complaint(f"{len(list_)} bytes of file names: devices take {LIST_BYTES}, about 170 files.")
    head = MAGIC + len(list_).to_bytes(4, "big") + list_
    return head + key.sign(head, padding.PKCS1v15(), hashes.SHA256())


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="")
    parser.add_argument("--app", default="", help="by default the one of a fresh board of this kind, see boards.py")
    parser.add_argument("--version", type=int, help="a whole number, higher than that of each earlier update; default: the time")
    parser.add_argument("--key", type=Path, default=keys.DEFAULT)
    parser.add_argument("--firmware", type=Path, help="an image for the other partition of an ESP32, in the place of an app")
    parser.add_argument("--no-lib", action="store_true", help="without lib/: the library of the firmware, or of the cable, stays in use")
    parser.add_argument("--source", action="store_true", help="source in the place of bytecode")
    parser.add_argument("--out", type=Path, help="default: build/updates/APP-BOARD-VERSION.bundle")
    args = parser.parse_args(argv)
    board = boards.named(args.board)
    app = args.app or board.app
    version = int(time.time()) if args.version is None else args.version
    if version < 1:
        raise Complaint(f"VERSION={version}: want a whole number, 1 or more.")
    key = keys.load(args.key)
    if args.firmware:
        if board.port != "esp32":
            raise Complaint(f"FIRMWARE: {board.name} has no second partition for it.")
        try:
            files = {"firmware.bin": args.firmware.read_bytes()}
        except OSError as error:
            raise Complaint(f"FIRMWARE={args.firmware}: {error.strerror}.")
    else:
        files = tree(board, app, args.source)
        if args.no_lib:
            files = {path: data for path, data in files.items() if not path.startswith("lib/")}
    data = pack(files, board.name, version, key, "firmware" if args.firmware else "folder")
    name = "firmware" if args.firmware else app
    out = args.out or OUT / f"{name}-{board.name}-{version}.bundle"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    print(f"{out}: version {version} of {name} for {board.name}, {len(files)} files, {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(device.main(main))
