# Topic names and filters (MQTT 5.0 section 4.7; 3.1.1 has the same rules), and the UTF-8 of all strings (section 1.5.4).
from ..core.utf8 import encode

_MOST = const(65535)


def encode_string(string, what="string"):
    """The bytes of a str for a packet. ValueError for more than 65535 bytes, for NUL, and for half of a surrogate pair."""
    data = encode(string)
    if len(data) > _MOST or b"\0" in data:
        raise ValueError("%s of %d bytes: want at most 65535, and no NUL" % (what, len(data)))
    return data


def encode_topic(topic):
    """The bytes of the name that a message is published to. ValueError for "" and for one with a wildcard."""
    data = encode_string(topic, "topic")
    if not data or b"+" in data or b"#" in data:
        raise ValueError("topic %r: want a name without + and #" % topic)
    return data


def encode_filter(filter):
    """The bytes of a filter: levels that may be "+", of which the last may be "#"; behind "$share/GROUP/" if it is shared. ValueError for
    others."""
    data = encode_string(filter, "filter")
    levels = data.split(b"/")
    if levels[0] == b"$share":  # section 4.8.2
        levels[1:2] = [level or b"#+" for level in levels[1:2]]
        wrong = len(levels) < 3 or levels[2:] == [b""] or b"#" in levels[1] or b"+" in levels[1]
    else:
        wrong = not data
    last = levels.pop()
    for level in levels:
        wrong = wrong or b"#" in level or b"+" in level and level != b"+"
    if wrong or (b"#" in last or b"+" in last) and len(last) > 1:
        raise ValueError("filter %r: want a/b, a/+/c, a/# or $share/group/a" % filter)
    return data


def match(filter, topic):
    """Whether a valid `filter` selects this topic name. A wildcard in the first level does not select "$SYS/.." and the like (4.7.2)."""
    levels = filter.split("/")
    if levels[0] == "$share":
        levels = levels[2:]
    names = topic.split("/")
    if topic[:1] == "$" and levels[0] in "+#":
        return False
    for level in levels:
        if level == "#":
            return True
        if not names or level != "+" and level != names[0]:
            return False
        names.pop(0)
    return not names
