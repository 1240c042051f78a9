# Answers of workers: of what a handler has returned there, of a generator that runs there, of a job that has failed. The code before a
# generator's first piece decides about the status, so the answer begins with that piece.
import sys
from errno import ETIMEDOUT

from .relay import Relay, send_pieces
from .response import GENERATOR, HttpError, Response, to_response

_EV_READ = const(7)


def pool_error(er):
    """The HttpError for the exception `er` with which the pool has ended or refused a job."""
    if not isinstance(er, OSError):
        return HttpError(500)  # SystemExit, which the pool has reported
    if er.errno == ETIMEDOUT:
        return HttpError(504)
    return HttpError(503, None, {"Retry-After": "1"})


def answer(c, req, copy, result, timeout_ms):
    """Answer `req` with what its handler has returned in a worker, which had `copy`. A generator runs in a worker, too: it gives its first
    piece within `timeout_ms`, and each other one after the one before. Loop's thread."""
    body = result.body if isinstance(result, Response) else result
    if not isinstance(body, GENERATOR):
        return c.respond(copy, result)
    late = LateRelay(c, req, copy, result, timeout_ms)
    core: "Any" = sys.modules.get("asyncio.core")  # noqa: F821  # pyright: ignore
    if hasattr(core, "Task") and core.cur_task is None:  # see probe.py
        core.cur_task = core.Task(body)
    try:
        late.pool.submit(send_pieces, body, c.proto.is_head, on_done=late.on_done, conn=c, timeout_ms=timeout_ms, pipe=late.on_pipe)
    except OSError as er:
        c.respond(req, pool_error(er))


class LateRelay(Relay):
    """A Relay that is the body of a Response. The answer begins with the first piece."""

    is_over = False  # it was answered, without these pieces

    def __init__(self, c, req, copy, result, timeout_ms):
        Relay.__init__(self, c, c.mgr.pool)
        self.req = req
        self.copy = copy
        self.seen = copy.copy_for_worker()  # by the hooks, while the worker uses `copy`
        self.result = result
        self.timeout_ms = timeout_ms

    def begin(self, c, status, pairs):
        """Begin the answer, when the after hooks have seen it."""
        if c.proto.is_head:
            c.http_reply(status, pairs, iter(()))
        elif c.http_reply(status, pairs, None):
            c.fn = self.on_client
            self.is_begun = True

    def on_pipe(self, c2, ev, data, c):
        """As Relay's."""
        if ev == _EV_READ and not self.is_begun:
            if self.is_over:
                return
            response = to_response(self.result)
            response.body = self
            self.c2 = c2
            c.respond(self.seen, response)
            if not self.is_begun:  # HEAD, or a hook has failed
                self.is_over = True
                c2.is_closing = True
                return
        Relay.on_pipe(self, c2, ev, data, c)

    def on_done(self, result, er):
        """As Relay's."""
        c = self.c
        if self.is_begun:
            Relay.on_done(self, result, er)
        elif self.is_over:
            return
        elif c.is_closing:
            c.client_left(self.req, er)
        elif er is not None:
            c.respond(self.req, pool_error(er))
        elif not result and isinstance(self.result, Response):
            self.result.body = ""
            c.respond(self.copy, self.result)
        else:
            answer(c, self.req, self.copy, result, self.timeout_ms)
