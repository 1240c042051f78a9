# A connection and its state. Nothing else knows the bits of `state`: others ask (`c.is_closing`) or tell (`c.pause(True)`). 0 is common.
from errno import EAGAIN, ENOBUFS, ENOMEM

from ..port import MAY_PAUSE, TX_MEMORY
from .buffer import EMPTY, Buffer
from .linger import Lingering
from .reports import NO_MEMORY, broken, bug, starve
from .send_buffer import SendBuffer

if TX_MEMORY:
    from .send_memory import grant, has_time
if not MAY_PAUSE:
    from .stuffed import is_stuffed, read_on

# Events, see __init__.py
_EV_ERROR = const(0)
_EV_OPEN = const(1)
_EV_ACCEPT = const(5)
_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_CLOSE = const(9)
_EV_DUE = const(100)  # its deadline has passed: for the protocol's handler (pfn) alone, as EV_BUG of reports.py and EV_FULL of overload.py

_IN = const(1)  # select.POLLIN and POLLOUT, the same everywhere
_OUT = const(4)

# Bits of `state`
_CLOSING = const(1)
_DRAINING = const(4)
_FULL = const(8)  # the program asked for a pause
_PAUSED = const(16)  # a limit did
_CONNECTING = const(32)  # it is not established yet: it connects, waits for a place (overload.py), or its TLS handshake is under way
_ENDED = const(64)  # the peer has sent its end
_LINGERING = const(128)
_FAILED = const(512)  # it ends with EV_ERROR
_STOPPED = const(24)  # FULL or PAUSED
_UNREAD = const(120)  # FULL, PAUSED, CONNECTING or ENDED: the socket is not read

_READS = const(8)  # of rx_bytes each, from one connection in one turn
_NO_ROOM = (EAGAIN, ENOMEM, ENOBUFS)  # (made here: in an `except` it would need memory)


class Connection:
    """What a handler is called with: a TCP stream; by its subclasses also a listener, a UDP socket, a pipe's end in the loop.

    `id` is never used again, `mgr` the manager, `fn(c, ev, ev_data, fn_data)` the handler and `fn_data` its argument, both free
    to change; `recv` is the Buffer of what has come in and is not used yet.
    Everything here is for the loop's thread, inside a handler or between two polls.
    """

    # Defaults are in the class: an attribute that is never set costs a connection no memory. (For the others see internals: ROOM.)
    is_listening = False
    is_tls = False  # what is sent is encrypted
    is_accepted = False  # it counts in mgr.accepted
    is_idle = False  # a full manager may close it
    id = state = since = wait = 0
    mgr = fn = fn_data = sock = None
    # While CONNECTING or LINGERING: an object whose event(c, flags) and expired(c) take the place of these methods, and, while CONNECTING,
    # whose `mask` is what poll looks for.
    phase: "Any" = None  # noqa: F821  # pyright: ignore
    pfn = None  # the protocol's handler, called first: pfn(c, ev, ev_data)
    proto = None  # and its state
    recv = EMPTY
    mask = _IN  # what poll looks for
    out = None  # a SendBuffer, while something waits to be sent
    peer: object = None  # the address of the other side, as the port has it
    error_text = None  # of EV_ERROR; "": that was made good, and none comes
    stuffed: object = None  # (where paused connections are read on) not None: it is not read any more
    unproven = 0  # (for send_memory.py) bytes given to the socket since the peer was last heard
    close_callbacks = None  # a list of (fn, arg), once on_close was called

    def __init__(self, mgr, sock, fn, fn_data, phase=None, peer=None):
        self.mgr = mgr
        self.fn = fn
        self.fn_data = fn_data
        self.state = 0
        self.since = 0  # (ticks_ms) when the deadline's time began, and
        self.wait = 0  # how long it is in ms; 0: there is no deadline. (They are here: then to set one needs no memory.)
        if sock is not None:
            self.sock = sock
            self.peer = peer
        if phase is not None:
            self.state = _CONNECTING
            self.phase = phase
            self.mask = _OUT
        mgr.add(self)

    # --- flags

    @property
    def is_closing(self):
        """Set it to close now: what is not sent is dropped. EV_CLOSE comes when the handlers of this turn are done."""
        return self.state & _CLOSING > 0

    @is_closing.setter
    def is_closing(self, value):
        if not value:
            raise ValueError("is_closing: can't be cleared")
        if not self.state & _CLOSING:
            self.state |= _CLOSING
            mgr = self.mgr
            mgr.to_close[mgr.closing] = self  # needs no memory, see internals: CLOSING
            mgr.closing += 1

    @property
    def is_draining(self):
        """Set it to close when everything is sent."""
        return self.state & _DRAINING > 0

    @is_draining.setter
    def is_draining(self, value):
        if not value:
            raise ValueError("is_draining: can't be cleared")
        self.state |= _DRAINING
        if self.out is None:
            self.is_closing = True

    @property
    def is_ending(self):
        """Whether nothing more can be sent: it is closing or draining."""
        return self.state & (_CLOSING | _DRAINING) > 0

    @property
    def is_full(self):
        """Set it to stop reading from this peer, clear it to go on."""
        return self.state & _FULL > 0

    @is_full.setter
    def is_full(self, value):
        if value:
            self.state |= _FULL
        elif self.state & _FULL:
            self.state &= ~_FULL
            if self.recv is not EMPTY or self.state & _ENDED:
                self.resume()
        self.look()

    def pause(self, value):
        """Stop reading from this peer (True) or go on (False): for limits, independent of what the program wants by `is_full`."""
        self.state = self.state | _PAUSED if value else self.state & ~_PAUSED
        self.look()

    @property
    def is_connecting(self):
        """Whether it is not established yet: it is outgoing, waits for a place, or its TLS handshake is under way."""
        return self.state & _CONNECTING > 0

    @property
    def is_ended(self):
        """Whether the peer has sent its end."""
        return self.state & _ENDED > 0

    @property
    def is_half_closed(self):
        """Whether the peer has sent its end, and its requests are still served: it is not paused, draining or closing."""
        return self.state == _ENDED

    @property
    def rem(self):
        """The address of the other side (of a listener: its own) as text, "10.0.0.7:51324", or None."""
        from ..port.address import address

        return self.peer and address(self.peer)

    # --- sending

    def send(self, data):
        """Send `data` (bytes-like, or str as UTF-8): what the socket takes at once, the rest when there is room.

        What has to wait is kept by reference if it is `bytes`, and copied otherwise.
        Returns True if all of it was taken; False if the connection is closing, or if more than `send_limit` bytes would wait here, or too
        many in all (then none of it was taken; EV_WRITE says when there is room). Data is always taken when nothing else waits here.
        """
        if isinstance(data, str):
            data = data.encode()
        elif len(bytes(memoryview(data)[:1])) > 1:  # an array's len is not its number of bytes
            data = bytes(memoryview(data))
        return (self.out is None or self.out.has_room(len(data))) and self.put(data)

    def put(self, data):
        """`send` without its limit, of something bytes-like: for protocols, whose answers come one by one."""
        if self.state & (_CLOSING | _DRAINING):
            return False
        n = len(data)
        done = 0 if self.out is not None or self.state & _CONNECTING else self.write(data, 0, n)
        if done < n:
            self.put_later(data, done)
        return not self.state & _CLOSING

    def write(self, data, at, n):
        """Give the socket up to `n` bytes of `data`, from `at` on; returns how many it took. A socket that failed "takes" all of them.

        At most `send_slice` bytes go in one write, and on RP2 no more than there is memory for: see send_memory.py.
        """
        if n >= 1024:
            n = min(n, self.mgr.send_slice)
        if TX_MEMORY:
            n = grant(self, n)
        try:
            return self.sock.write(data, at, n) or 0
        except OSError as er:
            if er.errno in _NO_ROOM:
                return 0
            self.broken(er)
            return len(data)

    def put_later(self, data, at):
        """Send `data` from `at` on when the socket has room, which EV_WRITE says."""
        try:
            if self.out is None:
                self.out = SendBuffer(self.mgr)
                if not self.state & _CONNECTING:
                    self.mgr.deadline(self, self.mgr.write_ms)
                self.look()
            if at < len(data):
                self.out.add(data, at)
        except MemoryError:  # its start may be sent: whatever came next would be taken for the rest
            self.error("no memory for what is to be sent")
            raise

    def flush(self):
        """The socket has room: send what waits, at most `send_slice` bytes in one turn."""
        if not self.out.flush(self):
            return
        self.out = None
        self.wait = 0
        if not self.state & _DRAINING:
            self.look()
            self.emit(_EV_WRITE)
        elif self.state & _LINGERING and not self.state & _ENDED:
            self.look()
            self.mgr.deadline(self, self.mgr.linger_ms)
        else:
            self.is_closing = True

    def linger(self):
        """Close when everything is sent and the peer has had the time to read it: at its end, or after linger_ms."""
        self.phase = Lingering(self.mgr.now)
        self.state = self.state & ~(_FULL | _PAUSED) | _LINGERING | _DRAINING  # it reads, whatever the program has paused
        self.recv = EMPTY
        self.look()
        if self.out is None:  # (from a peer that has sent its end nothing comes that could be discarded)
            self.mgr.deadline(self, 1 if self.state & _ENDED else self.mgr.linger_ms)

    # --- what the loop calls

    def event(self, ev):
        """The socket is ready. The loop catches what the handlers raise and gives it to `bug`."""
        if self.state & (_CLOSING | _CONNECTING | _LINGERING):
            if not self.state & _CLOSING:
                self.phase.event(self, ev)
            return
        if ev & _OUT and self.out is not None:
            self.flush()
            if self.state & _CLOSING:
                return
        if ev & ~_OUT:
            if not self.state & _UNREAD:
                ev = _READS
                while ev:
                    n = self.read(self.mgr.rx.data)
                    if not n or n < 0:
                        if n == 0:
                            self.ended()
                        return
                    self.take(n)
                    if n < len(self.mgr.rx.data) or self.state:
                        return
                    ev -= 1
            elif ev & _IN:
                if not MAY_PAUSE:
                    read_on(self)
            elif self.out is None or not ev & _OUT:  # it is not read, and has failed
                self.broken(OSError("poll has found %d" % ev))

    def read(self, data):
        """Read into the bytearray `data`: the number of bytes, 0 at the peer's end, None if there is nothing, -1 if the socket failed."""
        if TX_MEMORY and self.out is None:
            self.unproven = 0
        try:
            return self.sock.readinto(data)
        except OSError as er:
            self.broken(er)
            return -1

    def ended(self):
        """The peer has sent its end."""
        self.state |= _ENDED
        try:
            self.at_end()
        finally:
            self.look()

    def at_end(self):
        """Nothing more will come, and most likely the peer is gone: what was sent in this turn still goes out."""
        self.is_draining = True

    def hold(self, phase):
        """It is not established yet: until `end_phase`, `phase` has its events and its deadline, and what is sent waits."""
        self.phase = phase
        self.state |= _CONNECTING
        self.look()

    def end_phase(self):
        """It is established, or what `hold` has begun is over."""
        self.state &= ~_CONNECTING
        self.phase = None
        self.wait = 0
        self.look()

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
        if self.fn is not None and not self.state & _CLOSING:
            self.fn(self, _EV_READ, n, self.fn_data)
        if self.recv is rx and not rx.end:
            self.recv = EMPTY
        else:
            self.settle()

    def settle(self):
        """The handlers have seen what is in `recv`: give the loop's buffer back, and hold the limit, unless they have paused."""
        recv = self.recv
        n = recv.end - recv.start
        if not n:
            self.recv = EMPTY
        elif recv is self.mgr.rx:
            self.recv = Buffer()
            self.recv.append(memoryview(recv.data)[recv.start :], n)
        if n >= self.mgr.recv_limit and not self.state & (_CLOSING | _UNREAD):
            self.mgr.stats["recv_full"] += 1
            self.error("recv_limit")

    def expired(self):
        """The deadline has passed."""
        self.wait = 0
        out = self.out
        if out is not None and out.since is not None and out.ask_again(self):
            return
        if self.phase is not None:
            self.phase.expired(self)
        elif out is not None:
            if TX_MEMORY and has_time(self):
                return
            self.mgr.stats["timeouts"] += 1
            self.error("timeout: the peer takes no data")
        elif self.pfn is not None:
            self.pfn(self, _EV_DUE, None)

    def resume(self):
        """Have EV_READ, with 0 new bytes, come in the next turn, which then does not sleep."""
        try:
            self.mgr.resuming.append(self)
        except MemoryError:
            self.starve()

    def shut(self):
        """Close the socket and send the last events. Called by `Loop.shut` alone. Needs no memory, see internals: CLOSING."""
        self.state |= _CLOSING
        self.release()
        for fn, arg in self.close_callbacks or ():
            try:
                fn(arg)
            except BaseException as er:
                self.mgr.report(er)
        if self.out:
            self.mgr.held -= self.out.size
            self.out = None
        text = self.error_text
        if text or text is None and self.state & _FAILED:
            self.emit(_EV_ERROR, text or NO_MEMORY)
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
        if self.sock is not None:  # a name may still be being looked up
            self.mgr.unwatch(self.sock)
            self.sock.close()
        if self.is_accepted:
            self.mgr.accepted -= 1
        if self.mgr.paused_listeners:
            self.mgr.resume_listeners()

    # --- ends and errors

    bug = bug
    broken = broken
    starve = starve

    def error(self, text):
        """End this connection with EV_ERROR(text) and EV_CLOSE."""
        if not self.state & _CLOSING:
            self.mgr.stats["failed"] += 1
            self.state |= _FAILED
            self.is_closing = True
            try:
                self.error_text = text
            except MemoryError:
                pass  # EV_ERROR says that

    def emit(self, ev, data=None):
        """Call the protocol's handler and the program's. What they raise ends at most this connection."""
        if not self.mgr.busy:
            return self.mgr.call(self.emit, ev, data)
        try:
            if self.pfn is not None and ev != _EV_ACCEPT:  # (which is nothing to a protocol)
                self.pfn(self, ev, data)
        except BaseException as er:
            self.bug(er)
            if ev != _EV_OPEN and ev != _EV_CLOSE:  # which the program gets, both or none
                return
        try:
            if self.fn is not None:
                self.fn(self, ev, data, self.fn_data)
        except BaseException as er:
            self.bug(er)

    def look(self):
        """Tell the poll what to wait for, from the flags as they are."""
        unread = self.state & _UNREAD
        if not MAY_PAUSE and not unread & ~_STOPPED and not self.is_listening:
            unread = is_stuffed(self, unread)
        mask = 0 if unread else _IN
        if self.state & _CONNECTING:
            mask = self.phase.mask
        elif self.out is not None and self.out.since is None:
            mask |= _OUT
        if mask != self.mask and not self.state & _CLOSING:
            try:
                self.mgr.watch(self.sock, self, mask)
                self.mask = mask
            except MemoryError:
                self.starve()
