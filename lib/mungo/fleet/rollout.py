# A rolling update: the boards of a fleet take a new version, a few at a time, and no further one begins when some have failed.
#
# Each board is asked each second, by the job of update.py, and gets its next order: nothing, {"url": ..} or {"restart": true}. What it is
# at follows from its answer alone, so an order that is lost is given again, and a second Rollout goes on where another one has ended.
from time import ticks_diff, ticks_ms

from .submitter import JobFailed
from .update import PREFIX

_HEAR_MS = const(3000)  # to hear which boards are there
_ANSWER_MS = const(8000)
_TRIES = const(3)  # that a board gets to fetch the bundle


class Board:
    """A board that is being updated."""

    def __init__(self, name):
        self.name = name
        self.order = {}
        self.tries = _TRIES
        self.since = ticks_ms()
        self.is_asked = False  # an answer is due
        self.has_begun = False  # it has taken the URL: from here on its `error` is about this update


class Rollout:
    """The boards of `fleet`, which is attached, take the bundle at `url`, which is this `version`: one of them alone, then `at_once` at the
    same time. After `failures` of them have failed no further one begins; those that are at it end as they do.

    `boards`: their names; None: all others that are there and take updates, see `update.follow`. A board that does not keep the version
    within `timeout_ms` ms has failed. It is asked each `look_ms` ms.

    `states` has what each board is at: "waits", "fetches", "restarts", "on trial", "kept", "failed: ..". `on_change(name, text)` is called
    with each new one, and `on_done(rollout)` at the end, from which on `is_over` is True; boards that were not begun still wait then.
    Raises ValueError for what can't be. Loop's thread.
    """

    is_over = False

    def __init__(
        self, fleet, url, version, boards=None, at_once=2, failures=1, timeout_ms=600000, look_ms=1000, on_done=None, on_change=None
    ):
        self.fleet = fleet
        self.url = url
        self.version = version
        self.at_once = at_once
        self.failures = failures
        self.timeout_ms = timeout_ms
        self.look_ms = look_ms
        self.on_done = on_done
        self.on_change = on_change
        self.waiting = list(boards or ())
        self.states = dict.fromkeys(self.waiting, "waits")
        self.active = []
        self.failed = self.kept = 0
        fleet.watch()
        self.timer = fleet.mqtt.mgr.timer(look_ms if boards else _HEAR_MS, self.begin)

    def begin(self, _):
        """The boards are known."""
        if not self.waiting:
            known = self.fleet.boards
            self.waiting = sorted([name for name in known if PREFIX + name in known[name].get("jobs", ()) and name != self.fleet.name])
            self.states = dict.fromkeys(self.waiting, "waits")
        self.timer = self.fleet.mqtt.mgr.timer(self.look_ms, self.look, None, repeat=True)
        self.look()

    def look(self, _=None):
        """Each `look_ms`: begin with boards, ask those that are begun, and end."""
        goes_on = self.waiting and self.failed < self.failures
        while goes_on and len(self.active) < (self.at_once if self.kept else 1):
            self.active.append(Board(self.waiting.pop(0)))
            goes_on = bool(self.waiting)
        for board in self.active[:]:
            if ticks_diff(ticks_ms(), board.since) > self.timeout_ms:
                self.end(board, "failed: no news after '%s'" % self.states[board.name])
            elif not board.is_asked:
                self.ask(board)
        if not self.active and not goes_on:
            self.is_over = True
            self.timer.cancel()
            if self.on_done is not None:
                self.on_done(self)

    def ask(self, board):
        """Ask a board for its state, with an order."""
        order, board.order = board.order, {}

        def answered(state, er):
            board.is_asked = False
            if board in self.active:
                if er is None:
                    board.has_begun = board.has_begun or "url" in order
                    self.heard(board, state)
                elif isinstance(er, JobFailed) and order:
                    self.end(board, "failed: %s" % er)
                # (else it is away, as when it restarts: it is asked again)

        try:
            self.fleet.submit(PREFIX + board.name, order, answered, timeout_ms=_ANSWER_MS)
            board.is_asked = True
        except OSError:  # the queue of this board is full, or the broker is away: the next time
            board.order = order

    def heard(self, board, state):
        """A board has told its state."""
        if state["version"] == self.version:
            if state["trial"]:
                self.show(board, "on trial")
            else:
                self.end(board, "kept")
        elif state["next"] == self.version:
            board.has_begun = True
            board.order = {"restart": True}
            self.show(board, "restarts")
        elif board.has_begun and state["error"]:
            self.end(board, "failed: " + state["error"])
        elif state["step"]:
            self.show(board, "fetches")
        elif board.tries:
            board.tries -= 1
            board.order = {"url": self.url}
            self.show(board, "fetches")
        else:
            self.end(board, "failed: it does not get the bundle, or this is another version")

    def show(self, board, text):
        """This is the board's state from now on."""
        if self.states[board.name] != text:
            self.states[board.name] = text
            if self.on_change is not None:
                self.on_change(board.name, text)

    def end(self, board, text):
        """A board is done."""
        self.active.remove(board)
        if text == "kept":
            self.kept += 1
        else:
            self.failed += 1
        self.show(board, text)
