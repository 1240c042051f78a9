# What the system knows of names: its name servers, and a host's table of names.
from errno import ENOENT

from . import SHARES_DESCRIPTORS  # there is an operating system, with its files

_LINES = const(4096)  # of a file that are looked at

# The types of records to ask for: AAAA and A. Boards only get A, since ESP32's getaddrinfo would look up an IPv6 address as a name.
KINDS = (28, 1) if SHARES_DESCRIPTORS else (1,)


def name_servers():
    """The addresses of the system's name servers, as a list of str."""
    if SHARES_DESCRIPTORS:
        return [words[1] for words in read_words("/etc/resolv.conf") if words[:1] == ["nameserver"] and words[1:]]
    import network

    try:
        text = network.ipconfig("dns")  # pyright: ignore[reportAttributeAccessIssue]  # (newer than the stubs)
    except (AttributeError, ValueError):  # an older firmware
        text = network.WLAN(network.STA_IF).ifconfig()[3]
    return [text] if text != "0.0.0.0" else []


def hosts_addresses(name):
    """What the hosts file says of `name`, as a list of str; "localhost" is known without one."""
    found = []
    if SHARES_DESCRIPTORS:
        for words in read_words("/etc/hosts"):
            if name in [word.lower() for word in words[1:]]:
                found.append(words[0])
    return found or (["127.0.0.1"] if name == "localhost" else found)


def read_words(path):
    """The words of each line of a file that is ASCII, without its comment; none if there is no file."""
    try:
        with open(path, "rb") as file:
            for _ in range(_LINES):
                line = file.readline()
                if not line:
                    break
                line = line.split(b"#")[0]
                if max(line + b" ") < 128:
                    yield line.decode().split()
    except OSError as er:
        if er.errno != ENOENT:
            raise
