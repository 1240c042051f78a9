# Routes with stream=True: their handlers are generators that get the body piece by piece, as it comes. This file loads when the first
# such route is added.
from ..port import EPIPE
from ..port.flash import BUSY
from .request import call_handler
from .response import GENERATOR
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
            c.respond(req, req.result)


class Feed:
    """Gives a request's body to its handler. It is the `sink` of the request's head: HTTP calls it with each piece of the body."""

    is_whole = False  # all of the body has come
    is_waiting = False  # for the flash, and the connection is not read
    is_over = False  # it was answered, or its client has left

    def __init__(self, c, req):
        self.c = c
        self.req = req
        self.generator = req.result  # None once it has ended

    def start(self):
        """Run the handler up to its first yield. The head has come."""
        self.req.hm.on_body(self)  # (first: from here on it is closed, whatever finds no memory)
        self.step(None)
        if self.generator is None:
            self.req.hm.on_body(None)
            self.respond()

    def __call__(self, piece):
        """Give the handler a piece of the body, a memoryview."""
        self.step(piece)
        if self.generator is None and self.req.hm.is_body_pending:  # the handler does not want the rest
            self.respond()

    def end(self):
        """Give the handler None, since all of the body has come, and answer."""
        self.is_whole = True
        if self.generator is not None:
            self.step(None)
        if self.is_waiting:
            self.req.detach()
        else:
            self.finish()

    def finish(self):
        """Answer what the handler has returned after None."""
        if self.generator is not None:
            self.generator.close()
            self.req.result = RuntimeError("a stream handler must return after None")
        self.respond()

    def step(self, piece):
        """Have the handler's yield return `piece`. If the handler ends, `req.result` is what it has returned or raised."""
        try:
            if self.generator.send(piece) is BUSY:
                self.is_waiting = self.c.is_full = True
                self.c.mgr.when_flash_is_free(_go_on, self.c, self)
        except Exception as er:
            self.generator = None
            self.req.result = er.value if isinstance(er, StopIteration) else er

    def respond(self):
        """Answer with the result."""
        self.is_over = True
        self.c.respond(self.req, self.req.result)

    def close(self):
        """Close the handler: the client has gone."""
        if self.generator is not None:
            self.generator.close()
            self.generator = None
        if not self.is_over:
            self.is_over = True
            self.c.client_left(self.req, OSError(EPIPE))


def _go_on(c, feed):
    # The handler has waited for the flash.
    if c.is_ending or feed.generator is None:
        feed.close()
        return
    feed.is_waiting = c.is_full = False
    c.resume()
    feed.step(None)
    if feed.is_waiting:
        return
    if feed.is_whole:
        feed.finish()
    elif feed.generator is None and feed.req.hm.is_body_pending:
        feed.respond()
