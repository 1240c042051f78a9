"""The board definitions: what can be known of them without building them and without a board."""

import ast
import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import boards
import lanes
import mpy

ROOT = lanes.ROOT
BOARDS = boards.BOARDS
ESP32 = [name for name, board in BOARDS.items() if board.port == "esp32"]
RP2 = [name for name, board in BOARDS.items() if board.port == "rp2"]
UNTRIED = "Nobody has built this or run it on a board yet"


def limits(name, machine=None):
    """The names of the limits.py that goes onto a board; `machine` is what its firmware says of itself."""

    class System:
        class implementation:
            _machine = machine or ""

    names = {}
    source = BOARDS[name].limits()
    real = sys.modules["sys"]
    sys.modules["sys"] = System
    try:
        exec(source, names)
    finally:
        sys.modules["sys"] = real
    return names


def port_limits(name):
    """The class Limits of lib/mungo/port for this board: {name: value}."""
    tree = ast.parse((ROOT / f"lib/mungo/port/{BOARDS[name].port}.py").read_text())
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Limits")
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in found.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }


@pytest.mark.parametrize("arch", ["armv6m", "armv7emsp", "xtensawin", "rv32imc"])
def test_all_compiles_for_every_architecture(arch, tmp_path):
    made = {}
    for root, folder in ((ROOT, "lib"), (ROOT, "firmware"), (ROOT, "boards")):
        made.update(mpy.build(folder, root=root, out=tmp_path, arch=arch))
    native = [source for source in made if source.stem.endswith("_viper")]
    assert len(made) > 60 and native  # machine code too
    for source, file in made.items():
        head = file.read_bytes()[:4]
        assert head[:2] == b"M\x06" and (head[2] >> 2 != 0) == (source in native), source


def test_the_folders_are_the_boards():
    folders = {path.parent.name for path in (ROOT / "boards").glob("*/limits.py")}
    assert folders == set(BOARDS)
    table = (ROOT / "boards/README.md").read_text()
    for name in BOARDS:
        assert f"| [{name}]({name})" in table


@pytest.mark.parametrize("name", BOARDS)
def test_what_nobody_has_tried_says_so(name):
    for path in BOARDS[name].folder.iterdir():
        if path.suffix in (".cmake", ".h", ".csv", ".board") or path.name == "manifest.py" and name != "UNIX":
            assert UNTRIED in path.read_text(), path
    if name != "UNIX":
        assert "not tried on a board" in (BOARDS[name].folder / "limits.py").read_text()
    for family in ("esp32", "rp2"):
        for path in (ROOT / "boards" / family).iterdir():
            assert UNTRIED in path.read_text(), path


@pytest.mark.parametrize("name", BOARDS)
def test_limits_of_stock_firmware_are_those_of_the_port(name):
    stock, port = limits(name), port_limits(name)
    assert stock["OURS"] is False
    assert {key: port[key] for key in stock["MANAGER"] if key in port} == {
        key: value for key, value in stock["MANAGER"].items() if key in port
    }
    assert set(stock["MANAGER"]) <= set(port) | {"rx_bytes"}
    assert {"SOCKETS", "WORKERS", "BELL", "LED", "LED_ON", "NEOPIXEL", "BUTTON", "BUTTON_DOWN"} <= set(stock)


@pytest.mark.parametrize("name", [*ESP32, *RP2])
def test_our_firmware_is_known_by_its_name_and_has_more_sockets(name):
    header = (BOARDS[name].folder / "mpconfigboard.h").read_text()
    said = re.search(r'#define MICROPY_HW_BOARD_NAME "(.*)"', header)[1]
    ours, stock = limits(name, f"{said} with {BOARDS[name].chip}"), limits(name)
    assert ours["OURS"] and ours["SOCKETS"] > stock["SOCKETS"]
    assert ours["MANAGER"]["max_conns"] > stock["MANAGER"]["max_conns"]
    if BOARDS[name].port == "rp2":
        sockets = re.search(r"#define MEMP_NUM_TCP_PCB \((\d+)\)", header)[1]
        assert ours["BELL"] == "ring"
    else:
        sockets = re.search(r"CONFIG_LWIP_MAX_SOCKETS=(\d+)", (ROOT / "boards/esp32/sdkconfig.board").read_text())[1]
    assert ours["SOCKETS"] == int(sockets)


@pytest.mark.parametrize("name", ESP32)
def test_esp32_has_a_tick_of_a_millisecond_and_partitions_that_fit(name):
    family, build = ROOT / "boards/esp32", (BOARDS[name].folder / "mpconfigboard.cmake").read_text()
    assert "CONFIG_FREERTOS_HZ=1000\n" in (family / "sdkconfig.board").read_text()
    assert "set(MUNGO_PARTITIONS " in build.partition("include(${MICROPY_BOARD_DIR}/../esp32/shared.cmake)")[0]
    partitions = (family / re.search(r"set\(MUNGO_PARTITIONS (\S+)\)", build)[1]).read_text()
    rows = [line.replace(" ", "").split(",") for line in partitions.splitlines() if line[:1] not in "#"]
    end = 0x9000
    for row in rows:
        start, size = int(row[3], 16), int(row[4], 16)
        assert start == end and size % 0x1000 == 0, row
        assert row[1] != "app" or start % 0x10000 == 0
        end = start + size
    assert end == int(re.search(r"flash of (\d+) MB", partitions)[1]) << 20 == int(re.search(r"(\d+) MB of flash", build)[1]) << 20
    # The flash that the build is told of: MicroPython's base configuration says 4 MB.
    told = "CONFIG_ESPTOOLPY_FLASHSIZE_4MB=y\n"
    if "list(APPEND SDKCONFIG_DEFAULTS ${MICROPY_BOARD_DIR}/sdkconfig.board)\n" in build:
        told += (BOARDS[name].folder / "sdkconfig.board").read_text()
    sizes = dict(re.findall(r"^CONFIG_ESPTOOLPY_FLASHSIZE_(\d+)MB=(\w)$", told, re.M))
    assert [int(size) << 20 for size, is_chosen in sizes.items() if is_chosen == "y"] == [end]
    assert int([row for row in rows if row[0] == "romfs"][0][4], 16) == BOARDS[name].romfs


@pytest.mark.parametrize("name", RP2)
def test_pico_has_more_connections_and_a_loopback_that_is_off(name):
    header = (BOARDS[name].folder / "mpconfigboard.h").read_text()
    assert header.rstrip().endswith('#include "../rp2/shared.h"')
    header += (ROOT / "boards/rp2/shared.h").read_text()
    build = (BOARDS[name].folder / "mpconfigboard.cmake").read_text()
    assert int(re.search(r"ROMFS_BYTES \((\d+) \* 1024\)", header)[1]) * 1024 == BOARDS[name].romfs
    assert int(re.search(r"set\(MICROPY_HW_ROMFS_BYTES (\d+)\)", build)[1]) == BOARDS[name].romfs
    # RP2 refuses (RST) a client for which there is no room in the backlog: so it has as many places as there are connections.
    assert limits(name, "Pico, mungo with RP2")["MANAGER"]["backlog"] == int(re.search(r"#define MEMP_NUM_TCP_PCB \((\d+)\)", header)[1])
    assert limits(name)["MANAGER"]["backlog"] == port_limits(name)["backlog"] == 8
    for define in ("MEM_SIZE", "TCP_MSS", "TCP_WND", "TCP_SND_BUF", "MEMP_NUM_TCP_SEG", "PBUF_POOL_SIZE"):
        assert f"#define {define} (" in header  # who defines the first has to define them all
    assert "#define MUNGO_LOOPBACK (0)" in (ROOT / "boards/rp2/loopback.h").read_text()
    assert header.count("Cost:") >= 4


@pytest.mark.parametrize("name", BOARDS)
def test_a_manifest_has_micropythons_own_and_mungo_and_one_limits(name):
    included, frozen = [], []

    def include(path, **options):
        if path.startswith("$(PORT_DIR)/"):
            return included.append(path)
        path = Path(path).resolve()
        included.append(path.relative_to(ROOT).as_posix())
        if path != ROOT / "manifest.py":
            names = {"include": include, "module": lambda *args: frozen.append(args), "options": SimpleNamespace(**options)}
            with contextlib.chdir(path.parent):  # as in MicroPython's build
                exec(path.read_text(), names)

    include(str(BOARDS[name].folder / "manifest.py"))
    assert included[1].startswith("$(PORT_DIR)/")
    assert [included[0], *included[2:]] == [f"boards/{name}/manifest.py", "boards/manifest.py", "manifest.py"]
    [(file, folder)] = frozen
    assert file == "limits.py" and (Path(folder) / file).read_text() == BOARDS[name].limits()


def test_limits_are_written_without_any_other_tool():
    code = f"import runpy; print(runpy.run_path({str(ROOT / 'tools/boards.py')!r})['BOARDS']['RPI_PICO_W'].write_limits())"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert (Path(done.stdout.strip()) / "limits.py").read_text() == BOARDS["RPI_PICO_W"].limits()


@pytest.mark.parametrize("name", BOARDS)
def test_limits_are_one_file_that_starts_with_the_boards_docstring(name):
    text, own = BOARDS[name].limits(), (BOARDS[name].folder / "limits.py").read_text()
    assert "shared_limits" not in text and text.splitlines()[0] == own.splitlines()[0]
    assert set(limits(name)) - {"__builtins__", "__doc__", "sys"} == set(
        "OURS BELL SOCKETS MANAGER WORKERS LED LED_ON NEOPIXEL BUTTON BUTTON_DOWN".split()
    )
    assert len(limits(name)["MANAGER"]) >= 11


def test_limits_are_written_anew_only_when_they_have_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(boards, "LIMITS", tmp_path)
    path = Path(BOARDS["RPI_PICO_W"].write_limits()) / "limits.py"
    os.utime(path, (1, 1))  # a newer time would compile it anew in every build
    BOARDS["RPI_PICO_W"].write_limits()
    assert path.stat().st_mtime == 1
    path.write_text("old")
    BOARDS["RPI_PICO_W"].write_limits()
    assert path.read_text() == BOARDS["RPI_PICO_W"].limits()


# Else a client behind two that never ask is refused in the moment in which the second one makes room.
@pytest.mark.parametrize("port", ["esp32", "rp2", "unix"])
def test_who_never_asks_makes_room_well_before_those_behind_are_refused(port):
    source = (ROOT / f"lib/mungo/port/{port}.py").read_text()
    ask_ms, busy_ms = (int(re.search(rf"^    {name} = (\d+)", source, re.M)[1]) for name in ("ask_ms", "busy_ms"))
    assert ask_ms <= busy_ms * 3 // 4
