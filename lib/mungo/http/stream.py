# Answers whose length is not known when they start: chunked (RFC 9112 section 7.1), or ended by the close for HTTP/1.0.

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
    is_sent = c.put(head)
    hm.source = source
    hm.phase = _STREAMING
    if hm.is_head and source is not None:
        stop(c, hm)
        _end(c, hm)
    elif not hm.serving:
        c.mgr.again.append(c)
    return is_sent


def _end(c, hm):
    hm.phase = _NONE
    over(c, hm)
    if not hm.serving:
        hm.resume(c)


def stop(c, hm):
    """The answer ends, or its client has: let a generator clean up."""
    source = hm.source
    hm.source = None
    if hasattr(source, "close"):
        try:
            source.close()
        except Exception as er:  # EV_CLOSE must still reach the program
            c.mgr.report(er)


def chunk(c, data):
    """Connection.http_chunk"""
    hm = c.proto
    if hm is None or hm.phase != _STREAMING:
        if c.is_closing or c.is_draining:
            return False
        raise ValueError("http_chunk: no answer was begun")
    data = data.encode() if isinstance(data, str) else bytes(data)
    if hm.is_head:
        is_sent = not c.is_closing
    elif hm.is_old:
        is_sent = c.send(data)
    elif data:
        is_sent = c.send(b"%x\r\n%s\r\n" % (len(data), data))
    else:
        is_sent = c.put(b"0\r\n\r\n")
    if not data:
        hm.source = None
        _end(c, hm)
    return is_sent


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
