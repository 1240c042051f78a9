# A TestClient for what is `async def`: asyncio polls its manager, a turn at a time.
from asyncio import core, new_event_loop, sleep  # pyright: ignore (stubs have no core)

from ..aio import Poller


class Turns:
    """The turns of asyncio's loop, which is a new one, so that there can be one client of this kind at a time; `mgr` is its manager."""

    def __init__(self, mgr):
        self.mgr = mgr
        self.loop = new_event_loop()
        self.loop.run_until_complete(self.begin())

    async def begin(self):
        """Have asyncio's loop poll the manager, from now on."""
        Poller(self.mgr, core._io_queue)

    def turn(self):
        """Let tasks and the manager work for a moment."""
        self.loop.run_until_complete(pause(0.001))

    def close(self):
        """End the manager. The tasks of its clients get their CancelledError."""
        if not self.mgr.closed:
            self.loop.run_until_complete(self.end())
            self.loop.close()

    async def end(self):
        """`close`, inside the loop."""
        self.mgr.close()
        for _ in range(3):
            await sleep(0)


async def pause(seconds):
    """asyncio.sleep, which in MicroPython is no coroutine."""
    await sleep(seconds)
