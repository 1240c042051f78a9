# Uploads, in an App and with events: what arrives, what is refused, and that nothing is left of what is not whole.

import gc
import os

import mungo
from app_client import split
from mungo.app import App
from mungo.http import upload
from mungo.http.formdata import Form
from mungo.http.upload import File, UploadError, clean, safe_name
from mungo.http.wholefile import WholeFile, offset
from net import Client, listening
from raising import raised
from runner import Skip
from waiting import turns, until

MIN_HEAP = "400k"

FOLDER = "build/uploads-of-tests"


def part(content, disposition):
    return b"--XX\r\nContent-Disposition: form-data; " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


FORM = part(b"hello", 'name="note"') + part(b"\0\r\n--X" * 300, 'name="file"; filename="a.bin"')
LAST = b"--XX--\r\n"
TYPE = "Content-Type: multipart/form-data; boundary=XX\r\n"


def names():
    return sorted(os.listdir(FOLDER))


def read(name):
    with open(FOLDER + "/" + name, "rb") as file:
        return file.read()


class Site:
    """`with Site(is_app) as it`: a server in a folder that is empty at first; each voice answers alike."""

    def __init__(self, is_app, **options):
        for folder in ("build", FOLDER):
            if not upload.stat(folder)[0]:
                os.mkdir(folder)
        for name in os.listdir(FOLDER):
            os.remove(FOLDER + "/" + name)
        self.options = options
        self.ups = []
        self.mgr = mungo.Manager(body_limit=1000)
        if is_app:
            app = App()
            app.post("/form", stream=True)(self.form)
            app.put("/raw/<name>", stream=True)(self.raw)
            self.listener, self.port = listening(lambda url: app.attach(self.mgr, url))
        else:
            _, self.port = listening(lambda url: self.mgr.http_listen(url, self.fn))
        self.client = None

    def form(self, req):
        up = yield from upload.receive(req, Form, FOLDER, **self.options)
        self.ups.append(up)
        return "%d files" % len(up.files)

    def raw(self, req, name):
        up = yield from upload.receive(req, WholeFile, FOLDER, name, **self.options)
        self.ups.append(up)
        return "%d %s" % (up.offset, up.is_whole)

    def fn(self, c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_HDRS and hm.match("/form"):
            upload.take(c, hm, Form, FOLDER, **self.options)
        elif ev == mungo.EV_HTTP_HDRS and hm.match("/raw/*"):
            upload.take(c, hm, WholeFile, FOLDER, hm.uri[5:], **self.options)
        elif ev == mungo.EV_HTTP_MSG:
            up = hm.sink
            self.ups.append(up)
            c.http_reply(200, {}, "%d files" % len(up.files) if hm.match("/form") else "%d %s" % (up.offset, up.is_whole))

    def ask(self, target, lines, body, method="POST", length=None, pieces=1000):
        """(status, body) of the answer; a kept-alive connection is used again."""
        if self.client is None or self.client.ended:
            self.client = Client(self.mgr, self.port)
        self.client.got = b""
        length = len(body) if length is None else length
        self.client.send(("%s %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n" % (method, target, lines, length)).encode())
        for at in range(0, len(body), pieces):
            if self.client.got:
                break  # it has answered already
            self.client.send(body[at : at + pieces])
            turns(self.mgr, 2)
            self.client.look()
        answer, _ = split(self.client.until(lambda c: split(c.got) is not None))
        if answer.field("connection") == "close":  # no need to wait until it lingers no more
            self.client.close()
            self.client = None
        self.offset = answer.field("upload-offset")
        return answer.status, answer.body

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.client:
            self.client.close()
        assert self.mgr.stats["bugs"] == 0 or kind
        assert self.mgr.close()
        assert not upload._open


def both(test):
    """Make `test(is_app)` a test of both voices."""

    def run():
        for is_app in (True, False):
            try:
                test(is_app)
            except Exception:
                print("App" if is_app else "events")
                raise

    return run


@both
def test_a_form_arrives(is_app):
    with Site(is_app) as it:
        for pieces in (10000, 1, 7):
            assert it.ask("/form", TYPE, FORM + LAST, pieces=pieces) == (200, b"1 files")
            up = it.ups.pop()
            assert up.fields == {"note": "hello"} and up.received == up.total == len(FORM + LAST)
            assert [(file.field, file.name, file.size) for file in up.files] == [("file", "a.bin", 1800)]
            assert names() == ["a.bin"] and read("a.bin") == b"\0\r\n--X" * 300


@both
def test_fields_of_a_form(is_app):
    with Site(is_app) as it:
        body = part(b"1", 'name="a"') + part(b"2", 'name="a"') + part(b"caf\xc3\xa9", 'name="b"') + part(b"", 'name="f"; filename=""')
        assert it.ask("/form", TYPE, body + LAST) == (200, b"0 files")
        assert it.ups[0].fields == {"a": "1", "b": "caf\xe9"} and names() == []


@both
def test_a_file_as_it_is_arrives(is_app):
    with Site(is_app) as it:
        assert it.ask("/raw/x.bin", "", b"abc" * 1000, "PUT") == (200, b"3000 True")
        assert it.ask("/raw/x.bin", "", b"", "PUT") == (200, b"0 True")
        assert names() == ["x.bin"] and read("x.bin") == b""
        it.client.got = b""
        it.client.send(b"PUT /raw/y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        it.client.until_has(b"5 True")
        assert read("y") == b"abcde"


@both
def test_an_older_file_stays_until_the_new_one_is_whole(is_app):
    with Site(is_app) as it:
        it.ask("/raw/x", "", b"old", "PUT")
        client = Client(it.mgr, it.port, b"PUT /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nnew")
        until(lambda: len(names()) == 2, it.mgr)
        assert read("x") == b"old"
        client.send(b"est")
        client.until_has(b"6 True")
        assert read("x") == b"newest" and names() == ["x"]
        client.close()


@both
def test_forms_that_are_wrong_leave_nothing(is_app):
    with Site(is_app, limit=5000, field_limit=20, head_limit=200, parts=3) as it:
        for status, lines, body in (
            (415, "", FORM + LAST),
            (415, "Content-Type: multipart/form-data\r\n", FORM + LAST),
            (415, "Content-Type: multipart/mixed; boundary=XX\r\n", FORM + LAST),
            (415, "Content-Type: multipart/form-data; boundary=%s\r\n" % ("x" * 71), FORM + LAST),
            (400, TYPE, FORM),
            (400, TYPE, b""),
            (400, TYPE, FORM + b"--XX"),
            (400, TYPE, FORM + b"--XXY\r\n" + LAST),
            (400, TYPE, FORM + part(b"\xff", 'name="x"') + LAST),
            (400, TYPE, FORM + part(b"\xc0\xaf", 'name="x"') + LAST),  # a slash in too many bytes
            (400, TYPE, FORM + part(b"\xed\xa0\x80", 'name="x"') + LAST),  # half of a pair
            (400, TYPE, FORM + part(b"x", 'name="x"; filename=".."') + LAST),
            (431, TYPE, FORM + part(b"x", 'name="%s"' % ("x" * 300)) + LAST),
            (413, TYPE, FORM + part(b"x" * 21, 'name="x"') + LAST),
            (413, TYPE, FORM + part(b"x", 'name="x"') * 2 + LAST),
            (413, TYPE, b"x" * 5001),
        ):
            assert it.ask("/form", lines, body)[0] == status, (status, lines, body[-50:])
            assert names() == [] and not it.ups, body
        assert it.ask("/form", TYPE, FORM + LAST) == (200, b"1 files")


@both
def test_too_large_is_said_before_it_comes(is_app):
    with Site(is_app, limit=5000) as it:
        for target, lines, method, length in (
            ("/form", TYPE, "POST", 5001),
            ("/raw/x", "", "PUT", 5001),
            ("/raw/x", "Content-Range: bytes 0-9/5001\r\n", "PUT", 10),
        ):
            assert it.ask(target, lines, b"", method, length)[0] == 413
        # Without a length it is found out.
        client = Client(it.mgr, it.port, b"PUT /raw/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1390\r\n" + b"x" * 5008)
        client.until_has(b"HTTP/1.1 413")
        client.close()
        assert names() == []
        # What is as long as the limit is not too long.
        assert it.ask("/raw/x", "", b"x" * 5000, "PUT")[0] == 200


@both
def test_no_room_is_said_before_it_comes(is_app):
    known = upload.free_bytes
    upload.free_bytes = lambda folder: 10000
    try:
        with Site(is_app) as it:
            assert it.ask("/raw/x", "", b"", "PUT", 5000)[0] == 507
            assert it.ask("/form", TYPE, b"", "POST", 5000)[0] == 507
            assert it.ask("/raw/x", "", b"x" * 1000, "PUT")[0] == 200
            upload.free_bytes = lambda folder: None  # a system that can't tell
            assert it.ask("/raw/x", "", b"x" * 5000, "PUT")[0] == 200
    finally:
        upload.free_bytes = known


@both
def test_the_disk_is_full_in_the_middle(is_app):
    if not upload.stat("/dev/full")[0]:
        return
    with Site(is_app) as it:
        os.system("ln -s /dev/full %s/.x.part" % FOLDER)
        assert it.ask("/raw/x", "Content-Range: bytes 0-4999/5000\r\n", b"x" * 5000, "PUT")[0] == 507
        os.remove(FOLDER + "/.x.part")
        assert names() == []


@both
def test_a_client_that_leaves_leaves_nothing(is_app):
    with Site(is_app) as it:
        for at in (0, 1, 60, 100, 150, len(FORM) - 1, len(FORM + LAST) - 1):
            head = "POST /form HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n" % (TYPE, len(FORM + LAST))
            client = Client(it.mgr, it.port, head.encode())
            client.send((FORM + LAST)[:at])
            turns(it.mgr, 3)
            client.close()
            until(lambda: it.mgr.accepted == 0, it.mgr)
            assert names() == [] and not it.ups, at


@both
def test_the_manager_closes_in_the_middle(is_app):
    with Site(is_app) as it:
        client = Client(it.mgr, it.port, b"PUT /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nnew")
        until(names, it.mgr)
        it.mgr.close()
        assert names() == []
        client.close()


@both
def test_progress_reaches_the_program(is_app):
    seen = []
    with Site(is_app, progress=lambda up: seen.append((up.received, up.total))) as it:
        it.ask("/raw/x", "", b"x" * 3000, "PUT", pieces=500)
        assert seen[-1] == (3000, 3000) and len(seen) >= 3
        assert [received for received, _ in seen] == sorted(received for received, _ in seen)


@both
def test_resuming(is_app):
    data = b"0123456789" * 100
    with Site(is_app) as it:

        def put(first, last, length=1000, body=None):
            unit = "Bytes" if first else "bytes"  # (in any case, RFC 9110 section 14.1)
            lines = "Content-Range: %s %d-%d/%d\r\n" % (unit, first, last, length)
            return it.ask("/raw/x", lines, data[first : last + 1] if body is None else body, "PUT")

        assert offset(FOLDER, "x") == 0
        assert put(0, 399) == (200, b"400 False") and offset(FOLDER, "x") == 400
        assert names() == [".x.part"]
        for first in (1, 399, 401, 500):
            assert put(first, 999)[0] == 409 and it.offset == "400"
        assert put(400, 499) == (200, b"500 False")
        assert put(500, 999) == (200, b"1000 True")
        assert names() == ["x"] and read("x") == data
        # Anew, and broken off.
        client = Client(it.mgr, it.port, b"PUT /raw/x HTTP/1.1\r\nHost: a\r\nContent-Range: bytes 0-999/1000\r\n")
        client.send(b"Content-Length: 1000\r\n\r\n" + data[:123])
        until(lambda: offset(FOLDER, "x") == 123, it.mgr)
        assert put(123, 999)[0] == 409  # one at a time
        client.close()
        until(lambda: not upload._open, it.mgr)
        assert names() == [".x.part", "x"] and read("x") == data
        assert put(123, 999) == (200, b"1000 True")
        assert names() == ["x"] and read("x") == data


@both
def test_ranges_that_cannot_be(is_app):
    with Site(is_app) as it:
        for value in (
            "bytes 0-9",
            "bytes 0-9/*",
            "bytes */10",
            "bytes 5-4/10",
            "bytes 0-10/10",
            "bytes 0-8/10",
            "bytes 0-10/20",
            "bytes -1-8/10",
            "lines 0-9/10",
            "bytes 0-9/1e1",
            "bytes 0x0-9/10",
            "0-9/10",
            "bytes 0-9/" + "1" * 5000,
            "",
        ):
            assert it.ask("/raw/x", "Content-Range: %s\r\n" % value, b"0123456789", "PUT")[0] == 400, value
            assert names() == []


def test_cleaning_up():
    with Site(True) as it:
        it.ask("/raw/x", "Content-Range: bytes 0-2/10\r\n", b"abc", "PUT")
        it.ask("/raw/y", "", b"abc", "PUT")
        with open(FOLDER + "/.99.tmp", "w") as file:  # as a power cut leaves it
            file.write("x")
        client = Client(it.mgr, it.port, b"PUT /raw/z HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nnew")
        until(lambda: len(names()) == 4, it.mgr)
        assert clean(FOLDER) == 2  # what is being written stays
        client.send(b"est")
        client.until_has(b"6 True")
        assert names() == ["y", "z"] and clean(FOLDER) == 0
        for name in (".spart", ".tmp2"):  # a program's own files
            with open(FOLDER + "/" + name, "w") as file:
                file.write("x")
        assert clean(FOLDER) == 0
        for name in (".spart", ".tmp2"):
            os.remove(FOLDER + "/" + name)
        client.close()


def test_names_never_leave_the_folder():
    for name, expected in (
        ("a.txt", "a.txt"),
        ("caf\xe9 1.txt", "caf\xe9 1.txt"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.py", "boot.py"),
        ("C:\\dir\\a.txt", "a.txt"),
        ("C:a.txt", "C_a.txt"),
        ("a/b\\c", "c"),
        (".hidden", "hidden"),
        ("..a", "a"),
        (".7.tmp", "7.tmp"),
        ("a.", "a"),
        ("a. . ", "a"),
        ("a\0b", "a_b"),
        ("a\nb\x7f", "a_b_"),
        ('"*:<>?|', "_______"),
        ("..%2fa", "..%2fa".strip(".")),
        ("a/", "a"),
        ("x/a\\", "a"),
        ("C:\\dir\\", "dir"),
        ("a//\\/", "a"),
        ("x" * 255, "x" * 255),
        ("\xe9" * 127, "\xe9" * 127),
    ):
        assert safe_name(name) == expected, (name, safe_name(name))
    for name in ("", ".", "..", "...", "/", "../", "..\\", " ", ". .", "a/..", "/.", "\\"):
        assert raised(UploadError, safe_name, name).status == 400, name


def test_long_names_are_shortened_before_the_extension():
    for name, limit, expected in (
        ("x" * 256, 255, "x" * 255),
        ("x" * 300 + ".txt", 255, "x" * 251 + ".txt"),
        ("x" * 251 + ".txt", 255, "x" * 251 + ".txt"),
        ("\xe9" * 200 + ".jpeg", 255, "\xe9" * 125 + ".jpeg"),
        ("a" + "\xe9" * 200 + ".jpeg", 255, "a" + "\xe9" * 124 + ".jpeg"),  # no half of a character
        ("\u20ac" * 100, 100, "\u20ac" * 33),
        ("\U0001f600" * 100 + ".png", 99, "\U0001f600" * 23 + ".png"),
        ("abc.d.e.txt", 8, "abc.txt"),  # no dot at the end
        ("abcdefgh.tar.gz", 10, "abcdefg.gz"),
        ("a." + "x" * 300, 255, "a." + "x" * 253),  # that is no extension
        ("x" * 20 + ".", 10, "x" * 10),
        ("/y/" + "x" * 300 + ".html/", 255, "x" * 250 + ".html"),
        ("x" * 99 + " .txt", 100, "x" * 96 + ".txt"),
        ("xxxx   yyyyyyyyyyy.txt", 10, "xxxx.txt"),
    ):
        found = safe_name(name, limit)
        assert found == expected and len(found.encode()) <= limit, (name, found)
        assert safe_name(found, limit) == found


@both
def test_names_as_long_as_the_file_system_has_them(is_app):
    with Site(is_app) as it:
        most = os.statvfs(FOLDER)[9] if hasattr(os, "statvfs") else 255
        for name in ("x" * (most - 4) + ".txt", "x" * 800 + ".txt", "\xe9" * 300 + ".txt"):
            assert it.ask("/form", TYPE, part(b"abc", 'name="f"; filename="%s"' % name) + LAST) == (200, b"1 files")
            found = it.ups.pop().files[0].name
            assert names() == [found] and found[-4:] == ".txt" and most - 1 <= len(found.encode()) <= most and read(found) == b"abc"
            os.remove(FOLDER + "/" + found)


@both
def test_resumed_names_that_are_too_long(is_app):
    # The name of the partial file is longer than that of the file.
    with Site(is_app) as it:
        name = "x" * 250 + ".bin"
        assert it.ask("/raw/" + name, "Content-Range: bytes 0-2/5\r\n", b"abc", "PUT") == (200, b"3 False")
        assert offset(FOLDER, name) == 3
        assert it.ask("/raw/" + name, "Content-Range: bytes 3-4/5\r\n", b"de", "PUT") == (200, b"5 True")
        assert offset(FOLDER, name) == 0
        assert len(names()) == 1 and names()[0][-5:] == "x.bin" and read(names()[0]) == b"abcde"


@both
def test_whatever_the_name_a_file_stays_a_file(is_app):
    with Site(is_app) as it:
        for disposition, expected in (
            ("name=\"f\"; filename*=UTF-8''caf%C3%A9.txt", "caf\xe9.txt"),
            ('name="f"; filename="dir\\"', "dir"),
            ('filename="dir\\"; name="f"', "dir"),
            ('name="f"; filename="say \\"hi\\".txt"', "say _hi_.txt"),
            ('name="f"; filename="a%22b.txt"', "a%22b.txt"),  # what browsers make of a quote
            ('name="f"; filename="a\0b.txt"', "a_b.txt"),
            ('name="f"; filename="a\tb.txt"', "a_b.txt"),
            ('name="f"; filename="caf\xe9 \u20ac\U0001f600.txt"', "caf\xe9 \u20ac\U0001f600.txt"),
            ('name="f";\r\n filename="folded.txt"', "folded.txt"),
            ("name=f; filename=plain.txt", "plain.txt"),
        ):
            assert it.ask("/form", TYPE, part(b"abc", disposition) + LAST) == (200, b"1 files"), disposition
            up = it.ups.pop()
            assert up.fields == {} and up.files[0].field == "f" and names() == [expected], (disposition, names())
            assert read(expected) == b"abc"
            os.remove(FOLDER + "/" + expected)


@both
def test_a_form_keeps_all_values_of_a_name(is_app):
    with Site(is_app) as it:
        body = b"".join([part(value, 'name="%s"' % name) for name, value in (("a", b"1"), ("b", b"x"), ("a", b""), ("a", b"1"))])
        assert it.ask("/form", TYPE, body + LAST) == (200, b"0 files")
        fields = it.ups[0].fields
        assert fields == {"a": "1", "b": "x"} and [fields.getlist(name) for name in "abc"] == [["1", "", "1"], ["x"], []]


@both
def test_the_default_limits_fit_a_page_of_settings(is_app):
    from mungo.port import Limits

    most = min(Limits.body_limit, 65536) if Limits.body_limit >= 65536 else Limits.body_limit // 2
    if hasattr(gc, "mem_free") and gc.mem_free() + gc.mem_alloc() < 20 * most:
        raise Skip("the heap is not a host's")
    with Site(is_app) as it:
        body = b"".join([part(b"v" * (most // 100), 'name="setting %d"' % n) for n in range(100)])
        assert it.ask("/form", TYPE, body + LAST) == (200, b"0 files")
        fields = it.ups.pop().fields
        assert len(fields) == 100 and fields["setting 99"] == "v" * (most // 100)
        assert it.ask("/form", TYPE, part(b"v" * (most + 1), 'name="a"') + LAST)[0] == 413
        assert it.ask("/form", TYPE, part(b"v", 'name="a"') * 129 + LAST)[0] == 413


@both
def test_parts_that_are_encoded_are_refused(is_app):
    with Site(is_app) as it:
        for coding, status in (("base64", 415), ("Quoted-Printable", 415), ("x-uue", 415), ("8bit", 200), ("BINARY", 200), ("7bit ", 200)):
            for disposition in ('name="a"', 'name="f"; filename="f"'):
                body = part(b"YWJj", disposition + "\r\nContent-Transfer-Encoding: " + coding)
                assert it.ask("/form", TYPE, body + LAST)[0] == status, coding
                assert names() == (["f"] if status == 200 and "filename" in disposition else [])
                for name in names():
                    os.remove(FOLDER + "/" + name)


@both
def test_names_of_forms_and_paths_never_leave_the_folder(is_app):
    with Site(is_app) as it:
        for name in ("../escaped", "/tmp/escaped", "..\\escaped", "./escaped", "x/../../escaped"):
            body = part(b"x", 'name="f"; filename="%s"' % name)
            assert it.ask("/form", TYPE, body + LAST) == (200, b"1 files")
            assert names() == ["escaped"], name
        assert it.ask("/raw/..", "", b"x", "PUT")[0] in (400, 404)
        if is_app:
            assert it.ask("/raw/..%2Fescaped2", "", b"x", "PUT") == (200, b"1 True")
            assert names() == ["escaped", "escaped2"]
        assert not upload.stat("build/escaped")[0] and not upload.stat("build/escaped2")[0]


def test_a_folder_is_not_overwritten():
    with Site(True) as it:
        os.mkdir(FOLDER + "/sub")
        try:
            assert it.ask("/raw/sub", "", b"x", "PUT")[0] == 409
        finally:
            os.rmdir(FOLDER + "/sub")
        assert names() == []


def test_a_file_that_is_closed_before_it_is_kept_is_gone():
    with Site(True):
        file = File(FOLDER, "x")
        file.write(b"abc")
        assert names() != []
        file.close()
        file.close()
        assert names() == []


@both
def test_a_bug_in_the_program_leaves_nothing(is_app):
    def progress(up):
        raise KeyError("bug")

    with Site(is_app, progress=progress) as it:
        assert it.ask("/raw/x", "", b"x" * 3000, "PUT")[0] == 500
        assert names() == [] and it.mgr.stats["bugs"] == 1
        it.mgr.stats["bugs"] = 0


class Failing:
    """In the place of an open file: `close` fails."""

    def __init__(self, file, error):
        self.file = file
        self.error = error

    def write(self, piece):
        return self.file.write(piece)

    def close(self):
        self.file.close()
        raise self.error


def test_a_client_that_leaves_is_told_to_the_program_though_a_file_fails_to_close():
    for error in (MemoryError("none"), OSError(5)):
        with Site(False) as it:
            seen = []
            two = part(b"one", 'name="a"; filename="a"') + part(b"two", 'name="b"; filename="b"')
            head = b"POST /form HTTP/1.1\r\nHost: a\r\n" + TYPE.encode() + b"Content-Length: 9999\r\n\r\n"
            client = Client(it.mgr, it.port, head + two + part(b"three" * 200, 'name="c"; filename="c"'))
            until(lambda it=it: len(upload._open) == 3, it.mgr)
            up = [c for c in it.mgr.conns if c.is_accepted][0].proto.sink
            up.fn = lambda c, ev, data, fn_data, seen=seen: seen.append(ev)
            for file in up.files:
                if file.file is not None:
                    file.file = Failing(file.file, error)
            client.close()
            until(lambda it=it: it.mgr.accepted == 0, it.mgr)
            assert seen[-1] == mungo.EV_CLOSE, seen
            assert it.mgr.stats["bugs"] == 1
            it.mgr.stats["bugs"] = 0
            assert names() == []


class Files(upload.Upload):
    """An upload of these files."""

    def __init__(self, files):
        self.files = files


def test_each_file_of_an_upload_is_closed_though_one_fails():
    with Site(True):
        files = [File(FOLDER, name) for name in "abc"]
        files[0].file = Failing(files[0].file, MemoryError("none"))
        files[1].file = Failing(files[1].file, OSError(28))  # no room: it is removed, so that does not matter
        raised(MemoryError, Files(files).close)
        assert names() == []
