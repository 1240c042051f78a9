"""Properties of the HTTP parser, with Hypothesis: requests that are right, a little wrong, and no requests at all.

The library wants MicroPython's modules, so each property runs in a process of its own, through the shim:

    EXAMPLES=20000 MICROPYPATH=host_tests/unit python host_tests/shim/run.py host_tests/test_parser_hypothesis.py PROPERTY

Without EXAMPLES the examples are few, and always the same.
"""

import re
import sys

LIMIT = 300
BODY_LIMIT = 200
PROPERTIES = ("good_requests_are_read", "cuts_do_not_matter", "bad_requests_are_read_as_strictly")


def pytest_generate_tests(metafunc):
    metafunc.parametrize("property", PROPERTIES)


def test_property(property):
    import lanes

    done = lanes.run_script("cpython", "host_tests/test_parser_hypothesis.py", property, path=["host_tests/unit"], timeout=None)
    assert done.returncode == 0, done.stdout + done.stderr


# --- a second opinion: what requests there are in these bytes, by regular expressions

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_HEAD = re.compile(
    rb"(?P<method>%b) (?P<target>[\x21\x22\x24-\x7e\x80-\xff]+) HTTP/1\.(?P<minor>[0-9])\r\n"
    rb"(?P<fields>(?:%b:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n" % (_TOKEN, _TOKEN)
)
_CHUNK = re.compile(rb"(0*[0-9A-Fa-f]{1,15})([\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILERS = re.compile(rb"((?:%b:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n" % _TOKEN)
_HOST = re.compile(rb"([-A-Za-z0-9._~!$&'()*+,;=%]*|\[[-A-Za-z0-9._~!$&'()*+,;=%:\[]*\])(:[0-9]*)?")
_URL = re.compile(rb"(?i:http)://(?P<host>[^/?:][^/?]*)(?P<path>/[^?]*)?(?P<query>\?.*)?")


class Refused(Exception):
    pass


def second_opinion(data):
    """[(method, path, query, fields, body)] of the requests at the start of `data` that are whole and right."""
    found = []
    try:
        while data:
            while data[:2] == b"\r\n":
                data = data[2:]
            request, data = one_request(data)
            found.append(request)
    except Refused:
        pass
    return found


def fields_of(text):
    pairs = (line.split(b":", 1) for line in text.split(b"\r\n")[:-1])
    return [(name, value.strip(b" \t")) for name, value in pairs]


def one_request(data):
    head = _HEAD.match(data)
    if not head or head.end() > LIMIT:
        raise Refused
    try:
        head["target"].decode()
    except UnicodeError:
        raise Refused from None
    fields = fields_of(head["fields"])

    def values(name):
        return [value for field, value in fields if field.lower() == name]

    def members(name):
        stripped = [member.strip(b" \t").lower() for value in values(name) for member in value.split(b",")]
        return [member for member in stripped if member]

    is_modern = head["minor"] != b"0"
    hosts = values(b"host")
    if len(hosts) > 1 or is_modern and not hosts or not all(map(_HOST.fullmatch, hosts)):
        raise Refused
    path, _, query = head["target"].partition(b"?")
    if head["target"] == b"*" and head["method"] == b"OPTIONS":
        pass
    elif path[:1] != b"/":
        url = _URL.fullmatch(head["target"])
        if not url or not _HOST.fullmatch(url["host"]) or head["method"] == b"CONNECT":
            raise Refused
        path, query = url["path"] or b"/", (url["query"] or b"")[1:]
    if is_modern and set(members(b"expect")) - {b"100-continue"}:
        raise Refused
    lengths, codings = values(b"content-length"), values(b"transfer-encoding")
    rest = data[head.end() :]
    if codings:
        if lengths or not is_modern or members(b"transfer-encoding") != [b"chunked"]:
            raise Refused
        body, rest = chunked_body(rest, LIMIT - head.end())
    else:
        if len(lengths) > 1 or not all(re.fullmatch(rb"[0-9]+", length) for length in lengths):
            raise Refused
        length = int(lengths[0]) if lengths else 0
        if length > BODY_LIMIT or length > len(rest):
            raise Refused
        body, rest = rest[:length], rest[length:]
    return (head["method"], path, query, fields, body), rest


def chunked_body(data, spare):
    body = b""
    while True:
        line = _CHUNK.match(data)
        if not line or line.end() > spare + 10:
            raise Refused
        size = int(line[1], 16)
        spare -= len(line[2] or b"")
        data = data[line.end() :]
        if spare < 0:
            raise Refused
        if not size:
            break
        body += data[:size]
        if data[size : size + 2] != b"\r\n" or len(body) > BODY_LIMIT:
            raise Refused
        data = data[size + 2 :]
    trailers = _TRAILERS.match(data)
    if not trailers or trailers.end() > spare:
        raise Refused
    for name, value in fields_of(trailers[1]):
        if name.lower() == b"host" and not _HOST.fullmatch(value):
            raise Refused
    return body, data[trailers.end() :]


# --- the properties, in a process of the shim's


def main(property):
    import hypothesis
    import hypothesis.strategies as some

    import examples
    import feeding

    def events(parts):
        return feeding.events(parts, limit=LIMIT, body_limit=BODY_LIMIT)

    def first_opinion(seen):
        """What the parser has found, in the terms of the second opinion. (Its text is UTF-8, or else Latin-1.)"""
        found = []
        for head, end in zip(seen[::2], seen[1::2], strict=False):
            if isinstance(end, tuple) and len(end) == 4:
                body, method, path, query = end
                assert head[:3] == end[1:]
                found.append((method, path, query, head[4], body))
        return found

    def text(raw):
        try:
            return raw.decode()
        except UnicodeError:
            return raw.decode("latin-1")

    def as_text(found):
        return [
            (text(method), text(path), text(query), [(text(name), text(value)) for name, value in fields], body)
            for method, path, query, fields, body in found
        ]

    def from_alphabet(alphabet, **sizes):
        return some.lists(some.sampled_from(alphabet), **sizes).map(bytes)

    token = from_alphabet(b"!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8)
    name = some.one_of(token, some.sampled_from([b"X-Length", b"Content-Lengt", b"hosts", b"Expected", b"Connections"]))
    value = from_alphabet(b"\t !:;,a\"(\x80\xff\xc3\xa9", max_size=12)
    own = some.tuples(name, value).filter(lambda field: field[0].lower() not in (b"host", b"expect"))
    space = from_alphabet(b" \t", max_size=2)
    path = from_alphabet(b"/ab%.;:@[]\"{}|", max_size=10).map(lambda path: b"/" + path.replace(b"b", "\xe9\u20ac".encode()))
    query = some.none() | from_alphabet(b"?&=a/%", max_size=6)
    blanks = some.sampled_from([b";", b";", b" ;", b"\t ;"])
    extension = some.just(b"") | some.tuples(blanks, from_alphabet(b';=a" \t\xff', max_size=5)).map(b"".join)

    @some.composite
    def request(draw):
        """(bytes, what the opinions should be)"""
        method = draw(some.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS"]) | token.filter(lambda token: token != b"CONNECT"))
        where, question = draw(path), draw(query)
        prefix = draw(some.sampled_from([b"", b"", b"", b"http://a", b"HTTP://[::1]:80"]))
        target = prefix + where + (b"" if question is None else b"?" + question)
        version = draw(some.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0", b"1.9"]))
        fields = draw(some.lists(own, max_size=4))
        fields.append((draw(some.sampled_from([b"Host", b"host", b"HOST"])), draw(some.sampled_from([b"", b"a", b"a:80", b"[::1]"]))))
        if draw(some.booleans()):
            fields.append((b"Connection", draw(some.sampled_from([b"keep-alive", b"Close", b"upgrade, x", b""]))))
        body = draw(some.binary(max_size=40))
        coded = b""
        kind = draw(some.sampled_from(["none", "length", "chunked"] if version != b"1.0" else ["none", "length"]))
        if kind == "none":
            body = b""
        elif kind == "length":
            fields.append((draw(some.sampled_from([b"Content-Length", b"content-length"])), b"%d" % len(body)))
            coded = body
        else:
            fields.append((b"Transfer-Encoding", draw(some.sampled_from([b"chunked", b"Chunked", b", chunked ,"]))))
            left = body
            while left:
                size = draw(some.integers(1, len(left)))
                digits = draw(some.sampled_from([b"%x", b"%X", b"%05x", b"%08x", b"%020X"])) % size
                coded += digits + draw(extension) + b"\r\n" + left[:size] + b"\r\n"
                left = left[size:]
            coded += b"0" + draw(extension) + b"\r\n"
            for field, content in draw(some.lists(own, max_size=2)):
                coded += field + b":" + content + b"\r\n"
            coded += b"\r\n"
        fields = draw(some.permutations(fields))
        data = method + b" " + target + b" HTTP/" + version + b"\r\n"
        for field, content in fields:
            data += field + b":" + draw(space) + content + draw(space) + b"\r\n"
        hypothesis.assume(len(data) + len(coded) < LIMIT)
        found = [(field, content.strip(b" \t")) for field, content in fields]
        return data + b"\r\n" + coded, (method, where, question or b"", found, body)

    requests = some.lists(request(), min_size=1, max_size=3)

    @some.composite
    def mutated(draw):
        data = bytearray(b"".join(data for data, _ in draw(requests)))
        fragments = [b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\0", b"0", b"5", b"-", b",", b"\x7f", b"\xff", b"#", b";"]
        fragments += [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"Expect: 100-continue\r\n", b"\r\n\r\n"]
        for _ in range(draw(some.integers(1, 3))):
            at = draw(some.integers(0, len(data)))
            to = at + draw(some.integers(0, 3))
            data[at:to] = draw(some.sampled_from(fragments) | some.binary(max_size=2))
        return bytes(data)

    anything = some.one_of(mutated(), requests.map(lambda all: b"".join(data for data, _ in all)), some.binary(max_size=60))

    @hypothesis.given(requests)
    def good_requests_are_read(all):
        data = b"".join(data for data, _ in all)
        expected = [opinion for _, opinion in all]
        assert second_opinion(data) == expected
        seen = events([data])
        assert first_opinion(seen) == as_text(expected)
        assert seen[-1] == (0, 0)

    @hypothesis.given(anything, some.lists(some.integers(0, 400), max_size=5))
    def cuts_do_not_matter(data, cuts):
        whole = events([data] if data else [])
        assert events(feeding.singly(data)) == whole
        cuts = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
        parts = [data[a:b] for a, b in zip(cuts, cuts[1:], strict=False) if a < b]
        assert events(parts) == whole

    @hypothesis.given(anything)
    def bad_requests_are_read_as_strictly(data):
        assert first_opinion(events([data] if data else [])) == as_text(second_opinion(data))

    for run in (good_requests_are_read, cuts_do_not_matter, bad_requests_are_read_as_strictly):
        if run.__name__ == property:
            return examples.settings(150)(run)()
    sys.exit(f"no property {property}")


if __name__ == "__main__":
    main(sys.argv[1])
