# What an attacker tries on sessions, logins, forms and limits: each attack of the table is refused with the status beside it, and the
# same request by its owner passes.

import json
from time import time

import mungo.app.digest as digest
import mungo.app.rate_limit as rate_limit
import mungo.app.sessions as sessions
from mungo.app import App, redirect
from mungo.app.cookies import Signed
from mungo.app.csrf import Csrf
from mungo.app.login import Login, is_local
from mungo.app.rate_limit import RateLimit
from mungo.app.secure_headers import SecureHeaders
from mungo.app.sessions import Sessions
from mungo.http.origin import is_own
from raising import raised, refused

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "400k"

KEY = b"0123456789abcdef"
PAGE = {"Accept": "text/html"}
OURS = {"Origin": "http://test:80", "Host": "test:80"}


class Site:
    """An App with all of it, and clients."""

    def __init__(self, **options):
        self.app = app = App()
        self.sessions = Sessions(app, KEY, **options)
        self.csrf = Csrf(app, ("https://friend.example",))
        self.login = Login(self.sessions)
        self.clients = []

        @app.post("/login")
        def enter(req):
            if req.form.get("password") != "right":
                return "no", 401
            self.login.login(req, req.form["name"])
            return redirect(self.login.next_path(req), 303)

        @app.post("/logout")
        def leave(req):
            self.login.logout(req)

        @app.get("/me")
        @self.login.required
        def me(req):
            return req.user

        @app.get("/worker", worker=True)
        @self.login.required
        def worker(req):
            req.session["seen"] = True
            return req.user + (" again" if "again" in req.args else "")

        app.get("/token")(self.csrf.token)
        app.get("/session")(lambda req: req.session)
        app.route("/change", ("POST", "PUT", "PATCH", "DELETE"))(lambda req: "changed")

    def client(self, name=None):
        client = self.app.test_client()
        self.clients.append(client)
        if name:
            answer = client.post("/login", form={"name": name, "password": "right"}, headers=OURS)
            assert answer.status == 303 and client.get("/me").text == name, answer.text
        return client

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.close()


def with_cookie(client, value, target="/me"):
    return client.get(target, headers={"Cookie": "session=" + value})


def changed(text, at):
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


# --- sessions: what happens to GET /me with such a cookie; the owner's own gives 200

COOKIES = (
    ("none", lambda mine, other: ""),
    ("a user's name", lambda mine, other: "anna"),
    ("JSON in clear", lambda mine, other: '{"user":"anna"}'),
    ("without its signature", lambda mine, other: mine[: mine.rfind(".")]),
    ("with an empty signature", lambda mine, other: mine[: mine.rfind(".") + 1]),
    ("with another's signature", lambda mine, other: mine[: mine.rfind(".")] + other[other.rfind(".") :]),
    ("with another's value", lambda mine, other: other[: other.find(".")] + mine[mine.find(".") :]),
    ("with another's time", lambda mine, other: mine.replace(mine.split(".")[1], str(int(mine.split(".")[1]) + 1))),
    ("its value changed", lambda mine, other: changed(mine, 3)),
    ("its signature changed at the start", lambda mine, other: changed(mine, mine.rfind(".") + 1)),
    ("its signature changed at the end", lambda mine, other: changed(mine, len(mine) - 2)),
    ("its signature in lower case", lambda mine, other: mine[: mine.rfind(".")] + mine[mine.rfind(".") :].lower()),
    ("twice", lambda mine, other: mine + "." + mine),
    ("only dots", lambda mine, other: ".."),
    ("signed with another key", lambda mine, other: signed(b"x" * 16, "session", body("anna"))),
    ("signed for another cookie", lambda mine, other: signed(KEY, "theme", body("anna"))),
    ("signed an hour too early", lambda mine, other: signed(KEY, "session", body("anna"), time() - 86400 - 1)),
    ("signed in the future", lambda mine, other: signed(KEY, "session", body("anna"), time() + 1000)),
    ("megabytes", lambda mine, other: "x" * 3000),
    ("signed for the same cookie, but no session", lambda mine, other: signed(KEY, "session", "anna")),
    ("signed for the same cookie, but no JSON", lambda mine, other: signed(KEY, "session", "0 %d {" % time())),
    ("in other letters of base64", lambda mine, other: mine.replace("=", "").replace("+", "-").replace("/", "_")),
    ("percent-encoded", lambda mine, other: "".join(["%%%02X" % ord(x) for x in mine])),
    ("with more behind it", lambda mine, other: mine + "A"),
    ("its time with a sign", lambda mine, other: mine.replace("." + mine.split(".")[1] + ".", ".+" + mine.split(".")[1] + ".")),
    ("its time in other digits", lambda mine, other: mine.replace("." + mine.split(".")[1] + ".", ".0" + mine.split(".")[1] + ".")),
    # A neighbour in the domain has added one, with a longer path or a wider domain: whose session it is can't be told.
    ("another's in front", lambda mine, other: other + "; session=" + mine),
    ("another's behind it", lambda mine, other: mine + "; session=" + other),
    ("an empty one in front", lambda mine, other: "; session=" + mine),
    ("rubbish behind it", lambda mine, other: mine + "; a=b; session=x"),
    ("its name in other letters", lambda mine, other: "; Session=" + mine),
    ("its name with a blank", lambda mine, other: "; sess ion=" + mine),
    ("as a part of another", lambda mine, other: '"; a="session=' + mine + '"'),
)


def body(user):
    return "%s %d %s" % ("0" * 32, time(), json.dumps({"user": user}))


class Answer:
    def __init__(self):
        self.cookies = []


def signed(key, name, text, at=None):
    import mungo.app.cookies as cookies

    known = cookies.time
    if at is not None:
        cookies.time = lambda: at
    try:
        answer = Answer()
        Signed(key).set(answer, name, text)
    finally:
        cookies.time = known
    return answer.cookies[0].split(";")[0].split("=", 1)[1]


def test_cookies_that_are_not_the_users():
    with Site() as site:
        anna = site.client("anna").cookies["session"]
        other = site.client("bob").cookies["session"]
        stranger = site.client()
        assert with_cookie(stranger, signed(KEY, "session", body("anna"))).status == 200  # what the server itself would make
        assert with_cookie(stranger, anna).status == 200
        for what, make in COOKIES:
            answer = with_cookie(stranger, make(anna, other))
            assert answer.status == 401, (what, answer.status, answer.text)
        assert with_cookie(stranger, anna).status == 200


def test_a_cookie_after_logout_is_worth_nothing():
    with Site() as site:
        client = site.client("anna")
        stolen = client.cookies["session"]
        thief = site.client()
        assert with_cookie(thief, stolen).text == "anna"
        assert client.post("/logout", headers=OURS).status == 204
        assert "session" not in client.cookies and client.get("/me").status == 401
        answer = with_cookie(thief, stolen)
        assert answer.status == 401
        assert "session=;" in answer.headers["Set-Cookie"] and "Max-Age=0" in answer.headers["Set-Cookie"]


def test_a_session_that_was_given_to_the_victim_is_not_logged_in_with_it():
    with Site() as site:
        attacker = site.client()
        attacker.get("/token")
        planted = attacker.cookies["session"]
        victim = site.client()
        victim.cookies["session"] = planted
        token = victim.get("/token").text
        login = victim.post("/login", form={"name": "anna", "password": "right", "csrf_token": token})
        assert login.status == 303 and victim.get("/me").text == "anna"
        assert with_cookie(attacker, planted).status == 401
        assert with_cookie(attacker, planted, "/session").json == {}  # the token in it is gone too
        assert victim.get("/token").text != token


def test_ending_many_sessions_brings_none_back():
    known = sessions.time
    now = [1000]
    sessions.time = lambda: now[0]
    import mungo.app.cookies as cookies

    cookies.time = sessions.time
    try:
        with Site(most_ended=3) as site:
            first = site.client("anna")
            stolen = first.cookies["session"]
            first.post("/logout", headers=OURS)
            carl = site.client("carl")
            for n in range(4):
                now[0] += 1
                first.post("/login", form={"name": "anna", "password": "right"}, headers=OURS)
                first.post("/logout", headers=OURS)
                assert len(site.sessions.ended) <= 3
                assert with_cookie(first, stolen).status == 401, n
                assert carl.get("/me").status == (200 if n < 2 else 401), n  # his is as old as the one that made room
            assert site.client("dora").get("/me").text == "dora"
            # What has expired by itself makes room.
            site.sessions.ended = {"a": 0, "b": 0, "c": 0}
            now[0] += 86400
            valid_from = site.sessions.valid_from
            site.sessions.end("d")
            assert list(site.sessions.ended) == ["d"] and site.sessions.valid_from == valid_from
    finally:
        sessions.time = cookies.time = known


def test_cookies_that_come_twice():
    with Site() as site:
        mine = site.client("anna").cookies["session"]
        stranger = site.client()
        assert with_cookie(stranger, mine + "; session=" + mine).text == "anna"  # the same: nobody is confused
        assert with_cookie(stranger, '"%s"; sessions=x; xsession=y' % mine).text == "anna"
        # Logged in with a second one in the way, the victim is nobody, not somebody else.
        other = site.client("mallory").cookies["session"]
        answer = stranger.post("/change", headers={"Cookie": "session=%s; session=%s" % (other, mine), "Host": "test:80"})
        assert answer.status == 200 and "session" not in stranger.cookies
        assert stranger.get("/session", headers={"Cookie": "session=%s; session=%s" % (other, mine)}).json == {}


ODD = "\r\nSet-Cookie: evil=1; \0\x1b\x7f\xe9\u20ac\"',;\\=."


def test_what_a_session_says_is_never_part_of_the_head():
    app = App()
    Sessions(app, KEY)
    app.post("/set")(lambda req: req.session.update({name: req.form[name] for name in req.form}) or "ok")
    app.get("/get")(lambda req: req.session)
    with app.test_client() as client:
        answer = client.post("/set", form={"name": ODD, ODD: "x"})
        cookies = [value for name, value in answer.headers if name.lower() == "set-cookie"]
        assert len(cookies) == 1 and "evil" not in cookies[0] and list(client.cookies) == ["session"]
        assert client.get("/get").json == {"name": ODD, ODD: "x"}
    for name in ("a\r\nb", "a b", "a;b", "a=b", "", "\xe9"):
        app = App()
        Sessions(app, KEY, name=name)
        app.get("/")(lambda req: req.session.update(n=1) or "ok")
        with app.test_client() as client:
            answer = client.get("/")
            assert answer.status == 500 and "Set-Cookie" not in answer.headers, name


def test_a_session_works_in_a_worker_and_is_saved_from_there():
    with Site() as site:
        client = site.client("anna")
        assert client.get("/worker").text == "anna"
        assert client.get("/session").json == {"user": "anna", "seen": True}
        assert site.client().get("/worker").status == 401


def test_a_session_is_sent_only_when_it_has_changed():
    with Site() as site:
        client = site.client("anna")
        answer = client.get("/me")
        assert "Set-Cookie" not in answer.headers and "Cache-Control" not in answer.headers
        answer = client.get("/token")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "HttpOnly" in answer.headers["Set-Cookie"] and "SameSite=Lax" in answer.headers["Set-Cookie"]


def test_a_session_that_is_too_large_is_a_500():
    app = App()
    Sessions(app)
    app.get("/")(lambda req: req.session.update(x="x" * 4000) or "ok")
    with app.test_client() as client:
        answer = client.get("/")
        assert answer.status == 500 and "Set-Cookie" not in answer.headers
        assert client.mgr.stats["bugs"] == 1


def test_without_sessions_there_is_none():
    app = App()
    app.get("/")(lambda req: str(hasattr(req, "session")))
    with app.test_client() as client:
        assert client.get("/").text == "False"


def test_keys_are_checked_and_change():
    refused(Sessions, App(), b"short")
    new, old = App(), App()
    for app, keys in ((old, (KEY,)), (new, (b"f" * 16, KEY))):
        Sessions(app, *keys)
        app.get("/")(lambda req: req.session.update(n=1) or "ok")
        app.get("/n")(lambda req: str(req.session.get("n")))
    with old.test_client() as before, new.test_client() as after:
        before.get("/")
        after.cookies = dict(before.cookies)
        assert after.get("/n").text == "1"
        after.cookies = {}
        after.get("/")
        before.cookies = after.cookies
        assert before.get("/n").text == "None"


# --- login

PATHS = (
    "/%09/evil.example",
    "/%2Fevil.example",
    "/%5cevil.example",
    "/%5C/evil.example",
    "/a%00b",
    "/%0d%0aSet-Cookie:%20a=b",
    "\\/\\/evil.example",
    "/ /evil.example",
    "HTTPS:evil.example",
    "hTTp:/evil.example",
    "//evil.example/%2e%2e",
    "/\\/evil.example",
    "data:text/html,x",
    "?next=//evil.example",
    "#//evil.example",
    "./evil",
    "\u2215\u2215evil.example",
    "/\u3000/evil.example",
    "http://evil.example/",
    "https:evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\r\nSet-Cookie: a=b",
    " /me",
    "javascript:alert(1)",
    "evil.example",
    "",
    "@evil.example",
    "/a\\b",
    "/\x00",
    "/\xe9",
)


def test_after_the_login_the_browser_stays_here():
    with Site() as site:
        client = site.client()
        for path in PATHS:
            assert not is_local(path), path
            answer = client.post("/login", form={"name": "a", "password": "right", "next": path}, headers=OURS)
            assert (answer.status, answer.headers["Location"]) == (303, "/"), path
        for path in ("/", "/me", "/me?a=b&c=/d//e", "/a@b:c", "/caf%C3%A9", "/a%20b", "/me?a=%2F%2Fb", "/a//b"):
            assert is_local(path)
        answer = client.post("/login?next=/me", form={"name": "a", "password": "right"}, headers=OURS)
        assert answer.headers["Location"] == "/me"


def test_who_has_not_logged_in():
    with Site() as site:
        client = site.client()
        assert client.get("/me").status == 401
        assert client.get("/worker").status == 401
        answer = client.get("/me?a=b&c=//d", headers=PAGE)
        assert (answer.status, answer.headers["Location"]) == (302, "/login?next=/me%3Fa%3Db%26c%3D//d")
        assert client.post("/login", form={"name": "anna", "password": "wrong"}, headers=OURS).status == 401
        assert client.get("/me").status == 401


# --- forged requests: (what, by whom, fields, form, status)


def forge(client, other, headers=None, form=None, method="POST"):
    return client.request(method, "/change", headers=dict(headers or {}, Host="test:80"), form=form)


FORGED = (
    ("foreign origin", {"Origin": "http://evil.example"}, None, 403),
    ("foreign origin, ours in front", {"Origin": "http://test:80.evil.example"}, None, 403),
    ("foreign origin, ours as its path", {"Origin": "http://evil.example/test:80"}, None, 403),
    ("our host at another port", {"Origin": "http://test:8080"}, None, 403),
    ("no origin: a file or a sandbox", {"Origin": "null"}, None, 403),
    ("empty origin", {"Origin": ""}, None, 403),
    ("from another site", {"Sec-Fetch-Site": "cross-site"}, None, 403),
    ("from a sister site", {"Sec-Fetch-Site": "same-site"}, None, 403),
    ("a site we do not know", {"Sec-Fetch-Site": "x"}, None, 403),
    ("our site, foreign origin", {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"}, None, 403),
    ("cross-site, our origin", {"Sec-Fetch-Site": "cross-site", "Origin": "http://test:80"}, None, 403),
    ("neither of them, and no token", {}, None, 403),
    ("typed by the user, and no token", {"Sec-Fetch-Site": "none"}, None, 403),
    ("an empty token", {"X-CSRF-Token": ""}, {"csrf_token": ""}, 403),
    ("a wrong token", {"X-CSRF-Token": "0" * 32}, None, 403),
    ("a wrong token from our own page", {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": "0" * 32}, None, 403),
    ("a wrong token in the form", {}, {"csrf_token": "x"}, 403),
    ("our host as the origin's user", {"Origin": "http://test:80@evil.example"}, None, 403),
    ("our host as a part of the origin's name", {"Origin": "http://eviltest:80"}, None, 403),
    ("our host with a dot", {"Origin": "http://test.:80"}, None, 403),
    ("our host with a path", {"Origin": "http://test:80/"}, None, 403),
    ("an origin without a scheme", {"Origin": "test:80"}, None, 403),
    ("two origins, one of them ours", {"Origin": "http://test:80 http://evil.example"}, None, 403),
    ("two sites, one of them ours", {"Sec-Fetch-Site": "same-origin, cross-site"}, None, 403),
    ("our site in other letters", {"Sec-Fetch-Site": "Same-Origin"}, None, 403),
    ("a friend's name as a part", {"Origin": "https://friend.example.evil.example"}, None, 403),
    ("a friend, but in clear", {"Origin": "http://friend.example"}, None, 403),
    ("the method is said to be another", {"X-HTTP-Method-Override": "GET", "X-Method": "GET"}, None, 403),
    ("the origin in a Referer alone", {"Referer": "http://test:80/"}, None, 403),
    ("as text, which needs no preflight", {"Content-Type": "text/plain"}, None, 403),
    ("the token's name in another letter", {"X-CSRF-Tokens": "0" * 32}, None, 403),
    ("from our own page", {"Sec-Fetch-Site": "same-origin"}, None, 200),
    ("from our own page, an older browser", {"Origin": "http://TEST:80"}, None, 200),
    ("from a friend", {"Origin": "https://friend.example", "Sec-Fetch-Site": "cross-site"}, None, 200),
)


def test_forged_requests():
    with Site() as site:
        client = site.client("anna")
        for with_token in (False, True):  # whether the session has one
            for what, headers, form, status in FORGED:
                for method in ("POST", "PUT", "PATCH", "DELETE"):
                    answer = forge(client, None, headers, form, method)
                    assert answer.status == status, (what, method, with_token, answer.status, answer.text)
            token = client.get("/token").text
        assert forge(client, None, {"X-CSRF-Token": token}).status == 200
        assert forge(client, None, {}, {"csrf_token": token}).status == 200
        assert client.get("/token").text == token  # it stays
        other = site.client("bob").get("/token").text
        assert forge(client, None, {"X-CSRF-Token": other}).status == 403
        assert forge(client, None, {"X-CSRF-Token": token[:-1]}).status == 403
        assert forge(client, None, {"X-CSRF-Token": token.upper() + " "}).status == 403
        assert forge(client, None, {"X-CSRF-Token": token + "," + token}).status == 403
        assert client.post("/change?csrf_token=" + token, headers={"Host": "test:80"}).status == 403  # it would be in logs
        assert forge(client, None, {"Cookie": "csrf_token=" + token}).status == 200  # no session, no harm
        assert forge(client, None, {"X-CSRF-Token": "0" * 32}, {"csrf_token": token}).status == 403  # two: the field counts
        for method in ("PROPFIND", "get", "CONNECTED"):
            assert forge(client, None, {"Origin": "http://evil.example"}, None, method).status == 403, method
        assert forge(client, None, {"X-CSRF-Token": token, "Origin": "http://evil.example"}).status == 403
        client.post("/logout", headers=OURS)
        assert forge(client, None, {"X-CSRF-Token": token}).status == 403  # of a session that has ended
        # Without a session there is nothing to gain: a program without cookies needs no token.
        assert forge(site.client(), None).status == 200


def test_a_page_without_an_origin_is_nobody_s():
    # What has no name is not this server, even if the request does not say who that is.
    for origin in ("null", "http://", "", "https://"):
        for is_tls in (False, True):
            assert not is_own(origin, "", is_tls), origin
    assert is_own("http://a", "a", False) and is_own("https://a:443", "a", True) and not is_own("http://a", "a", True)


def test_a_session_s_answer_is_not_stored():
    app = App()
    Sessions(app, KEY)

    @app.get("/<spelling>")
    def count(req, spelling):
        req.session["n"] = 1
        return "hi", 200, {spelling: "private"} if spelling != "none" else {}

    with app.test_client() as client:
        for spelling, value in (("none", "no-store"), ("Cache-Control", "private"), ("cache-control", "private")):
            client.cookies.clear()
            answer = client.get("/" + spelling)
            assert "session" in client.cookies
            assert [value for name, value in answer.headers if name.lower() == "cache-control"] == [value], spelling


def test_sockets_and_streams_of_users():
    """A login guards what stays open as it guards routes."""
    with Site() as site:

        @site.app.websocket("/ws/<name>")
        @site.login.required
        def socket(req, ws, name):
            ws.send("%s as %s" % (req.user, name))
            yield

        @site.app.events("/events")
        @site.login.required
        def events(req, stream):
            yield "for " + req.user

        stranger = site.client()
        assert "401" in str(raised(OSError, stranger.websocket, "/ws/x"))
        assert stranger.get("/events").status == 401
        anna = site.client("anna")
        ws = anna.websocket("/ws/x")
        assert ws.receive() == "anna as x"
        ws.close()
        found = anna.events("/events")
        assert next(found)["data"] == "for anna"
        found.close()


def test_a_login_that_another_site_sends():
    # It would log the victim in as the attacker.
    with Site() as site:
        form = {"name": "mallory", "password": "right"}
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            for client in (site.client(), site.client("anna")):
                answer = client.post("/login", form=form, headers=dict(headers, Host="test:80"))
                assert answer.status == 403 and "Set-Cookie" not in answer.headers, headers
        answer = client.post("/logout", headers={"Origin": "http://evil.example", "Host": "test:80"})
        assert answer.status == 403 and client.get("/me").text == "anna"


def test_reading_needs_no_token():
    with Site() as site:
        client = site.client("anna")
        assert client.get("/me", headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}).status == 200


# --- the time of comparisons


def test_a_comparison_looks_at_all_bytes():
    class Counting:
        def __init__(self, data):
            self.data = data
            self.reads = 0

        def __getitem__(self, i):
            self.reads += 1
            return self.data[i]

    made = []
    known = digest.digest

    def counted(data):
        made.append(Counting(known(data)))
        return made[-1]

    digest.digest = counted
    try:
        for a, b in (("x" * 32, "x" * 32), ("x" * 32, "y" + "x" * 31), ("x" * 32, "x" * 31 + "y"), ("x" * 32, "")):
            del made[:]
            assert digest.same(a, b) == (a == b)
            assert [one.reads for one in made] == [32, 32], (a, b)
    finally:
        digest.digest = known


# --- rates


class Clock:
    def __init__(self):
        self.now = 0
        self.known = rate_limit.ticks_ms

    def __enter__(self):
        rate_limit.ticks_ms = lambda: self.now
        return self

    def __exit__(self, *_):
        rate_limit.ticks_ms = self.known


class Request:
    def __init__(self, rem):
        self.rem = rem


def allowed(limit, rem, tries=1):
    """How many of so many tries pass, and the last Retry-After."""
    passed, retry = 0, None
    for _ in range(tries):
        try:
            limit(Request(rem))
            passed += 1
        except Exception as er:
            assert er.status == 429
            retry = int(er.response.headers["Retry-After"])
    return passed, retry


def test_a_rate_is_kept():
    with Clock() as clock:
        limit = RateLimit(5, 10)
        assert allowed(limit, "10.0.0.1:1", 20) == (5, 2)
        assert allowed(limit, "10.0.0.1:2", 1) == (0, 2)  # another port is the same address
        assert allowed(limit, "10.0.0.2:1", 20) == (5, 2)
        clock.now += 1999
        assert allowed(limit, "10.0.0.1:1", 3) == (0, 1)
        clock.now += 1
        assert allowed(limit, "10.0.0.1:1", 3) == (1, 2)
        clock.now += 10000
        assert allowed(limit, "10.0.0.1:1", 20) == (5, 2)
        clock.now += 1000000000  # ticks have wrapped
        assert allowed(limit, "10.0.0.1:1", 20) == (5, 2)


def test_many_addresses_do_not_fill_the_memory_nor_free_anybody():
    with Clock() as clock:
        limit = RateLimit(2, 10, most=4)
        assert allowed(limit, "attacker:1", 3)[0] == 2
        passed = sum([allowed(limit, "10.0.0.%d:1" % n, 1)[0] for n in range(100)])
        assert passed == 3 + 2  # three more places; all others share one
        assert len(limit.free_at) == 5
        assert allowed(limit, "attacker:1", 3)[0] == 0  # it is not forgotten
        clock.now += 10000
        assert allowed(limit, "10.0.1.1:1", 3)[0] == 2
        assert len(limit.free_at) == 1


def test_rates_over_http():
    app = App()
    app.before_request(RateLimit(2))
    tries = RateLimit(1, key=lambda req: req.args.get("name"))

    @app.post("/login")
    def login(req):
        tries(req)
        return "in"

    app.get("/")(lambda req: "hi")
    with app.test_client() as client:
        assert [client.get("/").status for _ in range(3)] == [200, 200, 429]
        assert int(client.get("/").headers["Retry-After"]) > 20
    with app.test_client() as client:
        app.before[0].free_at.clear()
        assert [client.post("/login?name=" + name).status for name in ("a", "a")] == [200, 429]


def test_a_rate_is_not_fooled_by_what_a_client_says_of_itself():
    app = App()
    app.before_request(RateLimit(2))
    app.get("/<path:rest>")(lambda req, rest: "hi")
    with app.test_client() as client:
        assert [client.get("/").status, client.get("/").status] == [200, 200]
        for n, name in enumerate(("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Via")):
            assert client.get("/", headers={name: "10.0.0.%d" % n}).status == 429, name
        for target in ("/x", "/?a=b", "//", "/%61", "/X"):
            assert client.get(target).status == 429, target
        assert client.head("/x").status == client.post("/x").status == client.options("/x").status == 429
        assert client.get("/x", headers={"Host": "other", "Cookie": "session=x", "User-Agent": "y"}).status == 429


def test_rates_that_cannot_be():
    for n, per_s, most in ((0, 60, 64), (-1, 60, 64), (1, 0, 64), (60001, 60, 64), (1, 60, 0)):
        raised(ValueError, RateLimit, n, per_s, most)


# --- fields


def test_secure_headers():
    app = App()
    SecureHeaders(app, fields={"X-Frame-Options": None, "X-A": "b"}, hsts=60)
    app.get("/")(lambda req: ("hi", 200, {"content-security-policy": "mine"}))
    app.get("/bug")(lambda req: 1 / 0)
    with app.test_client() as client:
        headers = client.get("/").headers
        assert headers["Content-Security-Policy"] == "mine" and headers["X-A"] == "b" and "X-Frame-Options" not in headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Strict-Transport-Security"] == "max-age=60"
        for target, status in (("/nowhere", 404), ("/bug", 500)):
            answer = client.get(target)
            assert answer.status == status and answer.headers["Content-Security-Policy"] == "default-src 'self'"


def test_attacks_are_many():
    assert len(COOKIES) + len(PATHS) + len([1 for _, _, _, status in FORGED if status == 403]) >= 90


def test_tokens_beside_bodies_that_are_no_forms():
    with Site() as site:
        client = site.client("anna")
        token = client.get("/token").text
        for headers, status in (({"X-CSRF-Token": token}, 200), ({}, 403)):
            headers["Host"] = "test:80"
            assert client.post("/change", json={}, headers=headers).status == status
        answer = client.post("/change", form={"csrf_token": token}, files={"a": ("a.txt", b"x")}, headers={"Host": "test:80"})
        assert answer.status == 200
