# HTTP/1.x responses, RFC 9112: bytes in, events out, no socket here. The events and states are parser.py's, with the status line in
# place of the request line; and a body may end with the connection. What is wrong is minus 502, whatever it is: nobody answers it.
from ..buffer import Buffer
from .kinds import fit
from .parser import Request, scan
from .rules import framing, text

_NEED = const(0)
_HEAD = const(1)
_BAD = const(502)

_LENGTHS = const(20)  # places in the parser's table
_CODINGS = const(23)

_VERSION = const(b"HTTP/1.")


class Response(Request):
    """One response after the other of a connection: what a client's handler gets as `hm`. Valid as a server's; `status` stays.

    `tab` is a table of its own, with `tab[26]` set. Set `is_head` if the request was HEAD, then there is no body.
    """

    status = 0
    is_endless = False  # its body ends with the connection

    @property
    def reason(self):
        """What stands behind the status, for people."""
        return text(self, self.tab[2], self.tab[4])

    def parse(self, buf):
        """What comes next in `buf`: an event, or -502. After DONE call `finish`."""
        if not self.state:
            return self.head(buf)
        if self.is_endless:
            self.left = buf.end - buf.start - self.at
            return self.piece(buf)
        ev = Request.parse(self, buf)
        return ev if ev >= 0 else -_BAD

    def head(self, buf):
        """The head: HEAD, NEED or -502."""
        t = self.tab
        while True:
            data = buf.data
            at = buf.start
            n = buf.end - at
            if data[at : at + min(n, 7)] != _VERSION[:n]:  # no need to wait for more
                return -_BAD
            end = data.find(b"\r\n\r\n", at + max(self.at - 3, 0), buf.end) + 4
            if end < 4:
                self.at = n
                return _NEED if n < t[9] else -_BAD
            self.at = end - at
            line = data.find(b"\r", at)
            minor, _, code = bytes(memoryview(data)[at + 7 : line]).partition(b" ")
            is_line = len(minor) == 1 and fit(code, 2)
            code = code.split(b" ")[0]
            if not is_line or len(code) != 3 or not (minor + code).isdigit() or self.at > t[9] or scan(data, line + 2, end, t) != end:
                return -_BAD
            self.status = code = int(code)
            if code >= 200:
                t[0] = at
                t[2] = min(line, at + 13)
                t[4] = line
                t[5] = data[at + 7] - 48
                t[6] = line + 2
                self.data = data
                return self.framing(t)
            if code < 100 or code == 101:  # nobody has asked for another protocol
                return -_BAD
            buf.start = end  # an interim one: the response is still to come
            self.at = 0

    def framing(self, t):
        """How long the body is: HEAD, or -502."""
        self.is_endless = False
        self.left = 0
        self.state = 1
        if framing(self, t, t[5] > 0) != _HEAD:
            return -_BAD
        if self.is_head or self.status == 204 or self.status == 304:
            self.state = 1
            self.left = 0
        elif not t[_CODINGS] and not t[_LENGTHS]:
            self.is_endless = True
            self.keep_alive = False
            self.parts = Buffer()
        return _HEAD
