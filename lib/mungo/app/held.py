# A request whose before hooks wait, as `async def`, while its body is still to come.


class Held:
    """The `sink` of the request's head: HTTP calls it with each piece of the body. Until `go_on` nothing of that is read."""

    is_over = False  # it was answered

    def __init__(self, c, req):
        self.c = c
        self.req = req
        req.hm.on_body(self)
        c.is_full = True

    def __call__(self, piece):
        """A piece of the body of a request that was answered."""

    def end(self):
        """All of the request has come."""
        if not self.is_over:
            self.c.respond(self.req, self.req.result)

    def close(self):
        """The client has left."""

    def go_on(self):
        """The hooks have ended: read the body."""
        if not self.c.is_closing:
            self.c.is_full = False
            self.c.resume()

    def is_due(self):
        """Whether the answer of a hook is due now, since some of the body is still to come. If not, `end` gives it."""
        self.is_over = self.req.hm.is_body_pending
        return self.is_over
