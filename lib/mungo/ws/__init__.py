# WebSockets, RFC 6455, on the loop's events: `upgrade` makes a WebSocket of an HTTP request, `connect` opens one to a server.
#
# frames.py parses frames; handshake.py has what both sides' handshakes share; client.py is the client's part.
#
# stage     what has happened                      what may come next
# DIALLED   (client) the request is on its way     READY when the response agrees, else EV_ERROR
# READY     the handshake is done                  OPEN, after EV_WS_OPEN
# OPEN      messages come and go                   ENDING
# ENDING    our Close frame is sent                the peer's, or the deadline; then the end
from binascii import a2b_base64

from ..core.linger import Lingering
from ..core.streams import has_room_for_stream
from ..core.utf8 import encode
from ..http.header_lists import combined_value
from ..http.origin import is_own
from .frames import Frames, frame_head, is_close_code
from .handshake import FIELDS, accept_value, field_list, is_upgrade

_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_CLOSE = const(9)
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

_MSG = const(1)  # the frame parser's event

_CLOSE = const(0x88)  # the first bytes of control frames: the opcode and FIN
_PING = const(0x89)
_PONG = const(0x8A)


class WebSocket(Frames):
    """The `proto` of a connection that is a WebSocket. `protocol` is the subprotocol that was agreed on, or None; `code` says
    how it ended: the code of the peer's Close frame (1005: it had none), or of ours that a fault has caused; 1006: without any."""

    protocol = None
    stage = _READY
    client: object = None  # the Client of client.py, if this side has connected
    is_partial = False  # a message in pieces is under way
    is_pinged = False  # since the peer was heard last
    phase = 0  # as in HTTP's exchange: there is nothing to answer
    data = None
    is_unanswered = False
    is_waiting = False
    is_streaming = False
    is_open_ended = True  # a stream: it counts in max_streams

    @property
    def takes_messages(self):
        """Whether it is a server's, open, and not in the middle of a message in pieces."""
        return self.masks > 0 and _DIALLED < self.stage < _ENDING and not self.is_partial

    def __init__(self, c, masks, ping_ms):
        super().__init__(c.mgr.ws_limit, masks, c.mgr)
        self.ping_ms = c.mgr.idle_ms if ping_ms is None else ping_ms
        c.pfn = handler  # (first: there is a place for `proto`, so that the two agree whatever finds no memory)
        c.proto = self


class Failed(Lingering):
    """The phase of a connection whose WebSocket has failed. What its peer sends is discarded, frame by frame, up to its Close."""

    def __init__(self, now, left, is_over):
        super().__init__(now)
        self.left = left  # bytes of a frame that are still to come
        self.is_over = is_over  # this frame is the Close
        self.head = b""  # of the next one, as far as it has come

    def has_last(self, data, at, end):
        """Whether the peer's Close is in `data[at:end]`, or was before."""
        while True:
            n = min(self.left, end - at)
            self.left -= n
            at += n
            if self.is_over and not self.left or at == end:
                return self.is_over and not self.left
            self.head += bytes((data[at],))
            at += 1
            head = self.head
            size = head[1] & 127 if len(head) > 1 else 127
            wide = 0 if size < 126 else 2 if size == 126 else 8
            if len(head) == 2 + wide:
                self.left = (int.from_bytes(head[2:], "big") if wide else size) + head[1] // 128 * 4
                self.is_over = head[0] & 15 == 8
                self.head = b""


# --- for programs


def upgrade(c, hm, fn=None, fn_data=None, protocols=(), origins=(), ping_ms=None, begin=None):
    """In the handler of EV_HTTP_MSG: answer the request `hm` with 101 and make the connection a WebSocket, from now on with the handler
    `fn` and its `fn_data`, if there is one. EV_WS_OPEN follows when the handler has returned.

    `protocols`: subprotocols, the first one that the client offers is taken. `origins`: a tuple of the origins that may connect,
    ("https://a.example", "file://"), or ("*",) for all; by default the host that the request names. Browsers send the origin of the
    page, many libraries one of their own; without one a client is let in. A refusal names the origin in its body and on the console.
    `ping_ms`: after so many ms of silence a ping is sent, and after as many again the connection ends; by default
    idle_ms, 0: never. A message of more than `ws_limit` bytes ends it with 1009, one that finds `shared_bytes` used up with 1013. `begin()`
    is called before a request that is in order is answered; if it returns False, it has given another answer.
    Returns True; False if the request was refused, with 400, 403 or 426 (section 4.2), with 503 if `max_streams` are open, or by `begin`.
    Raises ValueError if no request waits. Loop's thread.
    """
    if not c.proto.is_waiting:
        raise ValueError("no request waits")
    if c.proto.is_of_app and not fn and not begin:
        raise ValueError("ws.upgrade in an App: want fn, which gets the WebSocket's events")
    key = combined_value(hm.headers(), "sec-websocket-key")
    status = _refusal(hm, key, origins, c.is_tls)
    if status:
        text = ""
        if status == 403:
            text = "origin %r is not allowed\n" % hm.header("Origin")
            try:
                print("mungo.ws: 403, %s: %s" % (hm.uri, text[:-1]))
            except OSError:  # nobody reads stdout any more
                c.mgr.stats["unprinted"] += 1
        c.http_reply(status, FIELDS % ("Version", 13), text)
        return False
    if not has_room_for_stream(c.mgr):
        c.mgr.stats["streams_full"] += 1
        c.http_reply(503, {"Retry-After": "1"})
        return False
    if begin is not None and not begin():
        return False
    c.proto.hand_over()
    it = WebSocket(c, 128, ping_ms)
    lines = "HTTP/1.1 101 Switching Protocols\r\n" + FIELDS % ("Accept", accept_value(key.encode()).decode())
    offered = field_list(hm, "sec-websocket-protocol")
    for name in protocols:
        if name in offered:
            it.protocol = name
            lines += "Sec-WebSocket-Protocol: %s\r\n" % name
            break
    c.put((lines + "\r\n").encode())
    if fn:
        c.fn = fn
        c.fn_data = fn_data
    c.resume()  # for EV_WS_OPEN, and for frames that came with the request
    return True


def connect(mgr, url, fn, fn_data=None, protocols=(), ping_ms=None, headers=(), tls=None):
    """Connect to "ws://host:port/path"; without a port it is 80. With a `mungo.Tls`, to "wss://..", 443.
    Returns the connection, which gets EV_CONNECT and EV_WS_OPEN, or
    EV_ERROR if it is refused.

    The host is an address or a name, see `mgr.connect`. `protocols`: subprotocols to offer. `ping_ms`: see `upgrade`. `headers`: further
    fields of the handshake, as for `http_reply`, for example Origin, Authorization or Cookie. Raises ValueError for another URL and for
    fields that can't be, OSError as `mgr.connect`. Loop's thread.
    """
    from ..http.urls import is_secure, split_url
    from .client import Client

    host, target = split_url(url, "ws", tls)
    if not is_secure(url):
        tls = None
    client = Client(mgr.head_limit, protocols)
    request = client.request(host, target, headers, tls)
    c = mgr.connect(("tls://" if tls else "tcp://") + host, fn, fn_data, tls)
    try:
        c.proto = None
        it = WebSocket(c, 0, ping_ms)
        it.stage = _DIALLED
        it.client = client
        c.on_close(client.closed, c)
        c.put(request)
    except Exception:  # there is no memory
        c.is_closing = True
        raise
    return c


def send(c, data, more=False):
    """Send a message: a str as text, something bytes-like as binary. `more`: the next call sends the next piece of the same message (a
    str is cut between its characters); the one without `more` ends it.

    Returns True if it was taken; False if the WebSocket is not open, or if more than `send_limit` bytes would wait (then nothing of it was
    taken; EV_WRITE says when there is room). Loop's thread; others use `mgr.wakeup`.
    """
    it = c.proto
    first, data = _encode(data)
    if it.is_partial:
        first = 0
    is_sent = _send_frame(c, first if more else first | 128, data)
    if is_sent:
        it.is_partial = more
    return is_sent


def broadcast(conns, data):
    """Send one message to all of these connections of a server; its frame is built once. A reader that is so slow that `send_limit` is
    reached is closed. Connections that are not open, or in the middle of a message in pieces, do not get it. Returns how many took it.
    Loop's thread."""
    first, data = _encode(data)
    frame = bytes(frame_head(first | 128, len(data))) + data
    count = 0
    for c in conns:
        if c.proto.takes_messages and not c.is_ending:
            if c.send(frame):
                count += 1
            else:
                c.error("send_limit")
    return count


def ping(c, data=b""):
    """Send a ping with up to 125 bytes, which come back as EV_WS_CTL (10, data). Returns as `send`."""
    return _send_frame(c, _PING, _encode(data)[1])


def close(c, code=1000, reason=""):
    """Begin to close: send a Close frame. The peer's Close frame ends the connection; without one it ends after connect_ms.
    Messages that come meanwhile are dropped. Returns False if it is not open. Raises ValueError for a code that may not be sent, and for
    a reason of more than 123 bytes. Loop's thread."""
    if not is_close_code(code):
        raise ValueError("code %r: want 1000 to 1014, 3000 to 4999" % code)
    is_sent = _send_frame(c, _CLOSE, code.to_bytes(2, "big") + encode(reason))
    if is_sent and c.out is None:  # else the write deadline runs
        c.wait = 0
        _set_deadline(c, c.proto)
    return is_sent


# --- the protocol's handler


def handler(c, ev, data):
    """The protocol's handler (`pfn`) of WebSockets."""
    it = c.proto
    if ev == _EV_READ or ev == _EV_WRITE:
        it.is_pinged = False
        _serve(c, it)
    elif ev == _EV_DUE:
        if it.stage == _OPEN and not it.is_pinged:
            it.is_pinged = not c.is_full  # if the program does not read, the peer's pong can't be seen
            _send_frame(c, _PING, b"")
            _set_deadline(c, it)
        else:
            c.mgr.stats["timeouts"] += 1
            c.error("timeout")
    elif ev == _EV_CLOSE:
        it.release()
    elif ev == _EV_BUG and it.stage and not c.is_ending:
        _fail(c, it, 1011)
        return True


def _serve(c, it):
    # Parse what has come and call the handler, message by message.
    if it.stage == _DIALLED and it.client.take_response(c, it):
        it.stage = _READY
        c.wait = 0
    if it.stage == _READY:
        it.stage = _OPEN
        c.fn(c, _EV_WS_OPEN, None, c.fn_data)
    while it.stage and not c.state:
        ev = it.parse(c.recv)
        if ev == _MSG:
            message = it.data
            it.data = None
            if it.stage == _OPEN:
                c.fn(c, _EV_WS_MSG, message, c.fn_data)
        elif ev > 0:
            if ev == 9:
                _send_frame(c, _PONG, it.data)
            c.fn(c, _EV_WS_CTL, (ev, it.data), c.fn_data)
            if ev == 8 and not c.is_ending:
                _send_frame(c, _CLOSE, it.data[:2])
                if it.masks:
                    c.is_draining = True
                else:  # the server closes first (section 7.1.1)
                    c.linger()
        else:
            if ev:
                _fail(c, it, -ev)
            break
    _set_deadline(c, it)


def _set_deadline(c, it):
    # Until more comes: the deadline of a handshake, or of the silence before a ping.
    ms = it.ping_ms if it.stage == _OPEN else c.mgr.connect_ms
    if ms and c.out is None and (it.stage == _OPEN or not c.wait):
        c.mgr.deadline(c, ms)


def _fail(c, it, code):
    # End it because of the peer's fault or a bug.
    _send_frame(c, _CLOSE, code.to_bytes(2, "big"))
    is_over = it.code != 1006  # the frame that is at fault was its Close
    it.code = code
    c.mgr.stats["failed"] += 1
    if code == 1009:
        c.mgr.stats["recv_full"] += 1
    c.error_text = "WebSocket: %d" % code
    failed = Failed(c.mgr.now, it.left, is_over)
    is_over = failed.has_last(c.recv.data, c.recv.start, c.recv.end)
    c.linger()
    c.phase = failed
    if is_over:
        c.ended()


def _encode(data):
    # The opcode and the bytes of a message. (An array's len is not its number of bytes.)
    return (1, encode(data)) if isinstance(data, str) else (2, data if type(data) is bytes else bytes(memoryview(data)))


def _send_frame(c, first, data):
    # Send a frame if it is within the limit; `first` is its first byte. Returns as `send`.
    it = c.proto
    n = len(data)
    if first >= _CLOSE and n > 125:
        raise ValueError("%d bytes: want 125" % n)
    if it.stage == _ENDING and first != _PONG or not it.stage:
        return False
    if first == _CLOSE:  # it is the last, so what waits does not keep it back
        it.stage = _ENDING
    elif c.out is not None and not c.out.has_room(n + 14):
        return False
    frame = frame_head(first, n)
    if it.client:
        return c.put(it.client.mask(frame, data))
    if n > _JOIN:
        c.put(frame)
        return c.put(data)
    frame.extend(data)
    return c.put(frame)


def _refusal(hm, key, origins, is_tls):
    # The status that refuses this request (section 4.2); 0 if it is a handshake.
    if hm.method != "GET" or hm.is_old or not is_upgrade(hm):
        return 400
    if field_list(hm, "sec-websocket-version") != ["13"]:
        return 426
    try:
        if len(key) != 24 or len(a2b_base64(key)) != 16:
            return 400
    except ValueError:
        return 400
    origin = hm.header("Origin")
    if origin and not ("*" in origins or origin in origins if origins else is_own(origin.lower(), hm.header("Host", "").lower(), is_tls)):
        return 403
    return 0
