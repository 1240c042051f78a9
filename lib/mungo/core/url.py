def parse(url, name, resolve=False):
    """Split `name://host:port[/...]` into `(host, port)`, for example `parse("tcp://10.0.0.7:80", "tcp")`.

    The host is empty (any address), an IPv4 address, `[an IPv6 address]` or `localhost`. Raises ValueError for another scheme than
    `name`, for a port that is no number up to 65535, for a user or a password, and for other hosts, unless a name is to `resolve`.
    """
    scheme, _, rest = url.partition("://")
    rest = rest.partition("/")[0]
    host, _, port = rest.rpartition(":")
    wrong = None
    if scheme != name:
        wrong = "another scheme"
    elif "@" in rest:
        wrong = "a user or a password"
    elif not port or port.strip("0123456789") or int(port) > 65535:
        wrong = "no port from 0 to 65535"
    elif host.lower() == "localhost":
        host = "127.0.0.1"
    elif host and not is_address(host) and (not resolve or ":" in host):
        wrong = "the host is no address"
    if wrong:
        raise ValueError("%r: %s; want %s://address:port" % (url, wrong, name))
    return host.strip("[]") or "0.0.0.0", int(port)


def is_address(host):
    """Whether this is an IPv4 address, or looks like an IPv6 address in brackets."""
    if host[0] == "[":
        address = host[1:].partition("%")[0].rstrip("]")  # (%: the zone of a link-local one)
        return host[-1] == "]" and ":" in address and not address.strip("0123456789abcdefABCDEF:.")
    numbers = host.split(".")
    for number in numbers:
        if not number or number.strip("0123456789") or int(number) > 255:
            return False
    return len(numbers) == 4
