# What a pool does seldom: threads are started, jobs tied to clients and pipes, and ended before they are done by deadlines, clients
# that leave, a pool that is closed. All in the loop's thread.
import _thread
from _thread import allocate_lock
from errno import EAGAIN, ETIMEDOUT
from time import sleep_ms, ticks_diff, ticks_ms

from ..port import EPIPE
from .pipe import wake

_ARGS = const(3)  # places in a job, see workers.py
_CONN = const(5)
_END = const(6)
_PIPE = const(7)
_STATE = const(8)
_UNTIL = const(11)

_QUEUED = const(0)
_RUNNING = const(1)
_OVER = const(3)

_AGAIN_MS = const(20)  # after a refused start; with no thread at all,
_TRIES = const(5)  # so many in a row are enough


def hire(pool, n):
    """Start `n` threads more, as far as there may be so many. RP2 may refuse one for a moment after another has ended, so `expired`
    tries again."""
    while n > 0 and pool.threads < pool.n:
        pool.count_thread(1)
        old = _thread.stack_size(pool.stack) if pool.stack >= 1024 else None
        try:
            # Its lock is made here: a thread that finds no memory for one would end, and still be counted.
            _thread.start_new_thread(pool.work, ([allocate_lock(), None],))
            pool.tries = 0
        except (OSError, RuntimeError, MemoryError):
            pool.count_thread(-1)
            pool.tries += 1
            pool.mgr.deadline(pool.c, _AGAIN_MS)
            n = 0
        if old is not None:
            _thread.stack_size(old)
        n -= 1


def tie(pool, job, fn):
    """Have the job end with its client, and give it a pipe whose handler is `fn`. OSError EPIPE if the client is closing."""
    c = job[_CONN]
    if c is not None:
        if c.is_closing:
            raise OSError(EPIPE)
        if getattr(c, "pool", None) is None:
            c.pool = pool
            _follow(c, left, c)
    if fn is not None:
        job[_END] = end = pool.mgr.mkpipe(fn, c)
        job[_PIPE] = end.c
        job[_ARGS] = (end,) + job[_ARGS]
        _follow(end.c, _detach, (pool, job))


def _follow(c, fn, arg):
    # Have fn(arg) called when the connection gives back what it has.
    release = c.release

    def released():
        release()
        fn(arg)

    c.release = released


def _detach(arg):
    # The job's pipe is closed.
    pool, job = arg
    job[_PIPE] = None
    pool.c.finish(job)


def end(pool, job, number=EPIPE, counter="dropped"):
    """The job ends now, with OSError(number), unless it is done already."""
    with pool.mgr.bell.lock:
        state = job[_STATE]
        if state > _RUNNING:
            return
        job[_STATE] = _OVER
        pool.stats[counter] += 1
        if state == _QUEUED:
            pool.remove(job)
            pool.queued -= 1
        elif number == ETIMEDOUT:
            pool.stats["stuck"] += 1
            job[_UNTIL] = None
    if job[_PIPE] is not None:
        job[_PIPE].is_closing = True  # so that the worker learns it
    if job[_END] is not None and state == _QUEUED:
        job[_END].close()
    pool.c.call(job, OSError(number))


def under_way(pool):
    """The jobs that wait or run, as a list of their own."""
    jobs = [None] * len(pool.jobs)  # made before the lock is taken
    with pool.mgr.bell.lock:
        for i in range(pool.under_way):
            jobs[i] = pool.jobs[i]
    return [job for job in jobs if job is not None]


def expired(pool):
    """End what is due; try again to start what was refused."""
    pool.c.wait = 0
    with pool.mgr.bell.lock:
        pool.due = None
    for job in under_way(pool):
        if job[_STATE] > _RUNNING:
            pass  # late: nobody waits any more
        elif pool.tries > _TRIES and not pool.threads:
            end(pool, job, EAGAIN, "unstarted")
        elif ticks_diff(job[_UNTIL], ticks_ms()) <= 0:
            end(pool, job, ETIMEDOUT, "timeouts")
        else:
            with pool.mgr.bell.lock:
                if pool.due is None or ticks_diff(job[_UNTIL], pool.due) < 0:
                    pool.due = job[_UNTIL]
    n = pool.queued - pool.threads + pool.stats["busy"]
    if n <= 0 or pool.tries > _TRIES:
        pool.tries = 0
    if pool.tries:
        hire(pool, n)
    if pool.due is not None and not pool.tries:
        pool.mgr.deadline(pool.c, max(1, ticks_diff(pool.due, pool.mgr.now)))


def left(c):
    """The client `c` is gone."""
    for job in under_way(c.pool):
        if job[_CONN] is c:
            end(c.pool, job)


def release(pool):
    """The pool is closed: threads that wait end, jobs are dropped."""
    with pool.mgr.bell.lock:
        pool.closed = True
        waiter = pool.idle
        pool.idle = None
    wake(waiter)
    for job in under_way(pool):
        end(pool, job)


def close(pool, ms):
    """WorkerPool.close"""
    if pool.mgr.busy:
        raise RuntimeError("close inside a handler")
    pool.c.shut()
    start = ticks_ms()
    while pool.threads and ticks_diff(ticks_ms(), start) < ms:
        sleep_ms(1)
    return not pool.threads
