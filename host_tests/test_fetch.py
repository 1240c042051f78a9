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
            {"url": site.url + "/redirect?302,http://example..com/"},
            {"url": site.url + "/redirect?307,/next", "method": "POST", "pieces": ["abc"]},
            {"url": site.url + "/304"},
        ]
    )
    assert (loop["error"], loop["errno"]) == ("OSError", errno.EIO) and "more than 5 redirects" in loop["text"]
    assert sum(seen[1] == "/loop" for seen in site.seen) == 6
    assert no_more["error"] == "OSError"
    assert secure["error"] == "ValueError" and "TLS" in secure["text"]
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
            {"url": f"{site.url}/redirect?302,{site.other.url}/next", "headers": ["Cookie: a=b", "AUTHORIZATION:x", "X-B: c"]},
            {"url": f"{site.url}/redirect?302,{site.other.url}/next", "headers": "Cookie: a=b\r\nAuthorization: x\r\nX-B:c\r\n"},
        ]
    )
    assert [one.get("status") for one in results] == [200] * 6, results
    assert site.seen[1][2]["Cookie"] == "a=b" and site.seen[1][2]["authorization"] == "x"
    assert len(site.other.seen) == 5 and site.other.seen[3][2]["X-B"] == site.other.seen[4][2]["X-B"] == "c"
    for _, _, headers, _, _ in site.other.seen:
        assert not {"cookie", "authorization"} & {name.lower() for name in headers}
        assert headers["Host"] == site.other.url[7:]
    assert site.other.seen[0][2]["X-B"] == "c"


SECRETS = {
    "Cookie": "a=b",
    "Cookie2": "a",
    "AUTHORIZATION": "x",
    "Proxy-Authorization": "x",
    "X-Api-Key": "k",
    "apikey": "k",
    "X-Auth-Token": "t",
    "X-Csrf-Token": "t",
    "Private-Token": "t",
    "X-Amz-Security-Token": "t",
    "X-Session-Id": "s",
    "X-Client-Secret": "s",
    "X-Password": "p",
    "X-Signature": "s",
    "X-Bearer": "b",
    "X-OTP": "o",
    "Origin": "http://a",
    "Referer": "http://a/secret",
}
OPEN = {"Accept": "a", "User-Agent": "u", "Content-Type": "text/x", "X-B": "c"}


def test_fields_that_may_hold_a_secret_stay_with_their_server(fetch, site):
    for status, method in ((302, "GET"), (307, "POST")):
        to = f"{site.url}/redirect?{status},{site.other.url}/redirect?{status},{site.url}/next"
        call = {"url": to, "method": method, "headers": SECRETS | OPEN, "auth": ["me", "pw"]} | ({"body": "b"} if method == "POST" else {})
        site.seen.clear()
        site.other.seen.clear()
        assert fetch(**call)["status"] == 200
        (_, _, first, _, _), (_, _, last, _, _) = site.seen
        (_, _, other, body, _) = site.other.seen[0]
        assert set(SECRETS) <= set(first) and first["Authorization"] == "Basic bWU6cHc="
        for headers in (other, last):  # it is not known any more that the last was the first
            assert {name for name in headers if name not in ("Host", "Content-Length")} == set(OPEN), headers
        assert body == (b"b" if method == "POST" else b"")
    # A port makes another server, as does a name for the same address.
    port = site.url.rpartition(":")[2]
    for other in (site.other.url, f"http://localhost:{port}"):
        site.seen.clear()
        site.other.seen.clear()
        assert fetch(f"{site.url}/redirect?302,{other}/next", headers=SECRETS)["status"] == 200
        assert not set(SECRETS) & set((site.seen + site.other.seen)[-1][2])


def test_what_describes_a_body_goes_with_it(fetch, site):
    headers = {"Content-Type": "text/x", "Content-Encoding": "x", "Content-MD5": "z", "Digest": "d", "X-B": "c"}
    for status, method in ((303, "PUT"), (302, "POST"), (301, "POST")):
        site.seen.clear()
        assert fetch(f"{site.url}/redirect?{status},/next", method=method, body="b", headers=headers)["status"] == 200
        (_, _, first, _, _), (method, _, last, body, _) = site.seen
        assert set(headers) <= set(first) and (method, body) == ("GET", b"") and set(last) == {"Host", "X-B"}


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
    texts = ["head_limit", "timeout", "body_limit", "body_limit"]
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


# What small servers send, and what a user agent may accept (RFC 9112 sections 2.2, 5.1, 5.2, 6.3, 7.1).
ODD = {
    "chunk size with zeros": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000005\r\nhello\r\n00000000\r\n\r\n",
    "chunk size with blanks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0\t\r\n\r\n",
    "same length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "same length in a list": b"HTTP/1.1 200 OK\r\nContent-Length: 5,\t5\r\n\r\nhello",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "LF alone": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "LF alone, chunked": b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
    "folded field": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello",
    "folded length": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\t5\r\n\r\nhello",
    "control character": b"HTTP/1.1 200 OK\r\nX-A: b\x01c\r\nContent-Length: 5\r\n\r\nhello",
    "empty line in front": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "blank before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "CR alone in the reason": b"HTTP/1.1 200 OK\rContent-Length: 9\r\nContent-Length: 5\r\n\r\nhello",
    "line end behind the body": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\n",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
}


def test_odd_servers_are_understood(fetch, nasty):
    def answers(data):
        def fn(sock):
            sock.recv(1000)
            sock.sendall(data)
            sock.recv(1000)  # the connection stays: nothing but the data says where the body ends

        return fn

    results = fetch([{"url": nasty(answers(data))} for data in ODD.values()])
    assert [result.get("body", result) for result in results] == ["hello"] * len(ODD)
    for name, result in zip(ODD, results, strict=True):
        if b"X-A" in ODD[name]:
            assert result["x"] == "b c", name


def test_lengths_of_a_large_file(fetch, nasty):
    def fn(sock):
        asked = sock.recv(1000)
        status = b"200 OK" if asked[:4] == b"HEAD" else b"304 Not Modified"
        sock.sendall(b"HTTP/1.1 %b\r\nContent-Length: 9999999999\r\n\r\n" % status)
        sock.recv(1000)

    def endless(sock):
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n" + b"x" * 100000)

    url = nasty(fn)
    head, unchanged, cut, collected = fetch(
        [{"url": url, "method": "HEAD"}, {"url": url}, {"url": nasty(endless), "sink": True}, {"url": nasty(endless)}]
    )
    assert (head["status"], head["body"], unchanged["status"], unchanged["body"]) == (200, "", 304, "")
    assert cut["sink"] == 100000 and "closed before" in cut["text"] and "body_limit" in collected["text"]


def test_a_redirect_over_a_connection_that_the_server_closes(fetch, nasty):
    for method, body, reset_it in (("GET", None, False), ("GET", None, True), ("PUT", "b", False), ("POST", "b", False)):
        asked = []

        def fn(sock, asked=asked, reset_it=reset_it):
            asked.append(sock.recv(1000))
            if len(asked) == 3:
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                return
            sock.sendall(b"HTTP/1.1 307 Over There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n")
            asked.append(sock.recv(1000))
            if reset_it:
                reset(sock)

        result = fetch(nasty(fn), method=method, **({"body": body} if body else {}))
        if method == "POST":  # which might be done twice
            assert "closed before" in result["text"] and len(asked) == 2
        else:
            assert result["body"] == "hello" and [data.split()[1] for data in asked] == [b"/", b"/there", b"/there"], (result, asked)


def test_a_location_that_is_not_encoded(fetch, nasty):
    asked = []

    def fn(sock):
        asked.append(sock.recv(1000).split()[1])
        if len(asked) == 1:
            sock.sendall("HTTP/1.1 302 X\r\nLocation: /a b/\xfc?\u20ac#x\r\nContent-Length: 0\r\n\r\n".encode())
            asked.append(sock.recv(1000).split()[1])
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert fetch(nasty(fn))["status"] == 200
    assert asked == [b"/", b"/a%20b/%C3%BC?%E2%82%AC"]


def test_the_body_of_a_redirect_is_dropped(fetch, nasty):
    def fn(sock):
        first = sock.recv(1000)
        if b"GET / " in first:
            sock.sendall(b"HTTP/1.1 302 X\r\nLocation: /next\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200000)
            sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    assert fetch(nasty(fn))["body"] == "hello"


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
    for name in ("client", "fetch", "response_parser", "normalize", "urls", "multipart", "formdata", "upload", "wholefile"):
        assert f"mungo.http.{name}" not in loaded
