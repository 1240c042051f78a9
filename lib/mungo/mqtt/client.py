# The everyday client. A message that is published goes through these files:
#
#   client.py        `publish`, in any thread: outbox.py keeps it, and the loop is woken
#   client.py        `pump`, in the loop, gives it to the connection; with a `store` flash_outbox.py has written it before
#   connection.py    sends it, and session.py has it sent again after the next connect, until it is acknowledged
#   client.py        `deliver` calls its on_done
#
# Memory may run out anywhere. What follows an event of the connection ends it then, and the next one goes on; all else is tried again in a
# second. So what may fail comes before what must not be left half done.
#
# One that comes: connection.py reads it, `route` finds its handlers by patterns.py, and worker_queue.py calls those that run in workers.
from _thread import get_ident
from errno import EIO

from ..port import EPIPE
from .link import Keeper, Link
from .outbox import Outbox, Publication
from .received import Received
from .session import Session
from .subscriptions import Subscriptions

_EV_CLOSE = const(9)

# Types of packets
_PUBACK = const(4)
_PUBREC = const(5)
_PUBCOMP = const(7)
_SUBACK = const(9)

_ENDED = (EPIPE, "ended")  # the arguments of on_done's OSError
_CALLS = const(16)  # of on_done, before sockets are served
_RETRY_MS = const(1000)  # when there was no memory
_DAY = const(86400)
_TO_PUBLISH = const(12)  # for properties.py

_COUNTERS = (
    "connects",  # times that the broker has accepted it
    "failures",  # attempts that have failed, and connections that were lost
    "published",  # messages that were handed to the connection
    "received",  # messages that have come
    "dropped",  # messages that the outbox had no room for, or of QoS 0 that no worker was free for
    "unhandled",  # messages that no pattern fits, or that are too large
    "refused",  # subscriptions and messages that the broker has refused
    "errors",  # exceptions of handlers
)


class Client(Link):
    """An MQTT client that stays connected: `url` is "mqtt://host:1883", or, with a `mungo.Tls` as `tls`, "mqtts://host:8883".

    `id`: the client's name at the broker; "": the broker gives it one. `will`: (topic, payload, qos, retain) that the broker publishes when
    the client vanishes. `version`: 4, MQTT 3.1.1, or 5. `user`, `password`. `clean`: begin without what the broker may have kept; by
    default only a client without an id does. `keep_alive_s`. The other options are those of `mgr.mqtt_connect`.

    `outbox` messages or `outbox_bytes` bytes of payload wait while they can't be sent; then the oldest one makes room, or `drop="newest"`.
    `log`: gets a line when the connection is there, lost, or refused; None: nothing does. All methods but `publish` are for the loop's
    thread, or for the time before `attach`.
    """

    def __init__(
        self,
        url,
        id="",
        outbox=32,
        outbox_bytes=16384,
        drop="oldest",
        store=None,
        store_bytes=65536,
        receive_maximum=20,
        log=print,
        **options,
    ):
        if drop not in ("oldest", "newest"):
            raise ValueError("drop %r: want oldest or newest" % drop)
        stats = dict.fromkeys(_COUNTERS, 0)
        stats["state"] = "stopped"
        stats["error"] = None  # why it is not connected
        Link.__init__(self, url, options, log, stats)
        options["id"] = id
        options.setdefault("clean", not id)
        self.write_properties: "Any" = None  # of properties.py, for 5.0  # noqa: F821  # pyright: ignore
        if options.get("version") == 5:
            from .properties import write

            self.write_properties = write
            properties = {"receive_maximum": receive_maximum}
            if not options["clean"]:
                properties["session_expiry_interval"] = _DAY
            properties.update(options.get("properties") or {})
            options["properties"] = properties
        self.name = id or url
        self.receive_maximum = receive_maximum
        self.outbox = Outbox(outbox, outbox_bytes, drop == "oldest", stats)
        self.store: "Any" = None  # noqa: F821  # pyright: ignore
        if store is not None:
            from .flash_outbox import FlashOutbox

            waiting = Outbox(outbox, outbox_bytes, drop == "oldest", stats, self.outbox)
            self.store = FlashOutbox(self, store, store_bytes, waiting)
        self.session = options["session"] = Session(self.store)
        self.next = False  # of the doorbell: not posted
        self.thread = None  # that owns the manager
        self.stops_manager = False  # at its end
        self.subscriptions = Subscriptions(self)
        self.under_way = []  # messages that wait for their acknowledgement
        self.workers: "Any" = None  # a WorkerQueue  # noqa: F821  # pyright: ignore

    # --- what programs call

    def on(self, pattern, qos=0, worker=False, timeout_ms=None, **options):
        """A decorator: `fn(msg, **values)` gets the messages whose topic fits the pattern, each as a `Received`, with the values for the
        names in the pattern, see `Pattern`.

        `qos`: the most that the broker may use. `worker`: it runs in a worker, at most `timeout_ms` ms (default: the pool's job_ms), and
        may block; the message is acknowledged when it has returned. What a handler raises is reported and counted, and the message is
        acknowledged. `options`: those of `c.subscribe`. ValueError for a pattern that can't be.
        """
        if worker and self.workers is None:
            from .worker_queue import WorkerQueue

            self.workers = WorkerQueue(self)
        options["qos"] = qos

        def add(fn):
            self.subscriptions.add(pattern, fn, worker, timeout_ms, options)
            self.pump()
            return fn

        return add

    def publish(self, topic, payload=None, qos=0, retain=False, on_done=None, **properties):
        """Publish a message, now or when the client is connected. Any thread. False if the outbox is full and drops the newest.

        `payload`: str, bytes-like, None for an empty one, or anything else as JSON. `on_done(error)` is called in the loop, exactly once:
        with None when the broker has acknowledged the message, with QoS 0 when it was handed to the connection; else with an OSError,
        ENOBUFS if it was dropped, EIO if the broker has refused it, EPIPE at the end of the client. `properties` of 5.0, for example
        `message_expiry_interval=60`. Raises ValueError or TypeError for what can't be published.
        """
        if properties:
            if self.write_properties is None:
                raise ValueError("%s: want version=5" % properties)
            self.write_properties(properties, _TO_PUBLISH)
        outbox = self.store.waiting if qos and self.store else self.outbox
        if not outbox.put(Publication(topic, payload, qos, retain, on_done, properties)):
            return False
        if outbox is self.outbox and self.is_connected and get_ident() == self.thread:
            self.pump(False)
        else:
            self.wake()
        return True

    def attach(self, mgr):
        """Connect, and stay connected, beside what the manager does otherwise. Raises ValueError for a URL or options that can't be, and
        if the client has a manager; OSError if the manager is closed."""
        if self.mgr is not None:
            raise ValueError("it is attached")
        mgr.check_open()
        if self.workers is not None:
            mgr.workers()
        self.is_stopping = False
        self.thread = get_ident()
        self.keeper = Keeper(mgr, None, self.on_keeper, self)
        self.mgr = mgr
        try:
            mgr.stats["mqtt"] = mgr.stats["mqtt"] or {}
            mgr.stats["mqtt"][self.name] = self.stats
            self.begin()
        except Exception:
            self.keeper.is_closing = True
            raise

    def begin(self):
        """Connect for the first time; with a store, when it knows what a reset has left."""
        if self.store is None:
            self.connect(True)
        else:
            self.keeper.mgr.use_flash(self.store.begin, self.keeper, None)

    def run(self, **limits):
        """Run alone, in a manager with these limits, until Ctrl-C or `stop`."""
        from ..manager import Manager

        self.stops_manager = True
        try:
            with Manager(**limits) as mgr:
                self.attach(mgr)
                while mgr.poll(1000):
                    pass
        except KeyboardInterrupt:
            return  # the usual end of a program

    async def serve(self, **limits):
        """`run` beside other tasks of asyncio. Cancel its task, or call `stop`, to end it."""
        from ..aio import serve
        from ..manager import Manager

        self.stops_manager = True
        with Manager(**limits) as mgr:
            self.attach(mgr)
            await serve(mgr)

    def on_keeper(self, keeper, ev, data, _):
        """The handler of the keeper: it was closed, by `stop` or by the end of the manager."""
        if ev != _EV_CLOSE:
            return
        mgr = keeper.mgr
        with mgr.bell.lock:
            self.mgr = None  # from here on no thread posts
        if self.c is not None:
            self.c.is_closing = True
            self.c = None
        self.is_connected = False
        self.stats["state"] = "stopped"
        while self.under_way:
            self.finish(self.under_way.pop(), _ENDED)
        if self.store is not None:
            self.store.end(_ENDED)
        while self.outbox.count:
            self.finish(self.outbox.take(), _ENDED)
        while self.outbox.over.count:
            self.deliver(1)
        if self.stops_manager:
            mgr.stop()

    # --- what is published

    def resume(self, session_present):
        """The broker has accepted the client. `session_present`: it has kept the session that this program has begun."""
        self.subscriptions.begin(session_present)
        at = 0
        while at < len(self.under_way):
            if self.session.find(self.under_way[at].id) is None:  # the broker had it, and has lost the session since
                self.finish(self.under_way.pop(at))
            else:
                at += 1
        self.pump()

    def wake(self):
        """Have the loop call `deliver`. Any thread."""
        mgr = self.mgr
        if mgr is not None:
            bell = mgr.bell
            with bell.lock:
                ring = self.mgr is mgr and bell.post(self)
            if ring:
                bell.ring()
            bell.gc_barrier.clear()

    def deliver(self, budget):
        """Called by the loop if this was posted: send what waits, and call on_done of what is over. Returns how often, at least 1."""
        self.pump()
        over = self.outbox.over
        n = 0
        while over.count and n < budget and n < _CALLS:
            message = self.outbox.take_over()
            self.done(message.on_done, message.failure)
            n += 1
        if over.count:
            self.wake()
        return n or 1

    def done(self, fn, failure):
        """Call an on_done, if there is one, with None or OSError(*failure)."""
        try:
            if fn is not None:
                fn(OSError(failure[0], failure[1]) if failure else None)  # (which needs no memory)
        except Exception as er:
            self.keeper.mgr.report(er)

    def finish(self, message, failure=()):
        """A message is over: on_done gets OSError(*failure), or None, in a later turn."""
        if message.on_done is not None:
            message.failure = failure
            self.outbox.add_over(message)
            self.wake()

    def pump(self, writes=True):
        """Write, subscribe and publish what waits, as much as the connection takes."""
        store = self.store
        try:
            if writes and store is not None and self.mgr is not None and not store.is_queued:
                store.is_queued = not self.mgr.use_flash(store.work, self.keeper, None)
            if self.is_connected:
                self.c.together(self.send_waiting)
        except MemoryError:
            self.keeper.mgr.stats["no_memory"] += 1
            self.look_again(_RETRY_MS)

    def send_waiting(self):
        """Subscribe and publish what waits in memory."""
        if self.subscriptions.is_asking:
            self.subscriptions.ask(self.c)
        while self.c.out is None and self.send_next(self.outbox):
            pass

    def send_next(self, outbox):
        """Hand the first message that waits to the connection. False if there is none, or if it can't be now."""
        message = outbox.take()
        if message is None:
            return False
        is_taken = False
        try:
            is_taken = self.send(message)
        finally:
            if not is_taken:
                outbox.put_back(message)
        return is_taken

    def send(self, message):
        """Hand a message to the connection. False if it can't be now."""
        qos = message.qos
        id = False
        if qos:
            self.under_way.append(message)  # (first: then there was memory for it)
        try:
            id = self.c.publish(message.topic, message.data, qos, message.retain, message.properties)
        except ValueError as er:  # this broker takes no such message
            self.refused(message, er)
            return True
        finally:
            message.id = id
            if qos and not id:
                self.under_way.remove(message)
        if not id:
            return False
        self.stats["published"] += 1
        if not qos:
            self.finish(message)
        return True

    def refused(self, message, why):
        """The broker does not take a message."""
        failure = (EIO, "refused: %s" % why)
        self.tell("refused: %s: %s" % (message.topic, why))
        self.stats["refused"] += 1
        self.finish(message, failure)

    def command(self, packet):
        """A packet has come. Those that acknowledge end what is under way."""
        type = packet.type
        if type == _SUBACK:
            self.subscriptions.answered(packet)
        elif type in (_PUBACK, _PUBCOMP) or type == _PUBREC and packet.reason >= 128:
            for message in self.under_way:
                if message.id == packet.id:
                    message.reason = packet.reason
                    if packet.reason < 128:
                        self.finish(message)
                    else:
                        self.refused(message, "reason 0x%02x" % packet.reason)
                    self.under_way.remove(message)
                    break
            self.pump()

    # --- what comes

    def due(self):
        """As Link's, and whatever else waits for another attempt."""
        if self.workers is not None:
            self.workers.go_on()
        if self.stats["state"] == "stopped":
            self.begin()
        else:
            Link.due(self)

    def route(self, msg):
        """A message has come: call the handlers whose pattern its topic fits."""
        if msg.more:
            return  # (of what comes in pieces the last one is counted)
        stats = self.stats
        stats["received"] += 1
        for_loop, for_workers = self.subscriptions.find(msg)
        if not for_loop and not for_workers:
            stats["unhandled"] += 1
            return
        received = Received(self, msg)
        if for_workers:
            self.workers.add(msg, received, for_workers)
        for subscription, values in for_loop:
            try:
                subscription.fn(received, **values)
            except Exception as er:
                stats["errors"] += 1
                self.keeper.mgr.report(er)
