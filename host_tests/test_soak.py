"""Short soaks: what the hour shows of growth they can't, but the mix of clients and its checks are the same."""

import subprocess
import sys

import pytest

import lanes


@pytest.mark.parametrize("args", [(), ("--board", "RPI_PICO_W")], ids=["host", "board"])
def test_half_a_minute_of_soak(tmp_path, args):
    command = [sys.executable, "-m", "tools.soak.run", "--minutes", "0.5", "--out", str(tmp_path), *args]
    done = subprocess.run(command, cwd=lanes.ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = (tmp_path / "soak.csv").read_text().splitlines()
    assert len(rows) >= 3 and rows[0].startswith("s,heap,largest,"), rows
    assert (tmp_path / "soak.svg").read_text().startswith("<svg ")


def test_a_day_with_two_phones_whose_device_has_its_bytecode_in_a_romfs():
    command = [sys.executable, "-m", "tools.soak.dash", "--minutes", "0.01", "--day", "2", "--heap", "256k", "--rom"]
    done = subprocess.run(command, cwd=lanes.ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and "day=1 pages=0" in done.stdout, done.stdout + done.stderr
