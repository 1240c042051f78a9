# HTTP/1.1 requests, RFC 9112: bytes in, events out, no socket here.
#
# `parse(buf)` looks at what is in a Buffer and says what it found. Rules:
#   state     bytes                                    event   next state
#   START     request line and fields, whole           HEAD    LENGTH, or SIZE if chunked
#   LENGTH    some of the body                         PIECE   LENGTH
#   LENGTH    no more to come                          DONE    START
#   SIZE      a chunk's size line                      -       CHUNK; size 0: TRAILER
#   CHUNK     some of a chunk                          PIECE   CHUNK
#   CHUNK     the line end behind a chunk              -       SIZE
#   TRAILER   fields up to the empty line              DONE    START
#   any       not enough                               NEED    the same
#   any       not HTTP                                 -status (an HTTP status) the connection is of no more use
# A line is judged when it is whole or too long, so the events do not depend on how the bytes are cut. Limits count from the
# head's first byte; chunk extensions and trailers share what the head has left of its limit.
#
# What not every program needs loads when it is first used: head.py for heads that are not common and to read fields, chunked.py for
# such bodies.
from array import array

from ..core.buffer import Buffer
from ..core.holding import hold, release
from .char_classes import CLASSES
from .lazy import parts
from .scan import scan

_NEED = const(0)
_HEAD = const(1)
_PIECE = const(2)
_DONE = const(3)

_START = const(0)
_LENGTH = const(1)
_SIZE = const(2)  # this one and the higher ones are chunked.py's

# Places in the scanner's table, see scan.py.
_METHOD = const(0)
_METHOD_END = const(1)
_TARGET = const(2)
_QUERY = const(3)
_TARGET_END = const(4)
_MINOR = const(5)
_FIELDS = const(6)
_END = const(7)
_COUNT = const(8)
_LIMIT = const(9)
_COUNT_LIMIT = const(10)
_HOST = const(11)
_EXPECT = const(14)
_CONNECTION = const(17)
_LENGTHS = const(20)
_CODINGS = const(23)

_DIGITS = const(18)  # of a body's length, without the zeros in front

_CR = const(13)
_SLASH = const(47)
_C_OR_H = const(75)  # what `| 11` makes of C and H, the first letters of CONNECT and HEAD (and of A, B, I, J, K), and of no other


class Request:
    """One HTTP request after the other of a connection, parsed in place: what handlers get as `hm`.

    Valid inside the handler only, since the bytes that it points to are reused. What its attributes and methods return are copies,
    safe to keep and to give to a thread. `tab`: a table from `scan.request_table`.
    """

    tab: "Any" = None  # noqa: F821  # pyright: ignore
    state = _START
    data = b""  # where the head is: in the buffer, or a copy
    shared = None  # the table that others use too, while this request has a copy
    at = 0  # where parsing goes on, counted from the buffer's start
    start = 0  # of the PIECE, which ends at `at`
    left = 0  # bytes of the body or chunk that are still to come
    spare = 0  # bytes that size lines and trailers may still have
    is_bare = False  # (see internals: BARE) the head is common, no body follows, and nothing is kept of it: `finish` has nothing to drop
    is_lenient = False  # it reads what servers send, see response_parser.py
    is_tls = False  # it has come over TLS
    is_plain = True  # none of the next three is unusual, and the target is a path
    is_head = False
    is_old = False  # HTTP/1.0
    expects = False  # Expect: 100-continue
    keep_alive = True
    authority = ""  # of a target in absolute-form: it counts, not Host
    sink = None  # what gets the body's pieces, see `on_body`
    collected = None  # else they go to this Buffer,
    whole = None  # or all of the body to this bytes object
    held = 0  # see core/holding.py
    holder = None
    _room = None  # see internals: ROOM

    hold = hold
    release = release

    def __init__(self, tab):
        self.tab = tab

    # --- for handlers

    @property
    def method(self):
        """As it came: "GET", "POST", .. (they are case-sensitive)."""
        return self.text(_METHOD, _METHOD_END)

    @property
    def uri(self):
        """The path, not decoded, without the query: "/fast"."""
        return self.text(_TARGET, _QUERY) or "/"

    @property
    def query(self):
        """What follows the question mark, not decoded; "" if there is none."""
        return self.text(_QUERY, _TARGET_END)[1:]

    @property
    def target(self):
        """The path with its query, as they came: "/fast?a=1"."""
        return self.uri + self.text(_QUERY, _TARGET_END)

    @property
    def method_and_path(self):
        """The start of the request line, up to the query, as it came: b"GET /fast"."""
        # (Bytes: MicroPython searches its interned names for each str that is made.)
        return bytes(self.data[self.tab[_METHOD] : self.tab[_QUERY]])

    @property
    def proto(self):
        """The version: "HTTP/1.1" or "HTTP/1.0"."""
        return "HTTP/1.%d" % self.tab[_MINOR]

    @property
    def body(self):
        """The whole body as `bytes`; b"" if there is none, or if `on_body` took it."""
        if self.collected is not None:
            self.whole = self.collected.read()
            self.collected = None
        return self.whole or b""

    @property
    def content_length(self):
        """In EV_HTTP_HDRS: how many bytes the body has; None if it is chunked."""
        return self.left if self.state == _LENGTH else None

    @property
    def has_head(self):
        """Whether all of the head has come, so that it can be read, though it may be refused."""
        return self.state > 0

    @property
    def is_body_pending(self):
        """Whether some of the body is still to come."""
        return self.left > 0 or self.state > _LENGTH

    def head_bytes(self):
        """The request line and the fields, with the empty line, as they came."""
        return bytes(self.data[self.tab[_METHOD] : self.tab[_END]])

    def header(self, name, default=None):
        """The value of the first field of this name, in any case, as str (UTF-8, or Latin-1 where it is not that); else `default`."""
        if self.authority and name.lower() == "host":  # RFC 9112 section 3.2.2
            return self.authority
        return parts.head.find_field(self.data, self.tab[_FIELDS], name, default)

    def headers(self):
        """All fields in their order, each as (name, value), one by one."""
        return parts.head.fields(self.data, self.tab[_FIELDS])

    def match(self, uri, captures=None):
        """Whether the path is `uri`, in which `?` is any character but `/`, `*` any number of those, `#` any number of all. If it is, the
        list `captures` gets what each of these stands for: `hm.match("/users/*/#", found)`. They are not decoded."""
        # (Bytes are compared: MicroPython searches its interned names for each str that is made.)
        if self.data[self.tab[_TARGET] : self.tab[_QUERY]] == uri.encode():
            return True
        if self.is_plain and "#" not in uri and "*" not in uri and "?" not in uri:
            return False
        return parts.match.match(self.uri, uri, captures)

    def on_body(self, fn):
        """In EV_HTTP_HDRS: have the body given to `fn(piece)` as it comes, instead of collecting it; `body_limit` does not apply.

        `piece` is a memoryview that is valid during the call. EV_HTTP_MSG follows when all of it has come.
        """
        self.sink = fn
        self.is_bare = False

    def keep(self, buf):
        """Copy the head out of the Buffer `buf`, which will be used for something else before this request is done."""
        if self.shared is None:
            self.shared = self.tab
            self.is_bare = False
            self.tab = t = array("i", self.tab)
            self.data = bytes(memoryview(buf.data)[t[_METHOD] : t[_END]])
            for place in range(_COUNT):
                if place != _MINOR:
                    t[place] -= buf.start

    def text(self, first, last):
        """What stands between two places of the request line, as str: the scanner has found it to be UTF-8."""
        return self.data[self.tab[first] : self.tab[last]].decode()

    # --- for protocols: events

    def parse(self, buf):
        """What comes next in `buf`: an event, or minus an HTTP status. After DONE call `finish`."""
        if self.state:
            if self.left:
                return self.piece(buf)
            if self.state == _LENGTH:
                return _DONE
            return parts.chunked.parse(self, buf)
        at = buf.start
        if at == buf.end:
            return _NEED
        data = buf.data
        if data[at] == _CR:
            at = parts.head.skip_lines(buf)
            if at <= 0:
                return at
            at = buf.start
        if self.at:
            # Looked at before: go on only if there is another line, or too much.
            if buf.end - at < self.head_limit and data.find(b"\n", at + self.at, buf.end) < 0:
                self.at = buf.end - at
                return _NEED
        elif not CLASSES[data[at]] & 1:
            return -400  # a TLS greeting, say: no need to wait for its first line
        at = scan(data, at, buf.end, self.tab)
        if at <= 0:
            self.at = buf.end - buf.start
            return at
        if self.data is not data:
            self.data = data
        self.at = at - buf.start
        self.state = _LENGTH
        return self.read_head(self.tab, data)

    def read_head(self, t, data):
        """Find out what the head that is scanned says of the connection and the body: HEAD, or minus a status."""
        if t[_HOST] != 1 and (t[_MINOR] or t[_HOST]):
            return -400
        # Common is HTTP/1.1, a method that does not start like HEAD or CONNECT, a path, and no Connection but "keep-alive" or "close".
        if not t[_MINOR] or data[t[_TARGET]] != _SLASH or t[_EXPECT] or t[_CODINGS] or data[t[_METHOD]] | 11 == _C_OR_H:
            return self.judge()
        keep_alive = True
        if t[_CONNECTION]:
            at = t[_CONNECTION + 1]
            keep_alive = t[_CONNECTION + 2] - at != 5 or data.find(b"close", at, at + 5) < 0
            if t[_CONNECTION] > 1 or keep_alive and (t[_CONNECTION + 2] - at != 10 or data.find(b"keep-alive", at, at + 10) < 0):
                return self.judge()
        if self.is_bare and self.keep_alive is keep_alive and not t[_LENGTHS]:  # all is as it was
            return _HEAD
        if not self.is_plain:
            self.is_plain = True
            self.is_head = self.is_old = False
            self.authority = ""
        self.keep_alive = keep_alive
        self.is_bare = not t[_LENGTHS]
        return _HEAD if self.is_bare else self.read_length() or _HEAD

    def judge(self):
        """`read_head` for heads that are not common."""
        t = self.tab
        self.is_old = not t[_MINOR]
        return parts.head.judge(self, t[_EXPECT], self.data[t[_TARGET]] == _SLASH) or _HEAD

    def read_framing(self):
        """Find out whether the connection goes on, and where the body ends: 0, or minus a status."""
        t = self.tab
        return parts.head.read_framing(self, t[_CONNECTION], t[_LENGTHS], t[_CODINGS])

    def read_length(self):
        """Take the Content-Length, which has come: 0, or minus a status."""
        t = self.tab
        digits = bytes(self.data[t[_LENGTHS + 1] : t[_LENGTHS + 2]])
        if t[_LENGTHS] > 1 or not digits.isdigit():
            return -400
        digits = digits.lstrip(b"0")
        if len(digits) > _DIGITS:
            return -413
        self.left = int(b"0" + digits)
        return 0

    def piece(self, buf):
        """What there is of the body or chunk: PIECE or NEED."""
        at = buf.start + self.at
        n = min(buf.end - at, self.left)
        if not n:
            return self.need(buf)
        self.start = at
        self.at += n
        self.left -= n
        return _PIECE

    def need(self, buf):
        """More is needed: drop what is used of `buf`, and keep a copy of the head. Returns NEED."""
        self.keep(buf)
        buf.consume(self.at)
        self.at = 0
        return _NEED

    def finish(self, buf):
        """Done with this request: drop its bytes and be ready for the next."""
        at = buf.start + self.at
        if at < buf.end:
            buf.start = at
        else:
            buf.start = buf.end = 0
        self.state = _START
        self.at = 0
        if not self.is_bare:
            self.release()
            if self.shared is not None:
                self.tab = self.shared
                self.shared = None
            if self.whole is not None or self.collected is not None:
                self.whole = self.collected = None
            if self.sink is not None:
                self.sink = None

    # --- for protocols: the body

    def view(self, buf):
        """The bytes of the PIECE, a memoryview."""
        return memoryview(buf.data)[self.start : buf.start + self.at]

    def collect(self, piece, limit):
        """Add a piece to `body`. False if the body is over `limit` bytes."""
        n = len(piece)
        if self.collected is None:
            if self.state == _LENGTH and not self.left:
                self.whole = bytes(piece)  # it came whole: one copy; its length was known, and allowed
                return True
            self.collected = Buffer(bytearray(n + self.left if self.state == _LENGTH else 0))
        if len(self.collected) + n + self.left > limit:  # (all of this chunk: it may be long)
            return False
        self.collected.append(piece, n)
        return True

    # --- for head.py, chunked.py and client.py

    @property
    def head_limit(self):
        """The most bytes of a head."""
        return self.tab[_LIMIT]

    @property
    def fields_left(self):
        """The most fields of a trailer."""
        return self.tab[_COUNT_LIMIT] - self.tab[_COUNT]

    def skip_authority(self, n):
        """The path starts behind so many bytes of the target."""
        self.tab[_TARGET] += n

    def begin_chunks(self):
        """The body is chunked."""
        self.state = _SIZE
        self.spare = self.head_limit - self.at

    def read_fields(self, head, at):
        """Read the fields alone of `head`, bytes, where they start at `at`. False if they are wrong."""
        t = self.tab
        if scan(head, at, len(head), t) != len(head):
            return False
        t[_METHOD] = 0
        t[_FIELDS] = at
        self.data = head
        return True

    def set_minor(self, minor):
        """The version is HTTP/1.minor."""
        self.tab[_MINOR] = minor
        self.is_old = not minor
