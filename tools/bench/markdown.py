"""Tables in Markdown."""


def table(columns, rows):
    """The lines of a table; a column whose name ends in ">" is one of numbers."""
    yield "| " + " | ".join(column.rstrip(">") for column in columns) + " |"
    yield "|" + "|".join("--:" if column.endswith(">") else "---" for column in columns) + "|"
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


def number(figure, form="%.0f"):
    """A figure's median, or "-"."""
    return form % figure["median"] if figure else "-"


def spread(figure, form="%.0f"):
    """A figure's median with its quartiles, or "-"."""
    return "%s (%s to %s)" % tuple(form % figure[key] for key in ("median", "low", "high")) if figure else "-"
