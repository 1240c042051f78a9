# The jobs that a board does for others: from the message that brings one to its answer.
#
#   HERE       it has come, and `at_once` others are at work
#   FETCHING   its data comes in pieces
#   ASKED      it may run only once: its submitter was told, and says `go`
#   BEGUN    in the loop, or in a worker of the pool
#
# A board that is full leaves the share when a job takes longer than 50 ms, and turns away what waits so long: another board may be idle. It
# joins again when it has room. Short jobs do without that.
from errno import ETIMEDOUT
from time import ticks_add, ticks_diff, ticks_ms

from ..core.reports import describe
from ..http.json_reader import loads
from ..threads import pool  # noqa: F401  (before threads run: they must not import)
from .messages import PIECE, check_name, is_json, is_of, note, number, pack

_HERE = const(0)
_FETCHING = const(1)
_ASKED = const(2)
_BEGUN = const(3)

_LONG_MS = const(50)
_ASK_MS = const(1000)  # from one `taken` to the next, while `go` does not come
_DEFAULT_S = const(60)  # of a job that has none,
_LONGEST_S = const(3600)  # and at most
_FOREVER_MS = const(0x1FFFFFFF)
_WAIT_MOST = const(8)  # that wait for room: more are turned away at once
_KEPT = const(8)  # answers that are kept, for submitters that ask again,
_KEPT_BYTES = const(512)  # of so many bytes


class Offer:
    """A job that this board does."""

    busy = 0  # FETCHING, ASKED and BEGUN
    is_joined = False  # the broker sends such jobs
    is_long = False  # the last one took more than 50 ms: a full board leaves the share at once

    def __init__(self, name, fn, worker, at_once, idempotent, timeout_ms):
        self.name = name
        self.fn = fn
        self.worker = worker
        self.at_once = at_once
        self.idempotent = idempotent
        self.timeout_ms = timeout_ms
        self.subscription: "Any" = None  # noqa: F821  # pyright: ignore
        self.waiting = []  # Runs


class Run:
    """A job that has come. `msg`: its message, None for one of this board's own. `to`: where its answers go, a topic without its last
    level; for this board's own a function `fn(kind, data, is_json)`. `data`: None while it is to be fetched."""

    state = _HERE
    number = 0  # another one for each that comes: a `go` names it
    is_told = False  # `taken` was sent, or need not be
    limit = None  # (ticks_ms) when its function has taken too long, in a worker
    is_over = False

    def __init__(self, id, offer, msg, to, data, is_json, ms):
        self.id = id
        self.offer = offer
        self.msg = msg
        self.to = to
        self.data = data
        self.is_json = is_json
        self.since = ticks_ms()  # of its state
        self.due = ticks_add(self.since, ms)


class Worker:
    """The jobs of a Fleet's board."""

    needs_pool = False

    def __init__(self, fleet):
        self.fleet = fleet
        self.offers = {}  # by name
        self.runs = {}  # by id
        self.kept = []  # the last answers: (id, kind, data, is_json)
        fleet.handlers["ask"] = self.on_ask
        fleet.handlers["go"] = self.on_go
        fleet.handlers["cancel"] = self.on_cancel

    def add(self, name, fn, worker, at_once, idempotent, timeout_ms):
        """Add a job that this board does."""
        check_name(name, "job")
        if name in self.offers or at_once < 1:
            raise ValueError("job %s, at_once=%r: want a new name, and 1 or more" % (name, at_once))
        offer = self.offers[name] = Offer(name, fn, worker, at_once, idempotent, timeout_ms)
        self.needs_pool = self.needs_pool or worker
        pattern = "$share/fleet/%s/job/%s" % (self.fleet.site, name)
        subscriptions = self.fleet.mqtt.subscriptions
        offer.subscription = subscriptions.add(pattern, lambda msg: self.take(offer, msg), False, None, {"qos": 1})
        offer.subscription.is_wanted = False
        if self.fleet.is_ready:
            self.join(offer)

    # --- the share

    def join(self, offer):
        """Have the broker send such jobs."""
        mqtt = self.fleet.mqtt
        offer.is_joined = True
        mqtt.subscriptions.want(offer.subscription)
        mqtt.pump()

    def leave(self, offer):
        """Have it send no more; what is on its way still comes."""
        mqtt = self.fleet.mqtt
        one = offer.subscription
        if one.asked is not None and (not mqtt.is_connected or not mqtt.c.unsubscribe(one.pattern.filter)):
            return  # `look` tries again
        offer.is_joined = one.is_wanted = False

    def begin(self):
        """The board is connected."""
        for offer in self.offers.values():
            self.start(offer)

    def lost(self):
        """The connection has ended, and the broker has forgotten the board."""
        for offer in self.offers.values():
            offer.is_joined = offer.subscription.is_wanted = False

    stop = lost

    # --- a job comes

    def take(self, offer, msg):
        """A job has come."""
        id = msg.properties.get("correlation_data")
        to = msg.properties.get("response_topic", "").rpartition("/")[0]
        if not id or not to:
            return  # nobody waits for its result
        if id in self.runs or self.answer_again(id, to):
            self.fleet.stats["repeats"] += 1
            return
        msg.message.hold()
        ms = min(msg.properties.get("message_expiry_interval", _DEFAULT_S), _LONGEST_S) * 1000
        self.add_run(Run(id, offer, msg, to, None if note(msg, "size") else msg.payload, is_json(msg), ms))

    def take_own(self, name, id, data, is_json, ms, to):
        """This board has submitted a job: do it if it is idle. Whether it does."""
        offer = self.offers.get(name)
        if offer is None or offer.busy >= offer.at_once or offer.waiting:
            return False
        self.add_run(Run(id, offer, None, to, data, is_json, ms))
        return True

    def add_run(self, run):
        """A job waits."""
        self.fleet.stats["taken"] += 1
        run.number = self.fleet.stats["taken"]
        self.runs[run.id] = run
        if len(run.offer.waiting) >= _WAIT_MOST:
            self.turn_away(run)
            return
        run.offer.waiting.append(run)
        self.start(run.offer)
        self.fleet.soon(_LONG_MS)

    def start(self, offer):
        """Begin what may begin, and join the share if there is room."""
        while offer.busy < offer.at_once and offer.waiting:
            run = offer.waiting.pop(0)
            offer.busy += 1
            run.since = ticks_ms()
            if run.data is None:
                run.state = _FETCHING
                size = number(run.msg, "size")
                self.fleet.pieces.fetch(run.id, run.to + "/get", size, lambda data, run=run: self.fetched(run, data))
            else:
                self.ready(run)
        if offer.busy < offer.at_once and not offer.is_joined and self.fleet.is_ready:
            self.join(offer)

    def fetched(self, run, data):
        """The data of a job is here; None: it did not come."""
        if run.is_over:
            return
        if data is None:
            self.drop(run)
        else:
            run.data = data
            self.ready(run)
            self.start(run.offer)

    def ready(self, run):
        """A job may begin, if its submitter need not agree."""
        if run.msg is not None and not run.offer.idempotent:
            run.state = _ASKED
            run.since = ticks_ms()
            self.tell(run)
        else:
            self.call(run)

    def call(self, run):
        """Call the function of a job."""
        offer = run.offer
        run.state = _BEGUN
        run.since = ticks_ms()
        mgr = self.fleet.mqtt.mgr
        try:
            data = loads(run.data) if run.is_json else run.data
            if not offer.worker:
                result = offer.fn(data)
        except Exception as er:
            mgr.report(er)
            return self.done(run, None, er)
        if not offer.worker:
            return self.done(run, result, None)
        workers = mgr.workers()
        run.limit = ticks_add(run.since, offer.timeout_ms or workers.job_ms)

        def work(data):  # (in a thread)
            return None if run.is_over else offer.fn(data)

        try:  # The pool must not give it up before its function returns: until then it is one of `at_once`.
            workers.submit(work, data, on_done=lambda result, er: self.worked(run, result, er), timeout_ms=_FOREVER_MS)
        except OSError:  # others have filled the pool
            offer.busy -= 1
            self.turn_away(run)
            return
        if offer.is_long and offer.is_joined and offer.busy >= offer.at_once:
            self.leave(offer)

    def worked(self, run, result, er):
        """A worker has done a job, or its time is over. The board is in the share again before its submitter can send the next one."""
        offer = run.offer
        offer.is_long = ticks_diff(ticks_ms(), run.since) >= _LONG_MS
        if offer.busy <= offer.at_once and not offer.is_joined and not offer.waiting and self.fleet.is_ready:
            self.join(offer)
        self.done(run, result, er)
        self.start(run.offer)

    def done(self, run, result, er):
        """The function of a job has ended."""
        run.offer.busy -= 1
        if not run.is_over:
            self.end(run, result, er)

    def end(self, run, result, er):
        """A job has ended, or its time is over."""
        self.fleet.stats["ran"] += 1
        if er is None:
            try:
                data, is_json = pack(result)
            except (TypeError, ValueError) as error:
                er = error
        if er is None:
            self.answer(run, "done", data, is_json)
        else:
            number = er.errno if isinstance(er, OSError) else 0
            data, _ = pack({"error": describe(er), "errno": number or 0})
            self.answer(run, "failed", data, True)

    # --- its answers

    def answer(self, run, kind, data=b"", is_json=False):
        """A job is over: tell its submitter."""
        run.is_over = True
        self.runs.pop(run.id)
        if run.msg is None:
            run.to(kind, data, is_json)
            return
        if kind != "refused":
            if len(data) <= _KEPT_BYTES:
                self.kept.append((run.id, kind, data, is_json))
                if len(self.kept) > _KEPT:
                    self.kept.pop(0)
            elif len(data) > PIECE:
                self.fleet.pieces.keep(run.id, data, is_json, run.due)
        self.reply(run.to, run.id, kind, data, is_json)
        run.msg.message.ack()

    def reply(self, to, id, kind, data=b"", is_json=False):
        """Publish an answer."""
        if len(data) <= PIECE:
            self.fleet.send(to + "/" + kind, id, data, is_json)
        else:
            self.fleet.send(to + "/" + kind, id, b"", is_json, user_property=[("size", str(len(data)))])

    def tell(self, run):
        """Say who has the job."""
        about = {"boot": self.fleet.boot}
        if run.state == _ASKED:
            about["waits"] = run.number
        self.fleet.send(run.to + "/taken", run.id, pack(about)[0], True)

    def answer_again(self, id, to):
        """Whether the answer to a job is kept; then it is sent again."""
        large = self.fleet.large
        for kept in self.kept + (large.results if large else []):
            if kept[0] == id:
                self.reply(to, *kept[:4])
                return True
        return False

    def turn_away(self, run):
        """There is no room for a job."""
        self.fleet.stats["turned_away"] += 1
        self.answer(run, "refused")

    def drop(self, run):
        """A job is not wanted any more."""
        self.fleet.stats["cancelled"] += 1
        run.is_over = True
        self.runs.pop(run.id)
        if run.msg is not None:
            run.msg.message.ack()
        offer = run.offer
        if run.state == _HERE:
            offer.waiting.remove(run)
        elif run.state != _BEGUN:  # (that one's function runs to its end)
            offer.busy -= 1
        self.start(offer)

    # --- orders of its submitter

    def on_ask(self, id, msg, sender):
        """Is the job here?"""
        if not is_of(id, sender):
            return
        to = msg.properties.get("response_topic", "").rpartition("/")[0]
        run = self.runs.get(id)
        if run is not None and run.msg is not None:
            self.tell(run)
        elif to and not self.answer_again(id, to):
            self.reply(to, id, "refused")

    def on_go(self, id, msg, sender):
        """A job may begin that may run only once."""
        run = self.runs.get(id)
        if run is not None and run.state == _ASKED and is_of(id, sender) and msg.payload == str(run.number).encode():
            self.call(run)
            self.start(run.offer)
        else:
            self.on_ask(id, msg, sender)

    def on_cancel(self, id, msg, sender):
        """A job is not wanted any more."""
        if is_of(id, sender):
            self.cancel(id)

    def cancel(self, id):
        """Drop a job."""
        run = self.runs.get(id)
        if run is not None:
            self.drop(run)

    def look(self, now):
        """Tell what takes long, turn away what waits, drop what has expired, leave the share of what is full."""
        for run in list(self.runs.values()):
            offer = run.offer
            age = ticks_diff(now, run.since)
            if run.is_over:
                continue
            if ticks_diff(now, run.due) >= 0:
                self.drop(run)
            elif run.limit is not None and ticks_diff(now, run.limit) >= 0:
                self.end(run, None, OSError(ETIMEDOUT))
            elif age >= _LONG_MS:
                if offer.is_joined and offer.busy >= offer.at_once:
                    self.leave(offer)
                if run.state == _HERE:
                    offer.waiting.remove(run)
                    self.turn_away(run)
                elif run.state == _ASKED and age >= _ASK_MS:
                    run.since = now
                    self.tell(run)
                elif run.state == _BEGUN and not run.is_told:
                    run.is_told = True
                    if run.msg is not None:
                        self.tell(run)
        wait = None
        for run in self.runs.values():
            ms = max(1, ticks_diff(run.due, now))
            if run.limit is not None:
                ms = min(ms, max(1, ticks_diff(run.limit, now)))
            if not run.is_told or run.offer.is_joined and run.offer.busy >= run.offer.at_once:
                ms = min(ms, _LONG_MS)
            wait = min(wait or ms, ms)
        return wait
