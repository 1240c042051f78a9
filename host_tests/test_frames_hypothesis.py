"""Properties of the parser of WebSocket frames, with Hypothesis: frames that are right, a little wrong, and no frames at all.

The library wants MicroPython's modules, so each property runs in a process of its own, through the shim:

    EXAMPLES=20000 python host_tests/shim/run.py host_tests/test_frames_hypothesis.py PROPERTY

Without EXAMPLES the examples are few, and always the same.
"""

import sys

LIMIT = 200
PROPERTIES = ("messages_are_read", "cuts_do_not_matter", "all_bytes_are_judged_as_by_the_book")


def pytest_generate_tests(metafunc):
    metafunc.parametrize("property", PROPERTIES)


def test_property(property):
    import lanes

    done = lanes.run_script("cpython", "host_tests/test_frames_hypothesis.py", property, timeout=None)
    assert done.returncode == 0, done.stdout + done.stderr


# --- a second opinion: RFC 6455 section 5, over all of the bytes at once


def second_opinion(data, masks):
    """[str, bytes, (opcode, bytes) .., perhaps minus a code] of what there is in these bytes."""
    found = []
    message = None  # [opcode, bytes so far]
    while len(data) >= 2:
        first, second = data[0], data[1]
        op, size = first & 15, second & 127
        is_last = first >= 128
        if first & 0b01110000 or (second >= 128) != masks or op not in (0, 1, 2, 8, 9, 10):
            return [*found, -1002]
        if op >= 8 and (size > 125 or not is_last):
            return [*found, -1002]
        if op < 8 and (op == 0) != (message is not None):
            return [*found, -1002]
        wide = {126: 2, 127: 8}.get(size, 0)
        head = 2 + wide + (4 if masks else 0)
        if len(data) < head:
            break
        if wide:
            size = int.from_bytes(data[2 : 2 + wide], "big")
            if size < (126 if wide == 2 else 65536) or size >= 1 << 63:
                return [*found, -1002]
        if op < 8 and size + len(message[1] if message else b"") > LIMIT:
            return [*found, -1009]
        if len(data) < head + size:
            break
        key = data[head - 4 : head] if masks else bytes(4)
        payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(data[head : head + size]))
        data = data[head + size :]
        if op >= 8:
            code = int.from_bytes(payload[:2], "big")
            known = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
            if op == 8 and payload and (len(payload) < 2 or not known):
                return [*found, -1002]
            if op == 8 and not is_utf8(payload[2:]):
                return [*found, -1007]
            found.append((op, payload))
            continue
        message = message or [op, b""]
        message[1] += payload
        if is_last:
            if message[0] == 1 and not is_utf8(message[1]):
                return [*found, -1007]
            found.append(message[1].decode() if message[0] == 1 else message[1])
            message = None
    return found


def is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- in the process of a property

if __name__ == "__main__":
    from hypothesis import given
    from hypothesis import strategies as st

    import examples
    from mungo.core.buffer import Buffer
    from mungo.ws.frames import Frames, frame_head

    def events(pieces, masks):
        parser = Frames(LIMIT, 128 if masks else 0)
        buf = Buffer(bytearray(1))
        found = []
        for piece in pieces:
            buf.append(piece, len(piece))
            while True:
                ev = parser.parse(buf)
                if ev == 0:
                    break
                if ev < 0:
                    return [*found, ev]
                found.append(parser.data if ev == 1 else (ev, parser.data))
        return found

    def cut(data, places):
        at = 0
        for place in sorted(place % (len(data) + 1) for place in places):
            yield data[at:place]
            at = place
        yield data[at:]

    def made(op, data, is_last, key):
        start = bytearray(frame_head(op | (128 if is_last else 0), len(data)))
        if key is None:
            return bytes(start) + data
        start[1] |= 128
        return bytes(start) + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(data))

    keys = st.binary(min_size=4, max_size=4)
    places = st.lists(st.integers(0, 500), max_size=8)
    codes = st.sampled_from([1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
    controls = st.one_of(
        st.tuples(st.sampled_from([9, 10]), st.binary(max_size=125)),
        st.builds(lambda code, text: (8, code.to_bytes(2, "big") + text.encode()), codes, st.text(max_size=20)),
        st.just((8, b"")),
    )
    messages = st.one_of(st.text(max_size=LIMIT // 4), st.binary(max_size=LIMIT))

    @st.composite
    def streams(draw, masks):
        """(bytes, what they are): messages in any number of fragments, control frames among them."""
        data = b""
        want = []

        def key():
            return draw(keys) if masks else None

        for message in draw(st.lists(st.one_of(messages, controls), max_size=6)):
            if isinstance(message, tuple):
                data += made(message[0], message[1], True, key())
                want.append(message)
                continue
            raw = message.encode() if isinstance(message, str) else message
            parts = list(cut(raw, draw(st.lists(st.integers(0, 500), max_size=3))))
            for n, part in enumerate(parts):
                op = 0 if n else 1 if isinstance(message, str) else 2
                data += made(op, part, n == len(parts) - 1, key())
                if n < len(parts) - 1:
                    for control in draw(st.lists(controls, max_size=1)):
                        data += made(*control, True, key())
                        want.append(control)
            want.append(message)
        return data, want

    starts = st.sampled_from([b"\x81\x82", b"\x81\x02", b"\x89\x80", b"\x82\xfe", b"\x01\x80", b"\x88\x02\x03\xe8"])
    @examples.settings(300)
    @given(st.data(), st.booleans(), places)
    def messages_are_read(data, masks, places):
        stream, want = data.draw(streams(masks))
        assert events(cut(stream, places), masks) == want == second_opinion(stream, masks)

    @examples.settings(300)
    @given(st.data(), st.booleans(), places, st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=3))
    def cuts_do_not_matter(data, masks, places, changes):
        stream = bytearray(data.draw(streams(masks))[0])
        for at, byte in changes:
            if stream:
                stream[at % len(stream)] = byte
        whole = events([bytes(stream)], masks)
        assert events(cut(bytes(stream), places), masks) == whole
        assert events((bytes([byte]) for byte in stream), masks) == whole
        assert whole == second_opinion(bytes(stream), masks)

    @examples.settings(300)
    @given(st.lists(st.one_of(st.binary(max_size=12), starts), max_size=6), st.booleans(), places)
    def all_bytes_are_judged_as_by_the_book(parts, masks, places):
        data = b"".join(parts)
        assert events(cut(data, places), masks) == second_opinion(data, masks)

    globals()[sys.argv[1]]()
