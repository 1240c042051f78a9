"""docs/first-board.md: its commands are those of the Makefile, and they do on a board of the unix port what the page says."""

import json
import re
import shlex
import subprocess
import time

import pytest

import lanes
import pty_board
import server
from boards import BOARDS
from making import make

ROOT = lanes.ROOT
PAGE = (ROOT / "docs" / "first-board.md").read_text()
WAIT_S = 20


def lines(kind):
    return [line for block in re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.M | re.S) for line in block.splitlines()]


@pytest.mark.parametrize("line", [line for line in lines("sh") + lines("text") if line.startswith("make")])
def test_each_make_is_one_of_the_makefiles(line):
    _, target, *settings = shlex.split(line)
    done = make("-n", target, *settings)
    assert done.returncode == 0 and "tools/" in done.stdout, done
    for name, value in (setting.split("=") for setting in settings):
        assert name in ("BOARD", "APP", "MICROPYTHON_DIR")
        assert name != "BOARD" or value in BOARDS and f'--board "{value}"' in done.stdout
        assert name != "APP" or (ROOT / "firmware/apps" / value).is_dir() and f'--app "{value}"' in done.stdout


def test_what_else_it_runs_is_there():
    for line in lines("sh"):
        word = shlex.split(line)[0]
        assert word in ("make", "curl") or (ROOT / word).exists(), line
    settings = json.loads("\n".join(lines("json")))
    assert settings["APP"] == "blink" and "WIFI_SSID" in settings
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_from_nothing_to_a_lamp(tmp_path):
    port = server.free_port()
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "APP": "blink"}
    board = pty_board.PtyBoard(tmp_path / "flash", env=settings)
    try:
        (deploy,) = [line for line in lines("sh") if line.startswith("make deploy BOARD=ESP32_GENERIC ")]
        words = [word.replace("ESP32_GENERIC", "UNIX") for word in shlex.split(deploy)[1:]]
        done = make(*words, f"DEVICE={board.device}", "LOG_S=1")
        assert done.returncode == 0, done
        deadline = time.monotonic() + WAIT_S
        answers = []
        for line in lines("sh"):
            if line.startswith("curl"):
                command = shlex.split(line.replace("192.168.1.50", f"127.0.0.1:{port}"))
                while True:  # the first one may come before the board has started
                    asked = subprocess.run([*command, "-s"], capture_output=True, text=True, timeout=WAIT_S)
                    if asked.returncode != 7 or time.monotonic() > deadline:
                        break
                    time.sleep(0.05)
                answers.append(asked.stdout)
        assert answers == ["off\n", "on\n", "blink\n", "off\n"]
        assert (board.folder / "apps/blink/__init__.mpy").exists()
        clean = make("clean-board", "BOARD=UNIX", f"DEVICE={board.device}")
        assert clean.returncode == 0 and not list(board.folder.rglob("*.mpy")), clean
        assert json.loads((board.folder / "settings.json").read_text()) == {"APP": "blink"}
    finally:
        board.close()
