"""The rules of the house, held against the library's source: floors, circles, methods, state bits, sizes and names."""

import ast
import functools
import re

import pytest

import house
import imports
from lanes import ROOT

LIB = ROOT / "lib"
FILES = imports.files()


@functools.cache
def tree(name):
    return ast.parse((LIB / name).read_text())


def test_imports_go_down_and_never_in_a_circle():
    edges = imports.graph()
    assert imports.upward(edges) == []
    assert imports.circles(edges) == []


def test_a_wrong_import_is_noticed(tmp_path):
    room = tmp_path / "mungo"
    for name, text in {
        "__init__.py": "",
        "core/__init__.py": "",
        "core/a.py": "def f():\n    from ..http import b\n",
        "core/c.py": "from .d import x\n",
        "core/d.py": "import socket\ndef f():\n    from . import c\n",
        "http/__init__.py": "",
        "http/b.py": "from ..core.c import y\nfrom ..ws import z\n",
        "ws/__init__.py": "from ..http.b import y\n",
    }.items():
        (room / name).parent.mkdir(parents=True, exist_ok=True)
        (room / name).write_text(text)
    edges = imports.graph(tmp_path)
    assert imports.upward(edges) == [("mungo/core/a.py", "mungo/http/b.py"), ("mungo/http/b.py", "mungo/ws/__init__.py")]
    assert imports.circles(edges) == [["mungo/core/c.py", "mungo/core/d.py"], ["mungo/http/b.py", "mungo/ws/__init__.py"]]
    assert edges["mungo/core/d.py"] == {"mungo/core/c.py": True} and edges["mungo/core/c.py"] == {"mungo/core/d.py": False}


def test_every_room_is_on_a_floor_and_in_the_picture():
    rooms = {imports.room(name) for name in FILES}
    assert rooms == {room for floor in imports.FLOORS for room in floor} == set(house.ROOMS) | set(house.SHORT)
    assert house.main(["--check"]) is None


@functools.cache
def classes():
    """{class: [(file, names of its methods, without properties, and of its base classes)]} of the whole library."""
    found = {}
    for name in FILES:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.ClassDef):
                own = {item.name for item in node.body if isinstance(item, ast.FunctionDef) and not item.decorator_list}
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                found.setdefault(node.name, []).append((name, own, bases))
    return found


def methods(name, known, file=None):
    """The methods of a class and of all that it is derived from; of the class in this file, if that is given."""
    found = set()
    for where, own, bases in known.get(name, ()):
        if file in (None, where):
            found |= own.union(*(methods(base, known) for base in bases - {name}))
    return found


def assigned(node):
    """The attributes that a statement assigns to, or deletes: (the name of the object, the attribute)."""
    targets = []
    if isinstance(node, (ast.Assign, ast.Delete)):
        targets = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    for target in targets:
        for part in ast.walk(target):
            if isinstance(part, ast.Attribute) and isinstance(part.ctx, (ast.Store, ast.Del)):
                yield getattr(part.value, "id", None), part.attr


@pytest.mark.parametrize("name", FILES)
def test_no_method_is_replaced_on_an_instance(name):
    known = classes()
    of_connections = methods("Connection", known)
    for name_of_class, places in known.items():
        if any("Connection" in bases for _, _, bases in places):
            of_connections |= methods(name_of_class, known)
    inside = {}
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ClassDef):
            inside.update((part, node.name) for part in ast.walk(node))
    for node in ast.walk(tree(name)):
        for base, attribute in assigned(node):
            assert base == "self" or attribute not in of_connections, f"{name}, line {node.lineno}: {attribute} is a method"
    for node, owner in inside.items():
        for base, attribute in assigned(node):
            assert base != "self" or attribute not in methods(owner, known, name), f"{name}, line {node.lineno}: {attribute} is a method"


@pytest.mark.parametrize("name", FILES)
def test_only_the_connection_knows_the_bits_of_its_state(name):
    if name == "mungo/core/connection.py":
        return
    for node in ast.walk(tree(name)):
        parts = ()
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.BitXor)):
            parts = (node.left, node.right)
        elif isinstance(node, ast.AugAssign):
            parts = (node.target,)
        for part in parts:
            assert not (isinstance(part, ast.Attribute) and part.attr == "state"), f"{name}, line {node.lineno}: a bit of a state"


@pytest.mark.parametrize("name", FILES)
def test_jobs_waiters_and_messages_have_named_fields(name):
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in ("job", "waiter", "node"), f"{name}, line {node.lineno}: a numbered place"


# Files that know the places of a scanned head: the scanners, and the class whose accessors the others use.
HEAD_PLACES = {"mungo/http/scan.py", "mungo/http/scan_portable.py", "mungo/http/scan_viper.py", "mungo/http/parser.py"}


@pytest.mark.parametrize("name", FILES)
def test_places_in_a_scanned_head_are_known_to_its_owner(name):
    if name in HEAD_PLACES:
        return
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Subscript):
            value = node.value
            assert not (isinstance(value, ast.Attribute) and value.attr == "tab"), f"{name}, line {node.lineno}: a place in a head"
            assert not (isinstance(value, ast.Name) and value.id == "tab"), f"{name}, line {node.lineno}: a place in a head"


@pytest.mark.parametrize("name", FILES)
def test_an_except_for_want_of_memory_needs_none(name):
    """MicroPython makes the tuple of `except (OSError, MemoryError)` when something is raised: without memory that is what is raised."""
    for node in ast.walk(ast.parse((LIB / name).read_text())):
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Tuple):
            kinds = {ast.unparse(one) for one in node.type.elts}
            assert not kinds & {"OSError", "MemoryError"}, f"{name}:{node.lineno}: name the tuple in the module"


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_at_most_450_lines(name):
    assert len((LIB / name).read_text().splitlines()) <= 450


# Names that say nothing, and what took their place.
GONE = {
    "crew, hire, Foreman": r"\bcrew\b|\bhire\b|\bForeman\b",
    "crowd, welcome": r"\bcrowd\b|\bwelcome\b",
    "patience, inbox as modules": r"\bpatience\b|import inbox|\.inbox import",
    "Backlog as a class": r"\bBacklog\b",
    "outlast, the_rules, answers(), streams()": r"outlast\.py|import outlast|\bthe_rules\b|\banswers\(\)|\bstreams\(\)",
    "polled, doomed, again": r"\bpolled\b|\bdoomed\b|\.again\b",
    "tie, left, over of a pool": r"\bdef (tie|left|over)\b",
    "raw, _DEAF, fence, CHURN, Rope, tidy": r"\.raw\b|_DEAF|\bfence\b|\bCHURN\b|\bRope\b|\btidy\b",
    "is_hot, cool, works": r"\bis_hot\b|\.cool\b|\bdef cool\b|\.works\b",
    "make": r"\bdef make\(",
}


@pytest.mark.parametrize("names", GONE)
def test_names_that_say_nothing_are_gone(names):
    for name in FILES:
        found = re.search(GONE[names], (LIB / name).read_text())
        assert not found, f"{name}: {found[0]}"
