# Presence: a retained message in which each board says what it does, with a will. A name belongs to one board: before it is
# used, the board claims it, and another one that has it answers.
import sys
from time import ticks_diff, ticks_ms

from ..http.json_writer import dumps
from .messages import is_name, read

_CLAIM_MS = const(1000)  # to answer a claim
_CHANGE_MS = const(5000)  # from one publication to the next
_BEAT_MS = const(30000)
_EXPIRY_S = const(90)  # three beats
_MOST = const(128)  # boards that are known


class Presence:
    """The presence of a Fleet's board, and those of others that it knows."""

    is_known = False  # the name is ours
    is_refused = False
    is_watching = False  # all that the others say is kept, for the program; else what `submit` needs
    subscription: "Any" = None  # noqa: F821  # pyright: ignore
    claimed = 0  # (ticks_ms) when the name was claimed,
    said = 0  # the presence was published,
    since = 0  # and the others' were asked for

    def __init__(self, fleet):
        self.fleet = fleet
        self.topic = "%s/present/%s" % (fleet.site, fleet.name)
        self.started = ticks_ms()
        self.state = None  # what was published last
        self.others = {}  # {name: (the names of its jobs, or the payload if a program is watching; ticks_ms when it came)}
        fleet.mqtt.on(self.topic)(self.on_own)

    def message(self, **more):
        """A presence as JSON."""
        return dumps(dict(more, name=self.fleet.name, boot=self.fleet.boot))

    def will(self):
        """For the client."""
        return self.topic, self.message(gone=True), 1, True, {"message_expiry_interval": _EXPIRY_S}

    def connected(self):
        """The broker has accepted the client."""
        self.since = ticks_ms()
        if self.is_known:
            self.fleet.begin()
        else:
            self.claimed = ticks_ms()
            self.fleet.mqtt.publish(self.topic, self.message(claim=True), 1)
            self.fleet.soon(_CLAIM_MS)

    def on_own(self, msg):
        """A message of this name has come: from another board if its boot is not ours. Of two boards that have the name, or that claim it,
        the one with the smaller boot keeps it; a board that has it keeps it from one that claims it."""
        about = read(msg.payload)
        boot = about.get("boot")
        if not is_name(boot) or self.is_refused or msg.retain:
            return
        if about.get("gone"):
            if self.is_known:  # the will of an earlier connection, or of a board that had the name before
                self.say()
        elif boot != self.fleet.boot:
            if self.is_known and (about.get("claim") or boot > self.fleet.boot):
                self.say()
            elif not about.get("claim") or boot < self.fleet.boot:
                self.is_refused = True
                self.is_known = False
                self.fleet.give_up("%s: another board has this name" % self.fleet.name)

    def begin(self):
        """As the other parts."""
        self.say()

    def lost(self):
        """As the other parts."""

    def stop(self):
        """Say goodbye."""
        if self.is_known:
            self.publish(self.message(gone=True))
        self.is_known = False

    def say(self):
        """Publish the presence."""
        fleet = self.fleet
        self.said = ticks_ms()
        about: dict = fleet.info() if callable(fleet.info) else fleet.info  # pyright: ignore
        about = dict(about or {})
        self.state = about["jobs"] = self.jobs()
        about["mungo"] = sys.modules["mungo"].__version__
        about["system"] = sys.platform + " " + ".".join(map(str, sys.implementation.version[:3]))
        about["up_s"] = ticks_diff(self.said, self.started) // 1000
        self.publish(self.message(**about))

    def jobs(self):
        """The jobs that this board does."""
        worker = self.fleet.worker
        return {name: [offer.at_once, offer.busy] for name, offer in worker.offers.items()} if worker else {}

    def publish(self, payload):
        """Publish a presence, retained."""
        self.fleet.mqtt.publish(self.topic, payload, 1, True, message_expiry_interval=_EXPIRY_S)

    def look(self, now):
        """As the other parts."""
        if self.is_known:
            age = ticks_diff(now, self.said)
            if self.fleet.mqtt.is_connected and (age >= _BEAT_MS or age >= _CHANGE_MS and self.state != self.jobs()):
                self.say()
        elif self.fleet.mqtt.is_connected and not self.is_refused:
            left = _CLAIM_MS - ticks_diff(now, self.claimed)
            if left > 0:
                return left
            self.is_known = True
            self.fleet.begin()
        return _CHANGE_MS

    # --- the others

    def watch(self, is_watching=True):
        """Know the others from now on: all of their presence if `is_watching`, else what jobs they do."""
        if self.subscription is not None and (self.is_watching or not is_watching):
            return
        mqtt = self.fleet.mqtt
        self.is_watching = is_watching
        self.others = {}
        self.since = ticks_ms()
        if self.subscription is None:
            self.subscription = mqtt.subscriptions.add(self.fleet.site + "/present/<name>", self.on_other, False, None, {"qos": 0})
        else:
            mqtt.subscriptions.want(self.subscription)  # then what is retained comes again
        mqtt.pump()

    def on_other(self, msg, name):
        """The presence of some board, or of this one, has come."""
        about = read(msg.payload)
        if about.get("claim"):
            return
        boot = None if about.get("gone") else about.get("boot")
        if boot is None:
            self.others.pop(name, None)  # (if that is an old one's will, the new one says that it is there)
        elif name in self.others or len(self.others) < _MOST:
            self.others[name] = (msg.payload if self.is_watching else self.jobs_of(about)), ticks_ms()
        if self.fleet.submitter is not None:
            self.fleet.submitter.board_is(name, boot, about.get("boot"))

    def jobs_of(self, about):
        """The names of the jobs in a presence, a tuple. Boards that do the same jobs share one."""
        jobs = about.get("jobs")
        names = tuple(sorted(jobs)) if isinstance(jobs, dict) else ()
        for known, _ in self.others.values():
            if known == names:
                return known
        return names

    def boards(self):
        """{name: presence} of all that are there."""
        self.watch()
        found = {}
        now = ticks_ms()
        for name, (payload, came) in list(self.others.items()):
            if ticks_diff(now, came) < _EXPIRY_S * 1000:
                found[name] = read(payload)
            else:
                self.others.pop(name)
        return found

    def offers(self, job):
        """Whether a board does such jobs, or might: not all are known yet."""
        if ticks_diff(ticks_ms(), self.since) < _CLAIM_MS or len(self.others) >= _MOST:
            return True
        now = ticks_ms()
        for about, came in self.others.values():
            is_there = ticks_diff(now, came) < _EXPIRY_S * 1000  # (also one that the broker has forgotten: it may come back)
            if is_there and job in (self.jobs_of(read(about)) if self.is_watching else about):
                return True
        return False
