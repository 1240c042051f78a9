# Server-sent events (the WHATWG's HTML standard, section 9.2): a response that does not end, read by a browser's EventSource.
#
# A message is made once, whatever the number of its readers. Who is slow has a backlog of at most `send_limit` bytes, and is dropped
# when that is full (counted in "send_full"); EventSource then connects again, and says which id it has seen last.
#
#     import mungo.sse as sse    # (`from mungo import sse` would give None)
from .http.server import handler

_EV_DUE = const(100)


def message(data=None, **fields):
    """A message as bytes, for `put`. `data`: str, each of its lines is a line of the message (a CR is left out); None: there is none,
    and pages are not told.

    `event=`: its type; `id=`: what the client will send as Last-Event-ID; `retry=`: ms until it connects again when it was cut off.
    ValueError: control characters in one of these, or another one.
    """
    text = ""
    for name in fields:
        value = str(fields[name])
        if min(value + " ") < " " or name not in "event id retry":
            raise ValueError("%s=%r" % (name, value))
        text += "%s: %s\n" % (name, value)
    if data is not None:
        text += "data: %s\n" % data.replace("\r", "").replace("\n", "\ndata: ")
    text = (text + "\n").encode()
    return b"%x\r\n%s\r\n" % (len(text), text)  # a chunk


def start(c, hm, headers=(), ping_ms=15000):
    """Begin a stream of events as the answer to the request that waits at `c`; `headers`: a dict of more of them.

    Returns its Last-Event-ID, "" if it has none; None: it was HEAD, which has no stream.
    `ping_ms`: each time that so many ms have passed a comment is sent, which keeps the connection open where somebody closes idle ones,
    and finds out who has gone without a word. The connection counts in `max_conns`; its EV_CLOSE comes as always, and
    `c.http_chunk(b"")` ends the stream.
    """
    fields = dict(headers)
    fields["Content-Type"] = "text/event-stream"
    it = c.proto
    c.http_reply(200, fields, "" if it.is_head else None)
    if it.is_streaming:
        it.ping_ms = ping_ms
        c.pfn = _handler
        c.mgr.resuming.append(c)  # the deadline can only be set when this request's handler has returned
        return hm.header("Last-Event-ID", "")


def send(c, data=None, **fields):
    """Send a message, see `message`, to the reader at `c`. False if it has gone, or is dropped because it is slow."""
    return put(c, message(data, **fields))


def broadcast(conns, data=None, **fields):
    """Send a message, made once, to all of the list `conns`; those that are gone or dropped are taken off it."""
    data = message(data, **fields)
    for c in conns[:]:
        if not put(c, data):
            conns.remove(c)


def put(c, data):
    """`send` for what `message` has made."""
    hm = c.proto
    if not hm.is_streaming:
        return False
    if hm.is_old:  # HTTP/1.0 has no chunks
        data = data[data.find(b"\n") + 1 : -2]
    hm = c.send(data)
    if not hm:
        c.is_closing = True
    return hm


class stream:
    """What an App's handler returns to begin a stream of events: `return sse.stream(fn)`.

    In the loop `fn(c, last_id)` gets the connection, to which `send` sends, and the client's Last-Event-ID, "" if there is none.
    """

    def __init__(self, fn, ping_ms=15000):
        self.fn = fn
        self.ping_ms = ping_ms
        self.headers = {}
        self.cookies = []  # (not sent)
        self.body = self.answer

    def answer(self, c, hm):
        """Called by the App."""
        hm = start(c, hm, self.headers, self.ping_ms)
        if hm is not None:
            self.fn(c, hm)


def _handler(c, ev, data):
    # In the place of HTTP's own (`pfn`) while the stream lasts.
    hm = c.proto
    if not hm.is_streaming:
        c.pfn = handler
    if ev == _EV_DUE and c.pfn is _handler:
        data = put(c, b"2\r\n:\n\r\n")  # a comment
    else:
        data = handler(c, ev, data)
    if c.pfn is _handler and c.out is None:  # (else the write deadline runs)
        c.mgr.deadline(c, hm.ping_ms)
    return data
