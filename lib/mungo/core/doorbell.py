# The bell: how a thread wakes the loop. The loop sleeps in ipoll; a ring makes one more thing readable there.
# The bell carries no data: the messages wait in queues of their own, and lwIP may drop a datagram without harm.
#
# No wake-up is lost, in four steps:
#   producer   under the lock push, post the box, test-and-set `rung`; outside the lock, if it was not set, ring
#   loop       drain the bell; under the lock take boxes, and with the last one clear `rung`; look once more before it sleeps
# So whoever posts to an empty queue rings, and a ring that got lost, however silently, mutes the bell for one sleep, not for good.
import _thread
import errno


class Doorbell:
    """The lock that a manager's threads share, the boxes that have something for the loop, and the bell that says so.

    A box is any object with `next`, at first False, and `deliver(budget)`, called in the loop, which returns how many messages
    it handed over. `kind` is "udp" (two UDP sockets on 127.0.0.1, connected to each other) or "ring" (a micropython.RingIO);
    with `any` (either will do) "ring" is taken where "udp" does not work. Which one it is stands in `stats["bell"]`.
    """

    def __init__(self, kind, any, stats):
        self.lock = _thread.allocate_lock()
        self.first = None
        self.last = None
        self.rung = False
        self.ringing = 0  # threads that are at it
        self.is_closed = False
        self.gc_barrier = []  # `clear` waits for a collection that is under way, and allocates nothing; see Loop.collect_early
        self.stats = stats
        self.rings = bytearray(16)  # what the loop reads them into
        if kind == "udp":
            from .bell_udp import udp_pair

            try:
                self.rx, self.tx = udp_pair(0)
            except OSError:
                if not any:
                    raise
                kind = "ring"  # no loopback here
        if kind != "udp":
            from .bell_ring import ring_pair

            self.rx, self.tx = ring_pair(kind)
        stats["bell"] = kind

    def post(self, box):
        """Put the box at the end of the queue unless it is there; True if the caller must `ring` after it has released the lock.

        Called with the lock held. Allocates nothing. The loop's own thread need not ring: it looks at the queue before it sleeps.
        """
        if box.next is False:
            box.next = None
            if self.first is None:
                self.first = box
            else:
                self.last.next = box
            self.last = box
        if self.rung:
            return False
        self.rung = True
        return True

    def ring(self):
        """Wake the loop. Any thread, never with the lock held; never raises. Does nothing when the bell is closed.

        EAGAIN on a full buffer is no failure: the loop has not read the last ring yet, so it will wake. Anything else is: the ring
        is lost. Either way the next message rings again; until then the loop's longest sleep, one second, is the limit.
        """
        with self.lock:
            if self.is_closed:
                return
            self.ringing += 1
        error = None
        try:
            self.tx.send(b"!")
        except OSError as er:
            error = er.errno
        finally:
            with self.lock:
                self.ringing -= 1
                if error is not None:
                    self.rung = False
                    if error != errno.EAGAIN:
                        self.stats["rings_lost"] += 1

    def reopen(self, loop):
        """An empty datagram has closed the socket for good (ESP32): go on with a ring, which needs no socket, and no time to be tried. If a
        thread is ringing at this moment, the next turn does it. What was rung before is looked at in this turn."""
        from .bell_ring import ring_pair

        rx, tx = ring_pair("ring")
        with self.lock:
            if self.ringing:
                return
            self.is_closed = True  # for a moment: nobody rings
        loop.unwatch(self.rx)
        self.close()
        self.rx = rx
        self.tx = tx
        self.stats["bell"] = "ring"
        self.stats["reopened"] += 1
        loop.watch(rx, loop, 1)  # select.POLLIN
        with self.lock:
            self.is_closed = self.rung = False

    def end(self):
        """From here on `ring` does nothing. False, and it goes on, if a thread is ringing at this moment."""
        with self.lock:
            self.is_closed = not self.ringing
        return self.is_closed

    def close(self):
        """Give the sockets back, after `end`: closing one under a sender is not safe on RP2."""
        self.tx.close()
        self.rx.close()
