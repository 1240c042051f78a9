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
import reach
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


def build(board, app):
    """Build the image and return its path. Raises Complaint if it does not fit the board's partition."""
    left_out = reach.left_out(board, app)
    folder = mpy.ROOT / "build" / "romfs" / board.name
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in deploy.tree(board, app).items():
        if path not in deploy.SOURCES and path.rpartition(".")[0] not in left_out:
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
    parser.add_argument("--app", default="", help="by default the one of a fresh board of this kind, see boards.py")
    args = parser.parse_args(argv)
    board = boards.named(args.board)
    image = build(board, args.app or board.app)
    if args.device:
        mpremote("connect", device.find(args.device), "romfs", "deploy", image)
    return 0


if __name__ == "__main__":
    sys.exit(device.main(main))
