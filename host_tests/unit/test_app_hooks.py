# App's hooks and error handlers: who runs, in which order, and what becomes of what they return or raise.

import json

from app_client import Served
from mungo.app import App, Response, abort

MIN_HEAP = "256k"


def run_with_log(app, log, name):
    """Have the hooks of `app` note that they ran."""

    @app.before_request
    def before(req):
        log.append("before " + name)

    @app.after_request
    def after(req, response):
        log.append("after " + name)


def test_what_decorates_returns_the_function():
    def fn(*_):
        return None

    app = App()
    for decorate in (
        app.get("/"),
        app.route("/", methods=("PUT", "DELETE")),
        app.websocket("/ws"),
        app.events("/events"),
        app.before_request,
        app.after_request,
        app.teardown_request,
        app.errorhandler(404),
    ):
        assert decorate(fn) is fn


# --- before and after


def test_hooks_run_around_the_handler_in_their_order():
    app = App()
    log = []
    run_with_log(app, log, "1")
    run_with_log(app, log, "2")
    app.get("/")(lambda req: str(log.append("handler")))
    app.get("/worker", worker=True)(lambda req: "worked")
    with Served(app) as site:
        for _ in range(2):
            assert site.ask("/").status == 200
            assert log == ["before 1", "before 2", "handler", "after 2", "after 1"]
            log.clear()
        for path, status in (("/nowhere", 404), ("/worker", 200)):
            assert site.ask(path).status == status
            assert log == ["before 1", "before 2", "after 2", "after 1"]
            log.clear()
        assert site.ask("/", "POST", body=b"").status == 405
        assert site.ask("/", "OPTIONS").status == 204
        assert len(log) == 8


def test_a_hook_may_come_after_the_routes():
    app = App()
    app.get("/")(lambda req: "hi")
    log = []
    with Served(app) as site:
        assert site.ask("/").body == b"hi" and not log
        run_with_log(app, log, "late")
        assert site.ask("/").body == b"hi" and len(log) == 2


def test_what_a_before_hook_returns_is_the_answer():
    app = App()
    ran = []
    answers = {"/str": "text", "/tuple": ("text", 418), "/dict": {"a": 1}, "/response": Response("r", 202), "/empty": ""}
    app.before_request(lambda req: answers.get(req.path))
    app.before_request(lambda req: ran.append(req.path))
    app.get("/<name>")(lambda req, name: "handler")
    app.after_request(lambda req, response: response.headers.update({"X-After": "1"}))
    with Served(app) as site:
        found = {path: site.ask(path) for path in answers}
        assert [found[path].status for path in ("/str", "/tuple", "/dict", "/response", "/empty")] == [200, 418, 200, 202, 200]
        assert found["/str"].body == b"text" and json.loads(found["/dict"].body) == {"a": 1}
        assert all(answer.field("x-after") == "1" for answer in found.values())
        assert not ran  # no hook behind it
        assert site.ask("/other").body == b"handler" and ran == ["/other"]


def test_a_before_hook_may_abort():
    app = App()
    app.get("/")(lambda req: "handler")

    @app.before_request
    def check(req):
        if "X-Key" not in req.headers:
            abort(403, "no key\n")
        req.user = "somebody"
        req.g["since"] = 5

    app.get("/who", worker=True)(lambda req: [req.user, req.g["since"]])
    with Served(app) as site:
        assert site.ask("/").status == site.ask("/who").status == 403
        assert site.ask("/", lines="X-Key: 1\r\n").body == b"handler"
        assert json.loads(site.ask("/who", lines="X-Key: 1\r\n").body) == ["somebody", 5]
        assert site.bugs == 0


def test_an_after_hook_changes_the_answer_or_makes_another():
    app = App()
    app.get("/")(lambda req: ({"a": 1}, 201, {"X-One": "1"}))
    app.get("/stream")(lambda req: iter_of("ab", "cd"))

    @app.after_request
    def change(req, response):
        response.status += 1
        response.headers["X-Two"] = "2"
        response.cookies.append("a=b")

    @app.after_request
    def replace(req, response):
        if "again" in req.args:
            return "again", 300

    with Served(app) as site:
        answer = site.ask("/")
        assert (answer.status, answer.field("x-one"), answer.field("x-two"), answer.field("set-cookie")) == (202, "1", "2", "a=b")
        assert json.loads(answer.body) == {"a": 1} and answer.field("content-type") == "application/json"
        answer = site.ask("/?again")
        assert (answer.status, answer.body, answer.field("x-one")) == (301, b"again", None)
        answer = site.ask("/stream")
        assert (answer.status, answer.body, answer.field("x-two")) == (201, b"abcd", "2")


def iter_of(*pieces):
    for piece in pieces:
        yield piece


def test_hooks_that_raise():
    app = App()
    app.get("/<name>")(lambda req, name: "handler")
    app.before_request(lambda req: 1 // 0 if req.path == "/before" else None)
    app.after_request(lambda req, response: 1 // 0 if req.path == "/after" else None)
    with Served(app) as site:
        for n, path in enumerate(("/before", "/after"), 1):
            answer = site.ask(path)
            assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
            assert site.bugs == n  # one traceback
        assert site.ask("/fine").body == b"handler" and len(site.browsers) == 1


# --- errors


def test_error_handlers_by_status():
    app = App()
    app.get("/raise")(lambda req: [][1])
    app.get("/403")(lambda req: abort(403, "the default", {"X-Why": "because"}))
    app.errorhandler(404)(lambda req, er: "no %s\n" % req.path)
    app.errorhandler(403)(lambda req, er: {"error": er.status})
    app.errorhandler(405)(lambda req, er: ("wrong method", 400))
    app.errorhandler(500)(lambda req, er: "broken\n")
    with Served(app) as site:
        answer = site.ask("/nowhere")
        assert (answer.status, answer.body) == (404, b"no /nowhere\n")
        answer = site.ask("/403")
        assert (answer.status, json.loads(answer.body), answer.field("x-why")) == (403, {"error": 403}, "because")
        answer = site.ask("/403", "PUT", body=b"")
        assert (answer.status, answer.body, answer.field("allow")) == (400, b"wrong method", "GET, HEAD, OPTIONS")
        assert site.bugs == 0
        answer = site.ask("/raise")
        assert (answer.status, answer.body, site.bugs) == (500, b"broken\n", 1)  # it is reported all the same


class Base(Exception):
    pass


class Derived(Base):
    pass


class Other(Derived):
    pass


def test_error_handlers_by_exception_the_closest_class_counts():
    app = App()

    def throw(req, name, n=0):
        raise {"base": Base, "derived": Derived, "other": Other, "key": KeyError, "value": ValueError}[name](name)

    app.get("/<name>")(throw)
    app.get("/worker/<name>", worker=True)(throw)
    app.errorhandler(Base)(lambda req, er: "base for %s" % er.args[0])
    app.errorhandler(Derived)(lambda req, er: ("derived for %s" % er.args[0], 409))
    app.errorhandler(KeyError)(lambda req, er: abort(418, "a teapot\n"))
    app.errorhandler(500)(lambda req, er: "500\n")
    with Served(app) as site:
        for where in ("", "/worker"):
            for name, status, body in (
                ("base", 500, b"base for base"),
                ("derived", 409, b"derived for derived"),
                ("other", 409, b"derived for other"),
                ("key", 418, b"a teapot\n"),
            ):
                answer = site.ask("%s/%s" % (where, name))
                assert (answer.status, answer.body) == (status, body), (name, answer.status, answer.body)
        assert site.bugs == 0  # who has a handler expects it
        assert site.ask("/value").body == b"500\n" and site.bugs == 1


def test_an_error_handler_that_raises_is_a_500_of_its_own():
    app = App()
    app.errorhandler(404)(lambda req, er: 1 // 0)
    app.get("/")(lambda req: "hi")
    with Served(app) as site:
        assert site.ask("/nowhere").status == 500
        assert site.ask("/").body == b"hi" and site.bugs == 1
    app.errorhandler(500)(lambda req, er: 1 // 0)
    app.errorhandler(ZeroDivisionError)(lambda req, er: 1 // 0)
    with Served(app) as site:
        answer = site.ask("/nowhere")
        assert answer.status == 500
        assert site.ask("/").body == b"hi" and site.bugs > 0


# --- mounting


def test_mounted_hooks_apply_to_their_own_routes_inside_the_outer_ones():
    outer, inner, innermost = App(), App(), App()
    log = []
    for app, name in ((outer, "outer"), (inner, "inner"), (innermost, "innermost")):
        run_with_log(app, log, name)
        app.get("/")(lambda req: "root")
        app.get("/<int:n>")(lambda req, n: str(n))
        app.errorhandler(KeyError)(lambda req, er, name=name: name)
        app.errorhandler(409)(lambda req, er, name=name: "409 " + name)
        app.get("/409")(lambda req: abort(409))

        @app.get("/raise")
        def throw(req):
            raise KeyError

    innermost.get("/worker", worker=True)(lambda req: req.path)
    inner.mount(innermost, "/b")
    outer.mount(inner, "/a")
    with Served(outer) as site:
        assert site.ask("/a/b/7").body == b"7"
        assert log == ["before outer", "before inner", "before innermost", "after innermost", "after inner", "after outer"]
        log.clear()
        assert site.ask("/a/8").body == b"8"
        assert log == ["before outer", "before inner", "after inner", "after outer"]
        log.clear()
        assert site.ask("/9").body == b"9"
        assert site.ask("/a/nowhere").status == 404
        assert log == ["before outer", "after outer"] * 2
        for path, name in (("/raise", b"outer"), ("/a/raise", b"inner"), ("/a/b/raise", b"innermost")):
            answer = site.ask(path)
            assert (answer.status, answer.body) == (500, name)
        for path, name in (("/409", b"409 outer"), ("/a/409", b"409 inner"), ("/a/b/409", b"409 innermost")):
            answer = site.ask(path)
            assert (answer.status, answer.body) == (409, name)
        assert site.ask("/a/b/worker").body == b"/a/b/worker"
        assert site.ask("/a/b/").body == b"root" and site.ask("/a/b").status == 404


def test_mounted_twice():
    outer, inner = App(), App()
    inner.get("/x")(lambda req: req.path)
    outer.mount(inner, "/a")
    outer.mount(inner, "/b")
    inner.get("/late")(lambda req: "")
    for prefix in ("", "a", "/", "/a/"):
        try:
            outer.mount(inner, prefix)
        except (ValueError, IndexError):
            continue
        raise AssertionError(prefix)
    with Served(outer) as site:
        assert site.ask("/a/x").body == b"/a/x" and site.ask("/b/x").body == b"/b/x"
        assert site.ask("/a/late").status == 404  # what it had by then
