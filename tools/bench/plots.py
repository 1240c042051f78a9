"""Bar and line charts of the tables' figures, as SVG."""

import math

from .. import svg

WIDTH = 860
BAR = 26
LEFT = 330  # width of the names left of the bars
COLORS = ("#b4552d", "#3a6f8f", "#6b8f3a", "#8f3a6b", "#c99a2e", "#555555")


def bars(title, figures):
    """An SVG with a bar for each (name, stats.figure). A line marks its quartiles."""
    most = max((figure["high"] for _, figure in figures), default=1)
    height = 2 * svg.PAD + 24 + BAR * len(figures)
    out = []
    for n, (name, figure) in enumerate(figures):
        y = svg.PAD + 24 + n * BAR
        at = {key: LEFT + (WIDTH - LEFT - 100) * figure[key] / most for key in ("low", "median", "high")}
        out += [
            '<text x="%d" y="%d" text-anchor="end" font-size="13">%s</text>' % (LEFT - 8, y + 15, name),
            '<rect x="%d" y="%d" width="%.1f" height="18" fill="%s"/>' % (LEFT, y, at["median"] - LEFT, COLORS["mungo" not in name]),
            '<path d="M%.1f %dH%.1f" stroke="#2b2b2b" stroke-width="1.5"/>' % (at["low"], y + 9, at["high"]),
            '<text x="%.1f" y="%d" font-size="12">%s</text>' % (at["high"] + 6, y + 14, "{:,.0f}".format(figure["median"])),
        ]
    desc = "; ".join("%s %.0f" % (name, figure["median"]) for name, figure in figures)
    return svg.page(title, desc, WIDTH, height, out)


def lines(title, charts):
    """An SVG with charts side by side, both axes logarithmic: (title, unit, {name: [(x, y), ..]})."""
    across = 2
    wide, high = (WIDTH - 3 * svg.PAD) // across, 300
    out = []
    for n, (text, unit, series) in enumerate(charts):
        x, y = svg.PAD + n % across * (wide + svg.PAD), svg.PAD + 24 + n // across * (high + 40)
        out += chart(x, y, wide, high, text, unit, series)
    height = svg.PAD + 24 + (len(charts) + across - 1) // across * (high + 40)
    return svg.page(title, "; ".join(text for text, _, _ in charts), WIDTH, height, out)


def chart(x, y, wide, high, title, unit, series):
    points = [point for found in series.values() for point in found]
    left, right = math.log10(min(a for a, _ in points)), math.log10(max(a for a, _ in points))
    low, top = math.floor(math.log10(min(b for _, b in points))), math.ceil(math.log10(max(b for _, b in points)))
    x0, y0, w, h = x + 44, y + 24, wide - 54, high - 24 - 16 * len(series) - 24

    def place(a, b):
        across = (math.log10(a) - left) / (right - left or 1)
        return x0 + w * across, y0 + h * (1 - (math.log10(b) - low) / (top - low or 1))

    yield '<text x="%d" y="%d">%s</text>' % (x, y + 14, title)
    yield '<rect x="%d" y="%d" width="%d" height="%d" fill="#ffffff" stroke="#d8d3c7"/>' % (x0, y0, w, h)
    for power in range(low, top + 1):
        at = place(10**left, 10**power)[1]
        yield '<path d="M%d %.1fh%d" stroke="#ece8de"/>' % (x0, at, w)
        yield '<text x="%d" y="%.1f" font-size="11" text-anchor="end" fill="#6b665c">%s</text>' % (x0 - 4, at + 4, "{:,}".format(10**power))
    for a in sorted({a for a, _ in points}):
        yield '<text x="%.1f" y="%d" font-size="11" text-anchor="middle" fill="#6b665c">%d</text>' % (place(a, 10**low)[0], y0 + h + 14, a)
    for n, (name, found) in enumerate(series.items()):
        path = " ".join("%.1f,%.1f" % place(a, b) for a, b in found)
        yield '<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, COLORS[n % len(COLORS)])
        at = y0 + h + 30 + 16 * n
        yield '<rect x="%d" y="%d" width="14" height="4" fill="%s"/>' % (x0, at - 6, COLORS[n % len(COLORS)])
        ends = " to ".join("{:,.0f}".format(b) for _, b in (found[0], found[-1]))
        yield '<text x="%d" y="%d" font-size="12">%s: %s %s</text>' % (x0 + 20, at, name, ends, unit)
