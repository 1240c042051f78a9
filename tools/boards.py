"""The boards that boards/ has a folder for, and what the tools need to know about each."""

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
    port: str  # MicroPython's
    chip: str  # as `sys.implementation._machine` has it behind "with", without hyphens
    arch: str  # mpy-cross's -march
    stubs: str  # the folder of typings/
    flash: str = ""  # how firmware gets there: esptool or uf2
    offset: int = 0  # esptool: where the firmware begins
    id: int = 0  # what a firmware file says of its chip: the image header's chip id, or UF2's family
    romfs: int = 0  # bytes, in our own firmware

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
        Board("RPI_PICO2_W", "rp2", "RP2350", "armv7emsp", "rp2-rpi_pico_w", "uf2", 0, 0xE48BFF59, 0x80000),
        Board("UNIX", "unix", "linux", "x64", "unix"),
    )
}


class Complaint(Exception):
    """What is wrong and what to do, in a sentence: the tools print it and end with status 1."""


def named(name):
    """The Board of this name; Complaint if there is none."""
    if not name:
        raise Complaint(f"BOARD is not given: want BOARD=NAME with one of {', '.join(BOARDS)}")
    if name not in BOARDS:
        raise Complaint(f"BOARD={name}: there is no such folder in boards/; there are {', '.join(BOARDS)}")
    return BOARDS[name]
