# How an App serves a request, from the event to the answer. It goes through these files:
#
#   serving.py    `handler` gets the events of HTTP; `serve_request` finds the route, whose handler is called (here)
#   request.py    the Request that hooks and handlers get
#   routing.py    the route of a request, and how it is served; worker_routes.py and body_streams.py: the same for other kinds of routes
#   hooks.py      the steps in between, if the App has hooks or error handlers, or asyncio polls the manager
#   serving.py    `respond` gets what a handler has returned or raised, and `send_plain` sends the most frequent answers at once (here)
#   response.py   other answers: a Response is made, and sent
from ..http.server import HttpConnection, reply_ok
from .request import Request
from .response import COROUTINE, GENERATOR, HttpError, answer

_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)


class AppConnection(HttpConnection):
    """A client of the App `fn_data`."""

    task: "Any" = None  # noqa: F821  # pyright: ignore  # of asyncio, that runs something of this client's

    def refuse(self, hm, status):
        """What the server refuses by itself, for example because of a limit, the App answers if there is a request to answer; no before
        hook and no handler runs. There is none if the head is not whole, or breaks the grammar."""
        if hm.has_head:
            try:
                app = self.fn_data
                route = app.routes.find(app, hm)[0]
                self.respond(Request(self, hm, route), HttpError(status, None, {"Retry-After": "1"} if status == 503 else None))
            except Exception as er:  # no memory, most likely
                self.mgr.report(er)
            if not hm.is_unanswered or self.task and not self.task.done():
                return not self.is_closing
        return HttpConnection.refuse(self, hm, status)

    def respond(self, req, result):
        """Answer with `result`, which a handler or hook has returned or raised, unless it has answered by `http_reply` and returned None.
        All answers come here. What goes wrong here is answered as an error. If a file is the answer, and a worker uses the file system,
        this is done again in a later turn. Loop's thread."""
        if COROUTINE is not GENERATOR and self.mgr.tasks is None and isinstance(result, COROUTINE):
            result = self.fn_data.parts.generators.refused(result)
        if req.after or has_steps(self, req.route):
            self.fn_data.parts.hooks.respond(self, req, result)
            return
        hm = self.proto
        if hm.data is not req.hm.data or not send_plain(self, hm, result):
            answer(self, req, result)

    def client_left(self, req, er):
        """The client has left before its request was answered: the teardown hooks run, with the exception `er`, and no others."""
        if req.after or has_steps(self, req.route):
            self.fn_data.parts.hooks.tear_down(self, req, er)


# --- a request


def handler(c, ev, hm, app):
    """The handler of HTTP events, on a connection whose fn_data is the App."""
    if ev == _EV_HTTP_MSG:
        route = app.routes.by_request_line.get(hm.method_and_path)
        if route is not None and route.has_fast_path:
            req = Request(c, hm, route)
            try:
                result = route.fn(req)
            except Exception as er:
                result = er
            if not send_plain(c, hm, result):
                c.respond(req, result)
        elif hm.sink:
            hm.sink.end()
        else:
            serve_request(c, hm, app, route, False)
    elif ev == _EV_HTTP_HDRS:
        if app.starts_early:
            serve_request(c, hm, app, app.routes.by_request_line.get(hm.method_and_path), True)
    elif ev == _EV_CLOSE and c.proto and c.proto.sink:
        c.proto.sink.close()


def serve_request(c, hm, app, route, is_early):
    """Find the route if it is None and run the before hooks. If none of them answers, the route does. `is_early`: the head alone has
    come, and only some routes start then."""
    values = None
    if route is None:
        route, values = app.routes.find(app, hm)
    if is_early and not route.starts_early:
        return
    is_stepwise = has_steps(c, route)
    req = Request(c, hm, route)
    if values:
        req.values = values
    if is_stepwise:
        app.parts.hooks.serve(c, req, is_early)
    else:
        route.answer(c, req)


def has_steps(c, route):
    """Whether hooks.py serves the requests of this route: there are hooks or error handlers, or something may be `async def`."""
    if c.mgr.tasks is not None:
        return True
    for app in route.apps:
        if app.is_hooked:
            return True
    return False


def send_plain(c, hm, result):
    """Send the str or bytes that a handler has returned. False, and nothing is sent, if the answer needs more than that."""
    try:
        if isinstance(result, str):
            return reply_ok(c, hm, b"text/plain; charset=UTF-8", result)
        return isinstance(result, bytes) and reply_ok(c, hm, b"application/octet-stream", result)
    except ValueError:  # it is not UTF-8, which `send` finds as well
        return False
