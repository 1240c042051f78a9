"""Where the library's code needs memory on MicroPython: each such place asks the world first, and may get a MemoryError.

Objects that are made (instances, containers, slices, formatted text, bound methods, closures, iterators), lists, sets and dicts that may
grow, attributes that an object gets for the first time. What allocates inside C (sockets, the poll set, locks) asks by itself. Exceptions
need none: without memory MicroPython takes one that it keeps for that.
"""

import ast
import types

from . import modules
from .mutate_ast import LIBRARY

_MAKERS = {"bytes", "memoryview", "str", "repr", "list", "dict", "tuple", "set", "sorted", "reversed", "iter", "enumerate", "zip", "map"}
_GROWERS = {"append", "extend", "insert", "add", "setdefault", "update"}
_TEXT = {"encode", "decode", "split", "rsplit", "strip", "replace", "join", "lower", "upper", "items", "keys", "values", "to_bytes"}
_OBJECTS = (bytes, str, bytearray, list, tuple, memoryview, dict)


def _methods():
    names = set()
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                for it in node.body:
                    if isinstance(it, ast.FunctionDef) and not it.decorator_list:
                        names.add(it.name)
    return names


METHODS = _methods()


# --- what the transformed code calls


def ask(what):
    """Something needs memory."""
    world = modules.current.world
    if world is not None and world.current is not None and not world.is_over:
        world.allocate(what)


def before(function, what):
    """It will be called, and needs memory; not if it is the library's own `add`, which asks by itself."""
    if not isinstance(function, types.MethodType):
        ask(what)
    return function


def after(result, what):
    """It has been made, if it is an object."""
    if isinstance(result, _OBJECTS):
        ask(what)
    return result


def bound(owner, name, what):
    """An attribute that is not called: if it is a method, an object is made that binds it."""
    result = getattr(owner, name)
    if isinstance(result, types.MethodType) and result.__self__ is owner:
        ask(what)
    return result


def attribute(owner, name):
    """The attribute is about to be stored: the owner's dict may have to grow."""
    if name not in getattr(owner, "__dict__", (name,)) and not isinstance(getattr(type(owner), name, None), property):
        ask(f".{name} =")


def item(owner, key):
    """The same for an item of a dict."""
    if isinstance(owner, dict) and key not in owner:
        ask("[] =")


FUNCTIONS = {"__ask__": ask, "__before__": before, "__after__": after, "__bound__": bound, "__attribute__": attribute, "__item__": item}


# --- the transformation


def _call(name, *args):
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def _is_constant(node):
    """Whether MicroPython's compiler knows it."""
    if isinstance(node, ast.Tuple):
        return all(map(_is_constant, node.elts))
    return isinstance(node, ast.Constant) or isinstance(node, ast.Name) and node.id.startswith("_") and node.id.isupper()


class Allocating(ast.NodeTransformer):
    """Puts the questions into the functions of a module."""

    def __init__(self):
        self.depth = 0
        self.number = 0

    def wrap(self, node, old, name="__after__"):
        return ast.copy_location(_call(name, node, ast.Constant(f"{ast.unparse(old)[:40]} {old.lineno}")), old)

    def visit_FunctionDef(self, node):
        is_inner = self.depth > 0
        self.depth += 1
        node.body = [self.visit(it) for it in node.body]
        flat = []
        for it in node.body:
            flat += it if isinstance(it, list) else [it]
        node.body = flat
        self.depth -= 1
        if is_inner:
            return [ast.copy_location(ast.Expr(_call("__ask__", ast.Constant(f"def {node.name}"))), node), node]
        return node

    def generic_visit(self, node):
        if not self.depth and not isinstance(node, (ast.Module, ast.ClassDef, ast.If, ast.Try)):
            return node
        return super().generic_visit(node)

    def visit_Lambda(self, node):
        if not self.depth:
            return node
        return self.wrap(node, node, "__before__")

    def made(self, node):
        old = ast.copy_location(ast.parse(ast.unparse(node), mode="eval").body, node)
        if not self.depth or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or _is_constant(node):
            return node
        return self.wrap(super().generic_visit(node), old)

    visit_List = visit_Dict = visit_Set = visit_Tuple = visit_BinOp = visit_ListComp = visit_DictComp = made

    def visit_Subscript(self, node):
        is_made = self.depth and isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load)
        return self.made(node) if is_made else super().generic_visit(node)

    def visit_Attribute(self, node):
        if not self.depth or node.attr not in METHODS or not isinstance(node.ctx, ast.Load):
            return super().generic_visit(node)
        what = ast.Constant(f"{ast.unparse(node)[:40]} {node.lineno}")
        return ast.copy_location(_call("__bound__", self.visit(node.value), ast.Constant(node.attr), what), node)

    def visit_Call(self, node):
        if not self.depth:
            return node
        function = node.func
        name = function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
        old = ast.copy_location(ast.parse(ast.unparse(node), mode="eval").body, node)
        if isinstance(function, ast.Attribute):
            function.value = self.visit(function.value)
        node.args = [self.visit(it) for it in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        is_class = name[:1].isupper() and not name.isupper() and not name.endswith("Error")
        if isinstance(function, ast.Name) and name in _MAKERS or isinstance(function, ast.Attribute) and name in _TEXT:
            return self.wrap(node, old)
        if is_class or name in ("accepted_class", "cls") or name in _GROWERS or any(isinstance(it, ast.Starred) for it in node.args):
            node.func = self.wrap(node.func, old, "__before__")
        return node

    def visit_Assign(self, node):
        if not self.depth:
            return node
        if isinstance(node.value, ast.Tuple) and isinstance(node.targets[0], ast.Tuple):  # MicroPython makes none for that
            node.value.elts = [self.visit(it) for it in node.value.elts]
        else:
            node.value = self.visit(node.value)
        targets = []
        for target in node.targets:
            targets += target.elts if isinstance(target, ast.Tuple) else [target]
        asked = []
        for it in targets:
            if isinstance(it, ast.Attribute):
                asked.append(_call("__attribute__", _load(it.value), ast.Constant(it.attr)))
            elif isinstance(it, ast.Subscript) and not isinstance(it.slice, ast.Slice):
                asked.append(_call("__item__", _load(it.value), _load(it.slice)))
        if not asked:
            return node
        # First the value, which may have effects.
        value = f"__value{self.number}"
        self.number += 1
        first = ast.Assign([ast.Name(value, ast.Store())], node.value)
        node.value = ast.Name(value, ast.Load())
        return [ast.copy_location(it, node) for it in (first, *map(ast.Expr, asked), node)]


def _load(node):
    return ast.parse(ast.unparse(node), mode="eval").body


def transform(tree):
    """Put the questions into the module's tree."""
    return ast.fix_missing_locations(Allocating().visit(tree))
