# Heads of responses that are not as they should be, made so: loads when a client meets the first one.
from .char_classes import all_in


def normalize(head):
    """A head, bytes, as it should have been: lines end in CRLF, those that were folded are one, and control characters and CR alone are
    spaces (RFC 9112 sections 2.2, 5.1 and 5.2, RFC 9110 section 5.5). Raises ValueError for a line that is no field."""
    lines = []
    for line in head.split(b"\n"):
        if line[-1:] == b"\r":
            line = line[:-1]
        if line[:1] in b" \t" and line:
            if lines[1:]:  # (behind the status line such a line has to be ignored)
                lines[-1] += b" " + spaced(line).strip(b" \t")
            continue
        if not lines:
            words = line.split(None, 2)
            line = b" ".join(words[:2] + [spaced(word) for word in words[2:]])
        elif line:
            name, colon, value = line.partition(b":")
            name = name.rstrip(b" \t")
            if not colon or not name or not all_in(name, 1):
                raise ValueError("no field: %r" % line[:60])
            line = name + colon + spaced(value)
        lines.append(line)
    # The scanner looks at Host, which means nothing in a response.
    return b"\r\n".join([b"Host:" if line[:5].lower() == b"host:" else line for line in lines])


def spaced(text):
    """These bytes, with spaces in the place of control characters."""
    return text if all_in(text, 2) else bytes([byte if all_in((byte,), 2) else 32 for byte in text])
