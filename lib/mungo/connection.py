import errno

from micropython import const

from .port import MAY_PAUSE, NO_SOCKETS, address
from .buffer import Buffer
from .event import EV_ACCEPT, EV_CLOSE, EV_CONNECT, EV_ERROR, EV_OPEN, EV_READ, EV_WRITE

# What only a protocol's handler (pfn) is told, besides the events that everyone gets. It answers EV_BUG with True if the
# connection need not be closed at once.
EV_DUE = 100  # its deadline has passed
EV_BUG = 101  # a handler has raised
EV_FULL = 102  # it is beyond max_conns: say so, it is closed next

IN = const(1)  # select.POLLIN; the numbers are the same on every port
OUT = const(4)

CLOSING = const(1)
CLOSED = const(2)
DRAINING = const(4)
FULL = const(8)  # the program asked for a pause
PAUSED = const(16)  # a limit did
CONNECTING = const(32)
LINGER = const(64)  # read and discard for a while before closing, so that a reset does not eat the last reply
IDLE = const(128)  # between two requests: may be evicted
ENDED = const(256)  # the peer has sent its end
ACCEPTED = const(512)
TURNED_AWAY = const(1024)  # beyond max_conns

_READS = const(8)  # of rx_bytes each, from one connection in one turn
_ACCEPTS = const(16)  # of one listener in one turn
_SMALL = const(512)  # bytes: shorter pieces of a backlog are copied together
_RETRY_MS = const(100)  # after which a listener without sockets tries again

EMPTY = Buffer()


class Connection:
    """What a handler is called with: a TCP stream; by its subclasses also a listener, a UDP socket, a pipe's end in the loop.

    `id` is never used again, `mgr` the manager, `fn(c, ev, ev_data, fn_data)` the handler and `fn_data` its argument, both free
    to change; `recv` is the Buffer of what came in and has not been taken.
    Everything here is for the loop's thread, inside a handler or between two polls.
    """

    is_listening = False
    is_udp = False
    error_text = None

    def __init__(self, mgr, sock, fn, fn_data, state=0):
        self.mgr = mgr
        self.sock = sock
        self.fn = fn
        self.fn_data = fn_data
        self.pfn = None  # the protocol's handler, called first: pfn(c, ev, ev_data)
        self.proto = None  # and its state
        self.recv = EMPTY
        self.since = 0  # (ticks_ms) the deadline's start, and
        self.wait = 0  # its length in ms; 0: there is none
        self.state = state
        self.mask = 0
        self.raw_address = None
        self._out = []
        self._out_bytes = 0
        self._off = 0  # how much of _out[0] is sent
        mgr.add(self)

    # --- flags

    @property
    def is_closing(self):
        """Set it to close now: what is not sent is dropped. EV_CLOSE comes when the handlers of this turn are done."""
        return bool(self.state & (CLOSING | CLOSED))

    @is_closing.setter
    def is_closing(self, value):
        if not value:
            raise ValueError("is_closing can't be taken back")
        if not self.state & CLOSING:
            self.state |= CLOSING
            self.mgr.doom(self)

    @property
    def is_draining(self):
        """Set it to close when everything is sent."""
        return bool(self.state & DRAINING)

    @is_draining.setter
    def is_draining(self, value):
        if not value:
            raise ValueError("is_draining can't be taken back")
        self.state |= DRAINING
        self._drained()

    @property
    def is_full(self):
        """Set it to stop reading from this peer, clear it to go on."""
        return bool(self.state & FULL)

    @is_full.setter
    def is_full(self, value):
        self._stop(FULL, value)

    @property
    def wants_poll(self):
        """Set it to get EV_POLL in each turn, which then does not sleep."""
        return self in self.mgr._polled

    @wants_poll.setter
    def wants_poll(self, value):
        self.mgr.want_poll(self, value)

    @property
    def rem(self):
        """The peer's address as text, "10.0.0.7:51324", or None."""
        return None if self.raw_address is None else address(self.raw_address)

    # --- sending

    def send(self, data):
        """Send `data` (bytes-like, or str as UTF-8): what the socket takes at once, the rest when there is room.

        What has to wait is kept by reference if it is `bytes`, and copied otherwise.
        Returns True if all of it was taken; False if the connection is closing, or if `send_limit` bytes wait already (nothing
        of it was taken then; EV_WRITE says when there is room). Data over the limit is taken when nothing else waits.
        """
        if isinstance(data, str):
            data = data.encode()
        if self._out and self._out_bytes + len(data) > self.mgr.send_limit:
            self.mgr.stats["send_full"] += 1
            return False
        return self.put(data)

    def put(self, data):
        """`send` without its limit: for protocols, whose answers come one by one. `data` is bytes-like."""
        n = len(data)
        if self.state & (CLOSING | CLOSED | DRAINING):
            return False
        done = 0
        if not self._out and not self.state & CONNECTING:
            try:
                done = self._write(data, 0, n)
            except OSError as er:
                self.broken(er)
                return False
        if done < n:
            self._keep(data, done, n)
        return True

    # --- HTTP

    @property
    def is_resp(self):
        """An HTTP request waits for its answer."""
        return self.proto is not None and self.proto.phase > 0

    def http_reply(self, status, headers=None, body=b""):
        """Answer the request that waits: `status` 200 to 599, `headers` a dict, a list of pairs, or a str of lines that end with
        CRLF, `body` bytes-like or str; or an iterator of such pieces, pulled when there is room and sent chunked.

        In the handler of EV_HTTP_MSG (or EV_HTTP_HDRS, then the connection closes unless there is no body), or later, when a worker is
        done. Content-Length, Transfer-Encoding and Connection are seen to; HEAD, 204 and 304 get no body.
        Returns False if the client has gone. ValueError: no request waits; a header that would smuggle CR or LF; a wrong status.
        """
        if self.proto is None:
            raise ValueError("http_reply: this is no HTTP connection")
        return self.proto.reply(self, status, headers, body)

    def http_begin(self, status, headers=None):
        """Begin an answer whose pieces follow by `http_chunk`. As `http_reply` otherwise."""
        return self.http_reply(status, headers, None)

    def http_chunk(self, data):
        """Send a piece of the answer that `http_begin` began; an empty one ends it. Returns and limits as `send`."""
        from .http.stream import chunk

        if not self.is_resp:
            raise ValueError("http_chunk: no answer was begun")
        return chunk(self, self.proto, data)

    def _write(self, data, off, n):
        # At most a slice: on RP2 a send for which lwIP has no memory sleeps, up to 10 s, although the socket does not block.
        if n > self.mgr.send_slice:
            n = self.mgr.send_slice
        try:
            return self.sock.write(data, off, n) or 0
        except OSError as er:
            if er.errno in (errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS):
                return 0
            raise

    def _keep(self, data, done, n):
        out = self._out
        if not out:
            self._off = 0
            self.mgr.deadline(self, self.mgr.write_ms)
        self._out_bytes += n - done
        if n - done < _SMALL:
            if out and isinstance(out[-1], bytearray) and len(out[-1]) < _SMALL:
                out[-1].extend(data)
            else:
                out.append(bytearray(memoryview(data)[done:n]))
        else:
            if not isinstance(data, bytes):  # its owner may change it
                data = bytes(memoryview(data)[done:])
                done = 0
            if not out:
                self._off = done
            out.append(data)
        self.look()

    def _flush(self):
        out = self._out
        left = self.mgr.send_slice
        while out and left > 0:
            piece = out[0]
            n = len(piece) - self._off
            try:
                done = self._write(piece, self._off, min(n, left))
            except OSError as er:
                return self.broken(er)
            if not done:
                break
            left -= done
            self.since = self.mgr.now
            self._out_bytes -= done
            if done == n:
                out.pop(0)
                self._off = 0
            else:
                self._off += done
                break
        if not out:
            self.wait = 0
            self.look()
            self._drained()
            if not self.state & (CLOSING | DRAINING):
                self.emit(EV_WRITE, None)

    def _drained(self):
        if not self.state & DRAINING or self._out:
            return
        if self.state & LINGER and not self.state & ENDED:
            self.mgr.deadline(self, self.mgr.linger_ms)
        else:
            self.is_closing = True

    def linger(self):
        """Close when everything is sent and the peer has had its time to read it: 1 s, or 64 KB more from it, or its end."""
        self.state |= LINGER
        self.recv = EMPTY
        self.left = 65536
        self.is_draining = True

    # --- what the loop calls

    def event(self, ev):
        """The socket is ready."""
        state = self.state
        if state & (CLOSING | CLOSED):
            return
        if state & CONNECTING:
            return self._connected(ev)
        if ev & OUT and self._out:
            self._flush()
        if ev & ~OUT:
            if self.mask & IN:
                self._readable()
            elif not self._out:
                self.error("poll: the connection broke (%d)" % ev)

    def _readable(self):
        mgr = self.mgr
        rx = mgr.rx
        for _ in range(_READS):
            if self.state & (CLOSING | CLOSED) or not self.mask & IN:
                return
            try:
                n = self.sock.readinto(rx.data)
            except OSError as er:
                return self.broken(er)
            if not n:
                if n is not None:
                    self.ended()
                return
            if self.state & LINGER:
                self.left -= n
                if self.left <= 0:
                    self.is_closing = True
                continue
            self._take(n)
            if n < len(rx.data):
                return

    def _take(self, n):
        # The loop's one buffer is lent out while the handlers run; only what they leave is copied.
        if self.recv is EMPTY:
            rx = self.mgr.rx
            rx.start = 0
            rx.end = n
            self.recv = rx
        else:
            self.recv.append(self.mgr.rx.data, n)
        self.emit(EV_READ, n)
        self._settle()

    def _settle(self):
        # Take the lent buffer back, with a copy of what was left in it; hold the limit.
        recv = self.recv
        if recv is self.mgr.rx:
            n = recv.end - recv.start
            if n:
                self.recv = Buffer()
                self.recv.append(memoryview(recv.data)[recv.start : recv.end], n)
            else:
                self.recv = EMPTY
        elif recv is not EMPTY:
            n = len(recv)
            if not n:
                self.recv = EMPTY
        else:
            return
        if n >= self.mgr.recv_limit and not self.state & (CLOSING | CLOSED | PAUSED):
            self.mgr.stats["recv_full"] += 1
            self.error("recv_limit: %d bytes wait to be read" % n)

    def resume(self):
        """The loop's next turn after `mgr.again(c)`: what waits in `recv` may be looked at again."""
        if not self.state & (CLOSING | CLOSED):
            self.emit(EV_READ, 0)
            self._settle()

    def ended(self):
        """The peer has sent its end, so it is gone; what was sent in this turn still goes out."""
        self.state |= ENDED
        if self._out:
            self.state |= DRAINING
            self.look()
        else:
            self.is_closing = True

    def expired(self):
        """The deadline has passed."""
        self.wait = 0
        if self._out or self.state & CONNECTING:
            self.mgr.stats["timeouts"] += 1
            self.error("timeout: the peer takes no data" if self._out else "timeout: no connection")
        elif self.state & LINGER:
            self.is_closing = True
        elif self.pfn is not None:
            self.pfn(self, EV_DUE, None)

    def shut(self):
        """Close the socket and send the last events. Called by the loop alone."""
        if self.state & CLOSED:
            return
        self.state |= CLOSING | CLOSED
        mgr = self.mgr
        mgr.remove(self)
        if self.mask:
            mgr.watch(self.sock, self, 0, self.mask)
        self.mask = self.wait = 0
        self._out = []
        self._release()
        if self.error_text is not None:
            self.emit(EV_ERROR, self.error_text)
        self.emit(EV_CLOSE, None)
        self.recv = EMPTY

    def _release(self):
        self.sock.close()
        mgr = self.mgr
        if self.state & ACCEPTED:
            mgr.accepted -= 1
        elif self.state & TURNED_AWAY:
            mgr.turning_away = False
        while mgr.starved:
            mgr.starved[0].expired()

    # --- ends and errors

    def error(self, text):
        """End this connection with EV_ERROR(text) and EV_CLOSE."""
        if not self.state & CLOSING:
            self.mgr.stats["failed"] += 1
            self.error_text = text
            self.is_closing = True

    def broken(self, er):
        """The socket has raised OSError: the peer's fault or the net's."""
        self.error("socket: %s" % er)

    def emit(self, ev, data):
        """Call the protocol's handler and the program's. What they raise ends at most this connection."""
        try:
            if self.pfn is not None:
                self.pfn(self, ev, data)
            if self.fn is not None:
                self.fn(self, ev, data, self.fn_data)
        except Exception as er:
            self.bug(er)

    def bug(self, er):
        """A handler has raised: report it and end the connection, unless its protocol has an answer."""
        self.mgr.report(er)
        if self.pfn is None or not self.pfn(self, EV_BUG, er):
            self.error("bug: %r" % er)

    def look(self):
        """Tell the poll what to wait for, from the flags as they are."""
        state = self.state
        mask = 0
        if not state & (FULL | PAUSED | ENDED | CONNECTING | CLOSED):
            mask = IN
        if self._out or state & CONNECTING:
            mask |= OUT
        if mask != self.mask and not state & CLOSED:
            self.mgr.watch(self.sock, self, mask, self.mask)
            self.mask = mask

    def _stop(self, bit, value):
        if value:
            self.state |= bit
        elif self.state & bit:
            self.state &= ~bit
            if self.recv is not EMPTY and not self.state & CLOSING:
                self.mgr.again(self)
        self.look()

    def pause(self, value):
        """Stop or go on reading because of a limit. False if this port must close instead (see port.MAY_PAUSE)."""
        if value and not MAY_PAUSE:
            return False
        self._stop(PAUSED, value)
        return True

    def _connected(self, ev):
        # There is no getsockopt(SO_ERROR): a read tells whether it is connected, and may already bring data.
        try:
            n = self.sock.readinto(self.mgr.rx.data)
        except OSError as er:
            return self.broken(er)
        if n is None and ev & ~(IN | OUT):
            return self.error("connect: no connection")
        self.state &= ~CONNECTING
        self.wait = 0
        self.look()
        self.emit(EV_CONNECT, None)
        if self._out:
            self._flush()
        if n:
            self._take(n)
        elif n == 0:
            self.ended()


class Listener(Connection):
    """A listening TCP socket. What it accepts inherits its `fn`, `fn_data` and protocol."""

    is_listening = True

    def event(self, ev):
        """Somebody knocks: accept several in one turn."""
        for _ in range(_ACCEPTS):
            if self.state & (CLOSING | CLOSED) or not self.mask or not self._accept():
                return

    def _accept(self):
        mgr = self.mgr
        full = mgr.accepted >= mgr.max_conns and not mgr.evict()
        if full and mgr.turning_away:
            # The one socket to spare is in use: leave the others in the backlog.
            return self._put_off()
        try:
            sock, raw = self.sock.accept()
        except OSError as er:
            if er.errno in NO_SOCKETS:
                # Poll is level triggered: it would spin.
                mgr.stats["starved"] += 1
                return self._put_off()
            if er.errno != errno.EAGAIN:
                mgr.stats["failed"] += 1
            return False
        try:
            sock.setblocking(False)
            sock.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY: the second piece of a reply must not wait for an ACK
            if full:
                c = Connection(mgr, sock, None, None, TURNED_AWAY)
                mgr.turning_away = True
            else:
                c = Connection(mgr, sock, self.fn, self.fn_data, ACCEPTED)
                c.pfn = self.pfn
                mgr.accepted += 1
        except Exception:
            sock.close()
            raise
        c.raw_address = raw
        c.look()
        if full:
            mgr.stats["refused"] += 1
            if self.pfn is not None:
                self.pfn(c, EV_FULL, None)
            c.linger()
        else:
            mgr.stats["accepted"] += 1
            c.emit(EV_OPEN, None)
            c.emit(EV_ACCEPT, None)
        return True

    def _put_off(self):
        self._stop(PAUSED, True)
        self.mgr.starved.append(self)
        self.mgr.deadline(self, _RETRY_MS)
        return False

    def expired(self):
        """A socket was given back, or it is time to try without: accept again."""
        self.wait = 0
        if self in self.mgr.starved:
            self.mgr.starved.remove(self)
            self._stop(PAUSED, False)

    def bug(self, er):
        """Accepting has failed, for want of memory: that one is lost, the listener stays."""
        self.mgr.report(er)
