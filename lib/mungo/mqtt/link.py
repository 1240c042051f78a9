# A connection to a broker that comes back: when it has ended, or could not be made, the next attempt follows after a pause.
from os import urandom
from time import ticks_add, ticks_diff, ticks_ms

from ..core.connection import Connection
from ..core.reports import describe

_EV_ERROR = const(0)
_EV_WRITE = const(8)
_EV_CLOSE = const(9)
_EV_MQTT_CMD = const(15)
_EV_MQTT_MSG = const(16)
_EV_MQTT_OPEN = const(17)

_PAUSE_MS = const(1000)  # from one attempt to the next, at most; then twice that, and so on
_LONGEST_PAUSE_MS = const(60000)
_STABLE_MS = const(10000)  # what has lasted so long was a good connection
_REDIRECTS = const(5)  # followed in a row
_LASTING = const(b"\1\2\4\5\x84\x85\x86\x87\x8a\x8c\x8e")  # reasons that the next attempt most likely meets again
_OTHER_SERVER = const(0x9C)  # use another server, for now;
_MOVED = const(0x9D)  # and for good
# No route, no socket, no memory; or the broker has named what is no server. (Made here: in an `except` it would need memory.)
_FAILURES = (OSError, MemoryError, ValueError)


class Keeper(Connection):
    """A client among its manager's connections, without a socket: its deadline is the client's, and so is its end."""

    def bug(self, er):
        """Something has failed, most likely for want of memory: it is tried again."""
        self.mgr.report(er)
        self.fn_data.look_again(_PAUSE_MS)

    def expired(self):
        """It is time to look at something."""
        self.wait = 0
        self.fn_data.due()

    def put(self, data):
        """It is no program's to send to: False. (Programs broadcast over mgr.conns.)"""
        return False

    send = put


class Link:
    """The connection of a client, which defines these four."""

    resume: "Any"  # (session_present): the broker has accepted it, and has kept the session that this program has begun  # noqa: F821  # pyright: ignore
    route: "Any"  # (msg): a message has come  # noqa: F821  # pyright: ignore
    command: "Any"  # (packet): a packet has come  # noqa: F821  # pyright: ignore
    pump: "Any"  # (): the connection may take something  # noqa: F821  # pyright: ignore

    def __init__(self, url, options, log, stats):
        # (All attributes are here, and in Client: threads look at some, and a dict must not grow meanwhile.)
        self.url = url
        self.target = url  # where it connects to: the broker may send it elsewhere
        self.options = options  # of mgr.mqtt_connect
        self.log = log
        self.stats = stats
        self.mgr: "Any" = None  # noqa: F821  # pyright: ignore
        self.keeper: "Any" = None  # noqa: F821  # pyright: ignore
        self.c: "Any" = None  # the connection under way,  # noqa: F821  # pyright: ignore
        self.is_connected = False  # and whether the broker has accepted it
        self.is_stopping = False
        self.since = 0  # (ticks_ms) when it was connected,
        self.retry_at = 0  # and when it is time for the next attempt
        self.attempts = 0  # that have failed in a row
        self.redirects = 0  # that were followed in a row
        self.is_moved = False  # the last one was for good
        self.told = None  # the last line of the log
        self.on_connected = []
        self.on_disconnected = []

    def connected(self, fn):
        """A decorator: `fn()` is called each time that the broker has accepted the client."""
        self.on_connected.append(fn)
        return fn

    def disconnected(self, fn):
        """A decorator: `fn(error)`, with a str, is called each time that a connection has ended that the broker had accepted."""
        self.on_disconnected.append(fn)
        return fn

    def stop(self):
        """Disconnect, and stay so; what waits is dropped. Later `attach` may begin anew."""
        self.is_stopping = True
        if self.mgr is None:
            return
        if self.c is None:
            self.keeper.is_closing = True
        else:
            self.c.disconnect()  # (which closes it as well if there is nothing to say)

    def connect(self, is_first=False):
        """Begin an attempt."""
        self.stats["state"] = "connecting"
        try:
            self.c = self.mgr.mqtt_connect(self.target, self.event, **self.options)
        except _FAILURES as er:
            if is_first and isinstance(er, ValueError):
                raise
            self.lost(describe(er))

    def event(self, c, ev, data, _):
        """The handler of its events."""
        if ev == _EV_MQTT_MSG:
            self.route(data)
        elif ev == _EV_MQTT_CMD:
            self.command(data)
        elif ev == _EV_WRITE:
            self.pump()
        elif ev == _EV_MQTT_OPEN:
            self.opened(data.session_present)
        elif ev == _EV_ERROR:
            self.stats["error"] = data
        elif ev == _EV_CLOSE and c is self.c:
            self.lost(self.stats["error"] or "closed", c.reason, c.properties)

    def opened(self, session_present):
        """The broker has accepted the client; `session_present`: it has kept the session."""
        stats = self.stats
        self.is_connected = True
        self.since = ticks_ms()
        if self.is_moved:
            self.url = self.target
        stats["connects"] += 1
        stats["state"] = "connected"
        stats["error"] = None
        self.resume(session_present and stats["connects"] > 1)
        self.tell("connected")
        for fn in self.on_connected:
            self.call(fn)

    def lost(self, error, reason=0, properties=None):
        """An attempt has failed, or the connection has ended."""
        stats = self.stats
        was_connected = self.is_connected
        self.c = None
        self.is_connected = False
        if self.is_stopping:
            self.keeper.is_closing = True
        elif not self.mgr.closed:
            stats["failures"] += 1
            stats["state"] = "waiting"
            stats["error"] = error
            self.retry_in(_PAUSE_MS)  # (first, for what follows may find no memory)
        if was_connected:
            if ticks_diff(ticks_ms(), self.since) > _STABLE_MS:
                self.attempts = self.redirects = 0
            for fn in self.on_disconnected:
                self.call(fn, error)
        if not self.is_stopping and not self.mgr.closed:
            self.tell(error)
            self.retry_in(self.follow(reason, properties or {}) or self.back_off(reason))

    def follow(self, reason, properties):
        """If the broker names another server (5.0 section 4.11), that is the next target. Returns when, in ms, or 0 if there is none."""
        server = properties.get("server_reference", "").split(" ")[0]
        self.is_moved = reason == _MOVED
        if server and (self.is_moved or reason == _OTHER_SERVER) and self.redirects < _REDIRECTS:
            self.redirects += 1
            self.target = self.url.partition("://")[0] + "://" + server
            return 1
        self.target = self.url
        self.redirects = 0
        return 0

    def back_off(self, reason):
        """How long to wait before the next attempt, in ms: at random, so that not all clients of a broker come back at once."""
        most = min(_PAUSE_MS << self.attempts, _LONGEST_PAUSE_MS)
        least = 1
        self.attempts = min(self.attempts + 1, 6)
        if reason and reason in _LASTING:
            most = _LONGEST_PAUSE_MS
            least = most // 2
        number = urandom(2)
        return least + ((most - least) * (number[0] << 8 | number[1]) >> 16)

    def retry_in(self, ms):
        """Have the next attempt made in `ms` milliseconds."""
        self.retry_at = ticks_add(ticks_ms(), ms)
        self.look_again(ms)

    def look_again(self, ms):
        """Have `due` called in `ms` milliseconds, or before."""
        keeper = self.keeper
        if not keeper.wait or ticks_diff(ticks_add(keeper.since, keeper.wait), ticks_ms()) > ms:
            keeper.mgr.deadline(keeper, ms)

    def due(self):
        """It is time for an attempt, or for something that could not be done before."""
        if self.c is None:
            ms = ticks_diff(self.retry_at, ticks_ms())
            if ms > 0:
                self.look_again(ms)
            else:
                self.connect()
        self.pump()

    # --- what the program is told

    def call(self, fn, *args):
        """Call a function of the program. What it raises is reported."""
        try:
            fn(*args)
        except Exception as er:
            self.keeper.mgr.report(er)

    def tell(self, text):
        """A line for the log, unless it was the last one."""
        if self.log is not None and text != self.told:
            self.told = text
            self.call(self.log, "mqtt %s: %s" % (self.target, text))
