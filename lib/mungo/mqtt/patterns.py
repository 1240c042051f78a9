# Patterns of topics with names in them, as routes of an App have them: "greenhouse/<int:house>/valve/<name>/set".


class Pattern:
    """A pattern, and `filter`, the topic filter to subscribe to for it.

    <name> is one level, <int:name> one of digits (up to 18), and <path:name>, which comes last, all the rest, also none; + and # are the
    same without a name. "$share/GROUP/" may stand before it: the subscribers of a group share the messages. Raises ValueError for what
    can't be a pattern.
    """

    def __init__(self, text):
        levels = text.split("/")
        filters = list(levels)
        start = 2 if levels[0] == "$share" else 0
        names = []
        is_bad = not text or start and (len(levels) < 3 or not levels[1])
        for i in range(len(levels)):
            level = name = levels[i]
            if i >= start and (level in ("+", "#") or level[:1] == "<" and level[-1:] == ">"):
                converter, _, name = level[1:-1].rpartition(":")
                if level == "#" or converter == "path":
                    converter = "path"
                    is_bad = is_bad or i < len(levels) - 1
                elif converter not in ("", "int"):
                    is_bad = converter != "string" or is_bad
                filters[i] = "#" if converter == "path" else "+"
                is_bad = is_bad or name in names or not name and level[0] == "<"
                levels[i] = (converter, name)
                if name:
                    names.append(name)
            for character in "<>+#\0":
                is_bad = is_bad or character in name
        if is_bad:
            raise ValueError("pattern %r: want a/<name>/<int:name>, at its end maybe <path:name>" % text)
        self.levels = levels[start:]
        self.filter = "/".join(filters)

    def match(self, topic):
        """The values of a topic for the names, as a dict; None if the topic does not fit."""
        levels = self.levels
        n = len(levels)
        parts = topic.split("/")
        if isinstance(levels[-1], tuple) and levels[-1][0] == "path" and len(parts) >= n - 1:
            parts = parts[: n - 1] + ["/".join(parts[n - 1 :])]
        if (
            len(parts) != n or topic[:1] == "$" and isinstance(levels[0], tuple)
        ):  # wildcards don't find a broker's own topics: section 4.7.2
            return None
        values = {}
        for level, part in zip(levels, parts):
            if isinstance(level, str):
                if level != part:
                    return None
                continue
            converter, name = level
            if converter == "int":
                if not 0 < len(part) < 19 or part.strip("0123456789"):
                    return None
                part = int(part)
            if name:
                values[name] = part
        return values
