# RP2: connections that are paused. What has come for any socket and is not read takes packets of one pool of 16, so a connection that is
# left unread would soon keep all others from receiving. So a paused one is read on, up to `recv_limit` bytes, and its handler gets them
# when the pause ends. Then the rest waits with lwIP, which slows the peer down, but for `pause_ms` at most.
from .buffer import EMPTY, Buffer
from .timer import Timer


def read_on(c):
    """The connection `c` is paused, and there is something to read."""
    mgr = c.mgr
    data = mgr.rx.data
    if len(c.recv) < mgr.recv_limit:  # (it may have been paused with more)
        n = c.read(data)
        if n is None or n < 0:
            return
        if n == 0:  # the end, which waits for what came before it
            c.stuffed = True
            return c.look()
        if c.recv is EMPTY:
            c.recv = Buffer()
        c.recv.append(data, n)
        if len(c.recv) < mgr.recv_limit:
            return
    try:
        c.stuffed = Timer(mgr, mgr.pause_ms, _expired, c, False)
    except OSError:  # max_timers
        return _expired(c)
    c.look()


def is_stuffed(c, is_paused):
    """Whether the socket of `c` is not to be read. If the pause has ended, it is read from here on."""
    timer = c.stuffed
    if timer is not None and not is_paused:
        c.stuffed = timer = None if timer is True else timer.cancel()
    return timer is not None


def _expired(c):
    if not c.is_closing:
        c.mgr.stats["recv_full"] += 1
        c.error("recv_limit, paused for pause_ms")
