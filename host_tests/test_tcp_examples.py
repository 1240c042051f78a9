"""The examples below HTTP, each as a user would try it, on both runtimes."""

import contextlib
import socket
import ssl
import threading
import time

import pytest

import certificates
import lanes
from asking import ask

WAIT_S = 20


def connect(server):
    return socket.create_connection((server.host, server.port), WAIT_S)


# More than sockets and limits hold, from a peer that reads late: the echo must pause, and lose nothing.
def test_tcp_echo_loses_nothing_to_a_peer_that_reads_late(serve):
    server = serve(app="tcp_echo")
    data = bytes(range(256)) * 80000
    done = []
    with connect(server) as sock, connect(server) as other:
        writer = threading.Thread(target=lambda: done.append(sock.sendall(data)))
        writer.start()
        for word in (b"one", b"two"):  # others are served meanwhile
            other.sendall(word)
            assert other.recv(10) == word
        writer.join(0.3)
        assert not done  # it has stopped reading
        got = bytearray()
        while len(got) < len(data):
            piece = sock.recv(1 << 20)
            assert piece, f"closed after {len(got)} bytes"
            got += piece
        writer.join()
    assert got == data
    assert "Traceback" not in server.output(), server.output()


def test_udp_echo(serve):
    server = serve(app="udp_echo", env={"LOG": 1})
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(3)]
        for n, sock in enumerate(socks):
            sock.settimeout(WAIT_S)
            sock.connect((server.host, server.port))
            for size in (1, 1400, 30000):
                sock.send(b"%d" % n * size)
        for n, sock in enumerate(socks):  # to each its own
            assert [sock.recv(65536) for _ in range(3)] == [b"%d" % n * size for size in (1, 1400, 30000)]
    assert "Traceback" not in server.output(), server.output()


class Member:
    def __init__(self, server):
        self.sock = connect(server)
        self.file = self.sock.makefile("rb")
        host, port = self.sock.getsockname()
        self.name = f"{host}:{port}"
        assert self.line().startswith(f"* {self.name} has come, we are ")

    def line(self):
        return self.file.readline().decode()

    def say(self, data):
        self.sock.sendall(data)

    def close(self):
        self.file.close()
        self.sock.close()


def test_chat_tcp_tells_all(serve):
    server = serve(app="chat_tcp")
    one = Member(server)
    two = Member(server)
    assert one.line() == f"* {two.name} has come, we are 2\n"
    one.say("hallo, caf\xe9\r\nhalf a ".encode())
    for member in (one, two):
        assert member.line() == f"{one.name}: hallo, caf\xe9\n"
    two.say(b"yes\n")
    one.say(b"line\n")
    for member in (one, two):
        assert {member.line(), member.line()} == {f"{two.name}: yes\n", f"{one.name}: half a line\n"}
    for bad in (b"x" * 501 + b"\n", b"x" * 600, b"\xff\n"):
        other = Member(server)
        other.say(bad)
        with contextlib.suppress(ConnectionResetError):
            assert other.line() == ""
        other.close()
        for member in (one, two):
            assert [member.line(), member.line()] == [f"* {other.name} has come, we are 3\n", f"* {other.name} has gone, we are 2\n"]
    two.close()
    assert one.line() == f"* {two.name} has gone, we are 1\n"
    one.close()
    assert "Traceback" not in server.output(), server.output()


def test_chat_tcp_drops_who_does_not_read_and_tells_the_others_all(serve):
    server = serve(app="chat_tcp")
    one = Member(server)
    deaf = Member(server)
    assert one.line() == f"* {deaf.name} has come, we are 2\n"
    deadline = time.monotonic() + WAIT_S
    n = 0
    while True:
        one.say(b"".join(b"%06d%s\n" % (i, b"x" * 480) for i in range(n, n + 50)))
        for i in range(n, n + 50):
            line = one.line()
            if "has gone" in line:
                assert line == f"* {deaf.name} has gone, we are 1\n"
                one.say(b"still here\n")
                while line != f"{one.name}: still here\n":
                    line = one.line()
                one.close()
                deaf.close()
                assert "Traceback" not in server.output(), server.output()
                return
            assert line == f"{one.name}: {i:06d}{'x' * 480}\n"
        n += 50
        assert time.monotonic() < deadline, n


# --- the proxy


class Backend:
    """A socket that accepts one connection after the other: the test reads what the proxy sends, and answers. `cert`: over TLS."""

    def __init__(self, cert=None):
        self.cert = cert

    def __enter__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        if self.cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.path(self.cert + ".pem"), certificates.path(self.cert + ".key"))
            self.sock = context.wrap_socket(self.sock, server_side=True)
        self.sock.settimeout(WAIT_S)
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        return self

    def __exit__(self, *_):
        self.sock.close()

    def request(self):
        """The next connection, and the request that came on it."""
        conn = self.sock.accept()[0]
        conn.settimeout(WAIT_S)
        data = b""
        while b"\r\n\r\n" not in data:
            data += conn.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += conn.recv(65536)
        return conn, head.decode("latin-1").split("\r\n"), body


TO_PLAIN = ["X-Forwarded-Proto: http"]
TLS = {"TLS": 1, "TLS_CERT": "build/certificates/server.pem", "TLS_KEY": "build/certificates/server.key"}


def test_reverse_proxy_before_the_tutorial(serve):
    backend = serve(app="multi_threaded", env={"DELAY_MS": 500})
    proxy = serve(app="reverse_proxy", env={"BACKEND": f"127.0.0.1:{backend.port}"})
    answers = []
    slow = [threading.Thread(target=lambda n=n: answers.append(ask(proxy, "/", b"work %d" % n))) for n in range(5)]
    for thread in slow:
        thread.start()
    assert ask(proxy, "/fast") == (200, b"hi\n")
    assert not answers
    for thread in slow:
        thread.join()
    assert sorted(answers) == [(200, b"work %d" % n) for n in range(5)]
    backend.stop()
    assert ask(proxy, "/fast") == (502, b"no answer from the backend\n")
    assert "Traceback" not in proxy.output(), proxy.output()


def test_reverse_proxy_hands_on_the_request_and_the_answer(serve):
    with Backend() as backend:
        proxy = serve(app="reverse_proxy", env={"BACKEND": backend.address})
        with connect(proxy) as sock:
            sock.sendall(
                b"PUT /a%20b?c=d HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nTE: trailers\r\nConnection: keep-alive\r\nX-Forwarded-For: 10.0.0.7\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            )
            conn, lines, body = backend.request()
            assert lines[0] == "PUT /a%20b?c=d HTTP/1.1" and body == b"abcde"
            assert set(lines[1:]) == {
                "Host: a",
                "X-One: 1",
                "X-Forwarded-For: 127.0.0.1",
                *TO_PLAIN,
                "Content-Length: 5",
                "Connection: close",
            }
            answer = b"HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n"
            conn.sendall(answer)
            got = b""
            while len(got) < len(answer):  # as it comes
                got += sock.recv(1000)
            conn.sendall(b"first, ")
            assert sock.recv(1000) == b"first, "
            conn.sendall(b"last")
            conn.close()
            assert (got, sock.recv(1000), sock.recv(1000)) == (answer, b"last", b"")
    assert "Traceback" not in proxy.output(), proxy.output()


HOPS = b"Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nX-Hop: secret\r\nX-Other: 1\r\nConnection: X-Hop,\tx-other\r\n"


def test_reverse_proxy_drops_what_is_for_one_connection(serve):
    with Backend() as backend:
        proxy = serve(app="reverse_proxy", env={"BACKEND": backend.address})
        for request, line, host, kept in (
            (b"GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1", "x", set()),
            (b"GET http://other:81/p?q HTTP/1.1\r\nHost: x\r\n", "GET /p?q HTTP/1.1", "other:81", set()),
            (b"GET http://other HTTP/1.1\r\nhost: x\r\n", "GET / HTTP/1.1", "other", set()),
            (b"OPTIONS * HTTP/1.1\r\nHOST: x\r\n", "OPTIONS * HTTP/1.1", "x", set()),
            (b"GET / HTTP/1.0\r\n", "GET / HTTP/1.0", backend.address, set()),
            (b"GET / HTTP/1.2\r\nHost: x\r\n", "GET / HTTP/1.1", "x", set()),
            (b"GET / HTTP/1.1\r\nHost: x\r\nX-L: \xfc\r\nX-U: \xc3\xbc\r\n", "GET / HTTP/1.1", "x", {"X-L: \xfc", "X-U: \xc3\xbc"}),
        ):
            with connect(proxy) as sock:
                sock.sendall(request + HOPS + b"TE: trailers\r\nTrailer: X\r\nProxy-Authorization: Basic eA==\r\nConnection: close\r\n\r\n")
                conn, lines, _ = backend.request()
                assert lines[0] == line
                ours = ["Host: " + host, "X-Forwarded-For: 127.0.0.1", *TO_PLAIN, "Content-Length: 0", "Connection: close"]
                assert sorted(lines[1:]) == sorted([*ours, *kept]), lines
                hints = b"HTTP/1.1 103 Early Hints\r\n" + HOPS + b"\r\n"  # (which are for the proxy)
                answer = hints + hints + b"HTTP/1.1 200 OK\r\nX-Kept: \xfc\r\n" + HOPS + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                for byte in answer:
                    conn.sendall(bytes([byte]))
                conn.close()
                got = b"".join(iter(lambda sock=sock: sock.recv(1000), b""))
                assert got == b"HTTP/1.1 200 OK\r\nX-Kept: \xfc\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n", got
    assert "Traceback" not in proxy.output(), proxy.output()


def test_reverse_proxy_over_tls_on_both_sides(serve):
    """The backend is asked by its own name, once it is trusted; what the client asked for is told to it, and what it makes up is not."""
    data = bytes(range(256)) * 2000
    trust = ssl.create_default_context(cafile=certificates.path("ca.pem"))
    with Backend("server") as backend, Backend("self") as stranger:
        host = "localhost:" + backend.address.rpartition(":")[2]
        proxy = serve(app="reverse_proxy", env={"URL": f"https://{host}", "TLS_CA": certificates.path("ca.pem"), **TLS})
        with trust.wrap_socket(connect(proxy), server_hostname="localhost") as sock:
            forged = b"X-Forwarded-Proto: http\r\nX-Forwarded-Host: b\r\nCookie: c=1\r\n"
            sock.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\n" + forged + b"Content-Length: 5\r\n\r\nhello")
            conn, lines, body = backend.request()
            ours = {
                "X-Forwarded-For: 127.0.0.1",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Host: a",
                "Content-Length: 5",
                "Connection: close",
            }
            assert lines[0] == "POST /x HTTP/1.1" and body == b"hello" and set(lines[1:]) == {"Host: " + host, "Cookie: c=1", *ours}
            conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + data)
            conn.close()
            got = b"".join(iter(lambda: sock.recv(65536), b""))
            assert got == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + data
        proxy = serve(app="reverse_proxy", env={"URL": f"https://{stranger.address}/", "TLS_CA": certificates.path("ca.pem")})
        stranger.sock.settimeout(None)
        refused = []

        def meet():
            try:
                stranger.sock.accept()
            except OSError as er:
                refused.append(er)

        thread = threading.Thread(target=meet)
        thread.start()
        assert ask(proxy, "/secret", b"secret") == (502, b"no answer from the backend\n")
        thread.join()
        assert isinstance(refused[0], ssl.SSLError)
        deadline = time.monotonic() + WAIT_S
        while "not correctly signed" not in proxy.output():  # (what it prints takes a moment)
            assert time.monotonic() < deadline, proxy.output()
            time.sleep(0.01)
    assert "Traceback" not in proxy.output(), proxy.output()


@pytest.mark.parametrize("url, says", [("https://a", "want TLS_CA"), ("ftp://a", "want http"), ("http://a/b", "want http")])
def test_reverse_proxy_says_which_backend_it_can_t_have(url, says):
    done = lanes.run_script("upy", "firmware/main.py", APP="reverse_proxy", URL=url)
    assert done.returncode and says in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr


def test_reverse_proxy_unties_whoever_leaves(serve):
    with Backend() as backend:
        proxy = serve(app="reverse_proxy", env={"BACKEND": backend.address})
        with connect(proxy) as sock:
            sock.sendall(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
            conn = backend.request()[0]
        assert conn.recv(1000) == b""  # the client has left: so does its C2
        conn.close()
        with connect(proxy) as sock:
            sock.sendall(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            conn, lines, _ = backend.request()
            assert lines[0].startswith("GET /2 ")
            conn.close()
            assert sock.recv(1000).startswith(b"HTTP/1.1 502 ")
    assert "Traceback" not in proxy.output(), proxy.output()


def test_reverse_proxy_slows_the_backend_down_to_its_client(serve):
    data = bytes(range(256)) * 80000
    with Backend() as backend:
        proxy = serve(app="reverse_proxy", env={"BACKEND": backend.address})
        with connect(proxy) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            conn = backend.request()[0]
            done = []

            def answer():
                conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + data)
                done.append(conn.close())

            writer = threading.Thread(target=answer)
            writer.start()
            writer.join(0.3)
            assert not done
            got = bytearray()
            while piece := sock.recv(1 << 20):
                got += piece
            writer.join()
    assert got == b"HTTP/1.1 200 OK\r\n\r\n" + data
    assert "Traceback" not in proxy.output(), proxy.output()
