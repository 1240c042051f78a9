# multipart/form-data: the same events however the bytes are cut, and nothing that grows.

from mungo.http.disposition import read_disposition
from mungo.http.header_lists import parameter
from mungo.http.multipart import Parser

MIN_HEAP = "72k"

NEED, PART, DATA, PART_END, END = range(5)


def events(pieces, boundary="XX", **limits):
    """What comes of these bytes: (name, filename, type, content) of each part, "end"; a part that is not whole has no content."""
    parser = Parser(boundary, **limits)
    seen = []
    content = b""
    for piece in pieces:
        parser.feed(piece)
        while True:
            ev = parser.parse()
            if ev == PART:
                seen.append((parser.name, parser.filename, parser.type, None))
                content = b""
            elif ev == DATA:
                assert len(parser.view())
                content += bytes(parser.view())
            elif ev == PART_END:
                seen[-1] = seen[-1][:3] + (content,)
            elif ev == END:
                seen.append("end")
            elif ev == NEED:
                break
            else:
                return seen + [ev]
    return seen


def check(data, expected, **limits):
    seen = events([data], **limits)
    assert seen == expected, (data, seen, expected)
    seen = events((data[i : i + 1] for i in range(len(data))), **limits)
    assert seen == expected, ("byte by byte", data, seen, expected)
    for at in range(1, len(data)):
        seen = events([data[:at], data[at:]], **limits)
        assert seen == expected, (at, data, seen, expected)


def part(content=b"v", disposition='form-data; name="n"', lines=""):
    return ("--XX\r\nContent-Disposition: %s\r\n%s\r\n" % (disposition, lines)).encode() + content + b"\r\n"


LAST = b"--XX--\r\n"


def test_fields_and_files():
    data = part(b"hello") + part(b"\x00\xff\r\n", 'form-data; name="f"; filename="a b.bin"', "Content-Type: image/png\r\n") + LAST
    check(data, [("n", None, None, b"hello"), ("f", "a b.bin", "image/png", b"\x00\xff\r\n"), "end"])


def test_empty_contents():
    check(part(b"") + part(b"", 'form-data; name="f"; filename=""') + LAST, [("n", None, None, b""), ("f", "", None, b""), "end"])


def test_no_part_at_all():
    check(LAST, ["end"])


def test_what_stands_before_and_behind_is_dropped():
    check(b"a preamble\r\n--X\r\n" + part() + LAST + b"an epilogue\r\n--XX\r\n", [("n", None, None, b"v"), "end"])


def test_contents_that_nearly_have_the_boundary():
    for content in (b"\r", b"\n", b"\r\n", b"\r\n-", b"\r\n--", b"\r\n--X", b"\r\r\n--X\r\r", b"--XX", b"\n--XX--", b"\r\n--\r\n--X\r\n"):
        check(part(content) + LAST, [("n", None, None, content), "end"])


def test_blanks_behind_the_boundary():
    check(part().replace(b"--XX\r", b"--XX \t\r") + LAST, [("n", None, None, b"v"), "end"])


def test_a_boundary_in_the_content_is_malformed():
    check(part(b"a\r\n--XXb") + LAST, [("n", None, None, b"a"), -400])
    check(part(b"a\r\n--XX-b") + LAST, [("n", None, None, b"a"), -400])


def test_heads_that_cannot_be():
    for disposition in ("attachment; name=n", "form-data", 'form-data; filename="x"', 'form-data; name="n', "form-data name=n"):
        check(part(disposition=disposition) + LAST, [-400])
    check(b"--XX\r\nNo-Disposition: 1\r\n\r\nv\r\n" + LAST, [-400])
    check(b"--XX\r\n\r\nv\r\n" + LAST, [-400])
    check(part(lines="no colon\r\n") + LAST, [-400])
    check(part(lines="a: b\n") + LAST, [-400])
    check(part(lines=" \r\n") + LAST, [("n", None, None, b"v"), "end"])
    check(b"--XX\r\n Content-Disposition: form-data; name=n\r\n\r\nv\r\n" + LAST, [-400])  # nothing to go on with
    check(part(lines="a b: c\r\n") + LAST, [-400])
    check(part(lines="a : c\r\n") + LAST, [-400])
    check(part(lines=": c\r\n") + LAST, [-400])


def test_limits():
    check(part(lines="a: %s\r\n" % ("x" * 300)) + LAST, [-431], head_limit=200)
    check(part() * 3 + LAST, [("n", None, None, b"v")] * 3 + ["end"], parts=3)
    check(part() * 4 + LAST, [("n", None, None, b"v")] * 3 + [-413], parts=3)
    check(part(b"12345") * 2 + LAST, [("n", None, None, b"12345")] * 2 + ["end"], field_limit=10)
    check(part(b"12345") + part(b"123456") + LAST, [("n", None, None, b"12345"), ("n", None, None, None), -413], field_limit=10)
    file = part(b"x" * 50, 'form-data; name="f"; filename="a"')  # of a file the parser knows no limit
    check(file + LAST, [("f", "a", None, b"x" * 50), "end"], field_limit=10)


def test_parameters():
    for value, name, filename in (
        ('form-data; name="a"; filename="b.txt"', "a", "b.txt"),
        ("form-data;name=a;filename=b.txt", "a", "b.txt"),
        ('form-data; filename="name=x; y"; NAME="a"', "a", "name=x; y"),
        ('form-data; name="a"; filename="say \\"hi\\".txt"', "a", 'say "hi".txt'),
        ('form-data; name="a"; filename="C:\\dir\\b.txt"', "a", "C:\\dir\\b.txt"),
        ("form-data; name=\"a\"; filename*=utf-8''b.txt", "a", None),
        ('form-data; name=""', "", None),
        ('form-data; name="a', None, None),
        ('form-data; filename="b\\"; name="a"', None, 'b"; name='),
        ("form-data", None, None),
        ("", None, None),
    ):
        assert (parameter(value, "name"), parameter(value, "filename")) == (name, filename), value


def test_dispositions():
    for value, name, filename in (
        ('form-data; name="a"; filename="b.txt"', "a", "b.txt"),
        ("Form-Data;name=a;filename=b.txt", "a", "b.txt"),
        ('form-data; filename="name=x; y"; NAME="a"', "a", "name=x; y"),
        ('form-data; name="a"; filename=""', "a", ""),
        ("form-data; name=\"a\"; filename*=utf-8''b%20%e2%82%ac.txt", "a", "b \u20ac.txt"),
        ("form-data; name=\"a\"; FileName*=UTF-8'en'b.txt", "a", "b.txt"),
        ("form-data; name=\"a\"; filename*=iso-8859-1''caf%E9", "a", "caf\xe9"),
        ("form-data; name=a; filename=\"old\"; filename*=UTF-8''new", "a", "new"),
        ("form-data; name=a; filename*=UTF-8''new; filename=\"old\"", "a", "new"),
        ("form-data; name*=UTF-8''caf%C3%A9; filename*=UTF-8''", "caf\xe9", ""),
        ("form-data; name=a; filename*=UTF-8''%ff%zz", "a", "\ufffd%zz"),
        ("form-data; name=a; filename*=b.txt", "a", "b.txt"),
        ("form-data; name=a; filename*0=b.txt", "a", "b.txt"),
        ('form-data; name="a"; filename="say \\"hi\\".txt"', "a", 'say "hi".txt'),
        ('form-data; name="a"; filename="\\"; b.txt"', "a", '"; b.txt'),
        ('form-data; name="a"; filename="a\\";b\\"c"', "a", 'a";b"c'),
        ('form-data; name="a"; filename="a\\"; b=c.txt"', "a", 'a"; b=c.txt'),
        ('form-data; name="a"; filename="C:\\dir\\b.txt"', "a", "C:\\dir\\b.txt"),
        # A backslash at the end of a name
        ('form-data; name="a"; filename="dir\\"', "a", "dir\\"),
        ('form-data; name="a"; filename="\\"', "a", "\\"),
        ('form-data; name="a"; filename="dir\\\\"', "a", "dir\\\\"),
        ('form-data; name="a"; filename="dir\\" ; x="y"', "a", "dir\\"),
        ('form-data; filename="b\\"; name="a"', "a", "b\\"),
        ('form-data; name="a\\"; filename="b\\"', "a\\", "b\\"),
        ("form-data; name=\"a\\\"; filename*=UTF-8''b", "a\\", "b"),
        ('form-data; name="a"; filename', "a", None),
        ('form-data; name=""', "", None),
        ("form-data; x; name=a;", "a", None),
        ("form-data", None, None),
    ):
        assert read_disposition(value) == ("form-data", name, filename), (value, read_disposition(value))
    assert read_disposition("") == ("", None, None) and read_disposition(' Attachment ; name="a"') == ("attachment", "a", None)


# Whether such a part is a file would be a guess.
def test_a_quoted_string_without_an_end():
    for value in ('name="a"; filename="x', 'name="a', 'name="', 'name="a"; x=""; filename="', 'filename="x; name="a"; y="'):
        check(part(disposition="form-data; " + value) + LAST, [-400])


def test_names_are_utf8():
    check(part(disposition='form-data; name="caf\xe9 \u20ac\U0001f600"') + LAST, [("caf\xe9 \u20ac\U0001f600", None, None, b"v"), "end"])
    check(part(disposition='form-data; name="a"; filename="\xe9"') + LAST, [("a", "\xe9", None, b"v"), "end"])
    for raw in (b"caf\xe9", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xe2\x82"):
        for disposition in ('form-data; name="?"', 'form-data; name="a"; filename="?"'):
            check(part(disposition=disposition).replace(b"?", raw) + LAST, [-400])


def test_heads_as_real_clients_write_them():
    file = ("n", "f", "image/png", b"v")
    for disposition, lines in (
        ('form-data;\r\n name="n";\r\n\tfilename="f"', "Content-Type: image/png\r\n"),
        ('form-data; name="n"; filename="f"', "X: a\r\n b\r\n\tc\r\nContent-Type:\r\n image/png\r\n"),
        ('form-data; name="n"; filename="f"', "X-Caf\xe9: y\r\n".replace("\xe9", "e") + "X: caf\xe9\r\ncontent-type:image/png \r\n"),
        ('form-data; name="n"; filename="f"', "X: \x00\x01\x7f\r\nCONTENT-TYPE: image/png\r\n"),
        ('form-data; name="n"; filename="f"', "X:\r\nContent-Type: image/png\r\nContent-Type: text/plain\r\n"),
        ('form-data; name="n"; filename="f"', "Content-Transfer-Encoding: Binary\r\nContent-Type: image/png\r\n"),
    ):
        check(part(disposition=disposition, lines=lines) + LAST, [file, "end"])
    check(part(disposition='form-data; name="a\x00b"; filename="c\x00\x7fd"') + LAST, [("a\0b", "c\0\x7fd", None, b"v"), "end"])
    long = part(disposition='form-data; name="n"; filename="%s"' % ("x" * 255), lines="Y: %s\r\n" % ("y" * 765))
    assert events([long + LAST])[0][1] == "x" * 255
    parser = Parser("XX")
    parser.feed(part(lines="X-A: a\r\n  b\r\nX-B: caf?\r\n").replace(b"?", b"\xe9"))
    assert parser.parse() == PART
    assert (parser.header("x-a"), parser.header("X-B")) == ("a  b", "caf\xe9")  # UTF-8, or else Latin-1


def test_contents_that_are_encoded():
    for coding in ("base64", "quoted-printable", "X-Other"):
        check(part(lines="Content-Transfer-Encoding: %s\r\n" % coding) + LAST, [-415])
    for coding in ("7bit", "8Bit", "binary", ""):
        check(part(lines="content-transfer-encoding: %s\r\n" % coding) + LAST, [("n", None, None, b"v"), "end"])


def test_other_fields_of_a_part():
    parser = Parser("XX")
    parser.feed(part(lines="X-A: 1\r\nx-b:  2 \r\n"))
    assert parser.parse() == PART
    assert (parser.header("x-a"), parser.header("X-B"), parser.header("X-C", "3")) == ("1", "2", "3")


def test_boundaries_that_cannot_be():
    for boundary in ("", None, "x" * 71):
        try:
            Parser(boundary)
        except ValueError:
            continue
        raise AssertionError(boundary)
    long = "x" * 70
    data = part().replace(b"XX", long.encode()) + LAST.replace(b"XX", long.encode())
    assert events([data], long) == [("n", None, None, b"v"), "end"]


def test_memory_does_not_depend_on_what_comes():
    parser = Parser("XX")
    parser.feed(part(b"", 'form-data; name="f"; filename="a"')[:-2])
    piece = (b"\r\n--X" * 60 + b"\r" * 60 + b"\0" * 100)[:400]
    total = 0
    sizes = set()
    for _ in range(200):
        parser.feed(piece)
        ev = parser.parse()
        while ev != NEED:
            if ev == DATA:
                total += len(parser.view())
            ev = parser.parse()
        sizes.add(len(parser.buf.data))
    assert total >= 200 * 400 - 6 and len(sizes) == 1, (total, sizes)
