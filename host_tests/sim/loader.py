"""The library's own files, loaded so that what they import is simulated and their threads can be interrupted between statements."""

import ast
import builtins
import importlib.abc
import importlib.util
import os
import sys
from pathlib import Path
from types import SimpleNamespace

from . import allocating, flash, modules, secure
from .mutate_ast import LIBRARY, ROOT, Misfit

_PREFIXES = ("mungo", "apps", "environment", "settings", "host", "schema", "wrong")
_THREADS = LIBRARY / "threads"


def is_shared(path, tree):
    """Whether more than one thread runs the code of this file: then a thread may lose its turn before each statement.

    So it is in the room of the threads, in files that use a lock or `_thread`, and in apps.
    """
    if LIBRARY not in path.parents:
        return "apps" in path.parts
    return _THREADS in path.parents or any(map(_is_of_threads, ast.walk(tree)))


def _is_of_threads(node):
    if isinstance(node, ast.With):
        return any(isinstance(item.context_expr, ast.Attribute) and item.context_expr.attr.endswith("lock") for item in node.items)
    return isinstance(node, ast.Import) and node.names[0].name == "_thread" or isinstance(node, ast.ImportFrom) and node.module == "_thread"


def names(package, name, fromlist, level):
    """The modules that an import names, and may load."""
    if level:
        name = ".".join([*package.split(".")[: len(package.split(".")) - level + 1], *filter(None, [name])])
    return [name, *(f"{name}.{one}" for one in fromlist or ())]


def imports(tree, package):
    """The modules that are imported when a module loads: not those in functions."""
    found = []
    for node in _outside_functions(tree):
        if isinstance(node, ast.ImportFrom):
            found += names(package, node.module, [one.name for one in node.names], node.level)
        elif isinstance(node, ast.Import):
            found += [one.name for one in node.names]
    return found


def _outside_functions(node):
    for it in ast.iter_child_nodes(node):
        if not isinstance(it, ast.FunctionDef):
            yield it
            yield from _outside_functions(it)


class _Bytearray(type):
    def __instancecheck__(cls, it):
        return isinstance(it, bytearray)


class Bytearray(bytearray, metaclass=_Bytearray):
    """A bytearray for which there may be no memory."""

    def __new__(cls, *args):
        if modules.current.world is not None and args and args[0]:
            modules.current.world.allocate("bytearray")
        return bytearray(*args)


class _Points(ast.NodeTransformer):
    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        for owner in ast.walk(node):
            for name in ("body", "orelse", "finalbody"):
                body = getattr(owner, name, None)
                if isinstance(body, list) and not getattr(owner, "has_points", False):
                    setattr(owner, name, self.spread(body))
            owner.has_points = True
        return node

    @staticmethod
    def spread(body):
        out = []
        for i, statement in enumerate(body):
            is_doc = not i and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not is_doc and not isinstance(statement, (ast.Global, ast.Nonlocal, ast.FunctionDef)):
                call = ast.Expr(ast.Call(ast.Name("__point__", ast.Load()), [], []))
                out.append(ast.fix_missing_locations(ast.copy_location(call, statement)))
            out.append(statement)
        return out


class Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `mungo`, `apps` and `settings`, and breaks what is imported by the Mutation, if there is one."""

    def __init__(self, profile, mutation=None):
        self.profile = profile
        self.mutation = mutation
        self.broken = mutation and mutation.file()
        self.made = dict(modules.make(profile), os=flash.make_os(os), tls=secure.make(), builtins=SimpleNamespace(__import__=None))
        self.imports = {}  # module: those that it imports when it loads
        self.builtins = dict(
            builtins.__dict__,
            const=lambda value: value,
            bytearray=Bytearray,
            print=lambda *args, **_: modules.current.world and modules.current.world.note("print", *map(str, args)),
            open=lambda name, *mode: secure.Filler() if isinstance(name, int) else flash.open_file(name, *mode),
            __import__=self.bring,
            __point__=modules.point,
            **allocating.FUNCTIONS,
        )

    def bring(self, name, globals=None, locals=None, fromlist=(), level=0):
        if not level and name in self.made:
            return self.made[name]
        if modules.current.world is not None:
            for found in names(globals and globals["__package__"], name, fromlist, level):
                self.find(found)
        return builtins.__import__(name, globals, locals, fromlist, level)

    def find(self, name):
        """A function imports this module. Unless this run has loaded it, and what it imports, that needs memory and a descriptor."""
        world = modules.current.world
        if name in world.loaded or name not in self.imports:
            return
        modules.current.net.open_file(name)
        for _ in range(3):
            world.allocate("import " + name)
        world.loaded.add(name)
        try:
            for other in self.imports[name]:
                self.find(other)
        except (OSError, MemoryError):
            world.loaded.discard(name)
            raise

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in _PREFIXES:
            return None
        for tree in ("lib", "firmware"):
            base = ROOT / tree / name.replace(".", "/")
            for file in (base / "__init__.py", base.with_suffix(".py")):
                if file.exists():
                    spec = importlib.util.spec_from_file_location(
                        name, file, loader=self, submodule_search_locations=[str(base)] if file.name == "__init__.py" else None
                    )
                    return spec
            if base.is_dir():
                spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
                spec.submodule_search_locations = [str(base)]
                return spec
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        path = Path(module.__spec__.origin)
        tree = ast.parse(path.read_text(), str(path))
        self.imports[module.__name__] = imports(tree, module.__package__)
        has_points = is_shared(path, tree)
        if path == self.broken:
            self.mutation.apply(tree)
            self.broken = None
        if LIBRARY in path.parents:
            tree = allocating.transform(tree)
        if has_points:
            tree = _Points().visit(tree)
        module.__dict__["__builtins__"] = self.builtins
        exec(compile(tree, str(path), "exec"), module.__dict__)

    def load(self):
        """Import everything, so that no run differs from the next by what it imports; returns the package."""
        modules.current.made = self.made
        for name in [name for name in sys.modules if name.partition(".")[0] in _PREFIXES]:
            del sys.modules[name]
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Loader)]
        sys.meta_path.insert(0, self)
        import mungo  # noqa: F401

        for path in sorted((ROOT / "lib" / "mungo").rglob("*.py")):
            parts = path.relative_to(ROOT / "lib").with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            platform = name.rpartition(".")[2]
            if name.startswith("mungo.port.") and platform in ("cpython", "esp32", "rp2", "unix"):
                continue
            if not name.endswith("_viper"):
                try:
                    importlib.import_module(name)
                except ImportError as er:
                    if er.name not in ("asyncio", "tls", "esp32"):  # (some need MicroPython's)
                        raise
        if self.broken:
            raise Misfit(f"mutation {self.mutation.what!r}: {self.broken} is not loaded")
        self.app = importlib.import_module("apps.multi_threaded")
        return sys.modules["mungo"]
