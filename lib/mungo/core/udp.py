import errno
import socket

from .connection import Connection
from .url import parse

_EV_OPEN = const(1)
_EV_READ = const(7)

_DATAGRAMS = const(16)  # of one socket in one turn


class UdpConnection(Connection):
    """A UDP socket: each datagram is an EV_READ with its bytes; `rem` is its sender's address, and `send` answers that peer.

    A connected socket has always the same peer. Nothing is queued: a datagram that the system has no room for is lost.
    """

    connected = False

    def send(self, data):
        """Send one datagram to the peer. False if the system would not take it, which `mgr.stats["undelivered"]` counts.

        ValueError if it is empty: on ESP32 an empty datagram closes the receiver's socket for good.
        """
        if isinstance(data, str):
            data = data.encode()
        if not data:
            raise ValueError("send: a datagram has at least one byte")
        if self.is_closing:
            return False
        try:
            if self.connected:
                self.sock.send(data)
            elif self.peer is None:
                raise ValueError("send: nobody has sent a datagram to this socket yet")
            else:
                self.sock.sendto(data, self.peer)
        except OSError:  # too long, no route, no room: it is lost, as on the way
            self.mgr.stats["undelivered"] += 1
            return False
        return True

    def look(self):
        """Do not watch the socket while it is not read: an error that nobody takes would wake the poll again and again."""
        if self.state:
            self.mgr.unwatch(self.sock)
        else:
            self.mgr.watch(self.sock, self, self.mask)

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
                if er.errno != errno.EAGAIN and not (self.connected and er.errno == errno.ECONNREFUSED):
                    self.broken(er)
                return
            if data:
                self.emit(_EV_READ, data)


def listen(mgr, url, fn, fn_data):
    """Listen for datagrams at `url`, "udp://host:port"."""
    mgr.check_open()
    info = socket.getaddrinfo(*parse(url, "udp"))[0]
    sock = socket.socket(info[0], socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind(info[-1])  # without SO_REUSEADDR, which would share the port with another server
        c = UdpConnection(mgr, sock, fn, fn_data)
    except Exception:
        sock.close()
        raise
    c.is_listening = True  # a handler that fails on one peer's datagram must not end it for all
    c.emit(_EV_OPEN)
    return c
