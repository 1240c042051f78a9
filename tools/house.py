"""Draw the house: the rooms of lib/mungo with their files, and which room imports which. Writes docs/house.svg.

.venv/bin/python tools/house.py             draw it
.venv/bin/python tools/house.py --check     complain if docs/house.svg is not what the source says
"""

import sys

import imports
import mpy
import svg

OUT = mpy.ROOT / "docs" / "house.svg"

WIDTH = 1000
LINE = 17  # px from one line of text to the next
GAP = 30  # px between two floors
COLUMN = 138  # px for a file name

SHORT = ("auth", "cookies", "cors")  # one box for the three

# What is in a room, in one line.
ROOMS = {
    "__init__": "the events, lazy names",
    "auth": "the short names of files in app",
    "dash": "the device's own page",
    "fleet": "jobs for other boards",
    "app": "App, Request, Response, routes, hooks, worker routes",
    "aio": "a manager inside asyncio",
    "fetch": "one request that waits",
    "manager": "Manager, the face of it all",
    "http": "server, client, parser, files, uploads",
    "mdns": "names nearby",
    "mqtt": "packets, sessions, outbox",
    "mqtt.Client": "stays connected",
    "ota": "updates over the air",
    "sntp": "the time",
    "sse": "events",
    "ws": "WebSocket",
    "tls": "handshakes, certificates, pins",
    "dns": "host names: questions and answers inside the loop",
    "threads": "pipe and pool: what other threads touch",
    "core": "one thread's sockets: loop, connection, timers",
    "port": "which system this is",
    "rtc": "the device's clock",
}


def boxes(edges):
    """[(rooms, x, y, width, height, columns, [file names])] of all boxes, floor by floor, and where the last one ends."""
    made = []
    y = 66
    for rooms in imports.FLOORS:
        shown = []
        for room in [rooms] if rooms == SHORT else [(room,) for room in rooms]:
            names = [name.split("/")[-1].removesuffix(".py") for name in edges if imports.room(name) in room and name.count("/") > 1]
            shown.append((room, [name for name in names if name != "__init__"]))
        total = sum(max(len(names), 3) for _, names in shown)
        space = WIDTH - svg.PAD * (len(shown) + 1)
        x = svg.PAD
        floor = []
        for room, names in shown:
            width = space * max(len(names), 3) // total
            columns = max(1, (width - 20) // COLUMN)
            floor.append((room, x, y, width, columns, names))
            x += width + svg.PAD
        height = 48 + LINE * max(-(-len(names) // columns) for *_, columns, names in floor)
        made += [(room, x, y, width, height, columns, names) for room, x, y, width, columns, names in floor]
        y += height + GAP
    return made, y - GAP


def arrows(edges):
    """{(room, imported room): whether only inside functions}, without those within a room."""
    found = {}
    for name, others in edges.items():
        for other, lazy in others.items():
            a, b = imports.room(name), imports.room(other)
            if a != b:
                found[a, b] = found.get((a, b), True) and lazy
    return found


def direct(pairs):
    """Those of the arrows that no chain of others says as well."""
    after = {}
    for a, b in pairs:
        after.setdefault(a, set()).add(b)

    def reached(a):
        return {b for first in after.get(a, ()) for b in {first} | reached(first)}

    return sorted((a, b) for a, b in pairs if not any(b in reached(other) for other in after[a] - {b}))


def draw(edges):
    """The picture as str."""
    found = arrows(edges)
    made, height = boxes(edges)
    place = {room: (x, y, w, h) for rooms, x, y, w, h, *_ in made for room in rooms}
    shapes = [
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#8a5a2b"/></marker></defs>',
        '<text x="%d" y="46" font-size="12" fill="#6b6257">Imports go down, never up and never in a circle. What a room imports is '
        "listed in it; in brackets: only when the part is first used.</text>" % svg.PAD,
    ]
    for a, b in direct(found):
        ax, ay, aw, ah = place[a]
        bx, by, bw, _ = place[b]
        if by == ay:  # beside it
            d = "M%d,%d L%d,%d" % (ax, ay + 16, bx + bw, ay + 16)
        else:
            x = min(max(ax + aw // 2, bx + 20), bx + bw - 20)
            x1 = min(max(x, ax + 20), ax + aw - 20)
            d = "M%d,%d C%d,%d %d,%d %d,%d" % (x1, ay + ah, x1, ay + ah + 14, x, by - 14, x, by)
        dash = ' stroke-dasharray="5 4"' if found[a, b] else ""
        shapes.append('<path d="%s" fill="none" stroke="#8a5a2b" stroke-width="1.5"%s marker-end="url(#tip)"/>' % (d, dash))
    for rooms, x, y, w, h, columns, names in made:
        lower = {b: lazy for (a, b), lazy in sorted(found.items(), key=lambda it: imports.floor_of(it[0][1])) if a in rooms}
        listed = ", ".join("(%s)" % b if lazy else b for b, lazy in lower.items()) or "nothing"
        title = ", ".join("mungo" if room == "__init__" else room for room in rooms)
        shapes += [
            '<rect x="%d" y="%d" width="%d" height="%d" rx="8" fill="#fff" stroke="#b9ae9f"/>' % (x, y, w, h),
            '<text x="%d" y="%d"><tspan font-weight="600">%s</tspan><tspan dx="8" font-size="12" fill="#6b6257">%s</tspan></text>'
            % (x + 10, y + 20, title, ROOMS[rooms[0]]),
            '<text x="%d" y="%d" font-size="11.5" fill="#8a5a2b">imports %s</text>' % (x + 10, y + 37, listed),
        ]
        rows = -(-len(names) // columns)
        for n, name in enumerate(names):
            at = x + 10 + n // rows * COLUMN, y + 57 + n % rows * LINE
            shapes.append('<text x="%d" y="%d" font-size="12.5">%s</text>' % (*at, name))
    desc = "The rooms of the library from top to bottom, %d files in all, and what each room imports." % len(edges)
    return svg.page("The house: rooms, files and imports of lib/mungo", desc, WIDTH, height + svg.PAD, shapes)


def main(argv):
    edges = imports.graph()
    if imports.upward(edges):
        return "an import goes up: see tools/imports.py"
    text = draw(edges)
    if "--check" in argv:
        return None if OUT.exists() and OUT.read_text() == text else "docs/house.svg is not what the source says: run tools/house.py"
    OUT.write_text(text)
    print(OUT.relative_to(mpy.ROOT))
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
