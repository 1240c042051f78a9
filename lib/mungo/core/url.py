def parse(url, name):
    """Split `name://host:port[/...]` into `(host, port)`, for example `parse("tcp://10.0.0.7:80", "tcp")`.

    The host is empty (any address), an IPv4 address, `[an IPv6 address]` or `localhost`. Raises ValueError for another scheme than
    `name`, for a port that is no number up to 65535, and for other host names: looking one up would block the loop.
    """
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition("/")[0].rpartition(":")
    if host == "localhost":
        host = "127.0.0.1"
    # (A name has no colon.)
    if scheme != name or not port.isdigit() or int(port) > 65535 or host.strip(".0123456789") and ":" not in host:
        raise ValueError("%r: want %s://host:port" % (url, name))
    return host.strip("[]") or "0.0.0.0", int(port)
