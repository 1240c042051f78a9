# Tables, which pages read a few rows at a time.
from .widgets import Widget

_MOST = const(100)  # rows of one answer


class Table(Widget):
    """Rows below `columns`, a list of texts. `rows`: a list of lists, or a function `fn(at, n)` that returns `n` rows from `at` on, and how
    many there are. Call `changed` when they have changed. Loop's thread."""

    def __init__(self, dash, label, columns, rows, **options):
        self.rows = rows
        Widget.__init__(self, dash, "table", label, value=0, columns=columns, **options)

    def changed(self):
        """The rows have changed: pages read them anew. Any thread."""
        self._value += 1  # pyright: ignore
        self.touch()

    def page(self, at, n):
        """What `get` of rows answers. Raises ValueError."""
        if type(at) is not int or type(n) is not int or at < 0 or not 0 < n <= _MOST:
            raise ValueError("want at from 0 on, and n from 1 to %d" % _MOST)
        if callable(self.rows):
            rows, total = self.rows(at, n)  # pyright: ignore
        else:
            rows = self.rows[at : at + n]
            total = len(self.rows)
        return {"total": total, "rows": rows}
