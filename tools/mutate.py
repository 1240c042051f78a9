"""Break the library in one place at a time, and see which of these breaks the tests notice.

    .venv/bin/python tools/mutate.py --seed 7 --mutants 300
    .venv/bin/python tools/mutate.py --seed 7 --mutants 40 --files 'lib/mungo/core/*.py' --jobs 2
    .venv/bin/python tools/mutate.py --seed 7 --mutants 300 --only 12 57     the numbers of two of them, as printed

A mutant is a copy of the project with one expression or statement of lib/ changed: `<` to `<=`, `and` to `or`, a condition to True,
a number to the next one, a call or an assignment left out, a `with` without its lock, a return without its value. The seed chooses.

It is tried by the tests that cover it: those unit modules that pass through its line (measured with coverage.py on CPython), first on
CPython, then on MicroPython, and then those tests that HOST names for its folder. The first test that fails, or that takes ten times
its usual time, ends the trial. Survivors are printed with their place and change; tools/survivors.txt lists those that are known,
each with its reason, and only others count.
"""

import argparse
import ast
import concurrent.futures
import fnmatch
import json
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COVERAGE = ROOT / "build" / "covered.json"
SURVIVORS = Path(__file__).with_name("survivors.txt")

# Tests from outside, for mutants that the unit tests pass: {files: tests}, every line that fits.
HOST = {
    "lib/mungo/core/*": ["host_tests/test_sim.py::test_500_seeds_on_each_platform", "host_tests/test_client_leaves.py"],
    "lib/mungo/threads/*": ["host_tests/test_sim.py::test_500_seeds_on_each_platform", "host_tests/test_threads.py"],
    "lib/mungo/http/*": ["host_tests/test_http_server.py", "host_tests/test_hostile.py", "host_tests/test_conformance.py"],
    "lib/mungo/http/*file*": ["host_tests/test_files_clients.py"],
    "lib/mungo/http/*up*": ["host_tests/test_uploads.py"],
    "lib/mungo/app/*": ["host_tests/test_app_examples.py"],
    "lib/mungo/ws/*": ["host_tests/test_ws_clients.py"],
    "lib/mungo/fetch.py": ["host_tests/test_fetch.py"],
}

# Machine code that only boards run, and the ports of boards, which CPython and the unix port do not load.
LEFT_OUT = ("*_viper.py", "lib/mungo/port/esp32.py", "lib/mungo/port/rp2.py")

_OPERATORS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


class Mutant:
    """One change: the text from `start` to `end` (byte offsets) of the file `path` becomes `new`. The statement begins in `first`."""

    def __init__(self, path, line, first, start, end, old, new):
        self.path = path
        self.line = line
        self.first = first
        self.start = start
        self.end = end
        self.old = old
        self.new = new

    def __str__(self):
        return f"{self.path}:{self.line}: {' '.join(self.old.split())[:90]}  ->  {self.new}"

    @property
    def key(self):
        """What names it in survivors.txt, whatever line it is in."""
        return f"{self.path}: {' '.join(self.old.split())} -> {self.new}"

    def write(self, root):
        target = root / self.path
        source = target.read_bytes()
        target.write_bytes(source[: self.start] + self.new.encode() + source[self.end :])


def mutants_of(root, path):
    """All mutants of a file, a path below the root of a copy."""
    source = (root / path).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    first = {}  # of each node, the first line of its statement
    tree = ast.parse(source)
    for statement in ast.walk(tree):  # outer statements come first
        if isinstance(statement, ast.stmt):
            first.update(dict.fromkeys(ast.walk(statement), statement.lineno))

    def add(node, new, end=None):
        start = starts[node.lineno - 1] + node.col_offset
        end = end or starts[node.end_lineno - 1] + node.end_col_offset
        found.append(Mutant(path, node.lineno, first[node], start, end, source[start:end].decode(), new))

    def changed(node, **fields):
        add(node, f"({ast.unparse(type(node)(**{**{name: getattr(node, name) for name in node._fields}, **fields}))})")

    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            changed(node, ops=[_OPERATORS[type(node.ops[0])]()])
        elif isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in _OPERATORS:
            changed(node, op=_OPERATORS[type(node.op)]())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            add(node, f"({ast.unparse(node.operand)})")
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            add(node, str(not node.value))
        elif isinstance(node, ast.Constant) and isinstance(node.value, int):
            add(node, str(node.value + 1))
        elif isinstance(node, (ast.If, ast.While)):
            add(node.test, "True")
            add(node.test, "False")
        elif isinstance(node, ast.With):
            item = node.items[-1].optional_vars or node.items[-1].context_expr
            if not node.items[-1].optional_vars:
                add(node, "if True", starts[item.end_lineno - 1] + item.end_col_offset)
        elif isinstance(node, ast.Return) and node.value and not _is(node.value, None):
            add(node, "return None")
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            add(node, "pass")
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Attribute, ast.Subscript)):
            add(node, "pass")
        elif isinstance(node, (ast.AugAssign, ast.Raise, ast.Break, ast.Continue, ast.Delete)):
            add(node, "pass")
    return [one for one in found if one.old != one.new.strip("()")]


def _is(node, value):
    return isinstance(node, ast.Constant) and node.value is value


def choose(root, pattern, seed, number):
    """That many mutants of the files that fit the pattern, the same for the same seed and source."""
    paths = sorted(path.relative_to(root).as_posix() for path in (root / "lib").rglob("*.py"))
    paths = [path for path in paths if fnmatch.fnmatch(path, pattern) and not any(fnmatch.fnmatch(path, out) for out in LEFT_OUT)]
    every = [one for path in paths for one in mutants_of(root, path)]
    return random.Random(seed).sample(every, min(number, len(every)))


# --- which tests pass through a line


def coverage():
    """{unit module: [seconds on CPython, {path: [lines]}]}, measured once for a state of lib/ and of the unit tests."""
    state = subprocess.run(
        "git ls-files -s lib host_tests/unit; git diff HEAD -- lib host_tests/unit", shell=True, cwd=ROOT, capture_output=True, text=True
    ).stdout
    if COVERAGE.exists():
        known = json.loads(COVERAGE.read_text())
        if known["state"] == state:
            return known["modules"]
    names = sorted(path.stem for path in (ROOT / "host_tests" / "unit").glob("test_*.py"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        modules = {name: lines for name, lines in zip(names, pool.map(cover, names)) if lines}
    COVERAGE.parent.mkdir(exist_ok=True)
    COVERAGE.write_text(json.dumps({"state": state, "modules": modules}))
    return modules


def cover(name):
    """One unit module's [seconds, {path: [lines]}]; None if it does not run on CPython."""
    if "cpython" not in _lanes_of(name):
        return None
    with tempfile.TemporaryDirectory() as folder:
        data, report = Path(folder, "data"), Path(folder, "report")
        start = time.monotonic()
        run = ["host_tests/shim/run.py", "host_tests/unit/runner.py", name]
        subprocess.run(
            [sys.executable, "-m", "coverage", "run", "--source=lib", f"--data-file={data}", *run],
            cwd=ROOT,
            capture_output=True,
            timeout=600,
        )
        took = time.monotonic() - start
        subprocess.run(
            [sys.executable, "-m", "coverage", "json", "-q", f"--data-file={data}", "-o", report],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        files = json.loads(report.read_text())["files"]
    return [took, {path: found["executed_lines"] for path, found in files.items() if found["executed_lines"]}]


def _lanes_of(name):
    tree = ast.parse((ROOT / "host_tests" / "unit" / f"{name}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "LANES":
            return ast.literal_eval(node.value)
    return ("cpython", "upy")


def tests_for(mutant, covered):
    """[(seconds that are enough, arguments of pytest)] in the order in which they are tried: those named after the file, the quickest."""
    through = [(took, name) for name, (took, files) in covered.items() if mutant.first in files.get(mutant.path, ())]
    if not through:  # a line that only workers' threads or MicroPython pass: whatever loads the file
        through = [(took, name) for name, (took, files) in covered.items() if mutant.path in files]
    through.sort()
    path = Path(mutant.path)
    named = [(took, name) for took, name in through if path.stem in name or path.parent.name in name]
    others = [pair for pair in through if pair not in named]
    tests = [(60 + 10 * took, [_unit(name), "-k", "[cpython]"]) for took, name in named]
    for lane, pairs in (("cpython", others), ("upy", named), ("upy", others)):
        if pairs:
            tests.append((120 + 10 * sum(took for took, _ in pairs), [*(_unit(name) for _, name in pairs), "-k", f"[{lane}]"]))
    host = [test for pattern, names in HOST.items() if fnmatch.fnmatch(mutant.path, pattern) for test in names]
    return tests + [(900, [test]) for test in host]


def _unit(name):
    return f"host_tests/unit/{name}.py"


# --- trials


def copy(root):
    """A copy of the project's files for one job to change."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.split("\0")[:-1]:
        if (ROOT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    for name in (".venv", "typings"):
        (root / name).symlink_to((ROOT / name).resolve())


def fails(root, limit, args):
    """Whether pytest, with these arguments in this copy, fails or exceeds the limit in seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *args],
        cwd=root,
        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONPYCACHEPREFIX=str(root / "build" / "pycache")),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(limit) not in (0, 5)  # 5: no test fits
    except subprocess.TimeoutExpired:
        return True
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def trial(mutant, root, covered):
    """The arguments of the first pytest that notices the mutant; None if none does."""
    source = (root / mutant.path).read_bytes()
    mutant.write(root)
    try:
        for limit, args in tests_for(mutant, covered):
            if fails(root, limit, args):
                return " ".join(args)
        return None
    finally:
        (root / mutant.path).write_bytes(source)


def known():
    """{key of a mutant: why it survives}, from survivors.txt: two lines each, the second begins with blanks."""
    lines = SURVIVORS.read_text().splitlines() if SURVIVORS.exists() else []
    lines = [line for line in lines if line and not line.startswith("#")]
    return dict(zip(lines[::2], (line.strip() for line in lines[1::2])))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--files", default="lib/*", help="a pattern, as lib/mungo/core/*.py")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", type=int, nargs="*", help="numbers of mutants")
    parser.add_argument("--list", action="store_true", help="print the mutants, and try none")
    args = parser.parse_args()

    reasons = known()
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        # Copies of the files as they are now: the work on them may go on.
        roots = queue.Queue()
        for n in range(args.jobs):
            root = Path(folder, str(n))
            root.mkdir()
            copy(root)
            roots.put(root)
        chosen = list(enumerate(choose(root, args.files, args.seed, args.mutants)))
        if args.only is not None:
            chosen = [(n, one) for n, one in chosen if n in args.only]
        if args.list:
            for n, one in chosen:
                print(n, one)
            return 0
        covered = coverage()

        def run(numbered):
            root = roots.get()
            try:
                return *numbered, trial(numbered[1], root, covered)
            finally:
                roots.put(root)

        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for n, one, noticed in pool.map(run, chosen):
                if noticed:
                    print(f"{n:4} noticed   {one}\n               by {noticed}", flush=True)
                elif one.key in reasons:
                    print(f"{n:4} known     {one}\n               {reasons[one.key]}", flush=True)
                else:
                    print(f"{n:4} SURVIVED  {one}", flush=True)
                    survivors.append((n, one))
    print(f"\nseed {args.seed}: {len(chosen)} mutants, {len(chosen) - len(survivors)} noticed or known, {len(survivors)} survived")
    for n, one in survivors:
        print(f"{n:4} {one}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
