"""fetch over TLS, with real servers: OpenSSL's and Python's; and with servers that break off."""

import contextlib
import hashlib
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

import certificates
import lanes
import server
from thorough import times

WAIT_S = 20
PATTERN = b"".join(bytes([n & 255]) * 1000 for n in range(1000))


def fetch(runtime, calls, **settings):
    """What the program says to each of these calls, and how many descriptors are left open."""
    done = lanes.run_script(runtime, "host_tests/servers/fetch_tls.py", timeout=times(60, 3000), CALLS=json.dumps(calls), **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    *said, left = [json.loads(line) for line in done.stdout.splitlines()]
    return said, left


def trusting(name):
    return {"CA": certificates.path(name + ".pem")}


def ok(body):
    return [200, hashlib.sha256(body).hexdigest()]


class Handler(http.server.BaseHTTPRequestHandler):
    """/data: a million bytes; /data/7: seven millions; /sum: the hash of what was sent; /end and /cut: a body without a length; /to: a
    redirect."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        self.server.fields.append({name.lower() for name in self.headers})
        path, _, where = self.path.partition("?")
        if path == "/to":
            self.answer(302, b"", Location=where)
        elif path in ("/end", "/cut"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nto the end")
            if path == "/end":
                self.connection.unwrap()
            self.close_connection = True
        else:
            self.answer(200, PATTERN, int(path[6:] or 1))

    def do_POST(self):
        self.answer(200, hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest().encode())

    def answer(self, status, body, n=1, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(n * len(body)))
        self.end_headers()
        for _ in range(n):
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def python_server(cert="server"):
    """An HTTP server, over TLS if there is a certificate. `seen` are the requests, `fields` the names of their fields."""
    one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.seen = []
    one.fields = []
    one.daemon_threads = True
    one.handle_error = lambda *_: None
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.path(cert + ".pem"), certificates.path(cert + ".key"))
        one.socket = context.wrap_socket(one.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.shutdown()
        one.server_close()
        thread.join()


@contextlib.contextmanager
def s_server(cert, *options):
    """OpenSSL's server: its port."""
    port = server.free_port()
    command = [shutil.which("openssl") or pytest.skip("there is no openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet"]
    command += ["-cert", certificates.path(cert + ".pem"), "-key", certificates.path(cert + ".key"), *options]
    proc = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline and proc.poll() is None
                time.sleep(0.02)
        yield port
    finally:
        proc.kill()
        proc.wait()


def test_openssl_s_server(runtime):
    with s_server("server", "-tls1_2") as good, s_server("server", "-tls1_3") as new, s_server("expired", "-tls1_2") as old:
        calls = [{"url": f"https://localhost:{port}/"} for port in (good, new, old, good)]
        said, left = fetch(runtime, calls, **trusting("ca"))
    assert said[0][0] == said[3][0] == 200
    assert "TLS: " in said[1] and "expired" in said[2]
    assert left == 0


def test_bodies_arrive_intact_both_ways(runtime):
    n = times(1, 100)
    with python_server() as one:
        url = f"https://127.0.0.1:{one.server_port}"
        calls = [{"url": f"{url}/data/{n}"}, {"url": url + "/sum", "upload": n * len(PATTERN)}]
        said, left = fetch(runtime, calls, **trusting("ca"))
    uploaded = b"".join(bytes([at & 255]) * 1000 for at in range(n * 1000))
    assert said == [ok(PATTERN * n), ok(hashlib.sha256(uploaded).hexdigest().encode())] and left == 0


def test_a_body_that_ends_with_the_connection(runtime):
    """mbedTLS does not tell whether the server has said goodbye (close_notify)."""
    with python_server() as one:
        url = f"https://127.0.0.1:{one.server_port}"
        said, left = fetch(runtime, [{"url": url + "/end"}, {"url": url + "/cut"}], **trusting("ca"))
    assert said == [ok(b"to the end")] * 2 and left == 0


def test_redirects(runtime):
    with python_server() as one, python_server() as other, python_server(None) as plain, python_server("self") as stranger:
        a, b, c, d = (f"{'http' if it is plain else 'https'}://localhost:{it.server_port}" for it in (one, other, plain, stranger))
        calls = [{"url": f"{a}/to?/data", "auth": ["me", "secret"]}, {"url": f"{a}/to?{b}/data", "auth": ["me", "secret"]}]
        calls += [{"url": f"{a}/to?{c}/data"}, {"url": f"{c}/to?{a}/data"}, {"url": f"{a}/to?{d}/data"}]
        said, left = fetch(runtime, calls, **trusting("ca"))
        assert said[0] == said[1] == said[3] == ok(PATTERN)
        assert "a redirect from https" in said[2] and "not correctly signed" in said[4]
        assert [bool(auth) for path, auth in one.seen[:3]] == [True, True, True]
        assert other.seen == [("/data", None)] and len(plain.seen) == 1 and stranger.seen == [] and left == 0


SECRETS = ["Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "X-Session-Id", "Proxy-Authorization", "X-CSRF-Token", "X-Password"]


def test_no_redirect_takes_a_secret_out_of_tls_or_to_another_server(runtime):
    headers = {name: "secret" for name in SECRETS} | {"X-Other": "1"}
    secrets = {name.lower() for name in SECRETS}
    with python_server() as one, python_server() as other, python_server(None) as plain:
        a, b = (f"https://localhost:{it.server_port}" for it in (one, other))
        c = f"http://localhost:{plain.server_port}"
        # To http: of this server's port, of another's, in capitals, at once or later. Then to https, from both.
        paths = [f"{a}/to?{c}/", f"{a}/to?HTTP://localhost:{one.server_port}/", f"{a}/to?{c.upper()}/", f"{a}/to?{b}/to?{c}/"]
        paths += [f"{a}/to?ws://localhost:{plain.server_port}/"]
        good = [f"{a}/to?/x", f"{a}/to?//localhost:{other.server_port}/y", f"{c}/to?{b}/z"]
        calls = [{"url": url, "headers": headers} for url in paths + good]
        said, left = fetch(runtime, calls, **trusting("ca"))
    assert all("a redirect from https" in text for text in said[:5]) and said[5:] == [ok(PATTERN)] * 3, said
    assert [path for path, _ in plain.seen] == [f"/to?{b}/z"] and left == 0
    assert all(fields >= secrets for fields in one.fields)
    assert [path for path, _ in other.seen] == [f"/to?{c}/", "/y", "/z"]
    assert not any(fields & secrets for fields in other.fields) and all("x-other" in fields for fields in other.fields)


def test_a_websocket_follows_no_redirect(runtime):
    with python_server() as one, python_server(None) as plain:
        url = f"wss://localhost:{one.server_port}/to?ws://localhost:{plain.server_port}/"
        done = lanes.run_script(runtime, "host_tests/servers/ws_client.py", timeout=60, BACKEND=url, **trusting("ca"))
    assert "error refused: HTTP/1.1 302 Found" in done.stdout.splitlines(), done.stdout + done.stderr
    assert len(one.seen) == 1 and plain.seen == []


class Breaking:
    """A server that breaks off after so many bytes of its part of a handshake."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates.path("server.pem"), certificates.path("server.key"))
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        for n in self.cuts:
            sock, _ = self.listener.accept()
            sock.settimeout(WAIT_S)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            half = self.context.wrap_bio(incoming, outgoing, server_side=True)
            left = n
            while left > 0:
                data = sock.recv(16384)
                if not data:
                    break
                incoming.write(data)
                try:
                    half.do_handshake()
                    break  # a few bytes more, and it would be complete
                except ssl.SSLWantReadError:
                    pass
                out = outgoing.read()
                sock.sendall(out[:left])
                left -= len(out)
            sock.close()
        self.listener.close()


def test_a_server_that_breaks_off_at_any_byte_of_the_handshake(runtime):
    one = Breaking()
    one.cuts = list(range(1, 1000, 61))
    one.thread.start()
    calls = [{"url": f"https://localhost:{one.port}/", "method": "POST", "body": "secret"} for _ in one.cuts]
    said, left = fetch(runtime, calls, **trusting("ca"))
    one.thread.join(WAIT_S)
    assert all(isinstance(text, str) and f":{one.port}/: " in text for text in said), said
    assert left == 0


PLAIN = """
import sys
import mungo
from mungo.fetch import fetch

app = mungo.App()
app.get("/")(lambda req: req.scheme)
mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:%d", None)
app.attach(mgr, "http://127.0.0.1:%d")
mgr.connect("tcp://127.0.0.1:%d", None)
mgr.poll(0)
print(mgr.close(), [name for name in sys.modules if name.split(".")[-1] == "tls" or ".tls." in name or "poll_table" in name])
"""


def test_programs_without_tls_load_none_of_it(runtime, tmp_path):
    script = tmp_path / "plain.py"
    script.write_text(PLAIN % (server.free_port(), port := server.free_port(), port))
    done = lanes.run_script(runtime, script)
    assert done.stdout.splitlines()[-1:] == ["True []"], done.stdout + done.stderr


SIDE = """
import sys
import mungo
mgr = mungo.Manager()
tls = mungo.Tls(ca=%r, cert=%r, key=%r)
if %r == "server":
    mgr.listen("tls://127.0.0.1:%d", None, tls=tls)
else:
    mgr.connect("tls://127.0.0.1:9", None, tls=tls)
mgr.poll(0)
print(mgr.close(), sorted([name for name in sys.modules if "mungo.tls." in name]))
"""


@pytest.mark.parametrize("side", ["client", "server"])
def test_each_side_loads_nothing_of_the_other_and_no_pins(runtime, tmp_path, side):
    script = tmp_path / "side.py"
    script.write_text(SIDE % (*(certificates.path(name) for name in ("ca.pem", "server.pem", "server.key")), side, server.free_port()))
    done = lanes.run_script(runtime, script)
    files = sorted(["mungo.tls." + name for name in ("connection", "material", side)])
    assert done.stdout.splitlines()[-1:] == ["True %s" % files], done.stdout + done.stderr
