# multipart/form-data (RFC 7578, RFC 2046 section 5.1): bytes in, events out, no file and no socket here.
#
# `feed` the bytes as they come, then ask `parse` until it says NEED. Rules:
#   state     bytes                                         event      next state
#   BEFORE    up to the first boundary line                 -          LINE
#   LINE      the rest of a boundary line                   -          HEAD
#   LINE      "--"                                          END        AFTER
#   HEAD      fields up to the empty line                   PART       CONTENT
#   CONTENT   some of the part's content                    DATA       CONTENT
#   CONTENT   a line end and the boundary                   PART_END   LINE
#   AFTER     anything                                      -          AFTER
#   any       not enough                                    NEED       the same
#   any       not multipart, or over a limit                -status (an HTTP status) the parser is of no more use
# Between two pieces it keeps a part's head, or as many bytes as a boundary has: memory does not depend on what is sent.
# Pieces of content are cut as the bytes came; everything else does not depend on that.
from ..core import utf8
from ..core.buffer import Buffer
from .char_classes import all_in
from .disposition import read_disposition
from .head import text

_NEED = const(0)
_PART = const(1)
_DATA = const(2)
_PART_END = const(3)
_END = const(4)

_BEFORE = const(0)
_LINE = const(1)
_HEAD = const(2)
_CONTENT = const(3)
_AFTER = const(4)

_CR = const(13)
_BLANKS = const(64)  # bytes that a boundary line may have behind the boundary


class Parser:
    """One body. `boundary` is the parameter of its Content-Type; a part's head may have `head_limit` bytes, the body `parts` parts, and all
    parts that are no files `field_limit` bytes together. Raises ValueError if that can't be a boundary.

    Heads are read as real clients write them: lines may be folded, and values may have any byte. Name and filename are UTF-8.

    After PART `name`, `filename` (None: it is no file) and `type` are the part's; `header(name)` has its other fields until the next
    call of `parse`.
    """

    state = _BEFORE
    name = filename = type = None
    fields = ()  # of the part's head: (name in lower case, value as bytes)
    is_plain = True  # the part's content is not encoded
    looked_at = 0  # bytes of a head that is not complete: its whole lines

    def __init__(self, boundary, head_limit=2048, parts=128, field_limit=4096):
        if not boundary or len(boundary) > 70:
            raise ValueError("boundary %r: want 1 to 70 characters" % boundary)
        self.mark = b"\r\n--" + boundary.encode()
        self.buf = Buffer(bytearray(640))
        self.buf.append(b"\r\n", 2)  # the first boundary may be the first line
        self.head_limit = head_limit
        self.parts = parts
        self.field_limit = field_limit
        self.at = self.end = 0  # where the content of DATA is

    def feed(self, piece):
        """Take bytes-like `piece`, a copy. Only when `parse` has said NEED."""
        self.buf.append(piece, len(piece))

    def view(self):
        """The content that DATA has found: a memoryview, valid until the next `parse`."""
        return memoryview(self.buf.data)[self.at : self.end]

    def header(self, name, default=None):
        """The value of the part's field of this name, in any case: str, UTF-8, or Latin-1 where it is not that. Else `default`."""
        value = self._value(name.lower(), None)
        return default if value is None else text(value).strip(" \t")

    def parse(self):
        """The next event, or minus an HTTP status."""
        ev = None
        while ev is None:
            if self.state == _LINE:
                ev = self._end_line()
            elif self.state == _HEAD:
                ev = self._read_head()
            elif self.state == _AFTER:
                self.buf.clear()
                ev = _NEED
            else:
                ev = self._find_mark()
        return ev

    # Each of these returns an event, or None if there is none yet and the state has changed.

    def _end_line(self):
        # Blanks may follow a boundary (section 5.1.1), and nothing else: it would be content that looks like one.
        buf = self.buf
        line = bytes(memoryview(buf.data)[buf.start : min(buf.end, buf.start + _BLANKS)])
        rest = line.lstrip(b" \t")
        if line[:2] == b"--":
            self.state = _AFTER
            return _END
        if rest[:2] == b"\r\n":
            buf.start += len(line) - len(rest) + 2
            self.state = _HEAD
            return None
        return _NEED if len(line) < _BLANKS and (rest == b"\r" or not rest or line == b"-") else -400

    def _read_head(self):
        # Line by line, up to the empty one.
        buf = self.buf
        at = buf.start
        while True:
            end = buf.data.find(b"\n", at + self.looked_at, buf.end)
            if end - at >= self.head_limit or end < 0 and buf.end - at >= self.head_limit:
                return -431
            if end < 0:
                return _NEED
            if buf.data[end - 1] != _CR:
                return -400
            line = self.looked_at
            self.looked_at = end + 1 - at
            if end - 1 - at == line:
                break
        buf.start = end + 1
        self.looked_at = 0
        self.state = _CONTENT
        self.parts -= 1
        if self.parts < 0:
            return -413
        return _PART if self._read_fields(bytes(memoryview(buf.data)[at : end - 1])) else -400 if self.is_plain else -415

    def _read_fields(self, head):
        # Find out what the part is; False if it can't be one.
        fields = self.fields = []
        for line in head.split(b"\r\n")[:-1]:
            name, colon, value = line.partition(b":")
            if line[0] in b" \t" and fields:  # a line that was folded (RFC 5322 section 2.2.3)
                fields[-1] = fields[-1][0], fields[-1][1] + line
            elif name and colon and all_in(name, 1):
                fields.append((name.decode().lower(), value))
            else:
                return False
        try:
            kind, self.name, self.filename = read_disposition(utf8.text(self._value("content-disposition")))
        except ValueError:
            return False
        self.type = self.header("content-type")
        self.is_plain = self.header("content-transfer-encoding", "").lower() in ("", "7bit", "8bit", "binary")
        return kind == "form-data" and self.name is not None and self.is_plain

    def _value(self, name, default=b""):
        for field, value in self.fields:
            if field == name:
                return value
        return default

    def _find_mark(self):
        # The content, or what comes before the first part, up to the boundary.
        buf = self.buf
        at = buf.start
        end = buf.data.find(self.mark, at, buf.end)
        if end == at:
            buf.start += len(self.mark)
            is_part = self.state == _CONTENT
            self.state = _LINE
            return _PART_END if is_part else None
        if end < 0:
            # A boundary may have begun at the last CR, since it has no other; in front of that there is none.
            end = buf.data.rfind(b"\r", max(at, buf.end - len(self.mark) + 1), buf.end)
            if end < 0:
                end = buf.end
        if end == at:
            return _NEED
        buf.start = end
        if self.state != _CONTENT:
            return None
        self.at = at
        self.end = end
        if self.filename is None:
            self.field_limit -= end - at
            if self.field_limit < 0:
                return -413
        return _DATA
