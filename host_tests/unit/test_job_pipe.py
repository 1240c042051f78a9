# Jobs that have a client, a pipe, or both: whichever ends first, the others end with it, and nothing is left.

import errno
import socket
import time

import mungo
from net import Client, address, listening
from raising import raised_errno
from waiting import Crew, close, is_waiting, until

MIN_HEAP = "192k"

EPIPE = 32
GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"


def served(mgr, scheme="tcp"):
    """A client's connection, as the server has it, and the client."""
    conns = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            conns.append(c)

    listen = mgr.listen if scheme == "tcp" else mgr.http_listen
    _, port = listening(lambda url: listen(url, fn), scheme)
    client = Client(mgr, port)
    until(lambda: conns, mgr)
    return conns[0], client


def outcomes():
    """A list, and an on_done that adds (result, error or its errno) to it."""
    all = []

    def on_done(result, er):
        all.append((result, er.errno if isinstance(er, OSError) else er))

    return all, on_done


def counts(pool):
    """stats that are not 0."""
    return {name: n for name, n in pool.stats.items() if n}


def paused(pool, conn, on_done, work=None):
    """Have a worker send two messages and end, while C2 is paused. Returns (job, C2)."""

    def send(end):
        end.send("first")
        end.send("last")
        return "result"

    def handler(c2, ev, data, fn_data):
        if ev == mungo.EV_OPEN:
            c2.is_full = True

    job = pool.submit(work or send, on_done=on_done, conn=conn, pipe=handler)
    until(lambda: job.state > 1, pool.mgr)  # it is done, or has failed
    pool.mgr.poll(0)
    assert job.c2.unread == 2 and pool.stats["busy"] == 0
    return job, job.c2


# --- the client leaves, and the worker has ended: only the pipe is left


def test_a_client_that_leaves_takes_along_a_pipe_whose_worker_has_ended():
    for scheme in ("tcp", "http"):
        mgr = mungo.Manager(max_pipes=2)
        pool = mgr.workers(n=1)
        for k in range(1, 5):
            c, client = served(mgr, scheme)
            other, stays = served(mgr, scheme)
            all, on_done = outcomes()
            paused(pool, c, on_done)
            _, kept = paused(pool, other, on_done)
            client.close()
            until(lambda: mgr.pipes == 1, mgr)  # noqa: B023
            assert all == [(None, EPIPE)], all
            kept.is_full = False
            until(lambda: not mgr.pipes, mgr)  # noqa: B023
            assert all == [(None, EPIPE), ("result", None)], all
            stays.close()
            until(lambda: other not in mgr.conns, mgr)  # noqa: B023
            assert counts(pool) == {"jobs": 2 * k, "done": k, "dropped": k, "threads": 1}, counts(pool)
        assert mgr.stats["undelivered"] == 8 and not mgr.stats["bugs"]
        close(mgr)


def test_a_client_that_leaves_before_the_loop_has_heard_that_its_worker_is_done():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    c, client = served(mgr)
    all, on_done = outcomes()
    started = []

    def work(end):
        end.send("x")
        until(lambda: started)

    pool.submit(work, on_done=on_done, conn=c, pipe=lambda c2, *_: setattr(c2, "is_full", True))
    until(lambda: pool.stats["busy"], mgr)
    client.close()
    started.append(1)
    until(lambda: not pool.stats["busy"])
    until(lambda: not mgr.pipes, mgr)
    assert len(all) == 1 and all[0] == (None, EPIPE), all
    close(mgr)


def test_cancel_ends_a_job_whose_pipe_alone_is_left():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    all, on_done = outcomes()
    job, c2 = paused(pool, None, on_done)
    pool.cancel(job)
    pool.cancel(job)
    assert all == [(None, EPIPE)]
    mgr.poll(0)
    assert not mgr.pipes and counts(pool) == {"jobs": 1, "dropped": 1, "threads": 1}
    done = pool.submit(int, "7", on_done=on_done)  # has no pipe
    until(lambda: pool.first_done is done)
    pool.cancel(done)
    until(lambda: len(all) == 2, mgr)
    assert all[1] == (7, None)  # its result was on the way
    close(mgr)


def test_a_job_that_has_raised_stays_a_failure_though_its_client_leaves():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    c, client = served(mgr)
    all, on_done = outcomes()

    def work(end):
        end.send("first")
        end.send("last")
        raise ValueError("on purpose")

    paused(pool, c, on_done, work)
    assert all == [] and not mgr.stats["bugs"]
    client.close()
    until(lambda: all, mgr)
    assert isinstance(all[0][1], ValueError) and mgr.stats["bugs"] == 1 and not mgr.pipes
    assert counts(pool) == {"jobs": 1, "failed": 1, "threads": 1}, counts(pool)
    close(mgr)


def test_without_memory_for_a_jobs_pipe_nothing_is_left_of_it():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)

    module = __import__("mungo.threads.job_pipe", None, None, ("JobPipe",))
    real = module.JobPipe

    class Short(real):
        def emit(self, ev, data=None):
            if ev == mungo.EV_OPEN:
                raise MemoryError
            real.emit(self, ev, data)

    module.JobPipe = Short
    try:
        for _ in range(3):
            try:
                pool.submit(int, pipe=print)
            except MemoryError:
                continue
            raise AssertionError
    finally:
        module.JobPipe = real
    until(lambda: not mgr.pipes, mgr)
    assert mgr.pipe_ends == pool.threads and counts(pool) in ({}, {"threads": 1}), counts(pool)
    close(mgr)


# --- the pool, or the manager, is closed


def blocked(pool, verb, conn=None):
    """Have a worker wait in its pipe's `send` or `recv`. Returns what it will have learnt by that, and its on_done's list."""
    learnt = []
    all, on_done = outcomes()

    def work(end):
        try:
            if verb == "recv":
                learnt.append(end.recv(10))
            while verb == "send":
                end.send("x")
        except OSError as er:
            learnt.append(er.errno)
            raise

    def handler(c2, ev, data, fn_data):
        if ev == mungo.EV_OPEN:
            c2.is_full = True

    job = pool.submit(work, on_done=on_done, conn=conn, pipe=handler)
    until(lambda: is_waiting(job.end), pool.mgr)
    return learnt, all


def test_close_tells_workers_that_wait_at_their_pipes():
    for whose in ("pool", "manager"):
        mgr = mungo.Manager(queue=2)
        pool = mgr.workers(n=3)
        c, client = served(mgr)
        stranger = mgr.mkpipe(None)
        waits = [blocked(pool, "recv"), blocked(pool, "send"), blocked(pool, "send", c)]
        if whose == "manager":
            stranger.close()
        assert (pool if whose == "pool" else mgr).close(10000) is True
        assert [learnt for learnt, _ in waits] == [[b""], [EPIPE], [EPIPE]], waits
        assert [all for _, all in waits] == [[(None, EPIPE)]] * 3, waits
        assert counts(pool) == {"jobs": 3, "dropped": 3, "late": 3}, counts(pool)
        assert not mgr.stats["bugs"] and mgr.pool is None
        if whose == "pool":
            assert mgr.conns == [mgr.conns[0], c, stranger.c] and mgr.poll(0)  # the rest goes on
            other = mgr.workers(n=1)
            learnt, _ = blocked(other, "recv")
            assert pool.close() is True and mgr.pipes == 2 and not learnt  # it closes its own pipes alone
        client.close()
        close(mgr, stranger)


def test_close_drops_a_job_whose_pipe_alone_is_left():
    for whose in ("pool", "manager"):
        mgr = mungo.Manager()
        pool = mgr.workers(n=1)
        all, on_done = outcomes()
        paused(pool, None, on_done)
        assert (pool if whose == "pool" else mgr).close(10000) is True
        assert all == [(None, EPIPE)] and mgr.conns == [] and not mgr.stats["bugs"]
        assert counts(pool) == {"jobs": 1, "dropped": 1}, counts(pool)
        close(mgr)


def test_a_worker_that_lets_go_what_its_closed_pipe_raises_is_no_bug():
    mgr = mungo.Manager(queue=1)
    pool = mgr.workers(n=1)
    all, on_done = outcomes()

    def work(end, number):
        if number:
            raise OSError(number)
        while True:
            end.send("x")

    def handler(c2, ev, data, fn_data):
        if ev == mungo.EV_READ:
            c2.is_closing = True

    pool.submit(work, 0, on_done=on_done, pipe=handler)
    until(lambda: all, mgr)
    assert all == [(None, EPIPE)] and not mgr.stats["bugs"]
    assert counts(pool) == {"jobs": 1, "dropped": 1, "threads": 1}, counts(pool)
    pool.submit(work, EPIPE, on_done=on_done, pipe=handler)  # it is not its pipe that says so
    until(lambda: len(all) == 2, mgr)
    assert mgr.stats["bugs"] == 1 and pool.stats["failed"] == 1
    close(mgr)


# --- deadlines


def test_no_deadline_passes_while_the_client_takes_what_was_sent():
    # A slow but steady reader is for write_ms to judge.
    mgr = mungo.Manager(queue=1)
    pool = mgr.workers(n=1)
    served_by = []
    all, on_done = outcomes()

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            served_by.append(c)
        elif ev == mungo.EV_WRITE and job.c2:
            job.c2.is_full = False

    listener, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    listener.sock.setsockopt(1, 7, 4096)  # SO_SNDBUF, which connections inherit
    client = socket.socket()
    client.setsockopt(1, 8, 2048)  # SO_RCVBUF
    client.connect(address(port))
    client.setblocking(False)
    until(lambda: served_by, mgr)
    c = served_by[0]

    def work(end):
        for _ in range(6):
            end.send(bytes(3000))

    def handler(c2, ev, data, fn_data):
        if ev == mungo.EV_READ:
            while c.out is None:  # more than the client's system takes
                c.send(data)
            c2.is_full = True

    job = pool.submit(work, on_done=on_done, conn=c, pipe=handler, timeout_ms=300)
    until(lambda: c.out is not None and is_waiting(job.end), mgr)
    buf = bytearray(1000)
    for _ in range(3):
        start = time.ticks_ms()
        until(lambda: time.ticks_diff(time.ticks_ms(), start) > 400, mgr)  # noqa: B023
        assert not all and not pool.stats["timeouts"]
        out = c.out
        until(lambda: client.readinto(buf) and False or c.out is not out, mgr)  # noqa: B023
    until(lambda: client.readinto(buf) and False or all, mgr)
    assert all == [(None, None)] and not pool.stats["timeouts"], all
    client.close()
    close(mgr)


def test_the_deadline_counts_anew_when_a_pipe_goes_on():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    job = pool.submit(lambda end: end.recv(1), pipe=hear_nothing)
    for is_paused, moves in ((False, False), (True, False), (False, True), (False, False), (True, False), (False, True)):
        due = job.due
        start = time.ticks_ms()
        until(lambda: time.ticks_diff(time.ticks_ms(), start) > 2, mgr)  # noqa: B023
        job.c2.is_full = is_paused
        assert (time.ticks_diff(job.due, due) > 0) == moves, (is_paused, moves)
    job.c2.send("x")
    until(lambda: not mgr.pipes, mgr)
    close(mgr)


def hear_nothing(c2, ev, data, fn_data):
    """A pipe's handler."""


def test_a_pipe_that_the_program_has_paused_for_itself_is_no_excuse():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    c, client = served(mgr)
    for conn in (None, c):
        all, on_done = outcomes()

        def work(end):
            assert end.recv(10) == b""

        pool.submit(work, on_done=on_done, conn=conn, timeout_ms=30, pipe=lambda c2, *_: setattr(c2, "is_full", True))
        until(lambda: all, mgr)  # noqa: B023
        assert all == [(None, errno.ETIMEDOUT)]
        until(lambda: not pool.stats["busy"], mgr)
    client.close()
    close(mgr)


def test_a_job_that_was_kept_too_late_stays_over():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    go = []
    all, on_done = outcomes()
    job = pool.submit(until, lambda: go, on_done=on_done, timeout_ms=20)
    until(lambda: all, mgr)
    assert all == [(None, errno.ETIMEDOUT)] and pool.stats["stuck"] == 1
    pool.keep(job)
    pool.cancel(job)
    assert pool.stats["stuck"] == 1 and len(all) == 1
    go.append(1)
    until(lambda: pool.stats["late"], mgr)
    pool.keep(job)
    assert counts(pool) == {"jobs": 1, "timeouts": 1, "late": 1, "threads": 1}, counts(pool)
    pool.submit(int, "5", on_done=on_done)
    until(lambda: len(all) == 2, mgr)
    assert all[1] == (5, None) and counts(pool)["done"] == 1
    close(mgr)


def test_a_time_that_can_not_be_says_what_is_allowed():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    for ms in (-5, 0, 1.5, 1 << 40, "20"):
        try:
            pool.submit(int, timeout_ms=ms)
        except ValueError as er:
            assert repr(ms) in str(er) and "1 to 536870911" in str(er), er
        else:
            raise AssertionError(ms)
    assert counts(pool) == {}
    all, on_done = outcomes()
    for ms in (None, 0x1FFFFFFF):
        pool.submit(int, "1", on_done=on_done, timeout_ms=ms)
    until(lambda: len(all) == 2, mgr)
    close(mgr)


# --- bugs


def test_an_on_done_that_raises_is_a_bug_of_its_clients():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)

    def fn(c, ev, hm, fn_data):
        if ev != mungo.EV_HTTP_MSG:
            return
        verb = hm.uri[1:]

        def on_done(result, er):
            if verb == "begun":
                c.http_reply(200, {}, None)
                c.http_chunk("begun")
            if verb == "answered":
                c.http_reply(200, {}, "answered")
            raise ValueError("on purpose: " + verb)

        def work():
            if verb == "raises":
                raise KeyError
            if verb == "late":
                until(lambda: go)

        pool.submit(work, on_done=on_done, conn=c, timeout_ms=20 if verb == "late" else None)

    go = []
    _, port = listening(lambda url: mgr.http_listen(url, fn))
    bugs = 0
    for verb, answer in (
        (b"returns", b"HTTP/1.1 500 "),
        (b"raises", b"HTTP/1.1 500 "),
        (b"late", b"HTTP/1.1 500 "),
        (b"begun", b"5\r\nbegun\r\n"),
        (b"answered", b"answered"),
    ):
        bugs += 1 + (verb == b"raises")
        client = Client(mgr, port, GET % verb)
        got = client.until_ended()
        assert answer in got and not got.endswith(b"0\r\n\r\n"), (verb, got)
        assert mgr.stats["bugs"] == bugs, verb
        go.append(1)
        client.close()
    until(lambda: not mgr.accepted, mgr)
    close(mgr)


def test_an_on_done_that_raises_closes_a_tcp_client_and_spares_the_others():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    c, client = served(mgr)
    other, stays = served(mgr)

    def on_done(result, er):
        raise ValueError("on purpose")

    pool.submit(int, on_done=on_done)  # it has no client
    until(lambda: mgr.stats["bugs"] == 1, mgr)
    pool.submit(int, on_done=on_done, conn=c)
    client.until_ended()
    assert mgr.stats["bugs"] == 2 and c not in mgr.conns and other in mgr.conns
    pool.submit(until, lambda: other not in mgr.conns, on_done=on_done, conn=other)
    until(lambda: pool.stats["busy"], mgr)
    stays.close()  # it is told in vain
    until(lambda: mgr.stats["bugs"] == 3 and not pool.stats["busy"], mgr)
    assert len(mgr.conns) == 2 and counts(pool) == {"jobs": 3, "done": 2, "dropped": 1, "late": 1, "threads": 1}, counts(pool)
    client.close()
    close(mgr)


def test_a_pipes_handler_that_raises_is_a_bug_of_its_clients():
    for when in (mungo.EV_OPEN, mungo.EV_READ, mungo.EV_CLOSE):
        mgr = mungo.Manager()
        pool = mgr.workers(n=1)
        all, on_done = outcomes()

        def handler(c2, ev, data, c):
            if ev == when:  # noqa: B023
                raise ValueError("on purpose")

        def work(end):
            end.send("x")
            end.recv(1)

        def fn(c, ev, hm, fn_data):
            if ev == mungo.EV_HTTP_MSG:
                pool.submit(work, on_done=on_done, conn=c, pipe=handler)  # noqa: B023
                if when == mungo.EV_CLOSE:  # noqa: B023
                    pool.cancel(pool.jobs[0])  # noqa: B023

        _, port = listening(lambda url: mgr.http_listen(url, fn))  # noqa: B023
        client = Client(mgr, port, GET % b"")
        assert client.until_ended().startswith(b"HTTP/1.1 500 "), (when, client.got)
        until(lambda: all and not pool.stats["busy"], mgr)  # noqa: B023
        assert mgr.stats["bugs"] == 1 and len(all) == 1, (when, all)
        client.close()
        until(lambda: not mgr.accepted, mgr)  # noqa: B023
        close(mgr)


# --- what programs see of it


def test_the_pool_is_none_of_the_connections():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1, job_ms=50)
    assert mgr.conns == []
    c, client = served(mgr)
    all, on_done = outcomes()
    pool.submit(until, lambda: len(all) == 1, on_done=on_done)
    until(lambda: pool.stats["busy"], mgr)
    assert len(mgr.conns) == 2 and [one.send("news\n") for one in mgr.conns] == [False, True]
    client.until_has(b"news\n")
    until(lambda: all, mgr)
    assert all == [(None, errno.ETIMEDOUT)]  # it has its deadlines all the same
    assert c.mgr is mgr and not mgr.stats["bugs"]
    client.close()
    close(mgr)
    assert raised_errno(pool.submit, int) == EPIPE


def test_threads_that_end_the_pool_while_it_works():
    # close ends while others submit.
    mgr = mungo.Manager()
    pool = mgr.workers(n=2)
    crew = Crew()
    ended = []

    def submit():
        while True:
            try:
                pool.submit(int)
            except OSError as er:
                if er.errno == EPIPE:
                    return ended.append(1)
                time.sleep_ms(1)

    crew.start(submit)
    until(lambda: pool.stats["done"] > 20, mgr)
    assert pool.close(10000) is True
    crew.join(mgr)
    assert ended == [1]
    until(lambda: not pool.first_done, mgr)
    stats = pool.stats
    assert stats["jobs"] == stats["done"] + stats["dropped"], stats
    close(mgr)
