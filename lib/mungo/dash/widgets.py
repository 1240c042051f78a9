# What a page shows, and may change: a Widget. A Control is one that a page or a script may set, within its limits.
#
# `value = ..` and `touch` are for any thread, so nothing here may import when they are called.
from time import gmtime, time

from ..app.response import abort
from ..core.utf8 import encode

LEVELS = ("", "read", "operate", "admin")  # what a user may do, each more than the one before

_EPOCH_2000 = const(946684800)  # seconds from 1970 to where the time of some boards begins
_LONGEST = const(200)  # characters of a text that the device shows
_MOST = const(9007199254740991)  # what a page's numbers can express


def shorten(text, most):
    """What a page can show of a text: at most so many characters; one with half a surrogate pair as Python writes it."""
    text = text[:most]
    try:
        encode(text)
    except ValueError:
        text = repr(text)
    return text


def describe(er):
    """An exception as a short text for people."""
    return shorten("%s: %s" % (type(er).__name__, er), 100)


def name_of(label):
    """The id for a label: its letters and digits, in lower case. Raises ValueError if it has none."""
    name = "".join([x if "a" <= x <= "z" or "0" <= x <= "9" else "_" for x in label.lower()]).strip("_")
    if not name:
        raise ValueError("label %r: want id=, of letters a to z" % label)
    return name


def same(a, b):
    """Whether two values are the same, also in their type: True is no 1."""
    return a == b and type(a) is type(b)


class Widget:
    """A value with its label. `id` names it; `value` may be read and set by any thread; `error` is a sentence, or None.

    `fields` is its description, as JSON; None leaves a field out.
    """

    error = None
    progress = None
    is_dirty = False  # it has changed since the loop has looked
    seq = 0  # the number of its last change
    every_ms = 0  # how often `tick` is called; 0: never
    due = 0  # when (ticks_ms) it is called next; 0: at once
    set = None  # a Control calls it with each new value

    def __init__(self, dash, kind, label, id=None, level="read", page=None, group=None, value=None, **fields):
        self.dash = dash
        self.id = id or name_of(label)
        if name_of(self.id) != self.id.lower().strip("_"):
            raise ValueError("id=%r: want letters a to z, digits and _" % id)
        self.need = LEVELS.index(level)
        fields.update({"id": self.id, "kind": kind, "label": label, "level": level})
        fields["page"] = dash.now_page if page is None else page
        fields["group"] = dash.now_group if group is None else group
        self.fields = {name: fields[name] for name in fields if fields[name] is not None}
        self._value = value if value is None else self.check(value)
        dash.add(self)

    @property
    def value(self):
        """The last good value. To set it calls `set`, if there is one."""
        return self._value

    @value.setter
    def value(self, value):
        value = self.check(value)
        if self.set is not None:
            self.set(value)
        self.put(value)

    def check(self, value):
        """A value for the page: rounded, and not too long. Raises ValueError for what can't be shown."""
        if isinstance(value, str):
            return shorten(value, _LONGEST)
        if isinstance(value, float):
            if "digits" in self.fields:
                value = round(value, self.fields["digits"])
            if value - value != 0:
                raise ValueError("it is no number")
        elif isinstance(value, int):
            if not -_MOST <= value <= _MOST:
                raise ValueError("it is too large")
        elif value is not None and not isinstance(value, bool):
            raise ValueError("%s can't be shown" % type(value))
        return value

    def put(self, value):
        """Show the value, which is in effect. Any thread."""
        self.show(value, None)

    def show(self, value, error):
        """This is the state from now on. Any thread."""
        if not same(value, self._value) or error != self.error:
            self._value = value
            self.error = error
            self.touch()

    def touch(self):
        """Its state has changed: the pages are to know. Any thread."""
        self.is_dirty = True
        self.dash.post()

    def settle(self):
        """The loop has seen that it has changed."""

    def state(self, since=0):
        """What changes, for a page that knows all up to `since`."""
        found = {"value": self._value}
        if self.error is not None:
            found["error"] = self.error
        if self.progress is not None:
            found["progress"] = self.progress
        return found

    def describe(self):
        """All of it, for the full state."""
        found = self.state()
        found.update(self.fields)
        return found

    def change(self, value):
        """A page or script wants this value. Raises HttpError, ValueError, OSError. Loop's thread."""
        abort(405, "%s can't be set" % self.id)


class Control(Widget):
    """A widget that pages and scripts set. `get()` reads it each `every_ms`, and `set(value)` is called with a new value; with `worker` in
    a worker, so that it may block."""

    once = None  # of a `worker`

    def __init__(self, dash, kind, label, get=None, set=None, worker=False, every_ms=100, value=None, level="operate", **fields):
        if get is not None:
            self.every_ms = every_ms
        self.get = get
        self.set = set
        if worker:
            from .once import Once

            self.once = Once(dash)
        Widget.__init__(self, dash, kind, label, level=level, value=value, **fields)

    def tick(self):
        """Read it. Loop's thread."""
        if self.get is not None and (self.once is None or not self.once.state):
            try:
                value = self.get()
                self.show(bool(value) if self.fields["kind"] == "switch" else Widget.check(self, value), None)
            except Exception as er:
                self.show(self._value, describe(er))

    def change(self, value):
        """Check the value that a page or script wants, and set it. Raises HttpError, ValueError, OSError. Loop's thread."""
        value = self.check(value)
        if self.once is not None:
            if not self.once.start(self.done, self.set, (value,), value):
                abort(409, "%s is being set" % self.id)
            return
        if self.set is not None:
            try:
                self.set(value)
            except Exception as er:  # it is the hardware's
                self.show(self._value, describe(er))
                abort(503, self.error)
        self.put(value)

    def done(self, value, result, er):
        """A worker has set it."""
        if er is None:
            self.put(value)
        else:
            self.show(self._value, describe(er))

    def check(self, value):
        """The value, if it is allowed. Raises ValueError, which says what is."""
        fields = self.fields
        kind = fields["kind"]
        if kind == "switch":
            if value is True or value is False:
                return value
            want = "true or false"
        elif kind == "choice":
            for one in fields["options"]:
                if same(one, value):
                    return value
            want = "one of %s" % ", ".join([str(one) for one in fields["options"]])
        elif kind == "text" or kind == "password":
            if isinstance(value, str) and len(value) <= fields["length"]:
                data = encode(value)  # ValueError for halves of surrogate pairs
                if len(data) <= fields["length"] and is_plain(data):
                    return value
            want = "one line of text, at most %d bytes" % fields["length"]
        else:
            return self.check_number(value)
        raise ValueError("%s: want %s" % (self.id, want))

    def check_number(self, value):
        """`check` for a number. (NaN is between no limits.)"""
        fields = self.fields
        least = fields.get("min", -_MOST)
        most = fields.get("max", _MOST)
        if isinstance(value, (int, float)) and value is not True and value is not False and least <= value <= most:
            is_whole = isinstance(fields.get("step"), int)
            if not is_whole or value == int(value):
                return int(value) if is_whole else value
        name = "a whole number" if isinstance(fields.get("step"), int) else "a number"
        raise ValueError("%s: want %s, %s to %s" % (self.id, name, least, most))


def is_plain(data):
    """Whether `data` (bytes) is one line without control characters."""
    return not data or min(data) > 31 and b"\x7f" not in data


def unix_time():
    """Seconds since 1970; None while the clock is not set."""
    now = int(time()) + (_EPOCH_2000 if gmtime(0)[0] == 2000 else 0)
    return now if now > 1704067200 else None  # 2024
