"""The benchmarks run, each table, a few seconds in all. What they find is not judged here."""

import json
import shutil
import subprocess
import sys

import pytest

import lanes

RUN = [sys.executable, "-B", "-m", "tools.bench.run", "--quick"]
# With a contender each: for all of them there is make bench.
TABLES = {
    "hello": ("bare", "mungo"),
    "cpython": ("mungo-cpython",),
    "bodies": ("bare", "mungo-app"),
    "idle": ("mungo",),
    "threads": ("threads-bare", "threads-mungo"),
    "wake": (),
    "ws": (),
    "profile": ("mungo",),
}
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="callgrind, epoll, /proc")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_measured(name, tmp_path):
    if name == "profile" and not shutil.which("valgrind"):
        pytest.skip("there is no valgrind")
    command = [*RUN, "--only", name, *TABLES[name], "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=lanes.ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "results.json").read_text())["tables"][name]
    assert found["rows"] and found["facts"]["micropython"] and found["quick"]
    for row in found["rows"]:
        assert not row.get("errors"), row
        if "rps" in row:
            assert row["rps"]["median"] > 0 and row["cpu_us"]["median"] > 0


def test_quick_results_are_no_tables_for_the_guide(tmp_path):
    for results, said in (({"tables": {}}, "not measured: hello"), ({"tables": {"hello": {"rows": []}}}, "not measured: hello")):
        (tmp_path / "results.json").write_text(json.dumps(results))
        command = [sys.executable, "-B", "-m", "tools.bench.page", "--results", str(tmp_path / "results.json")]
        done = subprocess.run(command, cwd=lanes.ROOT, capture_output=True, text=True)
        assert done.returncode == 1 and said in done.stderr, done.stderr
