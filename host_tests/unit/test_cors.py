# CORS: which sites' scripts may read an answer, and what a preflight is told.

from app_client import Served
from mungo.app import App
from mungo.auth import Bearer
from mungo.cors import Cors

MIN_HEAP = "256k"

HERE = "https://a.example"
ALLOW = "access-control-allow-"


def site_with(origins, hook=None, **options):
    app = App()
    Cors(app, origins, **options)
    if hook:
        app.before_request(hook)
    app.get("/")(lambda req: "hi")
    app.put("/")(lambda req: ("no", 403))
    app.get("/vary")(lambda req: ("hi", 200, {"vary": "Cookie"}))
    app.get("/worker", worker=True)(lambda req: "worked")
    return Served(app)


def origin(text, more=""):
    return "Origin: %s\r\n%s" % (text, more)


def asks(method, headers=None):
    return "Access-Control-Request-Method: %s\r\n" % method + ("Access-Control-Request-Headers: %s\r\n" % headers if headers else "")


def cors(answer):
    return {name: value for name, value in answer.fields if name[:14] == "access-control" or name == "vary"}


def test_all_origins():
    with site_with("*") as site:
        for path in ("/", "/worker", "/nowhere"):
            assert cors(site.ask(path, lines=origin(HERE))) == {ALLOW + "origin": "*"}
        assert cors(site.ask()) == {}
        assert site.ask("/", "PUT", origin(HERE), b"").status == 403
        assert cors(site.ask("/", "DELETE", origin(HERE))) == {ALLOW + "origin": "*"}


def test_a_list_of_origins():
    with site_with((HERE, "http://localhost:3000"), credentials=True, expose=("X-One", "X-Two")) as site:
        for known in (HERE, "http://localhost:3000"):
            assert cors(site.ask(lines=origin(known))) == {
                ALLOW + "origin": known,
                ALLOW + "credentials": "true",
                "access-control-expose-headers": "X-One, X-Two",
                "vary": "Origin",
            }
        for other in ("https://b.example", "https://a.example.b.example", "http://a.example", "null", "*", "", HERE + "/", HERE.upper()):
            assert cors(site.ask(lines=origin(other))) == {"vary": "Origin"}, other
        assert cors(site.ask()) == {"vary": "Origin"}
        assert cors(site.ask("/vary"))["vary"] == "Cookie, Origin"
        assert site.ask(lines=origin("https://b.example")).body == b"hi"  # it is the browser who keeps it from the script


def test_preflight():
    with site_with((HERE,), max_age=600) as site:
        answer = site.ask("/", "OPTIONS", origin(HERE, asks("PUT", "X-One, content-type")))
        assert (answer.status, answer.body) == (204, b"")
        assert cors(answer) == {
            ALLOW + "origin": HERE,
            ALLOW + "methods": "PUT",
            ALLOW + "headers": "X-One, content-type",
            "access-control-max-age": "600",
            "vary": "Origin",
        }
        answer = site.ask("/", "OPTIONS", origin("https://b.example", asks("PUT")))
        assert cors(answer) == {"vary": "Origin"}
        answer = site.ask("/", "OPTIONS", origin(HERE))  # no preflight
        assert answer.status == 204 and answer.field("allow") == "GET, HEAD, OPTIONS, PUT" and ALLOW + "methods" not in cors(answer)
        assert ALLOW + "methods" not in cors(site.ask("/", "GET", origin(HERE, asks("PUT"))))


def test_preflight_with_lists():
    with site_with("*", methods=("GET", "PUT"), headers=("X-One",)) as site:
        answer = site.ask("/", "OPTIONS", origin(HERE, asks("DELETE", "X-Two")))
        assert cors(answer) == {ALLOW + "origin": "*", ALLOW + "methods": "GET, PUT", ALLOW + "headers": "X-One"}
    with site_with("*", headers=()) as site:
        assert ALLOW + "headers" not in cors(site.ask("/", "OPTIONS", origin(HERE, asks("PUT", "X-Two"))))


def test_a_preflight_needs_no_credentials_and_a_401_can_be_read():
    with site_with((HERE,), Bearer({"t": 1})) as site:
        assert site.ask("/", "OPTIONS", origin(HERE, asks("PUT"))).status == 204
        answer = site.ask("/", "GET", origin(HERE))
        assert answer.status == 401 and cors(answer)[ALLOW + "origin"] == HERE
        answer = site.ask("/", "OPTIONS", origin("https://b.example", asks("PUT")))
        assert answer.status == 401 and ALLOW + "origin" not in cors(answer)


def test_mistakes():
    for origins, credentials in (("*", True), (HERE, False), (HERE, True)):
        try:
            Cors(App(), origins, credentials=credentials)
        except ValueError:
            continue
        raise AssertionError(origins)
