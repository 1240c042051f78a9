"""The boards that boards/ has a folder for, and what the tools need to know about each."""

from dataclasses import dataclass

import mpy

FOLDER = mpy.ROOT / "boards"


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
