# Names without a name server (RFC 6762), and services without a list of them (RFC 6763): what devices nearby know of each other. In here is
# what asks, and what both sides need; responder.py answers.
#
# A key is what a question consists of: a name, as dns/packets.py has it (labels in lower case, each behind its length) and with the empty
# label at its end; a type; and a class, without its uppermost bit, which says something else.
import socket

from ..dns.packets import number, read_name

_EV_READ = const(7)

_MOST = const(32)  # services found
_PTR = const(12)
_SRV = const(33)


def read(data):
    """Yield (section, key, seconds, value) of each question (section 0) and record (1 to 3) of a packet.

    Names in values are written out. ValueError or IndexError when there comes one that is malformed.
    """
    at = 12
    for section in range(4):
        for _ in range(number(data, 4 + 2 * section, 2)):
            name, at = read_name(data, at)
            start = at = at + 4
            key = name + b"\0" + data[at - 4 : at - 2] + bytes((data[at - 2] & 127, data[at - 1]))
            seconds = kind = 0
            if section:
                kind = key[-3]
                seconds = number(data, at, 4)
                start = at + 6
                at = start + number(data, at + 4, 2)
            if at > len(data):
                raise ValueError
            value = data[start:at]
            if kind == _PTR or kind == _SRV:
                n = 6 if kind == _SRV else 0
                name, end = read_name(data, start + n)
                if end != at:
                    raise ValueError
                value = value[:n] + name + b"\0"
            yield section, key, seconds, value


def is_whole(data):
    """Whether a packet has what its head says, and is a question, or an answer without an error."""
    try:
        for _ in read(data):
            pass
        return not (data[2] & 0x78 or data[3] & 15)
    except (ValueError, IndexError):
        return False


def pack(texts):
    """Each text as bytes, behind its length. ValueError beyond 255 bytes."""
    data = b""
    for text in texts:
        text = text.encode()
        data += bytes((len(text),)) + text
    return data


def open_socket(mgr, address, handler, port):
    """A connection to `group`, all that listen. At `port` 5353 it gets what they send, else what is sent to it. OSError if it is taken."""
    c = mgr.listen("udp://:%d" % port, handler)
    try:
        c.peer = c.group = socket.getaddrinfo("224.0.0.251", 5353)[0][-1]
        c.own = own = bytes([int(part) for part in address.split(".")])
        option = c.sock.setsockopt
        option(0, 33, 255)  # IP_MULTICAST_TTL
        option(0, 32, own)  # IP_MULTICAST_IF
        if port:
            option(0, socket.IP_ADD_MEMBERSHIP, b"\xe0\0\0\xfb" + own)
        return c
    except Exception:
        c.is_closing = True
        raise


def query(mgr, name, fn, address, ms=1000):
    """Ask all nearby for the address of "kitchen.local", or for who offers the service "_http._tcp.local".

    After `ms`, or as soon as the address is known, comes `fn(found)` with a list of (name, address, port, text): str, str, int, and the
    service's properties in bytes, each behind its length. `address` is this device's own. OSError if there is no socket left.
    """
    is_service = name[0] == "_"
    key = pack(name.lower().split(".")) + (b"\0\0\x0c\0\1" if is_service else b"\0\0\1\0\1")
    found = []

    def ask(_):
        c.peer = c.group
        c.send(b"\0\0\0\0\0\1\0\0\0\0\0\0" + key)

    def end(_):
        nonlocal fn
        if fn:
            c.is_closing = True
            tell = fn
            fn = None
            tell(found)

    def event(c, ev, data, _):
        if ev != _EV_READ or not is_whole(data) or data[2] < 128:
            return
        records = {}
        names = []
        for _, at, _, value in read(data):
            records[at] = value
            if at == key and value:
                names.append(value)
        for value in names:
            port = 0
            text = b""
            name = key
            if is_service:
                name = value
                text = records.get(name + b"\0\x10\0\1", text)
                service = records.get(name + b"\0\x21\0\1", b"")
                port = number(service, 4, 2)
                value = records.get(service[6:] + b"\0\1\0\1", b"")
            try:
                one = str(name[1 : 1 + name[0]], "utf-8"), "%d.%d.%d.%d" % tuple(value), port, text
            except (TypeError, ValueError):  # no UTF-8, or no address
                continue
            if one not in found and len(found) < _MOST:
                found.append(one)
        if found and not is_service:
            end(None)

    c = open_socket(mgr, address, event, 0)
    try:
        ask(None)
        mgr.timer(ms, end)
        mgr.timer(ms // 3, ask)
    except Exception:  # no timer, or no memory
        fn = None
        c.is_closing = True
        raise
