# Routes whose answer is a stream of server-sent events: `@app.events("/clock")`.
from ..sse import start
from .event_streams import EventStream
from .response import is_unanswered
from .routing import Route


class EventRoute(Route):
    """A route for events; `option` is how often generators are asked, in ms."""

    timers = ()  # one for each manager that has readers: its `arg` is the list of their streams

    def answer(self, c, req):
        """Call the handler, up to its first yield, and begin the stream."""
        stream = EventStream(c)
        stream.last_id = req.headers.get("Last-Event-ID", "")

        def begin():
            c.respond(req, body)

        def body(c, hm):
            try:
                if start(c, hm) is not None:
                    c.fn = stream.handler
                    c.on_close(stream.ended, None)
                    stream.opened()
                    if stream.generator:
                        self.tick_for(stream)
            finally:
                if not stream.is_open:  # HEAD, or too many streams
                    stream.gone()

        try:
            req.run(lambda req: stream.call(self, req, begin))
            if req.result is not None:
                c.respond(req, req.result)
            elif stream.waits is None:
                begin()
        finally:
            if not stream.is_open and stream.waits is None and not is_unanswered(c, req):  # a hook has given another answer
                stream.gone()

    def tick_for(self, stream):
        """Advance its generator from now on."""
        mgr = stream.c.mgr
        for timer in self.timers:
            if timer.mgr is mgr:
                return timer.arg.append(stream)
        timer = mgr.timer(self.option, self.tick, [stream], True)
        self.timers = [timer] + [other for other in self.timers if not other.mgr.closed]

    def tick(self, streams):
        """The next event of each reader."""
        for stream in streams[:]:
            try:
                if stream.is_open:
                    stream.advance(None)
            except BaseException as er:
                stream.generator = False
                stream.c.bug(er)
            if not stream.generator or not stream.is_open:
                streams.remove(stream)
                stream.close()
        if not streams:
            for timer in self.timers[:]:
                if timer.arg is streams:
                    timer.cancel()
                    self.timers.remove(timer)  # pyright: ignore
