# What the handlers of WebSockets and events wait for, if they are `async def`: a message, or room for one.
from asyncio import CancelledError, Event, create_task, current_task  # pyright: ignore (stubs lack one)
from errno import ENOTCONN

_MOST = const(8)  # messages that wait for the handler


class Mailbox:
    """What a Socket or EventStream, its `member`, has for a handler."""

    is_over = False  # nothing comes or goes any more

    def __init__(self, member):
        self.member = member
        self.news = Event()
        self.inbox = []

    def wake(self):
        """Something has changed."""
        self.news.set()

    def take(self, message):
        """A message has come. If many wait, no more are read."""
        self.inbox.append(message)
        c = self.member.c
        if len(self.inbox) >= _MOST or sum([len(one) for one in self.inbox]) > c.mgr.ws_limit:
            c.is_full = True
        self.wake()

    async def receive(self):
        """The next message. Raises OSError(ENOTCONN) if there will be none."""
        while not self.inbox:
            if self.is_over:
                raise OSError(ENOTCONN)
            self.news.clear()
            try:
                await self.news.wait()
            except CancelledError:
                if not self.inbox:
                    raise
                create_task(cancel(current_task()))  # what has come before is not lost
        message = self.inbox.pop(0)
        if self.member.c.is_full:
            self.member.c.is_full = False
        return message

    def sent(self, is_sent):
        """What `send` returns: true or false, and to be awaited."""
        return Sent(self, is_sent)

    async def drain(self, is_sent):
        """Wait until all is sent that waits, if that message was taken. Returns whether it was."""
        member = self.member
        while is_sent and not self.is_over and (not member.is_open or member.c.out is not None):
            self.news.clear()
            await self.news.wait()
        return is_sent


class Sent:
    """Whether a message was taken. `await` waits until it is sent, too."""

    def __init__(self, waits, is_sent):
        self.waits = waits
        self.is_sent = is_sent

    def __bool__(self):
        return self.is_sent

    def __iter__(self):
        return self.waits.drain(self.is_sent)  # MicroPython's await asks this

    def __await__(self):
        return self.waits.drain(self.is_sent).__await__()


async def cancel(task):
    """Cancel a task, in the next step of asyncio's loop: none can cancel itself."""
    task.cancel()
