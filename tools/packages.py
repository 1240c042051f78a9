"""Write the packages for mip: package.json for the whole library, lib/PART.json for each part, with URLs relative to these files. The
numbers of the events go into the types for editors, lib/mungo/__init__.pyi.

    python tools/packages.py            write them, and build/packages/ with the same as bytecode
    python tools/packages.py --check    fail if they do not match the tree

A part's package includes the parts that it needs, because mip has no relative dependencies. The bytecode has no machine code, so it
runs on every MicroPython that loads version 6 of the format. The portable twins replace the missing *_viper.py files.
"""

import argparse
import ast
import json
import re
import shutil
import sys
from fnmatch import fnmatch

import mpy
from imports import is_for_editors, lazy_parts

LIB = mpy.ROOT / "lib"
OUT = mpy.ROOT / "build" / "packages"

# part: (the parts that it needs, which files are its own). A file belongs to the last part that names it.
PARTS = {
    "core": ((), ["mungo/*"]),
    "http": (("core",), ["mungo/http/[!_]*", "mungo/fetch.py"]),
    "json": (("core",), [f"mungo/http/{name}.py" for name in ("json_reader", "json_writer")]),
    "app": (
        ("core", "http", "json"),
        ["mungo/app/*"]
        + [f"mungo/http/{name}.py" for name in ("percent", "form", "form_reader", "multipart", "disposition", "file_name")]
        + [f"mungo/{name}.py" for name in ("aio", "auth", "cookies", "cors")],
    ),
    "files": (
        ("core", "http", "app"),
        [f"mungo/http/{name}.py" for name in ("files", "part", "folder", "media_types", "conditions", "date")]
        + [f"mungo/http/{name}.py" for name in ("formdata", "upload", "wholefile")],
    ),
    "ws": (("core", "http"), ["mungo/ws.py", "mungo/ws/*"]),
    "sse": (("core", "http"), ["mungo/sse.py"]),
    "dash": (("core", "http", "app", "files", "ws"), ["mungo/dash/*"]),
    "mdns": (("core",), ["mungo/mdns/*"]),
    "mqtt": (("core", "json"), ["mungo/mqtt/*"]),
    "fleet": (("core", "json", "mqtt"), ["mungo/fleet/*"]),
    "ota": (("core", "http", "app"), ["mungo/ota/*"]),
    "sntp": (("core",), ["mungo/sntp.py", "mungo/rtc.py"]),
    "tls": (("core", "http"), ["mungo/tls/*"]),
}

# Lazy imports of files in other parts. A program that uses them must install that part too.
DOORS = {
    "mungo/__init__.py": ("app", "tls"),
    "mungo/manager.py": ("http", "mqtt"),
    "mungo/mqtt/client.py": ("app",),
    "mungo/app/mounting.py": ("files",),
    "mungo/dash/__init__.py": ("ota",),
    "mungo/dash/fleet.py": ("fleet",),
    "mungo/fleet/update.py": ("ota",),
    "mungo/app/etags.py": ("files",),
    "mungo/app/testing_live.py": ("ws",),
    "mungo/app/sockets.py": ("ws",),
    "mungo/app/websocket_routes.py": ("ws",),
    "mungo/app/event_streams.py": ("sse",),
    "mungo/app/event_routes.py": ("sse",),
}


def files(lib=LIB):
    """The library's files, by their names on a board."""
    return sorted(path.relative_to(lib).as_posix() for path in lib.rglob("*.py"))


def part_of(name):
    """The part that a file belongs to; None if no part names it."""
    part = None
    for one, (_, patterns) in PARTS.items():
        if any(fnmatch(name, pattern) for pattern in patterns):
            part = one
    return part


def needs(part):
    """The part, and all that it needs, also in turn."""
    return {part}.union(*(needs(other) for other in PARTS[part][0]))


def closure(part, names):
    """The files to install for a part: its own, and those of the parts that it needs."""
    wanted = needs(part)
    return [name for name in names if part_of(name) in wanted]


def manifest(names, prefix, version, suffix=".py"):
    urls = [[name[:-3] + suffix, prefix + name[:-3] + suffix] for name in names]
    lines = ",\n".join("    " + json.dumps(url) for url in urls)
    return f'{{\n  "version": "{version}",\n  "deps": [],\n  "urls": [\n{lines}\n  ]\n}}\n'


def version(lib=LIB):
    """__version__ of the library, read without importing it."""
    for node in ast.parse((lib / "mungo/__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__":
            return ast.literal_eval(node.value)
    raise ValueError("lib/mungo/__init__.py has no __version__")


def manifests(lib=LIB):
    """{path below the root: text} of every package file that installs source."""
    names = files(lib)
    made = {"package.json": manifest(names, "lib/", version(lib))}
    for part in PARTS:
        if any(part_of(name) == part for name in names):
            made[f"lib/{part}.json"] = manifest(closure(part, names), "", version(lib))
    return made


def editor_types(lib=LIB):
    """The text of mungo/__init__.pyi with the events that mungo/__init__.py has."""
    kept = [line for line in (lib / "mungo/__init__.pyi").read_text().splitlines() if not line.startswith("EV_")]
    events = re.findall(r"^(EV_\w+) = ", (lib / "mungo/__init__.py").read_text(), re.M)
    return "\n".join(kept + [f"{name}: int" for name in events]) + "\n"


def imports(path, name):
    """The files that a file may import, also inside its functions: x.py and x/__init__.py for each imported x."""
    return imports_of(ast.parse(path.read_text()), name)


def imports_of(tree, name):
    """`imports` of the syntax tree of a file with this name."""
    package = name.split("/")[:-1]
    found = set()
    left_out = {part for node in ast.walk(tree) if is_for_editors(node) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if node in left_out:
            continue
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            parts = [*base, *(node.module or "").split(".")] if node.module else base
            found.add("/".join(parts))
            found |= {"/".join([*parts, alias.name]) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.replace(".", "/") for alias in node.names}
        found |= {module.replace(".", "/") for module in lazy_parts(node)}
    return {one + ".py" for one in found} | {one + "/__init__.py" for one in found}


def complaints(lib=LIB):
    """Lines about files that belong to no part, and about imports from parts that a part does not need."""
    names = files(lib)
    wrong = [f"{name}: belongs to no part; give tools/packages.py a pattern for it" for name in names if not part_of(name)]
    for name in names:
        own = part_of(name)
        if not own:
            continue
        allowed = needs(own).union(DOORS.get(name, ()))
        for other in sorted(imports(lib / name, name) & set(names)):
            if part_of(other) not in allowed:
                wrong.append(f"{name}, of {own}, imports {other}, of {part_of(other)}, which {own} does not need")
    return wrong


def build(out=OUT, lib=LIB):
    """Write the packages as bytecode to `out`, for a web server. Return the names of their sources."""
    shutil.rmtree(out, ignore_errors=True)
    made = mpy.build(lib.name, root=lib.parent, out=out, arch=None)
    names = [source.relative_to(lib).as_posix() for source in made]
    (out / "package.json").write_text(manifest(names, f"{lib.name}/", version(lib), ".mpy"))
    for part in PARTS:
        if any(part_of(name) == part for name in names):
            (out / lib.name / f"{part}.json").write_text(manifest(closure(part, names), "", version(lib), ".mpy"))
    return names


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the packages do not match the tree; write nothing")
    args = parser.parse_args(argv)
    wrong = complaints()
    made = manifests() | {"lib/mungo/__init__.pyi": editor_types()}
    old = {path.relative_to(mpy.ROOT).as_posix() for path in LIB.glob("*.json")}
    if args.check:
        stale = [name for name, text in made.items() if not _is(name, text)] + sorted(old - set(made))
        return "\n".join(wrong + [f"{name} does not match lib/: run make packages" for name in stale]) or None
    for name in old - set(made):
        (mpy.ROOT / name).unlink()
    for name, text in made.items():
        (mpy.ROOT / name).write_text(text)
        if name.endswith(".json"):
            print(f"{name}: {text.count('.py') // 2} files")
    print(f"build/packages: {len(build())} files as bytecode")
    return "\n".join(wrong) or None


def _is(name, text):
    path = mpy.ROOT / name
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
