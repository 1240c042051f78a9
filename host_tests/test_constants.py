"""The library's files repeat numbers as private constants, since an import costs a board more. Here they are held equal."""

import ast
from pathlib import Path

LIB = Path(__file__).resolve().parent.parent / "lib" / "mungo"


def constants(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "const":
            yield node.targets[0].id, ast.literal_eval(node.value.args[0])
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, int):
            yield node.targets[0].id, node.value.value


def test_events_have_the_numbers_of_the_package():
    public = {name: value for name, value in constants(LIB / "__init__.py") if name.startswith("EV_")}
    assert len(public) == len(set(public.values())) == 21
    seen = 0
    for path in LIB.rglob("*.py"):
        for name, value in constants(path):
            if name.startswith("_EV_") and name[1:] not in ("EV_DUE", "EV_BUG", "EV_FULL"):
                assert public[name[1:]] == value, f"{path.name}: {name}"
                seen += 1
    assert seen > 20


def test_the_same_name_is_the_same_number_everywhere():
    # Except for names of one file's own matters.
    own = {"_END", "_IDLE", "_LINE", "_RETRY_MS"}
    own |= {"_HEAD", "_LENGTH", "_SIZE", "_CHUNK", "_DONE", "_NONE", "_MESSAGES", "_MOST", "_LONGEST", "_PIECE", "_JOIN"}
    values = {}
    for path in sorted(LIB.rglob("*.py")):
        for name, value in constants(path):
            if name.startswith("_") and name not in own:
                first, where = values.setdefault(name, (value, path.name))
                assert value == first, f"{name} is {value} in {path.name} and {first} in {where}"
    assert values["_CLOSING"] == (1, "connection.py") and values["_CR"][0] == 13
