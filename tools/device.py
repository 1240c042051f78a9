"""A board at a serial port, through mpremote's transport: find the port, run code, copy files, reset."""

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

# Runs on the board after a write has failed: closes the file that mpremote has opened as `f`, and removes it.
_REMOVE = """
import os
try:
    f.close()
except (OSError, NameError):
    pass
try:
    os.remove(%r)
except OSError:
    pass
"""

MPY_VERSION = 6  # of the bytecode that mpy-cross writes


def say(text):
    """Print a line of progress and flush it, so that a pipe gets it at once."""
    print(text, flush=True)


def is_terminal():
    """Whether a person sees the output on something that can replace a line."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


class Progress:
    """How far a long work is: a bar that grows on a terminal, elsewhere a line for each step. NO_COLOR is respected."""

    WIDTH = 24

    def __init__(self, total):
        self.total = max(total, 1)

    def show(self, done, text):
        """So much of `total` is done, and `text` says what comes now."""
        percent = done * 100 // self.total
        if not is_terminal():
            return say(text.replace("%", f"{percent:3}%", 1))
        full = self.WIDTH * done // self.total
        bar = "#" * full
        if not os.environ.get("NO_COLOR"):
            bar = f"\033[32m{bar}\033[0m"
        print(f"\r\033[K[{bar}{'.' * (self.WIDTH - full)}] {text.replace('%', f'{percent:3}%', 1)}"[:200], end="", flush=True)

    def end(self):
        """The work is done: on a terminal its line goes away."""
        if is_terminal():
            print("\r\033[K", end="", flush=True)


def ports():
    """[(serial port, description)] of the USB devices that are plugged in."""
    found = []
    for port in sorted(list_ports.comports()):
        if port.vid is not None:
            found.append((port.device, " ".join(word for word in (port.manufacturer, port.product) if word) or "a serial port"))
    return found


def find(device=None):
    """The serial port to use: the given one, or the only one that is plugged in. Raises Complaint otherwise."""
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
        return f"There is one board, at {names}: leave DEVICE out, or name that port."
    return f"There are {len(found)} boards: {names}. Say which one with DEVICE=."


class Device:
    """A context manager: the board at this port, in its raw REPL after a soft reset. Raises Complaint if it does not answer."""

    def __init__(self, port):
        self.port = port

    def __enter__(self):
        try:
            self.link = SerialTransport(self.port, baudrate=115200)
        except (TransportError, OSError) as error:
            raise Complaint(
                f"{self.port} can't be opened ({error}): close other programs that use it (a terminal, an editor). "
                "On Linux, add your user to the group that may use serial ports."
            )
        try:
            with contextlib.redirect_stdout(sys.stderr):  # mpremote prints the unexpected answer
                self.link.enter_raw_repl()
        except (TransportError, OSError) as error:
            self.link.serial.close()
            raise Complaint(
                f"The device at {self.port} does not answer as MicroPython does ({error}): put MicroPython on it with "
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
                f"The board at {self.port} stopped answering ({error}): check the cable and do this again. "
                "No file is half written under its own name."
            )

    def run(self, code, *, each=None):
        """Run code on the board and return its output. Raises Complaint if the code raises.

        With `each`, each(line) is called for every line as it comes, and only the text after the last newline is returned.
        """
        line = bytearray()

        def consume(data):
            line.extend(data.replace(b"\x04", b"").replace(b"\r", b""))
            while each and b"\n" in line:
                text, _, rest = bytes(line).partition(b"\n")
                line[:] = rest
                each(text.decode(errors="replace"))

        try:
            self.link.exec_raw_no_follow(code)
            # With a data_consumer mpremote keeps no output, so `consume` collects all of it.
            _, error = self.link.follow(timeout=120, data_consumer=consume)
        except TransportExecError as problem:
            error = str(problem).encode()
        if error:
            raise self.refused(error.decode(errors="replace"))
        return line.decode(errors="replace")

    def check(self, board):
        """The board's description of itself. Raises Complaint if its chip is not the Board's, or its MicroPython is too old."""
        said = self.run("import sys; i = sys.implementation; print(getattr(i, '_mpy', 0) & 255, getattr(i, '_machine', sys.platform))")
        version, _, machine = said.strip().partition(" ")
        chip = re.sub(r"(?<=^ESP32)(UNICORE|D2WD|PICO.*)$", "", machine.rsplit(" with ", 1)[-1].split()[0].replace("-", ""))
        if chip != board.chip:
            right = [one.name for one in BOARDS.values() if one.chip == chip]
            raise Complaint(
                f"BOARD={board.name} is a board with {board.chip}, but at {self.port} is {machine!r}: "
                + (f"want BOARD={' or '.join(right)}." if right else "boards/ has no folder for it.")
            )
        if int(version) != MPY_VERSION:
            raise Complaint(
                f"The MicroPython at {self.port} loads bytecode of version {version}, not {MPY_VERSION}: put a newer one on it with "
                f"make flash BOARD={board.name}."
            )
        return machine

    def refused(self, text):
        """The Complaint for an exception of the board's, whose traceback is `text`."""
        if re.search(r"OSError: (\[Errno )?28\b|ENOSPC", text):  # ports name it by number
            return Complaint(
                f"The flash of the board at {self.port} is full: remove files of your own, or make clean-board, which removes all that "
                "make deploy has copied, and do this again."
            )
        return Complaint(f"The board at {self.port} raised:\n{text}")

    def write(self, path, data):
        """Copy bytes to a file on the board. Raises Complaint if the board refuses it; what has come of the file is removed."""
        try:
            self.link.fs_writefile(path, data, chunk_size=256)
        except TransportExecError as problem:
            text = str(problem)
        except OSError as problem:
            if problem.args[1:] != (path,):  # it is the port's: mpremote gives the board's errors the file's name
                raise
            text = f"OSError: {problem.errno}"
        else:
            return
        self.run(_REMOVE % path)
        raise self.refused(text)

    def reset(self, seconds):
        """Reset the board as its button does, and print its output for `seconds`, or until Ctrl-C."""
        self.link.exec_raw_no_follow("import machine; machine.reset()")
        self.link.in_raw_repl = False
        end = time.monotonic() + seconds
        with contextlib.suppress(KeyboardInterrupt):
            while time.monotonic() < end:
                try:
                    data = self.link.serial.read(self.link.serial.in_waiting or 0)
                except OSError:  # the chip's own USB port disappears during a reset
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
    """Run a tool's main and return its exit status. A Complaint is printed on stderr and gives 1, Ctrl-C gives 130."""
    try:
        return tool(*args)
    except Complaint as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
