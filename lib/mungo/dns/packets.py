# DNS messages (RFC 1035): bytes in, bytes out, no sockets.

_A = const(0x10001)  # types, with the class (IN) behind them
_CNAME = const(0x50001)
_SOA = const(0x60001)

_RECORDS = const(256)  # of one message that are looked at
_STEPS = const(160)  # labels and pointers of one name
_HOPS = const(8)  # CNAMEs of one chain
_ADDRESSES = const(8)  # of one answer
_FOREVER = const(0x7FFFFFFF)


def make_question(id, name, kind):
    """The packet that asks for the records of this `kind`, 1 (A) or 28 (AAAA), of `name`, which is in lower case. `id`: two bytes."""
    packet = id + b"\1\0\0\1\0\0\0\0\0\0"  # recursion is desired
    for label in name.split("."):
        packet += bytes((len(label),)) + label.encode()
    return packet + bytes((0, 0, kind, 0, 1))


def read_answer(data, packet):
    """What `data` (bytes) says to the question `packet`: (rcode, addresses as a tuple of str, for how many seconds that holds).

    An rcode of -1 says that the answer did not fit. A chain of CNAMEs is followed, whatever the order of its records. The seconds are the
    least of the records that led there; of a negative answer, those of RFC 2308 section 5, or 0. Returns None if it is no answer to this
    question, or malformed.
    """
    at = len(packet)
    if data[:2] + data[4:6] + data[12:at].lower() != packet[:2] + packet[4:6] + packet[12:] or data[2] & 248 != 128:
        return None
    if data[2] & 2:
        return -1, (), 0
    try:
        addresses, seconds = read_records(data, at, packet[12:-5], number(packet, at - 4, 4))
    except (ValueError, IndexError):
        return None
    return data[3] & 15, addresses, seconds


def read_records(data, at, name, wanted):
    """The addresses of `name` in the records from `at` on, and their seconds."""
    answers = number(data, 6, 2)
    aliases = {}
    found = []
    negative = 0
    for n in range(min(_RECORDS, answers + number(data, 8, 2))):
        owner, at = read_name(data, at)
        kind = number(data, at, 4)
        seconds = number(data, at + 4, 4)
        last = end = at + 10 + number(data, at + 8, 2)  # the record's end, also by what is in it
        at += 10
        if seconds > _FOREVER:  # RFC 2181 section 8
            seconds = 0
        if n >= answers:
            if kind == _SOA:
                last = max(end, at + 22)
                negative = min(seconds, number(data, end - 4, 4))
        elif kind == _CNAME:
            alias, last = read_name(data, at)
            aliases[owner] = alias, seconds
        elif kind == wanted:
            last = at + (4 if kind == _A else 16)
            found.append((owner, seconds, at))
        if last != end or end > len(data):
            raise ValueError
        at = end
    least = _FOREVER
    for _ in range(_HOPS):
        if name in aliases:
            name, seconds = aliases[name]
            least = min(least, seconds)
    addresses = []
    for owner, seconds, at in found:
        if owner == name:
            least = min(least, seconds)
            addresses.append(address(data, at, wanted))
    return tuple(addresses[:_ADDRESSES]), least if addresses else min(least, negative)


def read_name(data, at):
    """(the name at `at`: its labels in lower case, each behind its length; where it ends). ValueError and IndexError if there is none."""
    name = b""
    end = 0
    before = at  # a pointer leads to what is before the names that led to it, so there is no circle
    for _ in range(_STEPS):
        n = data[at]
        if n > 191:
            end = end or at + 2
            at = (n & 63) << 8 | data[at + 1]
            if at >= before:
                raise ValueError
            before = at
        elif not n:
            return name, end or at + 1
        elif n > 63 or len(name) + n > 253 or at + n >= len(data):
            break
        else:
            name += data[at : at + 1 + n].lower()
            at += 1 + n
    raise ValueError


def address(data, at, kind):
    """The address at `at` as str."""
    if kind == _A:
        return "%d.%d.%d.%d" % tuple(data[at : at + 4])
    return ":".join(["%x" % number(data, n, 2) for n in range(at, at + 16, 2)])


def number(data, at, n):
    """`n` bytes as a number."""
    return int.from_bytes(data[at : at + n], "big")
