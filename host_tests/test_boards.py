"""The board definitions: what can be known of them without building them and without a board."""

import ast
import re
import sys

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
    """The names of a board's limits.py; `machine` is what its firmware says of itself."""

    class System:
        class implementation:
            _machine = machine or ""

    names = {}
    source = (BOARDS[name].folder / "limits.py").read_text()
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
    for path in (ROOT / "boards/rp2").iterdir():
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
        sockets = re.search(r"CONFIG_LWIP_MAX_SOCKETS=(\d+)", (BOARDS[name].folder / "sdkconfig.board").read_text())[1]
    assert ours["SOCKETS"] == int(sockets)


@pytest.mark.parametrize("name", ESP32)
def test_esp32_has_a_tick_of_a_millisecond_and_partitions_that_fit(name):
    folder = BOARDS[name].folder
    assert "CONFIG_FREERTOS_HZ=1000\n" in (folder / "sdkconfig.board").read_text()
    rows = [line.replace(" ", "").split(",") for line in (folder / "partitions.csv").read_text().splitlines() if line[:1] not in "#"]
    end = 0x9000
    for row in rows:
        start, size = int(row[3], 16), int(row[4], 16)
        assert start == end and size % 0x1000 == 0, row
        assert row[1] != "app" or start % 0x10000 == 0
        end = start + size
    flash = int(re.search(r"flash of (\d+) MB", (folder / "partitions.csv").read_text())[1])
    assert end == flash << 20
    assert int([row for row in rows if row[0] == "romfs"][0][4], 16) == BOARDS[name].romfs


@pytest.mark.parametrize("name", RP2)
def test_pico_has_more_connections_and_a_loopback_that_is_off(name):
    header = (BOARDS[name].folder / "mpconfigboard.h").read_text()
    assert int(re.search(r"ROMFS_BYTES \((\d+) \* 1024\)", header)[1]) * 1024 == BOARDS[name].romfs
    for define in ("MEM_SIZE", "TCP_MSS", "TCP_WND", "TCP_SND_BUF", "MEMP_NUM_TCP_SEG", "PBUF_POOL_SIZE"):
        assert f"#define {define} (" in header  # who defines the first has to define them all
    assert "#define MUNGO_LOOPBACK (0)" in (ROOT / "boards/rp2/loopback.h").read_text()
    assert header.count("Cost:") >= 4


@pytest.mark.parametrize("name", BOARDS)
def test_a_manifest_has_micropythons_own_and_mungo(name):
    called = []
    names = {word: lambda *args, _word=word: called.append((_word, *args)) for word in ("include", "module")}
    folder = BOARDS[name].folder
    exec((folder / "manifest.py").read_text(), names)
    assert called[0][0] == "include" and called[0][1].startswith("$(PORT_DIR)/")
    assert called[1:] == [("include", "../../manifest.py"), ("module", "limits.py")]
    assert (folder / called[1][1]).resolve() == ROOT / "manifest.py"
