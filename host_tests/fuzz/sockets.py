"""Targets: WebSocket's frames and messages, both sides' handshakes, and a stream of events."""

from cutting import moved, parts_of, same

import mungo.sse as sse
import mungo.ws as _ws
from mungo.core.buffer import Buffer
from mungo.core.utf8 import text
from mungo.http.response_parser import Response
from mungo.http.scan import request_table
from mungo.http.server import Exchange
from mungo.ws import WebSocket, upgrade
from mungo.ws.client import Client
from mungo.ws.frames import Frames, frame_head, is_close_code
from mungo.ws.handshake import accept_value, field_list, is_upgrade
from mungo.ws.mask import mask

NEED, MSG = range(2)
LIMIT = 200
_ws.print = lambda text: None  # refused origins
_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def _messages(parts, masks):
    # What comes of these parts: messages and (opcode, bytes), perhaps minus a code; or how many bytes wait.
    it = Frames(LIMIT, masks)
    buf = Buffer()
    seen = []
    for part in parts:
        buf.append(part, len(part))
        while True:
            ev = it.parse(buf)
            if ev == MSG:
                n = len(it.data.encode() if isinstance(it.data, str) else it.data)
                if n > LIMIT:
                    raise AssertionError("%d bytes" % n)
                seen.append(it.data)
                it.data = None
            elif ev > 0:
                seen.append((ev, it.data))
                if ev == 8 and not (it.code == 1005 and not it.data or is_close_code(it.code)) or len(it.data) > 125:
                    raise AssertionError("%r %r" % (it.code, it.data))
            elif ev:
                return seen + [ev]
            else:
                break
        buf = moved(buf)
    seen.append((it.op, it.left, len(buf)))
    return seen


def frames(data):
    """Frames, of a client or of a server, whole and cut: the same messages, or one of four codes."""
    masks = 128 if data[:1] < b"\xc0" else 0
    data, parts = parts_of(data)
    if not data:
        return None
    whole = _messages([data], masks)
    same(whole, _messages(parts, masks))
    if isinstance(whole[-1], int) and whole[-1] not in (-1002, -1007, -1009):
        raise AssertionError("%r" % whole)
    return whole


def _utf8(data):
    try:
        return text(memoryview(data))
    except ValueError:
        return None


def messages(data):
    """Any bytes as a message in frames, with a ping between them: what comes is what went out, and it is text only if it is UTF-8."""
    if len(data) < 5:
        return None
    op = 1 + (data[0] & 1)
    sizes = data[1:4]
    key = bytearray(data[:4])
    data = data[4:]
    parts = []
    at = 0
    for size in sizes:
        parts.append(data[at : at + size % 24])
        at += size % 24
    parts.append(data[at:])
    stream = bytearray()
    for i, part in enumerate(parts):
        frame = frame_head((0 if i else op) | (128 if i == len(parts) - 1 else 0), len(part))
        frame[1] |= 128
        made = bytearray(part)
        mask(made, 0, len(made), bytearray(key))
        stream += frame + key + made
        if not i:
            ping = bytearray(b"ping")
            mask(ping, 0, 4, bytearray(key))
            stream += b"\x89\x84" + key + ping
    meant = data if op == 2 else _utf8(data)
    end = -1009 if len(data) > LIMIT else -1007 if meant is None else meant
    seen = _messages([bytes(stream)], 128)
    same(seen, _messages([bytes(stream[at : at + 7]) for at in range(0, len(stream), 7)], 128))
    if seen[0] != (9, b"ping") or seen[1] != end:
        raise AssertionError("%r instead of %r" % (seen, end))
    return seen[1]


class _Manager:
    ws_limit = LIMIT
    idle_ms = 1000
    connect_ms = 1000
    head_limit = 400
    accepted = 1
    max_streams = 1

    def __init__(self):
        self.resuming = []

    def deadline(self, c, ms):
        pass


class _Connection:
    fn = fn_data = pfn = proto = recv = None
    wait = 0
    is_resumed = is_tls = False

    def __init__(self):
        self.mgr = _Manager()
        self.said = None

    def resume(self):
        self.is_resumed = True

    def put(self, data):
        self.said = bytes(data)
        return True

    def http_reply(self, status, headers=None, body=b""):
        self.said = status

    def error(self, text):
        self.said = text


_common = request_table(400)


def handshake(data):
    """A client's request for a WebSocket: 101 with the right answer to its key, or 400, 403, 426; a protocol that it offers, or none."""
    buf = Buffer(bytearray(data), len(data))
    hm = Exchange(_common)
    if not data or hm.parse(buf) != 1:
        return None
    c = _Connection()
    c.proto = hm
    hm.phase = 2
    done = upgrade(c, hm, protocols=("chat", "b"), origins=("http://o",) if data[0] & 1 else ())
    if not done:
        if c.said not in (400, 403, 426) or c.is_resumed or c.proto is not hm:
            raise AssertionError("%r" % c.said)
        return c.said
    key = hm.header("Sec-WebSocket-Key")
    origin = hm.header("Origin")
    said = c.said.split(b"\r\n")
    if hm.method != "GET" or hm.proto == "HTTP/1.0" or len(key) != 24 or not isinstance(c.proto, WebSocket):
        raise AssertionError("%r" % key)
    if said[0] != b"HTTP/1.1 101 Switching Protocols" or b"Sec-WebSocket-Accept: " + accept_value(key.encode()) not in said:
        raise AssertionError("%r" % said)
    if origin and not (origin == "http://o" or origin.partition("://")[2] == hm.header("Host")):
        raise AssertionError("%r" % origin)
    return c.proto.protocol


def _dialled(parts):
    c = _Connection()
    it = WebSocket(c, 0, 0)
    it.client = Client(c.mgr.head_limit, ("chat", "b"))
    it.client.key = _KEY
    is_open = False
    buf = Buffer()
    for part in parts:
        buf.append(part, len(part))
        c.recv = buf
        if not is_open and c.said is None:
            is_open = it.client.take_response(c, it)
        buf = moved(buf)
    said = c.said and c.said.partition("response: b")[0]  # (behind that comes what was there when it was judged)
    return is_open, it.protocol, said, len(buf)


def dialled(data):
    """A server's answer to the handshake, whole and cut: open only if it is the right one."""
    data, parts = parts_of(data)
    if not data or len(data) > 400:  # (what is over head_limit is judged when it has come)
        return None
    whole = _dialled([data])
    same(whole, _dialled(parts))
    is_open, protocol, said, left = whole
    if not is_open:
        return said is None
    hm = Response(400)
    hm.may_switch = True
    buf = Buffer(bytearray(data), len(data))
    hm.parse(buf)
    if hm.status != 101 or hm.header("sec-websocket-accept") != accept_value(_KEY).decode() or not is_upgrade(hm) or said is not None:
        raise AssertionError("%r" % (whole,))
    if len(buf) - hm.at != left:
        raise AssertionError("%r" % (whole,))
    if field_list(hm, "sec-websocket-protocol") != ([protocol] if protocol else []):
        raise AssertionError("%r" % (whole,))
    return True, protocol


def events(data):
    """A message of a stream: a reader gets the lines and the id that were meant, or ValueError."""
    try:
        text, _, id = data.decode().partition("\0")
    except UnicodeError:
        return None
    try:
        made = sse.message(text, id=id, event="e")
    except ValueError:
        if min(id or " ") >= " ":
            raise
        return False
    size, _, rest = made.partition(b"\r\n")
    if int(size, 16) != len(rest) - 2 or rest[-4:] != b"\n\n\r\n":
        raise AssertionError("%r" % made)
    lines = []
    for line in rest[:-4].decode().split("\n"):
        name, _, value = line.partition(": ")
        if name == "data":
            lines.append(value)
        elif (name, value) not in (("id", id), ("event", "e")):
            raise AssertionError("%r" % line)
    if "\n".join(lines) != text.replace("\r\n", "\n").replace("\r", "\n"):
        raise AssertionError("%r" % lines)
    return len(lines)
