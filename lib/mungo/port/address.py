import socket


def address(raw):
    """The text, "host:port", of a socket address as `accept` and `recvfrom` give it: packed on the unix port, a tuple elsewhere."""
    if isinstance(raw, (tuple, list)):
        return "%s:%d" % tuple(raw[:2])
    family, ip, port = socket.sockaddr(raw)[:3]  # pyright: ignore[reportAttributeAccessIssue]  # the unix port alone has them
    return "%s:%d" % (socket.inet_ntop(family, ip), port)  # pyright: ignore[reportAttributeAccessIssue]
