# Files over HTTP: what is found, and what never is.

import os
import time

from app_client import Served
from mungo.app import App
from mungo.http import files
from mungo.http.conditions import http_date
from mungo.http.disposition import attachment, read_disposition
from mungo.http.upload import clean
from sites import CANARY, Serving, Site, drain, pattern, write

MIN_HEAP = "600k"

# Each of these must not get at what is outside the root, nor at a hidden file.
TRAVERSALS = """
/../canary.txt
/../../../../../../etc/passwd
/..
/../
/./../canary.txt
/docs/../../canary.txt
/docs/../page.html
/docs/./a.txt
/docs/..
/docs/.
/%2e%2e/canary.txt
/%2E%2E/canary.txt
/.%2e/canary.txt
/%2e./canary.txt
/%2e%2e%2fcanary.txt
/..%2fcanary.txt
/..%2Fcanary.txt
/docs/%2e%2e/%2e%2e/canary.txt
/docs%2f..%2f..%2fcanary.txt
/%252e%252e/canary.txt
/%252e%252e%252fcanary.txt
/..%252fcanary.txt
/%25252e%25252e/canary.txt
/..%5ccanary.txt
/..%5C..%5Ccanary.txt
/docs%5c..%5c..%5ccanary.txt
/%5c..%5ccanary.txt
/%5cetc%5cpasswd
/page.html%00
/page.html%00.txt
/%00
/..%00/canary.txt
/docs/%00../../canary.txt
//etc/passwd
/%2fetc%2fpasswd
/%2Fetc/passwd
///etc/passwd
/docs//a.txt
//docs/a.txt/..
/C:%5cWindows%5cwin.ini
/file:%2f%2f%2fetc/passwd
/..;/canary.txt
/.../canary.txt
/....//canary.txt
/%20../canary.txt
/..%20/canary.txt
/.%20./canary.txt
/..%09/canary.txt
/..%0d%0a/canary.txt
/%c0%ae%c0%ae/canary.txt
/%c0%ae%c0%ae%c0%afcanary.txt
/%e0%80%ae%e0%80%ae/canary.txt
/%f0%80%80%ae%f0%80%80%ae/canary.txt
/%ef%bc%8e%ef%bc%8e/canary.txt
/%u002e%u002e/canary.txt
/%2
/%zz/canary.txt
/~root/canary.txt
/.hidden
/%2ehidden
/.git/config
/docs/.htpasswd
/.
/page.html/
/page.html/../../canary.txt
/page.html%2f
/page.html.
/page.html%20
/link-to-file.txt
/link-to-folder/canary.txt
/link-to-folder/
/link-to-etc/passwd
/docs/link-up/canary.txt
/twin.txt
/pipe
/proc/self/environ
http://a/../canary.txt
http://a/%2e%2e/canary.txt
""".split()


def make_traps(site):
    os.mkdir(site.root + "/docs")
    os.mkdir(site.root + "/.git")
    site.write("page.html", b"<p>page")
    site.write("docs/a.txt", b"a")
    site.write(".hidden", CANARY)
    site.write(".git/config", CANARY)
    site.write("docs/.htpasswd", CANARY)
    site.write("twin.txt", b"no secret")
    write(site.root + "/..\\canary.txt", CANARY)
    write(site.root + "/docs\\..\\..\\canary.txt", CANARY)
    os.system(
        "cd '%s' && ln -s ../canary.txt link-to-file.txt && ln -s .. link-to-folder && ln -s /etc link-to-etc && ln -s ../.. docs/link-up"
        " && ln -s ../canary.txt twin.txt.gz && mkfifo pipe" % site.root
    )


def test_no_path_leaves_the_root():
    assert len(TRAVERSALS) >= 40
    with Serving() as site:
        make_traps(site)
        assert site.ask("/page.html").status == 200
        for target in TRAVERSALS:
            for lines in ("", "Accept-Encoding: gzip\r\n"):
                answer = site.ask(target, lines=lines)
                assert b"CANARY" not in answer.body and b"root:" not in answer.body, target
                if target == "/twin.txt":  # its twin is a link to a secret: the file itself is none
                    assert (answer.status, answer.body, answer.field("vary")) == (200, b"no secret", None), answer.fields
                else:
                    assert answer.status == 404, (target, answer.status)


def test_nor_where_there_are_no_links():
    # As on a board: there only the look at the path itself is in between.
    with Serving(links=True) as site:
        make_traps(site)
        for target in TRAVERSALS:
            if "link" not in target and target != "/twin.txt":
                answer = site.ask(target)
                assert answer.status == 404, (target, answer.status, answer.body)


def test_nor_with_the_conveniences_switched_on():
    with Serving(listing=True, fallback="page.html") as site:
        make_traps(site)
        for target in TRAVERSALS:
            answer = site.ask(target)
            assert b"CANARY" not in answer.body and b"root:" not in answer.body, target
            assert answer.status == 404 or answer.body in (b"<p>page", b"no secret"), (target, answer.status)
        listed = site.ask("/").body
        assert b"page.html" in listed and b"docs/" in listed, listed
        for name in (b"hidden", b".git", b"link-to", b"pipe"):
            assert name not in listed, listed


def test_an_app_is_as_safe():
    import mungo
    from app_client import Served

    app = mungo.App()

    @app.get("/<path:rest>")
    def everything(req, rest):
        return files.send(root[0], rest)

    @app.errorhandler(404)
    def missing(req, error):
        return "nothing here"

    root = []
    with Serving() as site, Served(app) as served:
        root.append(site.root)
        make_traps(site)
        assert served.ask("/page.html").body == b"<p>page"
        for target in TRAVERSALS:
            answer = served.ask(target)
            assert b"CANARY" not in answer.body and b"root:" not in answer.body, target
            if target != "/twin.txt" and answer.status != 400:  # a wrong escape
                assert (answer.status, answer.body) == (404, b"nothing here"), (target, answer.status, answer.body)
        assert served.bugs == 0


def test_links_are_followed_if_the_program_says_so():
    with Serving(links=True) as site:
        make_traps(site)
        assert site.ask("/link-to-file.txt").body == CANARY
        assert site.ask("/../canary.txt").status == 404


def test_the_root_itself_may_be_a_link():
    with Serving() as site:
        make_traps(site)
        os.system("ln -s www '%s/here'" % site.top)
        site.options["root"] = site.top + "/here/"
        assert site.ask("/page.html").body == b"<p>page"
        assert site.ask("/link-to-file.txt").status == 404


def test_a_folder():
    with Serving() as site:
        os.mkdir(site.root + "/docs")
        site.write("index.html", b"<h1>home</h1>")
        site.write("docs/index.html", b"<h1>docs</h1>")
        site.write("caf\xe9 1.txt", b"coffee")
        os.mkdir(site.root + "/empty")
        answer = site.ask("/")
        assert (answer.status, answer.body) == (200, b"<h1>home</h1>")
        assert answer.field("content-type") == "text/html; charset=utf-8" and answer.field("accept-ranges") == "bytes"
        assert answer.field("vary") is None and answer.field("content-encoding") is None
        assert site.ask("/index.html").body == b"<h1>home</h1>"
        assert site.ask("/docs/").body == b"<h1>docs</h1>"
        for target, where in (("/docs", "./docs/"), ("/docs?a=1&b=2", "./docs/?a=1&b=2"), ("/%64ocs", "./%64ocs/")):
            answer = site.ask(target)
            assert (answer.status, answer.field("location")) == (301, where), (target, answer.fields)
        assert site.ask("/caf%C3%A9%201.txt").body == b"coffee"
        assert site.ask("/empty/").status == 404
        assert site.ask("/index.html?v=3").body == b"<h1>home</h1>"
        for target in ("/nothing.txt", "/docs/nothing", "/index.html/", "/index.html/x"):
            answer = site.ask(target)
            assert (answer.status, answer.body) == (404, b"no such file\n"), target
        site.options["index"] = "main.htm"
        assert site.ask("/").status == 404


def test_one_file():
    with Serving() as site:
        site.write("page.html", b"<p>page")
        site.options = {"root": site.root + "/page.html", "path": ""}
        for target in ("/", "/anything", "/a/b/../c"):
            assert site.ask(target).body == b"<p>page", target


def test_head_and_other_methods():
    with Serving() as site:
        site.write("small.txt", b"x" * 100)
        site.write("large.txt", b"x" * 5000)
        for name, n in (("/small.txt", 100), ("/large.txt", 5000)):
            answer = site.ask(name, "HEAD")
            assert (answer.status, answer.body, answer.field("content-length")) == (200, b"", str(n))
            assert answer.fields == site.ask(name).fields  # the same connection: nothing followed the head
            answer = site.ask(name, "HEAD", "Range: bytes=0-1\r\n")  # a range is for GET
            assert (answer.status, answer.field("content-length")) == (200, str(n))
        os.mkdir(site.root + "/docs")
        conditions = (
            "",
            'If-Match: "other"\r\n',
            "If-None-Match: *\r\n",
            "If-Modified-Since: Wed, 02 Jan 2030 00:00:00 GMT\r\nRange: bytes=0-1\r\n",
            "If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT\r\nRange: bytes=999-\r\n",
        )
        for lines in conditions:  # which are for what would be answered by 200
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
                answer = site.ask("/small.txt", method, lines)
                assert (answer.status, answer.field("allow")) == (405, "GET, HEAD"), (method, lines)
            assert site.ask("/missing.txt", lines=lines).status == 404, lines
            assert site.ask("/docs", lines=lines).status == 301, lines


def test_content_types():
    expected = {
        "a.html": "text/html; charset=utf-8",
        "a.HTM": "text/html; charset=utf-8",
        "a.css": "text/css; charset=utf-8",
        "a.js": "text/javascript; charset=utf-8",
        "a.mjs": "text/javascript; charset=utf-8",
        "a.json": "application/json",
        "a.txt": "text/plain; charset=utf-8",
        "a.csv": "text/csv; charset=utf-8",
        "a.svg": "image/svg+xml",
        "a.png": "image/png",
        "a.jpg": "image/jpeg",
        "a.gif": "image/gif",
        "a.webp": "image/webp",
        "a.ico": "image/x-icon",
        "a.woff": "font/woff",
        "a.woff2": "font/woff2",
        "a.ttf": "font/ttf",
        "a.otf": "font/otf",
        "a.wasm": "application/wasm",
        "a.webmanifest": "application/manifest+json",
        "a.js.map": "application/json",
        "a.xml": "application/xml",
        "a.zip": "application/zip",
        "a.gz": "application/gzip",
        "a.tar": "application/x-tar",
        "a.tar.gz": "application/gzip",
        "a.md": "text/markdown; charset=utf-8",
        "a.log": "text/plain; charset=utf-8",
        "a.vtt": "text/vtt; charset=utf-8",
        "a.avif": "image/avif",
        "a.bmp": "image/bmp",
        "a.wav": "audio/wav",
        "a.ogg": "audio/ogg",
        "a.m4a": "audio/mp4",
        "a.aac": "audio/aac",
        "a.flac": "audio/flac",
        "a.mp4": "video/mp4",
        "a.WEBM": "video/webm",
        "a.mov": "video/quicktime",
        "a.pdf": "application/pdf",
        "a.mp3": "audio/mpeg",
        "a.min.js": "text/javascript; charset=utf-8",
        "a.c": "application/octet-stream",  # (the beginning of another)
        "a.h": "application/octet-stream",
        "a.text": "application/octet-stream",
        "a.": None,
        "html": "application/octet-stream",
    }
    with Serving() as site:
        for name in expected:
            site.write(name, b"x", None)
            assert site.ask("/" + name).status == (200 if expected[name] else 404)
            if expected[name]:
                assert site.ask("/" + name).field("content-type") == expected[name], name
        site.options["headers"] = {"Content-Type": "text/x-c", "Cache-Control": "max-age=60", "X-Content-Type-Options": "nosniff"}
        answer = site.ask("/a.c")
        assert answer.field("content-type") == "text/x-c" and answer.field("cache-control") == "max-age=60"
        assert answer.field("x-content-type-options") == "nosniff"


def test_the_twin_is_for_who_takes_gzip():
    table = (
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("br;q=1.0, gzip;q=0.001", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip ; q=0.5", True),
        ("br,\tgzip\t;\tq=1", True),
        ('br;x="a,gzip;q=0", gzip', True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("*;q=0, gzip", True),
        ("", False),
        ("notgzip", False),
        ("gzipped, br", False),
        ("gzip;\tq=0", False),
        ("gzip;q=", False),
        ('"gzip', False),
        ('br;x="gzip, gzip"', False),
        ("identity", False),
        ("br, deflate", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0", False),
        ("gzip; q=0.000, br", False),
        ("gzip ;q=0,*;q=1", False),
        ("identity;q=1, gzip;Q=0", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
    )
    with Serving() as site:
        site.write("app.js", b"let plain = 1;")
        site.write("app.js.gz", b"\x1f\x8bnot really")
        site.write("alone.js", b"1")
        tags = set()
        for value, is_packed in table:
            answer = site.ask("/app.js", lines="Accept-Encoding: %s\r\n" % value if value else "")
            assert answer.field("vary") == "accept-encoding", value
            assert answer.field("content-type") == "text/javascript; charset=utf-8"
            assert answer.body == (b"\x1f\x8bnot really" if is_packed else b"let plain = 1;"), value
            assert answer.field("content-encoding") == ("gzip" if is_packed else None), value
            tags.add((is_packed, answer.field("etag")))
        assert len(tags) == 2 and len({tag for _, tag in tags}) == 2, tags
        tag = dict(tags)[True]
        both = "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n" % tag
        answer = site.ask("/app.js", lines=both)
        assert (answer.status, answer.field("etag"), answer.field("vary")) == (304, tag, "accept-encoding")
        assert site.ask("/app.js", lines="If-None-Match: %s\r\n" % tag).status == 200  # the other one
        answer = site.ask("/app.js.gz")
        assert answer.field("content-encoding") is None and answer.field("vary") is None
        answer = site.ask("/alone.js", lines="Accept-Encoding: gzip\r\n")
        assert answer.field("content-encoding") is None and answer.field("vary") is None
        answer = site.ask("/app.js", lines="Accept-Encoding: gzip\r\nRange: bytes=0-1\r\n")
        assert (answer.status, answer.body, answer.field("content-range")) == (206, b"\x1f\x8b", "bytes 0-1/12")


def test_if_there_is_only_the_twin_it_answers():
    packed = b"\x1f\x8b" + bytes(3000)
    with Serving() as site:
        os.mkdir(site.root + "/docs")
        os.mkdir(site.root + "/folder")
        site.write("app.js.gz", packed)
        site.write("docs/index.html.gz", packed)
        site.write("folder.gz", packed)
        site.write("page.html.gz", packed)
        write(site.root + ".gz", CANARY)  # beside the root
        gzip = "Accept-Encoding: gzip\r\n"
        for target, media_type in (("/app.js", "text/javascript; charset=utf-8"), ("/docs/", "text/html; charset=utf-8")):
            for method in ("GET", "HEAD"):
                answer = site.ask(target, method, gzip)
                assert (answer.status, answer.body) == (200, packed if method == "GET" else b""), target
                assert answer.field("content-encoding") == "gzip" and answer.field("content-type") == media_type
                assert answer.field("vary") == "accept-encoding" and answer.field("content-length") == str(len(packed))
            for lines in ("", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0\r\n", "Accept-Encoding:\r\n"):
                answer = site.ask(target, lines=lines)
                assert (answer.status, answer.body) == (406, b"only as gzip\n"), (target, lines)
                assert answer.field("vary").lower() == "accept-encoding" and answer.field("content-encoding") is None
        tag = site.ask("/app.js", lines=gzip).field("etag")
        assert site.ask("/app.js", lines=gzip + "If-None-Match: %s\r\n" % tag).status == 304
        assert site.ask("/app.js", lines=gzip + "Range: bytes=0-1\r\n").body == b"\x1f\x8b"
        answer = site.ask("/app.js.gz")  # by its own name it is what it is
        assert (answer.status, answer.body, answer.field("content-type")) == (200, packed, "application/gzip")
        assert answer.field("content-encoding") is None
        for target in ("/app.js/", "/app", "/app.js.gz.gz", "/", "/folder/"):
            assert site.ask(target, lines=gzip).status == 404, target
        assert site.ask("/folder", lines=gzip).status == 301  # the folder has this name
        site.options["fallback"] = "page.html"
        answer = site.ask("/any/page", lines=gzip)
        assert (answer.status, answer.body, answer.field("content-encoding")) == (200, packed, "gzip")
        assert site.ask("/any/page").status == 406
        site.options = {"root": site.root + "/page.html", "path": ""}
        assert site.ask("/x", lines=gzip).body == packed and site.ask("/x").status == 406


def test_a_status_of_its_own_and_only_the_twin():
    app = App()
    app.errorhandler(404)(lambda req, er: files.send(site.root, "gone.html"))
    with Site() as site:
        site.write("gone.html.gz", b"\x1f\x8bgone")
        with Served(app) as served:
            answer = served.ask("/x", lines="Accept-Encoding: gzip\r\n")
            assert (answer.status, answer.body, answer.field("content-encoding")) == (404, b"\x1f\x8bgone", "gzip")
            answer = served.ask("/x")
            assert (answer.status, answer.body) == (404, b"Not Found\n")
            assert served.bugs == 0


def test_downloads():
    with Serving() as site:
        site.write("log.txt", b"x" * 5000)
        site.write("app.js.gz", b"\x1f\x8b")
        for name, value in (
            ("log.txt", 'filename="log.txt"'),
            ("a b;c=d.txt", 'filename="a b;c=d.txt"'),
            ('say "hi".txt', "filename=\"say _hi_.txt\"; filename*=UTF-8''say%20%22hi%22.txt"),
            ("back\\slash", "filename=\"back_slash\"; filename*=UTF-8''back%5Cslash"),
            ("100%41.txt", "filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"),
            ("caf\xe9 \u20ac\U0001f600.txt", "filename=\"caf_ __.txt\"; filename*=UTF-8''caf%C3%A9%20%E2%82%AC%F0%9F%98%80.txt"),
            ("a/b", "filename=\"a_b\"; filename*=UTF-8''a%2Fb"),
            ("a\r\nX: y\0", "filename=\"a__X: y_\"; filename*=UTF-8''a%0D%0AX%3A%20y%00"),
            ("'*'()", "filename=\"'*'()\""),
            ("\xe9'*'()", "filename=\"_'*'()\"; filename*=UTF-8''%C3%A9%27%2A%27%28%29"),
        ):
            site.options["download_as"] = name
            answer = site.ask("/log.txt")
            assert answer.status == 200 and answer.field("content-disposition") == "attachment; " + value, answer.fields
            assert answer.field("content-type") == "text/plain; charset=utf-8"
        for lines, status in (("Range: bytes=0-1\r\n", 206), ("", 200)):
            answer = site.ask("/log.txt", "GET", lines)
            assert answer.status == status and answer.field("content-disposition"), lines
        assert site.ask("/log.txt", "HEAD").field("content-disposition")
        assert site.ask("/app.js", lines="Accept-Encoding: gzip\r\n").field("content-disposition")
        assert site.ask("/none").field("content-disposition") is None
        site.options["download_as"] = ""
        assert site.ask("/log.txt").field("content-disposition") is None
    # What the fields say is the name, also to this library's own reader.
    for name in ("caf\xe9.txt", "a;b.txt", "\U0001f600", 'q"x', "\\"):
        assert read_disposition(attachment(name)) == ("attachment", None, name)


def test_a_folder_whose_name_is_not_ascii():
    with Serving() as site:
        os.mkdir(site.root + "/caf\xe9")
        site.write("caf\xe9/\u20ac.txt", b"coffee")
        answer = site.ask("/caf\xe9?\xfc")
        assert (answer.status, answer.field("location")) == (301, "./caf%C3%A9/?%C3%BC")
        assert site.ask("/caf\xe9/\u20ac.txt").body == site.ask("/caf%C3%A9/%E2%82%AC.txt").body == b"coffee"


def test_conditional_requests():
    date = "Tue, 02 Jan 2024 03:04:05 GMT"
    with Serving() as site:
        site.write("a.txt", b"0123456789")
        answer = site.ask("/a.txt")
        tag = answer.field("etag")
        assert tag[0] == '"' and answer.field("last-modified") == date, answer.fields
        none = "If-None-Match: "
        since = "If-Modified-Since: "
        table = (
            (none + tag, 304),
            (none + "W/" + tag, 304),
            (none + '"a", ' + tag + ' , "b"', 304),
            (none + "*", 304),
            (none + '"a",\t' + tag, 304),
            (none + '"a,b", ' + tag, 304),
            (none + '"a\\", ' + tag, 304),  # a backslash is a character like any other
            (none + '"a,' + tag.strip('"') + ',b"', 200),
            (none + '"a, ' + tag, 200),  # never closed
            (none + "w/" + tag, 200),  # (case-sensitive)
            (none + '"other"', 200),
            (none + "\r\n" + since + date, 200),  # it is there, and no tag is among none
            (none + " , ,\r\n" + since + date, 200),
            (none + tag.strip('"'), 200),
            (none + tag[:-1] + 'x"', 200),
            (since + date, 304),
            (since + "Tue, 02 Jan 2024 03:04:06 GMT", 304),
            (since + "Wed, 02 Jan 2030 00:00:00 GMT", 304),
            (since + "Thu, 01 Feb 2024 00:00:00 GMT", 304),
            (since + "Tue, 02 Jan 2024 03:04:04 GMT", 200),
            (since + "Sun, 31 Dec 2023 23:59:59 GMT", 200),
            (since + "yesterday", 200),
            (since + "Tue Jan  2 03:04:05 2024", 304),  # an obsolete form
            (since + "Tue Jan  2 03:04:04 2024", 200),
            (since + "Tuesday, 02-Jan-24 03:04:05 GMT", 304),  # the other one
            (since + "Tuesday, 02-Jan-24 03:04:04 GMT", 200),
            (since + "Tue, 02 Abc 2030 03:04:05 GMT", 200),  # no dates
            (since + "Wed, 02 Jan 2030 00:00:00 CET", 200),
            (since + date + ", " + date, 200),
            (since + date + "\r\n" + since + date, 200),
            (none + '"other"\r\n' + none + tag, 304),  # a list may have several lines
            (none + tag + "\r\n" + none + '"other"', 304),
            (none + '"other"\r\n' + since + date, 200),  # the tag decides
            (none + tag + "\r\n" + since + "Sun, 31 Dec 2000 23:59:59 GMT", 304),
            ("If-Match: " + tag, 200),
            ("If-Match: *", 200),
            ('If-Match: "a", ' + tag, 200),
            ('If-Match: "a,b",\t' + tag, 200),
            ("If-Match: W/" + tag + ", " + tag, 200),
            ('If-Match: "other"', 412),
            ("If-Match: W/" + tag, 412),  # a strong comparison
            ("If-Match:", 412),
            ("If-Match: ,\t,", 412),
            ("If-Unmodified-Since: " + date, 200),
            ("If-Unmodified-Since: Mon, 01 Jan 2024 00:00:00 GMT", 412),
            ("If-Unmodified-Since: Mon Jan  1 00:00:00 2024", 412),
            ("If-Unmodified-Since: Monday, 01-Jan-24 00:00:00 GMT", 412),
            ("If-Unmodified-Since: Tuesday, 02-Jan-24 03:04:05 GMT", 200),
            ("If-Unmodified-Since: never", 200),
            ("If-Unmodified-Since: Mon, 01 Jan 2024 00:00:00", 200),
            ('If-Match: "other"\r\n' + none + tag, 412),  # in this order
            ("If-Unmodified-Since: Mon, 01 Jan 2024 00:00:00 GMT\r\n" + none + tag, 412),
            ("If-Match: " + tag + "\r\nIf-Unmodified-Since: Mon, 01 Jan 2024 00:00:00 GMT", 200),
            ("If-Match: " + tag + "\r\n" + none + tag, 304),
        )
        for method in ("GET", "HEAD"):
            for lines, status in table:
                answer = site.ask("/a.txt", method, lines + "\r\n")
                assert answer.status == status, (lines, answer.status)
                if status == 412:
                    assert answer.body == b""
                if status == 304:
                    assert (answer.body, answer.field("etag"), answer.field("last-modified")) == (b"", tag, date)
        site.write("a.txt", b"9876543210", "202401020304.07")
        assert site.ask("/a.txt", lines=none + tag + "\r\n").status == 200
        site.write("a.txt", b"98765432100")
        assert site.ask("/a.txt", lines=none + tag + "\r\n").status == 200


def test_a_tag_is_strong_only_if_no_later_change_can_have_it():
    with Serving() as site:
        site.write("new.txt", b"0123456789", None)
        answer = site.ask("/new.txt")
        tag = answer.field("etag")
        assert tag[:3] == 'W/"' and answer.field("last-modified") is None, answer.fields
        assert site.ask("/new.txt", lines="If-None-Match: %s\r\n" % tag).status == 304
        assert site.ask("/new.txt", lines="If-None-Match: %s\r\n" % tag[2:]).status == 304
        for value, status in ((tag, 412), (tag[2:], 412), ('"a", , "b"', 412), ("*", 200)):
            assert site.ask("/new.txt", lines="If-Match: %s\r\n" % value).status == status, value
        for lines in ("If-Modified-Since: Wed, 02 Jan 2030 00:00:00 GMT\r\n", "If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT\r\n"):
            assert site.ask("/new.txt", lines=lines).status == 200, lines  # there is no date to compare with
        assert site.ask("/new.txt", lines="Range: bytes=0-1\r\n").status == 206
        assert site.ask("/new.txt", lines="Range: bytes=0-1\r\nIf-Range: %s\r\n" % tag).status == 200
        for stamp in ("202001010000.00", "203501010000.00"):  # of a clock that was never set; of one that was set wrong
            site.touch("new.txt", stamp)
            answer = site.ask("/new.txt")
            assert answer.field("etag")[:2] == "W/" and answer.field("last-modified") is None, (stamp, answer.fields)
        site.touch("new.txt", "202401020304.05")
        assert site.ask("/new.txt").field("last-modified")
        files.time = lambda: 1000  # our clock was never set
        try:
            answer = site.ask("/new.txt")
            assert answer.field("etag")[:2] == "W/" and answer.field("last-modified") is None, answer.fields
        finally:
            files.time = time.time


def test_changed_content_is_sent_whatever_the_clock_says():
    with Serving() as site:

        def put(data, stamp):
            site.write("a.txt", data, None)
            if stamp:
                site.touch("a.txt", stamp)

        # A clock that starts at the same time at each reset; one that was set wrong; a file that has only just been written.
        for stamp in ("202101010000.30", "203501010000.00", None):
            put(b"version 1", stamp)
            tag = site.ask("/a.txt").field("etag")
            lines = "If-None-Match: %s\r\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n" % tag
            assert site.ask("/a.txt", lines=lines).status == 304
            put(b"version 2", stamp)
            for value in (tag, tag[2:], '"x", ' + tag):
                answer = site.ask("/a.txt", lines="If-None-Match: %s\r\n" % value)
                assert (answer.status, answer.body) == (200, b"version 2"), (stamp, value)
            assert answer.field("etag") != tag
        large = bytes(20000)  # to read it each time would take long
        put(large, "202101010000.30")
        answer = site.ask("/a.txt", lines='If-None-Match: ""\r\n')
        assert (answer.status, answer.field("etag"), len(answer.body)) == (200, None, 20000)


def test_dates_that_are_none_are_ignored():
    with Serving() as site:
        site.write("a.txt", b"text")
        assert site.ask("/a.txt", lines="If-Modified-Since: Sun, 06 Nov 2050 08:49:37 GMT\r\n").status == 304
        for value in (
            "Sun, 31 Nov 2050 08:49:37 GMT",
            "Sun, 06 Nov 2050 24:49:37 GMT",
            "Sun, 00 Nov 2050 08:49:37 GMT",
            "Sun, 06 Nov 2050 08:49:37",
            "2050-11-06T08:49:37Z",
            "tomorrow",
            "0",
            "",
        ):
            for name in ("If-Modified-Since", "If-Unmodified-Since"):
                assert site.ask("/a.txt", lines="%s: %s\r\n" % (name, value)).status == 200, (name, value)
        assert site.ask("/a.txt", lines="If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status == 412
        assert site.ask("/a.txt", lines="If-Unmodified-Since: Sun, 31 Nov 1994 08:49:37 GMT\r\n").status == 200


def test_ranges():
    table = (
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 10000),
        ("bytes=0-9999", 0, 10000),
        ("bytes=9999-", 9999, 1),
        ("bytes=100-199", 100, 100),
        ("bytes=100-5099", 100, 5000),
        ("bytes=5000-99999999999", 5000, 5000),
        ("bytes=-1", 9999, 1),
        ("bytes=-9999", 1, 9999),
        ("bytes=-10000", 0, 10000),
        ("bytes=-123456789012345678", 0, 10000),
        ("BYTES=1-2", 1, 2),
        ("bytes=0001-0002", 1, 2),
        ("bytes=10000-", 416, 0),
        ("bytes=10000-10001", 416, 0),
        ("bytes=99999999999999999999-", 416, 0),
        ("bytes=-0", 416, 0),
        ("bytes=1-2,", 1, 2),  # empty members of the list
        ("bytes= 1-2", 1, 2),
        ("bytes=, ,\t1-2 ,", 1, 2),
        ("bytes=,-1", 9999, 1),
        ("bytes=,10000-", 416, 0),
        ("bytes=,", 200, 0),
        ("bytes=, 0-1,5-6", 200, 0),
        ("bytes=0-1,5-6", 200, 0),  # several: the whole, see conditions.evaluate
        ("bytes=5-6, 0-1", 200, 0),
        ("bytes=2-1", 200, 0),  # not valid: as if there were none
        ("bytes=", 200, 0),
        ("bytes=-", 200, 0),
        ("bytes=a-b", 200, 0),
        ("bytes=1-2-3", 200, 0),
        ("bytes=--1", 200, 0),
        ("bytes=+1-2", 200, 0),
        ("bytes=1 - 2", 200, 0),
        ("bytes=\xb2-", 200, 0),
        ("bytes=1", 200, 0),
        ("bytes 1-2", 200, 0),
        ("lines=1-2", 200, 0),
        ("bytes=0-" + "9" * 5000, 200, 0),
    )
    data = pattern(10000)
    with Serving() as site:
        site.write("a.bin", data)
        site.write("empty.bin", b"")
        for value, start, n in table:
            answer = site.ask("/a.bin", lines="Range: %s\r\n" % value)
            if start == 416:
                assert (answer.status, answer.field("content-range"), answer.body) == (416, "bytes */10000", b""), value
            elif start == 200 and not n:
                assert (answer.status, answer.field("content-range")) == (200, None) and answer.body == data, value
            else:
                assert answer.status == 206 and answer.body == data[start : start + n], (value, answer.status)
                assert answer.field("content-range") == "bytes %d-%d/10000" % (start, start + n - 1), value
                assert answer.field("content-length") == str(n), value
        for value in ("bytes=0-", "bytes=-5", "bytes=1-"):
            answer = site.ask("/empty.bin", lines="Range: %s\r\n" % value)
            assert (answer.status, answer.body, answer.field("content-length")) == (200, b"", "0"), value
        tag = site.ask("/a.bin").field("etag")
        date = site.ask("/a.bin").field("last-modified")
        for value, status in (
            (tag, 206),
            (date, 206),
            ("Tuesday, 02-Jan-24 03:04:05 GMT", 206),
            ("Tue Jan  2 03:04:05 2024", 206),
            ("Tue Jan  2 03:04:06 2024", 200),
            ("W/" + tag, 200),
            ('"other"', 200),
            ("Tue, 02 Jan 2024 03:04:06 GMT", 200),
            ("Mon, 01 Jan 2024 00:00:00 GMT", 200),
        ):
            answer = site.ask("/a.bin", lines="Range: bytes=5-6\r\nIf-Range: %s\r\n" % value)
            assert answer.status == status and len(answer.body) == (2 if status == 206 else 10000), value
            assert site.ask("/a.bin", lines="If-Range: %s\r\n" % value).status == 200, value  # of nothing
            answer = site.ask("/a.bin", "HEAD", "Range: bytes=5-6\r\nIf-Range: %s\r\n" % value)
            assert (answer.status, answer.field("content-length")) == (200, "10000"), value
        assert site.ask("/a.bin", lines="Range: bytes=0-1\r\nRange: bytes=5-6\r\n").body == data
        lines = "Range: bytes=20000-\r\nIf-None-Match: %s\r\n" % tag
        assert site.ask("/a.bin", lines=lines).status == 304  # conditions come first


def test_a_part_and_a_304_have_the_fields_of_the_whole():
    mine = {
        "Cache-Control": "max-age=60",
        "Content-Location": "/b.txt",
        "Date": "Wed, 03 Jan 2024 00:00:00 GMT",
        "Expires": "Thu, 04 Jan 2024 00:00:00 GMT",
        "Content-Language": "en",
    }
    with Serving(headers=mine) as site:
        site.write("a.txt", b"0123456789")
        site.write("a.txt.gz", b"\x1f\x8bnot really")
        for lines, n in (("", 10), ("Accept-Encoding: gzip\r\n", 12)):
            whole = site.ask("/a.txt", lines=lines)
            fields = dict(whole.fields)
            assert fields.pop("content-length") == str(n)
            for name in mine:
                assert whole.dates == [mine[name]] if name == "Date" else fields[name.lower()] == mine[name], name
            for name in ("etag", "last-modified", "vary", "content-type", "accept-ranges"):
                assert fields[name], name
            assert ("content-encoding" in fields) == (n == 12)
            for more in ("", "If-Range: %s\r\n" % fields["etag"]):
                part = site.ask("/a.txt", lines=lines + more + "Range: bytes=2-4\r\n")
                seen = dict(part.fields)
                assert part.dates == whole.dates
                assert (part.status, part.body, seen.pop("content-length")) == (206, whole.body[2:5], "3")
                assert seen.pop("content-range") == "bytes 2-4/%d" % n
                assert seen == fields and len(part.fields) == len(whole.fields) + 1, part.fields
            answer = site.ask("/a.txt", lines=lines + "If-None-Match: %s\r\n" % fields["etag"])
            assert (answer.status, answer.body, answer.field("content-length"), answer.dates) == (304, b"", None, whole.dates)
            for name in ("content-type", "content-encoding", "accept-ranges"):  # which it need not have
                fields.pop(name, None)
            assert dict(answer.fields) == fields, answer.fields


def test_dates():
    from mungo.http import date

    moments = (
        (784111777, "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"),
        (951782400, "Tue, 29 Feb 2000 00:00:00 GMT", "Tuesday, 29-Feb-00 00:00:00 GMT", "Tue Feb 29 00:00:00 2000"),
        (978307199, "Sun, 31 Dec 2000 23:59:59 GMT", "Sunday, 31-Dec-00 23:59:59 GMT", "Sun Dec 31 23:59:59 2000"),
        (978307200, "Mon, 01 Jan 2001 00:00:00 GMT", "Monday, 01-Jan-01 00:00:00 GMT", "Mon Jan  1 00:00:00 2001"),
        (1709208000, "Thu, 29 Feb 2024 12:00:00 GMT", "Thursday, 29-Feb-24 12:00:00 GMT", "Thu Feb 29 12:00:00 2024"),
        (1727779199, "Tue, 01 Oct 2024 10:39:59 GMT", "Tuesday, 01-Oct-24 10:39:59 GMT", "Tue Oct  1 10:39:59 2024"),
        (1735084800, "Wed, 25 Dec 2024 00:00:00 GMT", "Wednesday, 25-Dec-24 00:00:00 GMT", "Wed Dec 25 00:00:00 2024"),
    )
    last = ""
    for seconds, *texts in moments:
        assert http_date(time.gmtime(seconds)) == texts[0]
        parsed = {date.parse_date(text) for text in texts}
        assert len(parsed) == 1, (texts, parsed)
        assert last < min(parsed), texts
        last = min(parsed)
    try:
        for now, two, year in ((2026, 75, 2075), (2026, 77, 1977), (2026, 26, 2026), (2026, 0, 2000), (2099, 0, 2100), (1999, 99, 1999)):
            date.gmtime = lambda now=now: (now, 6, 1, 0, 0, 0, 0, 152)
            text = "Monday, 01-Jun-%02d 00:00:00 GMT" % two
            assert date.parse_date(text) == date.parse_date("Mon, 01 Jun %d 00:00:00 GMT" % year), (now, text)
    finally:
        date.gmtime = time.gmtime
    for text in (
        "0",
        "Sun",
        "Sun, ",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 anF 1994 08:49:37 GMT",
        "Sun, 06 111 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994day,00-M-00 00:00:00 GMT 08:49:37 GMT",
        "d08:49:37 GMT:37 GMTday,00-M-00 00:00:00 GMT",
        "Sunday, 06-Nov-94 08:49:37 GNovT",
        "Su Nov  6 08:49:37 1994",
        "x" * 5000,
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 2094 08:49:37 GMT",
        "Sun, 32 Dec 2094 08:49:37 GMT",
        "Sun, 30 Feb 2096 08:49:37 GMT",
        "Sun, 29 Feb 2095 08:49:37 GMT",
        "Sun, 29 Feb 2100 08:49:37 GMT",
        "Sun, 06 Nov 2094 24:00:00 GMT",
        "Sun, 06 Nov 2094 08:60:37 GMT",
        "Sun, 06 Nov 2094 08:49:61 GMT",
        "Sunday, 31-Jun-94 08:49:37 GMT",
        "Sun Nov 31 08:49:37 2094",
    ):
        assert date.parse_date(text) == "", text
    for text in ("Sat, 31 Dec 2016 23:59:60 GMT", "Tue, 29 Feb 2000 00:00:00 GMT", "Mon, 31 Jan 2000 00:00:00 GMT"):
        assert date.parse_date(text), text


def test_sizes_about_the_edges_of_buffers():
    with Serving() as site:
        rx = site.mgr.rx_bytes
        for n in (0, 1, 2047, 2048, 2049, rx - 1, rx, rx + 1, 2 * rx, 2 * rx + 1):
            site.write("a.bin", pattern(n), None)
            answer = site.ask("/a.bin")
            assert answer.body == pattern(n) and answer.field("content-length") == str(n), n
        assert not site.mgr.resuming


def test_a_list_shows_names_as_they_are():
    names = ["a.txt", "b & <c>.txt", 'say "hi" #1?.txt', "100%.txt", "caf\xe9.txt", "it's.txt"]
    with Serving(listing=True) as site:
        os.mkdir(site.root + "/sub & folder")
        for name in names:
            site.write(name, name.encode(), None)
        body = site.ask("/").body
        links = [str(part.split(b'"', 1)[0], "utf-8") for part in body.split(b'<a href="')[1:]]
        assert len(links) == 7 and body.count(b"<") == 2 * 7 + 7 + 5, body
        assert b"b &amp; &lt;c>.txt" in body and b"<c>" not in body
        seen = set()
        for link in links:
            assert link[:2] == "./", link
            answer = site.ask(link[1:])
            assert answer.status == 200, link
            if link[-1] != "/":
                seen.add(str(answer.body, "utf-8"))
        assert seen == set(names), seen
        assert site.ask("/sub%20%26%20folder").field("location") == "./sub%20%26%20folder/"
        site.write("index.html", b"index", None)
        assert site.ask("/").body == b"index"
    with Serving() as site:
        assert site.ask("/").status == 404


# Other systems may have left them. No request can name them, and a list has no links that lead nowhere.
def test_names_that_cannot_be_asked_for():
    with Serving(listing=True) as site:
        site.write("a.txt", b"a")
        bad = [site.root.encode() + b"/" + name for name in (b"caf\xe9.txt", b"\xff", b"a\xed\xa0\x80")]
        for name in bad + [site.root + "/a\nb.txt", site.root + "/a\\b.txt"]:
            with open(name, "wb") as file:
                file.write(b"x")
        try:
            assert site.ask("/a.txt").body == b"a"
            assert site.ask("/").body.count(b"<a ") == 1
            for target in ("/caf%E9.txt", "/caf%C3%A9.txt", "/a%0Ab.txt", "/a%5Cb.txt"):
                assert site.ask(target).status == 404, target
            assert clean(site.root) == 0
        finally:
            for name in bad:  # (so that others can list the folder)
                os.remove(name)


def test_a_fallback_is_for_pages_not_for_assets():
    with Serving(fallback="index.html") as site:
        site.write("index.html", b"the app")
        for target in ("/", "/users/7", "/users/", "/deep/er/path"):
            answer = site.ask(target)
            assert (answer.status, answer.body) == (200, b"the app"), target
        for target in ("/missing.js", "/users/a.png"):
            assert site.ask(target).status == 404, target


def test_pipelined_requests_are_answered_in_order():
    # Behind a file whose bytes pass through the very buffer in which they came.
    with Serving() as site:
        site.write("a.bin", pattern(15000))
        site.write("b.bin", pattern(3000, 4000))
        site.write("c.txt", b"c")
        site.ask("/c.txt")
        for target in ("/a.bin", "/b.bin", "/c.txt", "/missing", "/b.bin", "/c.txt"):
            site.mine.send(target)
        for body in (pattern(15000), pattern(3000, 4000), b"c", b"no such file\n", pattern(3000, 4000), b"c"):
            assert site.mine.answer().body == body


def test_an_http_1_0_client_gets_a_length():
    with Serving() as site:
        site.write("a.bin", pattern(15000))
        site.ask("/a.bin")
        client = site.mine.client
        client.send(b"GET /a.bin HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = site.mine.answer()
        assert answer.body == pattern(15000) and answer.field("connection") == "keep-alive"
        client.send(b"GET /a.bin HTTP/1.0\r\n\r\n")
        client.until_ended()
        assert client.got.endswith(pattern(15000)[-100:]) and b"Content-Length: 15000\r\n" in client.got


def test_a_file_that_became_shorter_ends_the_connection():
    with Serving() as site:
        site.zeros("a.bin", 20000000)
        site.ask("/missing")
        failed = site.mgr.stats["failed"]
        site.mine.send("/a.bin")
        site.mgr.poll(0)
        write(site.root + "/a.bin", b"short")
        got = drain(site.mgr, site.mine.client.sock)
        assert 0 < got < 20000000 and site.mgr.stats["failed"] == failed + 1


def test_a_program_may_send_part_of_any_file():
    from io import BytesIO

    import mungo
    from app_client import Browser
    from mungo.http.part import Part
    from net import listening

    closed = []

    class File(BytesIO):
        def close(self):
            closed.append(1)
            super().close()

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            file = File(pattern(9000))
            file.seek(100)
            c.http_reply(201, {"X": "y"}, Part(file, 7000))

    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.http_listen(url, fn))
    browser = Browser(mgr, port)
    for n in (1, 2):
        answer = browser.ask()
        assert (answer.status, answer.field("content-length"), answer.field("x")) == (201, "7000", "y")
        assert answer.body == pattern(9000)[100:7100] and len(closed) == n
    answer = browser.ask("/", "HEAD")
    assert answer.field("content-length") == "7000" and len(closed) == 3
    browser.close()
    assert mgr.close()
