"""The boards that have a folder in boards/: port, chip, architecture and flash layout of each."""

from dataclasses import dataclass

import mpy

FOLDER = mpy.ROOT / "boards"


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
    """A message that says what is wrong and what to do. The tools print it and exit with status 1."""


def named(name):
    """The Board with this name. Raises Complaint if there is none."""
    if not name:
        raise Complaint(f"BOARD is not given: want BOARD=NAME with one of {', '.join(BOARDS)}")
    if name not in BOARDS:
        raise Complaint(f"BOARD={name}: there is no such folder in boards/; there are {', '.join(BOARDS)}")
    return BOARDS[name]
