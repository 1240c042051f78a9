"""What is fuzzed. Each target takes any bytes, may raise nothing, and returns something that is the same on every runtime.

No modules but those that MicroPython has: replay.py runs the kept inputs there too, where the other scanner serves.
"""

from feeding import events
from mungo.http.form import cookies, parse, unquote
from mungo.match import match
from mungo.url import parse as parse_url

_STATUSES = (-400, -413, -414, -417, -431, -501, -505)
_CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def _cut(data, cuts):
    # The parts that the first bytes of an input choose.
    parts = []
    for n in cuts:
        n = n % 40 + 1
        parts.append(data[:n])
        data = data[n:]
        if not data:
            break
    return parts + [data]


def _feed(data, cuts):
    if not data:
        return None
    whole = events([data])
    ways = [_cut(data, cuts)]
    if len(data) < 150:
        ways.append([data[i : i + 1] for i in range(len(data))])
    for parts in ways:
        seen = events(parts)
        if seen != whole:
            raise AssertionError("cut: %r, whole: %r" % (seen, whole))
    end = whole[-1]
    if isinstance(end, int) and end not in _STATUSES:
        raise AssertionError("status %r" % end)
    return len(whole), end


def request(data):
    """HTTP requests, whole, byte by byte, and cut in three places: the same events."""
    return _feed(data[3:], data[:3])


def chunked(data):
    """The body of a chunked request, and what comes behind it."""
    return _feed(_CHUNKED + data[3:], data[:3])


def form(data):
    """Queries, escapes and cookies: a dict or text, or ValueError."""
    found = []
    for read in (parse, unquote):
        try:
            found.append(len(read(data)))
        except ValueError:
            found.append(-1)
    try:
        found.append(len(cookies(data.decode())))
    except UnicodeError:
        found.append(-1)
    return tuple(found)


def paths(data):
    """Patterns and URLs. A pattern without wildcards fits itself alone; "#" fits all."""
    try:
        text, _, pattern = data.decode().partition("\n")
    except UnicodeError:
        return None
    found = match(text, pattern)
    if not match(text, "#") or not match(text, text.replace("*", "?").replace("#", "?")) and "/" not in text:
        raise AssertionError("%r" % text)
    if not set(pattern) & {"#", "*", "?"} and found != (text == pattern):
        raise AssertionError("%r, %r: %r" % (text, pattern, found))
    try:
        parse_url(text, "tcp")
    except ValueError:
        return found, False
    return found, True


TARGETS = {"request": request, "chunked": chunked, "form": form, "paths": paths}
