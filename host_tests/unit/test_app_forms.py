# Forms in ordinary routes of an App, whose body was collected: fields and files in memory, in the loop and in a worker.

import _thread
import builtins

from app_client import Served
from mungo.app import App
from mungo.http.file_name import safe_name
from mungo.http.form_reader import FormReader, read
from mungo.http.status_error import UploadError
from raising import raised

MIN_HEAP = "400k"

URLENCODED = "Content-Type: application/x-www-form-urlencoded\r\n"
MULTIPART = "Content-Type: multipart/form-data; boundary=XX\r\n"
LAST = b"--XX--\r\n"


def part(content, disposition, lines=""):
    return ("--XX\r\nContent-Disposition: form-data; %s\r\n%s\r\n" % (disposition, lines)).encode() + content + b"\r\n"


BODY = (
    part(b"hello", 'name="note"')
    + part(b"1", 'name="tag"')
    + part(b"2", 'name="tag"')
    + part("caf\xe9".encode(), 'name="caf\xe9"')
    + part(b"\0\r\n--X" * 300, 'name="file"; filename="../a\\b.bin"', "Content-Type: image/png\r\n")
    + part(b"", 'name="file"; filename=""', "Content-Type: application/octet-stream\r\n")  # no second one was chosen
    + part(b"x", "name=\"other\"; filename*=UTF-8''%e2%82%ac.txt")
    + part(b"", 'name="other"; filename="empty"')
)


def look(req):
    form = req.form
    files = req.files
    assert req.has_form
    file = files["file"]
    return {
        "form": sorted(form.items()),
        "tags": form.getlist("tag"),
        "none": form.getlist("none") + files.getlist("none") + [form.get("none")],
        "files": sorted(files),
        "file": [file.field, file.filename, file.name, file.type, file.size, bytes(file.data) == b"\0\r\n--X" * 300],
        "others": [[it.filename, it.name, it.type, bytes(it.data).decode()] for it in files.getlist("other")],
    }


SEEN = {
    "form": [["caf\xe9", "caf\xe9"], ["note", "hello"], ["tag", "1"]],
    "tags": ["1", "2"],
    "none": [None],
    "files": ["file", "other"],
    "file": ["file", "../a\\b.bin", "b.bin", "image/png", 1800, True],
    "others": [["\u20ac.txt", "\u20ac.txt", None, "x"], ["empty", "empty", None, ""]],
}


def both(app, fn):
    app.post("/loop")(fn)
    app.post("/worker", worker=True)(fn)
    return ("/loop", "/worker")


def test_a_form_with_files_arrives():
    import json

    app = App()
    paths = both(app, look)
    with Served(app) as site:
        for path in paths:
            answer = site.ask(path, "POST", MULTIPART, BODY + LAST)
            assert answer.status == 200 and json.loads(answer.body) == SEEN, answer.body
        assert site.bugs == 0


def test_a_worker_imports_nothing_for_a_form():
    app = App(workers=1)
    loop = _thread.get_ident()
    imported = []
    real = builtins.__import__

    def spy(name, *args):
        if _thread.get_ident() != loop:
            imported.append(name)
        return real(name, *args)

    app.post("/", worker=True)(lambda req: [req.form["note"], req.files["file"].name])
    with Served(app) as site:
        builtins.__import__ = spy
        try:
            assert site.ask("/", "POST", MULTIPART, BODY + LAST).status == 200
            assert site.ask("/", "POST", MULTIPART, b"x").status == 400
            assert site.ask("/", "POST", "Content-Type: text/plain\r\n", b"x").status == 415
        finally:
            builtins.__import__ = real
        assert not imported and site.bugs == 0, imported


def test_other_types_are_415():
    app = App()
    paths = both(app, lambda req: [sorted(req.form.items()), sorted(req.files)])
    with Served(app) as site:
        for path in paths:
            for lines in (
                "",
                "Content-Type: application/json\r\n",
                "Content-Type: text/plain\r\n",
                "Content-Type: multipart/mixed; boundary=XX\r\n",
                "Content-Type: multipart/form-data\r\n",
                "Content-Type: multipart/form-data; boundary=\r\n",
                "Content-Type: multipart/form-data; boundary=%s\r\n" % ("x" * 71),
                "Content-Type: xmultipart/form-data; boundary=XX\r\n",
            ):
                assert site.ask(path, "POST", lines, BODY + LAST).status == 415, lines
            for lines in ("", "Content-Type: application/json\r\n", URLENCODED):
                assert site.ask(path, "POST", lines, b"").body == b"[[], []]"  # nothing is no form
            assert site.ask(path, "POST", URLENCODED, b"a=1").body == b'[[["a", "1"]], []]'
            lines = 'content-type: Multipart/Form-Data ; x=y; Boundary="XX"\r\n'
            assert site.ask(path, "POST", lines, BODY + LAST).status == 200
        assert site.bugs == 0


def test_files_of_another_type_are_415_as_well():
    app = App()
    app.post("/")(lambda req: str(len(req.files)))
    with Served(app) as site:
        assert site.ask("/", "POST", "Content-Type: text/plain\r\n", b"a=1").status == 415
        assert site.ask("/", "POST", URLENCODED, b"a=1").body == b"0"


def test_whether_there_is_a_form():
    app = App()
    app.post("/")(lambda req: str(req.has_form))
    with Served(app) as site:
        for lines, found in ((URLENCODED, b"True"), (MULTIPART, b"True"), ("", b"False"), ("Content-Type: application/json\r\n", b"False")):
            assert site.ask("/", "POST", lines, b"x").body == found


def test_forms_that_are_wrong():
    app = App()
    paths = both(app, lambda req: "%d" % len(req.form))
    with Served(app) as site:
        for path in paths:
            for status, body in (
                (400, BODY),  # cut short
                (400, b"x"),
                (400, BODY + b"--XXY\r\n" + LAST),
                (400, part(b"\xff", 'name="a"') + LAST),
                (400, part(b"\xc0\xaf", 'name="a"') + LAST),
                (400, part(b"v", 'name="@"').replace(b"@", b"\xc0\xaf") + LAST),
                (400, part(b"v", 'filename="a"') + LAST),
                (413, part(b"", 'name="a"') * 257 + LAST),
                (431, part(b"", 'name="%s"' % ("x" * 2100)) + LAST),
                (415, part(b"YQ==", 'name="a"', "Content-Transfer-Encoding: base64\r\n") + LAST),
                (200, part(b"", 'name="a"') * 256 + LAST),
                (200, LAST),
            ):
                assert site.ask(path, "POST", MULTIPART, body).status == status, (status, body[:100])
        assert site.bugs == 0


def test_body_limit_holds():
    app = App()
    app.post("/")(lambda req: "%d" % len(req.files["f"].data))
    with Served(app, body_limit=3000) as site:
        assert site.ask("/", "POST", MULTIPART, part(b"x" * 2800, 'name="f"; filename="f"') + LAST).body == b"2800"
        assert site.ask("/", "POST", MULTIPART, part(b"x" * 3000, 'name="f"; filename="f"') + LAST).status == 413


def test_a_name_of_which_nothing_is_left():
    app = App()
    app.post("/name")(lambda req: req.files["f"].name)
    app.post("/filename")(lambda req: req.files["f"].filename)
    with Served(app) as site:
        body = part(b"x", 'name="f"; filename=".."') + LAST
        assert site.ask("/name", "POST", MULTIPART, body).status == 400
        assert site.ask("/filename", "POST", MULTIPART, body).body == b".."
        assert site.bugs == 0


def test_the_cuts_make_no_difference():
    fields, files = read(BODY + LAST, "multipart/form-data; boundary=XX")
    assert sorted(fields.items()) == [("caf\xe9", "caf\xe9"), ("note", "hello"), ("tag", "1")]
    body = part(b"v" * 100, 'name="a"') + part(b"\r\n--X", 'name="b"') + LAST
    for size in (1, 2, 3, 7, 64, 1000):
        reader = FormReader("multipart/form-data; boundary=XX", None)
        for at in range(0, len(body), size):
            reader.feed(body[at : at + size])
        reader.finish()
        assert reader.fields == {"a": "v" * 100, "b": "\r\n--X"}
    reader = FormReader("multipart/form-data; boundary=XX", None)
    reader.feed(body[:-6])
    assert raised(UploadError, reader.finish).status == 400


def test_a_boundary_may_have_70_characters():
    mark = "x" * 70
    reader = FormReader("multipart/form-data; boundary=" + mark, None)
    reader.feed((part(b"v", 'name="a"') + LAST).replace(b"XX", mark.encode()))
    reader.finish()
    assert reader.fields == {"a": "v"}


def test_names_are_the_same_as_those_of_uploads():
    _, files = read(part(b"x", 'name="f"; filename="%s"' % ("/a" * 10 + "x" * 300 + ".txt")) + LAST, "multipart/form-data; boundary=XX")
    assert files["f"].name == safe_name("ax" + "x" * 300 + ".txt") and len(files["f"].name) == 255
