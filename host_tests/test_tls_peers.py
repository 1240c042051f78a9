"""TLS with what people use, on both sides: aiohttp, websockets, httpx, OpenSSL, of both versions; and connections cut at every record."""

import asyncio
import contextlib
import hashlib
import http.client
import json
import queue
import random
import select
import socket
import ssl
import threading
import urllib.request

import aiohttp
import aiohttp.web
import httpx
import pytest
import websockets
import websockets.sync.client
import websockets.sync.server

import certificates
import lanes
from test_tls import WAIT_S, context, openssl, settle
from test_tls_client import fetch, ok, s_server, trusting
from test_ws_clients import MESSAGES

BODY = random.Random(1).randbytes(40000)
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture
def start(serve):
    """start(script="https.py", **settings): a server of ours over TLS."""
    certificates.make()
    return lambda script="https.py", **settings: serve(script=script, env=settings)


def server_context(cert="server", versions=("1.2", "1.3")):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version, made.maximum_version = VERSIONS[versions[0]], VERSIONS[versions[-1]]
    made.load_cert_chain(certificates.path(cert + ".pem"), certificates.path(cert + ".key"))
    return made


# --- their clients


def test_aiohttp(start):
    one = start()
    url = f"https://localhost:{one.port}"
    whole = hashlib.sha256(b"".join(bytes([at & 255]) * 1000 for at in range(300))).hexdigest()

    async def talk():
        connector = aiohttp.TCPConnector(ssl=context(), limit=6)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:

            async def ask(n):
                async with session.post(url + "/", data=BODY[: n * 1000]) as answer:
                    assert await answer.read() == BODY[: n * 1000] or not n
                async with session.get(url + "/data/300000") as answer:
                    return hashlib.sha256(await answer.read()).hexdigest()

            return await asyncio.gather(*[ask(n) for n in range(20)])

    assert asyncio.run(talk()) == [whole] * 20
    found = settle(one, lambda found: not found["open"])
    assert found["open"] == 0 and found["stats"]["bugs"] == found["stats"]["failed"] == 0


def test_httpx_asks_many_times_on_few_connections(start):
    one = start()
    with httpx.Client(verify=context(), limits=httpx.Limits(max_connections=2), timeout=60) as client:
        for n in range(0, 30, 3):
            assert client.post(f"https://localhost:{one.port}/", content=BODY[: n * 1000] or b"-").content == (BODY[: n * 1000] or b"-")
    assert len(settle(one, lambda found: not found["open"])["events"]) == 1  # it was one connection


def over_tls(one, path):
    url = f"wss://localhost:{one.port}/{path}"
    return websockets.sync.client.connect(url, ssl=context(), open_timeout=WAIT_S, compression=None)


def test_websockets_and_aiohttp_over_wss(start):
    one = start("ws.py", CERT="server")
    with over_tls(one, "echo") as conn:
        for data in MESSAGES:
            conn.send(data)
            assert conn.recv(WAIT_S) == data
        assert conn.ping("there?").wait(WAIT_S)
    with over_tls(one, "pieces") as conn:
        conn.send("abcdef")
        assert list(conn.recv_streaming()) == ["a", "b", "c", "d", "e", "f", ""]
    with over_tls(one, "ends") as conn:
        conn.send("enough")
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            conn.recv(WAIT_S)
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "enough")

    async def talk():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
            url = f"https://localhost:{one.port}/echo"
            conns = [await session.ws_connect(url, ssl=context()) for _ in range(6)]
            for n, conn in enumerate(conns):
                await conn.send_str("%d" % n)
            assert [(await conn.receive(WAIT_S)).data for conn in conns] == ["%d" % n for n in range(6)]
            for conn in conns:
                await conn.close()

    asyncio.run(talk())
    with urllib.request.urlopen(f"https://localhost:{one.port}/state", context=context(), timeout=WAIT_S) as answer:
        stats = json.load(answer)["stats"]
    assert stats["bugs"] == stats["failed"] == 0


def test_clients_that_want_to_reuse_a_session_get_a_new_one(start):
    """Ports with mbedTLS have neither tickets nor a cache of sessions."""
    one = start()
    trust = context(most=ssl.TLSVersion.TLSv1_2)
    session = None
    for _ in range(3):
        with socket.create_connection((one.host, one.port), WAIT_S) as tcp:
            with trust.wrap_socket(tcp, server_hostname="localhost", session=session) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert sock.recv(1000).endswith(b"hi\n") and not sock.session_reused
                session = sock.session
    done = openssl("s_client", "-connect", f"127.0.0.1:{one.port}", "-tls1_2", "-reconnect", "-CAfile", certificates.path("ca.pem"))
    assert done.stdout.count(b"New, TLSv1.2") == 6 and b"Reused" not in done.stdout, done.stdout
    assert settle(one, lambda found: not found["open"])["open"] == 0


# --- their servers


@contextlib.contextmanager
def aiohttp_server(context, seen=None):
    """A server of aiohttp over TLS, which sends back what is posted, and else BODY: its port."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    found = []

    async def answer(request):
        data = await request.read()
        if seen is not None:
            seen.append((request.path, data))
        return aiohttp.web.Response(body=data or BODY)

    async def serve():
        app = aiohttp.web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", answer)
        runner = aiohttp.web.AppRunner(app)
        await runner.setup()
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        found.append(runner.addresses[0][1])
        return runner

    def run():
        loop.set_exception_handler(lambda *_: None)  # (clients that refuse it are many here)
        runner = loop.run_until_complete(serve())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(WAIT_S)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def test_mungo_asks_aiohttp(runtime):
    """Of a server that has 1.3 as well, 1.2 is taken. One that has nothing else is an error, before a byte of the request is sent."""
    seen = []
    both = aiohttp_server(server_context(), seen)
    with both as port, aiohttp_server(server_context(versions=["1.3"]), seen) as new, aiohttp_server(server_context("rsa"), seen) as rsa:
        url = f"https://localhost:{port}/"
        calls = [{"url": url + "get"}, {"url": url + "post", "method": "POST", "body": "café " * 5000}]
        calls += [{"url": f"https://localhost:{new}/new"}, {"url": f"https://localhost:{rsa}/other"}, {"url": url + "again"}]
        said, left = fetch(runtime, calls, **trusting("ca"))
    assert said[:2] == [ok(BODY), ok("café ".encode() * 5000)] and said[4] == ok(BODY)
    assert "TLS: " in said[2] and "not correctly signed by the trusted CA" in said[3]
    assert [path for path, _ in seen] == ["/get", "/post", "/again"] and left == 0


BAD = {"self": "not correctly signed", "expired": "expired", "named": "does not match", "future": "in the future"}


def test_mungo_refuses_openssl_s_servers(runtime):
    """Wrong name, expired, self-signed; the last one is good, and has tickets for sessions, which nobody asks for."""
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(s_server(cert)) for cert in [*BAD, "server"]]
        said, left = fetch(runtime, [{"url": f"https://localhost:{port}/"} for port in [*ports, ports[-1]]], **trusting("ca"))
    for text, says in zip(said, BAD.values()):
        assert "TLS: " in text and says in text
    assert said[4][0] == said[5][0] == 200 and left == 0


@contextlib.contextmanager
def websockets_server(context):
    """A server of the package websockets that echoes: (its port, a queue of what its clients have closed with)."""
    codes = queue.Queue()

    def echo(conn):
        with contextlib.suppress(websockets.ConnectionClosedError):
            for message in conn:
                conn.send(message)
        codes.put(conn.close_code)

    with websockets.sync.server.serve(echo, "127.0.0.1", 0, subprotocols=["v1"], max_size=None, ssl=context) as one:
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        try:
            yield one.socket.getsockname()[1], codes
        finally:
            one.shutdown()
            thread.join()


def test_mungo_s_websockets_over_wss(runtime):
    def run(url):
        done = lanes.run_script(runtime, "host_tests/servers/ws_client.py", timeout=60, BACKEND=url, **trusting("ca"))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()[1:]

    with websockets_server(server_context()) as (port, codes):
        said = run(f"wss://localhost:{port}/")
        assert said[0] == "protocol v1" and said[-1] == "closed 4002" and codes.get(timeout=WAIT_S) == 4002
    for cert, says in BAD.items():
        with websockets_server(server_context(cert)) as (port, codes):
            said = run(f"wss://localhost:{port}/")
            assert said[0].startswith("error TLS: ") and says in said[0] and codes.empty()


# --- cut at every record


class Cutter:
    """A proxy that breaks off its n-th connection, counted from 0, after n records of TLS, whichever side has sent them."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.passed = []  # how many records
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            with near, far:
                for sock in (near, far):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                first = near.recv(1, socket.MSG_PEEK)
                if first == b".":
                    return
                self.passed.append(self.connect(near, far, len(self.passed)))

    def connect(self, near, far, left):
        other = {near: far, far: near}
        waiting = {near: b"", far: b""}
        n = 0
        while left:
            for sock in select.select([near, far], [], [])[0]:
                try:
                    data = sock.recv(65536)
                except ConnectionError:
                    data = b""
                if not data:
                    return n
                waiting[sock] += data
                while left and len(waiting[sock]) > 4:
                    end = 5 + int.from_bytes(waiting[sock][3:5], "big")
                    if len(waiting[sock]) < end:
                        break
                    other[sock].sendall(waiting[sock][:end])
                    waiting[sock] = waiting[sock][end:]
                    left -= 1
                    n += 1
        return n

    def stop(self):
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.sendall(b".")
            self.thread.join(WAIT_S)
        self.listener.close()
        assert not self.thread.is_alive()


def ask_through(port):
    """The body of the answer to a POST, or the error."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=WAIT_S, context=context(most=ssl.TLSVersion.TLSv1_2))
    try:
        connection.request("POST", "/", BODY)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException) as er:
        return er
    finally:
        connection.close()


MOST_RECORDS = 60


def test_a_server_whose_client_is_cut_off_after_any_record(start):
    one = start()
    before = settle(one, lambda found: not found["open"])
    cutter = Cutter(one.port)
    answers = []
    try:
        while not answers or answers[-1] != BODY:
            answers.append(ask_through(cutter.port))
            assert len(answers) < MOST_RECORDS
    finally:
        cutter.stop()
    assert len(answers) > 12 and all(isinstance(answer, Exception) for answer in answers[:-1]), answers
    assert cutter.passed[:-1] == list(range(len(answers) - 1))
    after = settle(one, lambda found: not found["open"] and found["conns"] == before["conns"])
    assert after["open"] == 0 and after["files"] == before["files"] and after["conns"] == before["conns"] and after["stats"]["bugs"] == 0


def test_a_client_whose_server_is_cut_off_after_any_record(runtime):
    """An answer that has a length is never taken for whole."""
    body = b"".join(bytes([n]) * 1000 for n in range(8))
    seen = []
    with aiohttp_server(server_context(), seen) as port:
        cutter = Cutter(port)
        calls = [{"url": f"https://localhost:{cutter.port}/{n}", "upload": len(body)} for n in range(MOST_RECORDS)]
        try:
            said, left = fetch(runtime, calls, **trusting("ca"))
        finally:
            cutter.stop()
    first = said.index(ok(body))
    assert first > 12 and all(isinstance(text, str) and f":{cutter.port}/" in text for text in said[:first]), said
    assert said[first:] == [ok(body)] * (MOST_RECORDS - first)
    assert len(cutter.passed) == MOST_RECORDS and left == 0
    assert {data for _, data in seen} == {body}  # and a request that is not whole is never taken for one
