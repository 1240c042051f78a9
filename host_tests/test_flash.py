"""make flash, firmware, romfs and repl: what they would run, and the sentence for whatever is wrong. Nothing is flashed here."""

import ast
import sys

import pytest

import device
import firmware
import flash
import lanes
import mpy
import packages
import pty_board
import reach
import romfs
from boards import BOARDS, Complaint
from making import make

ROOT = lanes.ROOT


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """tools(name, script): what stands in for esptool or mpflash; it appends its arguments to the file `calls`."""
    monkeypatch.setattr(flash, "BIN", tmp_path / "bin")
    (tmp_path / "bin").mkdir()
    calls = tmp_path / "calls"

    def make(name, script="exit 0"):
        tool = tmp_path / "bin" / name
        tool.write_text(f'#!/bin/sh\necho "$0 $@" >> {calls}\n{script}\n')
        tool.chmod(0o755)
        return lambda: calls.read_text() if calls.exists() else ""

    return make


def esp_image(path, chip):
    path.write_bytes(b"\xe9" + bytes(11) + chip.to_bytes(2, "little") + bytes(100))
    return path


def uf2_image(path, family):
    path.write_bytes(b"UF2\n" + bytes(24) + family.to_bytes(4, "little") + bytes(480))
    return path


@pytest.fixture
def quiet(monkeypatch):
    """A board on which there is no MicroPython yet."""

    def silent(self):
        raise Complaint("put MicroPython on it with make flash BOARD=")

    monkeypatch.setattr(device.Device, "__enter__", silent)


def said(capsys, *args):
    """flash's complaint: one sentence, or a few."""
    assert device.main(flash.main, [str(arg) for arg in args]) == 1
    return capsys.readouterr().err


def test_without_a_board(plugged, tools, capsys):
    calls = tools("mpflash")
    assert said(capsys, "--board", "ESP32_GENERIC").startswith("No board is to be seen at USB: plug one in")
    assert calls() == ""


def test_with_two_boards(plugged, tools, capsys):
    calls = tools("mpflash")
    plugged("/dev/ttyUSB0", "/dev/ttyUSB1")
    assert "There are 2 boards: /dev/ttyUSB0 (x x), /dev/ttyUSB1 (x x). Say which one with DEVICE=." in said(
        capsys, "--board", "ESP32_GENERIC"
    )
    assert calls() == ""


def test_with_a_missing_file(plugged, tools, capsys, tmp_path):
    plugged("/dev/ttyUSB0")
    missing = tmp_path / "none.bin"
    assert said(capsys, "--board", "ESP32_GENERIC", "--firmware", missing) == (
        f"FIRMWARE={missing}: there is no such file. Leave FIRMWARE out to fetch MicroPython's own release.\n"
    )


def test_with_the_firmware_of_another_chip(plugged, tools, capsys, tmp_path):
    plugged("/dev/ttyUSB0")
    file = esp_image(tmp_path / "s3.bin", 9)
    assert "is for another chip than ESP32_GENERIC's ESP32: it is for BOARD=ESP32_GENERIC_S3. Nothing was written." in said(
        capsys, "--board", "ESP32_GENERIC", "--firmware", file
    )
    file = uf2_image(tmp_path / "pico2.uf2", BOARDS["RPI_PICO2_W"].id)
    assert "it is for BOARD=RPI_PICO2_W" in said(capsys, "--board", "RPI_PICO_W", "--firmware", file)
    assert "is no UF2 file" in said(capsys, "--board", "RPI_PICO_W", "--firmware", tmp_path / "s3.bin")
    assert "is no image for esptool" in said(capsys, "--board", "ESP32_GENERIC", "--firmware", file)


def test_with_another_chip_that_runs_micropython(plugged, tools, capsys, tmp_path):
    calls = tools("mpflash")
    board = pty_board.PtyBoard(tmp_path / "flash")
    try:
        assert "BOARD=ESP32_GENERIC is a board with ESP32, but at" in said(
            capsys, "--board", "ESP32_GENERIC", "--device", board.device
        )
    finally:
        board.close()
    assert calls() == ""


def test_with_another_chip_that_is_empty(plugged, tools, capsys, tmp_path, quiet):
    plugged("/dev/ttyUSB0")
    calls = tools("esptool", "echo 'A fatal error occurred: This chip is ESP32-C3, not ESP32. Wrong chip argument?'; exit 2")
    file = esp_image(tmp_path / "esp32.bin", 0)
    assert said(capsys, "--board", "ESP32_GENERIC", "--firmware", file) == (
        "At /dev/ttyUSB0 is an ESP32-C3, but BOARD=ESP32_GENERIC is a board with ESP32: want BOARD=ESP32_GENERIC_C3.\n"
    )
    assert "--chip esp32 --port /dev/ttyUSB0 --baud 460800 write-flash -z 0x1000" in calls()


def test_a_file_goes_by_esptool_and_a_release_by_mpflash(plugged, tools, capsys, tmp_path, quiet):
    plugged("/dev/ttyACM3")
    calls = tools("esptool")
    file = esp_image(tmp_path / "c3.bin", 5)
    assert device.main(flash.main, ["--board", "ESP32_GENERIC_C3", "--firmware", str(file)]) == 0
    assert calls().endswith(f"--chip esp32c3 --port /dev/ttyACM3 --baud 460800 write-flash -z 0x0 {file}\n")
    tools("mpflash")
    assert device.main(flash.main, ["--board", "RPI_PICO_W", "--version", "1.28.0"]) == 0
    assert calls().endswith("mpflash --no-interactive flash --version 1.28.0 --board RPI_PICO_W --serial /dev/ttyACM3\n")
    assert "done: make deploy BOARD=RPI_PICO_W puts mungo there" in capsys.readouterr().out
    tools("mpflash", "exit 1")
    assert "mpflash could not put MicroPython stable on RPI_PICO_W" in said(capsys, "--board", "RPI_PICO_W")
    tools("esptool", "echo 'Failed to connect'; exit 2")
    assert "hold BOOT while you press and release RESET" in said(capsys, "--board", "ESP32_GENERIC_C3", "--firmware", file)


def test_a_uf2_goes_to_the_drive(plugged, tools, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(flash, "DRIVES", (str(tmp_path / "media" / "{0}"),))
    monkeypatch.setattr(flash, "DRIVE_S", 0.1)
    file = uf2_image(tmp_path / "pico.uf2", BOARDS["RPI_PICO_W"].id)
    assert "No board is to be seen at USB" in said(capsys, "--board", "RPI_PICO_W", "--firmware", file)
    (tmp_path / "media" / "RPI-RP2").mkdir(parents=True)
    assert device.main(flash.main, ["--board", "RPI_PICO_W", "--firmware", str(file)]) == 0
    assert (tmp_path / "media/RPI-RP2/pico.uf2").read_bytes() == file.read_bytes()


def test_a_pico_whose_drive_does_not_come(tmp_path, monkeypatch):
    monkeypatch.setattr(flash, "DRIVES", ())
    with pytest.raises(Complaint, match="There is no drive named RPI-RP2: hold BOOTSEL while you plug the board in"):
        flash.by_copy(BOARDS["RPI_PICO_W"], None, tmp_path / "x.uf2")


@pytest.mark.parametrize(
    "args, sentence",
    [
        (["flash", "BOARD=ESP32_GENERIC", "DEVICE=/dev/ttyUSB77"], "DEVICE=/dev/ttyUSB77: there is no such serial port."),
        (["flash"], "BOARD is not given"),
        (["flash", "BOARD=UNIX"], "UNIX is the machine that you sit at: there is nothing to flash"),
        (["flash", "BOARD=RPI_PICO_W", "FIRMWARE=none.uf2"], "FIRMWARE=none.uf2: there is no such file"),
        (["deploy", "BOARD=RPI_PICO_W", "APP=hello", "DEVICE=/dev/ttyACM77"], "DEVICE=/dev/ttyACM77: there is no such serial port."),
        (["repl", "DEVICE=/dev/ttyACM77"], "DEVICE=/dev/ttyACM77: there is no such serial port."),
        (["device-test", "BOARD=UNIX", "DEVICE=/dev/ttyACM77"], "DEVICE=/dev/ttyACM77: there is no such serial port."),
        (["device-test", "BOARD=UNIX", "TESTS=test_none"], "TESTS: there is no test_none in host_tests/unit"),
        (["clean-board", "BOARD=UNIX", "DEVICE=/dev/ttyACM77"], "DEVICE=/dev/ttyACM77: there is no such serial port."),
        (["firmware", "BOARD=ESP32_GENERIC"], "MICROPYTHON_DIR is not given"),
        (["firmware", "BOARD=ESP32_GENERIC", "MICROPYTHON_DIR=/"], "MICROPYTHON_DIR=/ is no clone of MicroPython"),
        (["romfs", "BOARD=NONE"], "BOARD=NONE: there is no such folder in boards/"),
    ],
    ids=lambda value: "-".join(value[:2]).replace("/", "_") if isinstance(value, list) else "",
)
def test_make_says_what_is_wrong_and_fails(args, sentence):
    done = make(*args)
    assert done.returncode != 0
    assert done.stderr.startswith(sentence), done
    assert "Traceback" not in done.stderr


def test_firmware_runs_micropythons_own_build_with_our_board(tmp_path, capsys, monkeypatch):
    for port in ("esp32", "rp2", "unix"):
        folder = tmp_path / "ports" / port
        folder.mkdir(parents=True)
        (folder / "Makefile").write_text("all:\n\t@echo '$(BOARD) $(BOARD_DIR) $(FROZEN_MANIFEST) $(MPY_CROSS_FLAGS)' > said\n")
    args = "--micropython-dir", str(tmp_path), "--board"
    monkeypatch.setattr(firmware.shutil, "which", lambda tool: None)
    assert device.main(firmware.main, [*args, "ESP32_GENERIC"]) == 1
    assert "idf.py is not to be found: building for ESP32_GENERIC needs ESP-IDF's environment" in capsys.readouterr().err
    monkeypatch.setattr(firmware.shutil, "which", lambda tool: tool)
    for name, option in (("RPI_PICO_W", " BOARD=RPI_PICO_W"), ("UNIX", "")):
        assert device.main(firmware.main, [*args, name]) == 1
        port = tmp_path / "ports" / BOARDS[name].port
        assert f"has no submodules yet: run make -C {port}{option} submodules first" in capsys.readouterr().err
    (tmp_path / "lib/micropython-lib/python-stdlib").mkdir(parents=True)
    for name, board in BOARDS.items():
        assert device.main(firmware.main, [*args, name]) == 0
        told = (tmp_path / "ports" / board.port / "said").read_text().split()
        assert told == ([name, str(board.folder)] if board.port != "unix" else [str(board.folder / "manifest.py"), "-march=x64"])
    (tmp_path / "ports/unix/Makefile").write_text("all:\n\t@false\n")
    assert device.main(firmware.main, [*args, "UNIX"]) == 1
    assert "MicroPython's build ended with status 2" in capsys.readouterr().err


def test_romfs_is_an_image_that_fits(capsys, monkeypatch):
    for name in ("RPI_PICO_W", "ESP32_GENERIC"):
        assert device.main(romfs.main, ["--board", name, "--app", "blink"]) == 0
        image = (ROOT / f"build/romfs/{name}.romfs").read_bytes()
        assert image[:3] == b"\xd2\xcd\x31" and len(image) <= BOARDS[name].romfs
        for file in (b"loop.mpy", b"blink", b"limits.mpy"):
            assert file in image
        assert b"main.py" not in image
    monkeypatch.setattr(romfs.boards, "named", lambda name: BOARDS["RPI_PICO_W"].__class__(**{**vars(BOARDS["UNIX"]), "romfs": 1000}))
    assert device.main(romfs.main, ["--board", "UNIX"]) == 1
    assert "the partition of UNIX 1000" in capsys.readouterr().err


def test_romfs_on_firmware_without_a_partition(tmp_path, capsys):
    board = pty_board.PtyBoard(tmp_path / "flash")
    try:
        assert device.main(romfs.main, ["--board", "UNIX", "--device", board.device]) == 1
    finally:
        board.close()
    assert "Only firmware with a ROMFS partition takes an image" in capsys.readouterr().err


def test_repl_is_mpremotes(monkeypatch):
    import repl

    ran = []
    monkeypatch.setattr(repl.subprocess, "call", lambda command: ran.append(command) or 0)
    monkeypatch.setattr(device, "find", lambda name: name or "/dev/ttyACM0")
    assert device.main(repl.main, []) == 0
    assert ran == [[sys.executable, "-m", "mpremote", "connect", "/dev/ttyACM0", "resume", "repl"]]


def test_romfs_has_what_the_app_can_reach():
    unused = {app: reach.unused(app) for app in ("blink", "ws_chat", "sse_clock", "with_asyncio", "http_fetch")}
    for app, needed in (
        ("ws_chat", "mungo/ws/__init__.py"),
        ("sse_clock", "mungo/sse.py"),
        ("with_asyncio", "mungo/aio.py"),
        ("blink", "mungo/app/app.py"),
        ("blink", "mungo/threads/pool.py"),
        ("blink", "mungo/http/multipart.py"),
    ):
        assert needed not in unused[app], (app, needed)
    assert {"mungo/app/testing.py", "mungo/app/sessions.py", "mungo/ws/__init__.py", "mungo/sse.py"} <= unused["blink"]
    assert {"mungo/http/client.py", "mungo/tls/connection.py", "mungo/app/tasks.py"} <= unused["blink"]
    assert not {"mungo/http/client.py", "mungo/http/urls.py", "mungo/tls/connection.py"} & unused["http_fetch"]
    assert "mungo/app/tasks.py" not in unused["with_asyncio"]


@pytest.mark.parametrize("app", [path.parent.name for path in sorted((mpy.ROOT / "firmware/apps").glob("*/__init__.py"))])
def test_nothing_in_a_romfs_image_begins_with_an_import_that_is_left_out(app):
    lib = mpy.ROOT / "lib"
    unused = reach.unused(app)
    for name in set(packages.files(lib)) - unused:
        tree = ast.parse((lib / name).read_text())
        tree.body = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        broken = packages.imports_of(tree, name) & unused
        assert not broken, (name, broken)
