# Host names and addresses as programs write them.
from .url import is_address, parse

_LETTERS = const("abcdefghijklmnopqrstuvwxyz0123456789-_")


def is_number(host):
    """Whether this is an IPv4 or IPv6 address."""
    if ":" not in host:
        return is_address(host)
    head, gap, tail = host.partition("%")[0].partition("::")  # (%: the zone of a link-local one)
    groups = (head.split(":") if head else []) + (tail.split(":") if tail else [])
    n = len(groups)
    if groups and "." in groups[-1] and is_address(groups[-1]):
        groups.pop()
        n += 1
    for group in groups:
        if not 0 < len(group) < 5 or group.strip("0123456789abcdefABCDEF"):
            return False
    return n < 8 if gap else n == 8


def host_name(text):
    """A host name, without a dot at its end, or an address, in lower case. ValueError for what is neither."""
    name = text.lower()
    if name[-1:] == ".":
        name = name[:-1]
    if not name or not is_number(name):
        label = ""
        is_good = len(name) < 254
        for label in name.split("."):
            is_good = is_good and 0 < len(label) < 64 and not label.strip(_LETTERS)
        if not is_good or not label.strip("0123456789"):  # (a number at the end means an address: RFC 1123 section 2.1)
            raise ValueError("%r: want a host name or an address" % text)
    return name


def server_urls(texts, port):
    """The URLs "udp://address:port" of servers: of a str or several, "10.0.0.1", "10.0.0.1:53", "fd00::1" or "[fd00::1]:53". The port may
    be left out. ValueError for others."""
    urls = []
    for text in [texts] if isinstance(texts, str) else texts:
        if text.count(":") > 1 and text[0] != "[":
            text = "[%s]" % text
        if text[:1] in ":":
            raise ValueError("%r: want the address of a server" % (texts,))
        if ":" not in text.split("]")[-1]:
            text += ":%d" % port
        urls.append("udp://" + text)
        parse(urls[-1], "udp")
    return urls
