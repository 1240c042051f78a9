# mungo inside an asyncio program. asyncio's loop sleeps in a poller. Here that poller is replaced by one that polls a manager, which
# watches the sockets of asyncio's tasks besides its own. So there is one sleep, which ends when either has something to do.
# (Of asyncio this needs `core._io_queue`, with its `poller` and `map`, and `core.cur_task`.)
#
# While the manager's `tasks` is the Poller, an App runs what is `async def` in tasks, see app/hooks.py.
from asyncio import core, sleep  # pyright: ignore (stubs have no core)

_IN = const(1)
_OUT = const(4)


async def serve(mgr):
    """Have asyncio's loop poll the manager `mgr`, until `mgr.stop()` is called or this task is cancelled. The caller closes the manager.

    Handlers may start tasks, and tasks may use connections: both run in one thread, a handler between two steps of tasks. A handler or a
    step that takes long keeps the others waiting; so does `mgr.close`, while workers end.
    Raises RuntimeError if this loop polls a manager already: attach everything to that one.
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
    """The poller of a manager, for asyncio's loop: in the place of its select.poll."""

    def __init__(self, mgr, queue):
        self.mgr = mgr
        self.queue = queue  # asyncio's
        self.ready = []  # [(socket, flags)]
        self.original = queue.poller
        mgr.tasks = self
        self.replace(self)

    def replace(self, poller):
        """Have asyncio use `poller`, with all sockets that tasks wait for now."""
        for reader, writer, sock in list(self.queue.map.values()):
            self.queue.poller.unregister(sock)
            poller.register(sock, (_IN if reader else 0) | (_OUT if writer else 0))
        self.queue.poller = poller

    def leave(self):
        """Give asyncio its own poller back. Twice is once."""
        self.mgr.tasks = None
        if self.queue.poller is self:
            self.replace(self.original)

    def register(self, sock, mask):
        """A task waits for `sock`."""
        self.mgr.watch(sock, Watched(self, sock), mask)

    def modify(self, sock, mask):
        """It waits for something else."""
        self.mgr.watch(sock, Watched(self, sock), mask)

    def unregister(self, sock):
        """No task waits for it any more."""
        self.ready = [one for one in self.ready if one[0] is not sock]
        if self.mgr.poller is not None:
            self.mgr.unwatch(sock)

    def ipoll(self, ms):
        """Make one turn of the manager, which sleeps at most `ms` milliseconds. Returns the (socket, flags) that are ready for asyncio."""
        if self.mgr.closed:
            self.leave()
            return self.original.ipoll(ms)
        core.cur_task = None  # handlers belong to no task, and may cancel any
        is_done = False
        try:
            self.mgr.poll(ms)
            is_done = True
        finally:
            if not is_done:  # Ctrl-C: no task will run any more to clean up
                self.leave()
                self.mgr.close()
        ready = self.ready
        self.ready = []
        return ready


class Watched:
    """A socket of asyncio's in the manager's poll. To the loop it is like a connection."""

    def __init__(self, poller, sock):
        self.poller = poller
        self.sock = sock

    def event(self, ev):
        """The socket is ready for `ev`, flags of select.poll."""
        self.poller.ready.append((self.sock, ev))

    def bug(self, er):
        """`event` has raised, for want of memory."""
        raise er
