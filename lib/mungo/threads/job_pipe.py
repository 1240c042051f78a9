# The pipe of a pool's job: what `pool.submit` makes if it is given a handler for one.
from .pipe import PipeConnection

_EV_OPEN = const(1)


class JobPipe(PipeConnection):
    """C2 of a job. When it is closed nothing more comes from the worker, so on_done waits for that."""

    def __init__(self, pool, job, fn):
        self.pool = pool
        self.job = job
        self.was_full = False
        PipeConnection.__init__(self, pool.mgr, fn, job.conn)

    def look(self):
        """`is_full` has changed: when the pipe goes on the job's deadline counts anew."""
        if self.was_full and not self.is_full:
            self.pool.keep(self.job)
        self.was_full = self.is_full
        PipeConnection.look(self)

    def bug(self, er):
        """Its handler has raised: report it, and close it. To the job's client it is like a bug of the client's own handler."""
        (self.job.conn or self.pool).bug(er)
        self.broken(er)

    def release(self):
        """It is closing: tell the worker, and call on_done if the job is done."""
        PipeConnection.release(self)
        self.job.c2 = None
        self.pool.finish(self.job)


def attach(pool, job, fn):
    """Make the job's pipe, whose C2 has the handler `fn`. The job's function gets the worker's end. Raises OSError as `mkpipe`."""
    c2 = JobPipe(pool, job, fn)
    try:
        job.end = c2.end
        job.args = (c2.end,) + job.args
        job.c2 = c2
        c2.emit(_EV_OPEN)
    except Exception:  # there is no memory
        c2.fn = None  # it had no EV_OPEN
        c2.end.close()
        c2.is_closing = True
        raise


def is_pipe_of(c2, pool, conn):
    """Whether the connection `c2` is the pipe of a job of this pool and of the client `conn`, or of any of its jobs if that is None."""
    return isinstance(c2, JobPipe) and c2.pool is pool and (conn is None or c2.job.conn is conn)


def shut_pipes(pool):
    """Close the pipes of all jobs of the pool, newest first."""
    conns = pool.mgr.conns
    for i in range(len(conns) - 1, -1, -1):
        if is_pipe_of(conns[i], pool, None):
            pool.mgr.shut(conns[i])
