# The bell: how a thread wakes the loop. The loop sleeps in ipoll; a ring makes one more thing readable there.
# The bell carries no data: the messages wait in queues of their own, and lwIP may drop a datagram without harm.
#
# No wake-up is lost, in four steps:
#   producer   under the lock push, post the box, test-and-set `rung`; outside the lock, if it was not set, ring
#   loop       drain the bell; under the lock clear `rung`; then take boxes; and look once more before it sleeps
import _thread
import errno
import select
import socket
import time

# What a full buffer says: it rings already. (ESP32's lwIP says ENOMEM or ENOBUFS when no packet was to be had: that ring is lost.)
_RING = b"!"


class Doorbell:
    """The lock that a manager's threads share, the boxes that have something for the loop, and the bell that says so.

    A box is any object with `posted` (bool), `next`, and `deliver(budget)`, called in the loop, which returns how many messages
    it handed over. `kind` is "udp" (two UDP sockets on 127.0.0.1, connected to each other) or "ring" (a micropython.RingIO).
    """

    def __init__(self, kind, stats):
        self.lock = _thread.allocate_lock()
        self.first = None
        self.last = None
        self.rung = False
        self.kind = kind
        self._stats = stats
        self._byte = bytearray(1)
        if kind == "udp":
            self.rx, self.tx = udp_pair()
            self.rx.setblocking(False)
            self.tx.setblocking(False)
            self._send = self.tx.send
        elif kind == "ring":
            import micropython

            self.rx = self.tx = micropython.RingIO(16)
            self._send = self.tx.write
        else:
            raise ValueError("bell %r: there are 'udp' and 'ring'" % kind)

    def post(self, box):
        """Put `box` at the end of the queue unless it is there; True if the caller must `ring` once it has let go of the lock.

        Called with the lock held. Allocates nothing.
        """
        self.link(box)
        if self.rung:
            return False
        self.rung = True
        return True

    def link(self, box):
        """Put `box` at the end of the queue unless it is there, without a ring: for the loop's own thread, lock held."""
        if not box.posted:
            box.posted = True
            box.next = None
            if self.first is None:
                self.first = box
            else:
                self.last.next = box
            self.last = box

    def take(self):
        """The first box, or None. Called by the loop."""
        with self.lock:
            box = self.first
            if box is not None:
                self.first = box.next
                box.posted = False
            return box

    def ring(self):
        """Wake the loop. Any thread, never with the lock held; never raises.

        EAGAIN on a full buffer is no failure: the loop has not read the last ring yet, so it will wake. Anything else is: the ring
        is lost, so the next message must ring again. Until then the loop's longest sleep, one second, is the limit.
        """
        try:
            self._send(_RING)
        except OSError as er:
            if er.errno != errno.EAGAIN:
                with self.lock:
                    self.rung = False
                    self._stats["rings_lost"] += 1
        if self.kind == "ring":
            # On RP2 a write to a RingIO raises no CPU event; letting go of a lock does, and ends the other core's WFE.
            with self.lock:
                pass

    def event(self, _ev):
        """The bell is readable: read one ring. What is left over makes ipoll return once more, which is harmless."""
        self.rx.readinto(self._byte)
        with self.lock:
            self.rung = False

    def bug(self, er):
        """Nothing here can raise but for want of memory, and then the program must know."""
        raise er

    def close(self):
        """Give the sockets back. Only when no thread is left that could ring."""
        if self.kind == "udp":
            self.tx.close()
        self.rx.close()


def udp_pair():
    """Two UDP sockets on 127.0.0.1, each connected to the other, so that nobody else's datagrams reach them; both block.

    There is no getsockname on MicroPython, so ports are tried in pairs until two are free.
    Raises OSError: EHOSTUNREACH where the system has no loopback, as stock RP2 firmware.
    """
    port = 20000 + (time.ticks_us() & 0x3FFE)
    for attempt in range(200):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        two = None
        try:
            two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            here = socket.getaddrinfo("127.0.0.1", port)[0][-1]
            there = socket.getaddrinfo("127.0.0.1", port + 1)[0][-1]
            one.bind(here)
            two.bind(there)
            one.connect(there)
            two.connect(here)
            _empty(one)
            _empty(two)
            return one, two
        except OSError as er:
            one.close()
            if two is not None:
                two.close()
            if er.errno != errno.EADDRINUSE or attempt == 199:
                raise
        port += 2


def _empty(sock):
    # A stranger's datagram may have come between bind and connect.
    sock.setblocking(False)
    try:
        while True:
            sock.recv(1)
    except OSError as er:
        if er.errno != errno.EAGAIN:
            raise
    sock.setblocking(True)


def works(kind):
    """Whether a bell of this kind rings here: one is made, rung, and looked at."""
    try:
        bell = Doorbell(kind, {"rings_lost": 0})
    except (OSError, ImportError, AttributeError):
        return False
    poller = select.poll()
    poller.register(bell.rx, select.POLLIN)
    bell.ring()
    heard = bool(poller.poll(100))
    poller.unregister(bell.rx)
    bell.close()
    return heard
