def parse(url, name):
    """Split `name://host:port[/...]` into `(host, port)`.

    The host may be empty (any address), an IPv4 address, `[an IPv6 address]` or `localhost`. Other names need a resolver, which would
    block the loop: ValueError, as for everything else that is not such a URL.
    """
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition("/")[0].rpartition(":")
    if host == "localhost":
        host = "127.0.0.1"
    # (A name has no colon.)
    if scheme != name or not port.isdigit() or int(port) > 65535 or host.strip(".0123456789") and ":" not in host:
        raise ValueError("%r: want %s://host:port" % (url, name))
    return host.strip("[]") or "0.0.0.0", int(port)
