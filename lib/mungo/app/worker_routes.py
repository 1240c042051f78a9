# Routes with worker=True: their handlers run in threads of the pool, and may block. This file loads when the first such route is added.
#
# In the loop `answer` submits a job with a copy of the request. In a worker `_work` calls the handler, and makes a Response of what it
# returns, but for str and bytes. In the loop again `done` answers, with worker_answers.py if that is a generator.
#
# The manager uses pool.py, and request.py json_reader.py, and so on; they load here, before workers run: an import adds to the dict of its
# package, and without a GIL no thread may read that meanwhile.
from ..core.limits import check_limit
from ..http.lazy import parts
from ..port import SHARES_FLASH
from ..threads import pool  # noqa: F401
from . import hook_fields  # noqa: F401
from .readers import readers
from .request import call_handler
from .response import GENERATOR, Response, to_response
from .routing import Route
from .worker_answers import answer, pool_error

if SHARES_FLASH:
    from . import hooks  # noqa: F401

_ = (parts.head, readers.form, readers.json_reader, readers.json_writer)  # (loads them)


class WorkerRoute(Route):
    """A route whose handler runs in a worker."""

    needs_workers = True

    def __init__(self, path, fn, apps, timeout_ms=None):
        if timeout_ms is not None:
            check_limit("timeout_ms", timeout_ms)
        Route.__init__(self, path, fn, apps, timeout_ms)
        app_parts = apps[0].parts
        _ = (app_parts.attributes, app_parts.generators, app_parts.headers)

    def answer(self, c, req):
        """Have a worker call the handler, and answer when it is done. If the pool is full, the answer is 503, at once."""
        copy = req.copy_for_worker()

        def done(result, er):
            if c.state and c.is_closing:
                c.client_left(req, er)
            elif er is not None:
                c.respond(req, pool_error(er))  # not the copy, which a worker may still use
            elif isinstance(result.body if isinstance(result, Response) else result, GENERATOR):
                answer(c, req, copy, result, self.timeout_ms)
            else:
                c.respond(copy, result)

        try:
            (c.mgr.pool or c.mgr.workers()).submit(_work, copy, on_done=done, conn=c, timeout_ms=self.timeout_ms)
        except OSError as er:
            done(None, er)


def _work(req):
    # A str or bytes, or a Response, or what the handler has raised: an exception is the App's to answer, not the pool's to report.
    req.run(_call)
    return req.result


def _call(req):
    value = call_handler(req)
    return value if isinstance(value, (str, bytes, GENERATOR)) else to_response(value)
