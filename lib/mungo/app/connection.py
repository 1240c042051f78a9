# The connections of an App's clients. What the server refuses by itself, for example because of a limit, the App answers.
from ..http.server import HttpConnection


class AppConnection(HttpConnection):
    """A client of the App `fn_data`."""

    task: "Any" = None  # noqa: F821  # pyright: ignore  # of asyncio, that runs something of this client's

    def refuse(self, hm, status):
        """Let the App answer if there is a request to answer. There is none if the head is not whole, or breaks the grammar."""
        if hm.has_head:
            try:
                self.fn_data.refuse(self, hm, status)
            except Exception as er:  # no memory, most likely
                self.mgr.report(er)
            if not hm.is_unanswered or self.task is not None and not self.task.done():
                return not self.is_closing
        return HttpConnection.refuse(self, hm, status)

    @property
    def async_steps(self):
        """The module with the steps of requests while asyncio polls the manager."""
        from . import async_steps

        return async_steps
