"""The boards that have a folder in boards/: port, chip, architecture and flash layout of each."""

# boards/manifest.py runs this file inside MicroPython's build, so it imports nothing but Python's own modules.
import os
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
FOLDER = _ROOT / "boards"
LIMITS = _ROOT / "build" / "limits"
_SHARED = "from shared_limits import *\n"


@dataclass(frozen=True)
class Board:
    name: str
    port: str  # name of MicroPython's port
    chip: str  # the part of `sys.implementation._machine` after "with", without hyphens
    arch: str  # value of mpy-cross's -march
    stubs: str  # folder in typings/
    flash: str = ""  # how firmware is written: "esptool" or "uf2"
    offset: int = 0  # for esptool: address of the firmware in flash
    id: int = 0  # the chip's number in a firmware file: chip id in an ESP32 image header, or UF2 family
    romfs: int = 0  # size of the ROMFS partition in our firmware, bytes
    app: str = "hello"  # the app of a fresh board: the dashboard where the heap has room for it, see docs/dash.md

    @property
    def folder(self):
        return FOLDER / self.name

    @property
    def usual_drive(self):
        return {"RP2040": "RPI-RP2", "RP2350": "RP2350"}[self.chip]

    def limits(self):
        """The text of the limits.py that goes onto the board: the one in its folder, with the family's text for its import."""
        own = (self.folder / "limits.py").read_text()
        return own.replace(_SHARED, (FOLDER / self.port / "shared_limits.py").read_text()) if _SHARED in own else own

    def write_limits(self):
        """Write that text to LIMITS/<name>/limits.py, if it is not there already; return the folder as a str."""
        path = LIMITS / self.name / "limits.py"
        text = self.limits()
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            part.write_text(text)
            os.replace(part, path)
        return str(path.parent)


BOARDS = {
    board.name: board
    for board in (
        Board("ESP32_GENERIC", "esp32", "ESP32", "xtensawin", "esp32", "esptool", 0x1000, 0, 0x20000),
        Board("ESP32_GENERIC_S3", "esp32", "ESP32S3", "xtensawin", "esp32", "esptool", 0, 9, 0x80000),
        Board("ESP32_GENERIC_C3", "esp32", "ESP32C3", "rv32imc", "esp32", "esptool", 0, 5, 0x20000),
        Board("RPI_PICO_W", "rp2", "RP2040", "armv6m", "rp2-rpi_pico_w", "uf2", 0, 0xE48BFF56, 0x20000),
        Board("RPI_PICO2_W", "rp2", "RP2350", "armv7emsp", "rp2-rpi_pico_w", "uf2", 0, 0xE48BFF59, 0x80000, "dashboard"),
        Board("UNIX", "unix", "linux", "x64", "unix"),
    )
}


class Complaint(Exception):
    """A message that says what is wrong and what to do. The tools print it and exit with status 1."""


def named(name):
    """The Board with this name. Raises Complaint if there is none."""
    if not name:
        raise Complaint(f"BOARD is not given: want BOARD=NAME with one of {', '.join(BOARDS)}")
    if name not in BOARDS:
        raise Complaint(f"BOARD={name}: there is no such folder in boards/; there are {', '.join(BOARDS)}")
    return BOARDS[name]
