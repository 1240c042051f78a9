# Server-sent events (the WHATWG's HTML standard, section 9.2): a response that does not end, read by a browser's EventSource.
#
# A message is made once, whatever the number of its readers. A slow reader's data waits in its send buffer, up to `send_limit` bytes; then
# the reader is dropped (counted in "send_full"). EventSource connects again, and says which id it has seen last.
#
#     import mungo.sse as sse    # (`from mungo import sse` would give None)
from .core.utf8 import encode
from .http.server import handler

_EV_DUE = const(100)

_COMMENT = const(b"2\r\n:\n\r\n")  # a chunk with a line that readers ignore


def message(data=None, **fields):
    """A message as bytes, for `push`. `data`: str, each of its lines is a line of the message; None: there is
    none, and pages do not see the message.

    `event=`: its type; `id=`: what the client will send as Last-Event-ID; `retry=`: ms until it connects again when it was cut off.
    Raises ValueError for control characters in one of these, for a `retry` that is no number, and for another field.
    """
    text = ""
    for name in fields:
        value = str(fields[name])
        if min(value.encode() + b" ") < 32 or name not in ("event", "id", "retry") or name == "retry" and not value.isdigit():
            raise ValueError("%s=%r" % (name, value))
        text += "%s: %s\n" % (name, value)
    if data is not None:
        text += "data: %s\n" % data.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\ndata: ")
    lines = encode(text + "\n")
    return b"%x\r\n%s\r\n" % (len(lines), lines)  # a chunk


def start(c, hm, headers=(), ping_ms=15000):
    """Begin a stream of events as the answer to the request that waits at `c`; `headers`: a dict of more of them.

    Returns the request's Last-Event-ID, "" if it has none; None for HEAD, which has no stream, and if `max_streams` are open: then the
    answer is 503.
    `ping_ms`: after so many ms without an event from the connection a comment is sent, which keeps the connection open where idle ones
    are closed, and finds clients that have vanished. The connection counts in `max_conns`; its EV_CLOSE comes as always, and
    `c.http_chunk(b"")` ends the stream. Raises as `c.http_reply`. Loop's thread.
    """
    fields = dict(headers)
    fields["Content-Type"] = "text/event-stream"
    it = c.proto
    c.http_reply(200, fields, () if it.is_head else None)
    if it.is_streaming:
        it.ping_ms = ping_ms
        c.pfn = _handler
        c.resume()  # the deadline can only be set when this request's handler has returned
        return hm.header("Last-Event-ID", "")


def send(c, data=None, **fields):
    """Send a message, see `message`, to the reader at `c`. Returns False if the reader has gone, or is dropped because it is slow. Loop's
    thread."""
    return push(c, message(data, **fields))


def broadcast(conns, data=None, **fields):
    """Send a message, made once, to all readers in the list `conns`; those that have gone or are dropped are removed from it. Loop's
    thread."""
    chunk = message(data, **fields)
    for c in conns[:]:
        if not push(c, chunk):
            conns.remove(c)


def push(c, data):
    """`send` for bytes that `message` has made."""
    it = c.proto
    if it.is_streaming:
        if it.is_old:  # HTTP/1.0 has no chunks
            data = data[data.find(b"\n") + 1 : -2]
        if c.send(data):
            return True
        c.is_closing = True
    return False


class stream:
    """What an App's handler returns to begin a stream of events: `return sse.stream(fn)`.

    In the loop `fn(c, last_id)` gets the connection, to which `send` sends, and the client's Last-Event-ID, "" if there is none.
    """

    def __init__(self, fn, ping_ms=15000):
        self.fn = fn
        self.ping_ms = ping_ms
        self.status = 200  # (a stream has no other)
        self.headers = {}
        self.cookies = []

    def body(self, c, hm):
        """What the App calls to answer."""
        last_id = start(c, hm, (), self.ping_ms)
        if last_id is not None:
            self.fn(c, last_id)


def _handler(c, ev, data):
    # The protocol's handler (`pfn`) while the answer is a stream of events: HTTP's, but when the deadline passes a comment is sent.
    it = c.proto
    result = push(c, _COMMENT) if ev == _EV_DUE and it.is_streaming else handler(c, ev, data)
    if not it.is_streaming:  # the stream has ended: HTTP goes on
        c.pfn = handler
    elif c.out is None:  # (else the write deadline runs)
        c.mgr.deadline(c, it.ping_ms)
    return result
