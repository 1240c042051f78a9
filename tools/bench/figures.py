"""The rows of README.md's table that have measured figures, from the tables in docs/performance.md."""

from . import host

PAGE = host.ROOT / "docs" / "performance.md"
README = host.ROOT / "README.md"
BEGIN, END = "<!-- figures:begin -->\n", "<!-- figures:end -->"


def cells(text, *first):
    """The cells of the first row of a table that begins with these cells."""
    for line in text.splitlines():
        row = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if tuple(row[: len(first)]) == first:
            return row
    raise ValueError("docs/performance.md has no row %s" % (first,))


def whole(cell):
    """A figure with commas."""
    return f"{round(float(cell)):,}"


def seconds(cell):
    """Milliseconds, as people say them."""
    ms = float(cell)
    return "%.1f ms" % ms if ms < 1000 else "%.0f s" % (ms / 1000)


def rows(text):
    """The lines of README's table, of the text of docs/performance.md."""
    events, closed = (cells(text, "**mungo by events**", mode) for mode in ("kept alive", "closed each time"))
    asyncio = cells(text, "bare asyncio streams", "kept alive")
    microdot = next(cells(text, line.strip("| ").split(" | ")[0]) for line in text.splitlines() if line.startswith("| microdot 2"))
    waits = "waits, as in any single loop | waits, unless the program starts threads"
    quick = [seconds(cells(text, name, "8")[3]) for name in ("**mungo by App**", "microdot")]
    idle = [whole(cells(text, name, "200")[-1]) for name in ("**mungo by events**", "bare asyncio streams")]
    garbage = [whole(row[-1]) for row in (events, microdot, asyncio)]
    rates = [whole(row[2]) for row in (events, closed, microdot, asyncio)]
    return [
        f"| | mungo | {microdot[0].removesuffix('.0')} | asyncio streams | Mongoose (C) |",
        "|---|---|---|---|---|",
        f"| a quick request while 8 handlers sleep 2 s, p99 | {quick[0]} | {quick[1]} | {waits} |",
        f"| requests a second, a browser's GET | {rates[0]} kept alive, {rates[1]} closed | {rates[2]} closed | {rates[3]} kept alive"
        " | not measured |",
        f"| garbage for each request | {garbage[0]} bytes | {garbage[1]} bytes | {garbage[2]} bytes | none, it is C |",
        f"| heap for each idle connection | {idle[0]} bytes | closes each time | {idle[1]} bytes | not measured |",
    ]


def write():
    """Write the rows into README.md."""
    before, _, rest = README.read_text().partition(BEGIN)
    table = rest.partition(END)
    others = [line for line in table[0].splitlines() if line.startswith(("| 600 results", "| runs on"))]
    README.write_text(before + BEGIN + "\n".join([*rows(PAGE.read_text()), *others]) + "\n" + END + table[2])
