# Answers whose length is not known when they start: chunked (RFC 9112 section 7.1), or ended by the close for HTTP/1.0.
from micropython import const

from .answer import make_head, over

_NONE = const(0)
_STREAMING = const(3)
_PIECES = const(16)  # of one answer in one turn


def start(c, hm, status, headers, source):
    """Answer with what the iterator `source` yields (str or bytes-like), pulled when there is room; None: the program sends it
    with `c.http_chunk`."""
    if status == 204 or status == 304:
        raise ValueError("status %d has no body" % status)
    if source is not None:
        source = iter(source)
    if hm.is_old:
        hm.keep_alive = False
    head = make_head(hm, status, headers, "" if hm.is_old else "Transfer-Encoding: chunked\r\n")
    c.put(head)
    hm.source = source
    hm.phase = _STREAMING
    if hm.is_head and source is not None:
        stop(hm)
        _end(c, hm)
    elif not hm.serving:
        c.mgr.again.append(c)
    return True


def _end(c, hm):
    hm.phase = _NONE
    over(c, hm)
    if not hm.serving:
        hm.resume(c)


def stop(hm):
    """The answer ends, or its client has: let a generator clean up."""
    source = hm.source
    hm.source = None
    if hasattr(source, "close"):
        source.close()


def chunk(c, data):
    """Connection.http_chunk"""
    hm = c.proto
    if hm is None or hm.phase != _STREAMING:
        if c.is_closing or c.is_draining:
            return False
        raise ValueError("http_chunk: no answer was begun")
    if isinstance(data, str):
        data = data.encode()
    if not data:
        if not hm.is_old and not hm.is_head:
            c.put(b"0\r\n\r\n")
        hm.source = None
        _end(c, hm)
        return True
    if hm.is_head:
        return True
    return c.send(data if hm.is_old else b"%x\r\n%s\r\n" % (len(data), bytes(data)))


def pull(c, hm):
    """Take pieces from the source while the socket takes them."""
    for _ in range(_PIECES):
        if hm.source is None or c.out is not None or c.is_closing:
            return
        try:
            piece = next(hm.source)
        except StopIteration:
            piece = b""
            hm.source = None
        else:
            if not piece:
                continue
        chunk(c, piece)
    if hm.source is not None:
        c.mgr.again.append(c)
