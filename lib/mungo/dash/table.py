# Tables, which pages read a few rows at a time.
from ..http.json_writer import dumps
from .widgets import Widget, abort, describe

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
        """What `get` of rows answers. Raises ValueError; HttpError 503 if `rows` fails, or returns what JSON does not have."""
        if type(at) is not int or type(n) is not int or at < 0 or n < 1 or n > _MOST:
            raise ValueError("want at from 0 on, and n from 1 to 100")
        try:
            given = self.rows
            rows, total = given(at, n) if callable(given) else (given[at : at + n], len(given))  # pyright: ignore
            found = {"total": total, "rows": rows}
            dumps(found)
            return found
        except Exception as er:
            abort(503, describe(er))
