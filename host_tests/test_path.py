"""How far a reader has to go to follow a request: the figures of tools/path.py."""

import json
import subprocess
import sys

import pytest

import lanes

# way: (files, changes of file); may be lowered, not raised
MOST = {"app": (9, 25), "mkpipe": (7, 22)}


@pytest.fixture(scope="module")
def paths():
    command = [sys.executable, "tools/path.py", "--json"]
    return json.loads(subprocess.run(command, cwd=lanes.ROOT, capture_output=True, text=True, timeout=60, check=True).stdout)


def figures(steps):
    return len({file for file, _ in steps}), len(steps)


def shown(steps):
    return "\n".join(f"{file:24} {', '.join(functions)}" for file, functions in steps)


@pytest.mark.parametrize("way", MOST)
def test_a_request_passes_few_files(paths, way):
    files, changes = figures(paths[way])
    assert files <= MOST[way][0] and changes <= MOST[way][1], f"{files} files, {changes} changes\n{shown(paths[way])}"


def test_the_path_is_the_whole_way(paths):
    for way, parts in (("app", ("app/worker_routes.py", "threads/pool.py")), ("mkpipe", ("threads/pipe.py",))):
        files = [file for file, _ in paths[way]]
        assert files[0] == "core/loop.py" and {"http/parser.py", "http/server.py", *parts} <= set(files), shown(paths[way])
        functions = [function for _, functions in paths[way] for function in functions]
        assert functions.count("Request.parse") == functions.count("serve") == 1, shown(paths[way])
