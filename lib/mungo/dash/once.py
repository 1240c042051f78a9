# A function that a worker calls, and never two at once: reading a metric, setting a control, running an action.
from errno import ETIMEDOUT

_IDLE = const(0)
_IN_QUEUE = const(1)  # a job is in the pool
_AT_WORK = const(2)  # a worker is at it, perhaps after its deadline


class TooLong(Exception):
    """The function takes longer than its time."""


class Once:
    """Calls functions in the pool, one at a time. `state` is not 0 while one is under way."""

    def __init__(self, dash):
        self.dash = dash
        self.state = _IDLE

    def start(self, on_done, fn, args, *about, timeout_ms=None):
        """Have a worker call `fn(*args)`, and then the loop `on_done(*about, result, exception)`. Returns the job; None if another call is
        under way, or if the pool is full. Loop's thread."""
        if self.state:
            return None

        def done(result, er):
            if er is not None:
                with self.dash.mgr.bell.lock:
                    if self.state == _IN_QUEUE:  # it will not run
                        self.state = _IDLE
                if isinstance(er, OSError) and er.errno == ETIMEDOUT:
                    er = TooLong("no result in time")
            elif result is None:
                return
            else:
                result, er = result
            on_done(*about, result, er)

        self.state = _IN_QUEUE
        try:
            mgr = self.dash.mgr
            return (mgr.pool or mgr.workers()).submit(self.run, fn, args, on_done=done, timeout_ms=timeout_ms)
        except Exception as er:
            self.state = _IDLE
            if not isinstance(er, OSError):
                raise
            return None

    def run(self, fn, args):
        """In a worker: (result, None) or (None, exception); None if another call has begun meanwhile."""
        with self.dash.mgr.bell.lock:
            if self.state != _IN_QUEUE:
                return None
            self.state = _AT_WORK
        try:
            return fn(*args), None
        except Exception as er:
            return None, er
        finally:
            self.state = _IDLE
