# The dashboard and slow things: metrics that block, actions with progress, controls that are set in a worker. Nothing here measures time:
# a gate holds a worker for as long as the test wants.

import _thread
from array import array  # noqa: F401  (a worker's first import would be one of the loop's)
from errno import ETIMEDOUT

from dashing import Page, Place
from raising import refused
from waiting import until

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "448k"


class Gate:
    """A function that waits until `open` was called, and counts how often it was entered, and how many were inside at most."""

    def __init__(self, result=None):
        self.result = result
        self.entered = 0
        self.inside = 0
        self.most = 0
        self.lock = _thread.allocate_lock()
        self.door = _thread.allocate_lock()
        self.door.acquire()

    def __call__(self, *args):
        with self.lock:
            self.entered += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.door.acquire()
        self.door.release()
        with self.lock:
            self.inside -= 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def open(self):
        self.door.release()


def one_worker(dash):
    """A client of this dashboard whose pool has one thread, as on RP2."""
    dash.app.pool_limits["n"] = 1
    return dash.app.test_client()


def time_out(client, n):
    """The deadline of the n-th job of the pool has passed."""
    client.mgr.pool.abandon(client.mgr.pool.jobs[n], ETIMEDOUT, "timeouts")


def test_a_switch_answers_while_the_only_worker_is_held_by_a_metric_and_an_action_waits():
    with Place() as place:
        dash = place.dash()
        gate = Gate(20.5)
        dash.metric("Slow", worker=True, every_ms=100)(gate)
        ran = []
        dash.action("Water now", worker=True)(lambda job: ran.append(job))
        dash.switch("Lamp")
        with one_worker(dash) as client:
            page = Page(client)
            until(lambda: gate.entered == 1, client.mgr)
            assert page.tell(id="water_now", run={}) == {"re": 1}
            for n in range(20):  # all of them while the worker is held
                assert page.tell(id="lamp", value=n % 2 == 0) == {"re": n + 2}
                page.wait("lamp", value=n % 2 == 0)
            assert page.widgets["water_now"]["progress"] == 0 and not ran
            assert page.widgets["slow"]["value"] is None and gate.entered == 1
            gate.open()
            page.wait("slow", value=20.5)
            until(lambda: ran, client.mgr)


def test_a_metric_is_never_read_twice_at_once():
    with Place() as place:
        dash = place.dash()
        gate = Gate(1)
        slow = dash.metric("Slow", worker=True, every_ms=100)(gate)
        with dash.app.test_client() as client:
            until(lambda: gate.entered == 1, client.mgr)
            for _ in range(5):
                slow.tick()  # it is due, and due again
            client.turn(0)
            assert gate.most == 1 and gate.entered == 1
            gate.open()
            until(lambda: slow.value == 1, client.mgr)
            until(lambda: gate.entered > 2, client.mgr)
            assert gate.most == 1


def test_a_metric_beyond_its_deadline_is_not_read_again_until_it_has_returned():
    with Place() as place:
        dash = place.dash()
        gate = Gate(7)
        slow = dash.metric("Slow", worker=True, every_ms=100)(gate)
        with dash.app.test_client() as client:
            until(lambda: gate.entered == 1, client.mgr)
            time_out(client, 0)
            assert slow.error == "TooLong: no result in time"
            for _ in range(5):
                slow.tick()
                client.turn(0)
            assert gate.entered == 1 and slow.value is None
            gate.open()
            until(lambda: slow.value == 7, client.mgr)  # a later read
            assert slow.error is None and gate.most == 1


def test_a_metric_whose_job_never_runs_is_read_later():
    with Place() as place:
        dash = place.dash()
        gate = Gate()
        n = []
        slow = dash.metric("Slow", worker=True, every_ms=100)(lambda: n.append(0) or len(n))
        dash.app.pool_limits["n"] = 1
        with dash.app.test_client() as client:
            pool = client.mgr.pool or client.mgr.workers(n=1)
            until(lambda: slow.value == 1, client.mgr)
            pool.submit(gate)
            until(lambda: gate.entered == 1, client.mgr)
            until(lambda: slow.once.state == 1, client.mgr)  # it waits for the worker
            time_out(client, 1)
            assert slow.once.state == 0 and slow.error
            gate.open()
            until(lambda: slow.value > 1 and slow.error is None, client.mgr)


def test_a_call_that_the_pool_does_not_take_is_over():
    with Place() as place:
        dash = place.dash()
        action = dash.action("Work", worker=True)(lambda job: "done")
        with dash.app.test_client() as client:
            page = Page(client)
            refused(action.once.start, print, print, (), timeout_ms=-1)
            assert action.once.state == 0
            gates = [Gate() for _ in range(30)]
            pool = client.mgr.workers() if client.mgr.pool is None else client.mgr.pool
            taken = 0
            try:
                for gate in gates:
                    pool.submit(gate)
                    taken += 1
            except OSError:  # it is full
                pass
            assert 0 < taken < 30
            assert page.tell(id="work", run={})["status"] == 503
            for gate in gates:
                gate.open()
            until(lambda: not pool.under_way, client.mgr)
            assert page.tell(id="work", run={}) == {"re": page.re}
            page.wait("work", value="done", progress=None)


def test_a_read_that_fails_is_an_error_and_the_last_value_stays():
    with Place() as place:
        dash = place.dash()
        what = [21.5]

        def read():
            if isinstance(what[0], Exception):
                raise what[0]
            return what[0]

        dash.metric("Loop", every_ms=100, history=5)(read)
        dash.metric("Worker", every_ms=100, worker=True)(read)
        with dash.app.test_client() as client:
            page = Page(client)
            for id in ("loop", "worker"):
                page.wait(id, value=21.5)
            for wrong in (OSError(5), ValueError("no sensor"), float("nan"), float("-inf"), {}, b"x"):
                what[0] = wrong
                for id in ("loop", "worker"):
                    while "error" not in page.widgets[id]:
                        page.read()
                    assert page.widgets[id]["value"] == 21.5, (id, wrong)
                what[0] = 21.5
                for id in ("loop", "worker"):
                    page.wait(id, error=None)
            assert client.mgr.stats["bugs"] == 0
            assert None in client.get("/api/history/loop").json["history"]


def test_a_history_has_its_size_and_its_order():
    from mungo.dash.metric import History

    history = History(4)
    assert history.values(None) == []
    for n in range(7):
        history.add(None if n == 5 else n)
    assert history.values(None) == [3.0, 4.0, None, 6.0]
    history.add(0.1)
    assert history.values(1) == [4.0, None, 6.0, 0.1] == history.values(None)
    assert len(history.ring) == 4


def test_an_action_has_progress_and_a_result():
    with Place() as place:
        dash = place.dash()
        gate = Gate()

        def water(job):
            for n in range(0, 101, 10):
                job.progress(n)
            gate()
            job.progress(1000)
            return "done"

        dash.action("Water now", worker=True, confirm=True)(water)
        with dash.app.test_client() as client:
            page = Page(client)
            assert page.widgets["water_now"]["confirm"] is True and "progress" not in page.widgets["water_now"]
            assert page.tell(id="water_now", run={}) == {"re": 1}
            page.wait("water_now", progress=100)
            answer = page.tell(id="water_now", run={})
            assert (answer["status"], answer["error"]) == (409, "water_now runs already")
            assert client.post("/api/actions/water_now").status == 409
            assert client.delete("/api/actions/water_now").status == 409  # it has no cancel
            gate.open()
            page.wait("water_now", progress=None, value="done")
            assert client.post("/api/actions/water_now", json={}).status == 202
            page.settle()


def test_an_action_that_fails_or_is_cancelled_says_so():
    with Place() as place:
        dash = place.dash()
        gate = Gate()

        def work(job):
            if not job.values["ok"]:
                raise ValueError("no water")
            gate()
            job.progress(50)

        dash.action("Work", worker=True, cancel=True, fields=[dash.field("ok", True)])(work)
        dash.action("Quick")(lambda job: 1 / 0)
        with dash.app.test_client() as client:
            page = Page(client)
            page.tell(id="work", run={"ok": False})
            page.wait("work", error="ValueError: no water")
            assert page.tell(id="quick", run={})["re"] == page.re
            page.settle()
            assert page.widgets["quick"]["error"].startswith("ZeroDivisionError")
            assert client.delete("/api/actions/work").status == 409  # it does not run
            page.tell(id="work", run={})
            until(lambda: gate.entered, client.mgr)
            assert page.tell(id="work", cancel=True) == {"re": page.re}
            gate.open()
            page.wait("work", error="cancelled", progress=None)
            assert client.mgr.stats["workers"]["failed"] == 0


def test_an_action_that_waits_for_a_worker_can_be_cancelled():
    with Place() as place:
        dash = place.dash()
        gate = Gate()
        ran = []
        dash.action("Hold", worker=True)(gate)
        dash.action("Work", worker=True, cancel=True)(ran.append)
        with one_worker(dash) as client:
            page = Page(client)
            page.tell(id="hold", run={})
            until(lambda: gate.entered, client.mgr)
            page.tell(id="work", run={})
            page.tell(id="work", cancel=True)
            page.wait("work", progress=None)
            assert page.widgets["work"]["error"]
            gate.open()
            page.wait("hold", progress=None)
            assert not ran
            page.tell(id="work", run={})
            until(lambda: ran, client.mgr)


def test_an_action_beyond_its_time_ends_at_its_next_progress():
    with Place() as place:
        dash = place.dash()
        gate = Gate()
        ends = []

        def work(job):
            gate()
            try:
                job.progress(50)
            except Exception as er:
                ends.append(type(er).__name__)
                raise

        dash.action("Work", worker=True)(work)
        with dash.app.test_client() as client:
            page = Page(client)
            page.tell(id="work", run={})
            until(lambda: gate.entered, client.mgr)
            time_out(client, 0)
            page.wait("work", error="TooLong: no result in time", progress=None)
            assert page.tell(id="work", run={})["status"] == 409  # the worker is still at it
            gate.open()
            until(lambda: ends, client.mgr)
            assert ends == ["Cancelled"]
            page.settle()
            assert page.widgets["work"].get("progress") is None


def test_fields_of_an_action_are_checked():
    with Place() as place:
        dash = place.dash()
        got = []
        fields = [
            dash.field("minutes", 5, min=1, max=60),
            dash.field("mode", "eco", options=["eco", "fast"]),
            dash.field("key", "", kind="password", length=8),
        ]
        dash.action("Water", fields=fields)(lambda job: got.append(job.values))
        with dash.app.test_client() as client:
            page = Page(client)
            assert [one["kind"] for one in page.widgets["water"]["fields"]] == ["number", "choice", "password"]
            for wrong in ({"minutes": 0}, {"minutes": "5"}, {"mode": "x"}, {"key": "x" * 9}, {"other": 1}, [], 5, None, {"key": None}):
                assert page.tell(id="water", run=wrong)["status"] == 422, wrong
                if wrong is not None:
                    assert client.post("/api/actions/water", json=wrong).status == 422, wrong
            assert not got
            assert page.tell(id="water", run={"minutes": 60, "key": "secret"}) == {"re": page.re}
            assert got == [{"minutes": 60, "mode": "eco", "key": "secret"}]
            assert "secret" not in client.get("/api/state").text


def test_a_control_may_be_set_in_a_worker():
    with Place() as place:
        dash = place.dash()
        gate = Gate()
        valve = dash.switch("Valve", set=gate, worker=True)
        broken = dash.switch("Broken", set=Gate(OSError(5)), worker=True)
        dash.switch("Lost", set=lambda value: 1 / 0)
        with dash.app.test_client() as client:
            page = Page(client)
            assert page.tell(id="valve", value=True) == {"re": 1}
            assert page.tell(id="valve", value=False)["status"] == 409
            assert valve.value is False  # not yet
            gate.open()
            page.wait("valve", value=True)
            page.tell(id="broken", value=True)
            broken.set.open()
            until(lambda: broken.error, client.mgr)
            assert broken.value is False and broken.error.startswith("OSError")
            assert client.put("/api/values/lost", json={"value": True}).status == 503
            assert dash.by_id["lost"].value is False and dash.by_id["lost"].error


def test_a_control_is_read_but_not_while_a_worker_sets_it():
    with Place() as place:
        dash = place.dash()
        gate = Gate()
        is_on = [False]
        reads = {"valve": 0, "lamp": 0}

        def read(name):
            reads[name] += 1
            return is_on[0]

        valve = dash.switch("Valve", get=lambda: read("valve"), set=gate, worker=True)
        dash.switch("Lamp", get=lambda: read("lamp"))
        with dash.app.test_client() as client:
            is_on[0] = True
            until(lambda: valve.value, client.mgr)
            page = Page(client)
            assert page.tell(id="valve", value=False) == {"re": 1}
            before = dict(reads)
            until(lambda: reads["lamp"] == before["lamp"] + 3, client.mgr)
            assert reads["valve"] == before["valve"]
            is_on[0] = False
            gate.open()
            until(lambda: not valve.value, client.mgr)
            before = dict(reads)
            until(lambda: reads["valve"] > before["valve"], client.mgr)


def test_progress_counts_the_time_of_an_action_anew():
    with Place() as place:
        dash = place.dash()
        first, second = Gate(), Gate()

        def work(job):
            first()
            job.progress(10)
            second()

        action = dash.action("Work", worker=True, timeout_ms=60000)(work)
        with dash.app.test_client() as client:
            page = Page(client)
            page.tell(id="work", run={})
            job = action.job.in_pool
            job.due = 1
            first.open()
            page.wait("work", progress=10)
            assert job.due != 1
            second.open()
            page.wait("work", progress=None)
