def parse(url, schemes):
    """Split `scheme://host:port[/...]`, one of `schemes`, into `(scheme, host, port)`.

    The host may be empty (any address), a number with dots, `[an IPv6 address]` or `localhost`. Other names need a resolver,
    which would block the loop: ValueError, as for everything else that is not such a URL.
    """
    scheme, _, rest = url.partition("://")
    rest = rest.partition("/")[0]
    at = rest.rfind(":")
    host = rest[: max(at, 0)]
    digits = rest[at + 1 :]
    if scheme not in schemes or at < 0 or not digits.isdigit() or int(digits) > 65535:
        raise ValueError("URL %r: want %s://host:port, port 0 to 65535" % (url, " or ".join(schemes)))
    if host == "localhost":
        host = "127.0.0.1"
    elif host[:1] == "[" and host[-1:] == "]":
        host = host[1:-1]
    elif not host:
        host = "0.0.0.0"
    elif not host.replace(".", "").isdigit():
        raise ValueError("URL %r: the host must be an address: looking up a name would block the loop" % url)
    return scheme, host, int(digits)
