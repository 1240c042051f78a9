# Settings: controls whose values are in settings.json.
from ..port.flash import flash
from .store import read, write
from .widgets import Control, describe

_WRONG = (OSError, ValueError)
_KINDS = {bool: "switch", int: "number", float: "number", str: "text"}


class Store:
    """The values of all settings, and their file."""

    def __init__(self, dash):
        self.dash = dash
        self.path = dash.folder + "/settings.json"
        self.values = {}
        self.kept = {}  # what the file has
        try:
            with flash:
                self.kept = read(self.path)
        except _WRONG as er:  # the program's defaults hold
            print("dash: %s: %s" % (self.path, describe(er)))

    def save(self):
        """Write the file if it differs. True if that was done or need not be; False while a worker uses the flash. Raises OSError."""
        if self.kept != self.values:
            if not flash.begin():
                return False
            try:
                write(self.path, self.values)
                self.kept = dict(self.values)
            finally:
                flash.end()
        return True


class Setting(Control):
    """A value that is kept: True or False, a number or a text, as its `default` is; or one of `options`.

    `label`, by default the name. `min`, `max`, `step`; `slider=True` for a number; `length` of a text (64 bytes). `check(value)` may return
    another value (None: it is right), or raise ValueError with a sentence. `set(value)` is called with each new value, `level` ("admin")
    may change it. A value in the file that is not allowed any more does not count.
    """

    is_unsaved = False

    def __init__(self, dash, name, default, label=None, check=None, slider=False, level="admin", length=64, **options):
        kind = "choice" if "options" in options else "slider" if slider else _KINDS.get(type(default))
        if kind is None:
            raise ValueError("%s: %r: want a bool, number or text" % (name, default))
        if kind == "text":
            options["length"] = length
        elif type(default) is int and kind in ("number", "slider"):
            options.setdefault("step", 1)
        if dash.saved is None:
            dash.saved = Store(dash)
        self.check_more = check
        Control.__init__(self, dash, kind, label or name, id=name, level=level, saved=True, value=default, **options)
        all = dash.saved
        try:
            if name in all.kept:
                self._value = self.check(all.kept[name])
        except ValueError as er:
            print("dash: %s: %s" % (all.path, er))
        all.values[name] = self._value

    def check(self, value):
        """The value as it is kept, with what the program's own check makes of it. Raises ValueError for what can't be."""
        value = Control.check(self, value)
        if self.check_more is not None:
            try:
                checked = self.check_more(value)
            except Exception as er:
                raise er if isinstance(er, ValueError) else ValueError(describe(er))
            return value if checked is None else Control.check(self, checked)
        return value

    def put(self, value):
        """It has this value; the loop saves it. Any thread."""
        self.dash.saved.values[self.id] = value
        self.is_unsaved = True
        self.show(value, None)

    def change(self, value):
        """As Control's. It is saved before this returns. Raises OSError, and nothing has changed, if there is no room."""
        old = self._value
        Control.change(self, value)
        try:
            self.dash.saved.save()
        except Exception:
            Control.change(self, old)
            raise
        self.touch()  # the page that has asked shows what it wanted, and `check` may have put the old value in its place

    def settle(self):
        """Save what a program has set."""
        if self.is_unsaved:
            self.is_unsaved = False
            try:
                if not self.dash.saved.save():
                    self.is_unsaved = True
                    self.dash.mgr.when_flash_is_free(go_on, self.dash.mgr, self)
            except OSError as er:
                self.error = "not saved: %s" % describe(er)


def go_on(mgr, setting):
    """The flash is free."""
    setting.touch()
