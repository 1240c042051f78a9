# A worker's generator, sent to a client as a chunked answer:
#
#     generator -> send_pieces (worker) -> pipe -> Relay.on_pipe (loop) -> c.http_chunk -> client
#
# If the client is slow, these fill one after the other: the socket's buffers, the connection's send buffer (then C2 is_full), the pipe's
# queue. Then the worker waits in `send`. The loop and its other clients do not wait.
#
# `stream` answers by events, with a status that is known. An App waits for the first piece, see worker_answers.py.
from ..core.streams import has_room_for_stream
from ..http.stream import as_bytes, send_chunk

_EV_READ = const(7)
_EV_WRITE = const(8)


def stream(c, pool, source, status=200, headers=None):
    """Answer the request that waits at `c` with the pieces that the generator `source` yields in a worker of `pool`.

    Each piece must come within the pool's job_ms after the client has taken the last one; while it has not, write_ms runs. If a piece is
    late, or if `source` raises, the connection is closed without the last chunk, which tells the client that the answer is not whole.
    Until the answer ends, the connection's handler is the Relay's, which calls the program's.
    If `max_streams` are open, the answer is 503. Loop's thread. Raises OSError as `pool.submit`, before anything is sent, and ValueError as
    `http_reply`.
    """
    is_head = c.proto.is_head
    if is_head or not has_room_for_stream(c.mgr):  # the answer has no body, or is 503
        source.close()
        c.http_reply(status, headers, iter(()) if is_head else None)
        return
    relay = Relay(c, pool)
    on_client = relay.on_client  # (made here: when the head is sent nothing may fail any more)
    job = pool.submit(send_pieces, source, on_done=relay.on_done, conn=c, pipe=relay.on_pipe)
    try:
        relay.is_begun = c.http_reply(status, headers, None)
        if relay.is_begun:
            c.fn = on_client
    finally:
        if not relay.is_begun:
            pool.cancel(job)


def send_pieces(end, source, is_head=False):
    """The worker's job: send each piece (str or bytes-like) that `source` yields. Empty pieces are left out. TypeError for others.

    Returns what `source` has returned, or, if it has yielded nothing, raised; else its last piece. `is_head`: one piece is all that is
    wanted.
    """
    is_begun = False
    piece = None
    try:
        while True:
            piece = next(source)
            if piece is None:
                raise TypeError("None is no piece of an answer; a worker's handler is no async def")
            piece = as_bytes(piece)
            if piece:
                end.send(piece)
                is_begun = True
                if is_head:
                    return None
    except StopIteration as er:
        return piece if er.value is None else er.value
    except Exception as er:
        if is_begun:
            raise
        return er
    finally:
        source.close()  # the client may have left in the middle


class Relay:
    """One answer that is under way. Loop's thread."""

    def __init__(self, c, pool):
        self.c = c
        self.pool = pool
        self.fn = c.fn  # the program's handler
        self.c2 = None
        self.is_begun = False  # the head was sent

    def on_pipe(self, c2, ev, data, c):
        """The handler of the pipe: send each piece to the client, and pause the pipe while the client takes no more."""
        self.c2 = c2
        # (The send buffer takes a piece beyond its limits: it waits there instead of here, and no other one comes.)
        if ev == _EV_READ and send_chunk(c, c.proto, data, False):
            self.pool.keep(c2.job)
            if c.out is not None:
                c2.is_full = True

    def on_client(self, c, ev, data, fn_data):
        """The handler of the client's connection: go on with the pipe when the client has taken what was sent."""
        if ev == _EV_WRITE:
            self.c2.is_full = False
        elif self.fn is not None:
            self.fn(c, ev, data, fn_data)

    def on_done(self, result, er):
        """The job has ended: end the answer if it is whole, else close the connection."""
        c = self.c
        if not self.is_begun:
            return
        c.fn = self.fn
        if isinstance(result, Exception):
            c.mgr.report(result)
            er = result
        if er is None and not self.c2.unread and not self.c2.error_text:  # nothing of it is lost
            c.http_chunk(b"")
        else:
            c.is_closing = True
