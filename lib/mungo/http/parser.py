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
# head's first byte; chunk extensions and trailers share what the head has left of `head_limit`.
from array import array

from .char_classes import KINDS

try:
    from .scan_viper import scan
except Exception:  # no such compiler, another architecture's .mpy, or no memory for it
    from .scan import scan

_NEED = const(0)
_HEAD = const(1)
_PIECE = const(2)
_DONE = const(3)

# Its states; the higher ones are chunked.py's.
_START = const(0)
_LENGTH = const(1)

# What the scanner notes in the table, as places in the buffer: 0 the head's start, 1 the method's end, 2 the target, 3 its
# question mark, 4 its end, 5 the x of HTTP/1.x, 6 the first field, 7 behind the head, 8 how many fields. For it: 9 the limit in
# bytes, 10 in fields, 26 whether there are fields alone. Then how often each of these fields came, and where its last value stands:
_HOST = const(11)
_EXPECT = const(14)
_CONNECTION = const(17)
_LENGTHS = const(20)
_CODINGS = const(23)

_MOST_FIELDS = const(100)
_DIGITS = const(9)  # digits of a body's length; more would not be a small integer everywhere


rules = None


def the_rules():
    """rules.py, which loads when it is first used. (To import it costs as much as half a request, each time.)"""
    global rules
    if rules is None:
        from . import head as rules
    return rules


def make(head_limit):
    """A table for heads of up to `head_limit` bytes. One serves all requests that one thread parses: `rules.keep` makes a copy."""
    tab = array("i", bytes(108))
    tab[9] = head_limit
    tab[10] = _MOST_FIELDS
    return tab


class Request:
    """One HTTP request after the other of a connection, parsed in place: what handlers get as `hm`.

    Valid inside the handler only, since the bytes that it points to are reused. What its attributes and methods return are copies,
    safe to keep and to give to a thread.
    """

    state = _START
    data = b""  # where the head is: in the buffer, or a copy
    at = 0  # where parsing goes on, counted from the buffer's start
    start = 0  # of the PIECE, which ends there
    left = 0  # bytes of the body or chunk that are still to come
    spare = 0  # bytes that size lines and trailers may still have
    shared = None  # the table of all, while this request has its own
    is_bare = False  # it is plain, has no body, and nobody has asked for more
    is_plain = True  # none of the next three is unusual
    keep_alive = True
    is_head = False
    is_old = False  # HTTP/1.0
    expects = False  # Expect: 100-continue
    parts = None  # the body, as far as it is collected
    sink = None  # or who gets it

    def __init__(self, tab):
        self.tab = tab

    # --- for handlers

    @property
    def method(self):
        """As it came: "GET", "POST", .. (they are case-sensitive)."""
        return self.text(self.tab[0], self.tab[1])

    @property
    def uri(self):
        """The path, not decoded, without the query: "/fast"."""
        return self.text(self.tab[2], self.tab[3]) or "/"

    @property
    def query(self):
        """What follows the question mark, not decoded; "" if there is none."""
        return self.text(self.tab[3] + 1, self.tab[4])

    @property
    def proto(self):
        """The version: "HTTP/1.1" or "HTTP/1.0"."""
        return "HTTP/1.%d" % self.tab[5]

    @property
    def body(self):
        """The whole body as `bytes`; b"" if there is none, or if `on_body` took it."""
        if self.parts is not None and not isinstance(self.parts, bytes):
            self.parts = self.parts.read()
        return self.parts or b""

    @property
    def method_and_path(self):
        """The start of the request line, up to the query: "GET /fast"."""
        return self.text(self.tab[0], self.tab[3])

    @property
    def target(self):
        """The path with its query, as they came: "/fast?a=1"."""
        return self.uri + self.text(self.tab[3], self.tab[4])

    @property
    def content_length(self):
        """In EV_HTTP_HDRS: how many bytes the body has; None if it is chunked."""
        return self.left if self.state == _LENGTH else None

    @property
    def is_body_pending(self):
        """Whether some of the body is still to come."""
        return self.left > 0 or self.state > _LENGTH

    def head_bytes(self):
        """The request line and the fields, with the empty line, as they came."""
        return bytes(self.data[self.tab[0] : self.tab[7]])

    def keep(self, buf):
        """Copy the head out of the Buffer `buf`, which will be used for something else before this request is done."""
        the_rules().keep(self, buf)

    def copy(self, buf):
        """A Request of its own with this head and body, safe to keep and to give to a thread. The body must be whole, or there is none.
        `buf` is the Buffer that the head was parsed in."""
        self.keep(buf)
        copy = Request(self.tab)
        copy.data = self.data
        copy.parts = self.body
        return copy

    def match(self, uri):
        """Whether the path is `uri`, in which `?` is any character but `/`, `*` any number of those, `#` any number of all."""
        # (To make a str costs a search among the names that are interned.)
        if self.data[self.tab[2] : self.tab[3]] == uri.encode():
            return True
        if self.is_plain and "#" not in uri and "*" not in uri and "?" not in uri:
            return False
        from .match import match

        return match(self.uri, uri)

    def header(self, name, default=None):
        """The value of the first field of this name, in any case, as str (UTF-8, or Latin-1 where it is not that); else `default`."""
        return the_rules().header(self, name, default)

    def headers(self):
        """All fields in their order, each as (name, value), one by one."""
        return the_rules().headers(self)

    def on_body(self, fn):
        """In EV_HTTP_HDRS: have the body given to `fn(piece)` as it comes, instead of collecting it; `body_limit` does not apply.

        `piece` is a memoryview that is valid during the call. EV_HTTP_MSG follows when all of it has come.
        """
        self.sink = fn
        self.is_bare = False

    def text(self, at, end):
        """What stands from `at` to `end` of the request line, as str: it is ASCII, the scanner has seen to that."""
        return self.data[at:end].decode()

    # --- for the protocol's handler

    def parse(self, buf):
        """What comes next in `buf`: an event, or minus an HTTP status. After DONE call `finish`."""
        if self.state > _LENGTH:
            return the_rules().chunked.parse(self, buf)
        if self.state == _LENGTH:
            return self.piece(buf) if self.left else _DONE
        data = buf.data
        at = buf.start
        if at == buf.end:
            return _NEED
        if data[at] == 13:
            at = the_rules().strip(buf)
            if at <= 0:
                return at
            at = buf.start
        if self.at:
            # Looked at before: go on only if there is another line, or too much.
            if buf.end - at < self.tab[9] and data.find(b"\n", at + self.at, buf.end) < 0:
                self.at = buf.end - at
                return _NEED
        elif not KINDS[data[at]] & 1:
            return -400  # a TLS greeting, say: no need to wait for its first line
        at = scan(data, at, buf.end, self.tab)
        if at <= 0:
            self.at = buf.end - buf.start
            return at
        # (To look at an attribute is cheap, to set one is not: MicroPython first searches the classes for what might forbid it.)
        if self.data is not data:
            self.data = data
        self.at = at - buf.start
        self.state = _LENGTH
        # It is scanned: is there anything that is not common?
        t = self.tab
        if t[_HOST] != 1 and (t[5] or t[_HOST]):
            return -400
        at = t[_CONNECTION + 1]
        if not t[5] or data[t[2]] != 47 or t[_EXPECT] or t[_CODINGS] or data[t[0]] == 72:  # the H of HEAD
            at = -1
        elif t[_CONNECTION]:
            if t[_CONNECTION] > 1 or t[_CONNECTION + 2] - at != 10 or data.find(b"keep-alive", at, at + 10) < 0:
                at = -1
        if self.is_bare:
            if at >= 0 and not t[_LENGTHS]:
                return _HEAD
            self.is_bare = False
        if at < 0:
            return the_rules().judge(self)
        if not self.is_plain:
            self.is_plain = self.keep_alive = True
            self.is_head = self.is_old = False
        if t[_LENGTHS]:
            return self.length(t)
        self.is_bare = True
        return _HEAD

    def length(self, t):
        """Take the Content-Length: HEAD, or minus a status."""
        digits = bytes(self.data[t[_LENGTHS + 1] : t[_LENGTHS + 2]])
        if t[_LENGTHS] > 1 or not digits.isdigit():
            return -400
        digits = digits.lstrip(b"0")
        if len(digits) > _DIGITS:
            return -413
        self.left = int(b"0" + digits)
        return _HEAD

    def piece(self, buf):
        """What there is of the body or chunk: PIECE or NEED."""
        at = buf.start + self.at
        n = min(buf.end - at, self.left)
        if not n:
            return the_rules().hold(self, buf)
        self.start = at
        self.at += n
        self.left -= n
        return _PIECE

    def view(self, buf):
        """The bytes of the PIECE."""
        return memoryview(buf.data)[self.start : buf.start + self.at]

    def collect(self, buf, limit):
        """Keep the PIECE for `body`. False if the body is over `limit` bytes."""
        if self.state == _LENGTH and not self.left and self.parts is None:
            self.parts = bytes(self.view(buf))  # it came whole: one copy; its length was known, and allowed
            return True
        return the_rules().collect(self, buf, limit)

    def finish(self, buf):
        """Done with this request: drop its bytes and be ready for the next."""
        at = buf.start + self.at
        if at < buf.end:
            buf.start = at
        else:
            buf.end = 0
            if buf.start:
                buf.start = 0
        self.state = _START
        self.at = 0
        if self.is_bare:
            return
        if self.shared is not None:
            self.tab = self.shared
            self.shared = None
        if self.parts is not None:
            self.parts = None
        if self.sink is not None:
            self.sink = None
