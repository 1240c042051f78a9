# WebSocket frames, RFC 6455 section 5: bytes in, messages out, no socket here.
#
# `parse(buf)` takes what is in a Buffer and says what it found. Rules:
#   state       bytes                                    event    next state
#   HEAD        a control frame, whole                   CTL      HEAD
#   HEAD        the head of a data frame, whole          -        PAYLOAD
#   PAYLOAD     some of it                               NEED     PAYLOAD
#   PAYLOAD     all of it, and the message goes on       -        HEAD
#   PAYLOAD     all of it, the message's last            MSG      HEAD
#   any         not enough                               NEED     the same
#   any         not WebSocket                            -code (of the Close frame, section 7.4) the connection is of no more use
# A head is judged when it is whole or wrong, so the events do not depend on how the bytes are cut. What is masked is unmasked where it
# lies; a message that is whole in the buffer is copied once, of others the pieces are collected.
from .buffer import Buffer

try:
    from .mask_viper import mask, text
except (ImportError, AttributeError, SyntaxError, ValueError):  # no such compiler, or another architecture's .mpy
    from .mask import mask, text

_NEED = const(0)
_MSG = const(1)
_CTL = const(2)

_CLOSE = const(8)  # opcodes: 0 more of a message, 1 text, 2 binary, 8 close, 9 ping, 10 pong

_MASKED = const(128)


class Frames:
    """The frames that one side sends. `masks` is 128 if that is the client, else 0; messages have at most `limit` bytes."""

    op = 0  # of the message under way
    left = 0  # bytes of the frame that are still to come
    is_last = True  # it ends the message
    parts = None  # what there is of the message
    data: object = None  # the MSG, str or bytes, or the bytes of the CTL
    control = 0  # whose opcode this is

    def __init__(self, limit, masks):
        self.limit = limit
        self.masks = masks
        self.key = bytearray(4)

    def parse(self, buf):
        """What comes next in `buf`, an event, or minus the code of a Close frame. What was found is in `data`."""
        while True:
            if not self.left:
                ev = self.head(buf)
                if ev != _MSG:
                    return ev
            n = min(self.left, buf.end - buf.start)
            self.left -= n
            view = self.take(buf, n)
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
            ev = self.op
            self.op = 0
            if ev > 1:
                self.data = bytes(view)
            elif not self.decode(view):
                return -1007
            return _MSG

    def head(self, buf):
        """Take the head of a data frame: MSG; or a whole control frame: CTL; NEED, or minus a code."""
        data = buf.data
        at = buf.start + 2
        if at > buf.end:
            return _NEED
        op = data[at - 2] & 15
        n = data[at - 1] & 127
        if data[at - 2] & 0x70 or data[at - 1] & 128 != self.masks:
            return -1002
        if op > 7:
            if op > 10 or n > 125 or data[at - 2] < 128:
                return -1002
        elif op > 2 or (op > 0) == (self.op > 0):
            return -1002
        if n > 125:
            wide = 2 if n == 126 else 8
            if at + wide > buf.end:
                return _NEED
            at += wide
            n = int.from_bytes(memoryview(data)[at - wide : at], "big")
            if n < (126 if wide == 2 else 65536) or n >> 63:  # there is a shorter way to say it
                return -1002
        if op <= 7 and n + (self.parts.end if self.parts else 0) > self.limit:
            return -1009
        if self.masks:
            at += 4
        if at + (n if op > 7 else 0) > buf.end:
            return _NEED
        if self.masks:
            self.key[:] = data[at - 4 : at]
        if op <= 7:
            self.is_last = data[buf.start] > 127
            self.op = op or self.op
            self.left = n
            buf.consume(at - buf.start)
            return _MSG
        buf.consume(at - buf.start)
        self.control = op
        self.data = data = bytes(self.take(buf, n))
        if op == _CLOSE and n:
            if n < 2 or not is_code(data[0] << 8 | data[1]):
                return -1002
            if not self.decode(memoryview(data)[2:]):
                return -1007
            self.data = data
        return _CTL

    def take(self, buf, n):
        """The next `n` bytes, unmasked: a view that is valid until the buffer is used again."""
        at = buf.start
        if self.masks:
            mask(buf.data, at, at + n, self.key)
        buf.consume(n)
        return memoryview(buf.data)[at : at + n]

    def decode(self, view):
        """Have the text `view` in `data`. False if it is not UTF-8."""
        try:
            self.data = text(view)
        except ValueError:
            return False
        return True


def is_code(code):
    """Whether a Close frame may have this code (section 7.4, and what is registered since)."""
    return 1000 <= code < 1015 and code not in (1004, 1005, 1006) or 3000 <= code < 5000


def frame(first, data, key=None):
    """A frame as bytes: `first` is its first byte, the opcode, plus 128 if it ends the message; `data` is bytes-like; masked with `key`, a
    bytearray, if there is one."""
    if key is None:
        return head(first, len(data), 0) + data
    made = bytearray(head(first, len(data), _MASKED) + key)
    n = len(made)
    made.extend(data)
    mask(made, n, len(made), key)
    return made


def head(first, n, masked):
    """What stands before the key and the payload of `n` bytes."""
    if n < 126:
        return bytes((first, masked | n))
    if n < 65536:
        return bytes((first, masked | 126, n >> 8, n & 255))
    return bytes((first, masked | 127)) + n.to_bytes(8, "big")
