"""Write MicroPython to a board: make flash BOARD= DEVICE= [FIRMWARE=file] [VERSION=stable]

Without FIRMWARE, mpflash downloads MicroPython's own release for the board and writes it. With FIRMWARE, that file is written: a .bin
by esptool, a .uf2 by copying it to the drive of a Pico in its boot loader. Both tools have their own virtual environment, .venv-flash.
"""

import argparse
import glob
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import boards
import device
import mpy
from boards import BOARDS, Complaint
from device import say

BIN = mpy.ROOT / ".venv-flash" / "bin"
DRIVES = ("/media/*/{0}", "/media/{0}", "/run/media/*/{0}", "/Volumes/{0}", "/mnt/{0}")
DRIVE_S = 15


def image(board, path):
    """The Path of a firmware file. Raises Complaint if it is not for the board's chip."""
    path = Path(path)
    if not path.is_file():
        raise Complaint(f"FIRMWARE={path}: there is no such file. Leave FIRMWARE out to fetch MicroPython's own release.")
    with open(path, "rb") as file:
        head = file.read(32)
    if board.flash == "uf2":
        if path.suffix != ".uf2" or head[:4] != b"UF2\n":
            raise Complaint(f"FIRMWARE={path} is no UF2 file: {board.name} needs the .uf2 of the same build.")
        found = int.from_bytes(head[28:32], "little")
    else:
        if head[:1] != b"\xe9":
            raise Complaint(f"FIRMWARE={path} is no image for esptool: {board.name} needs the .bin of the same build.")
        found = int.from_bytes(head[12:14], "little")
    if found != board.id:
        right = [one.name for one in BOARDS.values() if one.flash == board.flash and one.id == found]
        raise Complaint(
            f"FIRMWARE={path} is for another chip than {board.name}'s {board.chip}"
            + (f": it is for BOARD={' or '.join(right)}." if right else ".")
            + " Nothing was written."
        )
    return path


def run(*command):
    """Run a tool of .venv-flash and print its output as it comes. Return (exit status, output)."""
    say("+ " + " ".join(map(str, command)))
    said = []
    with subprocess.Popen(
        [BIN / command[0], *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            said.append(line)
            print(line, end="", flush=True)
    return process.returncode, "".join(said)


def check_chip(port, board):
    """Raise Complaint if the MicroPython at this port runs on another chip. A board without MicroPython is accepted."""
    try:
        with device.Device(port) as link:
            say(f"{port}: {link.check(board)}")
    except Complaint as error:
        if "BOARD=" in str(error) and "make flash" not in str(error):
            raise
        say(f"{port}: there is no MicroPython that mungo can use")


def by_esptool(board, port, path):
    chip = board.chip.lower()
    status, said = run("esptool", "--chip", chip, "--port", port, "--baud", "460800", "write-flash", "-z", hex(board.offset), path)
    if status:
        other = re.search(r"[Tt]his chip is (ESP32[-\w]*)", said)
        if other and other[1].replace("-", "").upper() != board.chip:
            right = [one.name for one in BOARDS.values() if one.chip == other[1].replace("-", "").upper()]
            raise Complaint(
                f"At {port} is an {other[1]}, but BOARD={board.name} is a board with {board.chip}"
                + (f": want BOARD={' or '.join(right)}." if right else ".")
            )
        raise Complaint(
            f"esptool could not write to {port}: hold BOOT while you press and release RESET, then do this again. Use a cable "
            "that carries data."
        )


def drive(board):
    """The folder where the drive of a Pico's boot loader is mounted; None if it is not."""
    for pattern in DRIVES:
        for found in glob.glob(pattern.format(board.usual_drive)):
            return Path(found)
    return None


def by_copy(board, port, path):
    """Copy the file to the boot loader's drive. If there is none, start the boot loader of the board at this port first."""
    where = drive(board)
    if not where and port:
        with device.Device(port) as link:
            say(f"{port}: {link.check(board)}; starting its boot loader")
            link.link.exec_raw_no_follow("import machine; machine.bootloader()")
            link.link.in_raw_repl = False
        end = time.monotonic() + DRIVE_S
        while not where and time.monotonic() < end:
            time.sleep(0.2)
            where = drive(board)
    if not where:
        raise Complaint(
            f"There is no drive named {board.usual_drive}: hold BOOTSEL while you plug the board in, mount the drive if your system "
            "does not do so by itself, and do this again."
        )
    say(f"copy {path} to {where}")
    shutil.copyfile(path, where / path.name)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="")
    parser.add_argument("--device", default="")
    parser.add_argument("--firmware", default="")
    parser.add_argument("--version", default="stable", help="version of MicroPython, for example 1.28.0")
    args = parser.parse_args(argv)
    board = boards.named(args.board)
    if not board.flash:
        raise Complaint(f"{board.name} is the machine that you sit at: there is nothing to flash; make run starts mungo here.")
    path = image(board, args.firmware) if args.firmware else None
    if board.flash == "uf2" and not args.device and drive(board):
        port = None  # a Pico in its boot loader has no serial port
    else:
        port = device.find(args.device)
    if path and board.flash == "uf2":
        by_copy(board, port, path)
    elif path:
        check_chip(port, board)
        by_esptool(board, port, path)
    else:
        if port:
            check_chip(port, board)
        where = ["--serial", port] if port else ["--volume", str(drive(board))]
        status, _ = run("mpflash", "--no-interactive", "flash", "--version", args.version, "--board", board.name, *where)
        if status:
            raise Complaint(
                f"mpflash could not put MicroPython {args.version} on {board.name}: see its output above. Without a network, download "
                "the file from micropython.org/download and name it with FIRMWARE=."
            )
    say(f"done: make deploy BOARD={board.name} puts mungo there")
    return 0


if __name__ == "__main__":
    sys.exit(device.main(main))
