# An update that the device asks a server for.
from ..http.client import connect
from ..port.flash import BUSY
from .bundle import receive

_EV_ERROR = const(0)
_EV_CLOSE = const(9)
_EV_HTTP_HDRS = const(10)
_EV_HTTP_MSG = const(11)


class Pull:
    """A request for a bundle, under way."""

    is_whole = False  # all of it has come

    def __init__(self, mgr, url, done, tls, device):
        self.done = done
        self.device = device
        self.error = "The update was cut off."
        self.steps = None  # of bundle.receive, until it has ended
        connect(mgr, url, self.handler, tls=tls)

    def handler(self, c, ev, hm, _):
        """The connection's handler."""
        if ev == _EV_HTTP_HDRS:
            if hm.status == 200:
                self.steps = receive(c, self.device)
                hm.on_body(lambda piece: self.step(c, piece))
                self.step(c, None)
            else:
                self.error = "The server answers %d." % hm.status
                c.is_closing = True
        elif ev == _EV_HTTP_MSG:
            self.is_whole = True  # (c may be closing)
            self.step(c, None)
        elif ev == _EV_ERROR:
            self.error = hm
        elif ev == _EV_CLOSE:
            if self.steps is None or not self.is_whole:
                self.end()

    def end(self):
        """It is over, and so is the connection."""
        if self.steps is not None:
            self.steps.close()
        if self.error:
            self.device.state["error"] = self.error
        if self.done is not None:
            self.done(self.error)

    def step(self, c, piece):
        """A piece of the body has come; None: all of it, or it is the next turn."""
        if self.steps is None or c.is_ending and not self.is_whole:
            return
        try:
            if self.steps.send(piece) is BUSY:
                c.is_full = True
                c.mgr.when_flash_is_free(_go_on, c, self)
        except StopIteration as end:
            self.steps = None
            self.error = end.value[0]["error"] if isinstance(end.value, tuple) else ""
            if c.sock is None:  # it is closed
                self.end()
            else:
                c.is_closing = True


def _go_on(c, it):
    if not c.is_ending:
        c.is_full = False
        c.resume()
    it.step(c, None)
