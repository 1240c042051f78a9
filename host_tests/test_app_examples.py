"""The examples that use App, each as a user would try it, on both runtimes; on MicroPython with the files alone that a board gets."""

import http.client
import json
import socket
import threading
import time

import pytest

import lanes
import packages
import reach
from asking import request

WAIT_S = 30


class Asking(threading.Thread):
    """`request` in a thread: `result()` waits for it."""

    def __init__(self, *args):
        super().__init__()
        self.args = args
        self.start()

    def run(self):
        self.answer = request(*self.args)
        self.when = time.monotonic()

    def result(self):
        self.join()
        return self.answer


@pytest.fixture
def serve(serve, runtime, tmp_path):
    """The fixture `serve`. MicroPython finds of the library what `make deploy` would copy."""

    def start(app, env=None):
        if runtime == "cpython":
            return serve(app=app, env=env)
        lib = tmp_path / "lib"
        for name in set(packages.files()) - reach.unused(app):
            (lib / name).parent.mkdir(parents=True, exist_ok=True)
            if not (lib / name).exists():
                (lib / name).symlink_to(lanes.ROOT / "lib" / name)
        return serve(app=app, env={**(env or {}), "MICROPYPATH": f"{lib}:firmware:.frozen"})

    return start


@pytest.fixture(params=[0, 1], ids=["workers", "one-worker"])
def workers(request):
    """The pool as the port has it, and RP2's: one thread."""
    return request.param


def test_hello(serve, workers):
    server = serve(app="hello", env={"DELAY_MS": "300", "WORKERS": workers})
    status, headers, body = request(server, "/fast")
    assert (status, headers["Content-Type"], body) == (200, "text/plain; charset=UTF-8", b"hi\n")
    assert request(server, "/hello/caf%C3%A9?times=2")[::2] == (200, "hello, café\n".encode() * 2)
    assert request(server, "/hello/x?times=many")[::2] == (400, b"times: want a whole number\n")
    assert request(server, "/nowhere")[0] == 404
    status, headers, _ = request(server, "/fast", "DELETE")
    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert request(server, "/fast", "HEAD")[::2] == (200, b"")
    slow = [Asking(server, "/slow") for _ in range(3)]
    fast = 0
    while any(one.is_alive() for one in slow):
        assert request(server, "/fast")[0] == 200
        fast += 1
    assert fast > 3
    assert [one.result()[::2] for one in slow] == [(200, b"hi, at last\n")] * 3
    assert "Traceback" not in server.output(), server.output()


def test_sensor_json(serve, workers):
    server = serve(app="sensor_json", env={"DELAY_MS": "200", "WORKERS": workers})
    slow = [Asking(server, "/sensor") for _ in range(2)]
    assert json.loads(request(server, "/health")[2]) == {"ok": True}
    for one in slow:
        status, headers, body = one.result()
        reading = json.loads(body)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert 20 <= reading["celsius"] < 30 and reading["took_ms"] >= 200, reading
    stats = json.loads(request(server, "/stats")[2])
    assert stats["stats"]["workers"]["done"] == 2 and stats["limits"]["max_conns"] > 0, stats


def test_stream_csv(serve, workers):
    server = serve(app="stream_csv", env={"DELAY_MS": "2000", "WORKERS": workers})
    conn = http.client.HTTPConnection(server.host, server.port, timeout=WAIT_S)
    conn.request("GET", "/log.csv?rows=15")
    response = conn.getresponse()
    assert response.getheader("Content-Type") == "text/csv" and response.getheader("Transfer-Encoding") == "chunked"
    first = response.read1(100)
    assert first.startswith(b"row,ms\n") and not first.endswith(b"14,"), first  # it comes as it is made
    assert request(server, "/fast")[2] == b"hi\n"
    lines = (first + response.read()).decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["row"] + [str(i) for i in range(15)]
    assert int(lines[-1].split(",")[1]) >= 15 * 20
    conn.close()
    assert request(server, "/log.csv?rows=x")[0] == 400
    with socket.create_connection((server.host, server.port), WAIT_S) as sock:  # and one who leaves
        sock.sendall(b"GET /log.csv?rows=1000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        data = b""
        while b"row,ms" not in data:  # the head alone comes before the worker has begun
            data += sock.recv(1000)
    deadline = time.monotonic() + WAIT_S
    while server.output().count("table: closed") < 2:
        assert time.monotonic() < deadline, server.output()
        assert request(server, "/fast")[2] == b"hi\n"
    assert "Traceback" not in server.output(), server.output()


def test_with_asyncio(serve, workers):
    server = serve(app="with_asyncio", env={"DELAY_MS": "500", "WORKERS": workers})
    before = json.loads(request(server, "/ticks")[2])["ticks"]
    slow = Asking(server, "/slow")
    while slow.is_alive():
        assert request(server, "/ticks")[0] == 200
    assert slow.result()[::2] == (200, b"hi, at last\n")
    ticks = json.loads(request(server, "/ticks")[2])["ticks"] - before
    assert ticks >= 5, ticks  # (50 in half a second, if the machine is idle; 1 if the loops waited for each other)


def test_with_asyncio_ends_when_it_is_interrupted(serve):
    server = serve(app="with_asyncio")
    assert request(server, "/ticks")[0] == 200
    server.interrupt()
    assert server.proc.wait(WAIT_S) == 0, server.output()
    server.stop()
    assert "Traceback" not in server.output(), server.output()


def test_upload(serve, tmp_path):
    folder = tmp_path / "made by the app"
    server = serve(app="upload", env={"FOLDER": folder})
    assert b"<progress" in request(server, "/")[2]
    assert json.loads(request(server, "/files")[2]) == []
    status, headers, _ = request(server, "/files/a.txt", "PUT", b"abc")
    assert (status, headers["Upload-Offset"]) == (201, "3")
    conn = http.client.HTTPConnection(server.host, server.port, timeout=WAIT_S)
    form = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="b.txt"\r\n\r\ndefg\r\n--XX--\r\n'
    conn.request("POST", "/upload", form, {"Content-Type": "multipart/form-data; boundary=XX"})
    assert json.loads(conn.getresponse().read()) == {"fields": {}, "files": [{"name": "b.txt", "size": 4}]}
    conn.request("PUT", "/files/c.txt", b"01234", {"Content-Range": "bytes 0-4/10"})
    response = conn.getresponse()
    assert (response.status, response.read()) == (202, b"")
    conn.close()
    assert request(server, "/files/c.txt", "HEAD")[1]["Upload-Offset"] == "5"
    files = sorted(json.loads(request(server, "/files")[2]), key=lambda file: file["name"])
    assert files == [{"name": "a.txt", "size": 3}, {"name": "b.txt", "size": 4}]
    assert sorted(path.name for path in folder.iterdir()) == [".c.txt.part", "a.txt", "b.txt"]
    server.stop()
    serve(app="upload", env={"FOLDER": folder})  # which removes what is not whole
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "b.txt"]


def test_http_fetch(serve):
    server = serve(app="http_fetch", env={"DELAY_MS": "50"})
    deadline = time.monotonic() + WAIT_S
    while (last := json.loads(request(server, "/last")[2]))["count"] < 3:
        assert time.monotonic() < deadline, last
    assert last["status"] == 200 and last["error"] is None and last["body"].startswith("ticks_ms says ")
    other = serve(app="http_fetch", env={"DELAY_MS": "50", "URL": f"http://127.0.0.1:{server.port}/last"})
    while (last := json.loads(request(other, "/last")[2]))["count"] < 3:
        assert time.monotonic() < deadline, last
    assert json.loads(last["body"])["status"] == 200
    server.stop()
    while json.loads(request(other, "/last")[2])["error"] is None:
        assert time.monotonic() < deadline
    assert "Traceback" not in server.output() + other.output(), other.output()


def test_members(serve):
    server = serve(app="members")
    conn = http.client.HTTPConnection(server.host, server.port, timeout=WAIT_S)

    def ask(method, path, form=None, cookie=""):
        body = "&".join(f"{name}={value}" for name, value in form.items()) if form else None
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        conn.request(method, path, body, headers)
        response = conn.getresponse()
        return response, response.read().decode()

    assert ask("GET", "/notes")[0].status == 401
    response, page = ask("GET", "/login")
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    cookie = response.getheader("Set-Cookie").partition(";")[0]
    response, _ = ask("POST", "/login", {"name": "anna", "password": "rose", "csrf_token": token}, cookie)
    assert (response.status, response.getheader("Location")) == (303, "/notes")
    cookie = response.getheader("Set-Cookie").partition(";")[0]
    assert "Notes of anna" in ask("GET", "/notes", cookie=cookie)[1]
    conn.close()
    assert " POST /login 303 0 " in server.output() and "Traceback" not in server.output(), server.output()


def test_notes_api(serve):
    server = serve(app="notes_api")
    conn = http.client.HTTPConnection(server.host, server.port, timeout=WAIT_S)
    conn.request("POST", "/notes", json.dumps({"text": "caf\u00e9"}), {"Content-Type": "application/json"})
    response = conn.getresponse()
    assert (response.status, json.loads(response.read())) == (201, {"text": "caf\u00e9", "id": 1})
    status, headers, body = request(server, "/notes/1")
    assert status == 200 and request(server, "/notes?limit=x")[0] == 400
    conn.request("GET", "/notes/1", headers={"If-None-Match": headers["ETag"]})
    response = conn.getresponse()
    assert (response.status, response.read()) == (304, b"")
    conn.close()
    assert json.loads(request(server, "/nowhere")[2]) == {"status": 404, "title": "Not Found"}
    assert "Traceback" not in server.output(), server.output()


def test_chat_rooms(serve):
    from websockets.sync.client import connect

    server = serve(app="chat_rooms")
    url = f"ws://{server.host}:{server.port}/rooms/kitchen"
    with connect(url) as one, connect(url) as two:
        one.send("caf\u00e9")
        assert one.recv(WAIT_S) == two.recv(WAIT_S) == "caf\u00e9"
        assert request(server, "/rooms/kitchen", "POST", b"soup")[0] == 204
        assert one.recv(WAIT_S) == two.recv(WAIT_S) == "soup"
    assert "Traceback" not in server.output(), server.output()


def test_dashboard(serve, tmp_path):
    server = serve(app="dashboard", env={"FOLDER": tmp_path / "files", "DELAY_MS": "50"})
    for path in ("state", "session", "values", "openapi.json", "files", "update", "history/soil", "rows/counters"):
        status, _, body = request(server, f"/api/{path}")
        assert status == 200 and json.loads(body), path
    status, fields, _ = request(server, "/", Accept_Encoding="gzip")
    assert (status, fields["Content-Type"]) == (200, "text/html; charset=utf-8")
    user = json.dumps({"password": "long enough"}).encode()
    status, fields, body = request(server, "/api/users/anna", "PUT", user, Content_Type="application/json")
    assert status == 200 and json.loads(body)["user"] == "anna", body
    assert request(server, "/api/values")[0] == 401
    cookie = fields["Set-Cookie"].partition(";")[0]
    assert request(server, "/api/values", Cookie=cookie)[0] == 200
    assert request(server, "/api/files/a", "PUT", b"x", Cookie=cookie, X_CSRF_Token=json.loads(body)["csrf"])[0] == 201
    assert "Traceback" not in server.output(), server.output()
