# The WebSockets of open pages. A page that reads slowly is told less often: nothing but what the socket takes ever waits for it.
from ..app.response import HttpError
from ..core.utf8 import encode
from ..http.json_reader import loads
from ..http.json_writer import dumps
from ..ws import close, send, upgrade
from .requests import MESSAGE, Requests

_EV_WRITE = const(8)
_EV_CLOSE = const(9)
_EV_WS_OPEN = const(12)
_EV_WS_MSG = const(13)

_PIECE = const(600)  # bytes of descriptions in one message


class Client:
    """A page with its WebSocket `c`. `who` is its Who."""

    def __init__(self, dash, c, who):
        self.dash = dash
        self.requests = Requests(dash)
        self.c = c
        self.who = who
        self.at: "Any" = 0  # noqa: F821  # pyright: ignore  # the widget that is next in the full state; None: all are sent
        self.seq = 0  # what the page knows

    def handler(self, c, ev, data, fn_data):
        """The connection's handler."""
        if ev == _EV_WS_MSG:
            self.answer(data)
        elif ev == _EV_WRITE:
            c.is_full = False
            self.update()
        elif ev == _EV_WS_OPEN:
            self.dash.clients.append(self)
            self.update()
        elif ev == _EV_CLOSE and self in self.dash.clients:
            self.dash.clients.remove(self)

    def send(self, text):
        """Send a message. What the page says while the socket does not take all of it has to wait: so each answer has room."""
        send(self.c, text)
        if self.c.out is not None:
            self.c.is_full = True

    def update(self):
        """Send what the page does not know, as long as the socket takes it."""
        while self.c.out is None and not self.c.is_ending:
            if self.at is not None:
                self.send_state()
            elif self.seq != self.dash.seq:
                self.send(changes(self.dash, self.seq))
                self.seq = self.dash.seq
            else:
                return

    def send_state(self):
        """Send a piece of the full state."""
        dash = self.dash
        message = {}
        if self.at == 0:
            self.seq = dash.seq
            message["state"] = self.requests.state(self.who)
        message["seq"] = self.seq
        text = []
        size = 0
        while self.at < len(dash.widgets) and size < _PIECE:
            text.append(dumps(dash.widgets[self.at].describe()))
            size += len(text[-1])
            self.at += 1
        end = ""
        if self.at >= len(dash.widgets):
            self.at = None
            end = ', "whole": true'
        self.send('%s, "widgets": [%s]%s}' % (dumps(message)[:-1], ", ".join(text), end))

    def answer(self, data):
        """Do what the page asks for, and answer."""
        reply = {}
        message = {}
        try:
            if len(data) > MESSAGE:
                raise ValueError("want at most %d bytes" % MESSAGE)
            message = loads(encode(data) if isinstance(data, str) else data)
            if not isinstance(message, dict):
                message = {}
                raise ValueError("want an object")
            reply = self.do(message)
        except HttpError as er:
            reply = {"error": er.response.body, "status": er.status}
        except ValueError as er:
            reply = {"error": str(er) or "wrong", "status": 400}
        id = message.get("id")
        if reply and isinstance(id, str) and id in self.dash.by_id:
            reply["id"] = id
            if "error" in reply:
                reply["value"] = self.dash.by_id[id].value
        if type(message.get("re")) is int:
            reply["re"] = message["re"]
        if reply:
            self.send(dumps(reply))

    def do(self, message):
        """Do what a message asks for; returns the answer, a dict. Raises HttpError, ValueError."""
        dash = self.dash
        get = message.get("get")
        if get == "state":
            self.at = 0
            self.update()
            return {}
        if "id" not in message:
            return {"seq": dash.seq}
        id = message["id"]
        if "value" in message:
            self.requests.change(self.who.level, id, message["value"])
        elif "run" in message:
            self.requests.run(self.who.level, id, message["run"])
        elif "cancel" in message:
            self.requests.cancel(self.who.level, id)
        elif get == "history":
            return self.requests.history(id)
        elif get == "rows":
            return self.requests.rows(id, message.get("at", 0), message.get("n", 20))
        else:
            raise ValueError("want value, run, cancel or get")
        return {}

    def close(self):
        """The user may not go on: end it, so that the page asks who it is."""
        close(self.c, 4401, "log in")


def changes(dash, since):
    """The message with what has changed since `since`, as text; made once for all pages that know as much."""
    known, seq, text = dash.cached
    if known != since or seq != dash.seq or not text:
        found = {widget.id: widget.state(since) for widget in dash.widgets if widget.seq > since}
        text = dumps({"seq": dash.seq, "since": since, "changes": found})
        dash.cached = (since, dash.seq, text)
    return text


def open(door):
    """Add the route of the WebSockets."""

    def live(req):
        client = Client(door.dash, req.c, req.g["who"])
        origins = door.dash.origins
        if origins:  # and the device itself
            host = req.headers.get("Host", "")
            origins = tuple(origins) + ("http://" + host, "https://" + host)
        return lambda c, hm: upgrade(c, hm, client.handler, c.fn_data, origins=origins)

    door.route("GET", "/live", live)
