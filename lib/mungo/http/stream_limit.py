# What loads with stream.py for when max_streams are open: to load it then might fail.
from .response import answer

_PIECES = const(64)


def answer_without_stream(c, hm, status, headers, source):
    """Answer with what the iterator `source` yields if that is little, as a page's template is; else, or if `source` is None, with 503.
    Returns as `http_reply`, and False for 503."""
    body = None if source is None else _collect(source, c.mgr.send_limit)
    if body is not None:
        return answer(c, hm, status, headers, body)
    c.mgr.stats["streams_full"] += 1
    hm.keep_alive = False  # so `http_chunk` returns False from here on
    answer(c, hm, 503, {"Retry-After": "1"}, b"")
    if hasattr(source, "close"):
        source.close()
    return False


def _collect(source, most):
    # All that it yields, as bytes; None if that is more.
    body = b""
    for _ in range(_PIECES):
        try:
            piece = next(source)
        except StopIteration:
            return body
        body += piece.encode() if isinstance(piece, str) else bytes(memoryview(piece))
        if len(body) > most:
            break
    return None
