# Handlers of WebSockets and of events that are `async def`, or async generators: each in a task of asyncio's.
from asyncio import create_task, sleep

from ..http.status_error import StatusError
from .mailbox import Mailbox, cancel
from .tasks import Steps, start


class Waits(Mailbox):
    """The task of a handler, and what it waits for. `member` is its Socket or EventStream, `it` what it has returned. `begin()` opens the
    member, and is called when it first waits; returns False if that is refused."""

    is_begun = False

    def __init__(self, member, req, it, begin, every_ms):
        Mailbox.__init__(self, member)
        self.req = req
        self.begin = begin
        self.every_ms = every_ms
        req.detach()
        start(member.c, self.run(it), self.done)
        self.task = member.c.task

    async def run(self, it):
        """Run the handler. What it yields by itself, as an async generator, is an event, or asks for a message. (MicroPython can't tell one
        from a generator that waits for nothing else, which is asked each `every_ms`.)"""
        value = None
        has_waited = is_generator = hasattr(it, "asend")
        try:
            while True:
                steps = Steps(it.asend(value) if is_generator else it, None if is_generator else value, self.on_wait)
                piece = await steps  # pyright: ignore
                if steps.is_over and not is_generator:
                    return piece
                self.on_wait()
                has_waited = has_waited or steps.has_waited
                value = None
                if hasattr(self.member, "receive"):
                    value = await self.receive()
                else:
                    if piece is not None:
                        await self.member.send(piece)
                    if not has_waited:
                        await sleep(self.every_ms / 1000)
        except StopAsyncIteration:
            return None
        finally:
            if is_generator:
                await it.aclose()
            else:
                it.close()

    def on_wait(self):
        """The handler waits: open the member, if this is the first time."""
        if not self.is_begun:
            self.is_begun = True
            try:
                if self.begin() is False:
                    self.end()
            except Exception as er:
                self.member.c.mgr.report(er)
                self.end()

    def done(self, result):
        """The handler has ended."""
        member = self.member
        if not self.is_begun and result is not None:
            member.c.respond(self.req, result)
            return
        member.generator = False  # it is closed as soon as it is open
        self.on_wait()
        if isinstance(result, Exception) and type(result) is not StatusError:
            member.c.bug(result)
        member.close()

    def end(self):
        """Cancel the handler: it has no client any more."""
        self.is_over = True
        self.wake()
        if self.member.c.mgr.tasks is not None:
            create_task(cancel(self.task))
