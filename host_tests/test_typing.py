"""Types for editors: pyright checks the guide's programs as those of a user, with the settings that the guide shows."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lanes
from guide import DOCS, PAGES, blocks

ROOT = lanes.ROOT
SETTINGS = json.loads(blocks(DOCS / "getting-started.md", "json")[0].text)

# Each line with a comment has this error, or reveals this type.
WRONG = """import mungo
import mungo.app
from mungo.fetch import fetch

app = mungo.App()
app.rout("/x")  # Cannot access attribute "rout"
mgr = mungo.Manager()
mgr.timmer(1, print)  # Cannot access attribute "timmer"
mgr.timer(1)  # Argument missing for parameter "fn"
app.run(port="x")  # cannot be assigned to parameter "port"
mungo.EV_NONE  # is not a known attribute of module
reveal_type(app)  # is "App"
reveal_type(mgr.timer(1, print))  # is "Timer"
reveal_type(mungo.EV_READ)  # is "int"
reveal_type(fetch("http://10.0.0.7/"))  # is "Result"


def handler(req: mungo.app.Request):
    reveal_type(req)  # is "Request"
    reveal_type(req.args)  # is "Fields"
    reveal_type(req.form)  # is "Fields"
    reveal_type(req.headers)  # is "Headers"
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """{name of a program: [(line, what pyright says)]}"""
    if not (ROOT / "typings").exists():
        pytest.skip("there are no stubs: make setup installs them")
    folder = tmp_path_factory.mktemp("project")
    (folder / "mungo").symlink_to(ROOT)
    (folder / "pyrightconfig.json").write_text(json.dumps({"include": ["*.py"], **SETTINGS}))
    programs = {"wrong": WRONG}
    for name, path in PAGES.items():
        if name != "tutorial":  # its blocks are pieces of an app
            for i, block in enumerate(blocks(path, "python")):
                programs[f"{name}_{i}".replace("-", "_")] = block.text
    for name, text in programs.items():
        (folder / f"{name}.py").write_text(text)
    command = [Path(sys.executable).with_name("pyright"), "-p", folder, "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(programs), report["summary"]
    said = {name: [] for name in programs}
    for one in report["generalDiagnostics"]:
        said[Path(one["file"]).stem].append((one["range"]["start"]["line"], one["message"]))
    return said


def test_the_guide_s_programs_have_no_errors(found):
    assert len(found) > 15
    assert {name: said for name, said in found.items() if said and name != "wrong"} == {}


def test_mistakes_are_found_and_types_are_known(found):
    expected = {i: line.partition("  # ")[2] for i, line in enumerate(WRONG.splitlines()) if "  # " in line}
    said = dict(found["wrong"])
    assert set(said) == set(expected)
    assert {i: text for i, text in expected.items() if text not in said[i]} == {}


def test_the_names_are_those_of_the_module():
    stub = (ROOT / "lib/mungo/__init__.pyi").read_text()
    source = (ROOT / "lib/mungo/__init__.py").read_text()
    assert re.findall(r"^(EV_\w+): int$", stub, re.M) == re.findall(r"^(EV_\w+) = ", source, re.M)
    assert {"App", "Manager", "flash"} <= set(re.findall(r" as (\w+)$", stub, re.M))
