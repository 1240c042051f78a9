# Routes whose work a fleet does: what the client gets when the job has ended, or can't be; and what becomes of the job when it leaves.

import errno
import json
import time

from app_client import Browser
from fleetwire import NO_SUBSCRIBERS, Board
from mungo.app import App, Response, abort
from net import listening

MIN_HEAP = "448k"


class Site(Board):
    """`with Site() as site`: an App on the manager of a board, with routes that have the fleet do the work."""

    def __init__(self, timeout_ms=None, **options):
        super().__init__(**options)
        self.ended = []  # (path, its error) of requests that are over
        app = self.app = App()
        app.post("/double", fleet="job", timeout_ms=timeout_ms)(lambda req: req.json)
        app.get("/not", fleet="job")(lambda req: abort(403, "no\n"))
        app.get("/response", fleet="job")(lambda req: Response("at once\n"))
        app.get("/set", fleet="job")(lambda req: {1, 2})
        app.get("/large", fleet="job")(lambda req: bytes(65537))
        app.teardown_request(lambda req, er: self.ended.append((req.path, er)))
        _, port = listening(lambda url: app.attach(self.mgr, url))
        self.join()
        self.browser = Browser(self.mgr, port)

    def __exit__(self, *exc):
        self.browser.close()
        super().__exit__(*exc)

    def ask(self, data=1):
        """Ask for a job: its (payload, id)."""
        self.browser.send("/double", "POST", "Content-Type: application/json\r\n", json.dumps(data).encode())
        _, payload, properties = self.wait_said("job")
        return payload, properties["correlation_data"]

    def status(self):
        answer = self.browser.answer()
        return answer.status, answer.field("retry-after")


def test_what_the_handler_returns_is_the_jobs_data_and_its_result_the_answer():
    with Site() as site:
        payload, id = site.ask([1, 2])
        assert json.loads(payload) == [1, 2] and not site.browser.client.got
        site.bring("done", id, {"is": "it"}, sender="w")
        answer = site.browser.answer()
        assert answer.status == 200 and json.loads(answer.body) == {"is": "it"}
        _, id = site.ask()
        site.bring("done", id, b"\0\xff", sender="w")
        assert site.browser.answer().body == b"\0\xff"
        assert site.ended == [("/double", None)] * 2


def test_a_response_or_an_error_of_the_handler_is_the_answer_and_no_job():
    with Site() as site:
        assert site.browser.ask("/not").status == 403
        assert site.browser.ask("/response").body == b"at once\n"
        assert site.browser.ask("/set").status == site.browser.ask("/large").status == 500
        assert not site.said() and not site.stats


def test_504_at_the_deadline():
    with Site(timeout_ms=80) as site:
        site.ask()
        assert site.status() == (504, None)
        assert site.stats == {"submitted": 1, "errors": 1} and not site.fleet.submitter.jobs


def test_500_when_the_job_has_raised():
    with Site() as site:
        _, id = site.ask()
        site.bring("failed", id, {"error": "ValueError('no picture',)", "errno": 0}, sender="w")
        answer = site.browser.answer()
        assert answer.status == 500 and b"picture" not in answer.body
        _, id = site.ask()
        site.bring("failed", id, {"error": "OSError(2,)", "errno": errno.ENOENT}, sender="w")
        assert site.status() == (500, None)


def test_503_when_the_fleet_is_full_does_no_such_jobs_has_lost_one_or_is_away():
    with Site(queue=1, offline="fail") as site:
        _, id = site.ask()
        site.taken(id, "w", waits=1)
        site.present("w", "11111111", gone=True)  # with a job that may run only once
        assert site.status() == (503, "1") and site.stats["errors"] == 1
        site.fleet.presence.since = time.ticks_add(time.ticks_ms(), -5000)
        site.ask()
        site.accepted(NO_SUBSCRIBERS)
        assert site.status() == (503, "1")
        site.submit(1)  # the queue has room for one
        site.browser.send("/double", "POST", "Content-Type: application/json\r\n", b"1")
        assert site.status() == (503, "1") and site.stats["refused"] == 1
        site.lose()
        site.browser.send("/double", "POST", "Content-Type: application/json\r\n", b"1")
        assert site.status() == (503, "1") and site.stats["refused"] == 2
        site.fleet.stop()
        site.browser.send("/double", "POST", "Content-Type: application/json\r\n", b"1")
        assert site.status() == (503, "1") and site.stats["refused"] == 3


def test_a_client_that_leaves_cancels_its_job_and_the_teardown_hooks_run():
    with Site() as site:
        _, id = site.ask()
        site.accepted()
        site.taken(id)
        site.browser.close()
        topic, _, properties = site.wait_said("cancel")
        assert topic == "s/board/w/cancel/b" and properties["correlation_data"] == id
        ((path, er),) = site.ended
        assert path == "/double" and isinstance(er, OSError) and site.stats == {"submitted": 1, "errors": 1}
        assert not site.fleet.submitter.jobs and not site.fleet.submitter.clients
