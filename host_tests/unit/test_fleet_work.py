# A fleet's board that does jobs for others: what comes, what it answers, and when it takes more.

import errno
import json
import time

from fleetwire import ANSWER, ID, Board, kind_of
from raising import raised
from waiting import turns, until

MIN_HEAP = "320k"

SHARE = "$share/fleet/s/job/job"


def worked(board, **options):
    """A board with a job in the loop, and what that was called with."""
    calls = []

    @board.fleet.job("job", **options)
    def job(data):
        calls.append(data)
        if data == "raise":
            raise ValueError("no such thing")
        return {"got": str(data)}

    board.join()
    return calls


def held(board, **options):
    """A board with a job in a worker that waits for `release[0]`; the release."""
    release = [False]

    @board.fleet.job("job", worker=True, **options)
    def job(data):
        while not release[0]:
            time.sleep_ms(1)
        return data

    board.join()
    return release


def test_a_job_runs_is_answered_and_then_acknowledged():
    with Board() as board:
        calls = worked(board)
        assert SHARE in [one[0] for one in board.wire.subscribed]
        receipt = board.bring_job("job", [1, 2], message_expiry_interval=9)
        ((topic, payload, properties),) = board.said()
        assert topic == ANSWER and json.loads(payload)["got"] == "[1, 2]"
        assert properties == {"correlation_data": ID, "content_type": "application/json"}
        assert calls == [[1, 2]] and receipt.given == 0
        assert board.stats == {"taken": 1, "ran": 1}


def test_bytes_come_and_go_as_bytes():
    with Board() as board:
        got = []
        board.fleet.job("job")(lambda data: got.append(data) or bytes(data) + b"\xff")
        board.join()
        board.bring_job("job", b"\0")
        ((_, payload, properties),) = board.said()
        assert got == [b"\0"] and payload == b"\0\xff" and properties == {"correlation_data": ID}


def test_what_it_raises_or_can_not_be_sent_is_told():
    with Board() as board:
        worked(board)
        board.fleet.job("set")(lambda data: {1, 2})
        board.bring_job("job", "raise")
        board.bring_job("set", 1, b"2")
        board.bring_job("job", b"", b"3", content_type="application/json")
        said = board.said()
        assert [one[0] for one in said] == ["s/board/boss/failed/b"] * 3
        assert "no such thing" in json.loads(said[0][1])["error"] and json.loads(said[0][1])["errno"] == 0
        assert board.stats == {"taken": 3, "ran": 3} and board.mgr.stats["bugs"] == 2


def test_a_worker_acknowledges_when_the_job_is_done_and_says_so_when_it_takes_long():
    with Board() as board:
        release = held(board)
        receipt = board.bring_job("job", 7)
        topic, payload, properties = board.wait_said("taken")
        assert topic == "s/board/boss/taken/b" and properties["correlation_data"] == ID
        assert json.loads(payload) == {"boot": board.fleet.boot}
        assert receipt.given is None
        release[0] = True
        assert json.loads(board.wait_said("done")[1]) == 7
        assert receipt.given == 0


def test_a_job_that_comes_twice_runs_once():
    with Board() as board:
        release = held(board)
        board.bring_job("job", 7)
        again = board.bring_job("job", 7)
        assert again.given == 0
        release[0] = True
        board.wait_said("done")
        assert board.bring_job("job", 7).given == 0
        assert board.kinds() == ["done"] and board.stats["repeats"] == 2 and board.stats["ran"] == 1


def test_a_full_board_leaves_the_share_turns_away_what_waits_and_joins_again():
    with Board() as board:
        release = held(board)
        board.bring_job("job", 1, b"1")
        second = board.bring_job("job", 2, b"2")
        topic, payload, properties = board.wait_said("refused")
        assert properties["correlation_data"] == b"2" and payload == b"" and second.given == 0
        until(lambda: board.wire.unsubscribed == [SHARE], board.mgr)
        offer = board.fleet.worker.offers["job"]
        assert offer.busy == 1 and not offer.waiting
        before = len(board.wire.subscribed)
        release[0] = True
        board.wait_said("done")
        assert [one[0] for one in board.wire.subscribed[before:]] == [SHARE]
        assert board.stats["turned_away"] == 1


def test_a_board_whose_last_job_took_long_leaves_the_share_at_once_and_is_back_before_its_result():
    with Board() as board:
        release = held(board)
        offer = board.fleet.worker.offers["job"]
        board.bring_job("job", 1, b"1")
        assert not board.wire.unsubscribed  # is it a long one?
        until(lambda: board.wire.unsubscribed == [SHARE], board.mgr)
        release[0] = True
        board.wait_said("done")
        assert offer.is_joined
        joined = []  # whether it was, when it published
        publish = board.wire.publish

        def watched(topic, *args, **options):
            joined.append((kind_of(topic), offer.is_joined))
            return publish(topic, *args, **options)

        board.wire.publish = watched
        release[0] = False
        board.bring_job("job", 2, b"2")
        assert board.wire.unsubscribed == [SHARE] * 2 and not offer.is_joined  # before any turn
        before = len(board.wire.subscribed)
        release[0] = True
        board.wait_said("done")
        assert ("done", True) in joined and [one[0] for one in board.wire.subscribed[before:]] == [SHARE]


def test_short_jobs_do_without_leaving():
    with Board() as board:
        worked(board)
        for n in range(20):
            board.bring_job("job", n, b"%d" % n)
        assert board.kinds() == ["done"] * 20 and not board.wire.unsubscribed


def test_at_once_jobs_run_and_no_more():
    with Board() as board:
        board.mgr.workers(n=4)
        release = held(board, at_once=2)
        for n in range(3):
            board.bring_job("job", n, b"%d" % n)
        assert board.mgr.stats["workers"]["jobs"] == 2
        assert board.wait_said("refused")[2]["correlation_data"] == b"2"
        release[0] = True
        until(lambda: board.stats.get("ran") == 2, board.mgr)


def test_few_jobs_wait_for_room():
    with Board() as board:
        release = held(board)
        for n in range(12):
            board.bring_job("job", n, b"%d" % n)
        assert board.kinds().count("refused") == 3  # 1 runs, 8 wait
        release[0] = True
        until(lambda: not board.fleet.worker.runs, board.mgr)


def test_a_pool_that_others_have_filled_turns_jobs_away():
    with Board() as board:
        board.mgr.workers(n=1, queue=1)
        release = held(board, at_once=4)
        for n in range(3):
            board.bring_job("job", n, b"%d" % n)
        assert board.kinds() == ["refused"]
        release[0] = True
        until(lambda: board.stats.get("ran") == 2, board.mgr)


def test_a_job_that_may_run_once_waits_for_go():
    with Board() as board:
        calls = worked(board, idempotent=False)
        receipt = board.bring_job("job", 5)
        number = board.waits()
        assert not calls and receipt.given is None
        board.order("go", data=number)
        board.order("go", data=number)
        assert calls == [5] and board.kinds() == ["done", "done"] and receipt.given == 0


def test_a_go_of_an_earlier_run_does_not_begin_a_job_that_comes_again():
    with Board() as board:
        calls = worked(board, idempotent=False)
        board.bring_job("job", "x" * 600)  # its result is too long to be kept
        number = board.waits()
        board.order("go", data=number)
        assert len(calls) == 1
        board.bring_job("job", "x" * 600)
        again = board.waits()
        assert again != number
        for data in (number, b"", b"true"):
            board.order("go", data=data)
        assert len(calls) == 1 and len(board.fleet.worker.runs) == 1
        board.order("go", data=again)
        assert len(calls) == 2


def test_a_go_that_is_lost_is_asked_for_again_and_a_cancel_is_an_answer():
    with Board() as board:
        calls = worked(board, idempotent=False)
        receipt = board.bring_job("job", 5)
        number = board.waits()
        assert json.loads(board.wait_said("taken")[1])["waits"] == int(number)
        board.order("cancel")
        assert receipt.given == 0 and not calls and not board.fleet.worker.runs
        board.order("go", data=number)
        assert board.kinds() == ["refused"] and not calls and board.stats["cancelled"] == 1
        board.bring_job("job", 6, b"6")
        assert board.kinds() == ["taken"]  # there is room


def test_ask_is_answered_in_each_state():
    with Board() as board:
        release = held(board)
        board.order("ask")
        assert board.kinds() == ["refused"]
        board.bring_job("job", 7)
        board.order("ask")
        assert board.kinds() == ["taken"]
        release[0] = True
        board.wait_said("done")
        board.order("ask")
        ((topic, payload, _),) = board.said()
        assert topic == ANSWER and payload == b"7"


def test_the_last_answers_are_kept():
    with Board() as board:
        worked(board)
        for n in range(9):
            board.bring_job("job", n, b"boss/%d" % n)
        board.said()
        for n in range(9):
            board.order("ask", b"boss/%d" % n)
        assert board.kinds() == ["refused"] + ["done"] * 8


def test_orders_are_the_submitters_alone():
    with Board() as board:
        calls = worked(board, idempotent=False)
        receipt = board.bring_job("job", 5)
        number = board.waits()
        for kind in ("cancel", "go", "ask"):
            board.order(kind, sender="bos", data=number)  # the start of its name, too
            board.order(kind, sender="x", data=number)
        assert not board.kinds() and receipt.given is None and not calls
        board.order("go", data=number)
        until(lambda: calls, board.mgr)


def test_a_cancelled_job_gives_no_result():
    with Board() as board:
        release = held(board)
        receipt = board.bring_job("job", 7)
        until(lambda: board.mgr.stats["workers"]["busy"] == 1, board.mgr)
        board.order("cancel")
        release[0] = True
        until(lambda: board.fleet.worker.offers["job"].busy == 0, board.mgr)
        assert "done" not in board.kinds() and receipt.given == 0 and board.stats["cancelled"] == 1


def test_what_runs_counts_until_its_function_returns_though_nobody_waits_for_it_any_more():
    with Board() as board:
        board.mgr.workers(n=3)
        release = held(board, timeout_ms=100)
        board.bring_job("job", 1, b"1")
        until(lambda: board.mgr.stats["workers"]["busy"] == 1, board.mgr)
        assert json.loads(board.wait_said("failed")[1])["errno"] == errno.ETIMEDOUT
        board.bring_job("job", 2, b"2")
        board.wait_said("refused")
        assert board.mgr.stats["workers"]["jobs"] == 1 and board.fleet.worker.offers["job"].busy == 1
        release[0] = True
        until(lambda: board.fleet.worker.offers["job"].is_joined, board.mgr)
        assert board.stats == {"taken": 2, "ran": 1, "turned_away": 1} and "done" not in board.kinds()
    with Board() as board:
        board.mgr.workers(n=3)
        release = held(board)
        board.bring_job("job", 1)
        until(lambda: board.mgr.stats["workers"]["busy"] == 1, board.mgr)
        board.order("cancel")
        board.bring_job("job", 2, b"2")
        board.wait_said("refused")
        assert board.mgr.stats["workers"]["jobs"] == 1
        release[0] = True


def test_a_job_that_is_dropped_while_the_pool_has_no_thread_for_it_does_not_run():
    with Board() as board:
        pool = board.mgr.workers(n=1, queue=4)
        go = []
        ran = []

        def hold():
            while not go:
                time.sleep_ms(1)

        pool.submit(hold)
        board.fleet.job("job", worker=True)(ran.append)
        board.join()
        receipt = board.bring_job("job", 1)
        board.order("cancel")
        assert receipt.given == 0
        go.append(1)
        until(lambda: board.fleet.worker.offers["job"].busy == 0, board.mgr)
        assert not ran and board.stats == {"taken": 1, "cancelled": 1}


def test_what_has_expired_is_dropped_and_no_orphan_stays():
    with Board() as board:
        calls = worked(board, idempotent=False)
        board.bring_job("job", 5, message_expiry_interval=1)
        until(lambda: not board.fleet.worker.runs, board.mgr)
        assert not calls and board.stats["cancelled"] == 1
    with Board() as board:
        release = held(board)
        board.bring_job("job", 5, message_expiry_interval=1)
        until(lambda: not board.fleet.worker.runs, board.mgr)
        assert not {"failed", "done"} & set(board.kinds()) and board.stats["cancelled"] == 1
        assert board.fleet.worker.offers["job"].busy == 1  # its function runs
        release[0] = True
        until(lambda: board.fleet.worker.offers["job"].busy == 0, board.mgr)


def test_a_job_that_nobody_waits_for_is_acknowledged_and_not_done():
    with Board() as board:
        calls = worked(board)
        assert board.wire.bring("s/job/job", b"1", 1, 1, {}).given == 0
        assert not calls and not board.said()


def test_its_shares_are_joined_anew_after_each_connect_if_there_is_room():
    with Board() as board:
        release = held(board)
        board.bring_job("job", 1)
        board.wait_said("taken")
        board.lose()
        board.come_back()
        assert SHARE not in [one[0] for one in board.wire.subscribed]  # it is full
        release[0] = True
        until(lambda: SHARE in [one[0] for one in board.wire.subscribed], board.mgr)
        assert "done" in [kind_of(one[0]) for one in board.said()] or board.wait_said("done")
        board.lose()
        board.come_back()
        assert SHARE in [one[0] for one in board.wire.subscribed]


def test_a_job_is_added_once_and_while_connected_as_well():
    with Board() as board:
        worked(board)
        raised(ValueError, board.fleet.job("job"), print)
        raised(ValueError, board.fleet.job, "a/b")
        raised(ValueError, board.fleet.job("c", at_once=0), print)
        board.fleet.job("late")(lambda data: data)
        assert board.wire.subscribed[-1][0] == "$share/fleet/s/job/late"
        turns(board.mgr, 1)
