# A name server that knows one answer: every name is this board. So whatever a phone asks for on the board's own network, it finds the
# portal. RFC 1035; RFC 8910 tells of networks that want something first.
_EV_READ = const(7)

_MOST = const(512)  # bytes of a question
_A = const(1)
_ANY = const(255)
_IN = const(1)

_TTL = b"\x00\x00\x00\x00"  # seconds: in its next network the phone must not remember


def answer(query, ip):
    """The answer (bytes) to `query` (bytes): for an address `ip` (4 bytes), for anything else that the name has no such record. None if
    it is no question, or not one that a phone would ask."""
    n = len(query)
    # One question, no answers; QR and the opcode are 0.
    if not 17 <= n <= _MOST or query[2] & 0xF8 or query[4:8] != b"\x00\x01\x00\x00":
        return None
    at = 12
    while at < n and query[at]:
        if query[at] > 63:  # a pointer, or what never came into use
            return None
        at += query[at] + 1
    if at + 5 > n or at > 12 + 254:
        return None
    kind = query[at + 1] << 8 | query[at + 2]
    is_known = kind in (_A, _ANY) and query[at + 3] << 8 | query[at + 4] == _IN
    # QR, AA, and RD as it came; RA. What follows the question (EDNS) is left out.
    head = query[:2] + bytes((0x84 | query[2] & 1, 0x80)) + b"\x00\x01" + (b"\x00\x01" if is_known else b"\x00\x00") + bytes(4)
    out = head + query[12 : at + 5]
    if is_known:
        out += b"\xc0\x0c\x00\x01\x00\x01" + _TTL + b"\x00\x04" + ip
    return out


def handler(c, ev, data, ip):
    """The handler of the name server's UDP socket; its fn_data is the address."""
    if ev == _EV_READ:
        reply = answer(data, ip)
        if reply is not None:
            c.send(reply)


def packed(address):
    """The four bytes of "10.0.0.7"."""
    return bytes([int(part) for part in address.split(".")])
