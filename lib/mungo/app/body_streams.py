# Routes with stream=True: their handlers are generators that get the body piece by piece, as it comes. This file loads when the first
# such route is added.
from .request import call_handler
from .response import GENERATOR, respond
from .routing import Route


class StreamRoute(Route):
    """A route whose handler gets the body in pieces."""

    starts_early = True

    def answer(self, c, req):
        """Start the handler. A function that is not a generator has answered by now."""
        req.run(call_handler)
        if isinstance(req.result, GENERATOR):
            Feed(c, req).start()
        else:
            respond(c, req, req.result)


class Feed:
    """Gives a request's body to its handler. It is the `sink` of the request's head: HTTP calls it with each piece of the body."""

    def __init__(self, c, req):
        self.c = c
        self.req = req
        self.generator = req.result  # None once it has ended

    def start(self):
        """Run the handler up to its first yield. The head has come."""
        self.step(None)
        if self.generator is None:
            respond(self.c, self.req, self.req.result)
        else:
            self.req.hm.on_body(self)

    def __call__(self, piece):
        """Give the handler a piece of the body, a memoryview."""
        self.step(piece)
        if self.generator is None and self.req.hm.is_body_pending:  # the handler does not want the rest
            respond(self.c, self.req, self.req.result)

    def end(self):
        """Give the handler None, since all of the body has come, and answer."""
        if self.generator is not None:
            self.step(None)
        if self.generator is not None:
            self.close()
            self.req.result = RuntimeError("a stream handler must return after None")
        respond(self.c, self.req, self.req.result)

    def step(self, piece):
        """Have the handler's yield return `piece`. If the handler ends, `req.result` is what it has returned or raised."""
        try:
            self.generator.send(piece)
        except Exception as er:
            self.generator = None
            self.req.result = er.value if isinstance(er, StopIteration) else er

    def close(self):
        """Close the handler: the client has gone."""
        if self.generator is not None:
            self.generator.close()
            self.generator = None
