# A name server that gives every name the board's address, so every page that a phone opens on the board's own network leads to the
# portal. RFC 1035; RFC 8910 describes captive portals.
_EV_READ = const(7)

_MOST = const(512)  # bytes of a query
_A = const(1)
_ANY = const(255)
_IN = const(1)

_TTL = b"\x00\x00\x00\x00"  # seconds: the phone must not keep the answer for its next network


def answer(query, ip):
    """The answer to a DNS query, as bytes: `ip` (4 bytes) for a query of an address, no records for any other type.

    `query` is the datagram, as bytes. Returns None if it is not a well-formed query with exactly one question.
    """
    n = len(query)
    # QR and the opcode must be 0, with one question and no answers.
    if not 17 <= n <= _MOST or query[2] & 0xF8 or query[4:8] != b"\x00\x01\x00\x00":
        return None
    at = 12
    while at < n and query[at]:
        if query[at] > 63:  # a pointer or a reserved label type
            return None
        at += query[at] + 1
    if at + 5 > n or at > 12 + 254:
        return None
    kind = query[at + 1] << 8 | query[at + 2]
    is_known = kind in (_A, _ANY) and query[at + 3] << 8 | query[at + 4] == _IN
    # QR, AA, RA, and RD as in the query. Anything after the question (EDNS) is left out.
    head = query[:2] + bytes((0x84 | query[2] & 1, 0x80)) + b"\x00\x01" + (b"\x00\x01" if is_known else b"\x00\x00") + bytes(4)
    out = head + query[12 : at + 5]
    if is_known:
        out += b"\xc0\x0c\x00\x01\x00\x01" + _TTL + b"\x00\x04" + ip
    return out


def handler(c, ev, data, ip):
    """The handler of the name server's UDP socket; fn_data is the board's address (4 bytes)."""
    if ev == _EV_READ:
        reply = answer(data, ip)
        if reply is not None:
            c.send(reply)


def is_address(host):
    """Whether `host` is an address such as "10.0.0.7"."""
    parts = host.split(".")
    return len(parts) == 4 and all([part.isdigit() and int(part) < 256 for part in parts])


def packed(address):
    """An address such as "10.0.0.7" as four bytes."""
    return bytes([int(part) for part in address.split(".")])
