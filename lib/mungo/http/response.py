# Answers with another status than 200, with fields of the program, or after an unusual request. server.py knows when an answer is due.
from .fields import make_fields
from .now import now
from .refusal import REASONS, find_reason

_JOIN = const(2048)  # bytes: a body up to this goes out in one piece with its head

# RFC 9110 section 15, and what HTTP/1.1 clients show of it.
_MORE_REASONS = (
    b"200 OK\n201 Created\n202 Accepted\n204 No Content\n206 Partial Content\n301 Moved Permanently\n302 Found\n303 See Other\n"
    b"304 Not Modified\n307 Temporary Redirect\n308 Permanent Redirect\n401 Unauthorized\n403 Forbidden\n404 Not Found\n"
    b"405 Method Not Allowed\n406 Not Acceptable\n409 Conflict\n411 Length Required\n412 Precondition Failed\n"
    b"415 Unsupported Media Type\n416 Range Not Satisfiable\n422 Unprocessable Content\n426 Upgrade Required\n"
    b"429 Too Many Requests\n502 Bad Gateway\n504 Gateway Timeout\n"
)


def reason(status):
    """The words of a status, as bytes; b"" for one that has none."""
    return find_reason(_MORE_REASONS, status) or find_reason(REASONS, status)


def answer(c, hm, status, headers, body):
    """Send the answer to the request that waits at `c`, with `body`, bytes. Other arguments and errors as `http_reply`."""
    head = make_head(hm, status, headers, len(body))
    if hm.is_head or status == 204 or status == 304:
        body = b""
    if len(body) <= _JOIN:
        is_sent = c.put(head + body)
    else:
        c.put(head)
        is_sent = c.put(body)
    hm.end_answer(c)
    return is_sent


def make_head(hm, status, headers, length):
    """An answer's head as bytes: status line, the program's fields, the body's `length` (None: not known), and Connection.

    `hm.keep_alive` becomes False if the fields say so, or if only the end of the connection can end the body. ValueError: a status
    below 200 or above 599, and as `make_fields`.
    """
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError("status %r: want 200 to 599" % (status,))
    framing = b""
    if length is None:
        if hm.is_old:
            hm.keep_alive = False
        else:
            framing = b"Transfer-Encoding: chunked\r\n"
    elif status != 204 and status != 304:
        framing = b"Content-Length: %d\r\n" % length
    fields = make_fields(hm, headers) if headers else b""
    if hm.extra is not None:
        fields = hm.extra.add_to(hm, fields)
    if b"\ndate:" not in b"\n" + fields.lower():
        fields = now.date + fields
    text = b"HTTP/1.1 %d %s\r\n%s%s" % (status, reason(status), fields, framing)
    if hm.is_old or not hm.keep_alive:
        text += b"Connection: %s\r\n" % (b"keep-alive" if hm.keep_alive else b"close")
    return text + b"\r\n"
