"""Copy mungo, the firmware and one app to a board over its serial port: make deploy BOARD= DEVICE= APP=

lib/ and firmware/ are compiled for the board's chip. main.py and boot.py stay source, because MicroPython looks for them by name.
Only files whose SHA-256 differs are copied. Each copy gets another name first, is checked on the board and then renamed, so a pulled
cable or a power cut leaves whole files, old or new. The tool removes files in lib/mungo and in the app's folder that this tree does
not have, and a .py next to a .mpy of the same name, because MicroPython would load the .py. It touches nothing else on the board.
Of the library the board gets what the app can reach, see reach.py; with ALL=1 all of it.
If mungo is frozen into the firmware, lib/ is left out, and an earlier copy of it is removed.
"""

import argparse
import hashlib
import json
import sys

import boards
import device
import key
import mpy
import reach
from boards import Complaint
from device import say

SOURCES = ("boot.py", "main.py")
SETTINGS = "settings.json"
PART = ".new"
_NOT_FOR_BOARDS = (".py", ".md", ".svg")  # not copied from firmware/ and its apps; www/ is copied as it is
_DASH = "www/dash/"  # the page of mungo.dash, for apps that import it
_FOR_HOSTS = "host.mpy"  # what main.py does on a host

# Runs on the board: prints the hash of each file in the root and in some folders. Its only buffer has 512 bytes.
_LIST = """
import os, hashlib, binascii
b = bytearray(512)
m = memoryview(b)
def show(p):
    h = hashlib.sha256()
    with open(p, "rb") as f:
        n = f.readinto(b)
        while n:
            h.update(m[:n])
            n = f.readinto(b)
    print(binascii.hexlify(h.digest()).decode(), p)
def walk(d):
    try:
        names = list(os.ilistdir(d) if d else os.ilistdir())
    except OSError:
        return
    for e in names:
        p = d + "/" + e[0] if d else e[0]
        if not e[1] & 0x4000:
            show(p)
        elif d:
            walk(p)
for d in %r:
    walk(d)
"""

# Runs on the board: prints the version of the mungo that is frozen into its firmware, if any is.
_FROZEN = """
import sys
p = sys.path[:]
sys.path[:] = [".frozen"]
try:
    import mungo
    print(mungo.__version__)
except ImportError:
    pass
sys.path[:] = p
"""

_MKDIR = """
import os
for d in %r:
    try:
        os.mkdir(d)
    except OSError as er:
        if er.errno != 17: raise
"""

# Runs on the board: renames a copied file if its hash is right.
_RENAME = """
import os, hashlib, binascii
b = bytearray(512)
h = hashlib.sha256()
with open(%r, "rb") as f:
    n = f.readinto(b)
    while n:
        h.update(memoryview(b)[:n])
        n = f.readinto(b)
d = binascii.hexlify(h.digest()).decode()
print(d)
if d == %r:
    os.rename(%r, %r)
"""


# Runs on the board: what the cable has brought runs from here on, in the place of an update. Its number stays, so that no older one comes.
_TAKE_OVER = """
import json, os
try:
    with open("ota.state") as f:
        s = json.load(f)
except (OSError, ValueError):
    s = {}
if s.get("slot") or s.get("next") or s.get("trial"):
    if s["trial"]:
        s["version"] = s["back"][1]
    s.update({"slot": "", "next": 0, "to": "", "trial": False, "error": ""})
    with open("ota.new", "w") as f:
        f.write(json.dumps(s))
    os.rename("ota.new", "ota.state")
    print("the update that ran is switched off: from here on the board runs what was copied")
"""


def apps(root=mpy.ROOT):
    """The sorted names of the apps: the allowed values of APP."""
    return sorted(path.parent.name for path in (root / "firmware/apps").glob("*/__init__.py"))


def tree(board, app, root=mpy.ROOT):
    """{path on the board: bytes} of all files to deploy, in the order of copying: main.py is last, because it uses the rest."""
    if app not in apps(root):
        raise Complaint(f"APP={app}: there is no such folder in firmware/apps/; there are {', '.join(apps(root))}")
    out = mpy.ROOT / "build" / "boards" / board.name if root == mpy.ROOT else root / "build"
    files = {}
    try:
        for source, made in mpy.build("lib", root=root, out=out, arch=board.arch).items():
            files["lib/" + source.relative_to(root / "lib").with_suffix(".mpy").as_posix()] = made
        for source, made in mpy.build("firmware", root=root, out=out, arch=board.arch).items():
            name = source.relative_to(root / "firmware")
            files[(name if name.as_posix() in SOURCES else name.with_suffix(".mpy")).as_posix()] = (
                source if name.as_posix() in SOURCES else made
            )
        if board.folder.exists():
            board.write_limits()
            for made in mpy.build(board.name, root=boards.LIMITS, out=out, arch=board.arch).values():
                files["limits.mpy"] = made
    except mpy.CompileError as error:
        raise Complaint(str(error))
    for source in sorted((root / "firmware").rglob("*")):
        name = source.relative_to(root / "firmware")
        is_wanted = name.parts[0] == "www" or source.suffix not in _NOT_FOR_BOARDS and name.as_posix() != SETTINGS
        if source.is_file() and is_wanted and "__pycache__" not in name.parts:
            files[name.as_posix()] = source
    has_dash = any("mungo.dash" in path.read_text() for path in (root / "firmware/apps" / app).rglob("*.py"))
    files = {
        path: source
        for path, source in files.items()
        if (has_dash or not path.startswith(_DASH))
        and (path != _FOR_HOSTS or board.port == "unix")
        and (not path.startswith("apps/") or path.startswith(f"apps/{app}/") or path.count("/") == 1)
    }
    order = sorted(files, key=lambda path: (path in SOURCES, path))
    return {path: files[path].read_bytes() for path in order}


def chosen(board, app):
    """The part of `tree` that the app can reach."""
    left_out = reach.left_out(board, app, reach.OTA if owner(board) else ())
    return {path: data for path, data in tree(board, app).items() if path.rpartition(".")[0] not in left_out}


def owner(board):
    """{path: bytes} of ota.json, which says whose updates the board takes; none if there is no key."""
    path = key.public(key.DEFAULT)
    if not path.exists():
        return {}
    return {"ota.json": json.dumps({"board": board.name, "key": path.read_text().strip()}).encode()}


def folders(files, app):
    """The folders on the board that only this tool writes to."""
    ours = {"lib/mungo", f"apps/{app}"}
    ours |= {path.split("/")[0] for path in files if "/" in path} - {"lib", "apps"}
    return sorted(ours)


def parents(files):
    """The folders to create, outer ones first."""
    made = set()
    for path in files:
        parts = path.split("/")[:-1]
        made |= {"/".join(parts[: i + 1]) for i in range(len(parts))}
    return sorted(made)


def twin(path):
    """The .py name of a .mpy and the reverse; None for other files. MicroPython loads the .py if both exist."""
    stem, dot, kind = path.rpartition(".")
    return stem + {"py": ".mpy", "mpy": ".py"}[kind] if dot and kind in ("py", "mpy") else None


def listing(link, ours):
    """{path: SHA-256} of the files in the board's root and in these folders."""
    hashes = {}
    for line in link.run(_LIST % (["", *ours],)).splitlines():
        digest, _, path = line.partition(" ")
        hashes[path] = digest
    return hashes


def stale(there, files, ours):
    """The files to remove from the board."""
    twins = {twin(path) for path in files}
    own = tuple(folder + "/" for folder in ours)
    return sorted(
        path
        for path in there
        if path not in files and (path in twins or path.startswith(own) or path.endswith(PART) and path[: -len(PART)] in files)
    )


def put(link, path, data):
    """Copy one file and check its hash on the board. Raises Complaint if two copies are damaged."""
    digest = hashlib.sha256(data).hexdigest()
    for _ in range(2):
        link.write(path + PART, data)
        if link.run(_RENAME % (path + PART, digest, path + PART, path)).strip() == digest:
            return
    raise Complaint(f"Two copies of {path} were damaged: check the cable, and the board's file system (make clean-board).")


def deploy(link, files, ours, settings):
    """Update the board to these files. Return the names of the files that were copied."""
    there = listing(link, ours)
    for path in stale(there, files, ours):
        say(f"remove {path}")
        link.run(f"import os; os.remove({path!r})")
    changed = {path: data for path, data in files.items() if there.get(path) != hashlib.sha256(data).hexdigest()}
    merged = merge(link, settings, SETTINGS in there)
    if merged is not None:
        changed = {SETTINGS: merged, **changed}
    link.run(_MKDIR % (parents(changed),))
    total = sum(len(data) for data in changed.values())
    done = 0
    progress = device.Progress(total)
    for i, (path, data) in enumerate(changed.items(), 1):
        progress.show(done, f"copy {i}/{len(changed)} % {path} ({len(data)} bytes)")
        put(link, path, data)
        done += len(data)
    progress.end()
    there = listing(link, ours) if changed else there
    wrong = [path for path, data in files.items() if there.get(path) != hashlib.sha256(data).hexdigest()]
    if wrong:
        raise Complaint(f"These files on the board differ from the tree after the copy: {', '.join(wrong)}. Do this again.")
    say(f"{len(changed)} copied, {len(files) - len(set(changed) - {SETTINGS})} unchanged; {len(files)} files verified by SHA-256")
    return list(changed)


def merge(link, settings, is_there):
    """The board's settings.json with these settings added, as bytes; None if it has them already."""
    current = {}
    if is_there:
        text = link.run(f"print(open({SETTINGS!r}).read())")
        try:
            current = json.loads(text)
        except ValueError as error:
            raise Complaint(f"{SETTINGS} on the board is not JSON ({error}): repair it with mpremote edit :{SETTINGS}, or remove it.")
    if {**current, **settings} == current:
        return None
    return json.dumps({**current, **settings}).encode()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="")
    parser.add_argument("--device", default="")
    parser.add_argument("--app", default="", help="by default the one of a fresh board of this kind, see boards.py")
    parser.add_argument("--log-s", type=float, default=5, help="seconds of the board's output to show after the reset")
    parser.add_argument("--all", action="store_true", help="the whole library, not what the app can reach")
    parser.add_argument("--clean", action="store_true", help="remove the files that deploy has copied, and copy nothing")
    args = parser.parse_args(argv)
    board = boards.named(args.board)
    app = args.app or board.app
    if args.clean:
        return clean(board, device.find(args.device))
    files = {**owner(board), **(tree if args.all else chosen)(board, app)}
    say(f"{app} for {board.name}: {len(files)} files, {sum(map(len, files.values()))} bytes, native code for {board.arch}")
    port = device.find(args.device)
    with device.Device(port) as link:
        say(f"{port}: {link.check(board)}")
        version = link.run(_FROZEN).strip()
        if version:
            say(f"this firmware has mungo {version} frozen in, so lib/ is not copied")
            files = {path: data for path, data in files.items() if not path.startswith("lib/")}
        deploy(link, files, folders(files, app), {"APP": app})
        link.run(_TAKE_OVER, each=say)
        if args.log_s:
            say(f"the board resets; its output for {args.log_s:g} s follows, Ctrl-C ends that sooner (make repl shows it too):")
            link.reset(args.log_s)
            say("next: make repl shows more of its output; Ctrl-C there stops the program, Ctrl-D starts it again")
    return 0


_CLEAN = """
import os
def clean(d):
    try:
        names = list(os.ilistdir(d))
    except OSError:
        return
    for e in names:
        p = d + "/" + e[0]
        if e[1] & 0x4000:
            clean(p)
        else:
            os.remove(p)
            print("remove", p)
    os.rmdir(d)
for d in %r:
    clean(d)
for p in %r:
    try:
        os.remove(p)
    except OSError:
        continue
    print("remove", p)
print("left on the board:", " ".join(sorted(os.listdir())) or "nothing")
"""


def clean(board, port):
    """Remove mungo, the apps, www/, updates, and the files that deploy copies to the root. settings.json and all other files stay."""
    files = [name for app in apps() for name in tree(board, app) if "/" not in name]
    files += ["ota.json", "ota.state", "ota.new"]
    names = sorted({name for path in files for name in (path, twin(path), path + PART) if name})
    with device.Device(port) as link:
        say(f"{port}: {link.check(board)}")
        link.run(_CLEAN % (["lib/mungo", "apps", "www", "a", "b"], names), each=say)
    return 0


if __name__ == "__main__":
    sys.exit(device.main(main))
