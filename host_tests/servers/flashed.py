# Runs firmware/boot.py and main.py as on a board, until it is reset: then the exit status is 3. The environment says FLASH, the folder
# that is the board's file system, and AIR, a JSON object of the networks around and their passwords. The portal's port is PORT. With DOG_MS
# there is a watchdog, which ends the process when nothing has fed it for so long.
import _thread
import json
import os
import sys
import time

import aboard

env = {name: os.getenv(name) for name in ("FLASH", "AIR", "PORT", "DNS_PORT", "DOG_MS")}
is_cpython = sys.implementation.name == "cpython"
if is_cpython:
    del os.getenv
else:
    sys.modules["os"] = aboard.Os  # pyright: ignore
sys.path.insert(0, env["FLASH"])  # where a board looks first
os.chdir(env["FLASH"])

import machine  # noqa: E402
import network  # noqa: E402


class Reset(BaseException):
    pass


def reset():
    raise Reset


machine.reset = reset
network.board("rp2" if is_cpython else "esp32")
network.air.update(json.loads(env["AIR"]))



class Watchdog:
    """`machine.WDT`, whose timeout is DOG_MS."""

    def __init__(self, timeout):
        self.feed()
        _thread.start_new_thread(self.watch, ())

    def feed(self):
        self.fed = time.ticks_ms()

    def watch(self):
        while time.ticks_diff(time.ticks_ms(), self.fed) < int(env["DOG_MS"]):
            time.sleep_ms(50)
        print("the watchdog bites")
        if is_cpython:
            os._exit(3)
        os.system("kill -9 $PPID")


if env["DOG_MS"]:
    machine.WDT = Watchdog

import boot  # noqa: E402, F401, I001  (first, as on a board: it chooses where the others come from)
import board  # noqa: E402
import portal  # noqa: E402

sleep_ms = board.sleep_ms
board.sleep_ms = lambda ms: sleep_ms(min(ms, 10))  # nobody is there who would press Ctrl-C


class Portal(portal.Portal):
    """It is where the test looks for it."""

    def __init__(self, address, *args):
        super().__init__("127.0.0.1:" + env["PORT"], *args)

    def attach(self, mgr, *where):
        super().attach(mgr, "127.0.0.1", int(env["PORT"]), int(env["DNS_PORT"] or env["PORT"]))


portal.Portal = Portal
try:
    __import__("main")
except Reset:
    print("reset")
    sys.exit(3)
