"""Build a ROMFS image of mungo, the firmware's modules and one app: make romfs BOARD= APP= [DEVICE=]

Bytecode in ROMFS runs in place from flash and costs no heap. With DEVICE, the image is written to the board, whose firmware must have
a ROMFS partition: firmware built from boards/ has one, stock firmware has none. main.py and boot.py are not in the image, because
MicroPython wants them as files.
"""

import argparse
import shutil
import subprocess
import sys

import boards
import deploy
import device
import mpy
import packages
from boards import Complaint
from device import say


def mpremote(*args):
    """Run mpremote, print its output and return it. Raises Complaint if mpremote fails."""
    command = [sys.executable, "-m", "mpremote", *map(str, args)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout, end="", flush=True)
    if done.returncode:
        raise Complaint(
            "mpremote failed: see its output above. Only firmware with a ROMFS partition takes an image: make firmware builds it."
        )
    return done.stdout


# Rooms and files of the library of which an image has only what the app imports, and what that imports.
CHOSEN = (
    *("mungo/app/", "mungo/dash/", "mungo/ws/", "mungo/mdns/", "mungo/mqtt/", "mungo/ota/", "mungo/tls/"),
    *(f"mungo/http/{name}.py" for name in ("client", "response_parser", "urls", "upload", "wholefile", "formdata", "to_https")),
    *(f"mungo/{name}.py" for name in ("sse", "aio", "fetch", "auth", "cookies", "cors")),
)
# What the library imports inside a function, for a program that calls that: if no source of the app has one of these words, it is left
# out. The test client is for hosts.
DOORS = {
    "mungo/app/testing.py": (),
    "mungo/app/websocket_routes.py": (".websocket(",),
    "mungo/app/event_routes.py": (".events(",),
    "mungo/app/access_log.py": (".log =",),
    "mungo/app/body_streams.py": ("stream=",),
    "mungo/app/urls.py": ("url_for(", "login"),
    "mungo/app/tasks.py": (".serve(",),
    "mungo/app/held.py": (".serve(",),
    "mungo/app/mounting.py": (".mount(", ".static("),
    "mungo/app/figures.py": (".stats",),
    "mungo/aio.py": (".serve(",),
    "mungo/http/client.py": ("http_connect(", "fetch(", "import fetch"),
    "mungo/tls/__init__.py": ("Tls(",),
    "mungo/ota/__init__.py": ("ota.routes(", "ota.pull("),
    "mungo/ota/pull.py": ("ota.pull(",),
}


def unused(app, always=()):
    """The files of lib/ that an image of this app leaves out, by their names on a board. `always`: what it has in any case."""
    lib = mpy.ROOT / "lib"
    names = packages.files(lib)
    wanted = [name for name in names if not name.startswith(CHOSEN)]
    sources = [*(mpy.ROOT / "firmware").glob("*.py"), *(mpy.ROOT / "firmware" / "apps" / app).rglob("*.py")]
    text = "".join(path.read_text() for path in sources)
    closed = {name for name, words in DOORS.items() if not any(word in text for word in words)} - set(always)
    found = {*wanted, *always}
    for path in sources:
        found |= packages.imports(path, path.relative_to(mpy.ROOT / "firmware").as_posix())
    todo = [name for name in names if name in found and name not in closed]
    wanted = set(todo)
    while todo:
        name = todo.pop()
        parents = {"/".join(name.split("/")[:n]) + "/__init__.py" for n in range(1, name.count("/") + 1)}
        new = ((packages.imports(lib / name, name) | parents) & set(names)) - wanted - closed
        wanted |= new
        todo += new
    return set(names) - wanted


def of_other_ports(board):
    """The files of lib/ that are for another port than this board's."""
    others = {"rp2": ("esp32", "unix", "cpython"), "esp32": ("rp2", "unix", "cpython")}.get(board.port, ())
    return {f"mungo/port/{name}.py" for name in others}


def build(board, app):
    """Build the image and return its path. Raises Complaint if it does not fit the board's partition."""
    left_out = {f"lib/{name.removesuffix('.py')}.mpy" for name in {*unused(app), *of_other_ports(board)}}
    folder = mpy.ROOT / "build" / "romfs" / board.name
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in deploy.tree(board, app).items():
        if path not in deploy.SOURCES and path not in left_out:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    image = folder.with_suffix(".romfs")
    mpremote("romfs", "-o", image, "build", folder)
    size = image.stat().st_size
    if board.romfs and size > board.romfs:
        raise Complaint(f"{image} has {size} bytes, the partition of {board.name} {board.romfs}: remove files from www/.")
    say(f"{image.relative_to(mpy.ROOT)}: {size} bytes of {board.romfs or size}")
    return image


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="")
    parser.add_argument("--device", default="")
    parser.add_argument("--app", default="hello")
    args = parser.parse_args(argv)
    board = boards.named(args.board)
    image = build(board, args.app)
    if args.device:
        mpremote("connect", device.find(args.device), "romfs", "deploy", image)
    return 0


if __name__ == "__main__":
    sys.exit(device.main(main))
