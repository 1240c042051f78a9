"""Tables in Markdown."""


def table(columns, rows):
    """The lines of a table. A column whose name ends in ">" is aligned to the right."""
    yield "| " + " | ".join(column.rstrip(">") for column in columns) + " |"
    yield "|" + "|".join("--:" if column.endswith(">") else "---" for column in columns) + "|"
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


def number(figure, form="%.0f"):
    """The median of a stats.figure; "-" without one."""
    return form % figure["median"] if figure else "-"


def spread(figure, form="%.0f"):
    """The median and the quartiles of a stats.figure; "-" without one."""
    return "%s (%s to %s)" % tuple(form % figure[key] for key in ("median", "low", "high")) if figure else "-"
