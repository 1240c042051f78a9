"""Break the library in one place at a time, and see which of these breaks the tests notice.

    .venv/bin/python tools/mutate.py --seed 7 --mutants 300
    .venv/bin/python tools/mutate.py --seed 7 --mutants 40 --files 'lib/mungo/core/*.py' --jobs 2
    .venv/bin/python tools/mutate.py --seed 7 --mutants 300 --only 12 57     the numbers of two of them, as printed

A mutant is a copy of the project with one expression or statement of lib/ changed: `<` to `<=`, `and` to `or`, a condition to True,
a number to the next one, a call or an assignment left out, a `with` without its lock, a return without its value. The seed chooses.

It is tried by the tests that cover it: those unit modules that pass through its line (measured with coverage.py on CPython, and measured
again when they or the files that they pass through change), on CPython and on MicroPython, and then those tests that HOST names for its
folder. The first test that fails, or that takes ten times its usual time, ends the trial; it must pass without the mutant.
Survivors are printed with their place and change; tools/survivors.txt lists those that are known, each with its reason, and only others
count.
"""

import argparse
import ast
import collections
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "host_tests"))
import lanes  # noqa: E402 - it is found there

COVERAGE = ROOT / "build" / "covered.json"
UNIT = ROOT / "host_tests" / "unit"
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
    "lib/mungo/tls/*": ["host_tests/test_tls.py", "host_tests/test_tls_client.py"],
    "lib/mungo/dns/*": ["host_tests/test_dns.py"],
    "lib/mungo/mqtt/*": ["host_tests/test_mqtt_conformance.py"],
    "lib/mungo/fleet/*": ["host_tests/test_fleet.py", "host_tests/test_rollout.py"],
    "lib/mungo/dash/*": ["host_tests/test_dash.py"],
    "lib/mungo/ota/*": ["host_tests/test_updates.py"],
    "lib/mungo/sntp.py": ["host_tests/test_sntp_server.py"],
}

# Machine code that only boards run, and the ports of boards, which CPython and the unix port do not load.
LEFT_OUT = ("*_viper.py", "lib/mungo/port/esp32.py", "lib/mungo/port/rp2.py")

QUICK = 12  # other unit modules with --quick

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

    def __init__(self, path, line, text, first, start, end, old, new):
        self.path = path
        self.line = line
        self.text = text  # of that line
        self.first = first
        self.start = start
        self.end = end
        self.old = old
        self.new = new

    def __str__(self):
        return f"{self.path}:{self.line}: {' '.join(self.old.split())[:90]}  ->  {self.new}"

    @property
    def key(self):
        """The change, whatever line it is in."""
        return f"{self.path}: {' '.join(self.old.split())} -> {self.new}"

    @property
    def place(self):
        """What names it in survivors.txt: the change and its line, whatever number that has."""
        return f"{self.path}: {self.text} | {' '.join(self.old.split())} -> {self.new}"

    def write(self, root):
        target = root / self.path
        source = target.read_bytes()
        target.write_bytes(source[: self.start] + self.new.encode() + source[self.end :])


def mutants_of(root, path):
    """All mutants of a file, a path below the root of a copy."""
    source = (root / path).read_bytes()
    starts = [0]
    lines = source.decode().splitlines()
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
        text = lines[node.lineno - 1].strip()
        found.append(Mutant(path, node.lineno, text, first[node], start, end, source[start:end].decode(), new))

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
    """That many mutants of the files that fit the pattern. What changes elsewhere changes few of them: each has a number of its own."""
    paths = sorted(path.relative_to(root).as_posix() for path in (root / "lib").rglob("*.py"))
    paths = [path for path in paths if fnmatch.fnmatch(path, pattern) and not any(fnmatch.fnmatch(path, out) for out in LEFT_OUT)]
    numbered = []
    for path in paths:
        same = collections.Counter()
        for one in mutants_of(root, path):
            same[one.key] += 1
            digest = hashlib.sha256(f"{seed} {same[one.key]} {one.key}".encode()).hexdigest()
            numbered.append((digest, len(numbered), one))
    return [one for _, _, one in sorted(numbered)[:number]]


# --- which tests pass through a line


def coverage(root, jobs):
    """{unit module: [seconds on CPython, {path: [lines]}]}, measured in the copy `root`. What is known of a module stays until the module,
    a helper of the unit tests or a file that it passes through changes."""
    unit = root / "host_tests" / "unit"
    helpers = _state(path for path in unit.glob("*.py") if not path.name.startswith("test_"))
    known = json.loads(COVERAGE.read_text()) if COVERAGE.exists() else {}
    names = [name for name in unit_modules() if "cpython" in _lanes_of(name)]

    def state(name, files):
        return helpers + _state([unit / f"{name}.py", *(root / path for path in files)])

    known = {name: found for name, found in known.items() if name in names and found[2] == state(name, found[1])}
    missing = [name for name in names if name not in known]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for name, (took, files) in zip(missing, pool.map(lambda name: cover(root, name), missing)):
            known[name] = [took, files, state(name, files)]
            COVERAGE.write_text(json.dumps(known))
    return {name: found[:2] for name, found in known.items()}


def _state(paths):
    """A text that changes with these files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def cover(root, name):
    """One unit module's [seconds, {path: [lines]}]."""
    with tempfile.TemporaryDirectory() as folder:
        data, report = Path(folder, "data"), Path(folder, "report")
        start = time.monotonic()
        run = ["host_tests/shim/run.py", "host_tests/unit/runner.py", name]
        subprocess.run(
            [sys.executable, "-m", "coverage", "run", "--source=lib", f"--data-file={data}", *run],
            cwd=root,
            capture_output=True,
            timeout=600,
        )
        took = time.monotonic() - start
        subprocess.run(
            [sys.executable, "-m", "coverage", "json", "-q", f"--data-file={data}", "-o", report],
            cwd=root,
            check=True,
            capture_output=True,
        )
        files = json.loads(report.read_text())["files"]
    return [took, {path: found["executed_lines"] for path, found in files.items() if found["executed_lines"]}]


def _literal(name, which, default=None):
    """What a unit module says of itself: LANES, MIN_HEAP."""
    for node in ast.parse((UNIT / f"{name}.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == which:
            return ast.literal_eval(node.value)
    return default


def _lanes_of(name):
    return _literal(name, "LANES", ("cpython", "upy"))


class Step:
    """A test to try a mutant with: a unit module in a lane, or arguments of pytest."""

    def __init__(self, limit, what, lane=None):
        self.limit = limit  # seconds that are enough
        self.what = what
        self.lane = lane

    def __str__(self):
        return f"{self.what} on {self.lane}" if self.lane else self.what

    def command(self):
        """(argv, environment), to run from the root of a copy."""
        if not self.lane:
            return [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", self.what], dict(os.environ)
        lane = lanes.LANES[self.lane]
        return lanes.unit_command(lane, lanes.unit_heap(lane, _literal(self.what, "MIN_HEAP")), self.what, ())


def steps_for(mutant, covered, is_quick=False):
    """The steps in the order in which they are tried: modules that are named after the file, the quickest first, then the others."""
    through = [(took, name) for name, (took, files) in covered.items() if mutant.first in files.get(mutant.path, ())]
    if not through:  # a line that only workers' threads or MicroPython pass: whatever loads the file
        through = [(took, name) for name, (took, files) in covered.items() if mutant.path in files]
    through.sort()
    path = Path(mutant.path)

    def is_named(name):
        return path.stem.strip("_") in name or path.parent.name in name

    named = [pair for pair in through if is_named(pair[1])]
    others = [pair for pair in through if pair not in named]
    upy_only = [name for name in unit_modules() if is_named(name) and "cpython" not in _lanes_of(name)]
    steps = [Step(60 + 10 * took, name, "cpython") for took, name in named]
    steps += [Step(120, name, "upy") for name in upy_only if "upy" in _lanes_of(name)]
    steps += [Step(60 + 10 * took, name, "upy") for took, name in named if "upy" in _lanes_of(name)]
    steps += [Step(60 + 10 * took, name, "cpython") for took, name in (others[:QUICK] if is_quick else others)]
    if is_quick:
        return steps
    steps += [Step(60 + 10 * took, name, "upy") for took, name in others if "upy" in _lanes_of(name)]
    steps += [Step(300, f"host_tests/unit/{name}.py") for name in upy_only if "upy" not in _lanes_of(name)]
    steps += [Step(900, test) for pattern, tests in HOST.items() if fnmatch.fnmatch(mutant.path, pattern) for test in tests]
    return steps


def unit_modules():
    return sorted(path.stem for path in UNIT.glob("test_*.py"))


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
    make_certificates(root)


def make_certificates(root):
    """What some unit tests need, see host_tests/unit_items.py."""
    code = "import sys; sys.path[:0] = 'tools', 'host_tests'; import certificates; certificates.make()"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def fails(root, step):
    """Whether this step, in this copy, fails or exceeds its limit."""
    argv, environment = step.command()
    process = subprocess.Popen(
        argv,
        cwd=root,
        env=dict(environment, PYTHONDONTWRITEBYTECODE="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    late = threading.Timer(step.limit, _end, (process,))
    late.start()
    try:
        ended = not step.lane
        for line in process.stdout:
            if step.lane and line.startswith(b"FAIL "):
                return True
            ended = ended or line.startswith(b"end ")
        return process.wait() not in (0, 5) or not ended  # 5: no test fits
    finally:
        late.cancel()
        _end(process)
        process.wait()
        process.stdout.close()


def _end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Trials:
    """Tries mutants. A step that fails without any mutant notices nothing."""

    def __init__(self, covered, is_quick):
        self.covered = covered
        self.is_quick = is_quick
        self.is_sound = {}  # of a step

    def try_one(self, mutant, root):
        """The step that notices the mutant; None if none does."""
        for step in steps_for(mutant, self.covered, self.is_quick):
            source = (root / mutant.path).read_bytes()
            mutant.write(root)
            try:
                failed = fails(root, step)
            finally:
                (root / mutant.path).write_bytes(source)
            if failed:
                name = str(step)
                if name not in self.is_sound:
                    self.is_sound[name] = not fails(root, step)
                    if not self.is_sound[name]:
                        print(f"     {name} fails without a mutant", flush=True)
                if self.is_sound[name]:
                    return name
        return None


def known():
    """{place of a mutant: why it survives}, from survivors.txt: two lines each, the second begins with blanks."""
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
    parser.add_argument("--quick", action="store_true", help="with the nearest unit tests alone: try survivors again without it")
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
        trials = Trials(coverage(root, args.jobs), args.quick)

        def run(numbered):
            root = roots.get()
            try:
                return *numbered, trials.try_one(numbered[1], root)
            finally:
                roots.put(root)

        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for n, one, noticed in pool.map(run, chosen):
                if noticed:
                    print(f"{n:4} noticed   {one}\n               by {noticed}", flush=True)
                elif one.place in reasons:
                    print(f"{n:4} known     {one}\n               {reasons[one.place]}", flush=True)
                else:
                    print(f"{n:4} SURVIVED  {one}\n               {one.place}", flush=True)
                    survivors.append((n, one))
    print(f"\nseed {args.seed}: {len(chosen)} mutants, {len(chosen) - len(survivors)} noticed or known, {len(survivors)} survived")
    for n, one in survivors:
        print(f"{n:4} {one}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
