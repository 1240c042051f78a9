# What a TestClient needs for routes that stay open: WebSockets and server-sent events.
from errno import EIO

from ..ws import close, connect, send

_EV_ERROR = const(0)
_EV_CLOSE = const(9)
_EV_WS_OPEN = const(12)
_EV_WS_MSG = const(13)


def events(client, target, headers):
    """`TestClient.events`."""
    pieces = []
    call = client.open("GET", target, dict(headers or {}), sink=lambda piece: pieces.append(bytes(piece)))
    text = b""
    try:
        while True:
            end = text.find(b"\n\n")
            if end >= 0:
                event = parse_event(text[:end].decode())
                text = text[end + 2 :]
                if event:
                    yield event
            elif pieces:
                text += pieces.pop(0)
            elif call.is_over or call.answer:
                return
            else:
                client.turn(1000)
    finally:
        client.leave(call)


class TestSocket:
    """A WebSocket to the App."""

    def __init__(self, client, target, headers, protocols):
        self.client = client
        self.messages = []
        self.state = None  # an event's number
        self.error = None
        fields = dict(headers or {})
        client.add_cookies(fields)
        self.c = connect(client.mgr, "ws://test" + target, self.handler, protocols=protocols, headers=fields)
        while self.state is None:
            self.client.turn(1000)
        if self.state != _EV_WS_OPEN:
            raise OSError(EIO, self.error or "closed")

    def handler(self, c, ev, data, _):
        """The handler of the client's connection."""
        if ev == _EV_WS_MSG:
            self.messages.append(data)
        elif ev == _EV_WS_OPEN or ev == _EV_CLOSE:
            self.state = ev
        elif ev == _EV_ERROR:
            self.error = data

    def send(self, data):
        """Send a message: str or bytes."""
        send(self.c, data)
        self.client.turn(0)

    def receive(self):
        """Wait for the next message: str or bytes; None when the WebSocket is closed."""
        while not self.messages:
            if self.state == _EV_CLOSE:
                return None
            self.client.turn(1000)
        return self.messages.pop(0)

    def close(self):
        """Close, and wait for the App's Close."""
        close(self.c)
        while self.state != _EV_CLOSE:
            self.client.turn(1000)


def parse_event(text):
    """The fields of one server-sent event, a dict; data of several lines is joined."""
    event = {}
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        if name:
            value = value[1:] if value[:1] == " " else value
            event[name] = event[name] + "\n" + value if name == "data" and name in event else value
    return event
