# Methods of an App that few programs call: this file loads with the first of them.
from ..manager import Manager
from ..port import Limits


def route_class(worker, stream, fleet):
    """The class of a route with one of the options `worker`, `stream` and `fleet` of `App.route`. ValueError for two of them."""
    if worker and stream or fleet and (worker or stream):
        raise ValueError("worker, stream, fleet: want one")
    if worker:
        from .worker_routes import WorkerRoute as Kind
    elif stream:
        from .body_streams import StreamRoute as Kind
    else:
        from .fleet_routes import FleetRoute as Kind
    return Kind


class Extras:
    """The methods. An App finds them as if they were its own."""

    adder: "Any"  # noqa: F821  # pyright: ignore  # these two are App's
    open: "Any"  # noqa: F821  # pyright: ignore

    def websocket(self, path, **options):
        """A decorator: `fn(req, ws, **values)` is called when a client wants a WebSocket at this path, before it is let in. `ws` is a
        `sockets.Socket`: `ws.send`, and `ws.post` from other threads; what is sent at once arrives when it is open.

        The function is a generator, to which `message = yield` gives each message, and which is closed when the client leaves; its end
        closes the WebSocket. Or it returns an object with `on_message(message)` and, if wanted, `on_leave(code)`. Or it sets these of
        `ws`, and returns None. Or, under `serve`, it is an `async def` with `await ws.receive()` and `await ws.send(..)`, which is
        cancelled when the client leaves. What it returns, or raises, before its first yield, or before it first waits, is the answer
        instead. `options`: `protocols`, `origins` and `ping_ms` of `ws.upgrade`.
        """
        from .websocket_routes import WebSocketRoute

        return self.adder(path, ("GET",), WebSocketRoute, None, options)

    def events(self, path, every_ms=1000):
        """A decorator: `fn(req, stream, **values)` is called when a client reads server-sent events at this path. `stream` is an
        `event_streams.EventStream`: `stream.send`, and `stream.post` from other threads.

        The function is a generator that yields an event each `every_ms`, None if there is none just then, and is closed when the client
        leaves. Or it returns None, and something else sends. Or, under `serve`, it is an `async def` with `await stream.send(..)`, whose
        end is that of the stream, or an async generator, which yields an event whenever it has one. What else it returns, or raises,
        before its first yield, or before it first waits, is the answer instead.
        """
        from .event_routes import EventRoute

        return self.adder(path, ("GET",), EventRoute, None, every_ms)

    def static(self, prefix, root, **options):
        """Serve the files in the folder `root`, or of a packed module, below the path `prefix`: `app.static("/assets", "www")`. `options`
        are those of `files.send`. Raises ValueError as `route`."""
        from .mounting import serve_files

        serve_files(self, prefix, root, options)

    def url_for(self, fn, **values):
        """The path of the route whose handler is `fn` with these values for the names in it; those that it does not have become the query.
        Raises ValueError if there is no such route, or if a value is missing."""
        from .urls import path_of

        return path_of(self, fn, values)

    def mount(self, other, prefix):
        """Serve the routes that the App `other` has by now below `prefix`. Its hooks and error handlers apply to them alone: before
        hooks after this App's own, after hooks before them, error handlers rather than this App's.

        Raises ValueError for a prefix that does not start with "/" or ends with it, and as `route`.
        """
        from .mounting import mount

        mount(self, other, prefix)

    async def serve(self, host="0.0.0.0", port=8000, tls=None, **limits):
        """`run` beside other tasks of asyncio: `await app.serve()`. Cancel its task, or call `stop` of the manager, to end it.
        Handlers, hooks and error handlers may be `async def`, but not handlers with `worker` or `stream`."""
        from ..aio import serve

        with Manager(**limits) as mgr:
            self.open(mgr, host, port, tls)
            await serve(mgr)

    def test_client(self, **options):
        """A client for tests that asks this App without a socket, see `app.testing.TestClient`. `options`: `asyncio=True` for an App with
        `async def`, and limits of the manager."""
        from .testing import TestClient

        return TestClient(self, **options)

    def stats(self, req):
        """A handler: the manager's counters and limits as JSON. `app.get("/stats")(app.stats)`; not for a worker."""
        mgr = req.c.mgr
        return {"stats": mgr.stats, "limits": {name: getattr(mgr, name) for name in dir(Limits) if name[:1] != "_"}}
