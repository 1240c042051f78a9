# Requests that outlast the call of their handler: workers have them, generators that are answers, and handlers of bodies in pieces.
from errno import ETIMEDOUT

from ..http.head import snapshot
from ..http.parser import Request as Head
from ..port.address import address
from .app import HttpError, Request, Response, attempt, call, make, reply


def keep(req):
    """Copy the head: the loop's buffer will be used for something else."""
    hm = req.hm
    if type(hm) is Head:
        return
    req.hm = snapshot(hm, req.c.recv, Head)


class Copy(Request):
    """A request for another thread, with nothing of the loop's."""

    def __init__(self, req):
        super().__init__(None, req.hm, req.route)
        self.peer = req.c.peer
        if req.user is not None:
            self.user = req.user
        if req.values:
            self.values = req.values
        if "g" in req.__dict__:
            self.g = dict(req.g)

    def __getattr__(self, name):
        return address(self.peer) if name == "rem" else super().__getattr__(name)


def _make(req):
    return make(call(req))


def work(req):
    """In a worker: the handler's Response, or its exception."""
    attempt(_make, req)
    return req.result


def submit(c, req):
    """Have a worker answer the request."""
    keep(req)
    copy = Copy(req)

    def done(result, er):
        if c.is_closing:
            return
        if er is not None:
            return reply(c, req, _excuse(er))  # (a worker may still be at the copy)
        if isinstance(result, Response):
            copy.source = result.body
        reply(c, copy, result)

    try:
        (getattr(c, "pool", None) or c.mgr.workers()).submit(work, copy, on_done=done, conn=c, timeout_ms=req.route.timeout_ms)
    except OSError as er:
        done(None, er)


def _excuse(er):
    # What a pool's error is to the client.
    if not isinstance(er, OSError):
        return HttpError(500)  # SystemExit; the pool has reported it
    if er.errno == ETIMEDOUT:
        return HttpError(504)
    return HttpError(503, None, {"Retry-After": "1"})


def generate(c, req, response, headers):
    """Answer with a generator: a worker's runs in a worker, the loop's in the loop."""
    if response.body is not req.source:
        if req.c:
            keep(req)
        c.http_reply(response.status, headers, response.body)
        return
    from .relay import stream

    try:
        stream(c, c.mgr.workers(), response.body, response.status, headers)
    except OSError as er:
        raise _excuse(er)


class Feed:
    """What a stream handler gets its pieces from: the `sink` of its request."""

    def __init__(self, c, req):
        self.c = c
        self.req = req
        self.source = req.result  # None: it has ended

    def start(self):
        """The head has come."""
        self.feed(None)
        if self.source is None:
            reply(self.c, self.req, self.req.result)
        else:
            self.req.hm.on_body(self)

    def __call__(self, piece):
        """A piece of the body has come."""
        self.feed(piece)
        hm = self.req.hm
        if self.source is None and hm.is_body_pending:  # the handler does not want the rest
            reply(self.c, self.req, self.req.result)

    def end(self):
        """All of it has come."""
        if self.source is not None:
            self.feed(None)
        if self.source is not None:
            self.close()
            self.req.result = RuntimeError("a stream handler must return after None")
        reply(self.c, self.req, self.req.result)

    def feed(self, piece):
        """Have the handler go on."""
        try:
            self.source.send(piece)
        except Exception as er:
            self.source = None
            self.req.result = er.value if isinstance(er, StopIteration) else er

    def close(self):
        """The client has gone."""
        if self.source is not None:
            self.source.close()
            self.source = None
