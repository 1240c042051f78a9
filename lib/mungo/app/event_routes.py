# Routes whose answer is a stream of server-sent events (sse.py): `@app.events("/clock")`.
from ..http.json_writer import dumps
from ..sse import message, push
from ..sse import stream as answer_stream
from .response import GENERATOR, respond
from .routing import Route

_EV_WAKEUP = const(19)


class EventStream:
    """A reader of events: what a handler of `@app.events` gets besides the request. `last_id` is the id of the event that the reader has
    seen last, "" if there is none. Set `on_leave` to a function without arguments that is called when the reader has left."""

    generator = None  # what the handler has returned, if it gives an event from time to time
    on_leave: object = None

    def __init__(self, c, app):
        self.c = c
        self.app = app
        self.last_id = ""
        self.is_open = False
        self.early = []  # messages that were sent before it was open
        self.rooms = []  # that it joins then

    def send(self, data=None, **fields):
        """Send an event; `data` is a str, or what JSON can express; `event=`, `id=` and `retry=` as in `sse.message`. Returns False if the
        reader has gone. Loop's thread."""
        data = encode(data, fields)
        if self.is_open:
            return push(self.c, data)
        if self.early is None:
            return False
        self.early.append(data)
        return True

    def post(self, data=None, **fields):
        """`send` for any thread. Returns as `mgr.wakeup`: False also if too many are under way."""
        return self.c.mgr.wakeup(self.c.id, encode(data, fields))

    def encoded(self, data, fields):
        """An event as `push` takes it, made once for many."""
        return encode(data, fields)

    def push(self, data):
        """Send what `encoded` has made."""
        push(self.c, data)

    def close(self):
        """End the stream. The reader will connect again, unless it gets 204 then. Loop's thread."""
        if self.is_open:
            self.c.http_chunk(b"")
            self.ended(None)

    def begin(self, c, last_id):
        """The answer has begun."""
        self.is_open = True
        c.fn = self.handler
        c.on_close(self.ended, None)
        for data in self.early:
            push(c, data)
        self.early = None
        for room in self.rooms:
            room.add(self)

    def handler(self, c, ev, data, fn_data):
        """The connection's handler while the stream lasts."""
        if ev == _EV_WAKEUP:
            push(c, data)
        else:
            self.app.handler(c, ev, data, fn_data)

    def ended(self, _):
        """The reader has gone, or the stream has ended."""
        if self.is_open:
            self.is_open = False
            self.c.fn = self.app.handler
            for room in self.rooms[:]:
                room.discard(self)
            if self.generator is not None:
                self.generator.close()
            if self.on_leave is not None:
                self.on_leave()  # pyright: ignore


class EventRoute(Route):
    """A route for events; `option` is how often generators are asked, in ms."""

    timer = None
    streams = ()

    def answer(self, c, req):
        """Call the handler, up to its first yield, and begin the stream."""
        stream = EventStream(c, self.apps[0])
        stream.last_id = req.headers.get("Last-Event-ID", "")
        req.run(lambda req: self.begin(stream, req))
        respond(c, req, req.result)

    def begin(self, stream, req):
        """The answer: what `sse.stream` makes, or another that the handler has returned."""
        result = self.fn(req, stream, **req.values)
        if isinstance(result, GENERATOR):
            stream.generator = result
            self.advance(stream)
        elif result is not None:
            return result

        def begin(c, last_id):
            stream.begin(c, last_id)
            if stream.generator is not None:
                self.tick_for(stream)
            elif result is not None:
                stream.close()

        return answer_stream(begin)

    def tick_for(self, stream):
        """Advance its generator from now on."""
        if not self.streams:
            self.streams = []
        self.streams.append(stream)
        if self.timer is None:
            self.timer = stream.c.mgr.timer(self.option, self.tick, None, True)

    def tick(self, _):
        """The next event of each reader."""
        for stream in self.streams[:]:
            try:
                if stream.is_open and self.advance(stream):
                    continue
            except Exception as er:
                stream.c.bug(er)
            self.streams.remove(stream)  # pyright: ignore
            stream.close()
        if not self.streams:
            self.timer.cancel()
            self.timer = None

    def advance(self, stream):
        """Send what the generator yields next. False at its end."""
        try:
            data = next(stream.generator)
        except StopIteration:
            return False
        if data is not None:
            stream.send(data)
        return True


def encode(data, fields):
    """An event as bytes for `sse.push`."""
    if data is not None and not isinstance(data, str):
        data = dumps(data)
    return message(data, **fields)
