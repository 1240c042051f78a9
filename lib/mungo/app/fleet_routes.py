# Routes with fleet="job": a board of the fleet does the work. The handler runs in the loop and makes the job's data of the request; the
# job's result is the answer. The manager has its Fleet from `fleet.attach`. This file loads when the first such route is added.
from errno import ETIMEDOUT

from .request import call_handler
from .response import HttpError, Response
from .routing import Route

_REFUSALS = (OSError, TypeError, ValueError)  # of `submit`


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
            else:
                c.respond(req, result if er is None else fleet_error(er))

        options = {"timeout_ms": self.timeout_ms} if self.timeout_ms else {}
        try:
            c.mgr.fleet.submit(self.option, data, on_done=done, conn=c, **options)
        except _REFUSALS as er:
            done(None, er)


def fleet_error(er):
    """The HttpError for the error of a job: 503 if the fleet is full, away or has lost it, 504 at its deadline, 500 if it has raised."""
    if not isinstance(er, OSError):
        return HttpError(500)
    if er.errno == ETIMEDOUT:
        return HttpError(504)
    return HttpError(503, None, {"Retry-After": "1"})
