# Listening sockets, and the connections that they accept. overload.py is for when there is no room, or no socket, for another one.
import gc
import socket
from errno import EAGAIN, ENOMEM

from ..port import SHARES_DESCRIPTORS
from .connection import Connection
from .overload import RETRY_MS, accept_failed, close_idlest, let_wait
from .url import parse

_EV_OPEN = const(1)
_EV_ACCEPT = const(5)

_ACCEPTS = const(16)  # in one turn


class AcceptedConnection(Connection):
    """A TCP connection that a listener has accepted."""

    is_accepted = True


class Listener(Connection):
    """A listening TCP socket. What it accepts inherits its `fn`, `fn_data` and protocol."""

    is_listening = True

    def __init__(self, mgr, sock, fn, fn_data, peer, accepted_class):
        self.accepted_class = accepted_class
        self.behind = None  # (ticks_ms) since when clients were seen to wait behind the one in the spare socket
        self.mask = self.mask  # from here on to pause needs no memory
        Connection.__init__(self, mgr, sock, fn, fn_data, None, peer)

    def event(self, ev):
        """The socket is readable: accept up to 16 connections in one turn."""
        mgr = self.mgr
        reserve = None
        n = _ACCEPTS
        try:
            if SHARES_DESCRIPTORS:  # the last one is left to files, and to imports, which the connections that there are may need
                bytearray(128)
                reserve = socket.socket(2, 2)  # AF_INET, SOCK_DGRAM: sooner made than one of TCP
            while n and not self.state and self.accept():
                n -= 1
        except OSError as er:
            if er.errno == EAGAIN:  # nobody waits any more
                self.behind = None
            else:
                accept_failed(self, er.errno)
        except MemoryError:
            mgr.stats["no_memory"] += 1
            accept_failed(self, ENOMEM)
        finally:
            if reserve is not None:
                reserve.close()

    def put(self, data):
        """A listener has no peer, so nothing is sent: False. (Programs broadcast over mgr.conns.)"""
        return False

    def accept(self):
        """Accept one connection. False if there is no room for it. OSError and MemoryError as the socket."""
        mgr = self.mgr
        if mgr.spare is not None:  # the one socket to spare is in use
            return accept_failed(self, 0)
        bytearray(128)  # see internals: ROOM TO REGISTER
        sock, peer = self.sock.accept()
        if mgr.accepted < mgr.max_conns or close_idlest(mgr):
            self.begin(self.make_connection(sock, peer, self.fn))
            return True
        let_wait(self, sock, peer)
        return False  # the next turn shows whether another one is behind it

    def begin(self, c):
        """The accepted connection takes its place."""
        self.mgr.stats["accepted"] += 1
        c.emit(_EV_OPEN)
        c.emit(_EV_ACCEPT)

    def make_connection(self, sock, peer, fn):
        """A connection of an accepted socket, with the handler `fn`; it counts as accepted."""
        try:
            sock.setblocking(False)
            sock.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY: the second piece of a reply must not wait for an ACK
            c = self.accepted_class(self.mgr, sock, fn, self.fn_data, None, peer)
        except Exception:
            sock.close()
            raise
        self.mgr.accepted += 1
        return c

    def starve(self):
        """What it waits for could not be noted for want of memory: try again."""
        self.mgr.stats["no_memory"] += 1
        self.mgr.deadline(self, RETRY_MS)

    def expired(self):
        """A socket was given back, or it is time to accept without that."""
        self.wait = 0
        self.pause(False)


def listen(mgr, url, scheme, fn, fn_data, accepted_class, kind=Listener):
    """Listen for TCP at `url`, which has this scheme. Accepted connections are of this class."""
    mgr.check_open()
    info = socket.getaddrinfo(*parse(url, scheme))[0]
    sock = socket.socket(info[0], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(info[-1])
        sock.listen(mgr.backlog)
        c = kind(mgr, sock, fn, fn_data, info[-1], accepted_class)
    except Exception:
        sock.close()
        raise
    gc.collect()  # as in Loop: a protocol was imported
    c.emit(_EV_OPEN)
    return c
