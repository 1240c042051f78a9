"""What the targets share: an input in pieces, as a network may cut it, and buffers whose old bytes are of no use any more.

The first three bytes of such an input say how it is cut. So one run is two parses, and it is the fuzzer that finds the cuts that matter.
"""

from mungo.core.buffer import Buffer


def parts_of(data):
    """(the input without what says how to cut it, its parts)."""
    how = data[:3]
    data = data[3:]
    if not how or not how[0] & 15:
        return data, [data[at : at + 1] for at in range(len(data))]
    parts = []
    at = 0
    for n in how:
        end = at + n % 40 + 1
        if end >= len(data):
            break
        parts.append(data[at:end])
        at = end
    parts.append(data[at:])
    return data, parts


def moved(buf):
    """As in the loop: what is left is in a buffer of its own, and other connections' bytes come to where it was."""
    rest = buf.read()
    if buf.data:
        buf.data[:] = b"?" * len(buf.data)
    return Buffer(bytearray(rest), len(rest))


def same(whole, cut):
    """The events of both are equal."""
    if whole != cut:
        raise AssertionError("cut: %r\nwhole: %r" % (cut, whole))
