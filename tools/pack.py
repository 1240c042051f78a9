"""Pack a folder into a Python module, which `mungo.http.files` serves. Freeze it into a firmware, or compile it with mpy-cross.

    python tools/pack.py firmware/apps/files/www build/www.py

    import www
    files.serve(c, hm, www)         # or: return files.send(www, rest)

A file gets a .gz twin if gzip makes it smaller by a tenth or more. Hidden files and links are left out. The same folder gives the same
module, byte by byte: a hash of the file stands in place of its time, so the ETag changes when the file changes.
"""

import gzip
import hashlib
import sys
from pathlib import Path

CODE = '''
# The functions that mungo.http.files calls on a root: as in os, but paths start with a slash.
import errno
import io


def stat(path):
    if path[1:] in FILES:
        stamp, data = FILES[path[1:]]
        return 0x8000, 0, 0, 0, 0, 0, len(data), stamp, stamp, stamp
    if path == "/" or any(name.startswith(path[1:] + "/") for name in FILES):
        return 0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0
    raise OSError(errno.ENOENT)


def open(path, mode="rb"):
    return io.BytesIO(FILES[path[1:]][1])


def ilistdir(path):
    start = path.strip("/") + "/" if path != "/" else ""
    seen = set()
    for name in FILES:
        if name.startswith(start):
            part, is_folder, _ = name[len(start) :].partition("/")
            if part not in seen:
                seen.add(part)
                yield part, 0x4000 if is_folder else 0x8000, 0
'''


class PackError(Exception):
    pass


def collect(folder):
    """{name: bytes} of the files in a folder and of their .gz twins."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in name.split("/")):
            files[name] = path.read_bytes()
    for name, data in list(files.items()):
        if not name.endswith(".gz") and name + ".gz" not in files:
            packed = gzip.compress(data, 9, mtime=0)
            if len(packed) <= len(data) * 9 // 10:
                files[name + ".gz"] = packed
    return dict(sorted(files.items()))


def pack(folder):
    """The source of the module. Raises PackError if the folder does not exist or is empty."""
    if not folder.is_dir():
        raise PackError(f"{folder}: there is no such folder")
    files = collect(folder)
    if not files:
        raise PackError(f"{folder}: there are no files in it")
    lines = ["# Made by tools/pack.py from %s: %d files, %d bytes." % (folder.name, len(files), sum(map(len, files.values())))]
    lines += ["# {name: (hash in place of a time, bytes)}", "FILES = {"]
    for name, data in files.items():
        # 28 bits are a small integer on every port, and no likely file time.
        lines.append(f"    {name!r}: ({int(hashlib.sha256(data).hexdigest()[:7], 16)}, {data!r}),")
    return "\n".join(lines) + "\n}\n" + CODE


def main(args):
    if len(args) != 2:
        return __doc__
    folder, out = map(Path, args)
    try:
        source = pack(folder)
    except PackError as error:
        return str(error)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(source)
    print(f"{out}: {folder}, {len(source)} bytes of source")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
