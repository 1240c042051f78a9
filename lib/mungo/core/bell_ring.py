# For ports without loopback. On the unix port it is for tests: when the table behind its poll moves, at the fifth socket or later,
# an object without a file descriptor gets lost (extmod/modselect.c, poll_set_add_fd: it moves the NULL pointer as well), then the
# bell is not heard, or worse. Boards have no such table.
import _thread

import micropython


class RingSender:
    """The ringing end of a `micropython.RingIO` whose other end the loop polls: a doorbell without sockets."""

    def __init__(self, ring):
        self._ring = ring
        self._lock = _thread.allocate_lock()

    def send(self, data):
        """Ring. Never blocks; a full ring rings already."""
        # RingIO is safe for one writer. And on RP2 its write raises no CPU event, but letting go of a lock does, which ends the
        # other core's wait.
        with self._lock:
            self._ring.write(data)

    def close(self):
        """Nothing to give back."""


def ring_pair(kind):
    """The two ends: what to poll, and what to ring. `kind` must be "ring", the last one there is; ValueError otherwise."""
    if kind != "ring":
        raise ValueError("bell %r: there are udp and ring" % kind)
    ring = micropython.RingIO(16)
    return ring, RingSender(ring)
