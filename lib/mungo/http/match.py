def match(text, pattern):
    """Whether `pattern` fits all of `text`: `?` is any character but `/`, `*` any number of those, `#` any number of all."""
    i = j = 0
    star = many = -1  # the last "*" and the last "#", and how far each has swallowed
    star_to = many_to = 0
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
