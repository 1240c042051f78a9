# A request while asyncio polls the manager: its handler, hooks and error handlers may be `async def`. The before hooks and the route are
# here, as in `serve_request` of app.py; async_answers.py does what response.py does.
from .async_answers import respond
from .response import COROUTINE, is_unanswered
from .tasks import drive


class Held:
    """The `sink` of a request whose before hooks wait, when its body is still to come."""

    is_over = False  # it was answered

    def __init__(self, c, req):
        self.c = c
        self.req = req

    def __call__(self, piece):
        """A piece of the body of a request that was answered."""

    def end(self):
        """All of the request has come."""
        if not self.is_over:
            respond(self.c, self.req, self.req.result)

    def close(self):
        """The client has left."""


def serve(c, req, is_early):
    """Run the before hooks, and then the route, or answer. `is_early`: the body is still to come. It is not read while a hook waits."""
    drive(c, _serve(c, req, is_early))


def _serve(c, req, is_early):
    held = None
    try:
        for app in req.route.apps:
            for hook in app.before:
                if req.result is None and is_unanswered(c, req):
                    value = hook(req)
                    if isinstance(value, COROUTINE):
                        if not is_early:
                            req.detach()
                        elif held is None:
                            held = Held(c, req)
                            req.hm.on_body(held)
                            c.is_full = True
                        value = yield value
                    req.result = value
    except Exception as er:
        req.result = er
    if held is not None and not c.is_closing:
        c.is_full = False
        c.resume()
    if req.result is None and is_unanswered(c, req):
        req.route.answer(c, req)
    elif held is None or req.hm.is_body_pending:
        if held is not None:
            held.is_over = True
        respond(c, req, req.result)
