# Cookies that an answer sets, and signed ones: nobody else can make them, change them, or use them for another purpose or too late.

import mungo.app.cookies as cookies
from app_client import Served
from mungo.app import App, Response
from mungo.app.attributes import parse_cookies
from mungo.cookies import Signed, set_cookie
from raising import refused

MIN_HEAP = "256k"

KEY = b"0123456789abcdef"
OTHER = b"fedcba9876543210"


def field(*args, **kwargs):
    response = Response()
    set_cookie(response, *args, **kwargs)
    assert len(response.cookies) == 1
    return response.cookies[0]


def test_attributes():
    assert field("a", "b") == "a=b; Path=/; SameSite=Lax; HttpOnly"
    assert field("a", "", max_age=0) == "a=; Path=/; SameSite=Lax; Max-Age=0; HttpOnly"
    text = field("a", "b=c", 3600, "/x", "a.example", secure=True, http_only=False, same_site="None")
    assert text == "a=b=c; Path=/x; SameSite=None; Domain=a.example; Max-Age=3600; Secure"


def test_what_would_be_another_attribute_or_field():
    for text in ("a;b", "a b", "a,b", 'a"b', "a\\b", "a\r\nSet-Cookie: b=c", "a\0", "\xe9", "\x7f"):
        refused(field, "a", text)
        refused(field, text, "b")
        refused(field, "a", "b", path=text)
        refused(field, "a", "b", domain=text)
    refused(field, "", "b")
    refused(field, "a=b", "c")
    for name in ("a(", "a)b", "<a", "a@b", "a:b", "a/b", "[a]", "a?", "{a}", "a b", "a\tb", "a;b", "a,b", 'a"', "a\\b", "caf\xe9", "a\x7f"):
        refused(field, name, "b")
    for name in ("a", "__Host", "__Secure", "_Host-a", "!#$%&'*+-.^_`|~09azAZ"):
        assert field(name, "b").startswith(name + "=b; ")
    refused(field, "a", "b", same_site="lax")
    refused(field, "a", "b", same_site="None")


# Browsers ignore such a cookie (RFC 6265bis sections 4.1.3 and 5.7).
def test_what_browsers_ignore():
    for name in ("__Host-a", "__host-a", "__HOST-", "__Secure-a", "__secure-a"):
        assert field(name, "b", secure=True) == name + "=b; Path=/; SameSite=Lax; Secure; HttpOnly"
        refused(field, name, "b")
        for more in ({"domain": "a.example"}, {"path": "/x"}):
            if name[2] in "Hh":
                refused(field, name, "b", secure=True, **more)
            else:
                assert "Secure" in field(name, "b", secure=True, **more)
    for path in ("", "x", "./", "\\"):
        refused(field, "a", "b", path=path)
    text = field("__Host-a", "b", secure=True, same_site="None", partitioned=True)
    assert text == "__Host-a=b; Path=/; SameSite=None; Secure; HttpOnly; Partitioned"
    refused(field, "a", "b", partitioned=True)


class Req:
    doubtful = ()

    def __init__(self, **cookies):
        self.cookies = cookies


def value(signed, name="user", text="anna", **attributes):
    """What a browser would send back."""
    response = Response()
    signed.set(response, name, text, **attributes)
    return response.cookies[0].split(";")[0].split("=", 1)[1]


def test_signed_values_come_back():
    signed = Signed(KEY)
    for text in ("anna", "", "j\xf6rg; a=\"b\", c\\d.e", "\0\r\n", "x" * 1000):
        assert signed.get(Req(user=value(signed, text=text)), "user") == text
    assert signed.get(Req(), "user") is None
    response = Response()
    signed.set(response, "user", "x", path="/a", secure=True)
    assert response.cookies[0].endswith("; Path=/a; SameSite=Lax; Max-Age=86400; Secure; HttpOnly")


def test_nobody_else_can_make_or_change_one():
    signed = Signed(KEY)
    text = value(signed)
    for i in range(len(text)):  # each single change
        for x in ("A", "B", "."):
            if text[i] != x:
                # (base64 of 32 bytes leaves two bits of the last character unused; they are compared all the same.)
                assert signed.get(Req(user=text[:i] + x + text[i + 1 :]), "user") is None, (text, i, x)
        assert signed.get(Req(user=text[:i]), "user") is None
        assert signed.get(Req(user=text[i + 1 :]), "user") is None
    for bad in ("", ".", "..", "...", text + "A", "A" + text, text + ".", text + "=", "." + text, text.replace(".", ""), "\xe9." + text):
        assert signed.get(Req(user=bad), "user") is None, bad
    assert signed.get(Req(role=text), "role") is None  # for another purpose
    assert Signed(OTHER).get(Req(user=text), "user") is None


def test_the_key_changes():
    old = value(Signed(OTHER))
    both = Signed(KEY, OTHER)
    assert both.get(Req(user=old), "user") == "anna"
    new = value(both)
    assert Signed(KEY).get(Req(user=new), "user") == "anna"
    assert Signed(OTHER).get(Req(user=new), "user") is None
    assert Signed(KEY).get(Req(user=old), "user") is None
    for keys in ((), (b"short",), (KEY, b"short")):
        refused(Signed, *keys)


def test_they_expire():
    signed = Signed(KEY, max_age=100)
    real = cookies.time
    now = [1000]
    cookies.time = lambda: now[0]
    try:
        req = Req(user=value(signed))
        for at, found in ((1000, "anna"), (1099, "anna"), (1100, None), (99999, None), (999, None)):  # at last: the clock went back
            now[0] = at
            assert signed.get(req, "user") == found, at
        now[0] = 1050
        assert Signed(KEY, max_age=50).get(req, "user") is None  # whatever was promised when it was made
    finally:
        cookies.time = real


def test_signatures_are_compared_in_constant_time():
    compared = []
    real = cookies.same

    def same(a, b):
        compared.append(a)
        return real(a, b)

    cookies.same = same
    try:
        text = value(Signed(KEY))
        assert Signed(OTHER, KEY).get(Req(user=text), "user") == "anna"
        assert compared == [text.split(".")[-1]] * 2
        assert Signed(OTHER).get(Req(user="YQ==.9999999999.x"), "user") is None  # before anything that it says is looked at
        assert compared[-1] == "x"
    finally:
        cookies.same = real


def test_over_the_wire():
    signed = Signed(KEY)
    app = App()

    @app.get("/login/<name>")
    def login(req, name):
        response = Response("welcome\n")
        signed.set(response, "user", name)
        set_cookie(response, "theme", "dark", 1000)
        return response

    app.get("/who")(lambda req: signed.get(req, "user") or "nobody")
    app.get("/worker", worker=True)(lambda req: signed.get(req, "user") or "nobody")
    with Served(app) as site:
        answer = site.ask("/login/j%C3%B6rg")
        found = [text.split(";")[0] for name, text in answer.fields if name == "set-cookie"]
        assert len(found) == 2 and found[1] == "theme=dark"
        for path in ("/who", "/worker"):
            assert site.ask(path, lines="Cookie: %s; %s\r\n" % tuple(found)).body == "j\xf6rg".encode()
            assert site.ask(path, lines="Cookie: %sx\r\n" % found[0]).body == b"nobody"
            assert site.ask(path).body == b"nobody"


def test_the_cookies_of_a_field():
    for text, found in (
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2 ;  c = 3", {"a": "1", "b": "2", "c": "3"}),
        ('a="x y"', {"a": "x y"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=%41", {"a": "%41"}),
        ("a=1; a=2", {"a": "1"}),
        ("lonely; a=1;", {"a": "1"}),
        ("a=", {"a": ""}),
        # Quotes are left out as a pair.
        ('a=""', {"a": ""}),
        ('a="', {"a": '"'}),
        ('a="x', {"a": '"x'}),
        ('a=x"', {"a": 'x"'}),
        ('a=x"y"', {"a": 'x"y"'}),
        ('a=""x""', {"a": '"x"'}),
        ('a= "x" ; b="""', {"a": "x", "b": '"'}),
        ('a="{\\"b\\"}"', {"a": '{\\"b\\"}'}),
    ):
        assert parse_cookies(text) == found, (text, parse_cookies(text))
