# WebSocket frames, RFC 6455 section 5: bytes in, messages out, no socket here.
#
# `parse(buf)` takes what is in a Buffer and says what it found. Rules:
#   state       bytes                                    event    next state
#   HEAD        a control frame, whole                   opcode   HEAD
#   HEAD        the head of a data frame, whole          -        PAYLOAD
#   PAYLOAD     some of it                               NEED     PAYLOAD
#   PAYLOAD     all of it, and the message goes on       -        HEAD
#   PAYLOAD     all of it, the message's last            MSG      HEAD
#   any         not enough                               NEED     the same
#   any         not WebSocket                            -code (of a Close frame, section 7.4) the connection is of no more use
# A head is judged when it is whole or wrong, so the events do not depend on how the bytes are cut. Payloads are unmasked in the buffer. A
# message that is whole in the buffer is copied once; of others the pieces are collected.
from ..core.buffer import Buffer
from ..core.holding import hold, release

try:
    from .mask_viper import mask, text
except (ImportError, AttributeError, SyntaxError, ValueError):  # no such compiler, or another architecture's .mpy
    from ..core.utf8 import text
    from .mask import mask

_NEED = const(0)
_MSG = const(1)

# Opcodes: 0 more of a message, 1 text, 2 binary, 8 close, 9 ping, 10 pong
_CODES = const(0x7F8F)  # those from 1000 on that a Close frame may have: not 1004, 1005, 1006, 1015


class Frames:
    """The frames that one side sends. `masks` is 128 if that side is the client, else 0; messages have at most `limit` bytes, and those
    that come in pieces count among the `shared_bytes` of `mgr`, if it is given."""

    op = 0  # of the message under way
    left = 0  # bytes of the frame that are still to come
    is_last = True  # it ends the message
    parts = None  # a Buffer with the message's pieces so far
    data: object  # of the MSG, str or bytes; of a control frame, bytes
    code = 1006  # of the Close frame: 1005 if it had none, 1006 if none has come
    held = 0  # see core/holding.py
    holder = None

    hold = hold
    release = release

    def __init__(self, limit, masks, mgr=None):
        self.mgr = mgr
        self.limit = limit
        self.masks = masks
        self.key = bytearray(4)

    def parse(self, buf):
        """What comes next in `buf`: NEED; MSG or a control frame's opcode, with the bytes in `data`; or minus the code of a Close frame."""
        try:
            while True:
                if not self.left:
                    ev = self.take_head(buf)
                    if ev != _MSG:
                        return ev
                n = min(self.left, buf.end - buf.start)
                self.left -= n
                view = self.unmasked(buf, n)
                if self.parts is not None or self.left or not self.is_last:
                    if self.parts is None:
                        self.parts = Buffer(bytearray(n + self.left))
                    self.parts.append(view, n)
                    if self.left:
                        return _NEED
                    if not self.is_last:
                        continue
                    view = memoryview(self.parts.data)[: self.parts.end]
                    self.parts = None
                    self.release()
                self.data = bytes(view) if self.op > 1 else text(view)
                self.op = 0
                return _MSG
        except ValueError:  # of `text`
            return -1007

    def take_head(self, buf):
        """Take the head of a data frame: MSG; or a whole control frame: its opcode; or NEED, or minus a code."""
        data = buf.data
        at = buf.start + 2
        if at > buf.end:
            return _NEED
        first = data[at - 2]
        op = first & 15
        n = data[at - 1] - self.masks
        if (
            first & 0x70
            or op & 7 > 2
            or not 0 <= n < 128
            or ((n > 125 or first < 128) if op > 7 else (op > 0) == (self.op > 0))
        ):
            return -1002
        wide = 0 if n < 126 else 2 if n == 126 else 8
        at += wide + self.masks // 32  # and the key's four bytes
        if at + (n if op > 7 else 0) > buf.end:
            return _NEED
        if wide:
            n = int.from_bytes(memoryview(data)[buf.start + 2 : buf.start + 2 + wide], "big")
            if n < (126 if wide == 2 else 65536) or n >> 63:  # there is a shorter way to say it
                return -1002
        self.key[:] = data[at - 4 : at]  # (if there is none, it is not used)
        buf.consume(at - buf.start)
        if op <= 7:
            self.left = n
            if n + (self.parts.end if self.parts else 0) > self.limit:
                return -1009
            if self.mgr is not None and (n > buf.end - buf.start or first < 128 or self.parts) and not self.hold(self.mgr, n):
                return -1013
            self.is_last = first > 127
            self.op = op or self.op
            return _MSG
        self.data = bytes(self.unmasked(buf, n))
        if op == 8:
            self.code = int.from_bytes(self.data[:2], "big") if n else 1005
            if n and (n < 2 or not is_close_code(self.code)):
                self.code = 1002  # (1006 would say that none has come)
                return -1002
            text(memoryview(self.data)[2:])
        return op

    def unmasked(self, buf, n):
        """Take the next `n` bytes, unmasked: a view that is valid until the buffer is used again."""
        at = buf.start
        if self.masks:
            mask(buf.data, at, at + n, self.key)
        buf.consume(n)
        return memoryview(buf.data)[at : at + n]


def is_close_code(code):
    """Whether a Close frame may have this code (section 7.4, and what is registered since)."""
    return code >= 1000 and _CODES >> code - 1000 & 1 or 3000 <= code < 5000


def frame_head(first, n):
    """The head of an unmasked frame with a payload of `n` bytes; `first` is the opcode, plus 128 if the message ends with it."""
    if n < 126:
        return bytearray((first, n))
    wide = n > 65535
    return bytearray((first, 126 + wide)) + n.to_bytes(8 if wide else 2, "big")
