# Patterns of paths, for `hm.match` and `match`.


def match(text, pattern):
    """Whether `pattern` fits all of `text`: `?` is any character but `/`, `*` any number of those, `#` any number of all. Any thread."""
    i = j = 0  # what of text and pattern fits so far
    star = many = -1  # where the pattern goes on after the last "*" and the last "#"; -1: there is none
    star_to = many_to = 0  # how far these have swallowed the text
    while i < len(text):
        p = pattern[j : j + 1]
        if p == "*":
            star = j = j + 1
            star_to = i
        elif p == "#":
            many = j = j + 1
            many_to = i
            star = -1
        elif p == text[i] or p == "?" and text[i] != "/":
            i += 1
            j += 1
        elif star >= 0 and text[star_to] != "/":
            star_to = i = star_to + 1
            j = star
        elif many >= 0:
            many_to = i = many_to + 1
            j = many
            star = -1
        else:
            return False
    return not pattern[j:].strip("*#")
