# The unix port polls sockets by a table of their descriptors. When that grows it may move, and then what has no descriptor is lost, or the
# program crashes (MicroPython's extmod/modselect.c, poll_set_add_fd: it moves the pointers of objects that are not in the table, too).
# TLS sockets and micropython.RingIO have none. So while such an object is watched, the table grows only here, without it. Places that were
# used once are used again.
#
# While such an object is watched, poll looks at all of them each millisecond. So a TLS socket is watched together with the TCP socket below
# it, whose descriptor ends the sleep at once.
import sys

from . import SHARES_DESCRIPTORS

_IN = const(1)  # select.POLLIN

_NOWHERE = const(1000000)  # a descriptor that no file has


class PollTable:
    """In the place of a manager's select.poll: one that may poll objects without descriptors."""

    def __init__(self, mgr):
        self.mgr = mgr
        self.poller = mgr.poller
        self.ipoll = mgr.poller.ipoll
        self.others = {}  # objects without descriptors: what each is watched for
        self.below = {}  # TLS sockets: the TCP socket of each
        self.places = 0  # in the table at least

    def event(self, ev):
        """A TCP socket is ready: its TLS socket is, too, and sees to that."""

    def register(self, sock, mask):
        """As select.poll's. The manager has counted `sock` already."""
        is_other = not hasattr(sock, "fileno")
        n = len(self.mgr._socks)
        if n > self.places and (is_other or self.others):
            self.grow(2 * n)
        if is_other:
            self.others[sock] = mask
        if sock in self.below:
            # (In a handshake a TLS socket that has something to send may have to read first, and TCP has room all the time.)
            self.poller.register(self.below[sock], mask if self.mgr._socks[sock].is_proven else mask & _IN)
        self.poller.register(sock, mask)

    def unregister(self, sock):
        """As select.poll's."""
        self.poller.unregister(sock)
        self.others.pop(sock, None)
        if sock in self.below:
            self.mgr.unwatch(self.below.pop(sock))

    def grow(self, places):
        """Have at least so many places, while nothing is watched that could get lost."""
        bytearray(96 * places)  # if this memory is not there, nothing has begun
        fillers = [open(_NOWHERE, "rb") for _ in range(places)]
        try:
            for sock in self.others:
                self.poller.unregister(sock)
            for file in fillers:
                self.poller.register(file, 1)
        finally:
            for file in fillers:
                self.poller.unregister(file)
            for sock, mask in self.others.items():
                try:
                    self.poller.register(sock, mask)
                except MemoryError:
                    self.mgr._socks[sock].starve()
        self.places = places


def pair(mgr, sock, tcp):
    """`sock`, a TLS socket around `tcp`, is to be watched next. Boards and CPython have no such table."""
    if SHARES_DESCRIPTORS and sys.implementation.name == "micropython":
        table = mgr.poller
        if not isinstance(table, PollTable):
            table = mgr.poller = PollTable(mgr)
        table.below[sock] = tcp
        mgr.watch(tcp, table, 0)
