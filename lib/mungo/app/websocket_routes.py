# Routes that become WebSockets (ws/): `@app.websocket("/chat")`.
from ..core.utf8 import encode
from ..http.json_writer import dumps
from ..ws import close, ping, send, upgrade
from ..ws.frames import frame_head
from .response import GENERATOR, respond
from .routing import Route

_EV_CLOSE = const(9)
_EV_WS_OPEN = const(12)
_EV_WS_MSG = const(13)
_EV_WAKEUP = const(19)


class Socket:
    """A WebSocket, as a handler of `@app.websocket` gets it besides the request. `on_message(data)` and `on_leave(code)`, if they are set,
    are called with each message (str or bytes), and at the end."""

    on_message: object = None
    on_leave: object = None
    generator: object = None  # what the handler has returned, if it wants messages by `yield`
    protocol = None  # the subprotocol that was agreed on

    def __init__(self, c):
        self.c = c
        self.is_open = False
        self.early = []  # what was sent before it was open
        self.rooms = []  # that it takes part in

    def send(self, data):
        """Send a message: a str as text, bytes-like as binary, anything else as JSON in text. Returns False if it is closed, or if more
        than `send_limit` bytes would wait. Loop's thread."""
        data = text_or_bytes(data)
        if self.is_open:
            return send(self.c, data)
        if self.early is None:
            return False
        self.early.append(data)
        return True

    def post(self, data):
        """`send` for any thread. Returns as `mgr.wakeup`: False also if too many messages are under way."""
        data = text_or_bytes(data)
        return self.c.mgr.wakeup(self.c.id, b"t" + encode(data) if isinstance(data, str) else b"b" + bytes(data))

    def ping(self, data=b""):
        """Send a ping. Loop's thread."""
        return self.is_open and ping(self.c, data)

    def close(self, code=1000, reason=""):
        """Begin to close. Loop's thread. Raises ValueError as `ws.close`."""
        if self.is_open:
            close(self.c, code, reason)

    def encoded(self, data, fields):
        """A message as `push` takes it, made once for many."""
        data = text_or_bytes(data)
        is_text = isinstance(data, str)
        if is_text:
            data = encode(data)
        return bytes(frame_head(129 if is_text else 130, len(data))) + data

    def push(self, frame):
        """Send what `encoded` has made. A reader that is too slow is closed."""
        c = self.c
        if self.is_open and c.proto.takes_messages and not c.is_ending and not c.send(frame):
            c.error("send_limit")

    def handler(self, c, ev, data, fn_data):
        """The connection's handler."""
        if ev == _EV_WS_MSG:
            self.take(data)
        elif ev == _EV_WAKEUP:
            send(c, data[1:] if data[0] == 98 else data[1:].decode())
        elif ev == _EV_WS_OPEN:
            self.is_open = True
            self.protocol = c.proto.protocol
            early, self.early = self.early, None
            for data in early:
                send(c, data)
            for room in self.rooms:
                room.add(self)
            if self.generator is False:  # it has ended already
                self.close()
        elif ev == _EV_CLOSE:
            self.is_open = False
            self.early = None
            for room in self.rooms[:]:
                room.discard(self)
            if self.generator:
                self.generator.close()  # pyright: ignore
            if self.on_leave is not None:
                self.on_leave(c.proto.code)  # pyright: ignore

    def take(self, data):
        """A message has come."""
        if self.on_message is not None:
            self.on_message(data)  # pyright: ignore
        elif self.generator:
            try:
                self.generator.send(data)  # pyright: ignore
            except StopIteration:
                self.generator = False
                self.close()


class WebSocketRoute(Route):
    """A route for WebSockets; `option` are the keyword arguments of `ws.upgrade`."""

    def answer(self, c, req):
        """Call the handler, up to its first yield, and upgrade."""
        upgrade(c, req.hm, None, begin=lambda: self.begin(c, req), **self.option)  # pyright: ignore

    def begin(self, c, req):
        """Whether the handler lets the client in."""
        socket = Socket(c)
        req.run(lambda req: self.call(socket, req))
        if req.result is not None:
            respond(c, req, req.result)
            return False
        c.fn = socket.handler
        return True

    def call(self, socket, req):
        """Call the handler. What it returns is an answer instead, but for a generator and an object with `on_message`."""
        result = self.fn(req, socket, **req.values)
        if isinstance(result, GENERATOR):
            socket.generator = result
            try:
                next(result)
            except StopIteration:
                socket.generator = False
        elif hasattr(result, "on_message"):
            socket.on_message = result.on_message
            socket.on_leave = getattr(result, "on_leave", None)
        else:
            return result


def text_or_bytes(data):
    """A message as `ws.send` takes it."""
    return data if isinstance(data, (str, bytes, bytearray, memoryview)) else dumps(data)
