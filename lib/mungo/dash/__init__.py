# The device's own page: values, switches, settings and actions, which each open page shows at once. It is a layer above the App.
#
#   widgets.py   what a page shows and may change; metric.py, action.py, setting.py, table.py, log.py: the kinds with more to them
#   door.py      the App's routes. What is below /api is loaded when a request wants it: live.py, the WebSocket of each open page, with
#                the full state and then what has changed; rest.py, for scripts; folder.py, users.py, openapi.py
#   requests.py  what a page or script may ask for
#   store.py     files that survive a power cut
#
# A change from a page comes to `requests.change`, one from a program to `Widget.value`. Both end in `Widget.touch`, from any thread,
# which posts the Dash to the loop's doorbell; there `deliver` gives the changes of a turn a number and tells the pages.
from binascii import hexlify
from os import urandom
from time import ticks_add, ticks_diff, ticks_ms

from ..app.app import App  # (here: what it imports in turn would be a level deeper in door.py, and stacks are small)
from ..port.flash import flash
from .door import PARTS, Door, exists
from .widgets import LEVELS, Control

# (The names that imports will store here, so that no dict grows while a worker reads it.)
action = files = fleet = folder = guard = live = log = metric = once = openapi = passwords = requests = rest = setting = store = None
system = table = users = None

_TICK_MS = const(100)


class Dash:
    """A page for `app`, at `path`: what is defined by the methods below, in their order.

    `folder` is where settings.json and users.json are kept. `www`: the folder with the page; by default www/dash beside the modules.
    `guest`: what those may do who have not logged in, if there are users: "", "read" or "operate". `origins`: as for `ws.upgrade`.
    `key`: bytes, at least 16, that keep sessions valid over a restart. ValueError for a shorter one, and for another `guest`.
    Loop's thread, or before the App is served.
    """

    saved = None  # the settings' Store
    users = None  # loaded when a file says that there are some, or a request asks
    has_files = has_updates = False

    def __init__(self, title, app, path="/", folder="dash", www=None, guest="", origins=(), key=None):
        self.title = title
        self.app = app
        self.folder = folder
        self.guest = LEVELS.index(guest)
        self.origins = origins
        self.key = key
        self.boot = hexlify(urandom(4)).decode()
        self.now_page = self.now_group = ""
        self.widgets = []
        self.by_id = {}
        self.mgr = None
        self.seq = 0  # the number of the last change
        self.cached: tuple = (0, 0, "")
        self.late_ms = 0  # the longest time that the loop was late, since `system` has read it
        self.door = Door(self, App(), path, www)
        if key is not None or exists(folder + "/users.json") or exists(folder + "/users.json.new"):
            self.load_users()
        app.setup.append(self.begin)

    # --- what a page has

    def page(self, name):
        """The widgets that are defined from here on are on the page of this name; "": the first one."""
        self.now_page = name
        self.now_group = ""

    def group(self, name):
        """The widgets that are defined from here on are in the group of this name; "": in none."""
        self.now_group = name

    def value(self, label, value=None, kind="value", **options):
        """A value that the program sets: `v = dash.value("Door", "closed"); v.value = "open"`. `options`: those of `metric`."""
        return self.metric(label, kind, value=value, **options)(None)

    def metric(self, label, kind="value", **options):
        """A decorator: `fn()` is called each `every_ms` (1000), and returns a number, a text, or True or False. What it raises is shown.

        With `worker` it is called in a worker, and may block; never twice at once. `history`: how many samples are kept, one each
        `every_ms`. `kind="gauge"` needs `min` and `max`, and may have `warn` and `alarm`. `unit`; `digits` behind the point, to which the
        value is rounded. `id`, by default made of the label; `page`, `group`. The name of the function is the widget from then on.
        """
        from .metric import Metric

        return lambda fn: Metric(self, kind, label, fn, **options)

    def switch(self, label, value=False, **options):
        """A switch, True or False. `get()` reads it each `every_ms` (100), `set(value)` is called with what a page or the program wants;
        with `worker` the one of a page is called in a worker. `level`: who may switch. Returns it: `lamp.value = True`, in any thread."""
        return Control(self, "switch", label, value=value, **options)

    def slider(self, label, value=None, min=0, max=100, step=1, **options):
        """A number between `min` and `max`, at first `min`. `step`: an int means whole numbers. `options` as for `switch`."""
        return self.number(label, value, min, max, step, "slider", **options)

    def number(self, label, value=None, min=None, max=None, step=None, kind="number", **options):
        """A number, as `slider`, to be typed."""
        return Control(self, kind, label, value=min or 0 if value is None else value, min=min, max=max, step=step, **options)

    def choice(self, label, options, value=None, **others):
        """One of `options`, a list of texts or numbers. `others` as for `switch`."""
        return Control(self, "choice", label, value=options[0] if value is None else value, options=options, **others)

    def text(self, label, value="", length=64, **options):
        """A line of text, at most `length` bytes. `options` as for `switch`."""
        return Control(self, "text", label, value=value, length=length, **options)

    def setting(self, name, default, **options):
        """A setting that survives a power cut: its kind follows from `default`; see `setting.Setting`. Returns it; `dash.settings` has the
        values of all."""
        from .setting import Setting

        return Setting(self, name, default, **options)

    def action(self, label, **options):
        """A decorator: `fn(job)` runs when the button is pressed, see `action.Action`."""
        from .action import Action

        return lambda fn: Action(self, label, fn, **options)

    def field(self, name, default, **options):
        """A field that an action asks for: see `action.Field`."""
        from .action import Field

        return Field(name, default, **options)

    def table(self, label, columns, rows, **options):
        """A table of pages, see `table.Table`."""
        from .table import Table

        return Table(self, label, columns, rows, **options)

    def log(self, label="Log", **options):
        """A log, see `log.Log`: `log.add("text", "warning")`, in any thread."""
        from .log import Log

        return Log(self, label, **options)

    def files(self, folder, limit=1048576):
        """A page for the files in `folder`, with uploads of at most `limit` bytes. Raises ValueError if the dashboard's own files are
        below it."""
        from .files import add

        add(self, folder, limit)

    def updates(self):
        """A page for updates of the program, see `mungo.ota`: an admin uploads a bundle."""
        from ..ota import routes
        from .guard import guard

        routes(self.app, guard(self.door, "admin"))
        self.has_updates = True

    def system(self, page="Device"):
        """A page with what the device has: memory, latency, connections, workers, limits and counters."""
        from .system import add

        add(self, page)

    def fleet(self, fleet):
        """A page with the boards of a `mungo.fleet.Fleet`: who is there, what they do, their versions; an admin updates them from there."""
        from .fleet import add

        add(self, fleet)

    @property
    def settings(self):
        """The values of all settings, {name: value}; to change one, use its widget."""
        return self.saved.values if self.saved else {}

    def add(self, widget):
        """Add a widget. ValueError if there is one of its id."""
        if widget.id in self.by_id:
            raise ValueError("%s: there is such a widget; want id=" % widget.id)
        self.by_id[widget.id] = widget
        self.widgets.append(widget)
        if self.mgr is not None:
            for client in self.clients:
                client.at = 0
            self.tell()

    def load_users(self):
        """Load the users, if that was not done. Loop's thread."""
        if self.users is None:
            from .users import Users

            self.users = Users(self)

    @property
    def is_open(self):
        """Whether there are no users, so that everybody may do everything."""
        return self.users is None or not self.users.known

    # --- in the loop

    def begin(self, mgr):
        """The App is served by this manager. Called by it."""
        if mgr is self.mgr:
            return
        self.door.open()
        if flash.lock is not None:  # or these would load when workers use the flash, and the loop never waits for that
            for name in PARTS:
                self.door.load(name)
        self.mgr = mgr
        self.next = False  # of the doorbell: not posted
        self.clients = []
        self.timer = mgr.timer(_TICK_MS, self.tick, None, repeat=True)
        self.tick()

    def post(self):
        """A widget has changed: `deliver` is to be called. Any thread."""
        mgr = self.mgr
        if mgr is not None:
            bell = mgr.bell
            with bell.lock:
                ring = bell.post(self)
            if ring:
                bell.ring()
            bell.gc_barrier.clear()

    def deliver(self, budget):
        """Called by the loop if it was posted: give what has changed a number, and tell the pages."""
        for widget in self.widgets:
            if widget.is_dirty:
                widget.is_dirty = False
                self.seq += 1
                widget.seq = self.seq
                try:
                    widget.settle()
                except Exception as er:
                    self.mgr.report(er)
        self.tell()
        return 1

    def tell(self):
        """Tell the pages what they do not know. One that there is no memory for ends."""
        for client in self.clients:
            try:
                client.update()
            except Exception as er:
                client.c.bug(er)

    def tick(self, _=None):
        """Read what is due."""
        now = ticks_ms()
        self.late_ms = max(self.late_ms, ticks_diff(now, self.timer.due) + _TICK_MS)  # (the timer has its next due already)
        for widget in self.widgets:
            if widget.every_ms:
                due = widget.due or now
                left = ticks_diff(due, now)
                if left <= 0:
                    widget.due = ticks_add(due if left > -widget.every_ms else now, widget.every_ms)
                    widget.tick()
