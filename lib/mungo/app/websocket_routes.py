# Routes that become WebSockets: `@app.websocket("/chat")`.
from ..ws import upgrade
from .routing import Route
from .sockets import Socket


class WebSocketRoute(Route):
    """A route for WebSockets; `option` are the keyword arguments of `ws.upgrade`."""

    def answer(self, c, req):
        """Call the handler, up to its first yield, and upgrade."""
        socket = Socket(c)
        upgrade(c, req.hm, None, begin=lambda: self.begin(socket, req), **self.option)  # pyright: ignore
        if req.result is None and socket.waits is None:
            c.respond(req, None)  # it is answered, and torn down

    def begin(self, socket, req):
        """Whether the handler lets the client in. An `async def` does so later."""
        c = socket.c
        handler = socket.handler  # (made here: when a generator has begun nothing may fail that would leave it open)

        def begin():
            is_open = upgrade(c, req.hm, handler, c.fn_data, **self.option)  # pyright: ignore
            c.respond(req, None)
            return is_open

        def call(req):
            result = socket.call(self, req, begin)
            if not hasattr(result, "on_message"):
                return result
            socket.on_message = result.on_message  # pyright: ignore
            socket.on_leave = getattr(result, "on_leave", None)

        req.run(call)
        if req.result is not None:
            c.respond(req, req.result)
        if req.result is not None or socket.waits is not None:
            return False
        c.fn = handler
        return True
