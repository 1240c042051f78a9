def parse(url, names):
    """Split `scheme://host:port[/...]`, one of `names`, into `(scheme, host, port)`.

    The host may be empty (any address), a number with dots, `[an IPv6 address]` or `localhost`. Other names need a resolver,
    which would block the loop: ValueError, as for everything else that is not such a URL.
    """
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition("/")[0].rpartition(":")
    if scheme not in names or not port.isdigit() or int(port) > 65535:
        raise ValueError("%r: want %s://host:port" % (url, "/".join(names)))
    if host == "localhost":
        host = "127.0.0.1"
    elif host.strip("[]:.0123456789abcdefABCDEF"):
        raise ValueError("%r: no name, to look it up would block" % url)
    return scheme, host.strip("[]") or "0.0.0.0", int(port)
