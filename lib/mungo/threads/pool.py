# A pool of threads: they start on demand, stay, and take jobs from one bounded queue. Results come back like a pipe's messages.
#
#   QUEUED   submit has put it into the queue
#   RUNNING  a worker has taken it
#   DONE     it has returned or raised; the loop will tell on_done
#   OVER     on_done was called. Also before it was done: deadline, client gone, pool closed (crew.py). If a worker is at
#            it then, what that returns is late and dropped: a thread can't be stopped.
#
# As with pipes, whatever both sides touch is here from the start, is touched under the bell's lock, and there nothing is
# allocated, sent or called back. Workers never see a connection, whose dict may grow.
from errno import EAGAIN
from time import ticks_add, ticks_diff, ticks_ms

from ..core.connection import Connection
from ..port import EPIPE
from ..port.pool import EAGER, Limits
from .crew import close, end, expired, hire, release, tie
from .pipe import Outbox, wake

# A job is a list. Its first two places are those of every message, see Fifo.
_FN = const(2)
_ARGS = const(3)
_ON_DONE = const(4)
_CONN = const(5)  # its client, or None
_END = const(6)  # the worker's end of its pipe, or None,
_PIPE = const(7)  # and C2, until that is closed
_STATE = const(8)
_RESULT = const(9)
_ERROR = const(10)
_UNTIL = const(11)  # (ticks_ms) None: it has passed, and the worker is stuck
_MS = const(12)

_QUEUED = const(0)
_RUNNING = const(1)
_DONE = const(2)
_OVER = const(3)

_MOST = const(0x1FFFFFFF)


def make(mgr, **limits):
    """`mgr.workers`: the manager's pool, which the first call makes. Its keyword arguments are those of `port.threads.Limits`.

    Loop's thread. ValueError for a limit that can't be, or if the pool that there is was to be another.
    """
    for c in mgr.conns:
        if isinstance(c, Foreman):
            if limits:
                raise ValueError("workers: the manager has its pool already")
            return c.pool
    mgr.check_open()
    return WorkerPool(mgr, limits)


class WorkerPool(Outbox, Limits):
    """Made by `mgr.workers()`. `submit` may be called from any thread, the rest in the loop's.

    `stats`, which is also `mgr.stats["workers"]`, counts: jobs = done + failed (they raised) + dropped (client gone, pool closed) +
    timeouts + unstarted (no thread was to be had) + those under way; refused submits; late results, which nobody waited for any more;
    and says how many threads there are, how many are busy, and stuck (at a job whose deadline has passed).
    """

    def __init__(self, mgr, limits):
        if limits:
            from ..core.limits import set_limits

            set_limits(self, limits, Limits)
        super().__init__(mgr, Foreman(mgr))
        self.c.pool = self
        self.jobs: list = [None] * (self.queue + self.n)  # QUEUED and RUNNING, oldest first
        self.under_way = 0  # how many those are
        self.queued = 0
        self.idle = None  # waiters as in pipe.py
        self.threads = 0
        self.tries = 0  # starts refused in a row
        self.due = None  # no job's deadline is earlier
        self.closed = False
        self.stats = mgr.stats["workers"] = dict.fromkeys(
            ("jobs", "done", "failed", "dropped", "timeouts", "unstarted", "refused", "late", "threads", "busy", "stuck"), 0
        )
        if EAGER:
            hire(self, self.n)

    def submit(self, fn, *args, on_done=None, conn=None, timeout_ms=None, pipe=None):
        """Have a worker call `fn(*args)`; returns the job, for `cancel` and `keep`. Any thread; with `conn` or `pipe` only the loop's.

        `on_done(result, error)` is called in the loop, exactly once: with `error` None, or with a `result` of None and what `fn` raised
        (its traceback is printed), or an OSError: ETIMEDOUT when `timeout_ms` milliseconds have passed, counted from here (by default
        the pool's job_ms); EPIPE when the connection `conn` or the pool was closed; EAGAIN if no thread could be started.
        `pipe` is the handler of a pipe's C2, as for `mkpipe`, with `conn` as its fn_data: then `fn` gets the worker's end before
        `args`; it is closed when `fn` returns, and on_done comes when C2 is closed.

        Raises OSError at once: EAGAIN if `n` jobs are under way and `queue` wait, EPIPE if `conn` or the pool is closed, ENOMEM at
        max_pipes.
        """
        ms = timeout_ms or self.job_ms
        job: list = [b"", None, fn, args, on_done, conn, None, None, _QUEUED, None, None, ticks_add(ticks_ms(), ms), ms]
        if conn is not None or pipe is not None:
            tie(self, job, pipe)
        waiter = None
        ring = False
        bell = self.mgr.bell
        with bell.lock:
            er = EPIPE if self.closed else EAGAIN if self.under_way == len(self.jobs) else 0
            if er:
                self.stats["refused"] += 1
            else:
                self.jobs[self.under_way] = job
                self.under_way += 1
                self.queued += 1
                self.stats["jobs"] += 1
                waiter = self.idle
                if waiter is not None:
                    self.idle = waiter[1]
                    waiter[1] = None
                early = self.due is None or ticks_diff(job[_UNTIL], self.due) < 0
                if early:
                    self.due = job[_UNTIL]
                if early or waiter is None:  # the loop must know
                    ring = bell.post(self)
        if er:
            if job[_END] is not None:
                job[_END].close()
            raise OSError(er)
        wake(waiter)
        if ring:
            bell.ring()
        bell.fence.clear()
        return job

    def cancel(self, job):
        """Nobody wants this job any more: drop it from the queue or, if it is running, tell it by its pipe. Its on_done gets EPIPE."""
        end(self, job)

    def keep(self, job):
        """The job makes progress: its deadline counts anew from here."""
        job[_UNTIL] = ticks_add(self.mgr.now, job[_MS])

    def close(self, ms=1000):
        """Take no more jobs, drop those that wait, tell those that run, and give the threads `ms` milliseconds to end; True if all have.

        The manager's `close` does the same. RuntimeError inside a handler, which would hold the loop.
        """
        return close(self, ms)

    def count_thread(self, n):
        """A thread more, or less. To the manager it is like a pipe's end: the bell must not close under it."""
        with self.mgr.bell.lock:
            self.threads += n
            self.stats["threads"] += n
            self.mgr.pipe_ends += n

    def work(self, waiter):
        """What a worker does all its life."""
        waiter[0].acquire()
        while True:
            with self.mgr.bell.lock:
                job = self.take(waiter)
                if job is None and self.closed:
                    break
            if job is None:
                waiter[0].acquire()
                continue
            try:
                job[_RESULT] = kept = job[_FN](*job[_ARGS])
            except BaseException as er:  # sys.exit() too: a worker stays
                job[_ERROR] = kept = er
            if job[_END] is not None:
                job[_END].close()
            with self.mgr.bell.lock:
                ring = self.over(job)
            if ring:
                self.mgr.bell.ring()
            self.mgr.bell.fence.clear()
            job = kept = None  # noqa: F841  (so it was not let go of) they must not be kept until the next one comes
        self.count_thread(-1)

    def take(self, waiter):
        """The first job that waits, or None: then it is `waiter` that waits. With the lock held."""
        if not self.queued:
            waiter[1] = self.idle
            self.idle = waiter
            return None
        i = 0
        while self.jobs[i][_STATE]:
            i += 1
        self.jobs[i][_STATE] = _RUNNING
        self.queued -= 1
        self.stats["busy"] += 1
        return self.jobs[i]

    def over(self, job):
        """The job has been done; True if the bell must be rung. With the lock held."""
        self.remove(job)
        self.stats["busy"] -= 1
        if job[_STATE] == _RUNNING:
            job[_STATE] = _DONE
            self.push(job, _MOST, _MOST)
            return self.mgr.bell.post(self)
        self.stats["late"] += 1
        if job[_UNTIL] is None:
            self.stats["stuck"] -= 1

    def remove(self, job):
        """Take the job out of the list; with the lock held."""
        i = 0
        while self.jobs[i] is not job:
            i += 1
        self.under_way -= 1
        while i < self.under_way:
            self.jobs[i] = self.jobs[i + 1]
            i += 1
        self.jobs[i] = None


class Foreman(Connection):
    """The loop's end of a pool: it starts threads, minds deadlines, and calls back."""

    def __init__(self, mgr):
        super().__init__(mgr, None, None, None)
        self.pool: WorkerPool = None  # pyright: ignore

    def hand(self, job):
        """Called by the loop with each job that is done, before and after them with None."""
        if job is None:
            self.plan()
        elif job[_PIPE] is None:  # else when C2 has had its last message
            self.finish(job)

    def plan(self):
        """See whether threads are to be started, and when to look at deadlines."""
        pool = self.pool
        n = pool.queued - pool.threads + pool.stats["busy"]  # (who is not busy is about to take a job)
        if n > 0 and pool.threads < pool.n and not pool.tries:
            hire(pool, n)
        if pool.due is not None and not pool.tries:
            self.mgr.deadline(self, max(1, ticks_diff(pool.due, self.mgr.now)))

    def expired(self):
        """A deadline has passed, or a start is to be tried again."""
        expired(self.pool)

    def finish(self, job):
        """The job is done, and so is its pipe: the later of the two tells, and if they cross each other both call this."""
        if job[_STATE] != _DONE:
            return
        job[_STATE] = _OVER
        er = job[_ERROR]
        if er is None:
            self.pool.stats["done"] += 1
        else:
            self.pool.stats["failed"] += 1
            self.mgr.report(er)
        self.call(job, er)

    def call(self, job, er):
        """Call on_done."""
        if job[_ON_DONE] is not None:
            with self:
                job[_ON_DONE](job[_RESULT], er)

    def bug(self, er):
        """An on_done has raised."""
        self.mgr.report(er)

    def release(self):
        """The pool is closed: nobody waits for anything any more."""
        release(self.pool)
