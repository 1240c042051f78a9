"""Build MicroPython with mungo frozen in: make firmware BOARD= MICROPYTHON_DIR=

MICROPYTHON_DIR is a clone of MicroPython with its submodules. The tool runs MicroPython's own build there, with the board's folder in
boards/. ESP32 needs ESP-IDF's environment (`. export.sh`), RP2 needs cmake and arm-none-eabi-gcc, UNIX needs a C compiler.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import boards
import device
from boards import Complaint
from device import say

_NEEDS = {
    "esp32": ("idf.py", "ESP-IDF's environment: run `. export.sh` in ESP-IDF's folder first"),
    "rp2": ("arm-none-eabi-gcc", "the compiler arm-none-eabi-gcc and cmake: install your system's packages for them"),
    "unix": ("cc", "a C compiler: install your system's package for it"),
}
_RESULT = {"esp32": "firmware.bin", "rp2": "firmware.uf2"}


def command(board, root):
    """(command of the build, path of its result)"""
    port = root / "ports" / board.port
    if board.port == "unix":
        # The unix port names no architecture to mpy-cross, which then refuses mungo's machine code.
        options = [f"FROZEN_MANIFEST={board.folder / 'manifest.py'}", f"MPY_CROSS_FLAGS=-march={board.arch}"]
        return ["make", "-C", str(port), *options], port / "build-standard" / "micropython"
    build = port / f"build-{board.name}"
    return ["make", "-C", str(port), f"BOARD={board.name}", f"BOARD_DIR={board.folder}"], build / _RESULT[board.port]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="")
    parser.add_argument("--micropython-dir", default="")
    args = parser.parse_args(argv)
    board = boards.named(args.board)
    if not args.micropython_dir:
        raise Complaint("MICROPYTHON_DIR is not given: want the folder of a clone of MicroPython.")
    root = Path(args.micropython_dir).expanduser().absolute()
    if not (root / "ports" / board.port / "Makefile").is_file():
        raise Complaint(f"MICROPYTHON_DIR={root} is no clone of MicroPython: it has no ports/{board.port}/Makefile.")
    tool, what = _NEEDS[board.port]
    if not shutil.which(tool):
        raise Complaint(f"{tool} is not to be found: building for {board.name} needs {what}.")
    if not any((root / "lib" / "micropython-lib").glob("*")):
        name = "" if board.port == "unix" else f" BOARD={board.name}"
        raise Complaint(f"{root} has no submodules yet: run make -C {root}/ports/{board.port}{name} submodules first.")
    line, result = command(board, root)
    say("+ " + " ".join(line))
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BOARD")}
    status = subprocess.run(line, env=own).returncode
    if status:
        raise Complaint(f"MicroPython's build ended with status {status}: see its output above.")
    say(f"{result}: make flash BOARD={board.name} FIRMWARE={result}" if board.flash else f"{result}")
    return 0


if __name__ == "__main__":
    sys.exit(device.main(main))
