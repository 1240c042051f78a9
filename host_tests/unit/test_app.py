# App: which handler gets a request, what it sees of it, and what becomes of what it returns.

import json
from errno import EADDRINUSE

import mungo
from app_client import Served
from mungo.app import App, HttpError, Response, abort, redirect
from mungo.http.status_error import StatusError
from net import Client, listening
from raising import refused
from waiting import open_files, until

MIN_HEAP = "300k"


def echo(*args):
    def handler(req, **values):
        return args[0] if args else values

    return handler


def test_the_face():
    assert mungo.App is App


# --- what handlers return


def returns(value, method="GET", **kwargs):
    app = App()
    app.route("/", (method,), **kwargs)(lambda req: value)
    with Served(app) as site:
        answer = site.ask("/", method)
        # The connection is as good as before.
        assert site.ask("/", method).status == answer.status
        assert len(site.browsers) == 1 and not site.mine.client.ended
        return answer


def test_str_is_text():
    answer = returns("h\xe9llo\n")
    assert (answer.status, answer.body) == (200, b"h\xc3\xa9llo\n")
    assert answer.field("content-type") == "text/plain; charset=UTF-8"
    assert answer.field("content-length") == "7"
    assert len(answer.fields) == 2


def test_empty_str():
    answer = returns("")
    assert (answer.status, answer.body) == (200, b"")


def test_bytes():
    answer = returns(b"\x00\xff")
    assert (answer.status, answer.body) == (200, b"\x00\xff")
    assert answer.field("content-type") == "application/octet-stream"


def test_long_answers():
    for n in (2048, 2049, 5000):
        for value in ("x" * n, b"x" * n):
            answer = returns(value)
            assert answer.status == 200 and len(answer.body) == n
            assert answer.field("content-type")[:4] == ("text" if isinstance(value, str) else "appl")


def test_dict_and_list_are_json():
    for value in ({"a": [1, 2, None], "b": "\xe9"}, [1, "x", {}], {}, []):
        answer = returns(value)
        assert answer.status == 200
        assert json.loads(answer.body) == value
        assert answer.field("content-type") == "application/json"


def test_none_is_204():
    answer = returns(None)
    assert (answer.status, answer.body, answer.fields) == (204, b"", [])


def test_status():
    answer = returns(("made\n", 201))
    assert (answer.status, answer.body) == (201, b"made\n")
    assert answer.field("content-type") == "text/plain; charset=UTF-8"
    answer = returns(({"a": 1}, 202))
    assert (answer.status, json.loads(answer.body)) == (202, {"a": 1})
    answer = returns((None, 404))
    assert (answer.status, answer.body) == (404, b"")


def test_status_and_headers():
    headers = {"X-One": 1, "content-type": b"text/html"}  # (bytes go out as they are)
    answer = returns(("<p>", 200, headers))
    assert (answer.status, answer.body) == (200, b"<p>")
    assert sorted(answer.fields) == [("content-length", "3"), ("content-type", "text/html"), ("x-one", "1")]
    assert len(headers) == 2  # they are the program's


def test_response():
    answer = returns(Response({"a": 1}, 201, {"X-A": "b"}))
    assert (answer.status, json.loads(answer.body), answer.field("x-a")) == (201, {"a": 1}, "b")
    assert answer.field("content-type") == "application/json"
    response = Response("x")
    response.cookies.append("a=1; HttpOnly")
    response.cookies.append("b=2")
    answer = returns(response)
    assert [value for name, value in answer.fields if name == "set-cookie"] == ["a=1; HttpOnly", "b=2"]
    assert returns(Response()).body == b""


def test_redirect():
    answer = returns(redirect("/there?x=y"))
    assert (answer.status, answer.field("location"), answer.body) == (302, "/there?x=y", b"")
    assert returns(redirect("/", 303)).status == 303
    for url, field in (
        ("/a b", "/a%20b"),
        ("/caf\xe9/\u20ac?\U0001f600=1#\xfc", "/caf%C3%A9/%E2%82%AC?%F0%9F%98%80=1#%C3%BC"),
        ("http://[::1]:80/%20%C3%A9;a=b?c&d=+,'()*!$@:#e", "http://[::1]:80/%20%C3%A9;a=b?c&d=+,'()*!$@:#e"),
        ("/a\r\nSet-Cookie: b=c\0\x7f", "/a%0D%0ASet-Cookie:%20b=c%00%7F"),
        ("//a", "//a"),
        ("", ""),
    ):
        assert returns(redirect(url)).field("location") == field, url


def test_generator_is_chunked():
    app = App()

    @app.get("/")
    def pieces(req):
        yield "one "
        yield b""
        yield b"two "
        yield "thr\xe9\xe9"

    @app.get("/tuple")
    def later(req):
        return pieces(req), 201, {"Content-Type": "text/html"}

    with Served(app) as site:
        answer = site.ask("/")
        assert answer.status == 200 and answer.chunks == [b"one ", b"two ", "thr\xe9\xe9".encode()]
        assert answer.field("content-type") == "text/plain; charset=UTF-8"
        answer = site.ask("/tuple")
        assert (answer.status, answer.field("content-type"), len(answer.chunks)) == (201, "text/html", 3)
        assert site.ask("/").body == answer.body
        assert len(site.browsers) == 1


def test_generator_may_read_its_request():
    # The handler has returned, and other requests use the loop's buffer, when the generator runs.
    app = App()
    saved = []

    @app.post("/<name>")
    def pieces(req, name):
        saved.append(req.headers)
        early = req.headers

        def generate():
            for _ in range(3):
                yield "%s %s %s %s %s %s|" % (req.method, req.path, req.args["q"], early["X-Y"], req.body.decode(), name)

        return generate()

    with Served(app) as site:
        one = site.browser()
        two = site.browser()
        for i in range(3):
            # Both are read in the same turn, and answered in it or later.
            one.send("/one?q=%d" % i, "POST", "X-Y: 1\r\n", b"first")
            two.send("/other?q=%d&more=1" % i, "POST", "A: b\r\nX-Y: 2\r\n", b"second")
            assert one.answer().body == b"POST /one %d 1 first one|" % i * 3
            assert two.answer().body == b"POST /other %d 2 second other|" % i * 3


def test_what_is_no_answer():
    for value in (5, 1.5, {1, 2}, range(3), ("x", 200, {}, 1), ("x",), (5, 200), object, ("x", "200"), ("x", 99)):
        app = App()
        app.get("/")(echo(value))
        with Served(app) as site:
            assert site.ask("/").status == 500, value
            assert site.bugs == 1
            assert site.ask("/nowhere").status == 404


def test_http10_and_close():
    app = App()
    app.get("/")(echo("hi"))
    with Served(app) as site:
        browser = site.browser()
        browser.send("/", lines="Connection: close\r\n")
        answer = browser.answer()
        assert (answer.body, answer.field("connection")) == (b"hi", "close")
        assert answer.field("content-type") == "text/plain; charset=UTF-8"
        browser.client.until_ended()
        browser = site.browser()
        browser.client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert browser.client.until_ended().endswith(b"\r\n\r\nhi")


def test_pipelined():
    app = App()
    app.get("/a")(echo("a"))
    app.get("/<name>")(lambda req, name: name)
    app.get("/none")(echo(None))
    with Served(app) as site:
        browser = site.browser()
        for target in ("/a", "/bb", "/none", "/ccc", "/a"):
            browser.send(target)
        assert [browser.answer().body for _ in range(5)] == [b"a", b"bb", b"", b"ccc", b"a"]


# --- methods


def test_methods():
    app = App()
    for verb in ("get", "post", "put", "patch", "delete"):
        getattr(app, verb)("/")(lambda req: req.method)
    app.route("/two", methods=["get", "REPORT"])(lambda req: req.method)
    with Served(app) as site:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            assert site.ask("/", method).body == method.encode()
        assert site.ask("/two").body == b"GET"
        assert site.ask("/two", "REPORT").body == b"REPORT"
        answer = site.ask("/two", "POST")
        assert (answer.status, answer.field("allow"), answer.body) == (405, "GET, HEAD, OPTIONS, REPORT", b"Method Not Allowed\n")


def test_head():
    app = App()
    calls = []

    @app.get("/")
    def fn(req):
        calls.append(req.method)
        return "hello"

    app.get("/<int:n>")(lambda req, n: "x" * n)
    app.route("/own", ("HEAD",))(lambda req: ("", 200, {"X-Own": 1}))
    app.get("/own")(echo("get"))
    with Served(app) as site:
        answer = site.ask("/", "HEAD")
        assert (answer.status, answer.field("content-length"), answer.field("content-type")) == (200, "5", "text/plain; charset=UTF-8")
        assert site.ask("/123", "HEAD").field("content-length") == "123"
        assert site.ask("/own", "HEAD").field("x-own") == "1"
        assert calls == ["HEAD"]
        assert site.ask("/").body == b"hello"  # no body was sent that would be in the way


def test_not_found_and_not_allowed():
    app = App()
    app.get("/a")(echo("a"))
    app.post("/a")(echo("a"))
    app.delete("/items/<id>")(echo("a"))
    with Served(app) as site:
        for target in ("/", "/b", "/a/", "//a", "/A", "/items", "/items/", "/items/1/2", "/%61b"):
            answer = site.ask(target)
            assert (answer.status, answer.body) == (404, b"Not Found\n"), target
            assert answer.field("content-type") == "text/plain; charset=UTF-8"
        answer = site.ask("/a", "PUT")
        assert (answer.status, answer.field("allow")) == (405, "GET, HEAD, OPTIONS, POST")
        answer = site.ask("/items/1")
        assert (answer.status, answer.field("allow")) == (405, "DELETE, OPTIONS")
        assert site.ask("/items/1", "HEAD").status == 405  # there is no GET
        answer = site.ask("/a", "get")  # methods are case-sensitive
        assert answer.status == 405
        assert site.bugs == 0


def test_options_of_the_whole_server():
    app, sub = App(), App()
    app.get("/a")(echo("a"))
    app.post("/<int:id>")(echo("b"))
    app.route("/own", ("OPTIONS",))(echo("mine"))
    sub.put("/x")(echo("x"))
    sub.before_request(lambda req: ("not asked", 403))
    app.mount(sub, "/sub")
    with Served(app) as site:
        answer = site.ask("*", "OPTIONS")
        assert (answer.status, answer.field("allow"), answer.body) == (204, "GET, HEAD, OPTIONS, POST, PUT", b"")
        assert site.ask("*", "GET").status == 400
    with Served(App()) as site:
        answer = site.ask("*", "OPTIONS")
        assert (answer.status, answer.field("allow")) == (204, "OPTIONS")


def test_options():
    app = App()
    app.get("/a")(echo("a"))
    app.post("/<int:n>")(echo("a"))
    app.route("/own", ("OPTIONS",))(echo("mine"))
    with Served(app) as site:
        answer = site.ask("/a", "OPTIONS")
        assert (answer.status, answer.field("allow"), answer.body) == (204, "GET, HEAD, OPTIONS", b"")
        answer = site.ask("/5", "OPTIONS")
        assert (answer.status, answer.field("allow")) == (204, "OPTIONS, POST")
        assert site.ask("/own", "OPTIONS").body == b"mine"
        assert site.ask("/b", "OPTIONS").status == 404


# --- patterns


def test_patterns():
    app = App()
    app.get("/")(echo())
    app.get("/users/<name>")(echo())
    app.get("/users/<name>/posts/<int:post_id>")(echo())
    app.get("/n/<int:n>")(echo())
    app.get("/files/<path:rest>")(echo())
    app.get("/users/new/posts/1")(echo({"static": 1}))
    with Served(app) as site:
        for target, values in (
            ("/", {}),
            ("/users/bob", {"name": "bob"}),
            ("/users/5", {"name": "5"}),
            ("/users/bob/posts/12", {"name": "bob", "post_id": 12}),
            ("/users/new/posts/1", {"static": 1}),
            ("/users/new/posts/01", {"name": "new", "post_id": 1}),
            ("/n/0", {"n": 0}),
            ("/n/123456789012345678", {"n": 123456789012345678}),
            ("/files/a", {"rest": "a"}),
            ("/files/a/b/", {"rest": "a/b/"}),
            ("/files/", {"rest": ""}),
            ("/files//a", {"rest": "/a"}),
            ("/users/bob?x=1", {"name": "bob"}),
            ("/users/<name>", {"name": "<name>"}),
            ("/n/<int", None),
            ("/n/x", None),
            ("/n/-1", None),
            ("/n/1.0", None),
            ("/n/", None),
            ("/n/1234567890123456789", None),  # to make a number of thousands of digits takes long
            ("/n/%C2%B2", None),  # a digit of another kind
            ("/users/", None),
            ("/users/bob/", None),
            ("/users//posts/1", None),
            ("/users/bob/posts/x", None),
            ("/files", None),
        ):
            answer = site.ask(target)
            if values is None:
                assert answer.status == 404, target
            else:
                assert answer.status == 200 and json.loads(answer.body) == values, (target, answer.body)


def test_a_pattern_that_ends_with_a_slash():
    app = App()
    app.get("/users/<name>/")(echo())
    with Served(app) as site:
        for target, status in (("/users/bob/", 200), ("/users/bob", 404), ("/users/bob/x", 404), ("/users/bob/x/y", 404)):
            assert site.ask(target).status == status, target


def test_patterns_are_decoded():
    app = App()
    app.get("/users/<name>")(echo())
    app.get("/users/<name>/<int:n>")(echo())
    app.get("/files/<path:rest>")(echo())
    app.get("/caf\xe9 1/a")(echo("static"))
    with Served(app) as site:
        for target, values in (
            ("/users/a%20b", {"name": "a b"}),
            ("/users/a+b", {"name": "a+b"}),
            ("/users/%C3%A9", {"name": "\xe9"}),
            ("/users/a%2Fb", {"name": "a/b"}),  # an encoded slash makes no segment
            ("/users/a%2f5", {"name": "a/5"}),
            ("/users/%2F", {"name": "/"}),
            ("/users/a%3fb?c", {"name": "a?b"}),
            ("/users/%3Cname%3E", {"name": "<name>"}),
            ("/users/a/%35", {"name": "a", "n": 5}),
            ("/%75sers/x", {"name": "x"}),
            ("/users%2Fx", None),
            ("/files/a%2fb/c%20d", {"rest": "a/b/c d"}),
            ("/files/..%2f%2e%2e", {"rest": "../.."}),
        ):
            answer = site.ask(target)
            if values is None:
                assert answer.status == 404, target
            else:
                assert answer.status == 200 and json.loads(answer.body) == values, (target, answer.body)
        assert site.ask("/caf%c3%A9%201/a").body == b"static"
        assert site.ask("/caf%c3%a9%201/%61").body == b"static"
        assert site.ask("/caf%c3%a9%201%2fa").status == 404
        for target in ("/users/%", "/users/%zz", "/users/%4", "/users/%ff", "/users/%c0%af", "/%zz", "/files/%c3", "/nowhere/%"):
            answer = site.ask(target)
            assert (answer.status, answer.body) == (400, b"Bad Request\n"), target
        assert site.bugs == 0


def test_the_first_pattern_that_fits():
    app = App()
    app.get("/<int:n>")(lambda req, n: "int %d" % n)
    app.get("/<name>")(lambda req, name: "name " + name)
    app.post("/<path:rest>")(lambda req, rest: "rest " + rest)
    app.get("/<path:all>")(lambda req, all: "all " + all)
    app.get("/5")(echo("five"))
    with Served(app) as site:
        for method, target, body in (
            ("GET", "/4", b"int 4"),
            ("GET", "/5", b"five"),
            ("GET", "/%35", b"five"),
            ("GET", "/x", b"name x"),
            ("GET", "/x/y", b"all x/y"),
            ("POST", "/5", b"rest 5"),  # what has the method, before what does not
            ("POST", "/x/y", b"rest x/y"),
        ):
            assert site.ask(target, method).body == body, (method, target)
        assert site.ask("/5", "PUT").field("allow") == "GET, HEAD, OPTIONS, POST"


def test_a_pattern_that_begins_with_text_is_before_one_that_does_not():
    app = App()
    app.get("/<path:all>")(lambda req, all: "all " + all)
    app.get("/<name>/b")(lambda req, name: "name " + name)
    app.get("/a/<int:n>")(lambda req, n: "int %d" % n)
    app.get("/a/<name>")(lambda req, name: "a " + name)
    below = App()
    below.get("/<int:n>")(lambda req, n: "below %d" % n)
    app.mount(below, "/a/b")
    with Served(app) as site:
        for target, body in (
            ("/a/5", b"int 5"),
            ("/%61/5", b"int 5"),
            ("/a/b", b"a b"),
            ("/b/b", b"all b/b"),
            ("/a/b/5", b"below 5"),
            ("/a/b/c", b"all a/b/c"),
            ("/<a/5", b"all <a/5"),
            ("/%3Ca/5", b"all <a/5"),
            ("/%2Fa/5", b"all /a/5"),
        ):
            assert site.ask(target).body == body, (target, site.ask(target).body)


def test_bad_routes():
    app = App()
    for path in (
        "",
        "x",
        "x/<y>",
        "<x>",
        "/<x",
        "/x>",
        "/<>",
        "/<int:>",
        "/<str:x>",
        "/<x>y",
        "/y<x>",
        "/<x>-<y>",
        "/<path:x>/y",
        "/<path:x>/<path:y>",
        "/<x>/<x>",
        "/<x>/<int:x>",
        "/a%20b",
        "/a?b",
        "/a#b",
        "/<<x>>",
        "/<a:b:c>",
    ):
        refused(app.get(path), echo())
    assert refused(app.route, "/", methods="GET") == "methods 'GET': want a tuple"
    assert refused(app.route, "/", methods=()) == "methods (): want a tuple"
    for options in ({"worker": True, "stream": True}, {"worker": True, "fleet": "a"}, {"stream": True, "fleet": "a"}):
        assert refused(app.route, "/", **options) == "worker, stream, fleet: want one"
    with Served(app) as site:
        assert site.ask("/").status == 404  # nothing of it is left


def test_two_routes_for_the_same():
    app = App()
    for path, same in (("/", "/"), ("/a/<x>", "/a/<y>"), ("/i/<int:x>", "/i/<int:y>"), ("/p/<path:x>", "/p/<path:y>")):
        app.get(path)(echo())
        refused(app.get(same), echo())
        app.post(same)(echo())
        refused(app.route(same, ("PUT", "POST")), echo())
    app.get("/a/<int:x>")(echo())
    app.get("/a/x")(echo())


def test_one_handler_for_several_paths():
    app = App()

    @app.get("/a")
    @app.get("/b/<int:n>")
    def fn(req, n=0):
        return str(n)

    with Served(app) as site:
        assert (site.ask("/a").body, site.ask("/b/5").body) == (b"0", b"5")


# --- the request


def seen(look, target="/", method="GET", lines="", body=None):
    """What `look(req)` returns for this request."""
    app = App()
    found = []

    def fn(req, **values):
        found.append(look(req))
        return ""

    app.route("/<path:all>", (method,))(fn)
    with Served(app) as site:
        answer = site.ask(target, method, lines, body)
        if answer.status != 200:
            assert site.bugs == 0
            return answer.status
        return found[0]


def test_target():
    target = "/a%20b/c?d=%26+e&f&d=2"
    assert seen(lambda req: (req.method, req.url, req.path), target) == ("GET", target, "/a b/c")
    assert seen(lambda req: req.args, target) == {"d": "& e", "f": ""}
    assert seen(lambda req: (req.args, req.url), "/x") == ({}, "/x")
    assert seen(lambda req: (req.args, req.url), "/x?") == ({}, "/x?")
    assert seen(lambda req: (req.url, req.path, req.args), "http://a/x?y=1") == ("/x?y=1", "/x", {"y": "1"})
    assert seen(lambda req: [req.args.getlist(name) for name in "dfx"], target) == [["& e", "2"], [""], []]
    for query, args in (
        ("a=%&b=1", {"a": "%", "b": "1"}),
        ("a=%zz&b=%4", {"a": "%zz", "b": "%4"}),
        ("a=100%&a=%%20", {"a": "100%"}),
        ("%ff=%c0%af&b=1", {"\ufffd": "\ufffd\ufffd", "b": "1"}),
        ("a=caf\xe9&\u20ac=\U0001f600", {"a": "caf\xe9", "\u20ac": "\U0001f600"}),
    ):
        assert seen(lambda req: req.args, "/?" + query) == args, query
    assert seen(lambda req: req.args, "/?" + "&" * 257) == 400
    assert seen(lambda req: 1, "/?" + "&" * 257) == 1  # nobody has asked


def test_characters_of_a_target_as_they_are():
    target = "/caf\xe9 1/\u20ac?\U0001f600=\xfc"
    target = target.replace(" ", "%20")
    assert seen(lambda req: (req.url, req.path), target) == (target, "/caf\xe9 1/\u20ac")
    app = App()
    app.get("/caf\xe9")(lambda req: "fixed")
    app.get("/\u20ac/<name>")(lambda req, name: "name " + name)
    with Served(app) as site:
        assert site.ask("/caf\xe9").body == site.ask("/caf%C3%A9").body == b"fixed"
        for name in ("\xfc", "%C3%BC", "%c3%bc"):
            assert site.ask("/\u20ac/" + name).body == site.ask("/%E2%82%AC/" + name).body == "name \xfc".encode(), name
        assert site.ask("/\xe9").status == 404


def test_headers():
    lines = "X-One: 1\r\nx-two:  a, b \r\nX-ONE: 2\r\nEmpty:\r\n"

    def look(req):
        headers = req.headers
        try:
            headers["missing"]
        except KeyError:
            missing = True
        else:
            missing = False
        return [
            headers["X-One"],
            headers.get("x-one"),
            headers.get("X-TWO"),
            headers.get("none"),
            headers.get("none", 5),
            headers.get("empty"),
            "x-One" in headers,
            "empty" in headers,
            "one" in headers,
            missing,
            list(headers),
        ]

    assert seen(look, lines=lines) == ["1", "1", "a, b", None, 5, "", True, True, False, True] + [
        [("Host", "a"), ("X-One", "1"), ("x-two", "a, b"), ("X-ONE", "2"), ("Empty", "")]
    ]


def test_cookies():
    assert seen(lambda req: req.cookies, lines='Cookie: a=1; b="x y"\r\n') == {"a": "1", "b": "x y"}
    assert seen(lambda req: req.cookies) == {}


def test_body():
    assert seen(lambda req: req.body) == b""
    assert seen(lambda req: req.body, method="POST", body=b"") == b""
    assert seen(lambda req: (req.body, isinstance(req.body, bytes)), method="POST", body=b"\x00abc") == (b"\x00abc", True)
    lines = "Transfer-Encoding: chunked\r\n"
    app = App()
    app.post("/")(lambda req: req.body)
    with Served(app) as site:
        browser = site.browser()
        browser.send("/", "POST", lines)
        browser.client.send(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert browser.answer().body == b"abcde"


JSON = "Content-Type: application/json\r\n"


def test_json():
    def ask(body, lines=JSON):
        return seen(lambda req: req.json, "/", "POST", lines, body)

    assert ask(b'{"a": [1, "\xc3\xa9", null]}') == {"a": [1, "\xe9", None]}
    assert ask(b"[]") == []
    assert ask(b"5", "Content-type: Application/JSON ; charset=utf-8\r\n") == 5
    assert ask(b"") is None
    assert ask(b'{"a": 1}', "") is None
    assert ask(b'{"a": 1}', "Content-Type: text/plain\r\n") is None
    assert seen(lambda req: req.json, "/", "GET", JSON) is None
    for bad in (b"{", b"[1,", b"x", b'{"a": 1} x', b'"\xff"', b"\xff"):
        assert ask(bad) == 400, bad


FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


def test_form():
    def ask(body, lines=FORM):
        return seen(lambda req: req.form, "/", "POST", lines, body)

    assert ask(b"a=1&b=x+y%21&a=2") == {"a": "1", "b": "x y!"}
    assert ask(b"a=1", FORM[:-2] + "; charset=UTF-8\r\n") == {"a": "1"}
    assert ask(b"") == {}
    assert ask(b"", JSON) == {}
    for lines in ("", JSON, "Content-Type: text/plain\r\n", "Content-Type: multipart/mixed; boundary=XX\r\n"):
        assert ask(b"a=1", lines) == 415, lines
    assert ask(b"a=%&%ff=1&b=\xe2\x82&c=%zz&d=1") == {"a": "%", "\ufffd": "1", "b": "\ufffd", "c": "%zz", "d": "1"}
    assert ask(b"&" * 257) == 400
    values = seen(lambda req: [req.form.getlist(name) for name in "abc"], "/", "POST", FORM, b"a=1&b=x&a=2&a=1")
    assert values == [["1", "2", "1"], ["x"], []]


def test_the_rest_of_a_request():
    def look(req):
        req.g["a"] = 1
        return req.user, req.g, req.rem.startswith("127.0.0.1:"), isinstance(req.app, App), req.values

    assert seen(look, "/x") == (None, {"a": 1}, True, True, {"all": "x"})

    def unknown(req):
        try:
            return req.unknown
        except AttributeError:
            return "unknown"

    assert seen(unknown) == "unknown"


def test_requests_share_nothing():
    app = App()

    @app.get("/<name>")
    def fn(req, name):
        before = dict(req.g)
        req.g["name"] = req.args["more"] = name
        return [before, req.args, req.values]

    with Served(app) as site:
        for n in ("1", "2", "3"):
            answer = site.ask("/%s?a=%s" % (n, n))
            assert json.loads(answer.body) == [{}, {"a": n, "more": n}, {"name": n}]


def test_what_is_asked_for_twice_is_made_once():
    def look(req):
        return req.args is req.args and req.json is req.json and req.cookies is req.cookies

    assert seen(look, "/?a=1", "POST", JSON + "Cookie: a=b\r\n", b"[1]") is True
    assert seen(lambda req: req.form is req.form and req.files is req.files, "/", "POST", FORM, b"a=1") is True


def test_abort():
    app = App()

    @app.get("/<int:status>")
    def fn(req, status):
        abort(status)

    app.get("/text")(lambda req: abort(403, "no\n", {"X-A": "b"}))
    app.get("/json")(lambda req: abort(422, {"field": "name"}))
    app.get("/raise")(lambda req: HttpError(410, b"gone"))
    with Served(app) as site:
        for status, text in ((400, b"Bad Request\n"), (404, b"Not Found\n"), (503, b"Service Unavailable\n"), (418, b"Error\n")):
            answer = site.ask("/%d" % status)
            assert (answer.status, answer.body) == (status, text)
        answer = site.ask("/text")
        assert (answer.status, answer.body, answer.field("x-a")) == (403, b"no\n", "b")
        answer = site.ask("/json")
        assert (answer.status, json.loads(answer.body)) == (422, {"field": "name"})
        assert site.ask("/raise").body == b"gone"
        assert site.bugs == 0 and len(site.browsers) == 1


def test_stats():
    app = App()
    app.get("/stats")(app.stats)
    with Served(app, max_conns=7) as site:
        site.ask("/")
        found = json.loads(site.ask("/stats").body)
        assert found["stats"]["accepted"] == 1 and found["stats"]["bugs"] == 0
        assert found["limits"]["max_conns"] == 7 and found["limits"]["body_limit"] == site.mgr.body_limit
        assert set(found["limits"]) == set(name for name in dir(mungo.port.Limits) if name[0] != "_")


# --- where it is served


def test_attach_beside_others():
    app = App()
    app.get("/")(echo("one"))
    other = App()
    other.get("/")(echo("two"))
    with Served(app) as site:
        second = Served(other)
        second.mgr.close()
        second.mgr = site.mgr
        listener, second.port = listening(lambda url: other.attach(site.mgr, url))
        assert listener.is_listening
        assert (site.ask("/").body, second.ask("/").body) == (b"one", b"two")
        second.mine.close()


def free_port():
    mgr = mungo.Manager()
    port = listening(lambda url: mgr.http_listen(url, None))[1]
    mgr.close()
    return port


def test_run():
    port = free_port()
    clients = []
    mgrs = []

    class Asked(App):
        def attach(self, mgr, url, tls=None):
            mgrs.append(mgr)
            listener = App.attach(self, mgr, url, tls)
            mgr.timer(0, lambda arg: clients.append(Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")))
            return listener

    app = Asked()

    @app.get("/")
    def last(req):
        if req.c.mgr.max_conns == 3:
            req.c.mgr.stop()
            return "bye"
        raise KeyboardInterrupt

    app.run("127.0.0.1", port, max_conns=3)
    clients[0].look()
    assert clients[0].got.endswith(b"bye")
    app.run("127.0.0.1", port, max_conns=4)  # Ctrl-C is quiet
    assert [mgr.closed for mgr in mgrs] == [True, True]
    for client in clients:
        client.close()


def test_run_on_a_taken_port():
    app = App()
    with Served(app) as site:
        before = open_files()
        try:
            app.run("127.0.0.1", site.port)
        except OSError as er:
            assert er.errno == EADDRINUSE
        else:
            raise AssertionError("not raised")
        assert open_files() == before


# --- what the parts of the library lean on


def test_later():
    app = App()
    waiting = []

    @app.get("/later")
    def later(req):
        waiting.append(req.c)
        return lambda c, hm: None

    app.get("/now")(echo("now"))
    with Served(app) as site:
        browser = site.browser()
        browser.send("/later")
        until(lambda: waiting, site.mgr)
        assert site.ask("/now").body == b"now"  # nobody waits for it
        waiting[0].http_reply(201, {}, "then")
        assert (lambda answer: (answer.status, answer.body))(browser.answer()) == (201, b"then")
        assert browser.ask("/now").body == b"now"
        assert site.bugs == 0


def test_errors_that_have_a_status():
    class Refused(Exception):
        status = 409
        headers = {"X-A": "b"}

    app = App()

    def refuse(req):
        raise Refused("not now")

    app.get("/")(refuse)
    with Served(app) as site:
        answer = site.ask("/")
        assert (answer.status, answer.body, answer.field("x-a")) == (409, b"not now\n", "b") and site.bugs == 0
        app.errorhandler(Refused)(lambda req, error: "by class: %s" % error)
        assert (site.ask("/").status, site.ask("/").body) == (409, b"by class: not now")
        app.errorhandler(409)(lambda req, error: ("by status", 410))
        assert site.ask("/").status in (409, 410)


def test_a_status_error_is_answered_as_abort_is():
    app = App()

    @app.get("/<int:n>")
    def refuse(req, n):
        raise (StatusError(404), StatusError(409, "not now\n"), StatusError(429, headers={"Retry-After": "1"}))[n]

    with Served(app) as site:
        answers = [site.ask("/%d" % n) for n in range(3)]
        assert [(answer.status, answer.body) for answer in answers] == [
            (404, b"Not Found\n"),
            (409, b"not now\n"),
            (429, b"Too Many Requests\n"),
        ]
        assert answers[2].field("retry-after") == "1" and site.bugs == 0
        app.errorhandler(HttpError)(lambda req, error: ("by class", error.status))
        assert (site.ask("/0").status, site.ask("/0").body) == (404, b"by class")
        app.errorhandler(404)(lambda req, error: "by status")  # which comes first
        assert (site.ask("/0").status, site.ask("/0").body) == (404, b"by status")
