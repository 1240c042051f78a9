"""Two phones use a dashboard for days on end, at a small board's limits: nothing may be lost, and nothing may grow.

    python -m tools.soak.dash [--minutes 20] [--heap 320k] [--rom] [--day 120]

host_tests/servers/dash_board.py is the device: six connections, one worker, a sensor that takes 200 ms each second. Its bytecode is in the
heap or, with `rom`, in a ROMFS beside it. Objects of the unix port have twice a board's size, unless MICROPYTHON= names a build for 32
bits: 192k are meant for such a one. A day takes so many seconds; tools/soak/phones.py says what happens in it. Each midnight, when no
page is open, the heap in use, the largest free block, descriptors and connections are measured. They are judged by regression, from the
third day on.

At the end the device is killed and started again, and has the settings and files of the last evening.
"""

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .. import mpy
from . import phones, run

SCRIPT = "host_tests/servers/dash_board.py"
STEPS = 10  # of a phone in an hour
SETTLED = 2  # days until all is loaded, and histories and the log are full
ALLOWED = {"used": 2048, "largest": -8192, "files": 1, "conns": 1}


def start(heap, folder, image):
    settings = {"FOLDER": str(folder), "DELAY_MS": "200", "EVERY_MS": "1000", "HOST": "127.0.0.1"}
    if image is None:
        return run.Server(heap, SCRIPT, **settings)
    heap = "%dk" % (int(heap.rstrip("k")) + image.stat().st_size * 33 // 32 // 1024 + 1)  # (the collector has 2 bits for each 16 bytes)
    return run.Server(heap, "tools/soak/in_rom.py", MICROPYPATH=".frozen", ROM=str(image), SCRIPT=SCRIPT, **settings)


@contextlib.contextmanager
def started(heap, folder, image):
    """A device, whose power is cut at the end."""
    device = start(heap, folder, image)
    try:
        yield device
    finally:
        device.proc.kill()
        device.proc.wait()


def romfs(folder):
    """An image of the library's bytecode."""
    image = Path(folder, "lib.romfs")
    command = [sys.executable, "-m", "mpremote", "romfs", "-o", image, "build", mpy.OUT / "lib"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return image


class Measured:
    """What is measured each midnight."""

    def __init__(self, device):
        self.device = device
        self.rows = []

    def __call__(self, day):
        while True:  # (the pages that have just left are still being closed)
            state = phones.ask(self.device.port, "GET", "/heap")[1]
            if state["pages"] == 0:
                break
        row = {"day": day, **state, **self.device.proc_figures(), "largest": self.device.largest}
        self.rows.append(row)
        print(" ".join("%s=%s" % pair for pair in row.items()), flush=True)

    def grown(self):
        """Yields a line for each figure that grows."""
        rows = self.rows[SETTLED:]
        if len(rows) < 3:
            print("these are too few days to tell growth from noise")
            return
        for name, most in ALLOWED.items():
            change, error = run.drift([row["day"] for row in rows], [row[name] for row in rows])
            print("%-8s changed by %8.1f +- %.1f, %g allowed" % (name, change, error, most))
            if (change > most if most > 0 else change < most) and abs(change) > 2 * error:
                yield "%s changed by %.1f" % (name, change)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--heap", default="320k")
    parser.add_argument("--rom", action="store_true")
    parser.add_argument("--day", type=float, default=120, help="seconds of a day")
    args = parser.parse_args()
    mpy.build("lib")
    end = time.monotonic() + args.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        image = romfs(folder) if args.rom else None
        with started(args.heap, folder, image) as device:
            measured = Measured(device)
            days = phones.Days(device.port, STEPS, args.day / 24 / STEPS, lambda n: time.monotonic() < end, measured)
            failures = days.run()
            print(days.counts, *failures, sep="\n", flush=True)
            if failures:  # the device may take no more requests
                return "\n".join(failures + device.lines)
            counters = dict(phones.Page(device.port).tell(id="counters", get="rows", n=100)["rows"])
        failures += [f"{name} is {counters[name]}" for name in ("bugs", "no_memory", "rings_lost") if counters.get(name)]
        failures += measured.grown()
        failures += [line for line in device.lines if re.search("Error|Traceback", line)]
        with started(args.heap, folder, image) as again:
            values = phones.ask(again.port, "GET", "/api/values")[1]
        for phone in days.phones:
            kept = phone.kept.get(phone.own)
            if values[phone.own] != kept:
                failures.append(f"{phone.own} was {kept}, and is {values[phone.own]} after a power cut")
            if phone.file is not None and Path(folder, "files", phone.own + ".bin").read_bytes() != phone.file:
                failures.append(f"the file of {phone.own} is another one")
    return "\n".join(failures) or None


if __name__ == "__main__":
    sys.exit(main())
