"""What of the library an app can reach: what an image, a bundle and a deploy need of it.

A file takes at least one block of 4 KB of a board's flash, and a Pico W's file system has 212 of them: fewer than the whole library takes
with the firmware.
"""

import mpy
import packages

OTA = ("mungo/ota/__init__.py",)  # for devices that take updates: the next one has to come

# Rooms and files of the library of which a board gets only what the app imports, and what that imports.
CHOSEN = (
    *("mungo/app/", "mungo/dash/", "mungo/ws/", "mungo/mdns/", "mungo/mqtt/", "mungo/ota/", "mungo/tls/"),
    *(f"mungo/http/{name}.py" for name in ("client", "response_parser", "urls", "upload", "wholefile", "formdata", "to_https")),
    *(f"mungo/{name}.py" for name in ("sse", "aio", "fetch", "auth", "cookies", "cors")),
)
# What the library imports inside a function, for a program that calls that: if no source of the app has one of these words, it is left
# out. The test client is for hosts.
DOORS = {
    "mungo/app/testing.py": (),
    "mungo/app/websocket_routes.py": (".websocket(",),
    "mungo/app/event_routes.py": (".events(",),
    "mungo/app/access_log.py": (".log =",),
    "mungo/app/body_streams.py": ("stream=",),
    "mungo/app/urls.py": ("url_for(", "login"),
    "mungo/app/tasks.py": (".serve(",),
    "mungo/app/waits.py": (".serve(",),
    "mungo/app/generators.py": ("yield", "async def"),
    "mungo/app/worker_routes.py": ("worker=",),
    "mungo/threads/udp_pipe.py": ("udp=True",),
    "mungo/app/held.py": (".serve(",),
    "mungo/app/mounting.py": (".mount(", ".static("),
    "mungo/app/figures.py": (".stats",),
    "mungo/aio.py": (".serve(",),
    "mungo/http/client.py": ("http_connect(", "fetch(", "import fetch"),
    "mungo/tls/__init__.py": ("Tls(",),
    "mungo/mqtt/__init__.py": ("mqtt_connect(", "mungo.mqtt", "import mqtt"),
    "mungo/ota/__init__.py": ("ota.routes(", "ota.pull("),
    "mungo/ota/pull.py": ("ota.pull(",),
}


def unused(app, always=()):
    """The files of lib/ that this app does not need, by their names on a board. `always`: what is needed in any case."""
    lib = mpy.ROOT / "lib"
    names = packages.files(lib)
    wanted = [name for name in names if not name.startswith(CHOSEN)]
    sources = [*(mpy.ROOT / "firmware").glob("*.py"), *(mpy.ROOT / "firmware" / "apps" / app).rglob("*.py")]
    text = "".join(path.read_text() for path in sources)
    closed = {name for name, words in DOORS.items() if not any(word in text for word in words)} - set(always)
    found = {*wanted, *always}
    for path in sources:
        found |= packages.imports(path, path.relative_to(mpy.ROOT / "firmware").as_posix())
    todo = [name for name in names if name in found and name not in closed]
    wanted = set(todo)
    while todo:
        name = todo.pop()
        parents = {"/".join(name.split("/")[:n]) + "/__init__.py" for n in range(1, name.count("/") + 1)}
        new = ((packages.imports(lib / name, name) | parents) & set(names)) - wanted - closed
        wanted |= new
        todo += new
    return set(names) - wanted


def of_other_ports(board):
    """The files of lib/ that are for another port than this board's."""
    others = {"rp2": ("esp32", "unix", "cpython"), "esp32": ("rp2", "unix", "cpython")}.get(board.port, ())
    return {f"mungo/port/{name}.py" for name in others}


def left_out(board, app, always=()):
    """The files of lib/ that this app on this board does not need, as their paths on the board without an extension."""
    return {f"lib/{name.removesuffix('.py')}" for name in unused(app, always) | of_other_ports(board)}
