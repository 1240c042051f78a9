# Answers that are sent piece by piece. An iterator's length is not known when it starts: what it yields goes out chunked (RFC 9112
# section 7.1), or ended by the close for HTTP/1.0. A Part of a file has a length, and goes out as it is, see part.py.
from ..core.streams import has_room_for_stream
from ..core.utf8 import encode
from ..port.flash import close
from .response import make_head
from .stream_limit import answer_without_stream

_PIECES = const(16)  # of one answer in one turn


def as_bytes(piece):
    """A piece of a body as bytes. TypeError for what is neither str nor bytes-like."""
    if isinstance(piece, str):
        return encode(piece)
    return piece if isinstance(piece, bytes) else bytes(memoryview(piece))


def start(c, hm, status, headers, body):
    """Begin the answer to the request that waits at `c`, see `http_reply`. `body`: a Part; an iterable of str or bytes-like pieces,
    pulled when there is room; or None: the program sends them by `c.http_chunk`."""
    if status == 204 or status == 304:
        raise ValueError("status %d has no body" % status)
    length = source = None
    if hasattr(body, "pour"):
        source = body
        length = body.left
    elif body is not None:
        source = iter(body)
    if length is None and not hm.is_head:
        if not has_room_for_stream(c.mgr):
            return answer_without_stream(c, hm, status, headers, source)
        hm.is_open_ended = True
    head = make_head(hm, status, headers, length)
    hm.begin_stream(source)  # (first: if there were no memory for that, a 500 would follow the head)
    is_sent = c.put(head)
    if length is None and hm.is_old:
        hm.discards = False  # the close ends the body, so it must not be delayed
    if hm.is_head and source is not None:
        end(c, hm)
    else:
        hm.go_on(c)
    return is_sent


def end(c, hm):
    """All of the answer is sent."""
    stop(c, hm)
    hm.is_open_ended = False
    if c.out is None:
        c.wait = 0  # it may have had a deadline of its own, see sse.py
    hm.end_answer(c)


def stop(c, hm):
    """The answer ends, or its client has gone: let a generator clean up, close a file."""
    source = hm.source
    hm.source = None
    if hasattr(source, "close"):
        try:
            c.mgr.use_flash(close, c, source)
        except BaseException as er:  # which must not keep EV_CLOSE from the program
            c.bug(er)


def send_chunk(c, hm, data, is_limited=True):
    """Send a piece of the answer, str or bytes-like; an empty one ends it. See `http_chunk`. `is_limited`: by `send_limit`."""
    if not hm.is_streaming:
        if c.is_ending:
            return False
        raise ValueError("no answer was begun")
    piece = as_bytes(data)  # (bytes(5) would be five zeros)
    n = len(piece)
    if not hm.is_old:
        piece = b"%x\r\n%s\r\n" % (n, piece)
    c.since = c.mgr.now  # see `rest_in_answer` in server.py
    if hm.is_head:
        is_sent = not c.is_closing
    else:
        is_sent = c.send(piece) if n and is_limited else c.put(piece)
    if not n:
        hm.source = None  # (it may be the caller)
        end(c, hm)
    return is_sent


def pull(c, hm):
    """Take pieces from the source while the socket takes them."""
    for _ in range(_PIECES):
        source = hm.source
        if source is None or c.out is not None or c.is_closing:
            return
        if hasattr(source, "pour"):
            c.mgr.use_flash(source.pour, c, hm)
            return
        try:
            piece = as_bytes(next(source))
        except StopIteration:
            piece = b""  # the end
        else:
            if not len(piece):  # (a TypeError for numbers)
                continue
        send_chunk(c, hm, piece)
    if hm.source is not None:
        c.resume()
