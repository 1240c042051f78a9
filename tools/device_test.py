"""Run the unit tests on a board: make device-test BOARD= DEVICE=

host_tests/unit/ is compiled with its asserts and copied to the board's folder test/, with the firmware's modules. mungo is copied to
lib/. main.py does not run during the tests. Each module runs after a soft reset, with the whole heap. Each test is reported by name.
Some modules are not run, and the tool prints why: those for hosts only, those that need more heap than the board has, and on RP2
those that need a loopback or several threads, which stock firmware does not have.
"""

import argparse
import ast
import sys

import boards
import deploy
import device
import mpy
from boards import Complaint
from device import say

UNIT = mpy.ROOT / "host_tests" / "unit"
FOLDER = "test"
_SMALL = "upy-64k"  # a test module that has LANES is portable if they include this one

_HARDWARE = {"network", "machine"}

_RUN = """
import sys
sys.path.insert(0, "test")
import runner
runner.run(%r, %r)
"""


def imports(path):
    """The names of the modules that a file of host_tests/unit and its helpers import."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    for name in list(found):
        helper = path.with_name(f"{name}.py")
        if helper.is_file() and helper != path:
            found |= imports(helper)
    return found


class Module:
    """The tests and needs of a test module, read from its source without importing it."""

    def __init__(self, path):
        self.name = path.stem
        tree = ast.parse(path.read_text(), str(path))
        self.tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        said = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in ("LANES", "MIN_HEAP")
        }
        self.is_portable = _SMALL in said.get("LANES", (_SMALL,))
        least = said.get("MIN_HEAP", "64k").lower()
        self.heap = int(least[:-1]) * {"k": 1 << 10, "m": 1 << 20}[least[-1]]
        self.imports = imports(path)

    def why_not(self, board, heap, word_bytes):
        """Why the module can't run on this board; None if it can."""
        if not self.is_portable:
            return "it is for hosts"
        if self.imports & _HARDWARE:
            return "it uses simulated hardware"
        if board.port == "rp2" and self.imports & {"socket", "waiting"}:
            return "it needs 127.0.0.1 or several threads, which stock RP2 firmware does not have"
        need = self.heap * word_bytes // 8  # MIN_HEAP is for 64-bit machines
        if need > heap:
            return f"it needs a heap of {need} bytes, the board has {heap}"
        return None


def modules(names=()):
    """The test modules with these names, or all. Raises Complaint for an unknown name."""
    there = {path.stem: path for path in sorted(UNIT.glob("test_*.py"))}
    unknown = [name for name in names if name not in there]
    if unknown:
        raise Complaint(f"TESTS: there is no {', '.join(unknown)} in host_tests/unit; there are {', '.join(there)}")
    return [Module(there[name]) for name in names or there]


def tree(board):
    """{path on the board: bytes} of the library, the tests and the firmware's modules."""
    out = mpy.ROOT / "build" / "boards" / board.name
    files = {}
    try:
        for source, made in mpy.build("lib", out=out, arch=board.arch).items():
            files["lib/" + source.relative_to(mpy.ROOT / "lib").with_suffix(".mpy").as_posix()] = made.read_bytes()
        for source, made in mpy.build("unit", level=0, root=UNIT.parent, out=out, arch=board.arch).items():
            files[f"{FOLDER}/{source.stem}.mpy"] = made.read_bytes()
        for source, made in mpy.build("firmware", out=out, arch=board.arch).items():
            if source.parent == mpy.ROOT / "firmware" and source.name not in deploy.SOURCES:
                files[f"{FOLDER}/{source.stem}.mpy"] = made.read_bytes()
    except mpy.CompileError as error:
        raise Complaint(str(error))
    return files


def run(port, module, counts):
    """Run one module's tests on the board. Print each result and add it to `counts`."""
    left = list(module.tests)
    text = []  # output of the current test, printed only if the test fails
    failed = [False]

    def read(line):
        word, _, rest = line.partition(" ")
        name, _, reason = rest.partition(" ")
        if word in ("ok", "skip", "FAIL") and name in left:
            left.remove(name)
            counts[word] += 1
            say(f"{word:4} {module.name}.{name} {reason}".rstrip())
            failed[0] = word == "FAIL"
            show(text if failed[0] else [])
            text.clear()
        elif word == "run" and rest in left:
            failed[0] = False
            text.clear()
        elif failed[0]:
            show([line])
        else:
            text.append(line)

    try:
        with device.Device(port) as link:
            link.run(_RUN % (module.name, module.tests), each=read)
    except Complaint as error:
        text.append(str(error))
    for name in left:
        counts["FAIL"] += 1
        say(f"FAIL {module.name}.{name} did not report")
    show(text if left else [])


def show(lines):
    for line in lines:
        say("     " + line)


def run_all(board, port, names=()):
    """Copy the tests to the board and run the modules with these names, or all: (counts, names of those that failed)."""
    chosen = modules(names)
    files = tree(board)
    with device.Device(port) as link:
        say(f"{port}: {link.check(board)}")
        deploy.deploy(link, files, ["lib/mungo", FOLDER], {})
        heap, word_bytes = map(
            int,
            link.run("import gc, sys; gc.collect(); print(gc.mem_free() + gc.mem_alloc(), 8 if sys.maxsize > 1 << 31 else 4)").split(),
        )
    counts = dict.fromkeys(("ok", "skip", "FAIL"), 0)
    failed = []
    for n, module in enumerate(chosen, 1):
        why_not = module.why_not(board, heap, word_bytes)
        if why_not:
            say(f"not  {module.name}, {len(module.tests)} tests: {why_not}")
        else:
            say(f"{n}/{len(chosen)} {module.name}, {len(module.tests)} tests")
            before = counts["FAIL"]
            run(port, module, counts)
            if counts["FAIL"] > before:
                failed.append(module.name)
    return counts, failed


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="")
    parser.add_argument("--device", default="")
    parser.add_argument("tests", nargs="*", help="modules of host_tests/unit; default: all that can run on the board")
    args = parser.parse_args(argv)
    board = boards.named(args.board)
    modules(args.tests)
    counts, failed = run_all(board, device.find(args.device), args.tests)
    say(
        f"next: make device-test BOARD={board.name} TESTS={failed[0]} shows one module alone"
        if failed
        else f"next: make deploy BOARD={board.name} APP=hello puts a program there; make board-report measures the board"
    )
    say(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped on {board.name}")
    return 1 if counts["FAIL"] or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(device.main(main))
