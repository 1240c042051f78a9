"""Properties of the parsers of forms and of responses, with Hypothesis: what is right is read, and cuts do not matter.

The library wants MicroPython's modules, so each property runs in a process of its own, through the shim:

    EXAMPLES=20000 MICROPYPATH=host_tests/unit python host_tests/shim/run.py host_tests/test_bodies_hypothesis.py PROPERTY

Without EXAMPLES the examples are few, and always the same.
"""

import sys

PROPERTIES = ("forms_are_read", "cuts_of_forms_do_not_matter", "responses_are_read", "cuts_of_responses_do_not_matter")


def pytest_generate_tests(metafunc):
    metafunc.parametrize("property", PROPERTIES)


def test_property(property):
    import lanes

    done = lanes.run_script("cpython", "host_tests/test_bodies_hypothesis.py", property, path=["host_tests/unit"], timeout=None)
    assert done.returncode == 0, done.stdout + done.stderr


# --- the properties, in a process of the shim's


def main(property):
    import hypothesis
    import hypothesis.strategies as some

    import examples
    import test_client_response
    import test_multipart

    def from_alphabet(alphabet, **sizes):
        return some.lists(some.sampled_from(alphabet), **sizes).map(bytes)

    boundary = from_alphabet(b"aB0'()+_,-./:=? ", min_size=1, max_size=8).filter(lambda text: not text.endswith(b" "))
    tricky = some.lists(some.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", b"a", b"B", b"\0", b"\xff"]), max_size=30).map(b"".join)
    name = from_alphabet(b"ab;= .'/\\\xc3\xa9", max_size=8).filter(lambda text: not text.endswith(b"\\"))
    mutation = some.tuples(some.integers(0, 600), some.integers(0, 4), some.binary(max_size=3) | tricky)

    def text(raw):
        try:
            return raw.decode()
        except UnicodeError:
            return raw.decode("latin-1")

    @some.composite
    def form(draw):
        """(bytes, boundary, [(name, filename, type, content)])"""
        edge = draw(boundary)
        data, found = draw(some.sampled_from([b"", b"preamble\r\n"])), []
        for _ in range(draw(some.integers(0, 4))):
            this, file, kind = draw(name), draw(some.none() | name), draw(some.sampled_from([None, b"text/plain", b"a/b; c=d"]))
            content = draw(tricky | some.binary(max_size=60))
            hypothesis.assume(b"\r\n--" + edge not in b"\r\n" + content)
            data += b"--" + edge + draw(some.sampled_from([b"", b" ", b"\t "])) + b"\r\n"
            head = b'Content-Disposition: form-data; name="%b"' % this
            head += b'; filename="%b"' % file if file is not None else b""
            lines = [head] + ([b"Content-Type: " + kind] if kind else []) + draw(some.sampled_from([[], [b"X-A: 1"]]))
            data += b"\r\n".join(draw(some.permutations(lines))) + b"\r\n\r\n" + content + b"\r\n"
            # The Latin-1 or UTF-8 of a value is found out for the whole of it.
            both = text(this + b"|" + (file or b"")) if text(head) == head.decode("utf-8", "replace") else None
            hypothesis.assume(both is not None)
            found.append((text(this), None if file is None else text(file), kind and text(kind), content))
        return data + b"--" + edge + b"--" + draw(some.sampled_from([b"", b"\r\n", b"\r\nepilogue"])), edge.decode(), found

    @hypothesis.given(form())
    def forms_are_read(made):
        data, edge, found = made
        assert test_multipart.events([data], edge) == [*found, "end"]

    @hypothesis.given(form(), some.lists(mutation, max_size=2), some.lists(some.integers(0, 600), max_size=6))
    def cuts_of_forms_do_not_matter(made, mutations, cuts):
        data, edge, _ = made
        limits = {"head_limit": 120, "parts": 3, "field_limit": 80}
        same(lambda pieces: test_multipart.events(pieces, edge, **limits), mutate(data, mutations), cuts)

    token = from_alphabet(b"!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8)
    value = from_alphabet(b"\t !:;,a\"(\x80\xff\xc3\xa9", max_size=12)
    own = some.tuples(token, value)

    @some.composite
    def response(draw):
        """(bytes, (status, reason, fields, body), whether the connection ends it)"""
        status = draw(some.sampled_from([200, 204, 304, 404, 599]) | some.integers(200, 999))
        reason = draw(from_alphabet(b"aB \xe9\t", max_size=6))
        fields = draw(some.lists(own, max_size=3))
        body = draw(some.binary(max_size=40))
        kind = draw(some.sampled_from(["length", "chunked", "end"]))
        coded = body
        if kind == "length":
            fields.append((b"Content-Length", b"%d" % len(body)))
        elif kind == "chunked":
            fields.append((b"Transfer-Encoding", b"chunked"))
            coded, left = b"", body
            while left:
                size = draw(some.integers(1, len(left)))
                coded += b"%x\r\n" % size + left[:size] + b"\r\n"
                left = left[size:]
            coded += b"0\r\n\r\n"
        if status in (204, 304):
            body = coded = b""
            kind = "length"
        data = draw(some.sampled_from([b"", b"", b"HTTP/1.1 103 x\r\nA: b\r\n\r\n"]))
        data += b"HTTP/1.1 %d %b\r\n" % (status, reason)
        for field, content in fields:
            data += field + b":" + content + b"\r\n"
        hypothesis.assume(len(data) < test_client_response.LIMIT)
        found = [(text(field), text(content).strip(" \t")) for field, content in fields]
        return data + b"\r\n" + coded, (status, text(reason).strip(" \t"), found, body), kind == "end"

    @hypothesis.given(some.lists(response(), min_size=1, max_size=3))
    def responses_are_read(all):
        seen = test_client_response.events([b"".join(data for data, _, _ in all)])
        for _, (status, reason, fields, body), is_endless in all:
            head, end, *seen = seen
            assert head[:3] == (status, reason, fields)
            if is_endless:
                assert end.startswith(body) and len(seen) == 1  # what follows is its body
                return
            assert end == (body, status, reason)
        assert seen == [0]

    @hypothesis.given(
        some.lists(response(), min_size=1, max_size=2),
        some.lists(mutation, max_size=2),
        some.lists(some.integers(0, 600), max_size=6),
    )
    def cuts_of_responses_do_not_matter(all, mutations, cuts):
        same(test_client_response.events, mutate(b"".join(data for data, _, _ in all), mutations), cuts)

    def mutate(data, mutations):
        data = bytearray(data)
        for at, n, instead in mutations:
            data[at : at + n] = instead
        return bytes(data)

    def same(events, data, cuts):
        whole = events([data] if data else [])
        assert events(data[i : i + 1] for i in range(len(data))) == whole
        cuts = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
        assert events([data[a:b] for a, b in zip(cuts, cuts[1:], strict=False) if a < b]) == whole

    runs = (forms_are_read, cuts_of_forms_do_not_matter, responses_are_read, cuts_of_responses_do_not_matter)
    assert [run.__name__ for run in runs] == list(PROPERTIES)
    examples.settings(150)(runs[PROPERTIES.index(property)])()


if __name__ == "__main__":
    main(sys.argv[1])
