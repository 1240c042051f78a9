# What is too large for one message is fetched by its receiver, piece by piece: each `get` is answered by a `piece`. Loads when it is used.
from time import ticks_diff, ticks_ms

from .messages import DATA_LIMIT, PIECE, is_of, number

_REPEAT_MS = const(1000)  # until a `get` is repeated,
_TIMES = const(10)  # and so often
_RESULTS_KEPT = const(4)  # results that are kept for their submitters


class Fetch:
    """Data on its way to this board. `done(data)`, with None if it does not come."""

    asked = 0  # (ticks_ms)
    times = 0

    def __init__(self, topic, size, done):
        self.topic = topic
        self.size = size
        self.done = done
        self.data = bytearray()


class Pieces:
    """The large data of a Fleet's board, in both directions."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.fetches = {}  # by the job's id
        self.results = []  # (id, "done", data, is_json, due), for their submitters
        fleet.handlers["get"] = self.on_get
        fleet.handlers["piece"] = self.on_piece

    def fetch(self, id, topic, size, done):
        """Fetch `size` bytes of the job `id` from the board with the topic .../get."""
        if id in self.fetches:
            return  # (another answer to the same job)
        if not 0 <= size <= DATA_LIMIT:
            done(None)
            return
        self.fetches[id] = fetch = Fetch(topic, size, done)
        self.get(id, fetch)

    def get(self, id, fetch):
        """Ask for the next piece."""
        fetch.asked = ticks_ms()
        where = self.fleet.inbox + "piece"
        self.fleet.send(fetch.topic, id, response_topic=where, user_property=[("at", str(len(fetch.data)))])
        self.fleet.soon(_REPEAT_MS)

    def on_piece(self, id, msg, sender):
        """A piece has come."""
        fetch = self.fetches.get(id)
        if fetch is None or number(msg, "at") != len(fetch.data) or fetch.topic.split("/")[-2] != sender:
            return  # it came twice, or from who was not asked
        fetch.data.extend(msg.payload)
        fetch.times = 0
        if len(fetch.data) < fetch.size and msg.payload:
            self.get(id, fetch)
        else:
            self.fetches.pop(id)
            fetch.done(bytes(fetch.data) if len(fetch.data) == fetch.size else None)

    def on_get(self, id, msg, sender):
        """Another board asks for a piece: of a job's data, or of a result. If that is not here, the piece is empty."""
        at = number(msg, "at")
        data = None
        for kept in self.results if is_of(id, sender) else ():
            if kept[0] == id:
                data = kept[2]
        if data is None:  # (a board may do its own job: it has fetched the data before there is a result)
            data = b""
            submitter = self.fleet.submitter
            job = submitter and submitter.jobs.get(id)
            if job and (job.board is None or job.board == sender):
                data = job.data
                job.heard = ticks_ms()
        to = msg.properties.get("response_topic")
        if to and at >= 0:
            self.fleet.send(to, id, data[at : at + PIECE], user_property=[("at", str(at))])

    def keep(self, id, data, is_json, due):
        """Keep a result until its deadline, or until there are newer ones."""
        self.results.append((id, "done", data, is_json, due))
        if len(self.results) > _RESULTS_KEPT:
            self.results.pop(0)
        self.fleet.soon(_REPEAT_MS)

    def begin(self):
        """As the other parts."""

    def lost(self):
        """As the other parts."""

    def stop(self):
        """As the other parts."""

    def look(self, now):
        """Repeat what was not answered, and forget what nobody needs."""
        self.results = [kept for kept in self.results if ticks_diff(kept[4], now) > 0]
        for id, fetch in list(self.fetches.items()):
            if ticks_diff(now, fetch.asked) < _REPEAT_MS:
                continue
            fetch.times += 1
            if fetch.times > _TIMES:
                self.fetches.pop(id)
                fetch.done(None)
            else:
                self.get(id, fetch)
        return _REPEAT_MS if self.fetches or self.results else None
