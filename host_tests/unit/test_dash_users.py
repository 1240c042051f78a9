# Who may do what: users, passwords, sessions, and a table of attacks.

import json
import os
import sys

from dashing import Page, Place
from mungo.dash.guard import guard as guarded
from mungo.dash.passwords import hash_password, is_right, pbkdf2
from raising import raised, refused

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "640k"

passwords = sys.modules["mungo.dash.passwords"]
fit_rounds = passwords.fit_rounds
PASSWORDS = {"anna": "rose garden", "ole": "lily garden", "rita": "tulip garden"}
LEVELS = {"anna": "admin", "ole": "operate", "rita": "read"}


def test_pbkdf2_is_that_of_the_standard():
    # The vectors of RFC 7914 section 11, and those of RFC 6070 with SHA-256.
    for password, salt, rounds, want in (
        ("passwd", b"salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
        ("password", b"salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"),
        ("password", b"salt", 2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"),
        ("x" * 100, b"salt", 3, None),
    ):
        found = pbkdf2(password, salt, rounds)
        assert len(found) == 32 and (want is None or found.hex() == want), found.hex()


def test_a_password_is_kept_as_a_salted_hash():
    few_rounds()
    kept = hash_password("rose garden")
    assert kept != hash_password("rose garden") and "rose" not in kept
    assert is_right("rose garden", kept) and not is_right("rose gardem", kept) and not is_right("", kept)


def test_rounds_follow_the_speed_and_have_limits():
    assert 1000 <= fit_rounds() <= 200000


def few_rounds():
    """Hash by a few rounds, which need no time."""
    passwords.fit_rounds = lambda: 3


def add_users(dash, names=("anna", "ole", "rita")):
    few_rounds()
    dash.load_users()
    for name in names:
        dash.users.save(name, [("", "read", "operate", "admin").index(LEVELS[name]), hash_password(PASSWORDS[name]), 1])


def log_in(client, name, password=None):
    """The answer; the client has the cookie then, and `client.token` is the CSRF token."""
    client.cookies.clear()
    answer = client.post("/api/login", json={"user": name, "password": password or PASSWORDS[name]})
    client.token = answer.json.get("csrf")
    if client.mgr.stats["bugs"] == 0:
        dash_of(client).users.tries.free_at.clear()  # (or the sixth login of a test would be refused)
    return answer


def dash_of(client):
    return client.mgr.app.dash


def served(place, **options):
    """A dashboard with three users and something of each kind, and its client."""
    dash = place.dash(**options)
    dash.app.dash = dash
    add_users(dash)
    dash.switch("Lamp")
    dash.text("Name", "me", length=16)
    dash.setting("threshold", 40, min=0, max=100)
    dash.action("Water")(lambda job: None)
    dash.action("Erase", level="admin", confirm=True)(lambda job: None)
    dash.metric("Soil", history=10)(lambda: 1)
    dash.table("Rows", ["a"], [[1]])
    dash.setting("place", "shed", length=40)
    dash.choice("Mode", ["eco", "fast"])
    greet = dash.action(
        "Greet", level="operate", fields=[dash.field("name", ""), dash.field("times", 1, max=3), dash.field("key", "", kind="password")]
    )
    greet(lambda job: "Hello %s %s" % (job.values["name"], job.values["key"]))
    dash.files(place.root + "/files", limit=2000)
    dash.updates()
    return dash, dash.app.test_client()


def test_the_first_password_makes_an_admin_and_closes_the_device():
    few_rounds()
    with Place() as place:
        dash = place.dash()
        dash.switch("Lamp")
        with dash.app.test_client() as client:
            page = Page(client)
            assert page.state["open"] and client.get("/api/session").json == {"open": True, "user": None, "level": "admin", "csrf": None}
            for wrong in ({}, {"password": "short"}, {"password": 5}, {"password": "x" * 65}, {"password": "long enough", "level": "root"}):
                assert client.put("/api/users/anna", json=wrong).status == 422, wrong
                dash.users.tries.free_at.clear()
            for name in ("an%20na", "x" * 33, "a%2fb", "%3Cscript%3E", "a%00"):
                assert client.put("/api/users/" + name, json={"password": "long enough"}).status in (404, 422), name
                dash.users.tries.free_at.clear()
            assert not dash.users.known
            answer = client.put("/api/users/anna", json={"password": "long enough", "level": "read"})
            assert answer.status == 200 and answer.json["user"] == "anna" and answer.json["level"] == "admin", answer.text
            while page.ws.receive() is not None:
                pass
            assert client.get("/api/values").status == 200  # logged in by it
            client.cookies.clear()
            assert client.get("/api/values").status == 401
            assert client.put("/api/users/ben", json={"password": "long enough"}).status == 401
            assert "long enough" not in place.text("dash/users.json")


def test_users_and_sessions():
    with Place() as place:
        dash, client = served(place)
        with client:
            assert client.get("/api/session").json == {"open": False, "user": None, "level": "", "csrf": None}
            assert raised(OSError, Page, client)
            assert log_in(client, "ole").json["level"] == "operate"
            page = Page(client)
            assert (page.state["user"], page.state["level"], page.state["csrf"]) == ("ole", "operate", client.token)
            assert page.tell(id="lamp", value=True) == {"re": 1}
            assert page.tell(id="threshold", value=5)["status"] == 403
            assert page.tell(id="erase", run={})["status"] == 403 and page.tell(id="water", run={}) == {"re": page.re}
            cookies = dict(client.cookies)
            client.token = client.get("/api/session").json["csrf"]
            assert client.post("/api/logout", json={}, headers={"X-CSRF-Token": client.token}).status == 204
            while page.ws.receive() is not None:
                pass
            client.cookies.update(cookies)  # the old cookie is of no use
            assert client.get("/api/values").status == 401


def test_logout_everywhere_and_a_new_password_end_all_sessions():
    with Place() as place:
        dash, client = served(place)
        with client:
            log_in(client, "ole")
            others = dict(client.cookies)
            log_in(client, "ole")
            fields = {"X-CSRF-Token": client.token}
            page = Page(client)
            assert client.post("/api/logout", json={"everywhere": True}, headers=fields).status == 204
            while page.ws.receive() is not None:
                pass
            client.cookies.update(others)
            assert client.get("/api/values").status == 401
            log_in(client, "ole")
            others = dict(client.cookies)
            fields = {"X-CSRF-Token": client.token}
            new = {"old": PASSWORDS["ole"], "password": "another one"}
            answer = client.put("/api/users/ole", json=new, headers=fields)
            assert answer.status == 200, answer.text
            assert client.get("/api/values").status == 200  # this one goes on
            client.cookies.clear()
            client.cookies.update(others)
            assert client.get("/api/values").status == 401
            assert log_in(client, "ole").status == 401 and log_in(client, "ole", "another one").status == 200


def test_an_admin_changes_users_and_the_last_one_stays():
    with Place() as place:
        dash, client = served(place)
        with client:
            log_in(client, "rita")
            page = Page(client)
            other = dict(client.cookies)
            log_in(client, "anna")
            fields = {"X-CSRF-Token": client.token}
            assert client.get("/api/users").json[1] == {"name": "ole", "level": "operate"}
            assert client.put("/api/users/rita", json={"level": "operate"}, headers=fields).json == {"name": "rita", "level": "operate"}
            while page.ws.receive() is not None:
                pass
            client.cookies, mine = other, client.cookies
            assert client.get("/api/values").status == 401  # of the old level
            client.cookies = mine
            assert client.put("/api/users/anna", json={"level": "read"}, headers=fields).status == 409
            assert client.delete("/api/users/anna", headers=fields).status == 409
            assert client.delete("/api/users/rita", headers=fields).status == 204
            assert client.delete("/api/users/rita", headers=fields).status == 404
            assert sorted(dash.users.known) == ["anna", "ole"]
            for n in range(14):
                assert client.put("/api/users/u%d" % n, json={"password": "long enough", "level": "read"}, headers=fields).status == 200
            assert client.put("/api/users/more", json={"password": "long enough"}, headers=fields).status == 409


def test_users_survive_a_restart_and_sessions_do_with_a_key():
    with Place() as place:
        key = b"k" * 16
        dash, client = served(place, key=key)
        with client:
            log_in(client, "ole")
            cookies = dict(client.cookies)
        again = place.dash(key=key)
        assert not again.is_open and sorted(again.users.known) == ["anna", "ole", "rita"]
        with again.app.test_client() as client:
            client.cookies.update(cookies)
            assert client.get("/api/values").status == 200
        other = place.dash()
        with other.app.test_client() as client:
            client.cookies.update(cookies)
            assert client.get("/api/values").status == 401
        refused(place.dash, key=b"short")
        refused(place.dash, key=b"")
        refused(place.dash, guest="root")


def test_a_file_of_users_that_cant_be_read_does_not_open_the_device():
    with Place() as place:
        os.mkdir(place.root + "/dash")
        for text in ("", "{", "[]", "5"):
            with open(place.root + "/dash/users.json", "w") as file:
                file.write(text)
            refused(place.dash)


def test_guesses_are_slowed_down():
    with Place() as place:
        dash, client = served(place)
        with client:
            for _ in range(5):
                assert client.post("/api/login", json={"user": "anna", "password": "wrong wrong"}).status == 401
            answer = client.post("/api/login", json={"user": "anna", "password": PASSWORDS["anna"]})
            assert answer.status == 429 and int(answer.headers["Retry-After"]) > 0 and answer.json["error"]
            assert client.get("/api/session").status == 200


def test_no_spelling_of_a_path_and_no_login_of_one_s_own_give_more_guesses():
    with Place() as place:
        dash, client = served(place)
        free_at = dash.users.tries.free_at
        with client:
            for path in ("/api/%6Cogin", "/%61pi/login", "/api/login?x=1", "/%61p%69/%6cogin?/api/values"):
                free_at.clear()
                guesses = [client.post(path, json={"user": "anna", "password": "wrong wrong"}).status for _ in range(6)]
                assert guesses == [401] * 5 + [429], (path, guesses)
            free_at.clear()
            log_in(client, "ole")
            fields = {"X-CSRF-Token": client.token}
            for path in ("/api/%75sers/ole", "/%61pi/users/ole", "/api/users/%6fle"):
                free_at.clear()
                new = {"password": "long enough", "old": "wrong wrong"}
                guesses = [client.put(path, json=new, headers=fields).status for _ in range(6)]
                assert guesses == [403] * 5 + [429], (path, guesses)
            # Somebody who has a password of their own does not get rid of what they have guessed.
            free_at.clear()
            own = {"user": "rita", "password": PASSWORDS["rita"]}
            guess = {"user": "anna", "password": "wrong wrong"}
            client.cookies.clear()
            assert [client.post("/api/login", json=one).status for one in (guess, guess, guess, own)] == [401, 401, 401, 200]
            client.cookies.clear()
            assert [client.post("/api/login", json=guess).status for _ in range(2)] == [401, 429]
            # What another site has a browser send does not use up its owner's tries.
            free_at.clear()
            for _ in range(6):
                assert client.post("/api/login", json=guess, headers={"Origin": "https://evil.example"}).status == 403
            assert not free_at and client.post("/api/login", json=own).status == 200
            # An admin who is logged in has no tries to lose.
            log_in(client, "anna")
            for _ in range(7):
                assert client.put("/api/users/rita", json={"level": "read"}, headers={"X-CSRF-Token": client.token}).status == 200
            # From many addresses: what is known of them has a limit, and beyond it they count together.
            free_at.clear()
            client.cookies.clear()
            addresses = iter(range(1000))
            dash.users.tries.key = lambda req: next(addresses)
            guesses = [client.post("/api/login", json=guess).status for _ in range(80)]
            assert guesses == [401] * 69 + [429] * 11 and len(free_at) == 65, guesses


def test_a_guest_may_read_where_the_program_says_so():
    with Place() as place:
        dash, client = served(place, guest="read")
        with client:
            page = Page(client)
            assert (page.state["user"], page.state["level"], page.state["open"]) == (None, "read", False)
            assert page.tell(id="lamp", value=True)["status"] == 403
            assert client.put("/api/values/lamp", json={"value": True}).status == 401


def test_a_guard_for_routes_elsewhere():
    with Place() as place:
        dash = place.dash()
        dash.app.dash = dash
        add_users(dash)
        guard = guarded(dash.door, "admin")
        dash.app.before_request(lambda req: guard(req) if req.path == "/update" else None)
        dash.app.post("/update")(lambda req: "updated\n")
        with dash.app.test_client() as client:
            assert client.post("/update").status == 401
            log_in(client, "ole")
            assert client.post("/update", headers={"X-CSRF-Token": client.token}).status == 403
            log_in(client, "anna")
            assert client.post("/update").status == 403  # no token
            assert client.post("/update", headers={"X-CSRF-Token": client.token}).text == "updated\n"


BIG = "x" * 3000
KEYS = "{%s}" % ", ".join(['"k%d": 1' % n for n in range(300)])
MORE_KEYS = KEYS[:-1] + (", " + KEYS[1:-1]) * 2 + "}"

# (who, method, path, further fields, body, the status). `TOKEN` is the session's CSRF token.
TOKEN = {"X-CSRF-Token": None}
ATTACKS = (
    # no session
    (None, "GET", "/api/values", {}, None, 401),
    (None, "GET", "/api/state", {}, None, 401),
    (None, "GET", "/api/values/lamp", {}, None, 401),
    (None, "GET", "/api/history/soil", {}, None, 401),
    (None, "GET", "/api/rows/rows", {}, None, 401),
    (None, "GET", "/api/openapi.json", {}, None, 401),
    (None, "GET", "/api/files", {}, None, 401),
    (None, "GET", "/api/users", {}, None, 401),
    (None, "PUT", "/api/values/lamp", {}, '{"value": true}', 401),
    (None, "PUT", "/api/values", {}, '{"lamp": true}', 401),
    (None, "POST", "/api/actions/water", {}, "{}", 401),
    (None, "DELETE", "/api/actions/water", {}, None, 401),
    (None, "PUT", "/api/files/a", {}, "x", 401),
    (None, "PUT", "/api/users/anna", {}, '{"password": "long enough"}', 401),
    (None, "DELETE", "/api/users/anna", {}, None, 401),
    (None, "POST", "/api/logout", {}, '{"everywhere": true}', 401),
    (None, "GET", "/api/live", {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}, None, 401),
    (None, "GET", "/api/values", {"Cookie": "dash=x"}, None, 401),
    (None, "GET", "/api/values", {"Cookie": "dash=" + "A" * 200 + ".1.2"}, None, 401),
    (None, "GET", "/api/values", {"Authorization": "Basic YW5uYTpyb3NlIGdhcmRlbg=="}, None, 401),
    (None, "GET", "/api/%76alues", {}, None, 401),
    (None, "GET", "/api/nothing", {}, None, 401),
    (None, "PUT", "/api/values/lamp", {"X-CSRF-Token": "0" * 32}, '{"value": true}', 403),
    (None, "PUT", "/api/values/lamp", {"X-HTTP-Method-Override": "GET"}, '{"value": true}', 401),
    (None, "GET", "/api/update", {}, None, 401),
    (None, "POST", "/api/update", {}, "mungo-bundle", 401),
    (None, "POST", "/api/update/good", {}, None, 401),
    (None, "POST", "/api/update/restart", {}, None, 401),
    # too low a level
    ("rita", "DELETE", "/api/actions/water", TOKEN, None, 403),
    ("rita", "PUT", "/api/values", TOKEN, '{"lamp": true}', 403),
    ("ole", "GET", "/api/update", {}, None, 403),
    ("ole", "POST", "/api/update", TOKEN, "mungo-bundle", 403),
    ("ole", "POST", "/api/update/restart", TOKEN, None, 403),
    ("rita", "POST", "/api/update/good", TOKEN, None, 403),
    ("rita", "PUT", "/api/values/lamp", TOKEN, '{"value": true}', 403),
    ("rita", "POST", "/api/actions/water", TOKEN, "{}", 403),
    ("rita", "PUT", "/api/files/a", TOKEN, "x", 403),
    ("rita", "DELETE", "/api/files/a", TOKEN, None, 403),
    ("ole", "PUT", "/api/values/threshold", TOKEN, '{"value": 1}', 403),
    ("ole", "PUT", "/api/values", TOKEN, '{"lamp": true, "threshold": 1}', 403),
    ("ole", "POST", "/api/actions/erase", TOKEN, "{}", 403),
    ("ole", "GET", "/api/users", {}, None, 403),
    ("ole", "PUT", "/api/users/ole", TOKEN, '{"level": "admin"}', 403),
    ("ole", "PUT", "/api/users/ole", TOKEN, '{"password": "long enough"}', 403),
    ("ole", "PUT", "/api/users/ole", TOKEN, '{"password": "long enough", "old": "wrong wrong"}', 403),
    ("ole", "PUT", "/api/users/anna", TOKEN, '{"password": "long enough", "old": "lily garden"}', 403),
    ("ole", "PUT", "/api/users/new", TOKEN, '{"password": "long enough"}', 403),
    ("ole", "DELETE", "/api/users/anna", TOKEN, None, 403),
    # other sites, and tokens
    ("anna", "PUT", "/api/values/lamp", {}, '{"value": true}', 403),
    ("anna", "PUT", "/api/values/lamp", {"X-CSRF-Token": "0" * 32}, '{"value": true}', 403),
    ("anna", "PUT", "/api/values/lamp", {"X-CSRF-Token": ""}, '{"value": true}', 403),
    ("anna", "PUT", "/api/values/lamp", {"Origin": "https://evil.example"}, '{"value": true}', 403),
    ("anna", "PUT", "/api/values/lamp", {"Origin": "null"}, '{"value": true}', 403),
    ("anna", "PUT", "/api/values/lamp", {"Sec-Fetch-Site": "cross-site"}, '{"value": true}', 403),
    ("anna", "POST", "/api/logout", {"Origin": "http://test.evil.example"}, "{}", 403),
    ("anna", "PUT", "/api/files/a", {"Sec-Fetch-Site": "same-site"}, "x", 403),
    ("anna", "PUT", "/api/users/ole", {"Origin": "https://evil.example"}, '{"level": "admin"}', 403),
    ("anna", "DELETE", "/api/users/ole", {"Origin": "https://evil.example"}, None, 403),
    ("anna", "DELETE", "/api/files/a", {"Origin": "https://evil.example"}, None, 403),
    ("anna", "POST", "/api/actions/erase", {"Origin": "https://evil.example", "Content-Type": "text/plain"}, "{}", 403),
    ("anna", "POST", "/api/update", {}, "mungo-bundle", 403),
    ("anna", "POST", "/api/update", {"Origin": "https://evil.example"}, "mungo-bundle", 403),
    ("anna", "POST", "/api/update/restart", {"Sec-Fetch-Site": "cross-site"}, None, 403),
    ("anna", "POST", "/api/update/restart", {}, None, 403),
    (
        "anna",
        "GET",
        "/api/live",
        {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Origin": "https://evil.example",
        },
        None,
        403,
    ),
    # paths
    ("anna", "GET", "/api/files/..", {}, None, 404),
    ("anna", "GET", "/api/files/%2e%2e%2fdash%2fusers.json", {}, None, 404),
    ("anna", "GET", "/api/files/..%5cdash%5cusers.json", {}, None, 404),
    ("anna", "GET", "/api/files/.1.tmp", {}, None, 404),
    ("anna", "GET", "/api/files/%2fetc%2fpasswd", {}, None, 404),
    ("anna", "GET", "/api/files/a%00", {}, None, 404),
    ("anna", "DELETE", "/api/files/%2e%2e%2fdash%2fusers.json", TOKEN, None, 404),
    ("anna", "DELETE", "/api/files/..", TOKEN, None, 404),
    ("anna", "DELETE", "/api/files/folder", TOKEN, None, 404),
    ("anna", "PUT", "/api/files/..", TOKEN, "x", 400),
    ("anna", "PUT", "/api/files/.hidden%2f..", TOKEN, "x", 400),
    ("anna", "PUT", "/api/files/%2e%2e%2fdash%2fusers.json", TOKEN, "{}", 400),
    ("anna", "DELETE", "/api/files/", TOKEN, None, 404),
    ("anna", "GET", "/api/../dash/users.json", {}, None, 404),
    ("anna", "GET", "/dash/%2e%2e/%2e%2e/dash/users.json", {}, None, 404),
    ("anna", "GET", "/dash/users.json", {}, None, 404),
    # values
    ("anna", "PUT", "/api/values/threshold", TOKEN, '{"value": NaN}', 400),
    ("anna", "PUT", "/api/values/threshold", TOKEN, '{"value": 1e999}', 400),
    ("anna", "PUT", "/api/values/threshold", TOKEN, '{"value": -Infinity}', 400),
    ("anna", "PUT", "/api/values/threshold", TOKEN, '{"value": 1%s}' % ("0" * 400), 400),
    ("anna", "PUT", "/api/values", TOKEN, '{"lamp": true, "threshold": NaN}', 400),
    ("anna", "PUT", "/api/values", TOKEN, '{"lamp": true, "threshold": -1}', 422),
    ("anna", "PUT", "/api/values", TOKEN, '{"lamp": true, "soil": 1}', 405),
    ("anna", "PUT", "/api/values", TOKEN, '{"lamp": true, "__init__": 1}', 404),
    ("anna", "PUT", "/api/values/mode", TOKEN, '{"value": "<script>"}', 422),
    ("anna", "PUT", "/api/values/place", TOKEN, '{"value": "%s"}' % BIG, 422),
    ("anna", "PUT", "/api/values/place", TOKEN, '{"value": "a\\u001b[2Jb"}', 422),
    ("anna", "POST", "/api/actions/greet", TOKEN, '{"times": NaN}', 400),
    ("anna", "POST", "/api/actions/greet", TOKEN, '{"times": 1e9}', 422),
    ("anna", "POST", "/api/actions/greet", TOKEN, '{"name": "%s"}' % BIG, 422),
    ("anna", "POST", "/api/actions/greet", TOKEN, '{"name": {"a": 1}}', 422),
    ("anna", "POST", "/api/actions/greet", TOKEN, '{"key": "a\\nb"}', 422),
    ("anna", "POST", "/api/actions/greet", TOKEN, '{"job": 1}', 422),
    ("anna", "POST", "/api/actions/greet", TOKEN, '[["name", "x"]]', 422),
    ("anna", "GET", "/api/rows/rows?n=1000000000", {}, None, 422),
    ("anna", "GET", "/api/rows/rows?at=-1", {}, None, 422),
    ("anna", "GET", "/api/rows/rows?at=%D9%A1", {}, None, 422),
    ("anna", "GET", "/api/history/name", {}, None, 404),
    ("anna", "PUT", "/api/values/threshold", TOKEN, '{"value": 101}', 422),
    ("anna", "PUT", "/api/values/threshold", TOKEN, '{"value": "1"}', 422),
    ("anna", "PUT", "/api/values/threshold", TOKEN, '{"value": true}', 422),
    ("anna", "PUT", "/api/values/threshold", TOKEN, '{"value": 1, "id": "lamp"}', 422),
    ("anna", "PUT", "/api/values/threshold", TOKEN, "[1]", 422),
    ("anna", "PUT", "/api/values/threshold", TOKEN, '{"value": 1', 400),
    ("anna", "PUT", "/api/values/threshold", {"X-CSRF-Token": None, "Content-Type": "text/plain"}, '{"value": 1}', 415),
    ("anna", "PUT", "/api/values/name", TOKEN, '{"value": "%s"}' % BIG, 422),
    ("anna", "PUT", "/api/values/name", TOKEN, '{"value": "<script>alert(1)</script>"}', 422),
    ("anna", "PUT", "/api/values/name", TOKEN, '{"value": "a\\u0000b"}', 422),
    ("anna", "PUT", "/api/values/name", TOKEN, '{"value": "a\\r\\nX: y"}', 422),
    ("anna", "PUT", "/api/values/soil", TOKEN, '{"value": 1}', 405),
    ("anna", "PUT", "/api/values/__class__", TOKEN, '{"value": 1}', 404),
    ("anna", "PUT", "/api/values", TOKEN, KEYS, 422),
    ("anna", "PUT", "/api/values", TOKEN, MORE_KEYS, 413),
    ("anna", "POST", "/api/actions/water", TOKEN, KEYS, 422),
    ("anna", "POST", "/api/actions/water", TOKEN, MORE_KEYS, 413),
    ("anna", "POST", "/api/logout", TOKEN, MORE_KEYS, 413),
    (None, "POST", "/api/login", {}, MORE_KEYS, 413),
    ("anna", "POST", "/api/actions/lamp", TOKEN, "{}", 404),
    ("anna", "PUT", "/api/values/lamp", TOKEN, "[" * 1000 + "]" * 1000, 400),
    ("anna", "PUT", "/api/users/%3Cscript%3E", TOKEN, '{"password": "long enough"}', 422),
    ("anna", "PUT", "/api/users/x", TOKEN, '{"password": "%s"}' % BIG, 422),
    ("anna", "PUT", "/api/users/x", TOKEN, '{"password": ["long enough"]}', 422),
    ("anna", "PUT", "/api/users/x", TOKEN, '{"password": "long enough", "level": "<b>"}', 422),
    ("anna", "PUT", "/api/users/x", TOKEN, '{"password": "long enough", "level": ["admin"]}', 422),
    ("anna", "PUT", "/api/files/a", TOKEN, BIG, 413),
    ("anna", "PATCH", "/api/values/lamp", TOKEN, '{"value": true}', 405),
    ("anna", "DELETE", "/api/values/lamp", TOKEN, None, 405),
    ("anna", "GET", "/api/", {}, None, 404),
    ("anna", "GET", "/api/nothing", {}, None, 404),
    (None, "POST", "/api/login", {}, '{"user": "anna", "password": "%s"}' % BIG, 422),
    (None, "POST", "/api/login", {}, '{"user": ["anna"], "password": {}}', 422),
    (None, "POST", "/api/login", {}, '{"user": "nobody", "password": "rose garden"}', 401),
    (None, "POST", "/api/login", {}, '{"user": "anna", "password": "rose gardem"}', 401),
)


def test_attacks_are_refused_with_the_right_status():
    assert len(ATTACKS) >= 40
    with Place() as place:
        dash, client = served(place)
        os.mkdir(place.root + "/files/folder")
        sessions = {}
        with client:
            for name in PASSWORDS:
                log_in(client, name)
                sessions[name] = dict(client.cookies), client.token
            client.cookies.clear()
            for who, method, path, fields, body, status in ATTACKS:
                fields = dict(fields)
                client.cookies.clear()
                if who is not None:
                    cookies, token = sessions[who]
                    client.cookies.update(cookies)
                    if "X-CSRF-Token" in fields and fields["X-CSRF-Token"] is None:
                        fields["X-CSRF-Token"] = token
                if body is not None:
                    fields.setdefault("Content-Type", "application/json")
                answer = client.request(method, path, headers=fields, body=body)
                what = who, method, path, body and body[:60], answer.status, answer.text[:100]
                assert answer.status == status, what
                assert path[:5] != "/api/" or path == "/api/live" or answer.text[:10] == '{"error": ', what
                dash.users.tries.free_at.clear()
            assert dash.by_id["lamp"].value is False and dash.settings == {"threshold": 40, "place": "shed"}
            assert sorted(dash.users.known) == ["anna", "ole", "rita"]
            assert client.mgr.stats["bugs"] == 0


DEEP = '{"id": "threshold", "value": %s%s}' % ("[" * 200, "]" * 200)

# (who, what the page says, the status of the answer)
WS_ATTACKS = (
    ("rita", '{"id": "lamp", "value": true}', 403),
    ("rita", '{"id": "water", "run": {}}', 403),
    ("rita", '{"id": "water", "cancel": true}', 403),
    ("rita", '{"id": "threshold", "value": 1, "level": "admin", "who": {"level": 3}}', 403),
    ("ole", '{"id": "threshold", "value": 1}', 403),
    ("ole", '{"id": "erase", "run": {}}', 403),
    ("anna", '{"id": "threshold", "value": NaN}', 400),
    ("anna", '{"id": "threshold", "value": 1e999}', 400),
    ("anna", '{"id": "threshold", "value": 101}', 422),
    ("anna", '{"id": "name", "value": "%s"}' % BIG, 422),
    ("anna", '{"id": "name", "value": "%s"}' % ("x" * 4096), 400),
    ("anna", DEEP, 400),
    ("anna", '{"id": "greet", "run": %s}' % KEYS, 422),
    ("anna", '{"id": "greet", "run": {%s}}' % ", ".join(['"k%d": 1' % n for n in range(450)]), 400),
    ("anna", '{"id": "greet", "run": {"times": NaN}}', 400),
    ("anna", '{"id": "greet", "run": []}', 422),
    ("anna", '{"id": "__class__", "value": 1}', 404),
    ("anna", '{"id": {"$ne": 1}, "value": 1}', 404),
    ("anna", '{"id": "soil", "value": 1}', 405),
    ("anna", '{"id": "rows", "get": "rows", "n": 1000000000}', 422),
    ("anna", '{"id": "rows", "get": "rows", "at": 1e9}', 422),
    ("anna", '{"id": "../dash/users.json", "get": "history"}', 404),
    ("anna", '{"id": "lamp", "get": "users"}', 400),
    ("anna", '"<script>"', 400),
)


def test_attacks_by_a_page_are_refused_with_the_right_status():
    with Place() as place:
        dash, client = served(place)
        with client:
            pages = {}
            for name in PASSWORDS:
                log_in(client, name)
                pages[name] = Page(client)
            for who, text, status in WS_ATTACKS:
                page = pages[who]
                page.settle()
                page.ws.send(text)
                answer = {"changes": {}}
                while "changes" in answer:
                    answer = json.loads(page.ws.receive())
                    page.seq = answer.get("seq", page.seq)
                assert answer.get("status") == status and answer["error"], (who, text[:60], answer)
                assert page.settle().tell()["seq"] == dash.seq  # the page goes on
            assert dash.by_id["lamp"].value is False and dash.settings == {"threshold": 40, "place": "shed"}
            assert client.mgr.stats["bugs"] == 0


def test_a_script_in_every_text_field_is_kept_and_told_as_the_text_that_it_is():
    script = "<script>alert(1)</script>"
    with Place() as place:
        dash, client = served(place)
        dash.by_id["name"].fields["length"] = 40
        dash.metric("Fails", page="<b>", group="<i>")(lambda: open("/" + script))
        log = dash.log("<u>Log</u>", id="log")
        log.add(script, "error")
        table = dash.table("Scripts", [script], [[script]])
        with client:
            log_in(client, "anna")
            fields = {"X-CSRF-Token": client.token}
            page = Page(client)
            for id in ("name", "place"):
                assert page.tell(id=id, value=script) == {"re": page.re}
                page.wait(id, value=script)
                answer = client.get("/api/values/" + id)
                assert answer.json == {"value": script} and answer.headers["Content-Type"] == "application/json"
            assert page.tell(id="greet", run={"name": script, "key": script}) == {"re": page.re}
            page.wait("greet", value="Hello %s %s" % (script, script))
            assert page.tell(id="rows", get="rows")["total"] == 1
            assert page.tell(id=table.id, get="rows")["rows"] == [[script]] and page.widgets[table.id]["columns"] == [script]
            assert page.widgets["log"]["lines"][0][3] == script and page.widgets["log"]["label"] == "<u>Log</u>"
            while script not in page.widgets["fails"].get("error", script):
                page.read()
            assert (page.widgets["fails"]["page"], page.widgets["fails"]["group"]) == ("<b>", "<i>")
            # Names of users and files have no such letters.
            assert client.put("/api/users/%3Cscript%3E", json={"password": "long enough"}, headers=fields).status == 422
            answer = client.put("/api/files/%3Cscript%3Ealert(1)%3C%2Fscript%3E", body=b"<script>", headers=fields)
            assert answer.status in (201, 400) and "<" not in client.get("/api/files").text
            for name in client.get("/api/files").json["files"]:
                answer = client.get("/api/files/" + name["name"])
                assert answer.headers["Content-Security-Policy"] == "sandbox" and "attachment" in answer.headers["Content-Disposition"]
            # What is refused is told without it, or as JSON.
            for answer in (
                client.get("/api/%3Cscript%3E"),
                client.get("/api/values/%3Cscript%3E"),
                client.put("/api/values/mode", json={"value": script}, headers=fields),
                client.post("/api/login", json={"user": script, "password": script}),
            ):
                assert answer.status >= 400 and answer.headers["Content-Type"] == "application/json", answer.text
            assert client.mgr.stats["bugs"] == 0


def test_a_session_that_was_planted_is_none_after_the_login():
    with Place() as place:
        dash, client = served(place)
        with client:
            client.get("/api/session")
            log_in(client, "ole")
            planted = dict(client.cookies)
            log_in(client, "anna")
            client.cookies.update(planted)
            assert client.get("/api/users").status == 403  # it is ole's still, and no more


def test_a_token_of_another_session_is_of_no_use():
    with Place() as place:
        dash, client = served(place)
        with client:
            log_in(client, "ole")
            other = client.token
            log_in(client, "anna")
            assert client.put("/api/values/lamp", json={"value": True}, headers={"X-CSRF-Token": other}).status == 403
            assert client.post("/api/logout", json={}, headers={"X-CSRF-Token": client.token}).status == 204
            assert client.put("/api/values/lamp", json={"value": True}, headers={"X-CSRF-Token": client.token}).status == 403
            assert client.put("/api/values/lamp", json={"value": True}).status == 401
            assert dash.by_id["lamp"].value is False
            log_in(client, "anna")
            old = client.token
            assert client.put("/api/values/lamp", json={"value": True}, headers={"X-CSRF-Token": old}).status == 200
            log_in(client, "anna")
            assert client.put("/api/values/lamp", json={"value": False}, headers={"X-CSRF-Token": old}).status == 403


def test_a_page_of_another_site_changes_nothing_on_an_open_device():
    with Place() as place:
        dash = place.dash()
        dash.switch("Lamp")
        with dash.app.test_client() as client:
            for fields in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
                assert client.put("/api/values/lamp", json={"value": True}, headers=fields).status == 403
                assert client.put("/api/users/me", json={"password": "long enough"}, headers=fields).status == 403
                fields["Content-Type"] = "text/plain"
                assert client.post("/api/actions/x", body="{}", headers=fields).status == 403
            assert raised(OSError, Page, client, {"Origin": "https://evil.example"})
            assert dash.by_id["lamp"].value is False and dash.is_open


def test_other_origins_may_be_allowed_and_its_own_always_is():
    with Place() as place:
        dash = place.dash(origins=("https://panel.example",))
        dash.switch("Lamp")
        with dash.app.test_client() as client:
            for origin in ("https://panel.example", "http://test"):
                page = Page(client, {"Origin": origin})
                assert page.tell(id="lamp", value=True) == {"re": 1}
                assert client.put("/api/values/lamp", json={"value": False}, headers={"Origin": origin}).status == 200
            assert raised(OSError, Page, client, {"Origin": "https://evil.example"})


def test_text_comes_back_as_it_is():
    text = '<img src=x onerror="a()">\'&'
    with Place() as place:
        dash = place.dash()
        name = dash.text("Name")
        log = dash.log()
        with dash.app.test_client() as client:
            page = Page(client)
            page.tell(id="name", value=text)
            log.add(text)
            page.wait("name", value=text)
            page.settle()
            assert name.value == text and page.widgets["log"]["lines"][0][3] == text
            answer = client.get("/api/values/name")
            assert answer.json == {"value": text} and answer.headers["Content-Type"] == "application/json"
