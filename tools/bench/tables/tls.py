"""HTTPS with a certificate of P-256: small answers on kept-alive connections, next to HTTP; a handshake for each answer; a file of 100 KB.

10 connections. The client uses OpenSSL, and checks every byte of the answers.
"""

import os
import select
import socket
import ssl
import sys
import tempfile
import time
from pathlib import Path

from .. import host, load, markdown, stats
from ..process import Server, fail, progress
from . import at_least

NAME = "tls"
TITLE = "TLS"
SIZE = 100_000
CONNECTIONS = 10
SECONDS = 0.6
START_S = 10
KINDS = {"kept": "3 bytes, kept alive", "new": "3 bytes, a handshake each", "file": "100 KB"}
# (kind, what it is called, the contender, kept alive, over TLS); the first of a kind is what the others are compared with
ASKED = (
    ("kept", "asyncio's streams", "tls-asyncio", True, True),
    ("kept", "**mungo**", "tls-mungo", True, True),
    ("kept", "**mungo**, without TLS", "tls-mungo", True, False),
    ("new", "microdot", "tls-microdot", False, True),
    ("new", "asyncio's streams", "tls-asyncio", False, True),
    ("new", "**mungo**", "tls-mungo", False, True),
    ("file", "microdot's send_file", "tls-microdot", False, True),
    ("file", "**mungo**, closed each time", "tls-mungo", False, True),
    ("file", "**mungo**, kept alive", "tls-mungo", True, True),
)
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


class Client:
    """Connections to a port that ask for the same again and again. `done`: the good answers."""

    def __init__(self, port, context, path, body, is_kept):
        self.address = ("127.0.0.1", port)
        self.context = context
        self.request = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n" % (path, b"keep-alive" if is_kept else b"close")
        self.body = body
        self.is_kept = is_kept
        self.done = 0
        self.poll = select.epoll()
        self.steps = {}  # by descriptor: the generator of its connection
        self.socks = {}
        for _ in range(CONNECTIONS):
            self.open()

    def open(self):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect_ex(self.address)
        fd = sock.fileno()
        self.socks[fd] = sock
        self.steps[fd] = self.talk(sock)
        self.poll.register(fd, next(self.steps[fd]))

    def talk(self, sock):
        """A connection: yields what it waits for."""
        yield _OUT
        if self.context:
            fd = sock.fileno()
            sock = self.socks[fd] = self.context.wrap_socket(sock, do_handshake_on_connect=False, server_hostname="localhost")
        while self.context:
            try:
                sock.do_handshake()
                break
            except ssl.SSLWantReadError:
                yield _IN
        while True:
            sock.send(self.request)
            data = bytearray()
            while not self.is_kept or not data.endswith(self.body):
                try:
                    piece = sock.recv(1 << 18)
                except (ssl.SSLWantReadError, BlockingIOError):
                    yield _IN
                    continue
                if not piece:
                    break
                data += piece
            if data[9:12] != b"200" or bytes(data).partition(b"\r\n\r\n")[2] != self.body:
                raise OSError("a wrong answer: %d bytes, %r" % (len(data), bytes(data[:200])))
            self.done += 1
            if not self.is_kept:
                return

    def run(self, seconds):
        """Ask for so long; the seconds that it took."""
        start = time.perf_counter()
        while time.perf_counter() < start + seconds:
            for fd, _ in self.poll.poll(0.05):
                wanted = next(self.steps[fd], None)
                if wanted is not None:
                    self.poll.modify(fd, wanted)
                else:
                    self.poll.unregister(fd)
                    self.socks.pop(fd).close()
                    self.open()
        return time.perf_counter() - start

    def close(self):
        for sock in self.socks.values():
            sock.close()
        self.poll.close()


def wait(server, context):
    """Whether the server answers, in time."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", server.port), 2) as tcp:
                sock = context.wrap_socket(tcp, server_hostname="localhost") if context else tcp
                sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if sock.recv(100)[9:12] == b"200":
                    return True
        except OSError:
            time.sleep(0.02)
    fail("%s is left out, because it did not start: %s" % (server.name, server.said()), server.name)
    return False


def turn(server, context, path, body, is_kept, seconds):
    """(answers a second, the server's CPU microseconds for each)"""
    client = Client(server.port, context, path, body, is_kept)
    try:
        client.run(seconds / 4)
        cpu = load.cpu_clock(server.process.pid)
        start, done = cpu(), client.done
        took = client.run(seconds)
        done = client.done - done
        return done / took, (cpu() - start) / max(done, 1) * 1e6
    finally:
        client.close()


def make_certificate(folder):
    """Write a certificate for localhost, and its key, as DER (MicroPython 1.28 reads no PEM): an SSLContext that trusts it."""
    if str(host.ROOT / "tools") not in sys.path:
        sys.path.append(str(host.ROOT / "tools"))
    from cryptography.hazmat.primitives import serialization

    import certificate

    ca = certificate.make_ca()
    cert, key = certificate.make_certificate(ca, ["localhost"])
    (folder / "cert.der").write_bytes(cert.public_bytes(serialization.Encoding.DER))
    der = serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    (folder / "key.der").write_bytes(key.private_bytes(*der))
    return ssl.create_default_context(cadata=certificate.pem(ca[0]).decode())


def measure(plan):
    rounds, seconds = (1, 0.3) if plan.quick else (7, SECONDS)
    asked = [one for one in ASKED if not plan.names or one[2] in plan.names]
    turns = {one: [] for one in asked}
    body = os.urandom(SIZE)
    with tempfile.TemporaryDirectory() as root, host.on_client_cpu():
        folder = Path(root)
        trust = make_certificate(folder)
        (folder / "a.bin").write_bytes(body)
        os.utime(folder / "a.bin", (1710000000, 1710000000))
        for n in range(rounds):
            progress("TLS, round %d of %d" % (n + 1, rounds))
            for one in asked:
                kind, _, contender, is_kept, is_tls = one
                context = trust if is_tls else None
                env = {"ROOT": root, **({"CERT": root + "/cert.der", "KEY": root + "/key.der"} if is_tls else {})}
                with Server(contender, env) as server:
                    if not wait(server, context):
                        return {"rows": []}
                    turns[one].append(turn(server, context, *((b"/a.bin", body) if kind == "file" else (b"/", b"hi\n")), is_kept, seconds))
    rows = []
    base = {}
    for one, found in turns.items():
        base.setdefault(one[0], found)
        rate, cpu = ([pair[n] for pair in found] for n in (0, 1))
        rows.append(
            {
                "kind": one[0],
                "name": one[1],
                "rps": stats.figure(rate),
                "cpu_us": stats.figure(cpu),
                "times_rps": stats.figure([a[0] / b[0] for a, b in zip(found, base[one[0]], strict=True)]),
                "times_cpu_us": stats.figure([b[1] / a[1] for a, b in zip(found, base[one[0]], strict=True)]),
            }
        )
    return {"rows": rows}


def report(found):
    yield "TLS 1.2 with a certificate of P-256, 10 connections; x is the ratio to the first server of its kind. microdot closes each one.\n"
    columns = ("answer", "server", "a second>", "x>", "CPU us>", "x by CPU>")
    yield from markdown.table(columns, map(line, found["rows"]))


def line(row):
    return (
        KINDS[row["kind"]],
        row["name"],
        markdown.spread(row["rps"]),
        markdown.number(row["times_rps"], "%.1f"),
        markdown.spread(row["cpu_us"]),
        markdown.number(row["times_cpu_us"], "%.1f"),
    )


def targets(found):
    for row in found["rows"]:
        if row["kind"] == "file" and "kept" in row["name"]:
            yield at_least("files of 100 KB over TLS, mungo against microdot", row["times_rps"], 3, "%.1f")
