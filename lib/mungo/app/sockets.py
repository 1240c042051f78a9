# A WebSocket (ws/) as handlers of `@app.websocket` get it.
from ..http.json_writer import dumps
from ..ws import broadcast, close, ping, send
from .members import Member

_EV_CLOSE = const(9)
_EV_WS_OPEN = const(12)
_EV_WS_MSG = const(13)


class Socket(Member):
    """A WebSocket, as a handler of `@app.websocket` gets it besides the request. `on_message(data)` and `on_leave(code)`, if they are set,
    are called with each message (str or bytes), and at the end."""

    on_message: object = None
    protocol = None  # the subprotocol that was agreed on

    def send(self, data):
        """Send a message: a str as text, bytes-like as binary, anything else as JSON in text. Returns False if it is closed, or if more
        than `send_limit` bytes would wait. An `async def` may await it: then it returns when all is sent. Loop's thread."""
        return self.give(text_or_bytes(data))

    def put(self, message):
        """As Member's."""
        return send(self.c, message)

    def receive(self):
        """For an `async def`: `await ws.receive()` is the next message. When the client leaves the handler is cancelled."""
        if self.waits is None:
            raise RuntimeError("receive: want an async def, under `await app.serve()`")
        return self.waits.receive()

    def post(self, data):
        """`send` for any thread. Returns as `mgr.wakeup`: False also if too many messages are under way."""
        return self.give_later(text_or_bytes(data))

    def ping(self, data=b""):
        """Send a ping. Loop's thread."""
        return self.is_open and ping(self.c, data)

    def close(self, code=1000, reason=""):
        """Begin to close. Loop's thread. Raises ValueError as `ws.close`."""
        if self.is_open:
            close(self.c, code, reason)

    def send_to(self, conns, data, fields):
        """Send a message to the WebSockets at all these connections."""
        broadcast(conns, text_or_bytes(data))

    def handler(self, c, ev, data, fn_data):
        """The connection's handler."""
        if ev == _EV_WS_MSG:
            if self.on_message is not None:
                self.on_message(data)  # pyright: ignore
            elif self.waits is not None:
                self.waits.take(data)
            elif self.generator:
                self.advance(data)
                if self.generator is False:
                    self.close()
        elif ev == _EV_WS_OPEN:
            self.protocol = c.proto.protocol
            self.opened()
        elif ev == _EV_CLOSE:
            self.gone(getattr(c.proto, "code", 1006))  # (it may be HTTP's, if there was no memory for another one)
        else:
            self.notice(ev, data)


def text_or_bytes(data):
    """A message as `ws.send` takes it."""
    return data if isinstance(data, (str, bytes, bytearray, memoryview)) else dumps(data)
