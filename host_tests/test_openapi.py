"""The description of an App's routes is valid OpenAPI, and says what the App does."""

import json
import subprocess
import sys

import openapi_spec_validator
import pytest

import lanes

PROGRAM = '''
from mungo.app import App
from mungo.app.checks import check

site = App()


@site.get("/users/<int:id>/files/<path:rest>")
def user(req, id, rest):
    """One file of a user.

    Whoever asks must know its name.
    """
    return rest


@site.route("/users", ("POST", "PUT"))
def make(req):
    return check(
        req.json,
        {"name": (str, 1, 9), "age": (int, 0, 150), "unit": ("C", "F"), "tags": [str], "at?": {"x": float}, "n": int_or_more, "ok": bool},
    )


@site.get("/rows", worker=True)
def rows(req):
    wanted = check(req.args, {"limit?": (int, 1, 100), "sort": ("a", "b")})
    return wanted


site.post("/form")(lambda req: check(req.form, {"a": str}))
site.get("/")(print)
int_or_more = int
'''


def describe(*args, cwd=lanes.ROOT, **kwargs):
    return subprocess.run([sys.executable, lanes.ROOT / "tools/openapi.py", *args], cwd=cwd, capture_output=True, text=True, **kwargs)


@pytest.fixture
def found(tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setenv("MICROPYPATH", str(tmp_path))
    done = describe("program:site", "--title", "Users", "--version", "2.1")
    assert done.returncode == 0, done.stderr
    description = json.loads(done.stdout)
    openapi_spec_validator.validate(description)
    return description


def test_what_is_described(found):
    assert found["info"] == {"title": "Users", "version": "2.1"}
    assert set(found["paths"]) == {"/users/{id}/files/{rest}", "/users", "/rows", "/form", "/"}
    get = found["paths"]["/users/{id}/files/{rest}"]["get"]
    assert (get["summary"], get["description"]) == ("One file of a user.", "Whoever asks must know its name.")
    assert [(one["name"], one["in"], one["schema"]["type"]) for one in get["parameters"]] == [
        ("id", "path", "integer"),
        ("rest", "path", "string"),
    ]
    assert set(get["responses"]) == {"200"}


def test_checked_bodies(found):
    post = found["paths"]["/users"]["post"]
    assert set(post["responses"]) == {"200", "422"} and "parameters" not in post
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["name", "age", "unit", "tags", "n", "ok"]
    assert schema["properties"] == {
        "name": {"type": "string", "minLength": 1, "maxLength": 9},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "unit": {"enum": ["C", "F"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "at": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
        "n": {},
        "ok": {"type": "boolean"},
    }
    assert list(found["paths"]["/form"]["post"]["requestBody"]["content"]) == ["application/x-www-form-urlencoded"]


def test_checked_queries_and_workers(found):
    rows = found["paths"]["/rows"]["get"]
    assert set(rows["responses"]) == {"200", "422", "503", "504"} and "requestBody" not in rows
    assert [(one["name"], one["in"], one["required"]) for one in rows["parameters"]] == [("limit", "query", False), ("sort", "query", True)]


EXAMPLES = [path for path in (lanes.ROOT / "firmware/apps").glob("*/__init__.py") if "\napp = mungo.App" in path.read_text()]


@pytest.mark.parametrize("app", sorted(path.parent.name for path in EXAMPLES))
def test_the_examples(app):
    done = describe(f"apps.{app}")
    assert done.returncode == 0, done.stderr
    openapi_spec_validator.validate(json.loads(done.stdout))


def test_a_program_that_is_not_there():
    assert describe("apps.nowhere").returncode != 0
