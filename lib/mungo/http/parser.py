# HTTP/1.1 requests, RFC 9112: bytes in, events out, no socket here.
#
# `parse(buf)` looks at what is in a Buffer and says what it found. Rules:
#   state     bytes                                    event   next state
#   HEAD      request line and fields, whole           HEAD    LENGTH or SIZE, by Content-Length or chunked; neither: LENGTH 0
#   LENGTH    some of the body                         PIECE   LENGTH
#   LENGTH    no more to come                          DONE    HEAD
#   SIZE      a chunk's size line                      -       CHUNK; size 0: TRAILER
#   CHUNK     some of a chunk                          PIECE   CHUNK
#   CHUNK     the line end behind a chunk              -       SIZE
#   TRAILER   fields up to the empty line              DONE    HEAD
#   any       not enough                               NEED    the same
#   any       not HTTP                                 -status (an HTTP status) the connection is of no more use
# A line is judged when it is whole or too long, so the events do not depend on how the bytes are cut. Limits count from the
# head's first byte; chunk sizes, their extensions and trailers share what the head has left of `head_limit`.
from array import array

from micropython import const

from ..buffer import Buffer
from .kinds import KINDS

try:
    from .scan_viper import scan
except (ImportError, AttributeError, SyntaxError, ValueError):  # no such compiler, or another architecture's .mpy
    from .plain import scan

NEED = 0
HEAD = 1
PIECE = 2
DONE = 3

_HEAD = const(0)
_LENGTH = const(1)  # the higher ones are chunked.py's

# What the scanner notes in the table, as places in the buffer: 0 the head's start, 1 the method's end, 2 the target, 3 its
# question mark, 4 its end, 5 the x of HTTP/1.x, 6 the first field, 7 behind the head, 8 how many fields. For it: 9 the limit in
# bytes, 10 in fields, 26 whether there are fields alone. Then how often each of these fields came, and where its last value stands:
_HOST = const(11)
_EXPECT = const(14)
_CONNECTION = const(17)
_CONTENT_LENGTH = const(20)
_TRANSFER_ENCODING = const(23)

_MOST_FIELDS = const(100)
_TOO_LONG = const(1000000000)  # a body; more would not be a small integer everywhere


class Request:
    """One HTTP request after the other of a connection, parsed in place: what handlers get as `hm`.

    Valid inside the handler only, since the bytes that it points to are reused. What its attributes and methods return are copies,
    safe to keep and to give to a thread.
    """

    def __init__(self, head_limit):
        self.tab = array("i", bytes(108))
        self.tab[9] = head_limit
        self.tab[10] = _MOST_FIELDS
        self.data = b""  # where the head is: in the buffer, or a copy
        self.state = _HEAD
        self.at = 0  # where parsing goes on, counted from the buffer's start
        self.start = 0  # of the PIECE, which ends there
        self.left = 0  # bytes of the body or chunk that are still to come
        self.spare = 0  # bytes that size lines and trailers may still have
        self.held = False  # the head was copied
        self.keep_alive = True
        self.is_head = False
        self.expects = False  # Expect: 100-continue
        self.parts = None  # the body, as far as it is collected
        self.sink = None  # or who gets it

    # --- for handlers

    @property
    def method(self):
        """As it came: "GET", "POST", .. (they are case-sensitive)."""
        return self._text(self.tab[0], self.tab[1])

    @property
    def uri(self):
        """The path, not decoded, without the query: "/fast"."""
        return self._text(self.tab[2], self.tab[3]) or "/"

    @property
    def query(self):
        """What follows the question mark, not decoded; "" if there is none."""
        return self._text(self.tab[3] + 1, self.tab[4])

    @property
    def proto(self):
        """The version: "HTTP/1.1" or "HTTP/1.0"."""
        return "HTTP/1.%d" % self.tab[5]

    @property
    def body(self):
        """The whole body as `bytes`; b"" if there is none, or if `on_body` took it."""
        parts = self.parts
        if parts is None:
            return b""
        if not isinstance(parts, bytes):
            self.parts = parts = parts.read()
        return parts

    def match(self, pattern):
        """Whether the path is `pattern`, in which `?` is any character, `*` any number of them but `/`, and `#` any number of all."""
        uri = self.uri
        if uri == pattern:
            return True
        if "*" in pattern or "?" in pattern or "#" in pattern:
            from ..match import match

            return match(uri, pattern)
        return False

    def header(self, name, default=None):
        """The value of the first field of this name, in any case, as str (UTF-8, or Latin-1 where it is not that); else `default`."""
        for field, value in self.headers():
            if len(field) == len(name) and field.lower() == name.lower():
                return value
        return default

    def headers(self):
        """All fields in their order, each as (name, value), one by one."""
        data = self.data
        at = self.tab[6]
        while data[at] != 13:
            colon = data.find(b":", at)
            end = data.find(b"\r", colon)
            yield self._text(at, colon), self._text(colon + 1, end).strip(" \t")
            at = end + 2

    def on_body(self, fn):
        """In EV_HTTP_HDRS: have the body given to `fn(piece)` as it comes, instead of collecting it; `body_limit` does not apply.

        `piece` is a memoryview that is valid during the call. EV_HTTP_MSG follows when all of it has come.
        """
        self.sink = fn

    def _text(self, a, b):
        raw = bytes(memoryview(self.data)[a:b])
        try:
            return str(raw, "utf-8")
        except UnicodeError:
            return "".join([chr(x) for x in raw])

    # --- for the protocol's handler

    def parse(self, buf):
        """What comes next in `buf`: an event, or minus an HTTP status. After DONE call `finish`."""
        state = self.state
        if state == _HEAD:
            return self._head(buf)
        if state != _LENGTH:
            from .chunked import parse

            return parse(self, buf)
        return self.piece(buf) if self.left else DONE

    def piece(self, buf):
        """What there is of the body or chunk: PIECE or NEED."""
        at = buf.start + self.at
        n = min(buf.end - at, self.left)
        if not n:
            return self.hold(buf)
        self.start = at
        self.at += n
        self.left -= n
        return PIECE

    def view(self, buf):
        """The bytes of the PIECE."""
        return memoryview(buf.data)[self.start : buf.start + self.at]

    def collect(self, buf, limit):
        """Keep the PIECE for `body`. False if the body is over `limit` bytes."""
        piece = self.view(buf)
        n = len(piece)
        parts = self.parts
        if parts is None:
            if self.state == _LENGTH:
                if not self.left:
                    self.parts = bytes(piece)  # it came whole: one copy
                    return True
                self.parts = parts = Buffer(bytearray(n + self.left))
            else:
                self.parts = parts = Buffer()
        if len(parts) + n > limit:
            return False
        parts.append(piece, n)
        return True

    def hold(self, buf):
        """More is needed: keep a copy of the head, since the buffer's bytes are used up. Returns NEED."""
        if not self.held:
            self.held = True
            self.data = head = bytes(memoryview(buf.data)[self.tab[0] : self.tab[7]])
            uri = self.tab[2] - self.tab[0]
            scan(head, 0, len(head), self.tab)
            self.tab[2] = uri  # (absolute-form) it was moved to the path
        buf.consume(self.at)
        self.at = 0
        return NEED

    def finish(self, buf):
        """Done with this request: drop its bytes and be ready for the next."""
        buf.consume(self.at)
        self.state = _HEAD
        self.at = 0
        self.held = False
        self.parts = self.sink = None

    def _head(self, buf):
        data = buf.data
        a = buf.start
        end = buf.end
        while a < end and data[a] == 13:  # empty lines before a request are ignored (section 2.2)
            if a + 1 == end:
                return NEED
            if data[a + 1] != 10:
                return -400
            a += 2
            buf.consume(2)
        if a == end:
            return NEED
        t = self.tab
        if self.at:
            # Looked at before: go on only if there is another line, or too much.
            if end - a < t[9] and data.find(b"\n", a + self.at, end) < 0:
                self.at = end - a
                return NEED
        elif not KINDS[data[a]] & 1:
            return -400  # a TLS greeting, say: no need to wait for its first line
        ev = scan(data, a, end, t)
        if ev <= 0:
            self.at = end - a
            return ev
        self.data = data
        self.at = ev - a
        self.spare = t[9] - (ev - a)
        self.left = 0
        self.state = _LENGTH
        self.expects = False
        modern = t[5] > 0
        self.is_head = t[1] - a == 4 and data.find(b"HEAD", a, a + 4) == a
        if t[_HOST] != 1 and (modern or t[_HOST]):
            return -400
        self.keep_alive = self._keeps(modern) if t[_CONNECTION] else modern
        ev = HEAD
        if t[_TRANSFER_ENCODING] or t[_CONTENT_LENGTH]:
            ev = self._framing()
        if ev == HEAD and t[_EXPECT] and modern:
            if self._value(_EXPECT) == "100-continue":
                self.expects = self.left > 0 or self.state != _LENGTH
            else:
                ev = -417
        if ev == HEAD and data[t[2]] != 47:
            ev = self._target()
        return ev

    def _value(self, at):
        return self._text(self.tab[at + 1], self.tab[at + 2]).lower()

    def _keeps(self, modern):
        t = self.tab
        if t[_CONNECTION] == 1:
            a = t[_CONNECTION + 1]
            b = t[_CONNECTION + 2]
            if b - a == 10 and self.data.find(b"keep-alive", a, b) == a:
                return True
        options = []
        for name, value in self.headers():
            if name.lower() == "connection":
                for option in value.lower().split(","):
                    options.append(option.strip())
        return "close" not in options and (modern or "keep-alive" in options)

    def _framing(self):
        # Section 6.3. Two lengths, or a length and a coding: one of them is a lie.
        t = self.tab
        if t[_TRANSFER_ENCODING]:
            if t[_CONTENT_LENGTH] or t[_TRANSFER_ENCODING] > 1 or not t[5]:
                return -400
            value = self._value(_TRANSFER_ENCODING)
            if value == "chunked":
                self.state = _LENGTH + 1
                return HEAD
            codings = [coding.strip() for coding in value.split(",")]
            return -400 if "" in codings or "chunked" in codings[:-1] else -501
        if t[_CONTENT_LENGTH] > 1:
            return -400
        n = 0
        a = t[_CONTENT_LENGTH + 1]
        b = t[_CONTENT_LENGTH + 2]
        for at in range(a, b):
            digit = self.data[at] - 48
            if not 0 <= digit <= 9:
                return -400
            n = min(n * 10 + digit, _TOO_LONG)
        if a == b:
            return -400
        self.left = n
        return HEAD if n < _TOO_LONG else -413

    def _target(self):
        # Section 3.2: absolute-form, or "*" of OPTIONS. A server is no proxy: CONNECT is not for it.
        t = self.tab
        target = self._text(t[2], t[4])
        method = self.method
        if method == "CONNECT":
            return -501
        if target == "*":
            return HEAD if method == "OPTIONS" else -400
        at = target.find("://") + 3
        if target[:at].lower() not in ("http://", "https://") or target[at : at + 1] in ("", "/", "?"):
            return -400
        path = self.data.find(b"/", t[2] + at, t[3])
        t[2] = t[3] if path < 0 else path
        return HEAD
