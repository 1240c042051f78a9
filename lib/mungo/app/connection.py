# The connections of an App's clients. What the server refuses by itself, for example because of a limit, the App answers.
from ..http.server import HttpConnection
from .request import Request
from .response import HttpError, respond


class AppConnection(HttpConnection):
    """A client of the App `fn_data`."""

    task: "Any" = None  # noqa: F821  # pyright: ignore  # of asyncio, that runs something of this client's

    def refuse(self, hm, status):
        """Let the App answer if there is a request to answer; no before hook and no handler runs. There is none if the head is not whole,
        or breaks the grammar."""
        if hm.has_head:
            try:
                route, _ = self.fn_data.routes.find(self.fn_data, hm)
                respond(self, Request(self, hm, route), HttpError(status, None, {"Retry-After": "1"} if status == 503 else None))
            except Exception as er:  # no memory, most likely
                self.mgr.report(er)
            if not hm.is_unanswered or self.task is not None and not self.task.done():
                return not self.is_closing
        return HttpConnection.refuse(self, hm, status)
