from errno import EAGAIN, ENOBUFS, ENOMEM

from .buffer import Buffer

# Events, see __init__.py
_EV_ERROR = const(0)
_EV_READ = const(7)
_EV_CLOSE = const(9)

# What only a protocol's handler (pfn) is told. It answers EV_BUG with True if the connection need not be closed at once.
_EV_DUE = const(100)  # its deadline has passed
_EV_BUG = const(101)  # a handler has raised

_IN = const(1)  # select.POLLIN and POLLOUT, the same everywhere
_OUT = const(4)

# Bits of `state`
_CLOSING = const(1)
_CLOSED = const(2)
_DRAINING = const(4)
_FULL = const(8)  # the program asked for a pause
_PAUSED = const(16)  # a limit did
_CONNECTING = const(32)
_ENDED = const(64)  # the peer has sent its end
_ACCEPTED = const(128)
_DEAF = const(120)  # FULL, PAUSED, CONNECTING or ENDED: it is not read
# 256: lingering, see linger.py; 512: idle, may be evicted, see http/server.py

_READS = const(8)  # of rx_bytes each, from one connection in one turn

EMPTY = Buffer()

put = None  # backlog.put, once it was needed: an import takes its time even when it finds that there is nothing to do


# What each request needs is a function here rather than a method: MicroPython looks for a method in the object first, then in the
# class, then in its base, and each of these costs as much as finding a global.


def get(c, data):
    """Read into `data`: the number of bytes, 0 at the peer's end, None if there is nothing, -1 if the connection is broken."""
    try:
        return c.sock.readinto(data)
    except OSError as er:
        c.broken(er)
        return -1


def write(c, data, at, n):
    """Give the socket up to `n` bytes of `data` from `at` on; how many it took. A broken connection takes all: they are gone."""
    # At most a slice: on RP2 a send for which lwIP has no memory sleeps, up to 10 s, although the socket does not block.
    try:
        return c.sock.write(data, at, n if n < 1024 else min(n, c.mgr.send_slice)) or 0
    except OSError as er:
        if er.errno in (EAGAIN, ENOMEM, ENOBUFS):
            return 0
        c.broken(er)
        return len(data)


class Connection:
    """What a handler is called with: a TCP stream; by its subclasses also a listener, a UDP socket, a pipe's end in the loop.

    `id` is never used again, `mgr` the manager, `fn(c, ev, ev_data, fn_data)` the handler and `fn_data` its argument, both free
    to change; `recv` is the Buffer of what came in and has not been taken.
    Everything here is for the loop's thread, inside a handler or between two polls.
    """

    # Most connections never set all of these, and the dict of an object grows by the ones that it sets.
    is_listening = False
    sock = None
    pfn = None  # the protocol's handler, called first: pfn(c, ev, ev_data)
    proto = None  # and its state
    recv = EMPTY
    mask = _IN  # what poll looks for
    out = None  # a backlog.Backlog, while something waits to be sent
    since = 0  # (ticks_ms) the deadline's start, and
    wait = 0  # its length in ms; 0: there is none
    raw: object = None  # the address of the other side, as the port has it
    error_text = None
    close_callbacks = None  # a list of (fn, arg), once on_close was called

    def __init__(self, mgr, sock, fn, fn_data, state=0):
        self.mgr = mgr
        self.fn = fn
        self.fn_data = fn_data
        self.state = state
        mgr.add(self)
        if sock is not None:
            self.sock = sock
            if state & _CONNECTING:
                self.mask = _OUT
            try:
                mgr.watch(sock, self, self.mask, 0)
            except Exception:
                mgr.remove(self)
                raise

    # --- flags

    @property
    def is_closing(self):
        """Set it to close now: what is not sent is dropped. EV_CLOSE comes when the handlers of this turn are done."""
        return self.state & _CLOSING > 0

    @is_closing.setter
    def is_closing(self, value):
        if not value:
            raise ValueError("final")
        if not self.state & _CLOSING:
            self.state |= _CLOSING
            self.mgr.doomed.append(self)

    @property
    def is_draining(self):
        """Set it to close when everything is sent."""
        return self.state & _DRAINING > 0

    @is_draining.setter
    def is_draining(self, value):
        if not value:
            raise ValueError("final")
        self.state |= _DRAINING
        if self.out is None:
            self.is_closing = True

    @property
    def is_full(self):
        """Set it to stop reading from this peer, clear it to go on."""
        return self.state & _FULL > 0

    @is_full.setter
    def is_full(self, value):
        self.stop(_FULL, value)

    @property
    def rem(self):
        """The address of the other side (of a listener: its own) as text, "10.0.0.7:51324", or None."""
        from ..port.address import address

        return self.raw and address(self.raw)

    # --- sending

    def send(self, data):
        """Send `data` (bytes-like, or str as UTF-8): what the socket takes at once, the rest when there is room.

        What has to wait is kept by reference if it is `bytes`, and copied otherwise.
        Returns True if all of it was taken; False if the connection is closing, or if more than `send_limit` bytes would wait (then
        none of it was taken; EV_WRITE says when there is room). Data over the limit is taken when nothing else waits.
        """
        if isinstance(data, str):
            data = data.encode()
        return (self.out is None or self.out.has_room(self, len(data))) and self.put(data)

    def put(self, data):
        """`send` without its limit, of something bytes-like: for protocols, whose answers come one by one."""
        if self.state & (_CLOSING | _DRAINING):
            return False
        done = 0
        n = len(data)
        if self.out is None and not self.state & _CONNECTING:
            done = write(self, data, 0, n)
        if done < n:
            global put
            if put is None:
                from .send_buffer import put
            put(self, data, done)
        return not self.state & _CLOSING

    # --- what the loop calls

    def event(self, ev):
        """The socket is ready. What the handlers let go the loop catches, and gives to `bug`."""
        if self.state & _CLOSING:
            return
        if ev & _OUT and self.out is not None:
            self.out.flush(self)
        if ev & ~_OUT:
            if not self.state & _DEAF:
                ev = _READS
                while ev:
                    n = get(self, self.mgr.rx.data)
                    if not n or n < 0:
                        if n == 0:
                            # Its end: the peer is gone; what was sent in this turn still goes out.
                            self.state |= _ENDED
                            self.is_draining = True
                            self.look()
                        return
                    self.take(n)
                    if n < len(self.mgr.rx.data) or self.state & (_CLOSING | _DRAINING | _DEAF):
                        return
                    ev -= 1
            elif self.out is None:
                self.broken(ev)

    def take(self, n):
        """`n` bytes have come into the loop's buffer: it is lent out while the handlers run, and only what they leave is copied."""
        rx = self.mgr.rx
        if self.recv is EMPTY:
            if rx.start:
                rx.start = 0
            rx.end = n
            self.recv = rx
        else:
            self.recv.append(rx.data, n)
        if self.pfn is not None:
            self.pfn(self, _EV_READ, n)
        if self.fn is not None:
            self.fn(self, _EV_READ, n, self.fn_data)
        if self.recv is rx and not rx.end:
            self.recv = EMPTY
        else:
            self.settle()

    def settle(self):
        """The handlers have seen what is in `recv`: give the loop's buffer back, and hold the limit."""
        recv = self.recv
        n = recv.end - recv.start
        if not n:
            self.recv = EMPTY
        elif recv is self.mgr.rx:
            self.recv = Buffer()
            self.recv.append(memoryview(recv.data)[recv.start :], n)
        if n >= self.mgr.recv_limit and not self.state & (_CLOSING | _PAUSED):
            self.mgr.stats["recv_full"] += 1
            self.error("recv_limit")

    def expired(self):
        """The deadline has passed."""
        self.wait = 0
        if self.out is not None:
            self.out.expired(self)
        elif self.pfn is not None:
            self.pfn(self, _EV_DUE, None)

    def shut(self):
        """Close the socket and send the last events. Called by the loop alone."""
        if self.state & _CLOSED:
            return
        self.state |= _CLOSING | _CLOSED
        self.mgr.remove(self)
        self.release()
        if self.close_callbacks is not None:
            for fn, arg in self.close_callbacks:
                fn(arg)
        if self.out:  # not otherwise: it would make the dict grow, and closing must need no memory
            self.out = None
        if self.error_text:
            self.emit(_EV_ERROR, self.error_text)
        self.emit(_EV_CLOSE)
        if self.recv is not EMPTY:
            self.recv = EMPTY

    def on_close(self, fn, arg):
        """Have `fn(arg)` called when this connection has given back its socket, before its EV_ERROR and EV_CLOSE."""
        if self.close_callbacks is None:
            self.close_callbacks = []
        self.close_callbacks.append((fn, arg))

    def release(self):
        """Give back what the system lent."""
        self.mgr.watch(self.sock, self, 0, 0)
        self.sock.close()
        if self.state & _ACCEPTED:
            self.mgr.accepted -= 1
        while self.mgr.starved:
            self.mgr.starved.pop().expired()

    # --- ends and errors

    def error(self, text):
        """End this connection with EV_ERROR(text) and EV_CLOSE."""
        if not self.state & _CLOSING:
            self.mgr.stats["failed"] += 1
            self.error_text = text
            self.is_closing = True

    def broken(self, er):
        """End it because of `er`: an exception, or what poll says of a socket that broke."""
        self.error(repr(er))

    def emit(self, ev, data=None):
        """Call the protocol's handler and the program's. What they raise ends at most this connection."""
        with self:  # rather than except, see Loop
            if self.pfn is not None:
                self.pfn(self, ev, data)
            if self.fn is not None:
                self.fn(self, ev, data, self.fn_data)

    def __enter__(self):
        pass

    def __exit__(self, kind, er, _):
        if isinstance(er, Exception):
            self.bug(er)
            return True

    def bug(self, er):
        """A handler has raised: report it and end the connection, unless its protocol has an answer, or it is a listener."""
        self.mgr.report(er)
        self.recv = EMPTY  # it may be the loop's
        if not self.is_listening and (self.pfn is None or not self.pfn(self, _EV_BUG, er)):
            self.broken(er)

    def look(self):
        """Tell the poll what to wait for, from the flags as they are."""
        mask = 0 if self.state & _DEAF else _IN
        if self.out is not None or self.state & _CONNECTING:
            mask |= _OUT
        if mask != self.mask and not self.state & _CLOSING:
            self.mgr.watch(self.sock, self, mask, self.mask)
            self.mask = mask

    def stop(self, mask, value):
        """Set or clear the bit `mask` of `state`, _FULL or _PAUSED: stop or go on reading."""
        if value:
            self.state |= mask
        elif self.state & mask:
            self.state &= ~mask
            if self.recv is not EMPTY:
                self.mgr.again.append(self)
        self.look()
