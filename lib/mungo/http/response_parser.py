# HTTP responses as a client reads them (RFC 9112 section 4): bytes in, events out, no socket here.
from ..core.buffer import Buffer
from .char_classes import all_in
from .head import text
from .parser import Request
from .scan import fields_table

_NEED = const(0)  # the parser's events
_HEAD = const(1)
_BAD = const(-502)  # no response: nobody answers it, so it does not matter what is wrong

_VERSION = const(b"HTTP/1.")
_LENGTH = const(1)  # a state of the parser


class Response(Request):
    """One response after the other of a connection: what a client's handler gets as `hm`. It is valid as long as a server's request is;
    `status` stays.

    The events and states are parser.py's, with the status line in place of the request line; and a body may end with the connection.
    Set `is_head` if the request was HEAD: then there is no body. Interim responses (1xx) are skipped.
    """

    status = 0
    reason = ""  # the reason phrase behind the status
    is_endless = False  # the body ends with the connection
    may_switch = False  # the request asked for another protocol: 101 is its response, what follows belongs to that protocol

    def __init__(self, head_limit):
        super().__init__(fields_table(head_limit))

    def parse(self, buf):
        """What comes next in `buf`: an event, or -502 if it is no response. After DONE call `finish`."""
        if self.is_endless and self.state:
            self.left = buf.end - buf.start - self.at
            return self.piece(buf)
        ev = Request.parse(self, buf) if self.state else self._parse_head(buf)
        return ev if ev >= 0 else _BAD

    def _parse_head(self, buf):
        # HEAD, NEED, or less than 0.
        status = 0
        while status < 200:
            data = buf.data
            at = buf.start
            n = buf.end - at
            if data[at : at + min(n, 7)] != _VERSION[:n]:  # no need to wait for more
                return _BAD
            end = data.find(b"\r\n\r\n", at + max(self.at - 3, 0), buf.end) + 4
            if end < 4:
                self.at = n
                return _NEED if n < self.head_limit else _BAD
            self.at = end - at
            line = data.find(b"\r", at)
            minor, _, rest = bytes(data[at + 7 : line]).partition(b" ")
            digits = rest.split(b" ")[0]
            if len(minor) != 1 or len(digits) != 3 or not (minor + digits).isdigit() or not all_in(rest, 2):
                return _BAD
            if self.at > self.head_limit or not self.read_fields(buf, line + 2, end, int(minor)):
                return _BAD
            status = int(digits)
            if status == 101 and self.may_switch:
                break
            if status < 100 or status == 101:
                return _BAD
            if status < 200:
                buf.start = end
                self.at = 0
        self.reason = text(data[at + 13 : line])
        self.status = status
        self.state = _LENGTH
        self.is_endless = False
        wrong = self.read_framing()
        if self.is_head or status in (101, 204, 304):
            self.state = _LENGTH
            self.left = 0
        elif self.state == _LENGTH and not self.left and self.header("content-length") is None:
            self.is_endless = True
            self.keep_alive = False
            self.collected = Buffer()
        return wrong or _HEAD
