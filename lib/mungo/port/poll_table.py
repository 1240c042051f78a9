# The unix port polls sockets by a table of their descriptors. When that grows it may move, and then what has no descriptor is lost, or the
# program crashes (MicroPython's extmod/modselect.c, poll_set_add_fd: it moves the pointers of objects that are not in the table, too).
# TLS sockets and micropython.RingIO have none. So while such an object is watched, the table grows only here, without it. Places that were
# used once are used again.
import sys

_NOWHERE = const(1000000)  # a descriptor that no file has


class PollTable:
    """In the place of a manager's select.poll: one that may poll objects without descriptors."""

    def __init__(self, mgr):
        self.mgr = mgr
        self.poller = mgr.poller
        self.others = {}  # objects without descriptors: what each is watched for
        self.places = 0  # in the table at least

    def ipoll(self, ms):
        """As select.poll's."""
        return self.poller.ipoll(ms)

    def register(self, sock, mask):
        """As select.poll's. The manager has counted `sock` already."""
        has_descriptor = hasattr(sock, "fileno")
        if self.others or not has_descriptor:
            n = len(self.mgr._socks)
            if n > self.places:
                self.grow(2 * n)
            if not has_descriptor:
                self.others[sock] = mask
        self.poller.register(sock, mask)

    def unregister(self, sock):
        """As select.poll's."""
        self.poller.unregister(sock)
        self.others.pop(sock, None)

    def grow(self, places):
        """Have at least so many places, while nothing is watched that could get lost."""
        bytearray(96 * places)  # if this memory is not there, nothing has begun
        fillers = [open(_NOWHERE, "rb") for _ in range(places)]
        for sock in self.others:
            self.poller.unregister(sock)
        for file in fillers:
            self.poller.register(file, 1)
        for file in fillers:
            self.poller.unregister(file)
        for sock, mask in self.others.items():
            self.poller.register(sock, mask)
        self.places = places


def poll_without_descriptors(mgr):
    """From here on the manager's poll may have objects without descriptors. Other ports have no such table."""
    if sys.implementation.name == "micropython" and sys.platform not in ("esp32", "rp2") and not isinstance(mgr.poller, PollTable):
        mgr.poller = PollTable(mgr)
