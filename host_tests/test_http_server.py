"""The HTTP server from outside: what clients of servers/http.py read, and what its handlers were told."""

import contextlib
import email.utils
import json
import shutil
import socket
import subprocess
import threading
import time

import pytest

from asking import curl
from thorough import busy_cores, times

WAIT_S = 20


class Answer:
    """An answer: `status`, `fields` (names in small letters; the last of each), `body`, and whether it was chunked."""

    def __init__(self, status, fields, body, is_chunked):
        self.status = status
        self.fields = fields
        self.body = body
        self.is_chunked = is_chunked

    @property
    def text(self):
        return self.body.decode()


class Client:
    """A connection to a server, and what it reads, piece by piece."""

    def __init__(self, one, receive_bytes=None):
        self.sock = socket.socket()
        if receive_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.settimeout(WAIT_S)
        self.sock.connect((one.host, one.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = bytearray()
        self.eof = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def get(self, path, lines="", method="GET", version="1.1"):
        self.send(request(path, lines, method=method, version=version))

    def more(self):
        """Read something, or find that this was all: then False."""
        piece = self.sock.recv(1 << 16)
        self.data += piece
        self.eof = self.eof or not piece
        return not self.eof

    def take(self, n):
        while len(self.data) < n:
            assert self.more(), f"the connection ended: {self.data!r}"
        taken = bytes(self.data[:n])
        del self.data[:n]
        return taken

    def line(self):
        while b"\r\n" not in self.data:
            assert self.more(), f"the connection ended: {self.data!r}"
        return self.take(self.data.index(b"\r\n") + 2)[:-2].decode("latin-1")

    def rest(self):
        """All that comes until the server closes."""
        with contextlib.suppress(ConnectionResetError):
            while self.more():
                pass
        return self.take(len(self.data))

    def head(self):
        """(status, fields) of what comes next."""
        version, status, _ = self.line().split(" ", 2)
        assert version == "HTTP/1.1"
        fields = {}
        while line := self.line():
            name, _, value = line.partition(": ")
            fields[name.lower()] = value
        return int(status), fields

    def answer(self, method="GET"):
        """The next answer, to a request with this method."""
        status, fields = self.head()
        is_chunked = fields.get("transfer-encoding") == "chunked"
        body = b""
        if method != "HEAD" and status not in (100, 204, 304):
            if is_chunked:
                while size := int(self.line(), 16):
                    body += self.take(size)
                    assert self.take(2) == b"\r\n"
                assert self.take(2) == b"\r\n"
            elif "content-length" in fields:
                body = self.take(int(fields["content-length"]))
            else:
                body = self.rest()
        return Answer(status, fields, body, is_chunked)

    def ask(self, path, lines="", method="GET", version="1.1"):
        self.get(path, lines, method, version)
        return self.answer(method)

    def ended(self):
        """The server has closed, and nothing more has come."""
        return not self.rest() and self.eof


def request(path, lines="", body=b"", method="GET", version="1.1"):
    return f"{method} {path} HTTP/{version}\r\nHost: a\r\n{lines}\r\n".encode() + body


def post(path, body=b"", lines=""):
    return request(path, f"Content-Length: {len(body)}\r\n{lines}", body, "POST")


def ask(one, path, *args, **more):
    with Client(one) as client:
        return client.ask(path, *args, **more)


def state(one):
    """What has happened on the server; `replies` are those since the last time."""
    return json.loads(ask(one, "/state").body)


def until(ready, what):
    """Ask again and again until `ready()` is true, and return that."""
    end = time.monotonic() + WAIT_S
    while not (value := ready()):
        assert time.monotonic() < end, what
        time.sleep(0.01)
    return value


def events(one, id):
    """What the handler of this connection was called with, to its end."""

    def seen():
        told = json.loads(ask(one, f"/events?{id}").body)
        return told if told[-1] == "CLOSE" else None

    return until(seen, "CLOSE")


def start(serve, **limits):
    return serve(script="http.py", env={"LIMITS": " ".join(f"{name}={value}" for name, value in limits.items())})


# --- connections and their requests


def test_keep_alive(serve):
    with Client(start(serve)) as client:
        for n in range(5):
            answer = client.ask(f"/a{n}")
            assert (answer.status, answer.text) == (200, f"GET /a{n}")
            assert "connection" not in answer.fields


def without_date(answer):
    """The fields of an answer, which must have a Date, without that."""
    fields = dict(answer.fields)
    assert email.utils.parsedate_to_datetime(fields.pop("date"))
    return fields


def test_connection_close(serve):
    one = start(serve, linger_ms=60000)  # and it need not linger
    with Client(one) as client:
        answer = client.ask("/a", "Connection: close\r\n")
        assert answer.fields["connection"] == "close" and answer.text == "GET /a"
        assert client.ended()
    with Client(one) as client:
        assert without_date(client.ask("/close")) == {"content-length": "3", "x-a": "b", "connection": "close"}
        assert client.ended()
    assert state(one)["replies"] == [True]  # it was sent, although the connection is gone now


def test_http_1_0(serve):
    one = start(serve, linger_ms=60000)  # and it need not linger
    with Client(one) as client:
        answer = client.ask("/a", version="1.0")
        assert without_date(answer) == {"content-length": "6", "connection": "close"} and client.ended()
    with Client(one) as client:
        for _ in range(2):
            assert client.ask("/a", "Connection: keep-alive\r\n", version="1.0").fields["connection"] == "keep-alive"
        assert "connection" not in client.ask("/a").fields  # and then one of HTTP/1.1
        answer = client.ask("/chunks", "Connection: keep-alive\r\n", version="1.0")
        assert not answer.is_chunked and answer.fields["connection"] == "close"
        assert answer.text == "one two three" and client.eof


def test_head(serve):
    with Client(start(serve)) as client:
        client.send(request("/a", method="HEAD") + request("/stream?3,5", method="HEAD") + request("/chunks", method="HEAD"))
        client.send(request("/status?404", method="HEAD") + request("/b"))
        answer = client.answer("HEAD")
        assert (answer.status, without_date(answer)) == (200, {"content-length": "7"})  # of "HEAD /a"
        for _ in range(2):
            answer = client.answer("HEAD")
            assert answer.is_chunked and answer.status == 200
        assert client.answer("HEAD").status == 404
        assert client.answer().text == "GET /b"


def test_bodies(serve):
    with Client(start(serve)) as client:
        for body in (b"", b"x", bytes(range(256)) * 20, bytes(65536)):
            client.send(post("/echo?q", body))
            answer = client.answer()
            assert answer.body == body and answer.fields["x-query"] == "q"
        client.send(request("/echo", "Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: x\r\n\r\n", "PUT"))
        answer = client.answer()
        assert answer.body == b"abcde" and answer.fields["x-method"] == "PUT"


def test_status_without_a_body(serve):
    one = start(serve)
    with Client(one) as client:
        for status in (200, 201, 204, 304, 299, 404, 503, 599):
            answer = client.ask(f"/status?{status}")
            assert answer.status == status and answer.fields["x-a"] == "\xc3\xa9"
            assert answer.body == (b"" if status in (204, 304) else b"body")
            assert ("content-length" in answer.fields) == (status not in (204, 304))
            assert "transfer-encoding" not in answer.fields
    assert state(one)["replies"] == [True] * 8


def test_kinds_of_bytes(serve):
    one = start(serve)
    assert [ask(one, f"/kinds?{kind}").text for kind in ("array", "view", "wide")] == ["bytes", "bytes", "ab"]


def test_events_of_a_connection(serve):
    one = start(serve)
    with Client(one) as client:
        id = client.ask("/id").text
    assert events(one, id) == ["OPEN", "ACCEPT", "HTTP_HDRS", "HTTP_MSG", "READ", "CLOSE"]
    with Client(one) as client:
        id = client.ask("/id").text
        client.send(request("/a") * 2)
        client.answer(), client.answer()
        data = post("/echo", b"hello")
        client.send(data[:-2])
        until(lambda: json.loads(ask(one, f"/events?{id}").body)[-1] == "READ", "half a body")
        client.send(data[-2:])
        assert client.answer().body == b"hello"
    seen = events(one, id)
    assert seen[:4] + seen[-1:] == ["OPEN", "ACCEPT", "HTTP_HDRS", "HTTP_MSG", "CLOSE"]
    assert seen.count("HTTP_HDRS") == seen.count("HTTP_MSG") == 4
    assert seen[-5:] == ["HTTP_HDRS", "READ", "HTTP_MSG", "READ", "CLOSE"]
    assert "ERROR" not in seen


# --- order


def test_pipelined_requests_wait_for_a_late_answer(serve):
    one = start(serve)
    with Client(one) as client:
        id = client.ask("/id").text
        client.send(request("/hold") + request("/tag?second") + request("/tag?third"))
        until(lambda: ask(one, f"/events?{id}").text.count("HTTP_MSG") == 2, "/hold")
        assert state(one)["tags"] == []
        assert ask(one, "/release").status == 200
        assert client.answer().text == "released"
        assert [client.answer().text for _ in range(2)] == ["second", "third"]


def test_late_and_prompt_answers_in_order(serve):
    paths = [f"/late?{n}" if n % 2 else f"/tag?{n}" for n in range(20)]
    with Client(start(serve)) as client:
        client.send(b"".join(map(request, paths)))
        assert [client.answer().text for _ in paths] == [f"late {n}" if n % 2 else f"{n}" for n in range(20)]


def test_streams_in_order(serve):
    paths = ["/stream?3,5", "/late-stream", "/a", "/late-chunks", "/chunks", "/early-stream", "/early", "/b"]
    with Client(start(serve)) as client:
        client.send(b"".join(map(request, paths)))
        texts = [client.answer().text for _ in paths]
        assert texts == ["x" * 15, "abcd", "GET /a", "abc", "one two three", "early stream", "early", "GET /b"]


# More than a connection may have unread: the server takes it as fast as it answers.
@pytest.mark.parametrize("first", ["/a", "/late?100", "/late-chunks"])
def test_flood_of_pipelined_requests(serve, first):
    one = start(serve, recv_limit=4096)
    count = 1500
    with Client(one) as client:
        client.get(first)
        sender = threading.Thread(target=client.send, args=(request("/f") * count,))
        sender.start()
        assert client.answer().text in ("GET /a", "late 100", "abc")
        assert {client.answer().text for _ in range(count)} == {"GET /f"}
        sender.join()
        assert client.ask("/b").text == "GET /b"
    assert state(one)["stats"]["failed"] == 0


def test_flood_behind_a_backlog(serve):
    one = start(serve, recv_limit=4096)
    with Client(one, receive_bytes=10000) as client:
        sender = threading.Thread(target=client.send, args=(request("/big?300000") * 40 + request("/f") * 1500,))
        sender.start()
        until(lambda: state(one)["stats"]["recv_full"], "a full buffer")
        assert {len(client.answer().body) for _ in range(40)} == {300000}
        assert {client.answer().text for _ in range(1500)} == {"GET /f"}
        sender.join()
    assert state(one)["stats"]["failed"] == 0


# What comes behind the last request is dropped, and the answer still arrives.
@pytest.mark.parametrize("path", ["/late?100", "/late-chunks", "/stream?20,100000"])
def test_flood_behind_the_last_request(serve, path):
    one = start(serve, recv_limit=4096, rx_bytes=1024, linger_ms=300)
    with Client(one) as client:
        client.send(request(path, "Connection: close\r\n") + request("/tag?behind") * 1000)
        assert client.answer().text in ("late 100", "abc", "x" * 2000000)
        assert client.ended()
    told = state(one)
    assert told["tags"] == [] and told["stats"]["failed"] == 0


# One that floods is not the only one that is served.
def test_flood_is_fair(serve):
    one = start(serve)
    with Client(one) as flooder, Client(one) as other:
        data = request("/f") * 100
        stop = threading.Event()

        def flood():
            while not stop.is_set():
                flooder.send(data)

        def drain():
            with contextlib.suppress(ConnectionResetError):
                while flooder.sock.recv(1 << 16):
                    pass

        threads = [threading.Thread(target=target) for target in (flood, drain)]
        for thread in threads:
            thread.start()
        try:
            assert {other.ask("/b").text for _ in range(50)} == {"GET /b"}
        finally:
            stop.set()
            threads[0].join()
            flooder.sock.shutdown(socket.SHUT_RDWR)
            threads[1].join()


# --- streamed answers


def test_stream(serve):
    one = start(serve)
    with Client(one) as client:
        answer = client.ask("/stream?50,10000")
        assert answer.is_chunked and answer.body == b"x" * 500000
        assert "content-length" not in answer.fields
        assert client.ask("/late-stream").text == "abcd"
        assert client.ask("/late-chunks").text == "abc"
        assert client.ask("/chunks").fields["content-type"] == "text/plain"
    told = state(one)
    assert (told["pulls"], told["closed"]) == (50, 1)
    assert told["replies"] == [True] * 5


def quiet(one):
    """The number of pieces that were pulled, when no more are."""
    seen = []

    def is_quiet():
        seen.append(state(one)["pulls"])
        return seen[-1] and len(seen) > 5 and len(set(seen[-5:])) == 1

    until(is_quiet, "no end of pulls")
    return seen[-1]


def test_stream_is_pulled_when_there_is_room(serve):
    one = start(serve)
    with Client(one, receive_bytes=10000) as client:
        client.get("/stream?1000,10000")
        assert quiet(one) < 700  # the rest is in no buffer
        assert client.answer().body == b"x" * 10000000
        assert client.ask("/a").text == "GET /a"
    assert state(one)["closed"] == 1


def test_stream_is_closed_when_the_client_leaves(serve):
    one = start(serve)
    with Client(one, receive_bytes=10000) as client:
        client.get("/stream?1000,10000")
        pulls = quiet(one)
    told = until(lambda: (told := state(one))["closed"] and told, "close of the generator")
    assert told["pulls"] <= pulls + 20 and told["stats"]["bugs"] == 0


def test_stream_that_raises(serve):
    one = start(serve)
    with Client(one) as client:
        client.get("/broken-stream")
        assert client.rest().endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n")  # no end: the client must know
    assert state(one)["stats"]["bugs"] == 1
    until(lambda: "ValueError: broken generator" in one.output(), "a traceback")


def test_stream_that_raises_when_closed(serve):
    one = start(serve)
    with Client(one) as client:
        id = client.ask("/id").text
        client.get("/bad-to-close")
        client.head()
    assert events(one, id).count("CLOSE") == 1
    assert state(one)["stats"]["bugs"] == 1
    until(lambda: "ValueError: broken close" in one.output(), "a traceback")


# --- bodies that come in pieces


@pytest.mark.lanes("cpython", "upy", "upy-224k")
def test_upload_of_any_length(serve):
    one = start(serve, rx_bytes=4096)
    size = 1 << 20
    with Client(one) as client:
        client.send(post("/upload", bytes(size)))
        assert client.answer().text == "POST /upload"
        told = state(one)
        assert told["received"] == size and told["most"] <= 2 * 4096
        client.send(request("/upload", "Transfer-Encoding: chunked\r\n", method="POST"))
        for _ in range(size >> 10):
            client.send(b"400\r\n" + bytes(1024) + b"\r\n")
        client.send(b"0\r\n\r\n")
        assert client.answer().text == "POST /upload"
        told = state(one)
        assert told["received"] == size and told["most"] <= 2 * 4096


def test_upload_slows_the_client_down(serve):
    one = start(serve, rx_bytes=4096)
    size = 1 << 19
    with Client(one) as client:
        client.send(post("/slow-upload", bytes(size)) + request("/a"))
        assert client.answer().text == "POST /slow-upload"
        assert client.answer().text == "GET /a"
    told = state(one)
    assert told["received"] == size and told["most"] <= 2 * 4096


# While a request is paused, the loop's buffer and the parser's table are other connections'.
@pytest.mark.parametrize("body", [b"", b"body"])
def test_paused_request_keeps_its_head(serve, body):
    one = start(serve)
    with Client(one) as client:
        client.send(request("/a") + post("/pause?q", body, "X-Tag: t\r\n") + request("/b"))
        assert client.answer().text == "GET /a"
        for n in range(20):
            assert ask(one, f"/{'x' * n}", f"X-Tag: {'z' * n}\r\n").status == 200
        answer = client.answer()
        assert (answer.fields["x-seen"], answer.body) == ("/pause q t", body)
        assert client.answer().text == "GET /b"


def test_pause_of_the_program_is_not_the_clients_fault(serve):
    one = start(serve, body_ms=200)
    with Client(one) as client:
        data = post("/no-upload", bytes(100))
        client.send(data[:-50])
        until(lambda: state(one)["received"], "the first half")
        client.send(data[-50:])
        assert client.answer().status == 200  # much later


def test_expect_100_continue(serve):
    one = start(serve)
    lines = "Content-Length: 5\r\nExpect: 100-continue\r\n"
    with Client(one) as client:
        for _ in range(2):
            client.get("/echo", lines, "POST")
            assert client.head() == (100, {})
            client.send(b"hello")
            assert client.answer().body == b"hello"
        client.send(request("/echo", lines, b"hello", "POST"))  # it has not waited: nor need we say so
        assert client.answer().body == b"hello"
        client.send(request("/echo", lines, b"he", "POST") + b"llo")
        assert client.answer().body == b"hello"
    with Client(one) as client:
        client.get("/early-413", lines, "POST")
        assert client.head()[0] == 413  # no 100 before it
    with Client(one) as client:
        client.get("/echo", "Content-Length: 100000\r\nExpect: 100-continue\r\n", "POST")
        assert client.head()[0] == 413


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_curl(serve, tmp_path):
    one = start(serve)
    file = tmp_path / "body"
    file.write_bytes(bytes(50000))
    url = f"http://{one.host}:{one.port}"

    def curl(*args):
        command = ["curl", "-sS", "-m", str(WAIT_S), "-w", "\n%{http_code} %{num_connects}", *args]
        done = subprocess.run(command, capture_output=True, check=True)
        body, _, said = done.stdout.rpartition(b"\n")
        return body, said.decode()

    assert curl("-H", "Expect: 100-continue", "--data-binary", f"@{file}", url + "/echo") == (bytes(50000), "200 1")
    assert curl("-H", "Transfer-Encoding: chunked", "--data-binary", f"@{file}", url + "/echo") == (bytes(50000), "200 1")
    assert curl("--http1.0", url + "/stream?3,5") == (b"x" * 15, "200 1")
    assert curl(url + "/stream?3,5") == (b"x" * 15, "200 1")
    assert curl("-T", str(file), url + "/upload") == (b"PUT /upload", "200 1")


# --- answers before the end of the request


def test_answer_to_a_head(serve):
    one = start(serve)
    with Client(one) as client:
        client.send(request("/early") + request("/early") + request("/id"))
        assert [client.answer().text for _ in range(2)] == ["early"] * 2
        id = client.answer().text
    assert events(one, id).count("HTTP_HDRS") == 3
    assert events(one, id).count("HTTP_MSG") == 1


@pytest.mark.parametrize("path", ["/early", "/early-413", "/early-paused", "/early-stream", "/early-late"])
def test_answer_before_the_body(serve, path):
    one = start(serve, linger_ms=100)
    for sent in (0, 10, 50000):
        with Client(one) as client:
            client.send(request(path, "Content-Length: 100000\r\n", bytes(sent), "POST"))
            answer = client.answer()
            assert answer.text in ("early", "too much", "early stream", "early late")
            assert answer.fields["connection"] == "close"  # what follows could not be told from a request
            with contextlib.suppress(ConnectionError):
                client.send(request("/tag?smuggled"))
            assert client.ended(), sent
    assert state(one)["tags"] == []


@pytest.mark.parametrize("size", [65537, 10_000_000])
def test_body_over_the_limit(serve, size):
    one = start(serve, linger_ms=300)
    for data in (
        request("/echo", f"Content-Length: {size}\r\n", bytes(size), "POST"),
        request("/echo", "Transfer-Encoding: chunked\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (size, bytes(size)), "POST"),
    ):
        with Client(one) as client:
            sent = []

            def send(client=client, data=data, sent=sent):
                with contextlib.suppress(ConnectionError):
                    client.send(data)
                    sent.append(True)

            sender = threading.Thread(target=send)
            sender.start()
            answer = client.answer()
            assert (answer.status, answer.fields["connection"]) == (413, "close")
            assert not client.rest()
            sender.join()
            # All of it is taken, so a sender that reads only when it has sent all gets its status, too.
            assert sent and client.eof
    assert ask(one, "/a").status == 200


# A board reads little at a time and has small limits: what comes behind an error must still be discarded, not fail.
# It sends at once and reads late: what it sends is discarded, or a reset would destroy the status.
@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_curl_reads_the_413_while_it_sends(serve, tmp_path):
    one = start(serve, body_limit=3_000_000)
    (tmp_path / "large.bin").write_bytes(bytes(4_000_000))
    n = times(20, 200)
    with busy_cores():
        args = ("-H", "Expect:", "-w", "%{http_code}", "-T", tmp_path / "large.bin", f"http://{one.host}:{one.port}/echo")
        said = [curl(*args, check=False) for _ in range(n)]
    assert said == [b"Content Too Large\n413"] * n


def test_body_over_the_limit_of_a_board(serve):
    one = start(serve, rx_bytes=1024, recv_limit=4096, head_limit=1024, body_limit=2048, linger_ms=100)
    for _ in range(5):
        with Client(one) as client:
            client.send(post("/echo", bytes(50000)))
            assert client.answer().status == 413
            assert client.ended()
    assert state(one)["stats"]["failed"] == 0


# --- faults of the program


def test_bug_before_the_answer(serve):
    one = start(serve, linger_ms=100)
    for data in (request("/bug"), post("/bug", b"body"), post("/early-bug", b"body"), request("/bug", method="HEAD")):
        with Client(one) as client:
            client.send(data + request("/tag?behind"))
            answer = client.answer(data.split()[0].decode())
            assert (answer.status, answer.fields["connection"]) == (500, "close")
            assert client.ended()
    told = state(one)
    assert told["stats"]["bugs"] == 4 and told["tags"] == []
    until(lambda: one.output().count("ValueError: ") == 4, "four tracebacks")


def test_bug_behind_the_answer(serve):
    one = start(serve)
    with Client(one) as client:
        client.send(request("/bug-behind-reply"))
        assert client.answer().text == "fine"
        assert client.ended()
    assert ask(one, "/a").status == 200


def test_mistakes_are_refused(serve):
    with Client(start(serve)) as client:
        assert json.loads(client.ask("/mistakes").body) == []
        assert client.ask("/twice").text == "once"
        assert client.ask("/a").text == "GET /a"
        assert json.loads(client.ask("/state").body)["replies"] == ["refused"]


def test_answer_after_the_client_has_left(serve):
    one = start(serve)
    for path in ("/late?100", "/hold"):
        with Client(one) as client:
            id = client.ask("/id").text
            client.get(path)
            until(lambda id=id: json.loads(ask(one, f"/events?{id}").body).count("HTTP_MSG") == 2, "the request")
        assert events(one, id)[-1] == "CLOSE"
        if path == "/hold":
            assert ask(one, "/release").status == 200
        assert until(lambda: state(one)["replies"], "the reply") == [False]


# --- deadlines: with no other traffic


def ends(clients):
    """(what was read, seconds) of each client, to its end; all wait at the same time."""
    start = time.monotonic()
    seen = [None] * len(clients)

    def read(n, client):
        seen[n] = client.rest(), time.monotonic() - start

    threads = [threading.Thread(target=read, args=args) for args in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def test_half_a_head_is_given_up(serve):
    one = start(serve, head_ms=300, linger_ms=100)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(one)) for _ in range(30)]
        for n, client in enumerate(clients):
            client.send(request("/a")[: n % 20 + 1] if n % 2 else request("/a") + b"GET /b HTTP/1.1\r\nHo")
        seen = ends(clients)
    for n, (data, seconds) in enumerate(seen):
        assert data.count(b"HTTP/1.1 408 ") == 1 and data.count(b"HTTP/1.1 ") == (1 if n % 2 else 2), data
        assert 0.25 < seconds < 5
    assert state(one)["stats"]["timeouts"] == 30


# The deadline is the head's: bytes that drip in don't move it.
def test_head_that_drips_is_given_up(serve):
    one = start(serve, head_ms=300, linger_ms=100)
    with Client(one) as client:
        begin = time.monotonic()
        client.sock.settimeout(0.02)
        data = b""
        for byte in request("/a", "X: " + "x" * 1000):
            with contextlib.suppress(TimeoutError):
                data += client.sock.recv(1000)
                break
            client.send(bytes([byte]))
        assert data.startswith(b"HTTP/1.1 408 ")
        assert 0.25 < time.monotonic() - begin < 5


# .. and each head has its own, however they are cut.
def test_heads_that_are_cut_are_not_given_up(serve):
    one = start(serve, head_ms=300)
    begin = time.monotonic()
    with Client(one) as client:
        client.send(b"GET")
        while time.monotonic() < begin + 0.8:
            client.send(request("/a")[3:] + b"GET")
            assert client.answer().text == "GET /a"
            time.sleep(0.02)


def test_idle_connections_are_closed_silently(serve):
    one = start(serve, idle_ms=300)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(one)) for _ in range(10)]
        for client in clients[5:]:
            assert client.ask("/a").status == 200
        clients[-1].send(b"\r\n")
        seen = ends(clients)
    assert [data for data, _ in seen] == [b""] * 10
    assert all(0.1 < seconds < 5 for _, seconds in seen)
    assert state(one)["stats"]["timeouts"] == 0


def test_body_that_stops_is_given_up(serve):
    one = start(serve, body_ms=300, linger_ms=100)
    with Client(one) as client:
        client.get("/echo", "Content-Length: 100\r\n", "POST")
        begin = time.monotonic()
        while time.monotonic() < begin + 0.6:  # longer than the deadline, but not without progress
            client.send(b"x")
            time.sleep(0.05)
        begin = time.monotonic()
        assert client.answer().status == 408
        assert 0.2 < time.monotonic() - begin < 5
        assert client.ended()


def test_body_that_never_starts_is_given_up(serve):
    one = start(serve, body_ms=300, linger_ms=100)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(one)) for _ in range(4)]
        clients[0].get("/echo", "Content-Length: 1\r\n", "POST")
        clients[1].get("/echo", "Transfer-Encoding: chunked\r\n", "POST")
        clients[2].send(request("/echo", "Transfer-Encoding: chunked\r\n", b"1\r\na\r\n0\r\nX:", "POST"))
        clients[3].get("/upload", "Content-Length: 1\r\n", "POST")
        for data, _ in ends(clients):
            assert data.startswith(b"HTTP/1.1 408 ") and data.count(b"HTTP/1.1 ") == 1


def test_reader_that_never_reads_is_given_up(serve):
    one = start(serve, write_ms=300)
    with Client(one, receive_bytes=10000) as client:
        id = client.ask("/id").text
        client.get("/stream?1000,10000")
        assert events(one, id)[-2:] == ["ERROR", "CLOSE"]
        told = state(one)
        assert told["pulls"] < 700 and told["closed"] == 1 and told["stats"]["timeouts"] == 1


# The program's turn has no deadline, nor has a reader that reads slowly.
def test_no_deadline_for_who_makes_progress(serve):
    one = start(serve, head_ms=100, body_ms=100, idle_ms=100, write_ms=200)
    with Client(one) as client:
        assert client.ask("/late?400").text == "late 400"
    with Client(one, receive_bytes=10000) as client:
        client.get("/stream?100,50000")
        status, fields = client.head()
        read = 0
        while read < 3000000:
            read += len(client.take(50000))
            time.sleep(0.02)
        assert status == 200


# --- more clients than connections


# Also a plain answer may take its time.
def test_connection_with_a_backlog_is_not_idle(serve):
    one = start(serve, max_conns=2, linger_ms=100, busy_ms=8)  # an answered one is idle after a millisecond
    ask(one, "/early-413", "Content-Length: 5\r\n", "POST")
    until(lambda: state(one)["conns"] == 2, "its close")  # but the listener's, and this one
    with Client(one, receive_bytes=10000) as receiving, Client(one) as idle:
        receiving.send(request("/big?300000") * 40)
        assert receiving.head()[0] == 200
        assert idle.ask("/a").status == 200
        time.sleep(0.02)  # until that millisecond is over: a client that had to wait would have the other closed after its answer
        with Client(one) as third:
            assert third.ask("/a").status == 200
            assert idle.ended()
        receiving.take(300000)
        assert {len(receiving.answer().body) for _ in range(39)} == {300000}
        assert len(receiving.ask("/big?300000").body) == 300000
        assert receiving.ask("/a").text == "GET /a"


def test_only_idle_connections_make_room(serve):
    one = start(serve, max_conns=3, linger_ms=100)
    with Client(one) as sending, Client(one, receive_bytes=10000) as receiving, Client(one) as idle:
        assert idle.ask("/a").status == 200
        assert receiving.ask("/a").status == 200
        receiving.get("/stream?1000,10000")
        data = post("/echo", b"hello")
        assert sending.ask("/a").status == 200
        sending.send(data[:-1])
        assert idle.ask("/a").status == 200  # so those two have been read
        with Client(one, receive_bytes=10000) as fourth:  # takes the place of the idle one
            assert fourth.ask("/a").status == 200
            assert idle.ended()
            fourth.get("/stream?1000,10000")
            assert fourth.head()[0] == 200
            with Client(one) as fifth:
                answer = fifth.ask("/a")
                assert (answer.status, answer.fields["retry-after"]) == (503, "1")
                assert fifth.ended()
        sending.send(data[-1:])
        assert sending.answer().body == b"hello"
        assert len(receiving.answer().body) == 10000000
