"""The imports of the library, as its source says: which file imports which, wherever in the file the import stands.

.venv/bin/python tools/imports.py        each file with what it imports, by room
"""

import ast
import sys

import mpy

LIB = mpy.ROOT / "lib"

# From top to bottom. An import goes to a lower floor, or stays in its room.
FLOORS = (
    ("__init__",),
    ("auth", "cookies", "cors"),
    ("dash",),
    ("app", "fleet"),
    ("mqtt.Client",),
    ("aio", "fetch"),
    ("manager",),
    ("http", "mdns", "mqtt", "ota", "sntp", "sse", "ws"),
    ("tls",),
    ("dns", "threads"),
    ("core",),
    ("port", "rtc"),
)

# Files that stand above the rest of their room, as a room of their own: the everyday client makes a Manager, which uses the rest.
ABOVE = dict.fromkeys(("mungo/mqtt/__init__.py", "mungo/mqtt/client.py"), "mqtt.Client")


def files(lib=LIB):
    """The library's files as paths below lib/, "mungo/core/loop.py"."""
    return sorted(path.relative_to(lib).as_posix() for path in lib.rglob("*.py"))


def is_for_editors(node):
    """Whether this is `if TYPE_CHECKING:`, whose imports no runtime does."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def lazy_parts(node):
    """The modules that `Parts(package, names)` of http/lazy.py loads when they are first asked for, as names with dots."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Parts":
        package, names = (ast.literal_eval(one) for one in node.args)
        return [f"{package}.{name}" for name in names]
    return []


def imports(name, lib=LIB):
    """The library's files that the file `name` imports: {path: whether only inside functions}."""
    package = name.split("/")[:-1]
    known = set(files(lib))
    found = {}

    def note(parts, lazy):
        base = "/".join(parts)
        for path in (base + ".py", base + "/__init__.py"):
            if path in known and path != name:
                found[path] = found.get(path, True) and lazy

    def visit(node, lazy):
        for child in ast.iter_child_nodes(node):
            if is_for_editors(child):
                continue
            if isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                module = [*base, *(child.module or "").split(".")] if child.module else base
                names = [[*module, alias.name] for alias in child.names]
                modules = [parts for parts in names if {"/".join(parts) + ".py", "/".join(parts) + "/__init__.py"} & known]
                for parts in modules:
                    note(parts, lazy)
                if len(modules) < len(names):
                    note(module, lazy)
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    note(alias.name.split("."), lazy)
            for module in lazy_parts(child):
                note(module.split("."), True)
            visit(child, lazy or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    visit(ast.parse((lib / name).read_text()), False)
    return found


def graph(lib=LIB):
    """{path: {path that it imports: whether only inside functions}} of all files."""
    return {name: imports(name, lib) for name in files(lib)}


def room(name):
    """The room of a path: "core" of "mungo/core/loop.py", "manager" of "mungo/manager.py", "__init__" of the package itself."""
    return ABOVE.get(name) or name.removesuffix(".py").split("/")[1]


def floor_of(room):
    """The number of a room's floor, 0 at the top. KeyError if it is on none."""
    return {one: n for n, rooms in enumerate(FLOORS) for one in rooms}[room]


def floor(name):
    """The number of the floor of a path's room."""
    return floor_of(room(name))


def upward(edges):
    """The imports that go up, or to another room of the same floor: a list of (path, imported path).

    An import from one room to another of the same floor is allowed in one direction: ws and sse import http, not the other way round.
    """
    wrong = []
    for name, found in edges.items():
        for other in found:
            down = floor(other) - floor(name)
            beside = down == 0 and (room(name) == room(other) or room(other) == "http")
            if down < 0 or down == 0 and not beside:
                wrong.append((name, other))
    return wrong


def circles(edges):
    """The groups of files that import each other, directly or through others: a list of sorted lists."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in edges[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in edges:
        if name not in index:
            visit(name)
    return sorted(found)


def main():
    edges = graph()
    for name in sorted(edges, key=lambda name: (floor(name), name)):
        print(f"{name[6:]:28} {', '.join(('(%s)' if lazy else '%s') % other[6:] for other, lazy in sorted(edges[name].items()))}")
    wrong = [f"{name} imports {other}, which is above it" for name, other in upward(edges)]
    return "\n".join(wrong + ["a circle: " + ", ".join(group) for group in circles(edges)]) or None


if __name__ == "__main__":
    sys.exit(main())
