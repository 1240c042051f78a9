"""What make does with a board, against a board of MicroPython's unix port behind a pseudo-terminal and with the real mpremote."""

import hashlib
import http.client
import json
import os
import subprocess
import sys
import time

import pytest

import deploy
import device
import device_test
import lanes
import mpy
import packages
import pty_board
import server
from boards import BOARDS, Complaint
from usb_ports import Port

ROOT = lanes.ROOT
UNIX = BOARDS["UNIX"]
WAIT_S = 20
PICO_W_BLOCKS = 848 // 4  # of 4 KB: its file system with MicroPython's stock firmware
SPARE_BLOCKS = 40  # for settings, uploads, and a file that is written anew


@pytest.fixture
def board(tmp_path):
    made = []

    def make(**options):
        made.append(pty_board.PtyBoard(tmp_path / "flash", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def mpremote(board, *args):
    command = [sys.executable, "-m", "mpremote", "connect", board.device, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def run(tool, *args):
    """A tool's main as make runs it: its status."""
    return device.main(tool.main, [str(arg) for arg in args])


def hashes(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()
    }


def wanted(app="multi_threaded"):
    return {path: hashlib.sha256(data).hexdigest() for path, data in deploy.chosen(UNIX, app).items()}


def has(board, app="multi_threaded"):
    there = hashes(board.folder)
    return {path: there.get(path) for path in wanted(app)} == wanted(app)


# --- the board itself


def test_mpremote_finds_a_board_as_it_knows_them(board, tmp_path):
    one = board()
    said = mpremote(one, "exec", "import sys; print(sys.implementation.name, 6 * 7)")
    assert (said.returncode, said.stdout) == (0, "micropython 42\n"), said
    file = tmp_path / "file.bin"
    file.write_bytes(os.urandom(5000))
    assert mpremote(one, "fs", "cp", str(file), ":copy.bin").returncode == 0
    assert (one.folder / "copy.bin").read_bytes() == file.read_bytes()
    assert "Up to date" in mpremote(one, "fs", "cp", str(file), ":copy.bin").stdout
    assert hashlib.sha256(file.read_bytes()).hexdigest() in mpremote(one, "fs", "sha256sum", "copy.bin").stdout
    said = mpremote(one, "exec", "raise ValueError(7)")
    assert said.returncode != 0 and "ValueError: 7" in said.stdout + said.stderr
    script = tmp_path / "script.py"
    script.write_text("print('ran')\n")
    assert mpremote(one, "run", str(script)).stdout == "ran\n"


def test_a_soft_reset_forgets_and_a_reset_starts_the_program(board):
    one = board()
    (one.folder / "main.py").write_text("open('started', 'a').write('x')\n")
    mpremote(one, "exec", "forgotten = 1")
    assert mpremote(one, "exec", "print(forgotten)").returncode != 0
    assert not (one.folder / "started").exists()  # at the raw REPL a soft reset does not run main.py
    mpremote(one, "reset")
    deadline = time.monotonic() + WAIT_S
    while not (one.folder / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- deploy


def test_deploy_copies_all_then_nothing_then_what_changed(board, capsys):
    one = board()
    args = "--board", "UNIX", "--device", one.device, "--app", "multi_threaded", "--log-s", 0
    assert run(deploy, *args) == 0
    said = capsys.readouterr().out
    assert "copy 1/" in said and "lib/mungo/core/loop.mpy" in said and said.splitlines()[-2].split()[2:4] == ["99%", "main.py"]
    assert has(one)
    assert (one.folder / "main.py").read_bytes() == (ROOT / "firmware/main.py").read_bytes()
    assert not (one.folder / "settings.py").exists() and not list(one.folder.rglob("*.new"))
    before = {path: path.stat().st_mtime_ns for path in one.folder.rglob("*.*")}

    assert run(deploy, *args) == 0
    said = capsys.readouterr().out
    assert "copy" not in said.replace("copied", "") and said.rstrip().endswith("files verified by SHA-256") and "\n0 copied" in said
    assert {path: path.stat().st_mtime_ns for path in one.folder.rglob("*.*")} == before

    (one.folder / "lib/mungo/core/loop.mpy").write_bytes(b"damaged")
    (one.folder / "lib/mungo/gone.mpy").write_bytes(b"from an older tree")
    (one.folder / "lib/mungo/core/url.py").write_bytes(b"would be loaded instead")
    (one.folder / "settings.py").write_bytes(b"so would this")
    (one.folder / "mine.py").write_bytes(b"is somebody's")
    assert run(deploy, *args) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in said if line.startswith("copy")] == ["lib/mungo/core/loop.mpy"]
    removed = [line for line in said if line.startswith("remove")]
    assert removed == ["remove lib/mungo/core/url.py", "remove lib/mungo/gone.mpy", "remove settings.py"]
    assert has(one) and (one.folder / "mine.py").exists()


def test_a_board_gets_what_the_app_can_reach_or_all_of_it(board, capsys):
    one = board()
    args = "--board", "UNIX", "--device", one.device, "--app", "hello", "--log-s", 0
    parts = {name: one.folder / f"lib/mungo/{name}.mpy" for name in ("app/app", "mqtt/connection", "app/sessions")}
    assert run(deploy, *args) == 0
    assert [name for name, path in parts.items() if path.exists()] == ["app/app"]
    assert run(deploy, *args, "--all") == 0
    assert all(path.exists() for path in parts.values())
    assert set(hashes(one.folder)) - {"settings.json"} == set(deploy.tree(UNIX, "hello"))
    assert run(deploy, *args) == 0
    assert "remove lib/mungo/mqtt/connection.mpy" in capsys.readouterr().out


# A file of more than 512 bytes takes whole blocks, and a folder two (littlefs on RP2, with its cache of 1 KB).
@pytest.mark.parametrize("app", deploy.apps())
def test_each_app_fits_the_flash_of_a_pico_w(app):
    files = deploy.chosen(BOARDS["RPI_PICO_W"], app)
    blocks = sum(-(-len(data) // 4096) for data in files.values() if len(data) > 512) + 2 * (len(deploy.parents(files)) + 1)
    assert blocks <= PICO_W_BLOCKS - SPARE_BLOCKS, (blocks, len(files))


@pytest.mark.parametrize("after", [900, 8_000, 40_000, 100_000])
def test_a_cable_pulled_in_mid_copy_and_deployed_again_ends_right(board, capsys, after):
    one = board()
    args = "--board", "UNIX", "--app", "multi_threaded", "--log-s", 0, "--device"
    one.cut(after)
    assert run(deploy, *args, one.device) == 1
    said = capsys.readouterr()
    assert "check the cable and do this again" in said.err, said
    assert not one.is_plugged
    right = wanted()
    for path, digest in hashes(one.folder).items():  # whatever has its own name is whole
        assert path.endswith(".new") or path == deploy.SETTINGS or digest == right[path]
    one.plug()
    assert run(deploy, *args, one.device) == 0
    assert has(one) and not list(one.folder.rglob("*.new"))


def test_make_deploy_starts_the_tutorial(board):
    port = server.free_port()
    one = board(env={"HOST": "127.0.0.1", "PORT": str(port), "DELAY_MS": "100", "APP": "multi_threaded"})
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        ["make", "-o", ".venv/.stamp", "deploy", "BOARD=UNIX", f"DEVICE={one.device}", "APP=multi_threaded", "LOG_S=4"],
        cwd=ROOT,
        env=own,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done
    assert f"mungo {packages.version()}: http://127.0.0.1:{port}/" in done.stdout.partition("Ctrl-C ends that sooner")[2], done.stdout
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    for path, body in (("/fast", None), ("/", b"from a board")):
        connection.request("POST" if body else "GET", path, body)
        assert connection.getresponse().read() == (body or b"hi\n")
    connection.close()
    # A program that runs is interrupted, replaced and started again.
    assert run(deploy, "--board", "UNIX", "--device", one.device, "--app", "multi_threaded", "--log-s", 0.5) == 0


def test_a_board_joins_its_network_and_starts_the_app_of_its_settings(board, capsys):
    port = server.free_port()
    one = board(air={"home": "open sesame"})
    settings = {"WIFI_SSID": "home", "WIFI_PASSWORD": "open sesame", "HOST": "127.0.0.1", "PORT": port, "NTP_HOST": ""}
    (one.folder / "settings.json").write_text(json.dumps(settings))
    assert run(deploy, "--board", "UNIX", "--device", one.device, "--app", "hello", "--log-s", 4) == 0
    said = capsys.readouterr().out
    assert "wifi: home is" in said and f":{port}/" in said, said
    assert json.loads((one.folder / "settings.json").read_text()) == {**settings, "APP": "hello"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    connection.request("GET", "/fast")
    assert connection.getresponse().read() == b"hi\n"
    connection.close()


def test_settings_are_merged_and_nothing_is_lost(board):
    one = board()
    (one.folder / "settings.json").write_text('{"APP": "hello", "WIFI_SSID": "mine"}')
    with device.Device(one.device) as link:
        assert deploy.merge(link, {"APP": "hello"}, True) is None
        assert b'"WIFI_SSID": "mine"' in deploy.merge(link, {"APP": "blink"}, True)
        assert deploy.merge(link, {"APP": "blink"}, False) == b'{"APP": "blink"}'
        (one.folder / "settings.json").write_text("{")
        with pytest.raises(Complaint, match="settings.json on the board is not JSON"):
            deploy.merge(link, {"APP": "blink"}, True)


def test_clean_board_removes_what_deploy_put_there(board, capsys):
    one = board()
    assert run(deploy, "--board", "UNIX", "--device", one.device, "--app", "hello", "--log-s", 0) == 0
    (one.folder / "mine.py").write_text("")
    (one.folder / "lib" / "other.py").write_text("")
    assert run(deploy, "--board", "UNIX", "--device", one.device, "--clean") == 0
    assert "remove lib/mungo/core/loop.mpy" in capsys.readouterr().out
    assert sorted(hashes(one.folder)) == ["lib/other.py", "mine.py", "settings.json"]


def test_a_full_flash_is_said_so_and_leaves_nothing_half_written(board, capsys):
    one = board(env={"ROOM": "60000"})
    args = "--board", "UNIX", "--device", one.device, "--app", "multi_threaded", "--log-s", 0
    assert run(deploy, *args) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"The flash of the board at {one.device} is full: ") and "make clean-board" in said.err, said
    assert "cable" not in said.err and "Traceback" not in said.err
    there = hashes(one.folder)
    assert sum(path.stat().st_size for path in one.folder.rglob("*") if path.is_file()) <= 60000
    right = wanted()
    assert [path for path in there if path != deploy.SETTINGS and there[path] != right.get(path)] == []  # not even a .new
    assert run(deploy, "--board", "UNIX", "--device", one.device, "--clean") == 0
    assert sorted(hashes(one.folder)) == ["settings.json"]


def test_other_errors_of_the_file_system_are_not_the_cables(board):
    one = board()
    with device.Device(one.device) as link, pytest.raises(Complaint, match="The board at .* raised:\nOSError: 2"):
        link.write("no/such/folder", b"data")


def test_firmware_with_mungo_in_it_gets_no_lib(board, capsys, monkeypatch):
    one = board()
    args = "--board", "UNIX", "--device", one.device, "--app", "multi_threaded", "--log-s", 0
    assert run(deploy, *args) == 0
    assert "frozen" not in capsys.readouterr().out  # the unix port's own has none
    assert (one.folder / "lib/mungo/core/loop.mpy").exists()
    # A folder of the board's stands for what is frozen.
    frozen = one.folder.parent / "frozen"
    (one.folder / "lib").rename(frozen)
    (one.folder / "lib/mungo").mkdir(parents=True)
    (one.folder / "lib/mungo/old.mpy").write_bytes(b"from before the firmware")
    (one.folder / "lib/other.py").write_text("")
    monkeypatch.setattr(deploy, "_FROZEN", deploy._FROZEN.replace(".frozen", str(frozen)))
    assert run(deploy, *args) == 0
    said = capsys.readouterr().out
    assert f"this firmware has mungo {packages.version()} frozen in, so lib/ is not copied" in said and "remove lib/mungo/old.mpy" in said
    assert [path for path in hashes(one.folder) if path.startswith("lib/")] == ["lib/other.py"]
    right = wanted()
    assert {path: hashes(one.folder)[path] for path in right if path[:4] != "lib/"} == {
        path: digest for path, digest in right.items() if path[:4] != "lib/"
    }


def test_the_page_of_the_dashboard_goes_with_the_apps_that_import_it(tmp_path):
    texts = {"lib/mungo/__init__.py": "", "firmware/www/style.css": "", "firmware/www/dash/index.html.gz": ""}
    texts |= {"firmware/apps/plain/__init__.py": "import mungo\n", "firmware/apps/shown/__init__.py": "from mungo.dash import Dash\n"}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    pages = {app: [name for name in deploy.tree(UNIX, app, root=tmp_path) if name.startswith("www/")] for app in ("plain", "shown")}
    assert pages == {"plain": ["www/style.css"], "shown": ["www/dash/index.html.gz", "www/style.css"]}


def test_each_board_gets_its_own_machine_code():
    made = {name: deploy.tree(board, "hello") for name, board in BOARDS.items()}
    for name, files in made.items():
        scanner = files["lib/mungo/http/scan_viper.mpy"]
        others = [files["lib/mungo/http/scan_viper.mpy"] for other, files in made.items() if BOARDS[other].arch != BOARDS[name].arch]
        assert scanner not in others
        assert list(files)[-1] == "main.py" and "limits.mpy" in files
        assert not [path for path in files if path.startswith("apps/") and "hello" not in path]
        assert not [path for path in files if path.endswith((".md", ".svg", ".json"))]


# --- device-test


def test_device_test_runs_the_portable_tests_by_name(board, capsys):
    one = board(heap="200k")
    names = "test_parser", "test_parser_bodies", "test_match", "test_url", "test_form", "test_timer", "test_wakeup", "test_pipe"
    assert run(device_test, "--board", "UNIX", "--device", one.device, *names) == 0
    said = capsys.readouterr().out.splitlines()
    passed = [line for line in said if line.startswith("ok ")]
    assert len(passed) >= 80 and len(set(passed)) == len(passed)
    assert f"ok   test_match.{device_test.modules(['test_match'])[0].tests[0]}" in passed
    assert said[-1] == f"{len(passed)} passed, 0 failed, 0 skipped on UNIX"
    assert len(passed) == sum(len(module.tests) for module in device_test.modules(names))


def test_device_test_tells_what_failed_and_what_cannot_run(board, capsys, tmp_path, monkeypatch):
    unit = tmp_path / "unit"
    unit.mkdir()
    (unit / "runner.py").write_bytes((device_test.UNIT / "runner.py").read_bytes())
    (unit / "test_bad.py").write_text(
        "import sys\n\ndef test_a():\n    print('seen')\n    assert 1 == 2\n\n"
        "def test_b():\n    print('not shown')\n\ndef test_c():\n    sys.exit(87)\n    \ndef test_d():\n    pass\n"
    )
    (unit / "test_big.py").write_text('MIN_HEAP = "8m"\n\n\ndef test_e():\n    pass\n')
    (unit / "test_host.py").write_text('LANES = ("cpython", "upy")\n\n\ndef test_f():\n    pass\n')
    monkeypatch.setattr(device_test, "UNIT", unit)
    built = mpy.build
    monkeypatch.setattr(
        device_test.mpy,
        "build",
        lambda folder, **options: built(folder, **{**options, "out": tmp_path / "out"} if folder == "unit" else options),
    )
    one = board()
    assert run(device_test, "--board", "UNIX", "--device", one.device) == 1
    said = capsys.readouterr().out
    assert "FAIL test_bad.test_a" in said and "     seen" in said and "AssertionError" in said
    assert "ok   test_bad.test_b" in said and "not shown" not in said
    assert "not  test_big, 1 tests: it needs a heap of 8388608 bytes" in said
    assert "not  test_host, 1 tests: it is for hosts" in said
    assert "passed, " in said.splitlines()[-1]


def test_an_rp2_runs_no_test_that_needs_a_loopback():
    pico = BOARDS["RPI_PICO_W"]
    runs = [module for module in device_test.modules() if not module.why_not(pico, 190_000, 4)]
    assert sum(len(module.tests) for module in runs) >= 60
    assert not [module.name for module in runs if {"net", "waiting"} & module.imports]


# --- ports and complaints


def test_the_only_board_is_found(board, plugged, capsys):
    one = board()
    plugged(Port(one.device, "Board in FS mode", "MicroPython"))
    assert run(deploy, "--board", "UNIX", "--log-s", 0) == 0
    assert f"board at {one.device} (MicroPython Board in FS mode)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "args, ports, sentence",
    [
        (["--board", "UNIX"], [], "No board is to be seen at USB: plug one in with a cable that carries data"),
        (
            ["--board", "UNIX"],
            [Port("/dev/ttyACM0", "Pico", "MicroPython"), Port("/dev/ttyUSB1", "CP2102", "MicroPython")],
            "There are 2 boards: /dev/ttyACM0 (MicroPython Pico), /dev/ttyUSB1 (MicroPython CP2102). Say which one with DEVICE=.",
        ),
        (["--board", "UNIX", "--device", "/dev/ttyUSB77"], [], "DEVICE=/dev/ttyUSB77: there is no such serial port."),
        (["--board", "ESP8266"], [], "BOARD=ESP8266: there is no such folder in boards/; there are ESP32_GENERIC, "),
        ([], [], "BOARD is not given: want BOARD=NAME with one of ESP32_GENERIC, "),
        (["--board", "UNIX", "--app", "nothing"], [], "APP=nothing: there is no such folder in firmware/apps/; there are "),
    ],
    ids=["no-board", "two-boards", "no-port", "unknown-board", "no-name", "no-app"],
)
def test_what_is_wrong_is_said_in_a_sentence(plugged, capsys, args, ports, sentence):
    plugged(*ports)
    assert run(deploy, *args) == 1
    said = capsys.readouterr()
    assert said.err.startswith(sentence), said
    assert said.err.count("\n") == 1


def test_another_chip_gets_nothing(board, capsys):
    one = board()
    assert run(deploy, "--board", "RPI_PICO_W", "--device", one.device) == 1
    assert "BOARD=RPI_PICO_W is a board with RP2040, but at" in (said := capsys.readouterr().err) and "want BOARD=UNIX" in said
    assert hashes(one.folder) == {}


class Said(device.Device):
    """A board that says this of itself."""

    def __init__(self, text):
        super().__init__("/dev/ttyUSB0")
        self.text = text

    def run(self, code, *, each=None):
        return self.text + "\r\n"


@pytest.mark.parametrize("name, app", [("RPI_PICO2_W", "dashboard"), ("RPI_PICO_W", "hello"), ("ESP32_GENERIC", "hello")])
def test_the_app_of_a_fresh_board_fits_its_heap(name, app, capsys):
    assert run(deploy, "--board", name, "--device", "/dev/nowhere") != 0  # (what it would copy is said first)
    assert f"{app} for {name}: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "name, machine",
    [
        ("ESP32_GENERIC", "Generic ESP32 module with ESP32"),
        ("ESP32_GENERIC", "Generic ESP32 module with SPIRAM with ESP32"),
        ("ESP32_GENERIC", "Generic ESP32 module with ESP32-UNICORE"),
        ("ESP32_GENERIC", "Generic ESP32 module, mungo with ESP32"),
        ("ESP32_GENERIC_S3", "Generic ESP32S3 module with ESP32-S3"),
        ("ESP32_GENERIC_C3", "Generic ESP32C3 module with ESP32C3"),
        ("RPI_PICO_W", "Raspberry Pi Pico W with RP2040"),
        ("RPI_PICO2_W", "Raspberry Pi Pico 2 W with RP2350"),
        ("UNIX", "linux [GCC 14.2.1] version"),
    ],
)
def test_a_board_is_known_by_its_chip(name, machine):
    assert Said(f"6 {machine}").check(BOARDS[name]) == machine
    for other, board in BOARDS.items():
        if board.chip != BOARDS[name].chip:
            with pytest.raises(Complaint, match=f"BOARD={other} is a board with .* want BOARD={name}."):
                Said(f"6 {machine}").check(board)
    with pytest.raises(Complaint, match=f"loads bytecode of version 5, not 6: put a newer one on it with make flash BOARD={name}"):
        Said(f"5 {machine}").check(BOARDS[name])


def test_what_is_no_micropython_is_said_so(tmp_path):
    master, slave = os.openpty()
    try:
        port = tmp_path / "tty"  # under a name of its own mpremote waits no longer than for other ports
        port.symlink_to(os.ttyname(slave))
        link = device.Device(str(port))
        original = device.SerialTransport.enter_raw_repl

        def impatient(self, soft_reset=True):
            return original(self, soft_reset, timeout_overall=0.3)

        device.SerialTransport.enter_raw_repl = impatient
        try:
            with pytest.raises(Complaint, match="does not answer as MicroPython does"):
                link.__enter__()
        finally:
            device.SerialTransport.enter_raw_repl = original
    finally:
        os.close(master)
        os.close(slave)
