from mungo.http.match import match


# What the docstring says, tried in every way.
def fits(text, pattern):
    if not pattern:
        return not text
    p = pattern[0]
    if p in "*#":
        for n in range(len(text) + 1):
            if fits(text[n:], pattern[1:]):
                return True
            if p == "*" and text[n : n + 1] == "/":
                return False
        return False
    return text != "" and (p == text[0] or p == "?" and text[0] != "/") and fits(text[1:], pattern[1:])


def words(alphabet, most):
    yield ""
    if most:
        for word in words(alphabet, most - 1):
            for letter in alphabet:
                yield letter + word


def test_examples():
    for text, pattern, expected in (
        ("/fast", "/fast", True),
        ("/fast/", "/fast", False),
        ("/fas", "/fast", False),
        ("/api/7", "/api/*", True),
        ("/api/", "/api/*", True),
        ("/api/7/x", "/api/*", False),
        ("/api/7/x", "/api/*/x", True),
        ("/api/7/x", "/api/#", True),
        ("/api", "/api/#", False),
        ("/a.css", "/?.css", True),
        ("//.css", "/?.css", False),
        ("/x/y/z.png", "#.png", True),
        ("/x/y/z.png", "/*.png", False),
        ("/aXbXc", "/*X*", True),
        ("", "", True),
        ("", "*", True),
        ("", "#*#", True),
        ("", "?", False),
        ("/\xe9", "/?", True),
        ("/\u20ac\U0001f600.css", "/??.css", True),
        ("/\xe9", "/??", False),
        ("/\xe9\xe8/x", "/*\xe8/?", True),
        ("/\xe9\xe8", "/\xe9", False),
        ("/\xe9\u20ac", "#?", True),
        ("/\xe9", "/*??", False),
    ):
        assert match(text, pattern) == expected, (text, pattern)


def test_every_short_pattern_and_text():
    texts = list(words("a/", 4))
    for pattern in words("a/?*#", 4):
        for text in texts:
            assert match(text, pattern) == fits(text, pattern), (text, pattern)
    texts = list(words("\xe9\xe8/", 3))  # the bytes of these two begin alike
    for pattern in words("\xe9?*#", 4):
        for text in texts:
            assert match(text, pattern) == fits(text, pattern), (text, pattern)


# Backtracking that multiplies with each star would take years.
def test_cost_is_bounded():
    text = "/" + "a" * 2000
    assert not match(text, "/*a*a*a*a*a*a*a*b")
    assert not match(text, "#a#a#a#a#a#a#a#b")
    assert not match("/a" * 500, "#/*a*#a*#/*b")


def test_captures():
    for text, pattern, expected in (
        ("/users/7/a/b", "/users/*/#", ["7", "a/b"]),
        ("/users/7", "/users/7", []),
        ("/users//", "/users/*/#", ["", ""]),
        ("/a\xe9b/\u20ac", "/a?b/*", ["\xe9", "\u20ac"]),
        ("/x/y/z.png", "#/*.png", ["/x/y", "z"]),
        ("abab", "*ab", ["ab"]),
        ("", "*#", ["", ""]),
    ):
        found = ["before"]
        assert match(text, pattern, found) and found == ["before"] + expected, (text, pattern, found)
    found = []
    assert not match("/a/b", "/*", found) and found == []


def test_captures_fill_the_pattern():
    for pattern in words("a/?*#", 4):
        for text in words("ab/\xe9", 4):
            found = []
            if match(text, pattern, found):
                filled = ""
                left = list(found)
                for p in pattern:
                    piece = left.pop(0) if p in "?*#" else p
                    filled += piece
                    assert p == "#" or p == "/" or "/" not in piece, (text, pattern, found)
                    assert p != "?" or len(piece) == 1, (text, pattern, found)
                assert filled == text and not left, (text, pattern, found)
            else:
                assert not found
