# A reader of server-sent events (sse.py) as handlers of `@app.events` get it.
from ..http.json_writer import dumps
from ..sse import broadcast, message, push
from .members import Member


class EventStream(Member):
    """A reader of events: what a handler of `@app.events` gets besides the request. `last_id` is the id of the event that the reader has
    seen last, "" if there is none. Set `on_leave` to a function without arguments that is called when the reader has left, or was
    not let in: it may get another answer, for example 503 at `max_streams`."""

    last_id = ""

    def send(self, data=None, **fields):
        """Send an event; `data` is a str, or what JSON can express; `event=`, `id=` and `retry=` as in `sse.message`. Returns False if the
        reader has gone. An `async def` may await it: then it returns when all is sent. Loop's thread."""
        return self.give(message(text(data), **fields))

    def put(self, message):
        """As Member's."""
        return push(self.c, message)

    def post(self, data=None, **fields):
        """`send` for any thread. Returns as `mgr.wakeup`: False also if too many are under way."""
        return self.give_later(message(text(data), **fields))

    def send_to(self, conns, data, fields):
        """Send an event to the readers at all these connections."""
        broadcast(conns, text(data), **fields)

    def close(self):
        """End the stream. The reader will connect again, unless it gets 204 then. Loop's thread."""
        if self.is_open:
            self.c.http_chunk(b"")
            self.ended(None)

    def advance(self, value):
        """As Member's; what the generator yields is an event."""
        data = Member.advance(self, value)
        if data is not None:
            self.send(data)

    def handler(self, c, ev, data, fn_data):
        """The connection's handler while the stream lasts."""
        self.notice(ev, data)
        fn_data.handler(c, ev, data, fn_data)

    def ended(self, _):
        """The reader has gone, or the stream has ended."""
        if self.is_open:
            self.c.fn = self.c.fn_data.handler
            self.gone()


def text(data):
    """The data of an event as `sse.message` takes it."""
    return data if data is None or isinstance(data, str) else dumps(data)
