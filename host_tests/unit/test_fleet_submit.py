# A fleet's board that submits jobs: what it publishes, what it makes of what comes, and what it does when nothing comes.

import errno
import json

from fleetwire import NO_SUBSCRIBERS, Board
from mungo.core.connection import Connection
from mungo.port import EPIPE
from raising import raised, raised_errno
from waiting import until

MIN_HEAP = "320k"


def refuse_until_done(board):
    """No board has room, as often as the job is sent, until it ends."""

    def refuse():
        board.accepted(NO_SUBSCRIBERS)
        return board.done

    until(refuse, board.mgr)


def test_a_job_is_published_as_the_protocol_says_and_its_result_is_delivered_once():
    with Board() as board:
        board.join()
        board.submit({"x": [1, 2]}, timeout_ms=2000500)
        ((topic, payload, properties),) = board.said()
        assert topic == "s/job/job" and json.loads(payload) == {"x": [1, 2]}
        id = properties["correlation_data"]
        assert id.decode() == "b/%s/1" % board.fleet.boot
        assert properties["response_topic"] == "s/board/b/done" and properties["content_type"] == "application/json"
        assert properties["message_expiry_interval"] == 2001  # seconds
        board.accepted()
        assert not board.done
        board.bring("done", id, {"is": "it"})
        assert board.done == [({"is": "it"}, None)]
        board.bring("done", id, {"is": "it"})
        board.bring("failed", id, {"error": "x", "errno": 0})
        assert len(board.done) == 1 and board.stats == {"submitted": 1, "done": 1, "late": 2}
        assert not board.fleet.submitter.jobs


def test_bytes_stay_bytes():
    with Board() as board:
        board.join()
        for data in (b"\0\xff", bytearray(b"ab"), memoryview(b"cd")):
            board.submit(data)
            ((_, payload, properties),) = board.said()
            assert payload == bytes(data) and "content_type" not in properties
            board.bring("done", properties["correlation_data"], b"\xff")
        assert board.done == [(b"\xff", None)] * 3


def test_what_a_job_has_raised_is_the_error():
    from mungo.fleet import JobFailed

    with Board() as board:
        board.join()
        for about in ({"error": "ValueError('no picture',)", "errno": 0}, {"error": "OSError(2,)", "errno": 2}):
            board.submit(1)
            board.bring("failed", board.said()[0][2]["correlation_data"], about)
        (a, first), (b, second) = board.done
        assert a is b is None
        assert isinstance(first, JobFailed) and "no picture" in str(first) and second.errno == 2
        assert board.stats == {"submitted": 2, "failed": 2}


def test_what_can_not_be_submitted_is_the_callers_error():
    with Board() as board:
        for name in ("", "a/b", "+", "x" * 65, None):
            raised(ValueError, board.submit, 1, name=name)
        raised(TypeError, board.submit, {1, 2})
        raised(ValueError, board.submit, bytes(65537))
        raised(ValueError, board.submit, 1, timeout_ms=0)
        assert not board.fleet.submitter.jobs and not board.stats


def test_a_full_queue_refuses_at_once():
    with Board(queue=2) as board:
        board.join()
        board.submit(1)
        board.submit(2)
        assert raised_errno(board.submit, 3) == errno.EAGAIN
        board.bring("done", board.said()[0][2]["correlation_data"], 1)
        board.submit(3)
        assert board.stats == {"submitted": 3, "refused": 1, "done": 1}


def test_without_a_connection_jobs_wait_or_fail_as_chosen():
    with Board() as board:
        board.submit(1)
        board.join()
        until(lambda: board.kinds() == ["job"], board.mgr)
    with Board(offline="fail") as board:
        assert raised_errno(board.submit, 1) == errno.ENOTCONN
        board.join()
        board.submit(1)
        assert board.kinds() == ["job"]
        board.lose()
        assert raised_errno(board.submit, 1) == errno.ENOTCONN


def test_a_job_that_nobody_offers_fails_soon():
    with Board() as board:
        board.join()
        board.submit(1, timeout_ms=20000)
        board.accepted(NO_SUBSCRIBERS)
        assert not board.done  # the others' presence may still be coming
        board.present("w", "11111111", jobs={"other": [1, 0]}, job=1)
        refuse_until_done(board)
        assert board.done[0][1].errno == errno.EAGAIN and board.stats["errors"] == 1


def test_a_job_that_no_board_has_room_for_waits_for_a_result_or_is_tried_again():
    with Board() as board:
        board.join()
        board.present("w", "11111111", jobs={"job": [1, 1]})
        board.submit(1, timeout_ms=20000)
        board.submit(2, timeout_ms=20000)
        first, second = [properties["correlation_data"] for _, _, properties in board.said()]
        board.accepted(NO_SUBSCRIBERS, second)
        lane = board.fleet.submitter.lanes["job"]
        assert lane.window == 1 and lane.is_full and lane.under_way == 1
        board.bring("done", first, 1)
        ((_, payload, properties),) = board.said()
        assert payload == b"2" and properties["correlation_data"] == second
        board.accepted(NO_SUBSCRIBERS)
        assert board.wait_said("job")[2]["correlation_data"] == second  # by itself
        board.accepted()
        board.bring("refused", second)
        assert board.wait_said("job")[2]["correlation_data"] == second
        assert board.stats["full"] == 3 and len(board.done) == 1


def test_a_fleet_that_is_full_of_long_jobs_is_tried_again_without_a_result():
    with Board() as board:
        board.join()
        board.present("w", "11111111", jobs={"job": [1, 1]})
        board.submit(1, timeout_ms=20000)
        board.submit(2, timeout_ms=20000)
        first, second = [properties["correlation_data"] for _, _, properties in board.said()]
        board.accepted(0, first)
        board.accepted(NO_SUBSCRIBERS, second)
        for _ in range(3):
            assert board.wait_said("job")[2]["correlation_data"] == second
            board.accepted(NO_SUBSCRIBERS)
        assert board.stats["full"] == 4


def test_a_refusal_counts_from_the_board_that_has_the_job():
    with Board() as board:
        board.join()
        board.submit(1)
        id = board.said()[0][2]["correlation_data"]
        board.accepted()
        board.taken(id, "w")
        board.bring("refused", id, sender="v")  # it was sent the job before, and comes back
        assert not board.said() and board.fleet.stats["sent_again"] == 0
        board.bring("refused", id, sender="w")
        ((topic, _, properties),) = board.said()
        assert topic == "s/job/job" and properties["correlation_data"] == id and board.fleet.stats["sent_again"] == 1


def test_the_deadline_says_eagain_if_nobody_had_room_and_etimedout_else():
    with Board() as board:
        board.join()
        board.present("w", "11111111", jobs={"job": [1, 1]})
        board.submit(1, timeout_ms=300)
        board.accepted()
        until(lambda: board.done, board.mgr)
        assert board.done.pop()[1].errno == errno.ETIMEDOUT
        board.submit(2, timeout_ms=300)
        refuse_until_done(board)
        assert board.done[0][1].errno == errno.EAGAIN and board.stats["errors"] == 2


def test_a_board_that_is_gone_has_its_jobs_sent_again():
    with Board() as board:
        board.join()
        ids = []
        for n in range(4):
            board.submit(n)
            ids.append(board.said()[0][2]["correlation_data"])
        board.accepted()
        for id, name in zip(ids, ("w", "w", "v", "u")):
            board.taken(id, name)
        board.present("w", "22222222", gone=True)  # an earlier one
        assert board.kinds() == []
        board.present("w", "11111111", gone=True)
        board.present("v", "22222222", jobs={})  # it has started anew
        board.present("u", None, b"")
        assert sorted(properties["correlation_data"] for _, _, properties in board.said()) == ids
        assert board.stats["sent_again"] == 4
        board.bring("done", ids[0], 5)
        board.bring("done", ids[0], 5)
        assert board.stats["duplicates"] == 1 and "late" not in board.stats and board.done == [(5, None)]


def test_a_silent_board_is_asked_and_then_given_up():
    with Board(lease_ms=300) as board:
        board.join()
        board.submit(1)
        id = board.said()[0][2]["correlation_data"]
        board.accepted()
        board.taken(id)
        topic, _, properties = board.wait_said("ask")
        assert topic == "s/board/w/ask/b" and properties == {"correlation_data": id, "response_topic": "s/board/b/done"}
        board.taken(id)
        board.wait_said("ask")
        assert "sent_again" not in board.stats
        assert board.wait_said("job")[2]["correlation_data"] == id
        assert board.stats["sent_again"] == 1
        board.taken(id)  # it was not dead after all: its job is not taken from it
        board.taken(id, "v")
        assert board.said()[-1][0] == "s/board/v/cancel/b"
        board.bring("done", id, 1)
        assert board.done == [(1, None)]


def test_a_job_of_which_nothing_is_heard_is_sent_again():
    with Board(lease_ms=300) as board:
        board.join()
        board.submit(1)
        id = board.said()[0][2]["correlation_data"]
        board.accepted()
        assert board.wait_said("job")[2]["correlation_data"] == id
        assert board.stats["sent_again"] == 1


def test_leases_do_not_run_without_a_connection_and_boards_are_asked_after_it():
    with Board(lease_ms=200) as board:
        board.join()
        board.submit(1, timeout_ms=20000)
        board.submit(2, timeout_ms=20000)
        first, second = [one[2]["correlation_data"] for one in board.said()]
        board.accepted()
        board.taken(first)
        board.said()
        board.lose()
        later = []
        board.mgr.timer(500, later.append)
        until(lambda: later, board.mgr)
        assert "sent_again" not in board.stats
        said = board.come_back()
        assert ("s/board/w/ask/b", first) in [(one[0], one[2].get("correlation_data")) for one in said]
        assert board.wait_said("job")[2]["correlation_data"] in (first, second)


def test_a_job_that_may_run_once_begins_when_its_submitter_says_so_and_is_never_sent_again():
    with Board(lease_ms=300) as board:
        board.join()
        for n in range(2):
            board.submit(n, timeout_ms=20000)
        first, second = [one[2]["correlation_data"] for one in board.said()]
        board.accepted()
        board.taken(first, "w", waits=7)
        board.taken(second, "v", waits=True)
        assert [one[:2] for one in board.said()] == [("s/board/w/go/b", b"7"), ("s/board/v/go/b", b"true")]
        board.taken(first, "w", waits=7)  # the word was lost
        board.taken(first, "u", waits=1)  # the job has come to two boards,
        board.taken(first, "w", waits=8)  # and to one of them twice: its first run may be over
        assert [one[0] for one in board.said()] == ["s/board/w/go/b", "s/board/u/cancel/b", "s/board/w/cancel/b"]
        board.present("w", "11111111", gone=True)
        assert board.done[0][1].errno == errno.EIO
        until(lambda: len(board.done) == 2, board.mgr)  # the other one is silent
        assert board.done[1][1].errno == errno.EIO and "sent_again" not in board.stats


def test_a_client_that_leaves_and_a_cancel_end_their_jobs():
    with Board() as board:
        board.join()
        b = Connection(board.mgr, None, None, None)
        for n in range(3):
            board.submit(n, conn=b if n else None)
        ids = [one[2]["correlation_data"] for one in board.said()]
        board.accepted()
        board.taken(ids[1])
        assert b.close_callbacks is not None and len(b.close_callbacks) == 1
        b.is_closing = True
        until(lambda: len(board.done) == 2, board.mgr)
        assert [error.errno for _, error in board.done] == [EPIPE] * 2
        assert [one[0] for one in board.said()] == ["s/board/w/cancel/b"]
        board.taken(ids[2])  # it comes too late to be told by name
        assert [one[0] for one in board.said()] == ["s/board/w/cancel/b"]
        assert raised_errno(board.submit, 1, conn=b) == EPIPE


def test_the_end_of_the_fleet_and_of_the_manager_end_all_jobs():
    with Board() as board:
        board.join()
        board.submit(1)
        board.fleet.stop()
        assert board.done[0][1].errno == EPIPE
        topic, payload, _ = board.said()[-1]
        assert topic == "s/present/b" and json.loads(payload)["gone"] is True
        assert raised_errno(board.submit, 1) == EPIPE
    with Board() as board:
        board.join()
        board.submit(1)
        board.mgr.close()
        assert board.done[0][1].errno == EPIPE


def test_an_idle_local_board_is_used_first():
    with Board() as board:
        ran = []

        @board.fleet.job("job")
        def job(x):
            ran.append(x)
            return x + 1

        board.submit(1)
        assert not board.done and not ran  # never inside submit
        board.join()
        until(lambda: board.done, board.mgr)
        assert board.done == [(2, None)] and ran == [1] and board.stats["local"] == 1 and board.stats["ran"] == 1
        assert "job" not in board.kinds()
    with Board(local=False) as board:
        board.fleet.job("job")(lambda x: x)
        board.join()
        board.submit(1)
        assert board.kinds() == ["job"]


def test_many_jobs_of_the_loop_do_not_run_inside_each_other():
    with Board(queue=50) as board:
        board.fleet.job("job")(lambda x: {}["x"] if x == 3 else x)
        board.join()
        for n in range(50):
            board.submit(n)
        until(lambda: len(board.done) == 50, board.mgr)
        assert [result for result, _ in board.done] == [None if n == 3 else n for n in range(50)]
        assert board.stats["failed"] == 1 and board.mgr.stats["bugs"] == 1


def test_an_on_done_that_raises_is_reported_and_harms_nobody():
    with Board() as board:
        board.join()
        board.fleet.submit("job", 1, on_done=lambda *_: {}["x"])
        board.bring("done", board.said()[0][2]["correlation_data"], 1)
        assert board.mgr.stats["bugs"] == 1 and not board.fleet.submitter.jobs
