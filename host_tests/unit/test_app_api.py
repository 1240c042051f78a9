# What JSON APIs want of an App: checked fields, problem details, ETags, pages; and the paths of handlers, and folders of files.

from mungo.app import App, Response, abort
from mungo.app.checks import Invalid, check
from mungo.app.etags import ETags
from mungo.app.paging import page
from mungo.app.problems import Problems
from raising import raised, refused
from sites import Site

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "400k"


def wrong(given, **fields):
    return raised(Invalid, check, given, fields).errors


def even(value):
    if value % 2:
        raise ValueError("want an even number")
    return value // 2


def test_checks_that_pass():
    fields = {"s": str, "i": int, "f": float, "b": bool, "d": dict, "l": list}
    given = {"s": "x", "i": 5, "f": 1.5, "b": True, "d": {"a": 1}, "l": [1, "x"], "more": 1}
    assert check(given, fields) == {"s": "x", "i": 5, "f": 1.5, "b": True, "d": {"a": 1}, "l": [1, "x"]}
    assert check({"i": "5", "f": "1.5"}, {"i": int, "f": float}) == {"i": 5, "f": 1.5}
    value = check({"f": 2}, {"f": float})["f"]
    assert value == 2 and isinstance(value, float)
    assert check({"a": 3, "s": "abc", "l": [1, 2]}, {"a": (int, 3, 3), "s": (str, 0, 3), "l": (list, 2, 9)})["a"] == 3
    assert check({"u": "C"}, {"u": ("C", "F")}) == {"u": "C"}
    assert check({"tags": ["a", "b"], "ns": []}, {"tags": [str], "ns": [int]}) == {"tags": ["a", "b"], "ns": []}
    assert check({"at": {"x": 1, "z": 2}}, {"at": {"x": int, "y?": int}}) == {"at": {"x": 1}}
    assert check({"a": None}, {"a?": str, "b?": int}) == {}
    assert check({"n": 4}, {"n": even}) == {"n": 2}


def test_checks_that_name_what_is_wrong():
    for value, rule, text in (
        (5, str, "want text"),
        ("x", int, "want a whole number"),
        ("", int, "want a whole number"),
        (1.5, int, "want a whole number"),
        (True, int, "want a whole number"),
        (True, float, "want a number"),
        ("x", float, "want a number"),
        (1, bool, "want true or false"),
        (None, str, "want text"),
        ([], dict, "want an object"),
        ({}, list, "want a list"),
        (151, (int, 0, 150), "want 0 to 150"),
        (-1, (int, 0, 150), "want 0 to 150"),
        ("abcd", (str, 1, 3), "want 1 to 3"),
        ("", (str, 1, 3), "want 1 to 3"),
        ("K", ("C", "F"), "want one of C, F"),
        (3, even, "want an even number"),
        (True, (0, 1), "want one of 0, 1"),
        (1.0, (0, 1), "want one of 0, 1"),
    ):
        assert wrong({"a": value}, a=rule) == {"a": text}, (value, rule)
    assert wrong({}, a=str, b=int) == {"a": "missing", "b": "missing"}
    assert wrong({"t": ["a", 1, "b", None]}, t=[str]) == {"t[1]": "want text", "t[3]": "want text"}
    assert wrong({"at": {"x": "?"}}, at={"x": int, "y": int}) == {"at.x": "want a whole number", "at.y": "missing"}
    assert wrong({"l": [{"n": 1}, {}]}, l=[{"n": int}]) == {"l[1].n": "missing"}
    for given in (None, [], "x", 5):
        assert wrong(given, a=str) == {"": "want an object"}


INF = float("1e999")


def test_numbers_are_what_they_say():
    # What Python's own int() and float() take besides, and what JSON's readers make of large exponents.
    odd = ("nan", "NaN", "inf", "-Infinity", "infinity", "1_0", " 1", "1\n", "\u0661", "0x1f", "1e400", "-1e400", "9" * 400)
    odd += (".", "-", "+", "e5", "-.e1", "1e", "--1", "1-2", "1,5", "", "1" * 50)
    for text in odd:
        assert wrong({"a": text}, a=float) == {"a": "want a number"}, text
        assert wrong({"a": text}, a=int) == {"a": "want a whole number"}, text
    for text in ("1.5", "1e2", "5."):
        assert wrong({"a": text}, a=int) == {"a": "want a whole number"}, text
    for value in (INF, -INF, INF - INF, 10**400):
        assert wrong({"a": value}, a=float) == {"a": "want a number"}, value
        assert wrong({"a": value}, a=(float, -1e300, 1e300)) == {"a": "want a number"}
    for value in (INF, INF - INF, 5.0, -0.0, False):
        assert wrong({"a": value}, a=int) == {"a": "want a whole number"}, value
    for text, value in (("-0", "0"), ("-5", "-5"), ("007", "7")):
        assert str(check({"a": text}, {"a": int})["a"]) == value, text
    for text, value in (("-0", "0.0"), (".5", "0.5"), ("1E2", "100.0")):
        assert str(check({"a": text}, {"a": float})["a"]) == value, text
    for value in (-0.0, 0):
        assert str(check({"a": value}, {"a": float})["a"]) == "0.0"


def test_numbers_of_a_request():
    app = App()
    app.post("/json")(lambda req: check(req.json, {"f": float, "n?": int}))
    app.post("/form")(lambda req: check(req.form, {"f": float, "n?": int}))
    app.get("/query")(lambda req: check(req.args, {"f": float, "n?": int}))
    app.post("/raw")(lambda req: req.json)
    kind = {"Content-Type": "application/json"}
    with app.test_client() as client:
        for text in ("1e999", "-1e999", '"nan"', '"Infinity"', "true", "null", "[1]", "9" * 400):
            status = 422 if text[0] in '"tn[' else 400
            assert client.post("/json", body='{"f": %s}' % text, headers=kind).status == status, text
        for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1E+999", "1" * 400 + ".0", "01", "+1", ".5", "5.", "0x1"):
            assert client.post("/raw", body="[%s]" % text, headers=kind).status == 400, text
        assert client.post("/raw", body="[1e-999, -0, %s]" % ("1" * 200), headers=kind).json == [0, 0, int("1" * 200)]
        for text in ("nan", "inf", "1e999", "1_0", "%C2%A01", "%D9%A1"):
            assert client.get("/query?f=" + text).status == 422, text
        for n in ("1.0", "1e1", "True", "0x1", "%2B", "-"):
            assert client.post("/form", form={"f": "1"}, headers={}).status == 200
            assert client.get("/query?f=1&n=" + n).status == 422, n
        assert client.get("/query?f=-0&n=-0").json == {"f": 0, "n": 0}


def site():
    app = App()
    Problems(app)

    @app.post("/users")
    def make(req):
        return check(req.json, {"name": (str, 1, 5), "age": int}), 201

    @app.post("/worker", worker=True)
    def worker(req):
        return check(req.json, {"name": str})

    app.get("/text")(lambda req: abort(409, "it is taken\n"))
    app.get("/html")(lambda req: abort(409, "<p>", {"Content-Type": "text/html"}))
    app.get("/bug")(lambda req: 1 / 0)
    return app


def test_errors_as_problem_details():
    with site().test_client() as client:
        assert client.post("/users", json={"name": "anna", "age": 5}).json == {"name": "anna", "age": 5}
        answer = client.post("/users", json={"name": "", "age": "x"})
        assert answer.status == 422 and answer.headers["Content-Type"] == "application/problem+json"
        errors = {"name": "want 1 to 5", "age": "want a whole number"}
        assert answer.json == {"status": 422, "title": answer.json["title"], "errors": errors}
        assert client.post("/worker", json={}).json["errors"] == {"name": "missing"}
        assert client.get("/nowhere").json == {"status": 404, "title": "Not Found"}
        assert client.get("/text").json == {"status": 409, "title": "Conflict", "detail": "it is taken"}
        assert client.get("/bug").json["status"] == 500
        answer = client.get("/users")
        assert answer.status == 405 and answer.json["title"] == "Method Not Allowed" and "POST" in answer.headers["Allow"]
        assert client.get("/html").text == "<p>"


def test_a_type_of_the_programs_own_stays():
    app = App()
    Problems(app)
    app.get("/own")(lambda req: ({"a": 1}, 400, {"content-type": "application/vnd.a+json"}))
    with app.test_client() as client:
        answer = client.get("/own")
        assert [value for name, value in answer.headers if name.lower() == "content-type"] == ["application/vnd.a+json"]
        assert answer.json == {"a": 1}


def test_without_problem_details_the_errors_are_json():
    app = App()
    app.post("/")(lambda req: check(req.json, {"a": int}))
    with app.test_client() as client:
        answer = client.post("/", json={})
        assert (answer.status, answer.json) == (422, {"errors": {"a": "missing"}})


def test_etags():
    app = App()
    state = {"n": 1}
    calls = []
    ETags(app, only=lambda req: req.path != "/never")

    @app.route("/", ("GET", "POST"))
    def index(req):
        calls.append(req.method)
        return state

    app.get("/own")(lambda req: ("x", 200, {"ETag": '"mine"'}))
    app.get("/weak")(lambda req: ("x", 200, {"ETag": 'W/"mine"'}))
    app.get("/small")(lambda req: ("x", 200, {"etag": '"mine"'}))
    app.get("/never")(lambda req: "x")
    app.get("/made")(lambda req: ("x", 201))
    with app.test_client() as client:
        first = client.get("/")
        tag = first.headers["ETag"]
        for value in (tag, "W/" + tag, '"x", ' + tag, "*"):
            answer = client.get("/", headers={"If-None-Match": value})
            assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag), value
        assert client.head("/", headers={"If-None-Match": tag}).status == 304
        assert client.get("/", headers={"If-None-Match": '"x"'}).json == state
        assert client.post("/", headers={"If-None-Match": tag}).status == 200
        state["n"] = 2
        answer = client.get("/", headers={"If-None-Match": tag})
        assert answer.json == {"n": 2} and answer.headers["ETag"] != tag
        assert client.get("/own", headers={"If-None-Match": '"mine"'}).status == 304
        for target, tag in (("/weak", 'W/"mine"'), ("/small", '"mine"')):  # a weak comparison, and a name in any case
            for value in ('"mine"', 'W/"mine"', '"a,b", "mine"', '"x", W/"mine"'):
                answer = client.get(target, headers={"If-None-Match": value})
                assert (answer.status, answer.headers["ETag"]) == (304, tag), (target, value)
            answer = client.get(target, headers={"If-None-Match": 'W/"x", mine, w/"mine"'})
            assert answer.status == 200 and [name.lower() for name, _ in answer.headers].count("etag") == 1
        for target in ("/never", "/made"):
            assert "ETag" not in client.get(target).headers


def test_pages():
    app = App()
    app.get("/rows")(lambda req: page(req, [n * n for n in range(25)], 10, 15))
    with app.test_client() as client:
        answer = client.get("/rows?a=b")
        assert answer.json == {"items": [n * n for n in range(10)], "total": 25, "offset": 0, "limit": 10}
        assert answer.headers["Link"] == '</rows?a=b&offset=10&limit=10>; rel="next"'
        seen = []
        target = "/rows?limit=4"
        while target:
            answer = client.get(target)
            seen += answer.json["items"]
            links = answer.headers.get("Link", "")
            target = links[1 : links.find(">")] if 'rel="next"' in links else None
        assert seen == [n * n for n in range(25)]
        assert links == '</rows?offset=20&limit=4>; rel="prev"'
        assert client.get("/rows?limit=1000").json["limit"] == 15
        assert client.get("/rows?limit=0").json["limit"] == 1
        assert client.get("/rows?offset=100").json["items"] == []
        for query in ("offset=-1", "offset=x", "limit=", "limit=9999999999"):
            assert client.get("/rows?" + query).status == 400, query
        # What is in the request's URL does not end the link's.
        link = client.get("/rows?a=>;rel=preload,<https://evil.example/").headers["Link"]
        assert link == '</rows?a=%3E;rel=preload,%3Chttps://evil.example/&offset=10&limit=10>; rel="next"'


def test_the_path_of_a_handler():
    app = App()
    inner = App()

    @app.get("/users/<int:n>/<name>")
    def user(req, n, name):
        return "%d %s" % (n, name)

    @inner.get("/files/<path:rest>")
    def file(req, rest):
        return rest

    @app.get("/a b")
    def plain(req):
        return req.args

    app.mount(inner, "/in")
    assert app.url_for(user, n=5, name="a/b \xe9?") == "/users/5/a%2Fb%20%C3%A9%3F"
    assert app.url_for(file, rest="x/y z", q="1&2") == "/in/files/x/y%20z?q=1%262"
    assert app.url_for(plain) == "/a%20b"
    refused(app.url_for, user, n=5)
    for n in (-1, 1.5, True, "", "x", 10**18):  # no path of this route
        refused(app.url_for, user, n=n, name="a")
    refused(app.url_for, print)
    for empty in ({"n": 5, "name": ""}, {"name": "a"}, {"n": 5}):
        refused(app.url_for, user, **empty)
    assert app.url_for(file, rest="") == "/in/files/"
    with app.test_client() as client:
        assert client.get(app.url_for(user, n=5, name="a/b \xe9?")).text == "5 a/b \xe9?"
        assert client.get(app.url_for(file, rest="x/y z")).text == "x/y z"
        assert client.get(app.url_for(plain, a="b c", d="\xe9")).json == {"a": "b c", "d": "\xe9"}


def test_the_path_of_a_handler_that_has_several():
    app = App()

    @app.get("/<lang>/list/<int:page>")
    @app.get("/list/<int:page>")
    @app.get("/list")
    def rows(req, lang="en", page=1):
        return "%s %d" % (lang, page)

    with app.test_client() as client:
        for values, url, text in (
            ({}, "/list", "en 1"),
            ({"page": 2}, "/list/2", "en 2"),
            ({"page": 2, "lang": "de"}, "/de/list/2", "de 2"),
            ({"lang": "de"}, "/list?lang=de", "en 1"),
        ):
            assert app.url_for(rows, **values) == url
            assert client.get(url).text == text


def test_a_folder_of_files():
    app = App()
    with Site() as site:
        site.write("a.txt", b"text")
        app.static("/assets/", site.root, headers={"Cache-Control": "max-age=5"})
        app.after_request(lambda req, response: response.headers.update({"X-A": "b"}))
        with app.test_client() as client:
            answer = client.get("/assets/a.txt")
            assert (answer.text, answer.headers["Cache-Control"], answer.headers["X-A"]) == ("text", "max-age=5", "b")
            assert client.get("/assets/b.txt").status == 404
            assert client.get("/assets/%2e%2e/x").status == 404


def test_responses_keep_their_cookies():
    app = App()
    ETags(app)
    Problems(app)

    def cookie(status):
        response = Response("x", status)
        response.cookies.append("a=b")
        return response

    app.get("/<int:n>")(lambda req, n: cookie(n))
    with app.test_client() as client:
        for n in (200, 404):
            assert client.get("/%d" % n, headers={"If-None-Match": "*"}).headers["Set-Cookie"] == "a=b"
