"""What of the library an app can reach: what an image, a bundle and a deploy need of it.

A file takes at least one block of 4 KB of a board's flash, and a Pico W's file system has 212 of them: fewer than the whole library takes
with the firmware.
"""

import ast

import mpy
import packages

PANEL = "panel.py"
OTA = ("mungo/ota/__init__.py",)  # for devices that take updates: the next one has to come

# Rooms and files of the library of which a board gets only what the app imports, and what that imports.
CHOSEN = (
    *("mungo/app/", "mungo/dash/", "mungo/fleet/", "mungo/ws/", "mungo/mdns/", "mungo/mqtt/", "mungo/ota/", "mungo/tls/"),
    *(f"mungo/http/{name}.py" for name in ("client", "response_parser", "urls", "upload", "wholefile", "formdata", "to_https")),
    *(f"mungo/{name}.py" for name in ("sse", "aio", "fetch", "auth", "cookies", "cors")),
)
MQTT = ("mqtt_connect(", "mungo.mqtt", "import mqtt")

# What the library imports inside a function, for a program that calls that: if no source of the app has one of these words, it is left
# out. The test client is for hosts.
DOORS = {
    "mungo/app/testing.py": (),
    "mungo/app/websocket_routes.py": (".websocket(",),
    "mungo/app/event_routes.py": (".events(",),
    "mungo/app/access_log.py": (".log =",),
    "mungo/app/body_streams.py": ("stream=", "ota.routes("),
    "mungo/app/urls.py": ("url_for(", "login"),
    "mungo/app/tasks.py": (".serve(",),
    "mungo/app/waits.py": (".serve(",),
    "mungo/app/generators.py": ("yield", "async def", "worker="),
    "mungo/app/worker_routes.py": ("worker=",),
    "mungo/app/fleet_routes.py": ("fleet=",),
    "mungo/threads/udp_pipe.py": ("udp=True",),
    "mungo/app/held.py": (".serve(",),
    "mungo/app/mounting.py": (".mount(", ".static("),
    "mungo/app/extras.py": (
        *(".websocket(", ".events(", ".static(", ".mount(", "url_for(", "login", ".serve(", ".stats"),
        *("worker=", "stream=", "fleet=", "ota.routes("),
    ),
    "mungo/aio.py": (".serve(",),
    "mungo/http/client.py": ("http_connect(", "fetch(", "import fetch"),
    "mungo/tls/__init__.py": ("Tls(",),
    "mungo/mqtt/__init__.py": MQTT,
    "mungo/mqtt/connect.py": MQTT,
    "mungo/ota/__init__.py": ("ota.routes(", "ota.pull(", ".updates("),
    "mungo/ota/puller.py": ("ota.pull(", "fleet.update"),
    "mungo/dash/fleet.py": (".fleet(",),
}


def unused(app, always=()):
    """The files of lib/ that this app does not need, by their names on a board. `always`: what is needed in any case."""
    lib = mpy.ROOT / "lib"
    names = set(packages.files(lib))
    sources = sources_of(app)
    text = "".join(path.read_text() for path in sources)
    closed = {name for name, words in DOORS.items() if not any(word in text for word in words)} - set(always)
    found = {name for name in names if not name.startswith(CHOSEN)} - closed
    for path in sources:
        found |= packages.imports(path, path.relative_to(mpy.ROOT / "firmware").as_posix()) - closed
    todo = list((found | set(always)) & names)
    wanted = set(todo)
    while todo:
        name = todo.pop()
        tree = ast.parse((lib / name).read_text())
        parents = {"/".join(name.split("/")[:n]) + "/__init__.py" for n in range(1, name.count("/") + 1)}
        new = packages.imports_of(tree, name) - closed | at_once(tree, name) | parents
        new = (new & names) - wanted
        wanted |= new
        todo += new
    return names - wanted


def at_once(tree, name):
    """The files that a file imports when it is imported itself: `closed` or not, it needs them."""
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return packages.imports_of(ast.Module(top, []), name)


def sources_of(app):
    """The sources of the app, and of the firmware around it: panel.py is for a dashboard."""
    own = list((mpy.ROOT / "firmware" / "apps" / app).rglob("*.py"))
    has_panel = any("panel" in path.read_text() for path in own)
    return own + [path for path in (mpy.ROOT / "firmware").glob("*.py") if has_panel or path.name != PANEL]


def of_other_ports(board):
    """The files of lib/ that are for another port than this board's."""
    others = {"rp2": ("esp32", "unix", "cpython"), "esp32": ("rp2", "unix", "cpython")}.get(board.port, ())
    return {f"mungo/port/{name}.py" for name in others}


def left_out(board, app, always=()):
    """The files that this app on this board does not need, as their paths on the board without an extension."""
    files = {f"lib/{name}" for name in unused(app, always) | of_other_ports(board)}
    if all(path.name != PANEL for path in sources_of(app)):
        files.add(PANEL)
    return {name.removesuffix(".py") for name in files}
