# Patterns of paths, for `hm.match` and `match`.


def match(text, pattern):
    """Whether `pattern` fits all of `text`: `?` is any character but `/`, `*` any number of those, `#` any number of all. Any thread."""
    # (Bytes are compared: MicroPython keeps each character that a loop takes from a str in its table of interned names for good.)
    text = text.encode()
    pattern = pattern.encode()
    i = j = 0  # what of text and pattern fits so far
    star = many = -1  # where the pattern goes on after the last "*" and the last "#"; -1: there is none
    star_to = many_to = 0  # how far these have swallowed the text
    while i < len(text):
        p = pattern[j : j + 1]
        if p == b"*":
            star = j = j + 1
            star_to = i
        elif p == b"#":
            many = j = j + 1
            many_to = i
            star = -1
        elif p == text[i : i + 1] or p == b"?" and text[i] != 47:
            i += 1
            j += 1
            while p == b"?" and i < len(text) and text[i] & 0xC0 == 0x80:  # the rest of a character
                i += 1
        elif star >= 0 and text[star_to] != 47:
            star_to = i = star_to + 1
            j = star
        elif many >= 0:
            many_to = i = many_to + 1
            j = many
            star = -1
        else:
            return False
    return not pattern[j:].strip(b"*#")
