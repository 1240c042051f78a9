"""Collects host_tests/unit/test_*.py: each test function is one item in each lane.

The names are read without importing the module, which is MicroPython's. All selected tests of a module run in one
process a lane. A module may say, as literals:

    LANES = ("upy", "upy-64k")     only these lanes
    MIN_HEAP = "100k"              a smaller lane gets this heap
    CERTIFICATES = True            it needs those of certificates.py
"""

import ast
import subprocess

import pytest

import certificates
import lanes

TIMEOUT_S = 120
_runs = pytest.StashKey()


class UnitFile(pytest.File):
    def collect(self):
        tree = ast.parse(self.path.read_text(), str(self.path))
        literals = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in ("LANES", "MIN_HEAP", "CERTIFICATES")
        }
        if "CERTIFICATES" in literals:
            certificates.make()
        tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        for name in literals.get("LANES", lanes.UNIT_LANES):
            for test in tests:
                yield UnitItem.from_parent(
                    self,
                    name=f"{test.name}[{name}]",
                    # Parsed, as --last-failed does: else it does not find this item again.
                    nodeid=f"{self.nodeid}::{test.name}[{name}]",
                    test=test.name,
                    line=test.lineno,
                    lane=lanes.LANES[name],
                    heap=lanes.unit_heap(lanes.LANES[name], literals.get("MIN_HEAP")),
                )


class UnitItem(pytest.Item):
    def __init__(self, *, test, line, lane, heap, **kwargs):
        super().__init__(**kwargs)
        self.test = test
        self.line = line
        self.lane = lane
        self.heap = heap

    # The first item of a module and lane runs all that were selected with it.
    def runtest(self):
        runs = self.session.stash.setdefault(_runs, {})
        key = self.path, self.lane.name
        if key not in runs:
            mates = [i for i in self.session.items if isinstance(i, UnitItem) and (i.path, i.lane.name) == key]
            runs[key] = run_module(self.lane, self.heap, self.path.stem, [mate.test for mate in mates])
        outcome, text = runs[key][self.test]
        if outcome == "skip":
            pytest.skip(text)
        if outcome == "FAIL":
            raise UnitFailure(text)

    # What the runtime itself printed is all there is to see: no traceback of the collector's.
    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, UnitFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, self.line - 1, self.name


class UnitFailure(Exception):
    pass


def run_module(lane, heap, module, names, timeout=TIMEOUT_S):
    """Run tests of one module in one process; return {name: (outcome, text)}, outcome being ok, FAIL or skip."""
    command, environment = lanes.unit_command(lane, heap, module, names)
    try:
        done = subprocess.run(
            command,
            cwd=lanes.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
        output = done.stdout
        trouble = f"the process ended with status {done.returncode}" if done.returncode else None
    except subprocess.TimeoutExpired as expired:
        output, trouble = expired.stdout or b"", f"the process was still running after {timeout} s"
    return read_results(output.decode(errors="replace"), trouble, names)


def read_results(output, trouble, names):
    """Take the runner's output apart. `trouble` says how the process ended, None if well.

    A test that hasn't reported has failed; if all have and the process still ended badly, the last one has.
    """
    results = {}
    said = {name: [] for name in (None, *names)}  # None: before the first test
    current = None
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        name, _, reason = rest.partition(" ")
        if word == "run" and rest in said:
            current = rest
        elif word in ("ok", "FAIL", "skip") and name == current:
            results[current] = word, reason
        else:
            said[current].append(line)

    for name in names:
        outcome, reason = results.get(name, ("FAIL", ""))
        if outcome == "skip":
            said[name] = [reason]
        elif name not in results:
            what = "did not report" if name == current else f"did not run (the last to run was {current})"
            said[name] = [*said[None], *said[name], f"{name} {what}: {trouble or 'the process ended'}"]
        elif trouble and name == current:
            outcome = "FAIL"
            said[name].append(f"after {name}: {trouble}")
        results[name] = outcome, "\n".join(said[name])
    return results
