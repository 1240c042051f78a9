import socket
from errno import EAGAIN, ECONNREFUSED

from ..port import EMPTY_CLOSES
from .connection import Connection
from .url import parse

_EV_OPEN = const(1)
_EV_READ = const(7)

_DATAGRAMS = const(16)  # of one socket in one turn
_RETRY_MS = const(100)  # for want of memory


class UdpConnection(Connection):
    """A UDP socket: each datagram is an EV_READ with its bytes; `rem` is its sender's address, and `send` answers that peer.

    A connected socket has always the same peer. Nothing is queued: a datagram that the system has no room for is lost.
    """

    bound: object = None  # its own address, if it listens

    def __init__(self, mgr, sock, fn, fn_data, connected, peer=None):
        self.connected = connected
        self.is_listening = not connected  # a handler that fails on one peer's datagram must not end it for all
        Connection.__init__(self, mgr, sock, fn, fn_data, None, peer)

    def send(self, data):
        """Send one datagram to the peer. False if there is none, as nobody has sent a datagram to this socket yet; or if the system
        would not take it, which `mgr.stats["undelivered"]` counts.

        ValueError if it is empty: on ESP32 an empty datagram closes the receiver's socket for good.
        """
        if isinstance(data, str):
            data = data.encode()
        if not data:
            raise ValueError("want at least one byte")
        if self.is_closing or not (self.connected or self.peer):
            return False
        try:
            if self.connected:
                self.sock.send(data)
            else:
                self.sock.sendto(data, self.peer)
        except OSError:  # too long, no route, no room: it is lost, as on the way
            self.mgr.stats["undelivered"] += 1
            return False
        return True

    def look(self):
        """Do not watch the socket while it is not read: an error that nobody takes would wake the poll again and again."""
        if self.sock is None:  # it is not open yet
            return
        if self.state:
            self.mgr.unwatch(self.sock)
        else:
            try:
                self.mgr.watch(self.sock, self, self.mask)
            except MemoryError:
                self.starve()

    def starve(self):
        """There is no memory for a datagram: leave those that come to the system for a while, since poll is level-triggered."""
        self.mgr.stats["no_memory"] += 1
        self.mgr.deadline(self, _RETRY_MS)
        self.pause(True)

    def expired(self):
        """Try again."""
        self.wait = 0
        self.pause(False)

    def event(self, ev):
        """The socket is readable: take up to 16 datagrams in one turn."""
        for _ in range(_DATAGRAMS):
            if self.state:
                return
            try:
                if self.connected:
                    data = self.sock.recv(self.mgr.datagram)
                else:
                    data, self.peer = self.sock.recvfrom(self.mgr.datagram)
            except OSError as er:
                number = er.errno
                if number is None:  # what an OSError has for which there was no memory
                    self.starve()
                elif number != EAGAIN and not (self.connected and number == ECONNREFUSED):
                    self.broken(er)
                return
            except MemoryError:
                return self.starve()
            if data:
                self.emit(_EV_READ, data)
            elif EMPTY_CLOSES:
                return self.reopen()

    def reopen(self):
        """An empty datagram has closed the socket for good: make it anew, once in this turn."""
        mgr = self.mgr
        mgr.stats["reopened"] += 1
        address = self.peer if self.connected else self.bound
        if address is None:
            return self.error("an empty datagram has closed the socket")
        mgr.unwatch(self.sock)
        self.sock.close()
        try:
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.setblocking(False)
            if self.connected:
                self.sock.connect(address)
            else:
                self.sock.bind(address)
            mgr.watch(self.sock, self, self.mask)
        except OSError as er:
            self.broken(er)


def listen(mgr, url, fn, fn_data):
    """Listen for datagrams at `url`, "udp://host:port"."""
    mgr.check_open()
    info = socket.getaddrinfo(*parse(url, "udp"))[0]
    sock = socket.socket(info[0], socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind(info[-1])  # without SO_REUSEADDR, which would share the port with another server
        c = UdpConnection(mgr, sock, fn, fn_data, False)
        c.bound = info[-1]
    except Exception:
        sock.close()
        raise
    c.emit(_EV_OPEN)
    return c
