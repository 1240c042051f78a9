import socket


def address(raw):
    """The text "host:port" of a socket address from `accept` or `recvfrom`: packed bytes on the unix port, a tuple elsewhere."""
    if isinstance(raw, (tuple, list)):
        return "%s:%d" % tuple(raw[:2])
    family, ip, port = socket.sockaddr(raw)[:3]  # pyright: ignore[reportAttributeAccessIssue]  # only the unix port has them
    return "%s:%d" % (socket.inet_ntop(family, ip), port)  # pyright: ignore[reportAttributeAccessIssue]
