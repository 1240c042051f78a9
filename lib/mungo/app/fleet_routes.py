# Routes with fleet="job": a board of the fleet does the work. The handler runs in the loop and makes the job's data of the request; the
# job's result is the answer. The manager has its Fleet from `fleet.attach`. This file loads when the first such route is added.
from errno import EAGAIN, EIO, ENOTCONN, ETIMEDOUT

from ..port import EPIPE
from .request import call_handler
from .response import HttpError, Response
from .routing import Route

_JOB_MS = const(30000)
_REFUSALS = (OSError, TypeError, ValueError)  # of `submit`
_AWAY = (EAGAIN, EIO, ENOTCONN, EPIPE)


class FleetRoute(Route):
    """A route whose work a fleet does: `option` is the name of its job."""

    def answer(self, c, req):
        """Call the handler, and submit what it returns. A Response or an error is the answer at once."""
        req.run(call_handler)
        data = req.result
        if isinstance(data, (Exception, Response)):
            c.respond(req, data)
            return
        req.detach()  # the answer comes later

        def done(result, er):
            if c.state and c.is_closing:
                c.client_left(req, er)
                return
            if er is not None:
                number = er.errno if isinstance(er, OSError) else 0
                if number in _AWAY:  # the fleet is full, away or has ended, or has lost the job
                    result = HttpError(503, None, {"Retry-After": "1"})
                else:  # the job has raised
                    result = HttpError(504 if number == ETIMEDOUT else 500)
            c.respond(req, result)

        try:
            c.mgr.fleet.submit(self.option, data, done, self.timeout_ms or _JOB_MS, c)
        except _REFUSALS as er:
            done(None, er)
