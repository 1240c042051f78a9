# What WebSockets (sockets.py) and streams of events (event_streams.py) have in common: they may take part in a room (rooms.py), and their
# handlers are called before they are open.
from ..core.utf8 import encode
from . import generators
from .response import COROUTINE, GENERATOR

_EV_WRITE = const(8)
_EV_WAKEUP = const(19)


def packed(message):
    """A message, str or bytes-like, as bytes for another thread to post."""
    return b"t" + encode(message) if isinstance(message, str) else b"b" + bytes(message)


def unpacked(data):
    """The message that `packed` was given."""
    return data[1:] if data[0] == 98 else data[1:].decode()


class Member:
    """A WebSocket or stream of events. `on_leave`, if it is set, is called when it has ended."""

    on_leave: object = None
    generator: "Any" = None  # noqa: F821  # pyright: ignore  # what the handler has returned, if it is one; False: it has ended
    is_open = False
    waits: "Any" = None  # noqa: F821  # pyright: ignore  # the Waits of a handler that asyncio runs

    def __init__(self, c):
        self.c = c
        self.early = []  # messages that were sent before it was open; None: it is or was open
        self.rooms = []  # that it takes part in

    def give(self, message):
        """Send a message that `put` takes, now or when it is open. What `send` returns."""
        is_sent = self.early is not None
        if self.is_open:
            is_sent = self.put(message)
        elif is_sent:
            self.early.append(message)
        return is_sent if self.waits is None else self.waits.sent(is_sent)

    def give_later(self, message):
        """`give` for any thread. Returns as `mgr.wakeup`."""
        return self.c.mgr.wakeup(self.c.id, packed(message))

    def notice(self, ev, data):
        """An event of the connection while it is open."""
        if ev == _EV_WRITE and self.waits is not None:
            self.waits.wake()
        elif ev == _EV_WAKEUP:
            self.put(unpacked(data))

    def put(self, message):
        """Send a message when it is open: whether it was taken."""

    def close(self):
        """End it."""

    def call(self, route, req, begin):
        """Call the handler: what it returns instead of None is an answer. A generator runs up to its first yield. A coroutine runs in a
        task, and `begin()` is called when it first waits."""
        result = route.fn(req, self, **req.values)
        is_async = isinstance(result, COROUTINE) or hasattr(result, "__anext__")
        if is_async and self.c.mgr.tasks is not None:
            from .waits import Waits

            self.waits = Waits(self, req, result, begin, route.option)
        elif is_async and COROUTINE is not GENERATOR:
            raise generators.refused(result)
        elif isinstance(result, GENERATOR):
            self.generator = result
            self.advance(None)
        else:
            return result

    def advance(self, value):
        """Run the generator up to its next yield, which is returned; `value` is what its yield returns. At its end `generator` is False."""
        try:
            return generators.advance(self.generator, value)
        except StopIteration:
            self.generator = False

    def opened(self):
        """It is open."""
        self.is_open = True
        early, self.early = self.early, None
        for message in early:
            self.put(message)
        for room in self.rooms:
            room.add(self)
        if self.generator is False:
            self.close()
        if self.waits is not None:
            self.waits.wake()

    def gone(self, *args):
        """It has ended, or is not let in: the program learns it, once."""
        # (Here nothing needs memory, so no attribute is set that has only the class's value: the generator is to be closed.)
        if self.is_open:
            self.is_open = False
        self.early = None
        while self.rooms:
            self.rooms[-1].discard(self)
        generator = self.generator
        if generator:
            self.generator = None
            generator.close()
        if self.waits is not None:
            self.waits.end()
        on_leave = self.on_leave
        if on_leave is not None:
            self.on_leave = None
            on_leave(*args)  # pyright: ignore
