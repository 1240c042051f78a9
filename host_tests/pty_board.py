"""A board to test with: a pseudo-terminal that real mpremote connects to, and behind it MicroPython's unix port at its prompt, in
a folder of its own.

The unix port's raw REPL is that of boards but for three things, which stand here: Ctrl-D ends the process, where a board says
"MPY: soft reboot" and is there again; there is no raw paste, which boards have and which mpremote copies files with; and there is
no `machine.reset()`. pty_boot.py, which each process starts with, has the rest of the hardware.
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import tty
from pathlib import Path

import lanes

RESET = 87  # the exit status that stands for machine.reset()
_WINDOW = 1024  # bytes that raw paste takes before it asks for more
_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
_BOOT = Path(__file__).with_name("pty_boot.py")
_STAND_INS = lanes.ROOT / "host_tests" / "shim" / "modules"  # for what the unix port lacks


class PtyBoard:
    """Plugged in and switched on when it is made; `device` is its serial port, `folder` its flash, `heap` its memory.
    `env`: the settings of its programs, which a host takes from the environment, and ROOM, the size of the flash in bytes. `air`: the
    Wi-Fi networks in reach and their passwords; with these it is a board to the firmware, whose settings are in settings.json."""

    def __init__(self, folder, heap="2m", env=None, air=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.heap = heap
        self.env = dict(env or {})
        self.air = air
        self.starts = 0
        self.taken = 0  # bytes that came over the cable
        self._cut_at = None
        self._lock = threading.Lock()
        self._outer = self._slave = None
        self._stop, self._wake = os.pipe()
        self._prompt = threading.Event()
        self.device = None
        self.plug()
        self._start(raw=False)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not (self.folder / "main.py").exists():  # which may run for ever
            self._prompt.wait(10)

    # --- the cable

    def plug(self):
        """Put the cable back in; the port has another name then."""
        with self._lock:
            self._outer, self._slave = pty.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._outer, False)
            self.device = os.ttyname(self._slave)
            self._cut_at = None
            self._to_host = b""

    def cut(self, after):
        """Pull the cable when it has carried this many bytes more towards the board."""
        with self._lock:
            self._cut_at = self.taken + after

    def _pull(self):
        for fd in (self._slave, self._outer):
            os.close(fd)
        self._outer = self._slave = None

    @property
    def is_plugged(self):
        with self._lock:  # the host may know of a pull before it is done
            return self._outer is not None

    # --- the process

    def _start(self, raw):
        self._inner, slave = pty.openpty()
        tty.setraw(slave)
        flags = termios.tcgetattr(slave)
        flags[3] |= termios.ISIG  # Ctrl-C interrupts a program
        termios.tcsetattr(slave, termios.TCSANOW, flags)
        os.set_blocking(self._inner, False)
        path = f":.frozen:{self.folder}/lib" + (f":{_STAND_INS}" if self.air is not None else "")
        environment = dict(os.environ, MICROPYPATH=path, **self.env)
        command = [lanes.micropython(), "-X", f"heapsize={self.heap}", "-i", str(_BOOT), "raw" if raw else "all"]
        command += [json.dumps(self.air)] if self.air is not None else []
        self._proc = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.starts += 1
        self._is_raw = False
        self._to_board = b""
        self._paste = None  # what raw paste has brought so far
        self._drop = b""  # what the process says next and a board would not
        self._until_raw = bytearray() if raw else None
        self._to_host += b"OK\r\nMPY: soft reboot\r\n" if raw else b""

    def _ended(self):
        os.close(self._inner)
        status = self._proc.wait()
        self._to_host += b"" if self._is_raw or status == RESET else b"\r\nMPY: soft reboot\r\n"
        self._start(raw=self._is_raw and status != RESET)

    # --- between them

    def _run(self):
        while True:
            outer = self._outer
            reading = [self._stop, self._inner] + ([outer] if outer is not None else [])
            writing = ([self._inner] if self._to_board else []) + ([outer] if outer is not None and self._to_host else [])
            readable, writable, _ = select.select(reading, writing, [], 0.05)
            if self._stop in readable:
                return
            with self._lock:
                if self._outer is None:
                    self._to_host = b""
                if outer in readable and self._outer == outer:
                    self._from_host()
                if self._inner in readable:
                    self._from_board()
                self._flush()

    def _flush(self):
        with contextlib.suppress(BlockingIOError, OSError):
            while self._to_board:
                self._to_board = self._to_board[os.write(self._inner, self._to_board) :]
        with contextlib.suppress(BlockingIOError, TypeError):
            while self._to_host:
                self._to_host = self._to_host[os.write(self._outer, self._to_host) :]

    def _from_host(self):
        data = os.read(self._outer, 4096)
        if self._cut_at is not None and self.taken + len(data) >= self._cut_at:
            data = data[: self._cut_at - self.taken]
            self._pull()
        self.taken += len(data)
        for i in range(len(data)):
            self._take(data[i : i + 1])

    def _take(self, byte):
        if self._paste is None:
            if byte == b"\x05" and self._is_raw:
                self._paste = bytearray()
                self._to_host += b"R\x01" + struct.pack("<H", _WINDOW)
                self._skip = 2  # the A and the Ctrl-A that follow
                return
            if byte in (b"\x01", b"\x02"):
                self._is_raw = byte == b"\x01"
            self._to_board += byte
        elif self._skip:
            self._skip -= 1
        elif byte == b"\x04":
            self._to_host += b"\x04"
            self._drop = b"OK"
            self._to_board += bytes(self._paste) + b"\x04"
            self._paste = None
        elif byte == b"\x03":
            self._paste = None
            self._to_board += byte
        else:
            self._paste += byte
            if len(self._paste) % _WINDOW == 0:
                self._to_host += b"\x01"

    def _from_board(self):
        try:
            data = os.read(self._inner, 4096)
        except OSError:  # EIO: the process has ended
            return self._ended()
        while self._drop and data[:1] == self._drop[:1]:
            data, self._drop = data[1:], self._drop[1:]
        if data.endswith(b">>> "):
            self._prompt.set()
        if self._until_raw is not None:  # after a soft reset: back to where mpremote was
            self._until_raw += data
            if self._until_raw.endswith(b">>> ") and not self._is_raw:
                self._is_raw = True
                self._to_board += b"\x01"
            if self._until_raw.endswith(_BANNER):
                self._until_raw = None
        self._to_host += data

    def close(self):
        """Switch it off."""
        os.write(self._wake, b"x")
        self._thread.join(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._proc.pid, signal.SIGKILL)
        self._proc.wait()
        if self.is_plugged:
            self._pull()
        for fd in (self._inner, self._stop, self._wake):
            os.close(fd)
