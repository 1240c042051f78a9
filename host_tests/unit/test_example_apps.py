# The examples that show App's extras, as their clients would use them, without a socket.

from apps import chat_rooms, members, notes_api
from raising import raised

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "512k"

PAGE = {"Accept": "text/html"}


def fresh_members(lines):
    members.app.log = lines.append
    members.tries.free_at.clear()
    for mine in members.notes.values():
        del mine[:]
    return members.app.test_client()


def token_of(page):
    return page.text.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_members_log_in_write_and_leave():
    lines = []
    with fresh_members(lines) as client:
        assert client.get("/").headers["Location"] == "/notes"
        answer = client.get("/notes?a=b", headers=PAGE)
        assert (answer.status, answer.headers["Location"]) == (302, "/login?next=/notes%3Fa%3Db")
        assert client.get("/notes").status == 401
        page = client.get("/login?next=/notes%3Fa%3Db")
        assert page.headers["Content-Type"] == "text/html; charset=UTF-8" and 'name="next" value="/notes?a=b"' in page.text
        assert page.headers["X-Frame-Options"] == "DENY" and "default-src 'self'" in page.headers["Content-Security-Policy"]
        form = {"name": "anna", "password": "tulip", "csrf_token": token_of(page), "next": "/notes?a=b"}
        wrong = client.post("/login", form=form)
        assert wrong.status == 403 and "Name or password is wrong." in wrong.text
        answer = client.post("/login", form=dict(form, password="rose"))
        assert (answer.status, answer.headers["Location"]) == (303, "/notes?a=b")
        page = client.get("/notes", headers=PAGE)
        assert "Notes of anna" in page.text and "none yet" in page.text
        token = token_of(page)
        for text in ("roses", "<script>alert(1)</script>"):
            assert client.post("/notes", form={"text": text, "csrf_token": token}).status == 303
        page = client.get("/notes")
        assert "<li>roses</li>" in page.text and "<li>&lt;script&gt;alert(1)&lt;/script&gt;</li>" in page.text
        assert client.post("/notes", form={"text": "forged"}).status == 403
        assert client.post("/notes", form={"text": "x", "csrf_token": token}, headers={"Origin": "http://evil.example"}).status == 403
        assert client.post("/logout", form={"csrf_token": token}).headers["Location"] == "/login"
        assert client.get("/notes").status == 401
        assert members.notes == {"anna": ["roses", "<script>alert(1)</script>"], "bob": []}
        assert client.mgr.stats["bugs"] == 0
    assert len(lines) == 14 and " GET / 302 0 " in lines[0] + " ", lines


def test_members_passwords_are_not_guessed():
    with fresh_members([]) as client:
        form = {"name": "anna", "csrf_token": token_of(client.get("/login"))}
        found = [client.post("/login", form=dict(form, password=str(n))).status for n in range(7)]
        assert found == [403] * 5 + [429] * 2
        assert client.post("/login", form=dict(form, password="rose")).status == 429
        assert client.post("/login", form={"name": "nobody", "password": ""}).status in (403, 429)


def test_notes_over_json():
    notes_api.notes.clear()
    notes_api.last_id = 0
    with notes_api.app.test_client() as client:
        assert client.get("/notes").json == {"items": [], "total": 0, "offset": 0, "limit": 20}
        for n in range(1, 6):
            answer = client.post("/notes", json={"text": "note %d" % n, "tags": ["a"], "more": 1})
            assert answer.status == 201 and answer.headers["Location"] == "/notes/%d" % n
            assert answer.json == {"id": n, "text": "note %d" % n, "tags": ["a"]}
        page = client.get("/notes?limit=2&offset=2")
        assert [note["id"] for note in page.json["items"]] == [3, 4] and 'rel="next"' in page.headers["Link"]
        tag = client.get("/notes/3").headers["ETag"]
        assert client.get("/notes/3", headers={"If-None-Match": tag}).status == 304
        assert client.put("/notes/3", json={"text": "new", "stars": 5}).json == {"id": 3, "text": "new", "stars": 5}
        assert client.get("/notes/3", headers={"If-None-Match": tag}).json["text"] == "new"
        answer = client.post("/notes", json={"text": "", "tags": "x", "stars": 6})
        assert answer.status == 422 and answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["errors"] == {"text": "want 1 to 100", "tags": "want a list", "stars": "want 0 to 5"}
        assert client.post("/notes", body="x").json["errors"] == {"": "want an object"}
        assert client.delete("/notes/3").status == 204
        assert client.get("/notes/3").json == {"status": 404, "title": "Not Found"}
        assert client.get("/notes/3", headers={"Origin": "http://a.example"}).headers["Access-Control-Allow-Origin"] == "*"
        for _ in range(notes_api.MOST - 4):
            assert client.post("/notes", json={"text": "x"}).status == 201
        assert client.post("/notes", json={"text": "x"}).json["detail"] == "want at most 50 notes"
        assert client.mgr.stats["bugs"] == 0


def test_rooms_for_all_kinds_of_clients():
    chat_rooms.rooms.clear()
    with chat_rooms.app.test_client(max_conns=24, max_streams=20) as client:
        assert "<!doctype html>" in client.get("/").text
        anna, bob, carl = [client.websocket("/rooms/" + name) for name in ("kitchen", "kitchen", "garden")]
        events = client.events("/rooms/kitchen/events")
        anna.send("hi")
        assert (anna.receive(), bob.receive()) == ("hi", "hi")
        assert client.post("/rooms/kitchen", body="the soup is ready").status == 204
        assert (anna.receive(), bob.receive()) == ("the soup is ready",) * 2
        assert client.get("/rooms").json["kitchen"] >= 2 and carl.messages == []
        client.mgr.timer(5, lambda _: chat_rooms.rooms["kitchen"].send("to all"), None, True)
        assert next(events)["data"] == "to all"
        events.close()
        for n in range(chat_rooms.MOST - 2):
            client.websocket("/rooms/%d" % n)
        assert "503" in str(raised(OSError, client.websocket, "/rooms/one-more"))
        carl.close()
        client.websocket("/rooms/one-more").close()
        assert "garden" not in client.get("/rooms").json
        assert client.mgr.stats["bugs"] == 0
