# Answers whose length is not known when they start: chunked (RFC 9112 section 7.1), or ended by the close for HTTP/1.0.
from micropython import const

_STREAMING = const(3)
_PIECES = const(16)  # of one answer in one turn


def start(c, hm, status, headers, source):
    """Answer with what the iterator `source` yields (str or bytes-like), pulled when there is room; None: the program sends it
    with `c.http_chunk`."""
    if source is not None:
        source = iter(source)
    chunked = hm.tab[5] > 0
    if not chunked:
        hm.keep_alive = False
    if status == 204 or status == 304:
        raise ValueError("status %d has no body to stream" % status)
    head = hm.head(status, headers, "Transfer-Encoding: chunked\r\n" if chunked else "")
    c.put(head)
    if hm.is_head:
        hm.source = source
        stop(hm)
        hm.over(c)
        return True
    hm.phase = _STREAMING
    hm.source = source
    if not hm.serving:
        c.mgr.again(c)
    return True


def stop(hm):
    """The answer ends, or its client has: let a generator clean up."""
    source = hm.source
    hm.source = None
    if hasattr(source, "close"):
        source.close()


def chunk(c, hm, data):
    """Send one piece; an empty one ends the answer. See Connection.http_chunk."""
    if isinstance(data, str):
        data = data.encode()
    n = len(data)
    if not hm.tab[5]:
        sent = not n or c.send(data)
    elif n:
        sent = c.send(b"%x\r\n%s\r\n" % (n, data))
    else:
        c.put(b"0\r\n\r\n")
        sent = True
    if not n:
        hm.source = None
        hm.over(c)
    return sent


def pull(c, hm):
    """Take pieces from the source while the socket takes them."""
    if hm.source is None:
        return
    for _ in range(_PIECES):
        if c._out or c.is_closing or c.is_draining:
            return
        try:
            piece = next(hm.source)
        except StopIteration:
            chunk(c, hm, b"")
            return
        if piece:
            chunk(c, hm, piece)
    c.mgr.again(c)
