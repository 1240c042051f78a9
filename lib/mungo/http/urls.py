# URLs as clients use them (RFC 3986): what to connect to and to ask for, and where a redirect leads.
from .char_classes import all_in


def is_secure(url):
    """Whether this URL wants TLS."""
    return url.partition(":")[0].lower() in ("https", "wss")


def split_url(url, scheme="http", tls=None):
    """("host:port", "/path?query") of a URL "http://host:port/path?query#fragment"; without a port it is 80. With a Tls, also of
    "https://host:port/path"; there it is 443. Raises ValueError for another scheme, for a URL without a host, and for one with a user or a
    password."""
    port = "80"
    if tls and is_secure(url):
        scheme += "s"
        port = "443"
    start = scheme + "://"
    rest = url.partition("#")[0][len(start) :]
    host = rest.partition("/")[0].partition("?")[0]
    target = rest[len(host) :]
    if url[: len(start)].lower() != start or host[:1] in ":" or "@" in host:
        raise ValueError("%r: want %shost:port/path, no user, and for TLS tls=mungo.Tls(..)" % (url, start))
    if ":" not in host.split("]")[-1]:
        host += ":"
    if host[-1] == ":":
        host += port
    return host, target if target[:1] == "/" else "/" + target


def host_field(host, tls=None):
    """What Host says for this "host:port": the default port is left out (RFC 9110 section 4.2.3)."""
    port = ":443" if tls else ":80"
    return host[: -len(port)] if host.endswith(port) else host


def join_url(host, target, location, scheme="http"):
    """The URL that `location` means in a response of `host` to `target`, RFC 3986 section 5.2. What can't stand in a URL, such as blanks
    and characters beyond ASCII, is percent-encoded."""
    location = "".join([chr(byte) if byte == 35 or all_in((byte,), 4) else "%%%02X" % byte for byte in location.encode()])
    path, hash, fragment = location.partition("#")
    path, mark, query = path.partition("?")
    start = scheme + "://" + host
    other, colon, rest = path.partition(":")
    if other and colon and "/" not in other:
        if rest[:1] != "/":
            return location
        start = other + ":"
        path = rest
    elif path[:2] == "//":
        start = scheme + ":"
    elif path[:1] != "/":
        base, base_mark, base_query = target.partition("?")
        if path:
            path = base[: base.rfind("/") + 1] + path
        else:
            path = base
            if not mark:
                mark = base_mark
                query = base_query
    if path[:2] == "//" and start[-1] == ":":
        host, slash, path = path[2:].partition("/")
        start += "//" + host
        path = slash + path
    parts = []
    part = ""
    for part in path.split("/")[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    if part in ("..", "."):
        parts.append("")
    return start + "".join(["/" + part for part in parts]) + mark + query + hash + fragment
