# A rolling update, as the one who rolls it out sees it: boards are made of their states here. ../test_rollout.py has real ones.

import sys
from errno import EAGAIN

from mungo.fleet.rollout import Rollout
from mungo.fleet.submitter import JobFailed

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "512k"

rollout = sys.modules["mungo.fleet.rollout"]


class Board:
    """`way`: what it does with the update: "good", or how that fails."""

    def __init__(self, way="good", version=1):
        self.way = way
        self.state = {"version": version, "trial": False, "next": 0, "step": "", "error": "an old one"}
        self.away = 0  # so many questions get no answer
        self.then = []  # what it does at the next questions
        self.urls = self.restarts = 0

    def order(self, order):
        """What it answers: (state, None), or (None, exception)."""
        if self.away:
            self.away -= 1
            return None, OSError(EAGAIN)
        if self.then:
            self.state.update(self.then.pop(0))
        if "url" in order:
            self.urls += 1
            if self.way == "unknown":
                return None, JobFailed("ValueError: url")
            self.state.update({"error": "", "step": "connect"})
            self.then = {
                "refused": [{"step": "write"}, {"step": "", "error": "it is for another board"}],
                "reset": [{"step": "write"}, {"step": ""}],
                "other": [{"step": "", "next": 9}, {"next": 9}],
            }.get(self.way, [{"step": "write"}, {"step": "", "next": 2}])
            if self.way == "reset" and self.urls == 2:
                self.way = "good"
                self.then = [{"step": "", "next": 2}]
        elif "restart" in order:
            self.restarts += 1
            if self.way == "lost" and self.restarts == 1:
                return None, OSError(EAGAIN)  # the order has not come
            told = dict(self.state)
            self.away = 1000 if self.way == "gone" else 3
            self.state.update({"next": 0, "version": 2, "trial": True})
            self.then = [{}, {"trial": False}]
            if self.way == "crash":
                self.then = [{"version": 1, "trial": False, "error": "Version 2 did not start well"}]
            return told, None
        return dict(self.state), None


class Fleet:
    """In the place of a Fleet, its client, its manager and a timer. `log`: what the Rollout tells; `most`: how many were at it at once."""

    name = "me"
    queue_is_full = False

    def __init__(self, known, **options):
        self.known = known
        self.boards = {name: {"jobs": {"update-" + name: [1, 0]}} for name in known}
        self.boards["me"] = {"jobs": {"update-me": [1, 0]}}
        self.boards["other"] = {"jobs": {"analyse": [1, 0]}}
        self.mqtt = self.mgr = self
        self.now = 0
        self.fn = None
        self.log = []
        self.ended = []
        self.watched = False
        self.most = 0
        rollout.ticks_ms = lambda: self.now
        self.it = Rollout(self, "http://x/2.bundle", 2, on_change=self.told, on_done=self.ended.append, **options)

    def watch(self):
        self.watched = True

    def timer(self, ms, fn, arg=None, repeat=False):
        self.ms = ms
        self.fn = fn
        return self

    def cancel(self):
        self.fn = None

    def told(self, name, text):
        self.log.append((name, text))

    def submit(self, name, order, on_done, timeout_ms):
        assert name[:7] == "update-"
        if self.queue_is_full:
            raise OSError(EAGAIN)
        self.answers.append((self.known[name[7:]], order, on_done))

    def run(self):
        """Let time pass until it is over: {name: state}."""
        for _ in range(2000):
            if self.fn is None:
                break
            self.answers = []
            self.now += self.ms
            self.fn(None)
            self.most = max(self.most, len(self.it.active))
            for board, order, on_done in self.answers:
                on_done(*board.order(order))
        assert self.ended == [self.it] and self.it.is_over and self.watched
        return self.it.states


def way(fleet, name):
    return [text for one, text in fleet.log if one == name]


def test_the_first_board_alone_then_a_few_at_a_time():
    boards = {name: Board() for name in "edcba"}
    fleet = Fleet(boards, at_once=3)
    assert fleet.run() == dict.fromkeys("abcde", "kept")
    assert way(fleet, "a") == ["fetches", "restarts", "on trial", "kept"]
    assert [one for one in fleet.log if one[0] == "a"] == fleet.log[:4] and fleet.most == 3
    assert {(board.urls, board.restarts) for board in boards.values()} == {(1, 1)}
    assert fleet.it.kept == 5 and fleet.it.failed == 0


def test_a_board_that_another_rollout_has_begun_goes_on_where_it_is():
    board = Board()
    board.state["step"] = "write"
    board.then = [{}, {"step": "", "next": 2}]
    fleet = Fleet({"a": board})
    assert fleet.run() == {"a": "kept"}
    assert way(fleet, "a") == ["fetches", "restarts", "on trial", "kept"] and board.urls == 0


def test_a_board_fetches_from_the_order_on():
    fleet = Fleet({"a": Board("unknown")})
    fleet.run()
    (first, last) = way(fleet, "a")
    assert first == "fetches" and last.startswith("failed: ")


def test_no_further_board_begins_after_failures():
    for failures, bad in ((1, "b"), (2, "bc"), (1, "bc")):
        boards = {name: Board("crash" if name in bad else "good") for name in "abcde"}
        states = Fleet(boards, failures=failures).run()
        assert [name for name in "abc" if states[name] == "kept"] == [name for name in "abc" if name not in bad]
        assert [name for name in "abc" if states[name] == "failed: Version 2 did not start well"] == list(bad)
        assert states["d"] == states["e"] == "waits" and not boards["d"].urls and not boards["e"].urls
    states = Fleet({name: Board("crash" if name == "b" else "good") for name in "abcde"}, failures=2).run()
    assert states["b"] != "kept" and [states[name] for name in "acde"] == ["kept"] * 4
    states = Fleet({name: Board("refused") for name in "ab"}).run()
    assert states == {"a": "failed: it is for another board", "b": "waits"}


def test_what_each_failure_is_called():
    for kind, word in (
        ("refused", "it is for another board"),
        ("crash", "did not start well"),
        ("unknown", "ValueError: url"),
        ("other", "another version"),
        ("gone", "no news after 'restarts'"),
    ):
        states = Fleet({"a": Board(kind)}, timeout_ms=60000).run()
        assert states["a"].startswith("failed: ") and word in states["a"], states


def test_what_is_lost_on_the_way_is_asked_for_again():
    lost = Board("lost")
    assert Fleet({"a": lost}).run() == {"a": "kept"} and lost.restarts == 2
    reset = Board("reset")  # while it fetches
    assert Fleet({"a": reset}).run() == {"a": "kept"} and reset.urls == 2
    full = Fleet({"a": Board()})
    full.queue_is_full = True
    for _ in range(5):
        full.fn(None)
    full.queue_is_full = False
    assert full.run() == {"a": "kept"}


def test_a_second_rollout_goes_on_where_the_first_one_was():
    boards = {"a": Board(version=2), "b": Board(), "c": Board()}
    boards["b"].state["next"] = 2  # it is installed
    boards["c"].state.update({"version": 2, "trial": True})
    boards["c"].then = [{}, {"trial": False}]
    fleet = Fleet(boards)
    assert fleet.run() == dict.fromkeys("abc", "kept")
    assert [(boards[name].urls, boards[name].restarts) for name in "abc"] == [(0, 0), (0, 1), (0, 0)]


def test_boards_that_are_named_and_none_at_all():
    fleet = Fleet({"a": Board(), "b": Board()}, boards=["b"])
    assert fleet.run() == {"b": "kept"}
    assert Fleet({}).run() == {}


def test_the_page_of_a_fleet():
    from dashing import Page, Place

    class Shown:
        name = "me"
        watched = False
        boards = {}

        def watch(self):
            self.watched = True

    fleet = Shown()
    fleet.boards = {
        "barn": {"jobs": {"analyse": [2, 1], "update-barn": [1, 0]}, "mungo": "1.2", "app": "7", "signal": -60},
        "<b>": {},
    }
    with Place() as place:
        dash = place.dash()
        dash.fleet(fleet)
        dash.switch("Lamp")
        assert fleet.watched
        with dash.app.test_client() as client:
            page = Page(client)
            page.wait("boards", value=2)
            assert page.widgets["the_fleet"]["page"] == "Fleet" and page.widgets["lamp"]["page"] == ""
            want = [["<b>", "", None, None, None, None], ["barn", "analyse 1 of 2", "7", "1.2", -60, None]]
            assert page.tell(id="the_fleet", get="rows")["rows"] == want
            seen = page.widgets["the_fleet"]["value"]
            del fleet.boards["<b>"]
            page.wait("boards", value=1)
            page.settle()
            assert page.widgets["the_fleet"]["value"] > seen
            assert page.tell(id="the_fleet", get="rows")["total"] == 1
            for wrong in ({"version": 0}, {"version": "2"}, {"url": "x" * 201}, {"boards": []}):
                assert page.tell(id="update_the_boards", run=wrong)["status"] == 422
            # The update itself.
            it = Fleet({"a": Board(), "b": Board("crash")})
            fleet.boards = it.boards
            fleet.mqtt = fleet.mgr = it
            fleet.submit = it.submit
            assert page.tell(id="update_the_boards", run={"url": "http://x/2.bundle", "version": 2}) == {"re": page.re}
            assert page.tell(id="update_the_boards", run={"url": "http://x/2.bundle", "version": 2}) == {"re": page.re}
            page.settle()
            assert "under way" in page.widgets["update_the_boards"]["error"]
            while it.fn is not None:
                it.answers = []
                it.now += it.ms
                it.fn(None)
                for board, order, on_done in it.answers:
                    on_done(*board.order(order))
            rows = {}
            while "a" not in rows or rows["b"][5] in (None, "waits"):
                page.read()
                rows = {row[0]: row for row in page.tell(id="the_fleet", get="rows")["rows"]}
            assert rows["a"][5] == "kept" and rows["b"][5] == "failed: Version 2 did not start well", rows
            assert client.mgr.stats["bugs"] == 0
