# The Fleet: what programs call, the messages that come to the board, and one timer for all of its parts.
from binascii import hexlify
from os import urandom
from time import ticks_add, ticks_diff, ticks_ms

from .messages import check_name
from .presence import Presence

_RECEIVE_MAXIMUM = const(40)
_IDLE_MS = const(5000)

_COUNTERS = (
    "submitted",  # jobs that `submit` has taken
    "done",  # of these, results that were delivered
    "failed",  # exceptions of jobs that were delivered
    "errors",  # other ends: ETIMEDOUT, EAGAIN, EPIPE, EIO
    "refused",  # submits that have raised OSError
    "local",  # jobs that ran on the board that has submitted them
    "full",  # times that no board had room for a job: it was sent again later
    "sent_again",  # times that a job was sent again because its board was gone or silent
    "late",  # results of jobs that were over by an error, dropped
    "duplicates",  # further results of jobs that were delivered, dropped
    "taken",  # jobs that have come, or have begun here
    "ran",  # jobs that have run here to their end
    "repeats",  # jobs that came again while they were here, or shortly after
    "turned_away",  # jobs that this board had no room for
    "cancelled",  # jobs that were dropped here for their submitter or their deadline
)


class Fleet:
    """The boards of a `site`, of which this is one, that do jobs for each other. `mqtt`: a `mungo.mqtt.Client` with `version=5` that is not
    attached and has no will. The board's name is `name`, by default the client's id.

    `queue`: so many jobs that this board submits may be under way; then `submit` raises EAGAIN. `lease_ms`: a board that is silent for so
    long about a job has lost it. `offline`: what `submit` does without a connection: "wait", or "fail". `local`: if this board does such
    jobs and is idle, it does them itself. `info`: a dict that the board's presence has as well, or a function that returns one.
    Raises ValueError for what can't be. All methods are for the loop's thread.
    """

    def __init__(self, mqtt, site, name=None, queue=32, lease_ms=5000, offline="wait", local=True, info=None):
        options = mqtt.options
        name = name or options["id"]
        check_name(site, "site")
        check_name(name, "name")
        if mqtt.write_properties is None or options.get("will") or mqtt.mgr is not None:
            raise ValueError("mqtt: want a Client with version=5, without a will, that is not attached")
        if offline not in ("wait", "fail") or queue < 1 or lease_ms < 100:
            raise ValueError("offline=%r, queue=%r, lease_ms=%r: want wait or fail, 1, 100" % (offline, queue, lease_ms))
        self.mqtt = mqtt
        self.site = site
        self.name = name
        self.boot = hexlify(urandom(4)).decode()  # another one after each start
        self.is_over = False
        self.queue = queue
        self.lease_ms = lease_ms
        self.waits = offline == "wait"
        self.local = local
        self.info = info
        self.stats = mqtt.stats["fleet"] = dict.fromkeys(_COUNTERS, 0)
        self.inbox = "%s/board/%s/" % (site, name)
        self.timer: "Any" = None  # noqa: F821  # pyright: ignore
        self.due = 0  # (ticks_ms) of the timer
        self.presence = Presence(self)
        self.parts = [self.presence]  # each has look(now), begin(), lost() and stop(); and handlers of what comes, by its kind
        self.handlers = {}
        self.worker: "Any" = None  # noqa: F821  # pyright: ignore
        self.submitter: "Any" = None  # noqa: F821  # pyright: ignore
        self.large: "Any" = None  # of pieces.py  # noqa: F821  # pyright: ignore
        # The broker forgets a board with its connection, so that no job waits for one that is gone.
        options["id"] = name + "-" + self.boot
        options["clean"] = True
        options["properties"]["session_expiry_interval"] = 0
        # (mosquitto 2.0.11 sends one more than the receive maximum now and then; its own limit is 20.)
        options["properties"]["receive_maximum"] = max(_RECEIVE_MAXIMUM, options["properties"].get("receive_maximum", 0))
        options["will"] = self.presence.will()
        mqtt.on(self.inbox + "<kind>/<sender>")(self.on_inbox)
        mqtt.connected(self.presence.connected)
        mqtt.disconnected(self.disconnected)

    # --- what programs call

    def job(self, name, worker=False, at_once=1, idempotent=True, timeout_ms=None):
        """A decorator: this board does the job `name`. `fn(data)` gets what was submitted, and what it returns is the result.

        `worker`: it runs in a worker, at most `timeout_ms` ms (by default the pool's job_ms), and may block. `at_once`: so many at the same
        time. `idempotent=False`: it never runs twice for one submit, see docs/fleet.md. Raises ValueError for what can't be.
        """
        check_name(name, "job")
        if self.worker is None:
            from .worker import Worker

            self.worker = Worker(self)
            self.parts.append(self.worker)

        def add(fn):
            self.worker.add(name, fn, worker, at_once, idempotent, timeout_ms)
            return fn

        return add

    def submit(self, name, data=None, on_done=None, timeout_ms=30000, conn=None):
        """Have a board do the job `name` with `data`: bytes-like, or what JSON has. Returns the Submission, for `cancel`.

        `on_done(result, error)` is called in the loop, exactly once: with `error` None; or with a `result` of None and a JobFailed if the
        job has raised, or an OSError: ETIMEDOUT after `timeout_ms` ms, EAGAIN if no board had room or does such jobs, EPIPE when the
        connection `conn` or the manager was closed, EIO if a board was lost with a job that may run only once, or the broker has refused
        it. It never comes inside `submit`.

        Raises OSError at once: EAGAIN if `queue` jobs are under way, ENOTCONN without a connection if `offline` is "fail", EPIPE if
        `conn` is closed. ValueError or TypeError for what can't be.
        """
        if self.submitter is None:
            from .submitter import Submitter

            self.submitter = Submitter(self)
            self.parts.append(self.submitter)
            self.presence.watch(False)
        return self.submitter.submit(name, data, on_done, timeout_ms, conn)

    def cancel(self, submission):
        """A job is not wanted any more: its on_done gets EPIPE, and its board drops it, or its result. Nothing if it is over."""
        self.submitter.cancel(submission)

    def watch(self):
        """Know the other boards: `boards`. That takes about half a KB for each on 64 bits."""
        self.presence.watch()

    @property
    def boards(self):
        """The boards that are there: {name: the presence of docs/fleet-protocol.md}. Those that are known yet, from `watch` on, or from
        the first look at this."""
        return self.presence.boards()

    @property
    def show(self):
        """A handler for an App: the fleet as JSON. `app.get("/fleet")(fleet.show)`."""
        from .answers import show

        self.watch()

        def answer(req):
            return show(self)

        return answer

    def attach(self, to):
        """Begin, with the MQTT client, beside what else the manager `to` does; or that of the App `to`, when it has one. Raises as
        `Client.attach`."""
        if hasattr(to, "setup"):
            to.setup.append(self.attach)
            return
        self.is_over = False
        if self.worker is not None and self.worker.needs_pool:
            to.workers()
        self.mqtt.attach(to)
        self.mqtt.keeper.on_close(self.closed, None)
        to.fleet = self  # for the routes of an App
        self.soon(0)

    def run(self, **limits):
        """Run alone, in a manager with these limits, until Ctrl-C or `stop`."""
        from ..manager import Manager

        self.mqtt.stops_manager = True
        try:
            with Manager(**limits) as mgr:
                self.attach(mgr)
                while mgr.poll(1000):
                    pass
        except KeyboardInterrupt:
            return  # the usual end of a program

    def stop(self):
        """Say goodbye and disconnect. Jobs that were submitted end with EPIPE; those that run here run to their end, for nobody."""
        self.is_over = True
        for part in self.parts:
            part.stop()
        self.mqtt.stop()

    # --- for its parts

    def begin(self):
        """The board is connected, and its name is its own."""
        for part in self.parts:
            part.begin()
        self.soon(0)

    def disconnected(self, error):
        """The connection has ended."""
        for part in self.parts:
            part.lost()

    def closed(self, _):
        """The client has stopped: with the fleet, or with the manager."""
        self.is_over = True
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        for part in self.parts:
            part.stop()

    def give_up(self, why):
        """Another board has the name."""
        self.mqtt.tell(why)
        self.stop()
        self.mqtt.stats["error"] = why

    @property
    def is_ready(self):
        """Whether the board is connected and may use its name."""
        return self.mqtt.is_connected and self.presence.is_known

    def on_inbox(self, msg, kind, sender):
        """A message to this board has come. That `sender` is who has sent it is what the broker's rules see to."""
        id = msg.properties.get("correlation_data")
        if kind == "get" or kind == "piece":
            _ = self.pieces  # (loads it)
        if id and kind in self.handlers:
            self.handlers[kind](id, msg, sender)

    @property
    def pieces(self):
        """What is sent and fetched in pieces. Loads when it is first needed."""
        if self.large is None:
            from .pieces import Pieces

            self.large = Pieces(self)
            self.parts.append(self.large)
        return self.large

    def send(self, topic, id, data=b"", is_json=False, **properties):
        """Publish something about a job, with QoS 0. `topic`: an inbox and the kind; the sender's name comes last."""
        if is_json:
            properties["content_type"] = "application/json"
        self.mqtt.publish(topic + "/" + self.name, data, correlation_data=id, **properties)

    def soon(self, ms):
        """Have all parts looked at in `ms` milliseconds, or before."""
        if self.mqtt.mgr is None:
            return
        due = ticks_add(ticks_ms(), ms)
        if self.timer is not None:
            if ticks_diff(self.due, due) <= 0:
                return
            self.timer.cancel()
        self.due = due
        self.timer = self.mqtt.mgr.timer(ms, self.look)

    def look(self, _):
        """It is time to look at all parts."""
        self.timer = None
        now = ticks_ms()
        ms = _IDLE_MS
        try:
            for part in self.parts:
                ms = min(ms, part.look(now) or ms)
        finally:  # whatever has failed: it goes on
            self.soon(ms)
