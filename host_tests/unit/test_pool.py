# The worker pool: what becomes of a job, whatever happens to it.

import _thread
import errno
import time

import mungo
import mungo.threads.pool
from net import Client, listening, turns
from raising import raised_errno
from waiting import Crew, close, until

MIN_HEAP = "192k"

EPIPE = 32


class Gate:
    """Where workers wait until the test lets them go on."""

    def __init__(self):
        self.lock = _thread.allocate_lock()
        self.lock.acquire()
        self.inside = 0

    def wait(self, result=None):
        self.inside += 1
        with self.lock:
            return result

    def open(self):
        self.lock.release()


def outcomes():
    """A list, and what makes an on_done that adds `(name, result, error or its errno)` to it."""
    all = []

    def named(name):
        def on_done(result, er):
            all.append((name, result, er.errno if isinstance(er, OSError) else er))

        return on_done

    return all, named


def counts(pool):
    """stats that are not 0."""
    return {name: n for name, n in pool.stats.items() if n}


def test_results_and_exceptions_come_back_once_in_the_loop():
    mgr = mungo.Manager()
    pool = mgr.workers(n=2)
    here = _thread.get_ident()
    seen = []

    def work(a, b):
        assert _thread.get_ident() != here
        return a // b

    def on_done(result, er):
        assert _thread.get_ident() == here
        seen.append((result, er))

    pool.submit(work, 6, 3, on_done=on_done)
    until(lambda: seen, mgr)
    assert seen == [(2, None)]
    pool.submit(work, 6, 0, on_done=on_done)
    until(lambda: len(seen) == 2, mgr)
    assert seen[1][0] is None and isinstance(seen[1][1], ZeroDivisionError), seen
    assert mgr.stats["bugs"] == 1  # its traceback was printed, once
    pool.submit(work, 8, 2, on_done=on_done)  # the worker is still there
    until(lambda: len(seen) == 3, mgr)
    turns(mgr, lambda: True)
    assert seen[2] == (4, None)
    assert mgr.stats["workers"] is pool.stats
    assert counts(pool) == {"jobs": 3, "done": 2, "failed": 1, "threads": 1}, counts(pool)
    close(mgr)
    assert pool.threads == 0


def test_a_worker_survives_sys_exit_and_an_on_done_that_raises():
    import sys

    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    all, named = outcomes()

    def bad(result, er):
        raise ValueError("from on_done")

    pool.submit(sys.exit, 3, on_done=named("exit"))
    pool.submit(int, "5", on_done=bad)
    pool.submit(int, "6", on_done=named("six"))
    until(lambda: len(all) == 2, mgr)
    assert isinstance(all[0][2], SystemExit) and all[1] == ("six", 6, None), all
    assert mgr.stats["bugs"] == 2 and pool.threads == 1
    close(mgr)


def test_threads_start_on_demand_and_stay():
    mgr = mungo.Manager()
    pool = mgr.workers(n=3)
    assert pool.threads == 0
    all, named = outcomes()
    for i in range(5):
        pool.submit(int, on_done=named(i))
        until(lambda i=i: len(all) == i + 1, mgr)
    assert pool.threads == 1, pool.threads  # one after the other: one is enough
    gate = Gate()
    for i in range(5):
        pool.submit(gate.wait, i, on_done=named("gate"))
    until(lambda: gate.inside == 3, mgr)
    assert counts(pool) == {"jobs": 10, "done": 5, "threads": 3, "busy": 3}, counts(pool)
    gate.open()
    until(lambda: len(all) == 10, mgr)
    assert pool.threads == 3 and pool.queued == 0
    close(mgr)


def test_jobs_are_taken_in_their_order():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    gate = Gate()
    order = []
    pool.submit(gate.wait)
    for i in range(10):
        pool.submit(order.append, i)
    gate.open()
    until(lambda: len(order) == 10, mgr)
    assert order == list(range(10)), order
    close(mgr)


def test_a_full_queue_refuses_at_once():
    mgr = mungo.Manager()
    pool = mgr.workers(n=2, queue=3)
    gate = Gate()
    all, named = outcomes()
    pool.submit(gate.wait, on_done=named(0))
    pool.submit(gate.wait, on_done=named(1))
    until(lambda: gate.inside == 2, mgr)
    for i in range(3):
        pool.submit(gate.wait, on_done=named(2 + i))
    for _ in range(4):
        assert raised_errno(pool.submit, gate.wait, on_done=named("refused")) == errno.EAGAIN
    assert pool.stats["refused"] == 4
    gate.open()
    until(lambda: len(all) == 5, mgr)
    assert sorted(name for name, _, _ in all) == [0, 1, 2, 3, 4], all
    close(mgr)


def test_any_thread_may_submit():
    mgr = mungo.Manager()
    pool = mgr.workers(n=2, queue=100)
    all, named = outcomes()
    crew = Crew()

    def work(i):
        for k in range(20):
            pool.submit(int, str(i * 20 + k), on_done=named(i))

    for i in range(4):
        crew.start(work, i)
    until(lambda: len(all) == 80, mgr)  # asleep, until the bell rings
    crew.join(mgr)
    assert sorted(result for _, result, _ in all) == list(range(80))
    close(mgr)


def test_a_deadline_ends_a_running_job_and_its_late_result_is_dropped():
    mgr = mungo.Manager()
    pool = mgr.workers(n=2)
    gate = Gate()
    all, named = outcomes()
    start = time.ticks_ms()
    pool.submit(gate.wait, "late", on_done=named("stuck"), timeout_ms=60)
    until(lambda: all, mgr)
    assert time.ticks_diff(time.ticks_ms(), start) >= 60
    assert all == [("stuck", None, errno.ETIMEDOUT)], all
    assert counts(pool) == {"jobs": 1, "timeouts": 1, "threads": 1, "busy": 1, "stuck": 1}, counts(pool)
    pool.submit(int, "7", on_done=named("other"))  # the pool works on with the others
    until(lambda: len(all) == 2, mgr)
    gate.open()
    until(lambda: pool.stats["late"] == 1, mgr)
    pool.submit(int, "8", on_done=named("a"))
    pool.submit(int, "9", on_done=named("b"))
    until(lambda: len(all) == 4, mgr)
    assert counts(pool) == {"jobs": 4, "done": 3, "timeouts": 1, "late": 1, "threads": 2}, counts(pool)  # it has rejoined
    assert ("late" not in [result for _, result, _ in all]) and all[1] == ("other", 7, None)
    close(mgr)


def test_a_deadline_ends_a_waiting_job():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    gate = Gate()
    ran = []
    all, named = outcomes()
    pool.submit(gate.wait, on_done=named("first"))
    pool.submit(ran.append, 1, on_done=named("waits"), timeout_ms=50)
    pool.submit(ran.append, 2, on_done=named("last"))
    until(lambda: all, mgr)
    assert all == [("waits", None, errno.ETIMEDOUT)] and pool.stats["stuck"] == 0
    gate.open()
    until(lambda: len(all) == 3, mgr)
    assert ran == [2], ran
    assert counts(pool) == {"jobs": 3, "done": 2, "timeouts": 1, "threads": 1}, counts(pool)
    close(mgr)


def test_the_pools_own_deadline_and_keep():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1, job_ms=150)
    gate = Gate()
    all, named = outcomes()
    start = time.ticks_ms()
    job = pool.submit(gate.wait, on_done=named("kept"))
    while time.ticks_diff(time.ticks_ms(), start) < 80:
        mgr.poll(5)
    pool.keep(job)
    until(lambda: all, mgr)
    assert time.ticks_diff(time.ticks_ms(), start) >= 220 and all == [("kept", None, errno.ETIMEDOUT)]
    gate.open()
    close(mgr)


def served(mgr):
    """A client's connection, as the server has it, and the client."""
    conns = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            conns.append(c)

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port)
    until(lambda: conns, mgr)
    return conns[0], client


def test_a_client_that_leaves_takes_its_jobs_along():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    c, client = served(mgr)
    gate = Gate()
    ran = []
    all, named = outcomes()
    pool.submit(gate.wait, on_done=named("running"), conn=c)
    until(lambda: gate.inside, mgr)
    pool.submit(ran.append, 1, on_done=named("waits"), conn=c)
    pool.submit(ran.append, 2, on_done=named("another's"))
    client.close()
    until(lambda: len(all) == 2, mgr)
    assert all == [("running", None, EPIPE), ("waits", None, EPIPE)], all
    assert raised_errno(pool.submit, ran.append, 3, conn=c) == EPIPE
    gate.open()
    until(lambda: len(all) == 3, mgr)
    assert ran == [2]
    assert counts(pool) == {"jobs": 3, "done": 1, "dropped": 2, "late": 1, "threads": 1}, counts(pool)
    close(mgr)


def test_a_client_may_leave_in_the_turn_in_which_its_job_was_refused():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1, queue=1)
    gate = Gate()
    c, client = served(mgr)
    for _ in range(2):
        pool.submit(gate.wait)
    until(lambda: gate.inside == 1, mgr)
    assert raised_errno(pool.submit, gate.wait, conn=c, pipe=lambda *_: None) == errno.EAGAIN
    c.is_closing = True
    turns(mgr, lambda: not mgr.accepted and not mgr.pipes)
    assert counts(pool) == {"jobs": 2, "refused": 1, "threads": 1, "busy": 1} and pool.queued == 1, counts(pool)
    gate.open()
    client.close()
    close(mgr)


def test_a_client_with_many_jobs_tells_the_pool_of_its_end_once():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    c, client = served(mgr)
    all, named = outcomes()
    for i in range(20):
        pool.submit(int, i, on_done=named(i), conn=c)
        until(lambda i=i: len(all) > i, mgr)
    assert len(c.close_callbacks) == len(pool.clients) == 1
    client.close()
    until(lambda: c not in mgr.conns, mgr)
    assert len(all) == 20 and not pool.clients
    close(mgr)


def test_progress_and_messages_go_through_the_jobs_pipe():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    c, client = served(mgr)
    events = []
    all, named = outcomes()

    def work(end, n):
        for i in range(n):
            end.send(b"%d%%" % i)
        order = end.recv(10)
        end.send(b"got " + order)
        return "done"

    def handler(c2, ev, data, fn_data):
        assert fn_data is c
        events.append((ev, data))
        if data == b"2%":
            c2.send("stop")

    def on_done(result, er):
        events.append(("done", result))

    pool.submit(work, 3, on_done=on_done, conn=c, pipe=handler)
    until(lambda: ("done", "done") in events and (mungo.EV_CLOSE, None) in events, mgr)
    reads = [data for ev, data in events if ev == mungo.EV_READ]
    assert reads == [b"0%", b"1%", b"2%", b"got stop"], reads
    assert events[0] == (mungo.EV_OPEN, None)
    assert events.index(("done", "done")) > events.index((mungo.EV_READ, b"got stop"))
    assert mgr.pipes == 0
    close(mgr)


def test_on_done_waits_for_what_a_paused_pipe_still_holds():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    seen = []
    ends = []

    def work(end):
        end.send("first")
        end.send("last")

    def handler(c2, ev, data, fn_data):
        if ev == mungo.EV_OPEN:
            ends.append(c2)
            c2.is_full = True
        elif ev == mungo.EV_READ:
            seen.append(data)

    pool.submit(work, on_done=lambda result, er: seen.append("done"), pipe=handler)
    until(lambda: pool.stats["busy"] == 0 and ends[0].unread == 2, mgr)
    for _ in range(5):
        mgr.poll(0)
    assert seen == []
    ends[0].is_full = False
    until(lambda: len(seen) == 3, mgr)
    assert seen == [b"first", b"last", "done"], seen
    close(mgr)


def test_a_running_job_learns_by_its_pipe_that_its_client_has_left():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    c, client = served(mgr)
    learnt = []
    all, named = outcomes()

    def work(end):
        learnt.append(end.recv(10))
        try:
            end.send("x")
        except OSError as er:
            learnt.append(er.errno)

    pool.submit(work, on_done=named("left"), conn=c, pipe=lambda *args: None)
    until(lambda: pool.stats["busy"], mgr)
    client.close()
    until(lambda: len(learnt) == 2 and pool.stats["late"], mgr)
    assert learnt == [b"", EPIPE] and all == [("left", None, EPIPE)], (learnt, all)
    assert mgr.pipes == 0 and mgr.pipe_ends == 1  # the thread's
    close(mgr)


def test_a_full_pipe_of_a_paused_job_makes_its_worker_wait():
    mgr = mungo.Manager(queue=2)
    pool = mgr.workers(n=1)
    sent = []
    ends = []
    done = []

    def work(end):
        for i in range(8):
            end.send(b"%d" % i)
            sent.append(i)

    def handler(c2, ev, data, fn_data):
        if ev == mungo.EV_OPEN:
            ends.append(c2)
            c2.is_full = True

    pool.submit(work, on_done=lambda result, er: done.append(er), pipe=handler)
    until(lambda: ends[0].end.waiters is not None, mgr)
    assert sent == [0, 1] and not done
    ends[0].is_full = False
    until(lambda: done, mgr)
    assert sent == list(range(8)) and done == [None]
    close(mgr)


def test_cancel():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    gate = Gate()
    ran = []
    all, named = outcomes()
    running = pool.submit(gate.wait, on_done=named("running"))
    until(lambda: gate.inside, mgr)
    waiting = pool.submit(ran.append, 1, on_done=named("waiting"))
    pool.cancel(waiting)
    pool.cancel(running)
    pool.cancel(running)
    assert all == [("waiting", None, EPIPE), ("running", None, EPIPE)], all
    gate.open()
    until(lambda: pool.stats["late"], mgr)
    done = pool.submit(ran.append, 2, on_done=named("done"))
    until(lambda: len(all) == 3, mgr)
    pool.cancel(done)
    assert len(all) == 3 and ran == [2]
    close(mgr)


class Refusing:
    """_thread for mungo.threads.pool, whose first `n` starts are refused."""

    def __init__(self, n, er):
        self.n = n
        self.er = er
        self.asked = 0
        self.sizes = []

    def start_new_thread(self, fn, args):
        self.asked += 1
        if self.asked <= self.n:
            raise self.er
        return _thread.start_new_thread(fn, args)

    def stack_size(self, *args):
        self.sizes.append(args[0])
        return 4321

    def __enter__(self):
        mungo.threads.pool._thread = self
        return self

    def __exit__(self, *args):
        mungo.threads.pool._thread = _thread


def test_a_refused_start_is_tried_again():
    for er in (OSError("core1 in use"), OSError(errno.ENOMEM), MemoryError(), RuntimeError("can't start new thread")):
        mgr = mungo.Manager()
        pool = mgr.workers(n=2)
        all, named = outcomes()
        with Refusing(3, er) as thread:
            pool.submit(int, "5", on_done=named("five"))
            until(lambda all=all: all, mgr)
        assert all == [("five", 5, None)] and thread.asked == 4, (all, thread.asked)
        close(mgr)


def test_with_no_thread_to_be_had_jobs_end_with_eagain_and_the_loop_lives():
    mgr = mungo.Manager()
    pool = mgr.workers(n=2)
    all, named = outcomes()
    with Refusing(1000000, OSError("core1 in use")):
        for i in range(3):
            pool.submit(int, on_done=named(i))
        until(lambda: len(all) == 3, mgr)
        assert all == [(i, None, errno.EAGAIN) for i in range(3)], all
        assert counts(pool) == {"jobs": 3, "unstarted": 3}, counts(pool)
        assert pool.queued == 0 and mgr.pipe_ends == 0
    pool.submit(int, "4", on_done=named("later"))  # there is one again
    until(lambda: len(all) == 4, mgr)
    assert all[3] == ("later", 4, None)
    close(mgr)


def test_one_refused_thread_of_two_leaves_the_other_at_work():
    mgr = mungo.Manager()
    pool = mgr.workers(n=2)
    gate = Gate()
    all, named = outcomes()
    pool.submit(gate.wait, on_done=named(0))
    until(lambda: gate.inside, mgr)
    with Refusing(1000000, OSError("core1 in use")):
        pool.submit(int, on_done=named(1))
        until(lambda: pool.refused_starts, mgr)
        until(lambda: not pool.refused_starts, mgr)  # it gives up for now
        assert not all
        gate.open()
        until(lambda: len(all) == 2, mgr)
    assert counts(pool) == {"jobs": 2, "done": 2, "threads": 1}, counts(pool)
    close(mgr)


def test_the_stack_size_is_set_for_the_start_and_put_back():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1, stack=65536)
    done = []
    with Refusing(0, None) as thread:
        pool.submit(int, on_done=lambda result, er: done.append(er))
        until(lambda: done, mgr)
    assert thread.sizes == [65536, 4321], thread.sizes
    close(mgr)


def test_close_ends_all_that_waits_and_gives_what_runs_its_time():
    mgr = mungo.Manager()
    pool = mgr.workers(n=2)
    gate = Gate()
    all, named = outcomes()
    pool.submit(gate.wait, on_done=named("running"))
    pool.submit(gate.wait, on_done=named("running"))
    until(lambda: gate.inside == 2, mgr)
    pool.submit(int, on_done=named("waiting"))
    assert pool.close(20) is False
    assert len(all) == 3 and {er for _, _, er in all} == {EPIPE}, all
    assert raised_errno(pool.submit, int) == EPIPE
    gate.open()
    assert pool.close(10000) is True and pool.threads == 0
    assert mgr.workers(n=1) is not pool  # there can be another
    close(mgr)


def test_the_managers_close_waits_for_the_threads():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    gate = Gate()
    all, named = outcomes()
    pool.submit(gate.wait, on_done=named("running"))
    until(lambda: gate.inside, mgr)
    assert mgr.close(20) is False
    assert all == [("running", None, EPIPE)]
    gate.open()
    until(lambda: pool.threads == 0)
    assert mgr.close(10000) is True
    assert mgr.stats["bugs"] == 0
    assert raised_errno(pool.submit, int) == EPIPE
    assert raised_errno(mgr.workers) == errno.EBADF


def test_close_inside_a_handler_is_refused():
    mgr = mungo.Manager()
    pool = mgr.workers()
    seen = []

    def on_done(result, er):
        try:
            pool.close()
        except RuntimeError as er:
            seen.append(er)

    pool.submit(int, on_done=on_done)
    until(lambda: seen, mgr)
    close(mgr)


def test_one_pool_a_manager_and_its_limits():
    mgr = mungo.Manager()
    for limits in ({"n": 0}, {"n": "1"}, {"queue": 0}, {"job_ms": -1}, {"stacks": 3}, {"_n": 1}):
        try:
            mgr.workers(**limits)
        except ValueError as er:
            assert list(limits)[0] in str(er), er
        else:
            raise AssertionError(limits)
    pool = mgr.workers(n=3, queue=5)
    assert mgr.workers() is pool and pool.n == 3 and pool.queue == 5 and pool.job_ms == 30000
    try:
        mgr.workers(n=3)
    except ValueError as er:
        assert "already" in str(er)
    else:
        raise AssertionError
    close(mgr)


def test_a_job_costs_no_pipe_and_leaves_nothing_behind():
    mgr = mungo.Manager()
    pool = mgr.workers(n=2, queue=50)
    done = []
    for _ in range(20):
        for _ in range(30):
            pool.submit(int, on_done=lambda result, er: done.append(er))
        assert mgr.pipes == 0
        n = len(done) // 30 * 30 + 30
        until(lambda n=n: len(done) >= n, mgr)
    assert pool.first_done is None and pool.last_done is None and pool.jobs == [None] * 52 and pool.under_way == 0
    assert counts(pool)["done"] == 600
    close(mgr)


class Rings:
    """In the place of the bell's ringing end: counts."""

    def __init__(self, mgr):
        self.tx = mgr.bell.tx
        self.n = 0
        mgr.bell.tx = self

    def send(self, data):
        self.n += 1
        return self.tx.send(data)

    def close(self):
        self.tx.close()


def test_one_ring_for_many_results():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    pool.submit(int)
    until(lambda: pool.stats["done"] == 1, mgr)  # (threads are started in a turn)
    rings = Rings(mgr)
    for _ in range(3):
        pool.submit(int)
    until(lambda: not pool.under_way)  # without a turn
    assert rings.n == 1, rings.n
    until(lambda: pool.stats["done"] == 4, mgr)
    close(mgr)


def test_a_worker_passes_the_collectors_barrier_when_its_outcome_is_handed_over():
    # Until then the outcome is on its stack as well, which a collection that is under way may have looked at or not.
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    loop = _thread.get_ident()
    passed = []

    class Barrier:
        def clear(self):
            if _thread.get_ident() != loop and pool.stats["jobs"]:
                passed.append(job.state > 1)  # it is DONE, or FAILED

    class Gated(Gate):
        def fail(self):
            self.wait()
            raise ValueError("on purpose")

    mgr.bell.gc_barrier = Barrier()
    for name in ("wait", "fail"):
        gate = Gated()
        job = pool.submit(getattr(gate, name))
        until(lambda: gate.inside, mgr)  # noqa: B023
        assert not passed
        gate.open()
        until(lambda: passed)
        assert passed == [True], name
        until(lambda: job.state > 3, mgr)  # noqa: B023
        passed.clear()
    close(mgr)


def test_who_submits_passes_the_collectors_barrier_when_the_job_is_in_the_queue():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    plain = mgr.bell.gc_barrier
    passed = []

    class Barrier:
        def clear(self):
            passed.append(pool.queued)

    mgr.bell.gc_barrier = Barrier()
    pool.submit(int)
    assert passed == [1]  # (its thread starts in the next turn)
    mgr.bell.gc_barrier = plain
    until(lambda: pool.stats["done"] == 1, mgr)
    close(mgr)


class Slow:
    """A worker's end whose `close` returns only when the test lets it."""

    def __init__(self, end, gate):
        self.end = end
        self.gate = gate

    def close(self):
        self.end.close()
        self.gate.wait()


def test_once_though_its_pipe_ends_just_before_it():
    # The loop has seen the pipe's close, and the job is done before it closes C2.
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    done = []
    starts = Gate()
    gate = Gate()

    def work(end):
        starts.wait()
        end.send(b"x")
        return "result"

    def handler(c2, ev, data, fn_data):
        if ev == mungo.EV_READ:
            until(lambda: gate.inside)

    def between(c, ev, data, fn_data):  # what a turn has heard, and what it closes at its end
        if ev == mungo.EV_POLL and job.c2 is not None and job.c2.is_closing:
            mgr.poll_events.clear()
            gate.open()
            until(lambda: not pool.stats["busy"])

    other = mgr.mkpipe(between)
    mgr.poll_events.append(other.c)
    job = pool.submit(work, on_done=lambda result, er: done.append((result, er)), pipe=handler)
    job.end = Slow(job.end, gate)
    starts.open()
    until(lambda: done, mgr)
    for _ in range(5):
        mgr.poll(0)
    assert done == [("result", None)], done
    assert counts(pool) == {"jobs": 1, "done": 1, "threads": 1}, counts(pool)
    close(mgr, other)


def test_without_memory_for_its_lock_a_thread_is_started_later():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    real = mungo.threads.pool.Waiter
    done = []
    tries = []

    def short(due):
        tries.append(0)
        if len(tries) < 3:
            raise MemoryError
        return real(due)

    mungo.threads.pool.Waiter = short
    try:
        pool.submit(int, on_done=lambda result, er: done.append(er))
        until(lambda: done, mgr)
    finally:
        mungo.threads.pool.Waiter = real
    assert done == [None] and len(tries) == 3 and counts(pool)["threads"] == 1
    close(mgr)


class OneCore:
    """In the place of `_thread` in the pool: RP2's, whose stacks are pieces of the heap. Without memory for one it is broken."""

    def __init__(self):
        self.is_broken = False
        self.started = 0
        self.allocate_lock = _thread.allocate_lock

    def stack_size(self, n=0):
        return 0

    def start_new_thread(self, function, args):
        if self.is_broken:
            raise OSError("core1 in use")
        try:
            bytearray(16384)
        except MemoryError:
            self.is_broken = True
            raise
        self.started += 1
        return _thread.start_new_thread(function, args)


def test_a_thread_is_not_started_before_there_is_room_for_its_stack():
    import mungo.port.pool as port

    core = OneCore()
    mgr = mungo.Manager()
    pool_module = mungo.threads.pool
    real_bytearray = bytearray
    is_full = [True]

    def short(n):
        if is_full[0]:
            raise MemoryError
        return real_bytearray(n)

    pool_module._thread = core
    port.EAGER = True
    port.bytearray = short
    try:
        crew = mgr.workers(n=1, stack=16384)
        done = []
        crew.submit(lambda: 7, on_done=lambda result, er: done.append(result))
        turns(mgr, lambda: crew.refused_starts)
        assert not core.started and not core.is_broken
        is_full[0] = False
        until(lambda: done, mgr)
        assert done == [7] and core.started == 1
    finally:
        pool_module._thread = _thread
        port.EAGER = False
        del port.bytearray
        close(mgr)


def test_a_pipes_message_waits_for_so_many_results_and_no_more():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1, queue=40)
    seen = []
    gate = Gate()
    end = mgr.mkpipe(lambda c, ev, data, fn_data: seen.append("message") if ev == mungo.EV_READ else None)
    pool.submit(gate.wait)
    until(lambda: gate.inside, mgr)
    for n in range(35):
        pool.submit(int, n, on_done=lambda result, er: seen.append(result))
    gate.open()
    until(lambda: pool.stats["busy"] == 0 and not pool.queued)  # all have run, and no turn has been
    end.send(b"x")
    until(lambda: len(seen) == 36, mgr)
    assert seen == list(range(15)) + ["message"] + list(range(15, 35)), seen  # (the first of 16 was the gate)
    end.close()
    close(mgr)
