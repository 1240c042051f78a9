# WebSockets, RFC 6455, on the loop's events: `upgrade` makes one of an HTTP request, `connect` one to a server. frames.py has the bytes.
#
# stage     what has happened                      what may come next
# DIALLED   (client) the request is on its way     READY when the answer is right, else EV_ERROR
# READY     the handshake is done                  OPEN, after EV_WS_OPEN
# OPEN      messages come and go                   ENDING
# ENDING    our Close frame is sent                the peer's, or the deadline; then the end
from binascii import a2b_base64, b2a_base64
from hashlib import sha1

from .frames import Frames, head, is_code

_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_WS_OPEN = const(12)
_EV_WS_MSG = const(13)
_EV_WS_CTL = const(14)
_EV_DUE = const(100)
_EV_BUG = const(101)

_JOIN = const(2048)  # bytes: a message up to this goes out in one piece with its head

_DIALLED = const(0)
_READY = const(1)
_OPEN = const(2)
_ENDING = const(3)

_MSG = const(1)  # the parser's event

_CLOSE = const(0x88)  # the first bytes of control frames: the opcode and FIN
_PING = const(0x89)
_PONG = const(0x8A)

LINES = const("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-%s: %s\r\n")
_PROTOCOL = const("Sec-WebSocket-Protocol: %s\r\n")


class WebSocket(Frames):
    """What a connection's `proto` is once it is a WebSocket. `protocol` is the subprotocol that was agreed on, or None; `code` says
    how it ended: the code of the peer's Close frame (1005: it had none), or of ours that a fault has caused; 1006: without any."""

    protocol = None
    stage = _READY
    sending = False  # a message in pieces, which is not over
    pinged = False  # since the peer was heard last
    phase = 0  # (as HTTP's exchange) nothing to answer
    is_waiting = False

    def __init__(self, c, masks, ping_ms):
        super().__init__(c.mgr.ws_limit, masks)
        self.ping_ms = c.mgr.idle_ms if ping_ms is None else ping_ms
        c.proto = self
        c.pfn = handler


# --- for programs


def upgrade(c, hm, fn=None, fn_data=None, protocols=(), origins=(), ping_ms=None):
    """In the handler of EV_HTTP_MSG: answer the request `hm` with 101 and make the connection a WebSocket, from now on with the handler
    `fn` and its `fn_data`, if there is one. EV_WS_OPEN follows when the handler has returned.

    `protocols`: subprotocols, the first one that the client offers is taken. `origins`: a tuple of the origins whose pages may connect,
    ("https://a.example",), or ("*",) for all; by default those from the host that is asked. Clients other than browsers send no origin
    and are let in. `ping_ms`: after so long a silence a ping is sent, after as long again without a sign of life the connection
    ends; by default idle_ms, 0: never. A message of more than `ws_limit` bytes ends it with 1009.
    Returns True; False if the request is answered by 400, 403 or 426 instead (section 4.2). ValueError: no request waits.
    """
    if not c.proto.is_waiting:
        raise ValueError("no request waits")
    head = hm.head_bytes()
    key = listed(head, b"sec-websocket-key")[1:-1]
    origin = hm.header("Origin")
    status = 0
    try:
        is_key = len(key) == 24 and len(a2b_base64(key)) == 16
    except ValueError:
        is_key = False
    if head[:4] != b"GET " or hm.is_old or not is_upgrade(head):
        status = 400
    elif listed(head, b"sec-websocket-version") != b",13,":
        status = 426
    elif not is_key:
        status = 400
    elif origin and not ("*" in origins or origin in origins if origins else origin.partition("://")[2] == hm.header("Host")):
        status = 403
    if status:
        c.http_reply(status, LINES % ("Version", 13))
        return False
    c.proto.hand_over()
    it = WebSocket(c, 128, ping_ms)
    lines = "HTTP/1.1 101 Switching Protocols\r\n" + LINES % ("Accept", accept(key).decode())
    for name in protocols:
        if b",%s," % name.encode() in listed(head, b"sec-websocket-protocol"):
            it.protocol = name
            lines += _PROTOCOL % name
            break
    c.put((lines + "\r\n").encode())
    if fn:
        c.fn = fn
        c.fn_data = fn_data
    c.mgr.resuming.append(c)  # for EV_WS_OPEN, and for frames that came with the request
    return True


def connect(mgr, url, fn, fn_data=None, protocols=(), ping_ms=None):
    """Connect to "ws://host:port/path": the connection, which gets EV_CONNECT and EV_WS_OPEN, or EV_ERROR if it is refused.

    The host is an address, see `mgr.connect`. `protocols`: subprotocols to offer. `ping_ms`: see `upgrade`. ValueError: not such a URL.
    """
    from .client import connect

    return connect(mgr, url, fn, fn_data, protocols, ping_ms)


def send(c, data, more=False):
    """Send a message: a str as text, something bytes-like as binary. `more`: the next call sends the next piece of the same message (a
    str is cut between its characters); the one without `more` ends it.

    True if it was taken; False if the WebSocket is not open, or if more than `send_limit` bytes would wait (then nothing of it was
    taken; EV_WRITE says when there is room). In the loop's thread; others use `mgr.wakeup`.
    """
    it = c.proto
    first, data = _encode(data)
    if it.sending:
        first = 0
    done = _put(c, first if more else first | 128, data)
    if done:
        it.sending = more
    return done


def broadcast(conns, data):
    """Send one message to all of these connections of a server; its frame is built once. Who is too slow to take it, so that `send_limit`
    is reached, is closed. Those that are not open, or in the middle of a message in pieces, do not get it. Returns how many took it."""
    first, data = _encode(data)
    data = bytes(head(first | 128, len(data))) + data
    n = 0
    for c in conns:
        if c.proto.masks and 0 < c.proto.stage < _ENDING and not c.proto.sending:
            if c.send(data):
                n += 1
            else:
                c.error("send_limit")
    return n


def ping(c, data=b""):
    """Send a ping with up to 125 bytes, which come back as EV_WS_CTL (10, data). Returns as `send`."""
    return _put(c, _PING, data)


def close(c, code=1000, reason=""):
    """Begin to close: send a Close frame, which is answered by the peer's, then by the end; without that it ends after connect_ms.
    Messages that come meanwhile are dropped. False if it is not open. ValueError: a code that may not be sent, a reason of more than
    123 bytes."""
    if not is_code(code):
        raise ValueError("code %r: want 1000 to 1014, 3000 to 4999" % code)
    done = _put(c, _CLOSE, code.to_bytes(2, "big") + reason.encode())
    if done:
        c.wait = 0
        _rest(c, c.proto)
    return done


# --- the protocol's handler


def handler(c, ev, data):
    """The protocol's handler (`pfn`) of WebSockets."""
    it = c.proto
    if ev == _EV_READ or ev == _EV_WRITE:
        it.pinged = False
        _serve(c, it)
    elif ev == _EV_DUE:
        if it.stage == _OPEN and not it.pinged:
            it.pinged = not c.is_full  # or it is the program that does not read
            _put(c, _PING, b"")
            _rest(c, it)
        else:
            c.mgr.stats["timeouts"] += 1
            c.error("timeout")
    elif ev == _EV_BUG and it.stage and not c.is_ending:
        _fail(c, it, 1011)
        return True


def _serve(c, it):
    # Parse what has come and call the handler, message by message.
    if it.stage == _DIALLED:
        it.answered(c, c.recv)
    if it.stage == _READY:
        it.stage = _OPEN
        c.fn(c, _EV_WS_OPEN, None, c.fn_data)
    while it.stage and not c.state:
        ev = it.parse(c.recv)
        if ev == _MSG:
            ev = it.data
            it.data = None
            if it.stage == _OPEN:
                c.fn(c, _EV_WS_MSG, ev, c.fn_data)
        elif ev > 0:
            if ev == 9:
                _put(c, _PONG, it.data)
            c.fn(c, _EV_WS_CTL, (ev, it.data), c.fn_data)
            if ev == 8 and not c.is_ending:
                _put(c, _CLOSE, it.data[:2])
                if it.masks:
                    c.is_draining = True
                else:  # the server's end comes first (section 7.1.1)
                    c.linger()
        else:
            if ev:
                _fail(c, it, -ev)
            break
    _rest(c, it)


def _rest(c, it):
    # Until more comes: the deadline of a handshake, or of the silence before a ping.
    ms = it.ping_ms if it.stage == _OPEN else c.mgr.connect_ms
    if ms and c.out is None and (it.stage == _OPEN or not c.wait):
        c.mgr.deadline(c, ms)


def _fail(c, it, code):
    # End it because of the peer's fault or a bug.
    _put(c, _CLOSE, code.to_bytes(2, "big"))
    it.code = code
    c.mgr.stats["failed"] += 1
    if code == 1009:
        c.mgr.stats["recv_full"] += 1
    c.error_text = "WebSocket: %d" % code
    c.linger()


def _encode(data):
    return (1, data.encode()) if isinstance(data, str) else (2, data)


def _put(c, first, data):
    # Send a frame, if it is within the limit.
    it = c.proto
    n = len(data)
    if first >= _CLOSE and n > 125:
        raise ValueError("%d bytes: want 125" % n)
    if it.stage == _ENDING and first != _PONG or not it.stage:
        return False
    if first == _CLOSE:  # what waits does not keep it back: it is the last
        it.stage = _ENDING
    elif c.out is not None and not c.has_room(n + 14):
        return False
    made = head(first, n)
    if not it.masks:  # it is a client
        made = it.mask(made, data)
    elif n > _JOIN:
        c.put(made)
        made = data
    else:
        made.extend(data)
    return c.put(made)


# --- the handshake


def listed(head, name):
    """What the fields of this name say, b",value,value,"."""
    got = b","
    for line in head.split(b"\r\n"):
        field, _, value = line.partition(b":")
        if field.lower() == name:
            got += value.replace(b" ", b"") + b","
    return got


def is_upgrade(head):
    """Whether the fields say that the protocol is to change."""
    return b",websocket," in listed(head, b"upgrade").lower() and b",upgrade," in listed(head, b"connection").lower()


def accept(key):
    """What the server answers to a Sec-WebSocket-Key."""
    return b2a_base64(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())[:-1]
