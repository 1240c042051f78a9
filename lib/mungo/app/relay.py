# A worker's generator, sent to a client as a chunked answer. What a slow client does not take fills, one after the other, the socket's
# buffers, the connection's backlog (then C2 is_full), the pipe's queue; then the worker waits in send. Nobody else does.
_EV_READ = const(7)
_EV_WRITE = const(8)


def pump(end, source):
    """The worker's job: send each piece (str or bytes-like; empty ones are left out) that `source` yields."""
    try:
        for piece in source:
            if piece:
                end.send(piece)
    finally:
        source.close()  # the client may have left in the middle: let it clean up


def stream(c, pool, source, status=200, headers=None):
    """Answer the request that waits at `c` with the pieces that the generator `source` yields in a worker of `pool`.

    Each piece must come within the pool's job_ms after the last one was taken. If it does not, or if `source` raises, the
    connection is closed without the last chunk, which tells the client that the answer is not whole.
    Loop's thread. Raises OSError as `pool.submit`, before anything is sent, and ValueError as `http_reply`.
    """
    if c.proto.is_head:  # it has no body
        source.close()
        c.http_reply(status, headers, iter(()))
        return
    relay = Relay(c, pool)
    relay.job = pool.submit(pump, source, on_done=relay.done, conn=c, pipe=relay.piece)
    try:
        c.http_reply(status, headers, None)
        c.fn = relay.watch
        relay.is_begun = True
    finally:
        if not relay.is_begun:
            pool.cancel(relay.job)


class Relay:
    """One answer that is under way."""

    def __init__(self, c, pool):
        self.c = c
        self.pool = pool
        self.fn = c.fn
        self.c2 = None
        self.job = None
        self.is_begun = False

    def piece(self, c2, ev, data, c):
        """C2's handler."""
        self.c2 = c2
        if ev == _EV_READ and c.http_chunk(data):
            self.pool.keep(self.job)
            if c.out is not None:
                c2.is_full = True

    def watch(self, c, ev, data, fn_data):
        """C1's handler meanwhile."""
        if ev == _EV_WRITE:
            self.pool.keep(self.job)
            self.c2.is_full = False
        elif self.fn is not None:
            self.fn(c, ev, data, fn_data)

    def done(self, _, er):
        """The generator has ended."""
        c = self.c
        if not self.is_begun:
            return
        c.fn = self.fn
        if er is None and not self.c2.unread and not self.c2.error_text:  # nothing of it is lost
            c.http_chunk(b"")
        elif not c.is_closing:
            c.is_closing = True
