# HTTP responses as a client reads them (RFC 9112 section 4): bytes in, events out, no socket here.
#
# A server has to be strict, since what it reads might have passed a proxy that reads it in another way. A client has asked one server, and
# reads what small servers send, as far as the RFCs allow: lines that end in LF alone, folded lines, blanks where none belong, control
# characters in fields (they become spaces), lengths that are given twice. A CR alone never ends a line.
from ..core.buffer import Buffer
from .char_classes import all_in
from .head import members, text
from .lazy import parts
from .parser import Request
from .scan import fields_table

_NEED = const(0)  # the parser's events
_HEAD = const(1)
_DONE = const(3)
_BAD = const(-502)

_VERSION = const(b"HTTP/1.")
_LENGTH = const(1)  # states of the parser

_DIGITS = const(18)  # of a length, without the zeros in front
_CR = const(13)
_LF = const(10)


class Response(Request):
    """One response after the other of a connection: what a client's handler gets as `hm`. It is valid as long as a server's request is;
    `status` stays.

    The events and states are parser.py's, with the status line in place of the request line; and a body may end with the connection.
    Set `is_head` if the request was HEAD: then there is no body. Interim responses (1xx) are skipped.
    """

    is_lenient = True
    status = 0
    reason = ""  # the reason phrase behind the status
    fault = ""  # what is wrong, once `parse` has returned -502
    is_endless = False  # the body ends with the connection
    may_switch = False  # the request asked for another protocol: 101 is its response, what follows belongs to that protocol
    has_begun = False  # an interim response has come

    def __init__(self, head_limit):
        super().__init__(fields_table(2 * head_limit))  # (lines that end in LF alone are made longer)
        self.limit = head_limit

    def parse(self, buf):
        """What comes next in `buf`: an event, or -502 if it is no response, and `fault` says why. After DONE call `finish`."""
        if not self.state:
            return self._parse_head(buf)
        if self.is_endless:
            self.left = buf.end - buf.start - self.at
            return self.piece(buf)
        ev = Request.parse(self, buf)
        return ev if ev >= 0 else self.refuse("a chunk's size, or its end")

    def keep(self, buf):
        """The head is a copy already."""

    def refuse(self, fault):
        """The response is none, for this reason. Returns -502."""
        self.fault = fault
        return _BAD

    def skip_trailer(self, buf):
        """Drop lines up to an empty one, whatever is in them: DONE, NEED, or minus a status."""
        while True:
            n = parts.chunked.find_line(self, buf, self.spare)
            if n <= 0:
                return n
            self.spare -= n
            at = buf.start + self.at
            self.at += n
            if n == 1 or n == 2 and buf.data[at] == _CR:
                self.state = _LENGTH
                return _DONE

    def _parse_head(self, buf):
        # HEAD, NEED, or less than 0.
        while True:
            n = self._find_head(buf)
            if n <= 0:
                return n
            head = bytes(memoryview(buf.data)[buf.start : buf.start + n])
            at = head.find(b"\n") + 1
            if head[at - 2] != _CR or not all_in(head[: at - 2], 2) or not self.read_fields(head, at):
                try:
                    from .normalize import normalize

                    head = normalize(head)
                except ValueError as er:
                    return self.refuse(str(er))
                at = head.find(b"\n") + 1
                if not self.read_fields(head, at):
                    return self.refuse("too many fields")
            words = head[:at].split(None, 2)
            digits = words[0][7:] + words[1] if words[1:] else b""
            if len(digits) != 4 or len(words[0]) != 8 or not digits.isdigit() or digits[1:] < b"100":
                return self.refuse("status line %r" % head[: at - 2])
            self.set_minor(int(digits[:1]))
            self.status = int(digits[1:])
            if self.status >= 200 or self.status == 101:
                break
            self.has_begun = True
            buf.consume(n)
            self.at = 0
        self.reason = text(words[2].strip(b" \t\r\n") if words[2:] else b"")
        self.state = _LENGTH
        self.is_endless = False
        if self.status == 101 and not self.may_switch:
            return self.refuse("status 101")
        return self._read_framing() or _HEAD

    def _find_head(self, buf):
        # How long the head is; NEED, or less than 0. Empty lines in front of it are dropped. A line ends in LF or CRLF.
        drop_lines(buf)
        data = buf.data
        start = buf.start
        n = len(buf)
        if data[start : start + min(n, 7)] != _VERSION[:n] and data[start : buf.end] != b"\r":  # no need to wait for more
            return self.refuse("no HTTP/1 response: %r" % bytes(data[start : start + min(n, 30)]))
        at = start + max(self.at - 2, 0)
        end = 0
        while not end:
            at = data.find(b"\n", at, buf.end) + 1
            if not at:
                break
            if at < buf.end and data[at] == _LF:
                end = at + 1
            elif data[at : min(at + 2, buf.end)] == b"\r\n":
                end = at + 2
        self.at = (end or buf.end) - start
        if self.at > self.limit or not end and n >= self.limit:
            return self.refuse("head_limit")
        return end and self.at

    def _read_framing(self):
        # Find out whether the connection goes on, and where the body ends (section 6.3): 0, or less.
        options = members(self, "connection")
        self.keep_alive = "close" not in options and (not self.is_old or "keep-alive" in options)
        self.left = 0
        if self.is_head or self.status in (101, 204, 304):
            return 0
        codes = members(self, "transfer-encoding")
        lengths = members(self, "content-length")
        if codes == ["identity"]:  # in older RFCs the word for none
            codes = None
            self.keep_alive = False
        if codes:
            if codes != ["chunked"]:
                return self.refuse("Transfer-Encoding %r" % codes)
            if lengths or self.is_old:
                self.keep_alive = False  # it may go on, but who knows where
            self.begin_chunks()
            self.spare = self.limit - self.at
        elif self.header("content-length") is None:
            self.is_endless = True
            self.keep_alive = False
            self.collected = Buffer()
        else:
            digits = lengths[0].lstrip("0") if lengths else "-"
            if digits.strip("0123456789") or len(digits) > _DIGITS or lengths.count(lengths[0]) < len(lengths):
                return self.refuse("Content-Length %r" % lengths)
            self.left = int("0" + digits)
        return 0


def drop_lines(buf):
    """Drop empty lines at the start of `buf`: some servers send one behind a body, or in front of a response."""
    data = buf.data
    while len(buf) and (data[buf.start] == _LF or data[buf.start : min(buf.start + 2, buf.end)] == b"\r\n"):
        buf.consume(1)
