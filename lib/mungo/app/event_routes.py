# Routes whose answer is a stream of server-sent events: `@app.events("/clock")`.
from ..sse import start
from .event_streams import EventStream
from .response import respond
from .routing import Route


class EventRoute(Route):
    """A route for events; `option` is how often generators are asked, in ms."""

    timer = None
    streams = ()

    def answer(self, c, req):
        """Call the handler, up to its first yield, and begin the stream."""
        stream = EventStream(c)
        stream.last_id = req.headers.get("Last-Event-ID", "")

        def begin():
            respond(c, req, body)

        def body(c, hm):
            if start(c, hm) is not None:
                c.fn = stream.handler
                c.on_close(stream.ended, None)
                stream.opened()
                if stream.generator:
                    self.tick_for(stream)
            else:  # HEAD, or too many streams
                stream.gone()

        req.run(lambda req: stream.call(self, req, begin))
        if req.result is not None:
            respond(c, req, req.result)
        elif stream.waits is None:
            begin()

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
                if stream.is_open:
                    stream.advance(None)
            except Exception as er:
                stream.generator = False
                stream.c.bug(er)
            if not stream.generator or not stream.is_open:
                self.streams.remove(stream)  # pyright: ignore
                stream.close()
        if not self.streams:
            self.timer.cancel()
            self.timer = None
