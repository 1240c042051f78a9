"""Draw a run as SVG: a small chart for each column of the CSV, over time."""

from .. import svg
from ..svg import PAD

WIDTH, HEIGHT = 420, 150
GAP = 34


def chart(x, y, title, times, values, color):
    """Yields the SVG elements of a chart with its upper left corner at x, y."""
    low, high = min(values), max(values)
    span = high - low or 1
    low, high = low - 0.15 * span, high + 0.15 * span
    last = times[-1] or 1
    points = " ".join(
        "%.1f,%.1f" % (x + WIDTH * t / last, y + GAP + (HEIGHT - GAP) * (1 - (v - low) / (high - low))) for t, v in zip(times, values)
    )
    yield '<text x="%d" y="%d">%s</text>' % (x, y + 14, title)
    yield '<text x="%d" y="%d" font-size="11" fill="#6b665c">from %s to %s, %s at the end</text>' % (
        x, y + 28, *("{:,.6g}".format(n) for n in (min(values), max(values), values[-1])),
    )  # fmt: skip
    yield '<rect x="%d" y="%d" width="%d" height="%d" fill="#ffffff" stroke="#d8d3c7"/>' % (x, y + GAP, WIDTH, HEIGHT - GAP)
    yield '<polyline points="%s" fill="none" stroke="%s" stroke-width="1.3"/>' % (points, color)


def draw(title, desc, rows, columns):
    """The SVG as str. `rows`: dicts with "s" and the columns' values. `columns`: {name: title}."""
    times = [row["s"] for row in rows]
    height = PAD + 24 + (len(columns) + 1) // 2 * (HEIGHT + PAD)
    width = 2 * WIDTH + 3 * PAD
    shapes = []
    for i, (name, text) in enumerate(columns.items()):
        x = PAD + i % 2 * (WIDTH + PAD)
        shapes += chart(x, PAD + 24 + i // 2 * (HEIGHT + PAD), text, times, [row[name] for row in rows], "#b4552d")
    return svg.page(title, desc, width, height, shapes)
