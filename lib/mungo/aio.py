# mungo inside an asyncio program. asyncio's loop sleeps in a poller of its own; here a manager takes that one's place, and polls asyncio's
# sockets beside its own. So there is one sleep, which ends when either has something to do, and nothing spins.
# (What it needs of asyncio is `core._io_queue`, with its `poller` and `map`, and `core.cur_task`.)
from asyncio import core, sleep  # pyright: ignore (stubs have no core)

_IN = const(1)
_OUT = const(4)


async def serve(mgr):
    """Have asyncio's loop poll the manager `mgr`, until its `stop` is called or this task is cancelled. Closing it is the caller's.

    Handlers may start tasks, and tasks may use connections, since both run in one thread, a handler between two steps of tasks. One that
    takes long keeps the other waiting; `mgr.close` does so too, while workers end.
    RuntimeError if there is a manager in this loop already: attach what there is to one.
    """
    queue = core._io_queue
    if isinstance(queue.poller, Poller):
        raise RuntimeError("asyncio polls another manager")
    poller = Poller(mgr, queue)
    try:
        while mgr.running:
            await sleep(0.1)  # so that stop is noticed
    finally:
        poller.leave()


class Poller:
    """What asyncio takes for its select.poll."""

    def __init__(self, mgr, queue):
        self.mgr = mgr
        self.queue = queue
        self.found = []
        self.own = queue.poller
        self.move(self)

    def move(self, other):
        """Have asyncio use the poller `other`, with all that waits by now."""
        for reader, writer, sock in list(self.queue.map.values()):
            self.queue.poller.unregister(sock)
            other.register(sock, (_IN if reader else 0) | (_OUT if writer else 0))
        self.queue.poller = other

    def leave(self):
        """Give asyncio its own poller back. Twice is once."""
        if self.queue.poller is self:
            self.move(self.own)

    def register(self, sock, mask):
        """A task waits for `sock`."""
        self.mgr.watch(sock, Watched(self, sock), mask)

    def modify(self, sock, mask):
        """It waits for something else."""
        self.mgr.watch(sock, Watched(self, sock), mask)

    def unregister(self, sock):
        """Nobody waits for it any more."""
        self.found = [one for one in self.found if one[0] is not sock]
        if self.mgr.poller is not None:
            self.mgr.unwatch(sock)

    def ipoll(self, ms):
        """One turn of the manager's, of at most `ms` milliseconds; what it has found of asyncio's."""
        if self.mgr.closed:
            self.leave()
            return self.own.ipoll(ms)
        core.cur_task = None  # handlers belong to none, and may cancel any
        is_done = False
        try:
            self.mgr.poll(ms)
            is_done = True
        finally:
            if not is_done:  # Ctrl-C: no task will run any more to clean up
                self.leave()
                self.mgr.close()
        found = self.found
        self.found = []
        return found


class Watched:
    """A socket of asyncio's in the manager's poll."""

    def __init__(self, poller, sock):
        self.poller = poller
        self.sock = sock

    def event(self, ev):
        """It is ready."""
        self.poller.found.append((self.sock, ev))

    def bug(self, er):
        """For want of memory."""
        raise er
