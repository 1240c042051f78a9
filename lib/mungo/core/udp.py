import errno
import socket

from .connection import Connection
from .url import parse

_EV_OPEN = const(1)
_EV_READ = const(7)

_CLOSING = const(1)
_FULL = const(8)

_DATAGRAMS = const(16)  # of one socket in one turn


class UdpConnection(Connection):
    """A UDP socket: each datagram is an EV_READ with its bytes; `rem` is who sent it, and `send` answers that peer.

    Of a connected socket the peer is always the same. Nothing is queued: what the system has no room for is gone, as UDP may.
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
        if self.state & _CLOSING:
            return False
        try:
            if self.connected:
                self.sock.send(data)
            elif self.raw is None:
                raise ValueError("send: nobody has sent a datagram to this socket yet")
            else:
                self.sock.sendto(data, self.raw)
        except OSError:  # too long, no route, no room: like a datagram that the net loses
            self.mgr.stats["undelivered"] += 1
            return False
        return True

    def event(self, ev):
        """Datagrams have come."""
        for _ in range(_DATAGRAMS):
            if self.state & (_CLOSING | _FULL):
                return
            try:
                if self.connected:
                    data = self.sock.recv(self.mgr.datagram)
                else:
                    data, self.raw = self.sock.recvfrom(self.mgr.datagram)
            except OSError as er:
                if er.errno != errno.EAGAIN and not (self.connected and er.errno == errno.ECONNREFUSED):
                    self.broken(er)
                return
            if data:
                self.emit(_EV_READ, data)


def listen(mgr, url, _, fn, fn_data, __):
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
    c.is_listening = True  # one peer's datagram on which a handler fails must not end it for all
    c.emit(_EV_OPEN)
    return c
