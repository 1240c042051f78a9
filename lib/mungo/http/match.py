# Patterns of paths, for `hm.match` and `match`.


def match(text, pattern, captures=None):
    """Whether `pattern` fits all of `text`: `?` is any character but `/`, `*` any number of those, `#` any number of all. Any thread.

    If it does, the list `captures` gets what each of these stands for, as str.
    """
    # (Bytes are compared: MicroPython keeps each character that a loop takes from a str in its table of interned names for good.)
    text = text.encode()
    pattern = pattern.encode()
    i = j = 0  # what of text and pattern fits so far
    star = many = -1  # where the pattern goes on after the last "*" and the last "#"; -1: there is none
    star_to = many_to = 0  # how far these have swallowed the text
    marks = []  # (place in the pattern, start, end in the text) of what fits so far
    while i < len(text):
        p = pattern[j : j + 1]
        if p == b"*":
            star = j = j + 1
            star_to = i
            marks.append((j, i, i))
        elif p == b"#":
            many = j = j + 1
            many_to = i
            star = -1
            marks.append((j, i, i))
        elif p == text[i : i + 1] or p == b"?" and text[i] != 47:
            j += 1
            if p == b"?":
                marks.append((j, i, after(text, i)))
                i = marks[-1][2]
            else:
                i += 1
        elif star >= 0 and text[star_to] != 47:
            star_to = i = after(text, star_to)
            j = star
            extend(marks, j, i)
        elif many >= 0:
            many_to = i = after(text, many_to)
            j = many
            star = -1
            extend(marks, j, i)
        else:
            return False
    if pattern[j:].strip(b"*#"):
        return False
    if captures is not None:
        for _, start, end in marks:
            captures.append(text[start:end].decode())
        captures.extend([""] * (len(pattern) - j))
    return True


def after(text, at):
    """The place behind the character of UTF-8 that begins at `at`."""
    at += 1
    while at < len(text) and text[at] & 0xC0 == 0x80:
        at += 1
    return at


def extend(marks, j, end):
    """The `*` or `#` before the place `j` of the pattern now ends at `end`; what came after it does not count any more."""
    while marks[-1][0] > j:
        marks.pop()
    marks[-1] = (j, marks[-1][1], end)
