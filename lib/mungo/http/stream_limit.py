# What loads with stream.py for when max_streams are open: to load it then might fail.
from ..core.utf8 import encode
from .response import answer

_MOST_PIECES = const(64)


def answer_without_stream(c, hm, status, headers, source):
    """Answer with what the iterator `source` yields if that is little, as a page's template is; else, or if `source` is None, with 503.
    Returns as `http_reply`, and False for 503."""
    body = None if source is None else _collect(source, c.mgr.send_limit)
    if body is not None:
        return answer(c, hm, status, headers, body)
    c.mgr.stats["streams_full"] += 1
    hm.keep_alive = False  # so `http_chunk` returns False from here on
    answer(c, hm, 503, _kept(headers), b"")
    if hasattr(source, "close"):
        source.close()
    return False


def _collect(source, most):
    # All that it yields, as bytes; None if that is more.
    body = b""
    for _ in range(_MOST_PIECES):
        try:
            piece = next(source)
        except StopIteration:
            return body
        body += encode(piece) if isinstance(piece, str) else bytes(memoryview(piece))
        if len(body) > most:
            break
    return None


def _kept(headers):
    # Retry-After, and the fields that have nothing to do with what was to be sent: an App's hooks have added them for any answer.
    kept = [("Retry-After", "1")]
    if not isinstance(headers, str):
        for pair in headers.items() if isinstance(headers, dict) else headers or ():
            if pair[0].lower()[:8] not in ("content-", "cache-co", "expires", "etag", "last-mod", "location", "retry-af"):
                kept.append(pair)
    return kept
