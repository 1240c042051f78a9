import gc
import socket
from errno import EAGAIN

from .connection import Connection
from .url import parse

_EV_OPEN = const(1)
_EV_ACCEPT = const(5)

_CLOSING = const(1)
_ACCEPTED = const(128)

_ACCEPTS = const(16)  # in one turn


class Listener(Connection):
    """A listening TCP socket. What it accepts inherits its `fn`, `fn_data` and protocol."""

    is_listening = True
    kind: type

    def event(self, ev):
        """Somebody knocks: accept several in one turn."""
        for _ in range(_ACCEPTS):
            if self.state & _CLOSING or not self._accept():
                return

    def _accept(self):
        mgr = self.mgr
        try:
            if mgr.spare is not None:  # the one socket to spare is in use
                raise OSError(0)
            sock, raw = self.sock.accept()
        except OSError as er:
            if er.errno == EAGAIN:
                return False
            from .overload import fail

            return fail(self, er.errno)
        if mgr.accepted >= mgr.max_conns:
            from .overload import make

            if not make(self, sock, raw):
                return False
        c = self.welcome(sock, raw, self.fn, _ACCEPTED)
        mgr.accepted += 1
        mgr.stats["accepted"] += 1
        c.emit(_EV_OPEN)
        c.emit(_EV_ACCEPT)
        return True

    def welcome(self, sock, raw, fn, state):
        """Make a connection of an accepted socket."""
        try:
            sock.setblocking(False)
            sock.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY: the second piece of a reply must not wait for an ACK
            c = self.kind(self.mgr, sock, fn, self.fn_data, state)
        except Exception:
            sock.close()
            raise
        c.raw = raw
        return c


def listen(mgr, url, name, fn, fn_data, kind):
    """Listen for TCP at `url`, which has this name. What is accepted is made a connection of this `kind`."""
    mgr.check_open()
    info = socket.getaddrinfo(*parse(url, name))[0]
    sock = socket.socket(info[0], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(info[-1])
        sock.listen(mgr.backlog)
        c = Listener(mgr, sock, fn, fn_data)
    except Exception:
        sock.close()
        raise
    c.kind = kind or Connection
    gc.collect()  # as in Loop: a protocol was imported
    c.raw = info[-1]
    c.emit(_EV_OPEN)
    return c
