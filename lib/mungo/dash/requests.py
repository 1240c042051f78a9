# What a page or a script may ask for.
from .widgets import LEVELS, abort, describe, unix_time

MESSAGE = 4096  # bytes of what a page or script may say at once


class Requests:
    """What may be asked of `dash`. `level` is that of the user, a place in `widgets.LEVELS`. Loop's thread."""

    def __init__(self, dash):
        self.dash = dash

    def find(self, id):
        """The widget of this id. Raises HttpError 404."""
        widget = self.dash.by_id.get(id) if isinstance(id, str) else None
        if widget is None:
            abort(404, "no such widget")
        return widget

    def allowed(self, level, id):
        """The widget of this id, which a user of this level may change. Raises HttpError."""
        widget = self.find(id)
        if level < widget.need:
            abort(403, "%s: this needs a user of the level %s" % (id, LEVELS[widget.need]))
        return widget

    def of_kind(self, kind, widget):
        """The widget, which must be of this kind. Raises HttpError 404."""
        if widget.fields["kind"] != kind:
            abort(404, "%s is no %s" % (widget.id, kind))
        return widget

    def change(self, level, id, value):
        """Set a widget. Raises HttpError."""
        widget = self.allowed(level, id)
        try:
            widget.change(value)
        except ValueError as er:
            abort(422, str(er))
        except OSError as er:
            abort(507, "%s is not saved: %s" % (id, describe(er)))

    def run(self, level, id, values):
        """Start an action. Raises HttpError."""
        try:
            self.of_kind("action", self.allowed(level, id)).run(values)
        except ValueError as er:
            abort(422, str(er))

    def cancel(self, level, id):
        """Cancel an action. Raises HttpError."""
        self.of_kind("action", self.allowed(level, id)).cancel()

    def history(self, id):
        """The samples of a metric. Raises HttpError."""
        widget = self.find(id)
        return widget.samples() if widget.fields.get("history") else abort(404, "%s has no history" % id)

    def rows(self, id, at, n):
        """Rows of a table. Raises HttpError."""
        try:
            return self.of_kind("table", self.find(id)).page(at, n)
        except ValueError as er:
            abort(422, str(er))

    def state(self, who):
        """What a page is told besides its widgets."""
        return {
            "title": self.dash.title,
            "boot": self.dash.boot,
            "time": unix_time(),
            "open": self.dash.is_open,
            "user": who.user,
            "level": LEVELS[who.level],
            "csrf": who.token,
            "files": self.dash.has_files,
            "update": self.dash.has_updates,
        }
