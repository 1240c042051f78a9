# WebSockets, RFC 6455, on the loop's events: `upgrade` makes one of an HTTP request, `connect` one to a server. frames.py has the bytes.
#
# stage     what happened                          what may come next
# ASKED     (client) the request is on its way     READY when the answer is right, else ERROR
# READY     the handshake is done                  OPEN, after EV_WS_OPEN
# OPEN      messages come and go                   SHUT
# SHUT      our Close frame is sent                the peer's, or the deadline; then the end
from binascii import a2b_base64, b2a_base64
from hashlib import sha1
from os import urandom

from .frames import Frames, frame, head, is_code
from .linger import linger

_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_WS_OPEN = const(12)
_EV_WS_MSG = const(13)
_EV_WS_CTL = const(14)
_EV_DUE = const(100)
_EV_BUG = const(101)

_CLOSING = const(1)  # bits of a connection's state
_DRAINING = const(4)
_FULL = const(8)
_PAUSED = const(16)

_WAITING = const(2)  # the phase of an exchange, see http/server.py
_JOIN = const(2048)  # bytes: a message up to this goes out in one piece with its head

_ASKED = const(0)
_READY = const(1)
_OPEN = const(2)
_SHUT = const(3)

_MSG = const(1)  # the parser's events
_CTL = const(2)
_MASKED = const(128)

_CLOSE = const(8)  # opcodes
_PING = const(9)
_PONG = const(10)
_LAST = const(128)  # with an opcode: the frame ends its message

_ANSWER = const("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n")
_VERSION = const(
    b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class WebSocket(Frames):
    """What a connection's `proto` is once it is a WebSocket. `protocol` is the subprotocol that was agreed on, or None; `code` says
    how it ended: the code of the peer's Close frame (1005: it has none) or of ours that a fault has caused; 1006: without any."""

    protocol = None
    code = 1006
    stage = _READY
    sending = False  # a message in pieces, which is not over
    pinged = False  # since the peer was heard last
    # For what asks HTTP's exchange.
    phase = 0
    sink = None

    def __init__(self, mgr, masks, ping_ms):
        super().__init__(mgr.ws_limit, masks)
        self.ping_ms = mgr.idle_ms if ping_ms is None else ping_ms

    @property
    def is_open(self):
        """Whether messages can be sent."""
        return _ASKED < self.stage < _SHUT

    def new_key(self):
        """What the next frame is masked with, if it is a client that sends it: unpredictable, fresh for each (section 10.3)."""
        return None if self.masks else bytearray(urandom(4))


# --- for programs


def upgrade(c, hm, fn=None, fn_data=None, protocols=(), origins=None, ping_ms=None):
    """In the handler of EV_HTTP_MSG: answer the request `hm` with 101 and make the connection a WebSocket, from now on with the handler
    `fn` and its `fn_data`, if there is one. EV_WS_OPEN follows when the handler has returned.

    `protocols`: subprotocols, the first one that the client offers is taken. `origins`: a tuple of the origins whose pages may connect,
    ("https://a.example",), or ("*",) for all; by default those from the host that is asked. Clients other than browsers send no origin
    and are let in. `ping_ms`: after so long a silence a ping is sent, after as long again without a sign of life the connection
    ends; by default idle_ms, 0: never. A message of more than `ws_limit` bytes ends it with 1009.
    Returns True; False if the request is answered by 400, 403 or 426 instead (section 4.2). ValueError: no request waits.
    """
    if isinstance(origins, str):
        raise ValueError("origins %r: want a tuple" % origins)
    if c.proto.phase != _WAITING:
        raise ValueError("no request of this connection waits for an answer")
    got = fields(hm.headers())
    key = got.get("sec-websocket-key", "")
    origin = got.get("origin")
    if origins is None:
        origins = (origin,) if origin and origin.partition("://")[2].lower() == got.get("host", "").lower() else ()
    status = 0
    if hm.method != "GET" or hm.proto != "HTTP/1.1" or not is_asked(got):
        status = 400
    elif got.get("sec-websocket-version") != "13":
        c.proto.phase = 0
        c.put(_VERSION)
        linger(c)
        return False
    elif not _is_key(key):
        status = 400
    elif origin and origin not in origins and "*" not in origins:
        status = 403
    if status:
        c.http_reply(status, None, "no WebSocket\n")
        return False
    it = WebSocket(c.mgr, _MASKED, ping_ms)
    offered = tokens(got.get("sec-websocket-protocol", ""))
    line = ""
    for name in protocols:
        if name in offered and not line:
            it.protocol = name
            line = "Sec-WebSocket-Protocol: %s\r\n" % name
    c.put((_ANSWER % (accept(key), line)).encode())
    c.proto = it
    c.pfn = handler
    if fn is not None:
        c.fn = fn
        c.fn_data = fn_data
    c.mgr.again.append(c)  # for EV_WS_OPEN, and for frames that came with the request
    return True


def connect(mgr, url, fn, fn_data=None, protocols=(), headers=None, ping_ms=None):
    """Connect to "ws://host:port/path": the connection, which gets EV_CONNECT and EV_WS_OPEN, or EV_ERROR if it is refused.

    The host is an address, see `mgr.connect`; the port is 80 if there is none. `protocols`: subprotocols to offer. `headers`: a dict of
    further fields. `ping_ms`: see `upgrade`. ValueError: a URL or field that can't be.
    """
    from .wsdial import connect

    return connect(mgr, url, fn, fn_data, protocols, headers, ping_ms)


def send(c, data, more=False):
    """Send a message: a str as text, something bytes-like as binary. `more`: the next call sends the next piece of the same message (a
    str is cut between its characters); the one without `more` ends it.

    True if it was taken; False if the WebSocket is not open, or if more than `send_limit` bytes would wait (then nothing of it was
    taken; EV_WRITE says when there is room). In the loop's thread; others use `mgr.wakeup`.
    """
    it = _of(c)
    first = 0 if it.sending else 1 if isinstance(data, str) else 2
    if not it.is_open or not _put(c, it, first if more else first | _LAST, data):
        return False
    it.sending = more
    return True


def broadcast(conns, data):
    """Send one message to all of these connections of a server; its frame is built once. Who is too slow to take it, so that `send_limit`
    is reached, is closed. Those that are not open, or in the middle of a message in pieces, do not get it. Returns how many took it."""
    made = frame((1 if isinstance(data, str) else 2) | _LAST, _bytes(data))
    n = 0
    for c in conns:
        it = _of(c)
        if it.is_open and it.masks and not it.sending:
            if c.send(made):
                n += 1
            else:
                c.error("send_limit: too slow for a broadcast")
    return n


def ping(c, data=b""):
    """Send a ping with up to 125 bytes, which come back as EV_WS_CTL (10, data). Returns as `send`."""
    if len(data) > 125:
        raise ValueError("%d bytes in a ping: at most 125" % len(data))
    it = _of(c)
    return it.is_open and _put(c, it, _PING | _LAST, data)


def close(c, code=1000, reason=""):
    """Begin to close: send a Close frame, which is answered by the peer's, then by the end; without that it ends after linger_ms.
    Messages that come meanwhile are dropped. Nothing happens if it is closing already. ValueError: a code that may not be sent, a reason
    of more than 123 bytes."""
    reason = reason.encode()
    if not is_code(code) or len(reason) > 123:
        raise ValueError("code %r, reason of %d bytes: want 1000 to 1014 or 3000 to 4999, at most 123" % (code, len(reason)))
    it = _of(c)
    if it.is_open:
        _shut(c, it, code, reason)
        if c.out is None:
            c.mgr.deadline(c, c.mgr.linger_ms)
    elif it.stage == _ASKED:
        c.is_closing = True


# --- the protocol's handler


def handler(c, ev, data):
    """The protocol's handler (`pfn`) of WebSockets."""
    it = c.proto
    if ev == _EV_READ or ev == _EV_WRITE:
        it.pinged = False
        serve(c, it)
    elif ev == _EV_DUE:
        _due(c, it)
    elif ev == _EV_BUG and it.stage and not c.state & (_CLOSING | _DRAINING):
        fail(c, it, 1011)
        return True


def serve(c, it):
    """Parse what has come and call the handler, message by message."""
    if c.state & _PAUSED:  # HTTP has
        c.state &= ~_PAUSED
        c.look()
    if it.stage == _ASKED:
        it.answered(c)
    if it.stage == _READY:
        it.stage = _OPEN
        c.fn(c, _EV_WS_OPEN, None, c.fn_data)
    while it.stage and not c.state & (_CLOSING | _DRAINING | _FULL):
        ev = it.parse(c.recv)
        if ev == _MSG:
            ev = it.data
            it.data = None
            if it.stage == _OPEN:
                c.fn(c, _EV_WS_MSG, ev, c.fn_data)
        elif ev == _CTL:
            _control(c, it, it.data)
        else:
            if ev:
                fail(c, it, -ev)
            break
    # Until more comes: the deadline of the handshakes, or of the silence before a ping.
    if c.out is None and not c.state & (_CLOSING | _DRAINING):
        if c.wait:
            if it.stage == _OPEN:
                c.since = c.mgr.now
        elif it.stage != _OPEN:
            c.mgr.deadline(c, c.mgr.linger_ms if it.stage else c.mgr.head_ms)
        elif it.ping_ms:
            c.mgr.deadline(c, it.ping_ms)


def _control(c, it, data):
    op = it.control
    if op == _PING:
        _put(c, it, _PONG | _LAST, data)
    elif op == _CLOSE:
        it.code = data[0] << 8 | data[1] if data else 1005
    c.fn(c, _EV_WS_CTL, (op, data), c.fn_data)
    if op == _CLOSE and not c.state & (_CLOSING | _DRAINING):
        if it.stage != _SHUT:
            _shut(c, it, it.code if data else 0, b"")
        if it.masks:
            c.is_draining = True
        else:  # the server's end comes first (section 7.1.1)
            linger(c)


def _due(c, it):
    if it.stage == _OPEN and (c.state & _FULL or not it.pinged):
        if not c.state & _FULL:  # or it is the program that does not read
            it.pinged = True
            _put(c, it, _PING | _LAST, b"")
        if c.out is None:
            c.mgr.deadline(c, it.ping_ms)
    else:
        c.mgr.stats["timeouts"] += 1
        c.error("timeout: the peer is silent")


def fail(c, it, code):
    """End it with a Close frame of this code, because of the peer's fault or a bug."""
    if it.stage != _SHUT:
        _shut(c, it, code, b"")
    it.code = code
    stats = c.mgr.stats
    stats["failed"] += 1
    if code == 1009:
        stats["recv_full"] += 1
    c.error_text = "WebSocket: %d" % code
    linger(c)


def _shut(c, it, code, reason):
    # (A Close frame may come in the midst of a message, and is sent whatever waits.)
    it.stage = _SHUT
    c.put(frame(_CLOSE | _LAST, code.to_bytes(2, "big") + reason if code else b"", it.new_key()))


def _put(c, it, first, data):
    # A frame, or False if it is over the limit.
    data = _bytes(data)
    if c.out is not None and not c.out.has_room(c, len(data) + 14):
        return False
    if len(data) > _JOIN and it.masks:
        c.put(head(first, len(data), 0))
        return c.put(data)
    return c.put(frame(first, data, it.new_key()))


def _bytes(data):
    return data.encode() if isinstance(data, str) else data


def _of(c):
    if not isinstance(c.proto, WebSocket):
        raise ValueError("no WebSocket: upgrade or connect makes one")
    return c.proto


# --- the handshake


def fields(pairs):
    """A dict of the fields of a head, by their names in lower case; of those with the same name the values as one list."""
    got = {}
    for name, value in pairs:
        name = name.lower()
        value = value.strip(" \t")
        got[name] = got[name] + "," + value if name in got else value
    return got


def tokens(text):
    """The elements of a list in a field."""
    return [token.strip(" \t") for token in text.split(",")]


def is_asked(got):
    """Whether these fields say that the protocol is to change to WebSocket."""
    return "websocket" in tokens(got.get("upgrade", "").lower()) and "upgrade" in tokens(got.get("connection", "").lower())


def accept(key):
    """What the server answers to a Sec-WebSocket-Key."""
    return b2a_base64(sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())[:-1].decode()


def _is_key(key):
    try:
        raw = a2b_base64(key)
    except ValueError:
        return False
    return len(raw) == 16 and b2a_base64(raw)[:-1] == key.encode()
