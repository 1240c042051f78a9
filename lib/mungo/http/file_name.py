# The names that clients give to files.
from .status_error import UploadError


def safe_name(name, limit=255):
    """The name that a file gets here whose client calls it `name`: the last component, with "_" for what file systems do not like, and
    without dots and spaces at its ends. If it has more than `limit` bytes, it is shortened before the extension.

    Raises UploadError 400 if nothing is left.
    """
    # (Bytes: MicroPython keeps each character that a loop takes from a str in its table of interned names for good.)
    out = bytearray()
    is_behind = False  # a slash
    for x in name.encode():
        if x in b"/\\":
            is_behind = True
            continue
        if is_behind:
            is_behind = False
            out = bytearray()
        out.append(95 if x < 32 or x in b'"*:<>?|\x7f' else x)
    safe = bytes(out).strip(b" .")
    if not safe:
        raise UploadError(400, "file name %r: nothing is left of it" % name[:100])
    if len(safe) > limit:
        stem, dot, extension = safe.rpartition(b".")
        if not stem or len(extension) > limit >> 1:
            stem, dot, extension = safe, b"", b""
        end = limit - len(dot) - len(extension)
        while end and stem[end] & 0xC0 == 0x80:  # not within a character
            end -= 1
        safe = stem[:end].rstrip(b" .") + dot + extension
    return safe.decode()
