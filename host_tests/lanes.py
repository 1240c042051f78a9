"""The lanes: each a runtime and a heap that the same tests run on.

cpython        CPython through the shim
upy            MicroPython's unix port, from source, its own default heap
upy-64k ...    the same with a heap as small as a board's, from bytecode, as a board would run it
"""

import functools
import os
import subprocess
import sys
from pathlib import Path

import mpy

ROOT = mpy.ROOT
DEFAULT_HEAP = "2M"


class Lane:
    def __init__(self, name, heap=None):
        self.name = name
        self.heap = heap
        self.is_cpython = name == "cpython"
        self.is_compiled = heap not in (None, DEFAULT_HEAP)


LANES = {
    lane.name: lane
    for lane in (
        Lane("cpython"),
        Lane("upy", DEFAULT_HEAP),
        Lane("upy-64k", "64k"),
        Lane("upy-112k", "112k"),
        Lane("upy-120k", "120k"),
        Lane("upy-100k", "100k"),
        Lane("upy-192k", "192k"),
        Lane("upy-224k", "224k"),
    )
}
UNIT_LANES = ("cpython", "upy", "upy-64k", "upy-192k")
SERVER_LANES = ("cpython", "upy")


def micropython():
    name = os.environ.get("MICROPYTHON") or str(Path(sys.executable).with_name("micropython"))
    return str(ROOT / name) if "/" in name else name


@functools.cache
def bytecode():
    """Where bytecode for this MicroPython goes, below the root, and the options of mpy.build for that. Machine code is for its
    architecture, which it names itself: a build for 32 bits on a machine of 64 has another one."""
    code = "import sys; print(getattr(sys.implementation, '_mpy', 0) >> 10 & 15)"
    done = subprocess.run([micropython(), "-c", code], capture_output=True, text=True)
    arch = {1: "x86", 2: "x64"}.get(int(done.stdout or 2)) if not done.returncode else "x64"
    if arch == "x64":
        return "build/mpy", {}
    folder = f"build/mpy-{arch}"
    return folder, {"arch": arch, "out": ROOT / folder}


def heap_bytes(heap):
    units = {"k": 1 << 10, "m": 1 << 20}
    unit = units.get(heap[-1].lower())
    return int(heap[:-1]) * unit if unit else int(heap)


def unit_heap(lane, least=None):
    """The heap for a unit test module in this lane: the lane's own, or what the module needs at least."""
    if lane.heap and least and heap_bytes(least) > heap_bytes(lane.heap):
        return least
    return lane.heap


def unit_command(lane, heap, module, names):
    """How to run tests of host_tests/unit/<module>.py in this lane: (argv, environment)."""
    unit = "host_tests/unit"
    if lane.is_cpython:
        return _cpython(f"{unit}/runner.py", module, *names)
    if not lane.is_compiled:
        return _micropython(heap, ["lib", "firmware", unit], "-m", "runner", module, *names)
    folder, options = bytecode()
    mpy.build("lib", **options)
    mpy.build("firmware", **options)
    mpy.build("unit", level=0, root=ROOT / "host_tests", **options)
    path = [f"{folder}/lib", f"{folder}/firmware", f"{folder}/unit"]
    return _micropython(heap, path, "-m", "runner", module, *names)


def script_command(lane, script, path=()):
    """How to run a script, a path below the root, in this lane: (argv, environment). It may import from the folders `path`, too."""
    if lane.is_cpython:
        command, environment = _cpython(script)
        return command, dict(environment, MICROPYPATH=":".join(map(str, path)))  # the shim looks there, as MicroPython does
    if not lane.is_compiled:
        return _micropython(lane.heap, ["lib", "firmware", *map(str, path)], script)
    folder, options = bytecode()
    mpy.build("lib", **options)
    mpy.build("firmware", **options)
    path = [f"{folder}/lib", f"{folder}/firmware", *map(str, path)]
    if script == "firmware/main.py":
        return _micropython(lane.heap, path, "-m", "main")
    return _micropython(lane.heap, path, script)


def run_script(lane, script, *args, path=(), timeout=120, **environment):
    """Run a script in the lane with this name to its end: the CompletedProcess, with text in stdout and stderr."""
    command, base = script_command(LANES[lane], str(script), path)
    command += map(str, args)
    return subprocess.run(command, cwd=ROOT, env={**base, **environment}, capture_output=True, text=True, timeout=timeout)


def _cpython(*args):
    # (Hypothesis loads the plugins of all packages that are there, which know nothing of the shim.)
    return [sys.executable, "-u", "host_tests/shim/run.py", *args], dict(os.environ, HYPOTHESIS_NO_PLUGINS="1")


def _micropython(heap, path, *args):
    environment = dict(os.environ, MICROPYPATH=":".join([*path, ".frozen"]))
    return [micropython(), "-X", f"heapsize={heap}", *args], environment
