# The jobs that a board submits, each until its on_done is called.
#
#   QUEUED   it is to be sent, when the lane of its name has room
#   SENT     it is published; which board has it is not known
#   TAKEN    a board has said that it works at it
#   OWN      this board does it itself
#
# A lane has the jobs of one name. Its window says how many of them may be under way: one more with each result, and no more than there are
# when a job finds no board with room. So what the fleet can't do waits here, where it can go to any board.
from errno import EAGAIN, EIO, ENOTCONN, ETIMEDOUT
from time import ticks_add, ticks_diff, ticks_ms

from ..core.limits import check_limit
from ..http.json_reader import loads
from ..mqtt.outbox import Publication
from ..port import EPIPE
from .messages import PIECE, check_name, is_json, is_name, note, number, pack, read

_QUEUED = const(0)
_SENT = const(1)
_TAKEN = const(2)
_OWN = const(3)
_OVER = const(4)

_STEP_MS = const(50)  # deadlines are kept so exactly, and a fleet without room is tried again so often
_WINDOW = const(4)  # jobs of a name that are under way at first
_NO_SUBSCRIBERS = const(0x10)  # the reason of a PUBACK
_REMEMBERED = const(16)  # jobs that were sent again, whose second results are told from late ones


class JobFailed(Exception):
    """A job has raised an exception on its board: its text."""


class Lane:
    """The jobs of one name."""

    window = _WINDOW
    step = 1  # of the window with each result
    under_way = 0  # SENT and TAKEN
    is_full = False  # no board had room: it waits for a result, or for `look`

    def __init__(self):
        self.waiting = []  # QUEUED


class Submission:
    """A job that was submitted."""

    state = _OVER  # until it is among the jobs
    board = None  # that has it, a name,
    boot = None  # and that one's boot
    begun: "Any" = None  # it may run only once, and a board was told to begin this run of it  # noqa: F821  # pyright: ignore
    is_refused = False  # the last time no board had room
    was_sent = False  # a board has lost it: it waits for another one until its deadline
    was_own = False  # this board had no thread for it
    times = 0  # that it was sent
    message: "Any" = None  # the last Publication  # noqa: F821  # pyright: ignore
    heard = 0  # (ticks_ms) the last word of its board, or its sending
    asked = 0  # (ticks_ms) when its board was asked last

    def __init__(self, id, name, data, is_json, on_done, due, conn):
        self.id = id
        self.name = name
        self.data = data
        self.is_json = is_json
        self.on_done = on_done
        self.due = due
        self.conn = conn


class Submitter:
    """The jobs that a Fleet's board submits."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.jobs = {}  # by id
        self.lanes = {}  # by name
        self.number = 0
        self.is_pumping = False
        self.sent_again = []  # ids of jobs that are delivered
        self.clients = set()  # ids of connections whose end is noticed
        self.reply_topic = fleet.inbox + "done"
        for kind in ("taken", "done", "failed", "refused"):
            fleet.handlers[kind] = getattr(self, "on_" + kind)

    # --- what programs call

    def submit(self, name, data, on_done, timeout_ms, conn):
        """`Fleet.submit`, which see."""
        fleet = self.fleet
        check_name(name, "job")
        check_limit("timeout_ms", timeout_ms)
        data, is_json = pack(data)
        error = 0
        if conn is not None and conn.state and conn.is_closing or fleet.is_over:
            error = EPIPE
        elif len(self.jobs) >= fleet.queue:
            error = EAGAIN
        elif not fleet.waits and not fleet.is_ready and not self.has_own(name):
            error = ENOTCONN
        if error:
            fleet.stats["refused"] += 1
            raise OSError(error)
        self.number += 1
        id = ("%s/%s/%d" % (fleet.name, fleet.boot, self.number)).encode()
        job = Submission(id, name, data, is_json, on_done, ticks_add(ticks_ms(), timeout_ms), conn)
        if conn is not None and conn.id not in self.clients:
            conn.on_close(self.client_gone, conn)
            self.clients.add(conn.id)
        fleet.stats["submitted"] += 1
        self.jobs[id] = job
        if name not in self.lanes:
            self.lanes[name] = Lane()
        self.wait(job)
        if not self.has_own(name):  # (else its function would run now)
            self.pump()
        fleet.soon(0 if job.state == _QUEUED and fleet.is_ready else _STEP_MS)
        return job

    def has_own(self, name):
        """Whether this board may do such a job itself."""
        return self.fleet.local and self.fleet.worker is not None and name in self.fleet.worker.offers

    def cancel(self, job):
        """A job is not wanted any more."""
        self.end(job, OSError(EPIPE))

    def client_gone(self, conn):
        """A client has left."""
        self.clients.discard(conn.id)
        for job in list(self.jobs.values()):
            if job.conn is conn:
                self.cancel(job)

    # --- sending

    def wait(self, job, is_first=False):
        """A job is to be sent."""
        waiting = self.lanes[job.name].waiting
        job.state = _QUEUED
        waiting.insert(0 if is_first else len(waiting), job)

    def take_back(self, job):
        """A job is not under way any more."""
        lane = self.lanes[job.name]
        if job.state == _QUEUED:
            lane.waiting.remove(job)
        elif job.state != _OWN:
            lane.under_way -= 1
        return lane

    def pump(self):
        """Begin what may begin: here, if this board is idle, or by the broker."""
        if self.is_pumping:  # a job that runs in the loop has ended, and an on_done has submitted another one
            self.fleet.soon(0)
            return
        self.is_pumping = True
        try:
            for lane in list(self.lanes.values()):
                while lane.waiting and self.begin_first(lane):
                    pass
        finally:
            self.is_pumping = False

    def begin_first(self, lane):
        """Begin the first job that waits in a lane, if there is room."""
        fleet = self.fleet
        job = lane.waiting[0]
        if self.has_own(job.name) and not job.was_own:
            lane.waiting.pop(0)
            job.state = _OWN
            ms = max(1, ticks_diff(job.due, ticks_ms()))

            def to(kind, data, is_json):
                self.own(job, kind, data, is_json)

            if fleet.worker.take_own(job.name, job.id, job.data, job.is_json, ms, to):
                fleet.stats["local"] += 1
                return True
            self.wait(job, True)
        if lane.is_full or lane.under_way >= lane.window or not fleet.is_ready:
            return False
        lane.waiting.pop(0)
        lane.under_way += 1
        self.send(job)
        return True

    def send(self, job):
        """Publish a job."""
        fleet = self.fleet
        now = ticks_ms()
        properties = {
            "response_topic": self.reply_topic,
            "correlation_data": job.id,
            "message_expiry_interval": max(1, (ticks_diff(job.due, now) + 999) // 1000),
        }
        if job.is_json:
            properties["content_type"] = "application/json"
        data = job.data
        if len(data) > PIECE:
            properties["user_property"] = [("size", str(len(data)))]
            data = b""
            _ = fleet.pieces  # (loads it)
        job.state = _SENT
        job.board = None
        job.times += 1
        job.heard = now
        topic = "%s/job/%s" % (fleet.site, job.name)
        message = job.message = Publication(topic, data, 1, False, lambda error: self.published(job, message, error), properties)
        if fleet.mqtt.outbox.put(message):
            fleet.mqtt.pump()
        else:
            self.full(job)

    def published(self, job, message, error):
        """The broker has a job; or nobody has room for it, or the broker refuses it."""
        if job.state != _SENT or job.message is not message:
            return
        job.heard = ticks_ms()
        if error is not None:
            if error.errno == EIO:
                self.end(job, error)
            else:  # the outbox was full
                self.full(job)
        elif message.reason == _NO_SUBSCRIBERS:
            if job.was_sent or self.fleet.presence.offers(job.name):
                self.full(job)
            else:
                self.end(job, OSError(EAGAIN))

    def full(self, job):
        """No board has room for a job: it waits again, before the others."""
        self.fleet.stats["full"] += 1
        lane = self.take_back(job)
        job.is_refused = True
        self.wait(job, True)
        lane.is_full = True
        lane.step = 0.125
        lane.window = max(1, lane.under_way)

    def resend(self, job):
        """The board that had a job has lost it."""
        if job.begun:
            self.end(job, OSError(EIO, "%s has lost %s, which may run only once" % (job.board, job.name)))
            return
        self.fleet.stats["sent_again"] += 1
        job.was_sent = True
        self.take_back(job)
        self.wait(job, True)

    # --- what boards say

    def on_taken(self, id, msg, board):
        """A board works at a job, or wants to."""
        about = read(msg.payload)
        boot = about.get("boot")
        waits = about.get("waits")
        job = self.jobs.get(id)
        if not is_name(board) or not is_name(boot):
            return
        if job is None or job.state == _OWN or job.board is not None and (job.board, job.boot) != (board, boot):
            self.order(board, "cancel", id)
            return
        if waits and job.begun and job.begun != waits:  # it came to that board again
            self.order(board, "cancel", id)
            return
        if job.state == _QUEUED:  # it was given up too early
            self.take_back(job).under_way += 1
        job.state = _TAKEN
        job.board = board
        job.boot = boot
        job.heard = job.asked = ticks_ms()
        if waits:
            job.begun = waits
            self.order(board, "go", id, pack(waits)[0])

    def on_refused(self, id, msg, board):
        """A board has not begun a job."""
        job = self.jobs.get(id)
        if job is not None and job.state == _SENT:
            self.full(job)
        elif job is not None and job.state == _TAKEN and job.board == board:  # (another one was sent it before)
            self.resend(job)
        self.pump()

    def on_failed(self, id, msg, board):
        """A job has raised."""
        self.raised(id, read(msg.payload))

    def raised(self, id, about):
        """A job has raised: the error that `about` tells."""
        code = about.get("errno")
        text = str(about.get("error"))
        self.deliver(id, None, OSError(code, text) if code and isinstance(code, int) else JobFailed(text))

    def on_done(self, id, msg, board):
        """A result has come."""
        job = self.jobs.get(id)
        if job is not None and note(msg, "size"):
            topic = "%s/board/%s/get" % (self.fleet.site, board)
            if id in self.fleet.pieces.fetches:
                self.fleet.stats["duplicates"] += 1
            self.fleet.pieces.fetch(id, topic, number(msg, "size"), lambda data: self.fetched(job, data, is_json(msg)))
            job.heard = ticks_ms()
        else:
            self.result(id, msg.payload, is_json(msg))

    def fetched(self, job, data, is_json):
        """A large result is here; None: it did not come."""
        if data is not None:
            self.result(job.id, data, is_json)
        elif job.state == _TAKEN or job.state == _SENT:
            self.resend(job)
            self.pump()

    def result(self, id, data, is_json):
        """A job has returned."""
        try:
            self.deliver(id, loads(data) if is_json else bytes(data), None)
        except ValueError:
            self.deliver(id, None, JobFailed("its result is no JSON"))

    def deliver(self, id, result, error):
        """The first answer to a job counts."""
        job = self.jobs.get(id)
        stats = self.fleet.stats
        if job is None:
            stats["duplicates" if id in self.sent_again else "late"] += 1
            return
        stats["failed" if error else "done"] += 1
        if job.times > 1:
            self.sent_again.append(id)
            if len(self.sent_again) > _REMEMBERED:
                self.sent_again.pop(0)
        lane = self.finish(job, result, error)
        lane.window = min(lane.window + lane.step, self.fleet.queue)
        lane.is_full = False
        self.pump()

    def own(self, job, kind, data, is_json):
        """This board has answered its own job."""
        if job.state != _OWN:
            return
        if kind == "done":
            self.result(job.id, data, is_json)
        elif kind == "failed":
            self.raised(job.id, read(data))
        else:
            job.was_own = True
            self.wait(job, True)

    # --- the end of a job

    def end(self, job, error):
        """A job ends without an answer."""
        if job.state == _OVER:
            return
        self.fleet.stats["errors"] += 1
        if job.board is not None:
            self.order(job.board, "cancel", job.id)
        elif job.state == _OWN:
            self.fleet.worker.cancel(job.id)
        self.finish(job, None, error)

    def finish(self, job, result, error):
        """Call on_done. Returns the lane."""
        lane = self.take_back(job)
        job.state = _OVER
        self.jobs.pop(job.id)
        if job.on_done is not None:
            self.fleet.mqtt.call(job.on_done, result, error)
        return lane

    def order(self, board, kind, id, data=b""):
        """Tell a board what to do with a job."""
        self.fleet.send("%s/board/%s/%s" % (self.fleet.site, board, kind), id, data, response_topic=self.reply_topic)

    # --- time, and the connection

    def begin(self):
        """The board is connected again: what has happened meanwhile?"""
        now = ticks_ms()
        for job in self.jobs.values():
            job.heard = now
            if job.state == _TAKEN:
                job.asked = now
                self.order(job.board, "ask", job.id)
        for lane in self.lanes.values():
            lane.is_full = False
        self.pump()

    def lost(self):
        """The connection has ended."""

    def stop(self):
        """The fleet stops: no job has a result any more."""
        for job in list(self.jobs.values()):
            self.end(job, OSError(EPIPE))

    def board_is(self, name, boot, gone):
        """A board is there, with this boot; or, if that is None, one with the boot `gone` is not."""
        for job in list(self.jobs.values()):
            if job.board == name and job.state == _TAKEN and (job.boot != boot if boot else gone is None or job.boot == gone):
                self.resend(job)
        self.pump()

    def look(self, now):
        """Look at deadlines and leases, and try again."""
        fleet = self.fleet
        for job in list(self.jobs.values()):
            left = ticks_diff(job.due, now)
            if left <= 0:
                self.end(job, OSError(EAGAIN if job.is_refused and job.state == _QUEUED else ETIMEDOUT))
            elif job.state != _QUEUED and job.state != _OWN and fleet.is_ready:
                silent = ticks_diff(now, job.heard)
                if silent >= fleet.lease_ms:
                    self.resend(job)
                elif job.state == _TAKEN and silent >= fleet.lease_ms // 3 <= ticks_diff(now, job.asked):
                    job.asked = now
                    self.order(job.board, "ask", job.id)
        for lane in self.lanes.values():
            if lane.is_full:  # others' jobs may have ended: one more is tried
                lane.is_full = False
                lane.window = max(lane.window, lane.under_way + 1)
        self.pump()
        return _STEP_MS if self.jobs else None
