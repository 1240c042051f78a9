# Basic and Bearer: who gets in, what the others are told, and what a comparison must not tell.

from binascii import b2a_base64

import mungo
import mungo.app.auth as auth
import mungo.app.digest as digest
from app_client import Served
from mungo.app import App
from mungo.auth import Basic, Bearer
from raising import refused

MIN_HEAP = "256k"


def protected(hook, **options):
    app = App()
    ran = []
    app.before_request(hook)

    @app.route("/", ("GET", "POST"), **options)
    def fn(req):
        ran.append(1)
        return "hello, %s" % req.user

    return app, ran


def basic(text):
    return "Authorization: Basic %s\r\n" % b2a_base64(text.encode())[:-1].decode()


def test_basic():
    app, ran = protected(Basic({"anna": "s3cret:x", "j\xf6rg": "p\xe4ss"}, "the cellar"))
    with Served(app) as site:
        for lines in (
            "",
            basic("anna:s3cret"),
            basic("anna:s3cret:x "),
            basic("Anna:s3cret:x"),
            basic("anna"),
            basic(":"),
            basic(""),
            basic("nobody:s3cret:x"),
            basic("j\xf6rg:s3cret:x"),
            "Authorization: Basic\r\n",
            "Authorization: Basic ?\r\n",
            "Authorization: Basic /////w==\r\n",
            "Authorization: Basic \xff\r\n",
            "Authorization: Bearer s3cret:x\r\n",
            basic("anna:s3cret:x").replace("Basic ", "Basic"),
        ):
            answer = site.ask(lines=lines)
            assert (answer.status, answer.body) == (401, b"Unauthorized\n"), (lines, answer.body)
            assert answer.field("www-authenticate") == 'Basic realm="the cellar", charset="UTF-8"'
        assert not ran
        assert site.ask(lines=basic("anna:s3cret:x")).body == b"hello, anna"
        assert site.ask(lines=basic("j\xf6rg:p\xe4ss")).body == "hello, j\xf6rg".encode()
        assert site.ask(lines=basic("anna:s3cret:x").replace("Basic", "bASIC")).status == 200  # RFC 9110 section 11.1
        assert site.ask("/nowhere").status == 401  # who is not let in learns nothing
        assert site.bugs == 0 and len(site.browsers) == 1


def test_credentials_that_are_not_utf8_are_none():
    seen = []
    app, ran = protected(Basic(lambda name, password: seen.append(name)))
    with Served(app) as site:
        for raw in (b"\xff:x", b"a\xc0\xafb:x", b"a:\xe0\x80\xaf", b"a:\xed\xa0\x80", b"a:\xf4\x90\x80\x80", b"j\xf6rg:x", b"a\xc3:x"):
            assert site.ask(lines="Authorization: Basic %s\r\n" % b2a_base64(raw)[:-1].decode()).status == 401, raw
        assert not seen and not ran
        assert site.ask(lines=basic("\u20ac\U0001f600:x")).status == 401 and seen == ["\u20ac\U0001f600"]
        assert site.bugs == 0


def test_basic_by_a_function():
    seen = []

    def check(name, password):
        seen.append((name, password))
        return {"name": name} if password == "x" else None

    app = App()
    app.before_request(Basic(check))
    app.get("/")(lambda req: req.user)
    with Served(app) as site:
        assert site.ask(lines=basic("a:x")).body == b'{"name": "a"}'
        assert site.ask(lines=basic("a:b:c")).status == 401
        assert site.ask(lines=basic("ax")).status == 401
        assert seen == [("a", "x"), ("a", "b:c")]


def test_bearer():
    for known in ({"t0ken": "the roof", "other": "the cellar"}, lambda token: {"t0ken": "the roof"}.get(token)):
        app, ran = protected(Bearer(known, "sensors"))
        with Served(app) as site:
            answer = site.ask()
            assert answer.status == 401 and answer.field("www-authenticate") == 'Bearer realm="sensors"'
            answer = site.ask(lines=basic("t0ken:"))
            assert answer.status == 401 and answer.field("www-authenticate") == 'Bearer realm="sensors"'
            for token in ("", "t0ke", "t0kenn", "T0ken", "None", "t0ken t0ken", "\xff"):
                answer = site.ask(lines="Authorization: Bearer %s\r\n" % token)
                assert answer.status == 401, token
                assert answer.field("www-authenticate") == 'Bearer realm="sensors", error="invalid_token"'  # RFC 6750 section 3
            assert not ran
            assert site.ask(lines="Authorization: bearer t0ken\r\n").body == b"hello, the roof"
            assert site.bugs == 0


def test_mistakes():
    for realm in ('a"b', "a\\b", "a\r\nb", "\xe9"):
        refused(Basic, {}, realm)
        refused(Bearer, {}, realm)
    refused(Basic, {"a:b": "c"})
    Bearer({"a:b": "c"})


def test_a_401_costs_no_worker():
    app, ran = protected(Basic({"anna": "x"}), worker=True)
    with Served(app) as site:
        for _ in range(20):
            assert site.ask(lines=basic("anna:y")).status == 401
        stats = site.mgr.stats["workers"]
        assert (stats["jobs"], stats["threads"], stats["refused"]) == (0, 0, 0)
        assert site.ask(lines=basic("anna:x")).body == b"hello, anna"  # the worker's copy has the user
        assert stats["jobs"] == 1 and len(ran) == 1


def test_a_401_takes_no_stream():
    app = App()
    app.before_request(Basic({"anna": "x"}))

    @app.post("/", stream=True)
    def take(req):
        raise AssertionError("must not run")

    with Served(app, body_limit=10) as site:
        browser = site.browser()
        browser.send("/", "POST", "Content-Length: 1000000\r\n")
        assert browser.answer().status == 401  # before the body has come


def test_some_routes_alone():
    inner = App()
    inner.before_request(Bearer({"t": "admin"}))
    inner.get("/off")(lambda req: "off")
    app = App()
    app.get("/")(lambda req: "open")
    app.mount(inner, "/admin")
    with Served(app) as site:
        assert site.ask("/").body == b"open"
        assert site.ask("/admin/off").status == 401
        assert site.ask("/admin/off", lines="Authorization: Bearer t\r\n").body == b"off"


def test_same():
    for a, b in (("", ""), ("abc", "abc"), ("abc", b"abc"), ("\xe9", "\xe9"), (b"\xff\0", b"\xff\0")):
        assert digest.same(a, b)
    for a, b in (("", "a"), ("abc", "abx"), ("abc", "xbc"), ("abc", "abcabc"), ("abc", "abc\0"), (b"", b"\0")):
        assert not digest.same(a, b) and not digest.same(b, a)


class Counted:
    reads = 0

    def __init__(self, data):
        self.data = data

    def __getitem__(self, i):
        Counted.reads += 1
        return self.data[i]


def test_a_comparison_does_the_same_work_wherever_they_differ():
    real = digest.digest
    digest.digest = lambda data: Counted(real(data))
    try:
        for other in ("secret", "secreT", "Secret", "", "secretsecret", "x" * 1000):
            Counted.reads = 0
            assert digest.same("secret", other) == (other == "secret")
            assert Counted.reads == 64, other
    finally:
        digest.digest = real


def test_all_names_are_compared_whichever_it_is():
    known = {"a": "1", "b": "2", "c": "3"}
    compared = []
    real = auth.same

    def same(a, b):
        compared.append(b)
        return real(a, b)

    auth.same = same
    try:
        for hook, right in ((Basic(known), ("a:1", "b:2", "c:3")), (Bearer(known), ("a", "b", "c"))):
            for text in right + ("nobody:x", ""):
                compared.clear()
                hook.find(b2a_base64(text.encode())[:-1].decode() if hook.scheme == "Basic" else text)
                assert sorted(compared) == sorted(right), (text, compared)
    finally:
        auth.same = real


def test_hmac():
    def hexed(data):
        return "".join(["%02x" % x for x in data])

    # RFC 4231, cases 1, 2, 6 and 7
    for key, data, result in (
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            b"\xaa" * 131,
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before "
            b"being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ):
        assert hexed(digest.hmac(key, data)) == result
    assert mungo.app.digest is digest
