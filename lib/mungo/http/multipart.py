# multipart/form-data (RFC 7578, RFC 2046 section 5.1): bytes in, events out, no file and no socket here.
#
# `feed` the bytes as they come, then ask `parse` until it says NEED. Rules:
#   state     bytes                                         event      next state
#   BEFORE    up to the first boundary line                 -          LINE
#   LINE      the rest of a boundary line                   -          HEAD
#   LINE      "--"                                          END        AFTER
#   HEAD      fields up to the empty line                   PART       DATA
#   DATA      some of the part's content                    DATA       DATA
#   DATA      a line end and the boundary                   PART_END   LINE
#   AFTER     anything                                      -          AFTER
#   any       not enough                                    NEED       the same
#   any       not multipart, or over a limit                -status (an HTTP status) the parser is of no more use
# What is kept between two pieces is at most a part's head, or the length of the boundary: memory does not depend on what is sent.
# Pieces of content are cut as the bytes came; everything else does not depend on that.
from ..core.buffer import Buffer
from .head import find_field
from .scan import fields_table, scan

_NEED = const(0)
_PART = const(1)
_DATA = const(2)
_PART_END = const(3)
_LAST = const(4)

_BEFORE = const(0)
_LINE = const(1)
_PART_HEAD = const(2)
_CONTENT = const(3)
_AFTER = const(4)


def parameter(value, name):
    """The parameter `name` (in lower case) of a field's value like `form-data; name="a"`, as str; None if it is not there.

    RFC 9110 section 5.6.6, save that a backslash is one unless a quote follows: old browsers send paths.
    """
    at = value.find(";")
    while at >= 0:
        end = value.find("=", at)
        if end < 0:
            return
        found = value[at + 1 : end].strip().lower()
        at = end + 1
        this = ""
        if value[at : at + 1] == '"':
            is_open = 1
            while is_open:
                at += 1
                end = value.find('"', at)
                if end < 0:
                    return
                piece = value[at:end]
                is_open = len(piece) - len(piece.rstrip("\\")) & 1
                this += piece[:-1] + '"' if is_open else piece
                at = end
            end = value.find(";", at)
        else:
            end = value.find(";", at)
            this = value[at : end if end >= 0 else len(value)].strip()
        if found == name:
            return this
        at = end


class Parser:
    """One body. `boundary` is what its Content-Type says; a part's head may have `head_limit` bytes, the body `parts` parts, and all
    parts that are no files `field_limit` bytes together. ValueError if that can't be a boundary.

    After PART `name`, `filename` (None: it is no file) and `type` are the part's; `header(name)` has its other fields until the next
    call of `parse`.
    """

    state = _BEFORE
    data = b""  # where the part's fields are, from
    fields_at = 0
    name = filename = type = None
    size = 0  # of a head that was looked at and is not whole

    def __init__(self, boundary, head_limit=1024, parts=16, field_limit=4096):
        if not boundary or len(boundary) > 70:
            raise ValueError("boundary %r: want 1 to 70 characters" % boundary)
        self.mark = b"\r\n--" + boundary.encode()
        self.buf = Buffer(bytearray(640))
        self.buf.append(b"\r\n", 2)  # the first boundary may be the first line
        self.tab = fields_table(head_limit)
        self.head_limit = head_limit
        self.parts = parts
        self.field_limit = field_limit
        self.at = self.end = 0

    def feed(self, piece):
        """Take bytes-like `piece`, a copy. Only when `parse` has said NEED."""
        self.buf.append(piece, len(piece))

    def view(self):
        """The content that DATA has found: a memoryview, valid until the next `parse`."""
        return memoryview(self.buf.data)[self.at : self.end]

    def header(self, name, default=None):
        """The value of the part's field of this name, in any case; else `default`."""
        return find_field(self.data, self.fields_at, name, default)

    def parse(self):
        """The next event."""
        buf = self.buf
        while True:
            at = buf.start
            n = buf.end - at
            if self.state == _LINE:
                # Blanks may follow a boundary (section 5.1.1), and nothing else: it would be content that looks like one.
                data = bytes(memoryview(buf.data)[at : min(buf.end, at + 64)])
                rest = data.lstrip(b" \t")
                if data[:2] == b"--":
                    self.state = _AFTER
                    return _LAST
                if rest[:2] == b"\r\n":
                    buf.start += len(data) - len(rest) + 2
                    self.state = _PART_HEAD
                elif n < 64 and (rest == b"\r" or not rest or data == b"-"):
                    return _NEED
                else:
                    return -400
            elif self.state == _PART_HEAD:
                # (Looked at before: only another line, or too much, makes it worth another look.)
                if n < self.head_limit and buf.data.find(b"\n", at + self.size, buf.end) < 0:
                    self.size = n
                    return _NEED
                end = scan(buf.data, at, buf.end, self.tab)
                if end <= 0:
                    self.size = n
                    return end
                return self._begin(at, end)
            elif self.state == _AFTER:
                buf.clear()
                return _NEED
            else:
                end = buf.data.find(self.mark, at, buf.end)
                if end == at:
                    buf.start += len(self.mark)
                    self.size = 0
                    was = self.state
                    self.state = _LINE
                    if was == _CONTENT:
                        return _PART_END
                    continue
                if end < 0:
                    # A boundary may have begun at the last CR, since it has no other; in front of that there is none.
                    end = buf.data.rfind(b"\r", max(at, buf.end - len(self.mark) + 1), buf.end)
                    if end < 0:
                        end = buf.end
                if end == at:
                    return _NEED
                buf.start = end
                if self.state == _CONTENT:
                    self.at = at
                    self.end = end
                    if self.filename is None:
                        self.field_limit -= end - at
                        if self.field_limit < 0:
                            return -413
                    return _DATA

    def _begin(self, at, end):
        self.data = self.buf.data
        self.fields_at = at
        self.buf.start = end
        self.size = 0
        self.state = _CONTENT
        self.parts -= 1
        if self.parts < 0:
            return -413
        value = self.header("content-disposition", "")
        self.name = parameter(value, "name")
        self.filename = parameter(value, "filename")
        self.type = self.header("content-type")
        if self.name is None or value.partition(";")[0].strip().lower() != "form-data":
            return -400
        return _PART
