"""The client's call that waits, on both runtimes: against Python's own server, against mungo's, and against servers that misbehave."""

import errno
import http.server
import json
import os
import socket
import struct
import subprocess
import threading

import pytest

import lanes

WAIT_S = 60


@pytest.fixture
def fetch(runtime):
    """fetch(url, **arguments) -> the result's dict, or that of the error; or of several dicts of arguments a list of them."""

    def run(url, **arguments):
        calls = url if isinstance(url, list) else [dict(arguments, url=url)]
        done = lanes.run_script(runtime, "host_tests/servers/fetch_calls.py", timeout=WAIT_S, CALLS=json.dumps(calls))
        assert done.returncode == 0, done.stdout + done.stderr
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(results) == len(calls)
        return results if isinstance(url, list) else results[0]

    return run


# --- right servers


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do(self):
        length = self.headers.get("Content-Length")
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(length or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers.items()), body, self.client_address[1]))
        path, _, rest = self.path.partition("?")
        if path == "/redirect":
            status, _, where = rest.partition(",")
            self.answer(int(status), b"this way", Location=where)
        elif path == "/loop":
            self.answer(302, Location="/loop")
        elif path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (b"one ", b"two ", b"three"):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/old":
            self.protocol_version = "HTTP/1.0"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"until the end")
            self.close_connection = True
        elif path == "/interim":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-A: no\r\n\r\n")
            self.answer(200, b"final", X_A="yes")
        elif path == "/long":
            self.answer(200, b"x" * 1000000)
        elif path in ("/204", "/304"):
            self.send_response(int(path[1:]))
            self.end_headers()
        else:
            self.answer(200, body or b"hi", X_A="b")

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do

    def log_message(self, *args):
        pass


@pytest.fixture
def site():
    """Two servers of Python's, which note what they are asked: `site.url`, `site.seen`, `site.other`."""
    servers = []
    for _ in range(2):
        one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        one.daemon_threads = True
        one.seen = []
        one.url = f"http://127.0.0.1:{one.server_port}"
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}).start()
        servers.append(one)
    servers[0].other = servers[1]
    yield servers[0]
    for one in servers:
        one.shutdown()
        one.server_close()


def test_python_s_server(fetch, site):
    results = fetch(
        [
            {"url": site.url + "/a?b=c#d"},
            {"url": site.url + "/chunked"},
            {"url": site.url + "/old"},
            {"url": site.url + "/interim"},
            {"url": site.url + "/204"},
            {"url": site.url + "/304"},
            {"url": site.url + "/long", "method": "HEAD"},
            {"url": site.url + "/long", "sink": True},
            {"url": site.url + "/long"},
            {
                "url": site.url.replace("127.0.0.1", "localhost"),
                "method": "POST",
                "body": "abc",
                "headers": {"X-B": "c"},
                "auth": ["me", "pw"],
            },
            {"url": site.url, "method": "PUT", "pieces": ["abc", "", "def"]},
            {"url": site.url, "method": "PUT", "pieces": ["abc", "def"], "length": 6},
            {"url": site.url, "method": "DELETE", "headers": "X-B: c\r\nConnection: close\r\n"},
        ]
    )
    assert results[0] == {"status": 200, "reason": "OK", "url": site.url + "/a?b=c#d", "body": "hi", "x": "b", "sink": 0}
    assert [one.get("body") for one in results[1:4]] == ["one two three", "until the end", "final"] and results[3]["x"] == "yes"
    assert [(one["status"], one["body"]) for one in results[4:7]] == [(204, ""), (304, ""), (200, "")]
    assert results[7]["sink"] == 1000000 and results[7]["body"] == ""
    assert results[8]["error"] == "OSError" and "body_limit" in results[8]["text"]
    assert [one["body"] for one in results[9:]] == ["abc", "abcdef", "abcdef", "hi"]
    _, path, headers, _, _ = site.seen[9]
    assert path == "/" and headers["X-B"] == "c" and headers["Authorization"] == "Basic bWU6cHc="
    assert headers["Host"].startswith("localhost:")
    assert site.seen[10][2]["Transfer-Encoding"] == "chunked" and site.seen[11][2]["Content-Length"] == "6"
    assert site.seen[12][2]["Connection"] == "close"


def test_redirects(fetch, site):
    def to(status, where):
        return f"{site.url}/redirect?{status},{where}"

    results = fetch(
        [
            {"url": to(302, "/next?x=1")},
            {"url": to(303, "next"), "method": "POST", "body": "abc", "headers": {"Content-Type": "text/x"}},
            {"url": to(301, "/next"), "method": "POST", "body": "abc"},
            {"url": to(302, "/next"), "method": "PUT", "body": "abc"},
            {"url": to(307, "/next"), "method": "POST", "body": "abc", "headers": {"Content-Type": "text/x"}},
            {"url": to(308, "/next"), "method": "POST", "body": "abc"},
            {"url": to(303, "/next"), "method": "HEAD"},
            {"url": to(302, to(302, to(302, "/next")))},
        ]
    )
    assert all(one["status"] == 200 for one in results), results
    last = [seen for seen in site.seen if not seen[1].startswith("/redirect")]
    assert [(method, body) for method, _, _, body, _ in last] == [
        ("GET", b""),
        ("GET", b""),
        ("GET", b""),
        ("PUT", b"abc"),
        ("POST", b"abc"),
        ("POST", b"abc"),
        ("HEAD", b""),
        ("GET", b""),
    ]
    assert results[0]["url"] == site.url + "/next?x=1" and results[0]["body"] == "hi"
    assert "Content-Type" not in last[1][2] and last[4][2]["Content-Type"] == "text/x"
    assert site.seen[0][4] == site.seen[1][4]  # to the same server over the same connection


def test_redirects_that_are_not_followed(fetch, site):
    loop, no_more, secure, name, again, here = fetch(
        [
            {"url": site.url + "/loop"},
            {"url": site.url + "/redirect?302,/next", "redirects": 0},
            {"url": site.url + "/redirect?302,https://127.0.0.1/"},
            {"url": site.url + "/redirect?302,http://example.com/"},
            {"url": site.url + "/redirect?307,/next", "method": "POST", "pieces": ["abc"]},
            {"url": site.url + "/304"},
        ]
    )
    assert (loop["error"], loop["errno"]) == ("OSError", errno.EIO) and "more than 5 redirects" in loop["text"]
    assert sum(seen[1] == "/loop" for seen in site.seen) == 6
    assert no_more["error"] == "OSError"
    assert secure["error"] == "ValueError" and "no TLS" in secure["text"]
    assert name["error"] == "ValueError"
    assert again["error"] == "OSError" and "again" in again["text"]
    assert here["status"] == 304


def test_secrets_stay_with_their_server(fetch, site):
    secrets = {"headers": {"Cookie": "a=b", "authorization": "x", "X-B": "c"}}
    results = fetch(
        [
            dict(secrets, url=f"{site.url}/redirect?302,/next"),
            dict(secrets, url=f"{site.url}/redirect?302,{site.other.url}/next"),
            {"url": f"{site.url}/redirect?302,{site.other.url}/next", "auth": ["me", "pw"]},
            {"url": f"{site.url}/redirect?302,//{site.other.url[7:]}/next", "auth": ["me", "pw"], "headers": {"Host": "a"}},
        ]
    )
    assert [one.get("status") for one in results] == [200] * 4, results
    assert site.seen[1][2]["Cookie"] == "a=b" and site.seen[1][2]["authorization"] == "x"
    assert len(site.other.seen) == 3
    for _, _, headers, _, _ in site.other.seen:
        assert not {"cookie", "authorization"} & {name.lower() for name in headers}
        assert headers["Host"] == site.other.url[7:]
    assert site.other.seen[0][2]["X-B"] == "c"


def test_where_redirects_lead(fetch, site):
    wheres = {
        "/x": "/x",
        "x": "/a/x",
        "./x": "/a/x",
        "../x": "/x",
        "../../x": "/x",
        "x/./y/../z": "/a/x/z",
        "..": "/",
        "?q=1": "/a/redirect?q=1",
        "x#y": "/a/x",
        "/x?a=../b": "/x?a=../b",
    }

    class Here(Handler):
        def do_GET(self):
            if self.path.startswith("/a/redirect?302,"):
                self.answer(302, Location=self.path.partition(",")[2].replace("%23", "#"))
            else:
                self.answer(200, self.path.encode())

    one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Here)
    threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        calls = [{"url": f"http://127.0.0.1:{one.server_port}/a/redirect?302,{where.replace('#', '%23')}"} for where in wheres]
        assert [result.get("body", result) for result in fetch(calls)] == list(wheres.values())
    finally:
        one.shutdown()
        one.server_close()


def test_mungo_s_own_server(fetch, serve):
    server = serve(app="hello", env={"DELAY_MS": "50"})
    base = f"http://127.0.0.1:{server.port}"
    fast, slow, missing = fetch([{"url": base + "/fast"}, {"url": base + "/slow"}, {"url": base + "/none"}])
    assert (fast["body"], slow["body"], missing["status"]) == ("hi\n", "hi, at last\n", 404)


# --- nasty servers


@pytest.fixture
def nasty():
    """nasty(fn): a server that gives each connection to `fn(sock)` in a thread, and its URL."""
    listeners = []

    def start(fn):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    try:
                        fn(sock)
                    except OSError:
                        pass  # the client has had enough

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_reset_in_the_middle_of_a_body(fetch, nasty):
    def fn(sock):
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
        reset(sock)

    result = fetch(nasty(fn))
    assert result["error"] == "OSError" and result["errno"] == errno.EIO, result


def test_endless_answers(fetch, nasty):
    def head(sock):
        sock.recv(1000)
        while True:
            sock.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000)

    def interim(sock):
        sock.recv(1000)
        while True:
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    def body(sock):
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sock.sendall(b"x" * 10000)

    def chunks(sock):
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            sock.sendall(b"1\r\nx\r\n" * 1000)

    results = fetch([{"url": nasty(fn), "first_ms": 300} for fn in (head, interim, body, chunks)])
    texts = ["no HTTP response", "timeout", "body_limit", "body_limit"]
    for result, text in zip(results, texts, strict=True):
        assert result["error"] == "OSError" and text in result["text"], (result, text)


def test_time_limits(fetch, nasty):
    waiting = threading.Event()

    def silent(sock):
        waiting.wait(WAIT_S)

    def half_a_head(sock):
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        waiting.wait(WAIT_S)

    def half_a_body(sock):
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        waiting.wait(WAIT_S)

    with socket.socket() as full:  # it takes no more clients: what it does not accept fills its backlog
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        results = fetch(
            [
                {"url": nasty(silent), "first_ms": 100},
                {"url": nasty(half_a_head), "first_ms": 100},
                {"url": nasty(half_a_body), "idle_ms": 100},
                {"url": "http://127.0.0.1:%d/" % full.getsockname()[1], "connect_ms": 100},
            ]
        )
        for filler in fillers:
            filler.close()
    waiting.set()
    for result in results:
        assert (result["error"], result["errno"]) == ("OSError", errno.ETIMEDOUT), result
    assert [("first_ms" in one["text"], "idle_ms" in one["text"], "no connection" in one["text"]) for one in results] == [
        (True, False, False),
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_a_slow_server_is_waited_for(fetch, nasty):
    def dribble(sock):
        sock.recv(1000)
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc":
            sock.sendall(bytes([byte]))

    assert fetch(nasty(dribble))["body"] == "abc"


# --- what it costs who does not use it


def test_unused_parts_are_not_loaded():
    mpy_path = dict(os.environ, MICROPYPATH="lib:.frozen")
    source = (
        "import mungo, sys; mgr = mungo.Manager(); mgr.http_listen('http://127.0.0.1:%d', None); print(' '.join(sys.modules)); mgr.close()"
    )
    import server

    command = [lanes.micropython(), "-X", "heapsize=2M", "-c", source % server.free_port()]
    loaded = subprocess.run(command, cwd=lanes.ROOT, env=mpy_path, capture_output=True, text=True, timeout=WAIT_S).stdout.split()
    assert "mungo.http.server" in loaded
    for name in ("client", "fetch", "response_parser", "multipart", "formdata", "upload", "wholefile"):
        assert f"mungo.http.{name}" not in loaded
