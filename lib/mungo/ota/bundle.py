# A bundle, as it comes: bytes in, files out. It is
#
#   "mungo-bundle", the length of the list in 4 bytes, the list, its signature in 384 bytes, and the files one behind the other.
#
# The list is lines of text, parted by LF. The first is an object, {"board": .., "version": .., "to": "folder" or "firmware"}; each other
# one is a file: its SHA-256 in hex, its length and its path, in the order of the paths. The signature is RSA-3072 with the exponent 65537
# and SHA-256, padded as PKCS #1 v1.5 says (RFC 8017 section 8.2), over all that is in front of it. Until it has been verified, nothing
# is written, and nothing of the list is looked at.
#
# RSA is 17 multiplications, each in a turn of its own. A worker would take the same time, but on RP2 there may be none free, and on ESP32
# one `pow` would keep the GIL for all of it. Ed25519 needs SHA-512, which MicroPython lacks, and many times as long in Python.
import json
import os
from binascii import hexlify
from hashlib import sha256

from ..http.status_error import UploadError
from ..port.flash import BUSY, close, flash

_KEY_BYTES = const(384)  # RSA-3072
_LIST_BYTES = const(16384)  # about 170 files
_SPARE_BLOCKS = const(8)  # blocks that stay free: a full littlefs can't even remove files
_PATH = const(100)  # characters
_ENOSPC = const(28)  # on every port, though errno has no name for it
_CHARS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"

# What is signed, as RFC 8017 section 9.2 puts it: this, and the hash.
_PADDING = b"\0\1" + b"\xff" * (_KEY_BYTES - 54) + b"\x00010\r\x06\t`\x86H\x01e\x03\x04\x02\x01\x05\x00\x04 "

_FAILED = (OSError, MemoryError)
_WRONG = (KeyError, TypeError, ValueError)


def receive(c, device):
    """A generator that installs the bundle which comes over the connection `c`, and returns the answer: the handler of a stream route.

    It is sent the pieces of the body, None at last; after it has yielded BUSY, None in the next turn.
    """
    state = device.state
    steps = None
    error = "The update was cut off."
    try:
        if not device.key or state["step"] or state["trial"]:
            error = "Another update is coming, or on trial." if device.key else "This device has no key."
            return {"error": error}, 409
        state.update({"step": "receive", "done": 0, "total": 0})
        steps = install(device)
        piece = None
        while True:
            while not flash.begin():
                piece = piece and bytes(piece)
                yield BUSY
            try:
                wish = steps.send(piece)
            finally:
                flash.end()
            piece = yield wish
            state["done"] += len(piece or b"")
    except StopIteration:
        error = ""
        return state
    except UploadError as er:
        error = er.text
        return {"error": error}, er.status
    except _FAILED as er:
        error = "The device can't take it: %r." % er
        return {"error": error}, 507
    finally:
        counts = c.mgr.stats.setdefault("updates", {"installed": 0, "failed": 0})
        counts["failed" if error else "installed"] += 1
        if steps:
            c.mgr.use_flash(close, c, steps)
            if error and state["step"] == "write":
                c.mgr.use_flash(device.clear_all, c, True)
            state.update({"step": "", "error": error})


def install(device):
    """A generator that installs the bundle whose pieces it is sent, and yields as `receive`. Its caller has the flash meanwhile. Raises
    UploadError, OSError."""
    state = device.state
    head = bytearray()
    while len(head) < 16:
        head += need((yield))
    piece = bytes(head[16:])
    head = bytes(head[:16])
    if head[:12] != b"mungo-bundle":
        raise UploadError(400, "This is no bundle.")
    left = int.from_bytes(head[12:], "big")
    if left > _LIST_BYTES:
        raise UploadError(413, "The list of files is too long.")
    total = 16 + left + _KEY_BYTES
    hash = sha256(head)
    lines = [b""]  # (each its own: a small heap may have no room for all of the list in one piece)
    while left:
        piece = piece or need((yield))
        part = bytes(piece[:left])
        piece = piece[len(part) :]
        left -= len(part)
        hash.update(part)
        lines += (lines.pop() + part).split(b"\n")
    signature = b""
    while len(signature) < _KEY_BYTES:
        piece = piece or need((yield))
        part = bytes(piece[: _KEY_BYTES - len(signature)])
        piece = piece[len(part) :]
        signature += part
    piece = bytes(piece)
    number = power = int.from_bytes(signature, "big")
    for _ in range(16):
        power = power * power % device.key
        yield BUSY
    if number >= device.key or power * number % device.key != int.from_bytes(_PADDING + hash.digest(), "big"):
        raise UploadError(403, "The bundle was not signed with this device's key.")
    version, to, folders, size = check(state, lines)
    state["total"] = total + size
    image = None
    folder = device.folder()
    if to == "firmware":
        from .image import Image

        image = Image(size)
    else:
        if state["next"]:
            device.save(next=0, to="")
        state["step"] = "write"
        while device.clear():
            yield BUSY
        make_folders(folder, folders, size, len(lines))
    for line in lines:
        digest, size, path = line.split(b" ")
        left = int(size)
        hash = sha256()
        with image or open(folder + "/" + path.decode(), "wb") as file:
            while left:
                piece = piece or need((yield))
                part = piece[:left]
                piece = piece[left:]
                left -= len(part)
                hash.update(part)
                if file.write(part) < len(part):
                    raise OSError(_ENOSPC)
        if hexlify(hash.digest()) != digest:
            raise UploadError(400, "The file %s is corrupt." % path.decode())
    if piece or (yield) is not None:
        raise UploadError(400, "There is more behind its files.")
    device.save(next=version, to=image.activate() if image else folder, error="")


def need(piece):
    """The piece, if it is not the end."""
    if piece is None:
        raise UploadError(400, "The update was cut off.")
    return piece


def check(state, lines):
    """Check the list, and take its first line off: (version, "to", folders of the files, their bytes)."""
    folders = set()
    total = 0
    last = b""
    try:
        head = json.loads(lines.pop(0))
        board = head["board"]
        version = head["version"]
        to = head["to"]
        for line in lines:
            digest, size, path = line.split(b" ")
            whole = b"/" + path + b"/"
            if path.strip(_CHARS) or b"/." in whole or b"//" in whole or len(path) > _PATH or path <= last or not size.isdigit():
                raise ValueError(line)
            last = path
            total += int(size)
            while b"/" in path:
                path = path.rpartition(b"/")[0]
                folders.add(path)
        if not last or type(version) is not int or to not in ("folder", "firmware"):
            raise ValueError
    except _WRONG as er:
        raise UploadError(400, "The bundle is malformed: %r." % er)
    if board != state["board"]:
        raise UploadError(409, "The bundle is for %s, and this is %s." % (board, state["board"]))
    if version <= state["version"]:
        raise UploadError(409, "Version %d is not newer than version %d." % (version, state["version"]))
    return version, to, folders, total


def make_folders(folder, folders, size, files):
    """Make them, if there is room for so many files of `size` bytes in all."""
    info = os.statvfs(".")
    block = info[1]
    free = info[4] * block
    need = (size // block + files + 2 * len(folders) + _SPARE_BLOCKS) * block  # (littlefs has a pair of blocks for each folder)
    if need > free:
        raise UploadError(507, "The flash has %d KB free, and the update needs %d KB." % (free >> 10, need >> 10))
    os.mkdir(folder)
    for path in sorted(folders):
        os.mkdir(folder + "/" + path.decode())
