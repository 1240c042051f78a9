# A pool of threads: they start on demand, stay, and take jobs from one bounded queue. Results come back like a pipe's messages.
#
#   QUEUED   submit has put the job into the queue
#   RUNNING  a worker has taken it
#   DONE     its function has returned; the loop will call on_done
#   FAILED   its function has raised; the loop will call on_done
#   OVER     on_done was called. A deadline, a client that leaves, and a pool that is closed call it before the job is done.
#            If a worker is at the job then, its result is late and is dropped: a thread can't be stopped.
#   STUCK    as OVER: the deadline has passed, and a worker is still at the job
#
# A job may have a pipe, see job_pipe.py. Then on_done waits for the last of its messages.
#
# As with pipes, what two threads touch exists before the second one sees it, and is touched under the bell's lock; there nothing
# allocates, does I/O or calls a handler. Workers never see a connection, whose dict may grow.
import _thread
from errno import EAGAIN, ETIMEDOUT
from time import ticks_add, ticks_diff, ticks_ms

from ..core.limits import check_limit, set_limits
from ..core.shutdown import wait_until
from ..port import EPIPE
from ..port.pool import EAGER, Limits, make_room
from .job_pipe import attach, is_pipe_of, shut_pipes
from .pipe import Waiter, release_waiters

# States of a job
_QUEUED = const(0)
_RUNNING = const(1)
_DONE = const(2)
_JOB_FAILED = const(3)
_OVER = const(4)
_STUCK = const(5)

_RESULTS = const(16)  # before pipes and sockets are served

_RETRY_MS = const(20)  # from a refused start to the next one
_REFUSALS = (OSError, RuntimeError, MemoryError)  # (made here: in an `except` it would need memory)
_MAX_REFUSED = const(5)  # starts in a row: if more are refused and there is no thread, the jobs that wait end


class Job:
    """A call of a function by a worker, as `pool.submit` returns it."""

    # Set before another thread sees the job, if at all.
    on_done = None
    conn = None  # its client
    end = None  # the worker's end of its pipe,
    c2 = None  # and the loop's end, until that is closed
    timeout_ms = 0  # 0: the pool's job_ms

    def __init__(self, fn, args, due):
        self.fn = fn
        self.args = args
        self.due = due  # ticks_ms of its deadline
        self.state = _OVER  # until it is among the pool's jobs
        self.outcome: object = None  # what fn has returned or raised
        self.next = None  # the job that was done after this one


class WorkerPool(Limits):
    """Made by `mgr.workers()`. `submit` may be called from any thread, the rest in the loop's.

    `stats`, which is also `mgr.stats["workers"]`, counts: jobs = done + failed (they raised) + dropped (client gone, pipe or pool closed) +
    timeouts + unstarted (there was no thread) + those under way; refused submits; late results, which were dropped; and says how
    many threads there are, how many are busy, and how many are stuck (at a job whose deadline has passed).
    """

    def __init__(self, mgr, limits):
        if limits:
            set_limits(self, limits, Limits)
        self.mgr = mgr
        self.next = False  # of the doorbell: not posted
        self.jobs: list = [None] * (self.queue + self.n)  # QUEUED and RUNNING, oldest first
        self.under_way = 0  # how many those are
        self.queued = 0  # how many of them are QUEUED
        self.first_done = None  # DONE and FAILED, for the loop, in their order
        self.last_done = None
        self.idle: "Waiter | None" = None  # workers that wait for a job
        self.threads = 0
        self.refused_starts = 0  # in a row
        self.due = None  # no job's deadline is earlier
        self.watched = None  # the `due` for which the loop is to call `expired`
        self.since = self.wait = 0  # for the loop: when, as in a connection
        self.closed = False
        self.clients = set()  # ids of the connections whose end the pool is told. For the loop alone
        self.stats = mgr.stats["workers"] = dict.fromkeys(
            ("jobs", "done", "failed", "dropped", "timeouts", "unstarted", "refused", "late", "threads", "busy", "stuck"), 0
        )
        if EAGER:
            self.start_threads(self.n)

    # --- any thread

    def submit(self, fn, *args, on_done=None, conn=None, timeout_ms=None, pipe=None):
        """Have a worker call `fn(*args)`; returns the job, for `cancel` and `keep`. Any thread; with `conn` or `pipe` only the loop's.

        `on_done(result, error)` is called in the loop, exactly once: with `error` None, or with a `result` of None and what `fn` raised
        (its traceback is printed), or an OSError: ETIMEDOUT when `timeout_ms` milliseconds have passed, counted from here (by default
        the pool's job_ms); EPIPE when the connection `conn` or the pool was closed; EAGAIN if no thread could be started.
        `pipe` is the handler of a pipe's C2, as for `mkpipe`, with `conn` as its fn_data: then `fn` gets the worker's end before
        `args`; it is closed when `fn` returns, and on_done comes when C2 is closed.

        Raises OSError at once: EAGAIN if `n` jobs are under way and `queue` wait, EPIPE if `conn` or the pool is closed, ENOMEM at
        max_pipes. ValueError for a `timeout_ms` that can't be.
        """
        if timeout_ms is not None:
            check_limit("timeout_ms", timeout_ms)
        job = Job(fn, args, ticks_add(ticks_ms(), timeout_ms or self.job_ms))
        if on_done is not None:
            job.on_done = on_done
        if timeout_ms:
            job.timeout_ms = timeout_ms
        if conn is not None:
            self._attach_client(job, conn)
        if pipe is not None:
            attach(self, job, pipe)
        waiter = None
        ring = False
        bell = self.mgr.bell
        with bell.lock:
            error = EPIPE if self.closed else EAGAIN if self.under_way == len(self.jobs) else 0
            if error:
                self.stats["refused"] += 1
            else:
                job.state = _QUEUED
                self.jobs[self.under_way] = job
                self.under_way += 1
                self.queued += 1
                self.stats["jobs"] += 1
                waiter = self.idle
                if waiter is not None:
                    self.idle = waiter.next
                    waiter.next = None
                is_first_due = self.due is None or ticks_diff(job.due, self.due) < 0
                if is_first_due:
                    self.due = job.due
                if is_first_due or waiter is None:  # the loop must watch the deadline, or start a thread
                    ring = bell.post(self)
        if error:
            if job.end is not None:
                job.end.close()
            raise OSError(error)
        if waiter is not None:
            waiter.lock.release()
        if ring:
            bell.ring()
        bell.gc_barrier.clear()
        return job

    def count_thread(self, n):
        """A thread more (1) or less (-1). To the manager it is like a pipe's end: the bell must not close before it has ended."""
        with self.mgr.bell.lock:
            self.threads += n
            self.stats["threads"] += n
            self.mgr.pipe_ends += n

    # --- a worker's thread

    def work(self, waiter):
        """Do jobs until the pool is closed. `waiter` is the thread's own."""
        bell = self.mgr.bell
        while True:
            with bell.lock:
                job = self.next_job(waiter)
                if job is None and self.closed:
                    break
            if job is None:
                waiter.lock.acquire()
                continue
            is_failed = False
            try:
                job.outcome = outcome = job.fn(*job.args)
            except BaseException as er:  # also of sys.exit(): the thread stays
                job.outcome = outcome = er
                is_failed = True
            if job.end is not None:
                job.end.close()
            with bell.lock:
                ring = self.complete(job, is_failed)
            if ring:
                bell.ring()
            bell.gc_barrier.clear()  # until here this thread's stack must hold the outcome, see internals: COLLECT EARLY
            job = outcome = None  # noqa: F841  from here on it must not: the next job may be long in coming
        self.count_thread(-1)

    def next_job(self, waiter):
        """The first job that waits is now RUNNING, and returned. None if there is none: `waiter` waits. With the lock held."""
        if not self.queued:
            waiter.next = self.idle
            self.idle = waiter
            return None
        i = 0
        while self.jobs[i].state != _QUEUED:
            i += 1
        job = self.jobs[i]
        job.state = _RUNNING
        self.queued -= 1
        self.stats["busy"] += 1
        return job

    def complete(self, job, is_failed):
        """The function of a job has returned or raised. True if the bell must be rung. With the lock held."""
        self.remove(job)
        self.stats["busy"] -= 1
        if job.state != _RUNNING:  # on_done was called before
            self.stats["late"] += 1
            if job.state == _STUCK:
                self.stats["stuck"] -= 1
            return False
        job.state = _JOB_FAILED if is_failed else _DONE
        if self.first_done is None:
            self.first_done = job
        else:
            self.last_done.next = job
        self.last_done = job
        return self.mgr.bell.post(self)

    def remove(self, job):
        """Take the job out of the list `jobs`. With the lock held."""
        i = 0
        while self.jobs[i] is not job:
            i += 1
        self.under_way -= 1
        while i < self.under_way:
            self.jobs[i] = self.jobs[i + 1]
            i += 1
        self.jobs[i] = None

    # --- the loop's thread

    def cancel(self, job):
        """Drop the job from the queue or, if it is running, close its pipe, so that its function learns it. Its on_done gets EPIPE."""
        self.mgr.call(self.abandon, job, EPIPE, "dropped")

    def keep(self, job):
        """The job makes progress: its deadline counts anew from here."""
        job.due = ticks_add(ticks_ms(), job.timeout_ms or self.job_ms)

    def close(self, ms=1000):
        """Take no more jobs, drop those that wait, tell those that run, and give the threads `ms` milliseconds to end; True if all have.

        Closes the pipes of its jobs. The manager's `close` does the same. RuntimeError inside a handler, which would hold the loop.
        """
        if self.mgr.busy:
            raise RuntimeError("close inside a handler")
        self.mgr.call(self.shut)
        return wait_until(lambda: not self.threads, ms)

    def deliver(self, budget):
        """Called by the loop if the pool was posted: call on_done of the jobs that are done. Returns their number, at least 1."""
        if self.queued and not self.refused_starts:
            self.start_threads(self.missing())
        if self.due != self.watched:
            self.watch_deadline()
        n = 0
        while self.first_done is not None and n < budget and n < _RESULTS:
            with self.mgr.bell.lock:
                job = self.first_done
                self.first_done = job.next
                job.next = None  # as in Fifo.pop
                if self.first_done is None:
                    self.last_done = None
            n += 1
            if job.c2 is None:  # otherwise when C2 is closed, after its last message
                self.finish(job)
        if self.first_done is not None:
            with self.mgr.bell.lock:
                self.mgr.bell.post(self)
        return n or 1

    def missing(self):
        """How many threads the jobs that wait could use. (A thread that is not busy is about to take a job.)"""
        with self.mgr.bell.lock:  # or a worker might take a job in between: it would not be queued any more, and nobody busy yet
            return self.queued - self.threads + self.stats["busy"]

    def watch_deadline(self):
        """Have `expired` called at the first deadline, unless that is to try a refused start again before."""
        if not self.refused_starts:
            self.watched = self.due
            if self.due is not None:
                self.mgr.deadline(self, max(1, ticks_diff(self.due, self.mgr.now)))

    def start_threads(self, n):
        """Start `n` more threads, at most up to the limit. If one is refused, try again in 20 ms.
        RP2 may refuse a thread for a moment after another one has ended."""
        while n > 0 and self.threads < self.n:
            self.count_thread(1)
            old = _thread.stack_size(self.stack) if self.stack >= 1024 else None
            try:
                make_room(self.stack)
                # Its lock is made here: a thread without memory for it would end, and still be counted.
                _thread.start_new_thread(self.work, (Waiter(None),))
                self.refused_starts = 0
            except _REFUSALS:
                self.count_thread(-1)
                self.refused_starts += 1
                self.mgr.deadline(self, _RETRY_MS)
                n = 0
            if old is not None:
                _thread.stack_size(old)
            n -= 1

    def expired(self):
        """A deadline has passed, or a start is to be tried again. End the jobs that are due."""
        self.wait = 0
        has_no_thread = self.refused_starts > _MAX_REFUSED and not self.threads
        n = self.under_way  # at most so many: an on_done may submit another job
        while n > 0:
            n -= 1
            job = self.most_urgent()
            if job is None:
                break
            if has_no_thread:
                self.abandon(job, EAGAIN, "unstarted")
            elif ticks_diff(job.due, ticks_ms()) > 0:
                break
            elif job.c2 is not None and job.c2.is_full and job.conn is not None and job.conn.out is not None:
                self.keep(job)  # it waits for its client, whose deadline is write_ms
            else:
                self.abandon(job, ETIMEDOUT, "timeouts")
        self.most_urgent()
        if self.refused_starts > _MAX_REFUSED or self.missing() <= 0:
            self.refused_starts = 0
        elif self.refused_starts:
            self.start_threads(self.missing())
        self.watch_deadline()

    def most_urgent(self):
        """The job with the earliest deadline, which `due` is now, of those whose on_done was not called. None if there is none."""
        first = None
        with self.mgr.bell.lock:
            self.due = None
            for i in range(self.under_way):
                job = self.jobs[i]
                if job.state <= _RUNNING and (first is None or ticks_diff(job.due, first.due) < 0):
                    first = job
                    self.due = job.due
        return first

    def first_of(self, c):
        """The first job of the client `c`, or of all if `c` is None, whose on_done was not called. None if there is none."""
        with self.mgr.bell.lock:
            for i in range(self.under_way):
                job = self.jobs[i]
                if job.state <= _RUNNING and (c is None or job.conn is c):
                    return job
        return None

    def _attach_client(self, job, c):
        # The job ends with its client.
        if c.state and c.is_closing:
            raise OSError(EPIPE)
        job.conn = c
        if c.id not in self.clients:
            c.on_close(self.client_gone, c)
            self.clients.add(c.id)

    def client_gone(self, c):
        """A client is closed: its jobs are dropped, and their pipes are closed."""
        self.clients.discard(c.id)
        self.drop_jobs(c)

    def abandon(self, job, number, counter):
        """Call on_done with OSError(number) before the job is over, and count it in `stats[counter]`. If its result is on the way
        already, do nothing; if it has raised, and its pipe is not closed yet, close that: it stays a failure."""
        with self.mgr.bell.lock:
            state = job.state
            if state > _JOB_FAILED or state > _RUNNING and job.c2 is None:
                return
            if state != _JOB_FAILED:
                job.state = _OVER
                self.stats[counter] += 1
            if state == _QUEUED:
                self.remove(job)
                self.queued -= 1
            elif state == _RUNNING and number == ETIMEDOUT:
                self.stats["stuck"] += 1
                job.state = _STUCK
        if job.c2 is not None:
            job.c2.is_closing = True  # so that the worker learns it
        if job.end is not None and state == _QUEUED:
            job.end.close()
        if state != _JOB_FAILED:
            self.call_on_done(job, None, OSError(number))

    def finish(self, job):
        """The job is done, or its pipe is closed. Call on_done if both are. (They may cross each other: the second call finds it OVER.)"""
        state = job.state
        if state != _DONE and state != _JOB_FAILED:
            return
        job.state = _OVER
        if state == _DONE:
            self.stats["done"] += 1
            self.call_on_done(job, job.outcome, None)
            return
        er = job.outcome
        if job.end is not None and job.end.is_gone() and isinstance(er, OSError) and er.errno == EPIPE:
            self.stats["dropped"] += 1  # the pipe was closed in the loop, and told the worker so
        else:
            self.stats["failed"] += 1
            self.bug(er if isinstance(er, Exception) else RuntimeError(repr(er)))  # sys.exit() ends nothing in a worker
        self.call_on_done(job, None, er)

    def call_on_done(self, job, result, error):
        """Call the job's on_done. If that raises, it ends like a bug of the client's own handler, if the job has a client."""
        if job.on_done is not None:
            try:
                job.on_done(result, error)
            except BaseException as er:
                (job.conn or self).bug(er)

    def shut(self):
        """Drop all jobs, and close their pipes at once."""
        self.drop_all()
        shut_pipes(self)

    def drop_all(self):
        """The pool is closed: threads that wait for a job end, and all jobs are dropped."""
        with self.mgr.bell.lock:
            self.closed = True
            waiter = self.idle
            self.idle = None
        release_waiters(waiter)
        self.drop_jobs(None)
        if self.mgr.pool is self:
            self.mgr.pool = None

    def drop_jobs(self, c):
        """Drop the jobs of the client `c`, or all if `c` is None."""
        # Without a list of them: a connection that closes must need no memory.
        job = self.first_of(c)
        while job is not None:
            self.abandon(job, EPIPE, "dropped")
            job = self.first_of(c)
        for c2 in self.mgr.conns:  # where a worker has ended, and the rest of its messages waits
            if is_pipe_of(c2, self, c):
                self.abandon(c2.job, EPIPE, "dropped")

    def bug(self, er):
        """Something has raised that has no client: report it. The pool goes on."""
        self.mgr.report(er)
