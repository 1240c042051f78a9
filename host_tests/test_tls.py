"""A TLS server with real clients: curl, OpenSSL, Python's ssl, httpx; and with peers that are none."""

import hashlib
import http.client
import json
import random
import shutil
import socket
import ssl
import subprocess
import time

import pytest

import certificates
from thorough import times

WAIT_S = 20
MB = 1 << 20


@pytest.fixture
def start(serve):
    """start(**settings): the server of servers/https.py."""
    certificates.make()
    return lambda **settings: serve(script="https.py", env=settings)


def context(ca="ca", client=None, most=None):
    made = ssl.create_default_context(cafile=certificates.path(ca + ".pem"))
    if client:
        made.load_cert_chain(certificates.path(client + ".pem"), certificates.path(client + ".key"))
    if most:
        made.maximum_version = most
    return made


def tcp(one, offset=0):
    return socket.create_connection((one.host, one.port + offset), timeout=WAIT_S)


def tls(one, offset=0, **options):
    return context(**options).wrap_socket(tcp(one, offset), server_hostname="localhost")


def ask(one, path, body=None, **options):
    """The body of an answer to a request over TLS."""
    connection = http.client.HTTPSConnection(one.host, one.port, timeout=WAIT_S, context=context(**options))
    connection.request("POST" if body is not None else "GET", path, body)
    answer = connection.getresponse()
    assert answer.status == 200
    text = answer.read()
    connection.close()
    return text


def state(one):
    """What /state says, asked without TLS."""
    connection = http.client.HTTPConnection(one.host, one.port + 2, timeout=WAIT_S)
    connection.request("GET", "/state")
    found = json.loads(connection.getresponse().read())
    connection.close()
    return found


def settle(one, is_settled):
    """The state when `is_settled(state)` is true; the last one if it does not become so in time."""
    deadline = time.monotonic() + WAIT_S
    while True:
        found = state(one)
        if is_settled(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


# --- clients that are right


@pytest.mark.parametrize("cert", ["server", "rsa"])
def test_curl_trusts_it_by_its_authority_and_by_no_other(start, cert):
    one = start(CERT=cert)
    ca = "rsa_ca" if cert == "rsa" else "ca"
    command = [shutil.which("curl") or pytest.skip("there is no curl"), "-sS", f"https://localhost:{one.port}/"]
    good = subprocess.run([*command, "--cacert", certificates.path(ca + ".pem")], capture_output=True, timeout=WAIT_S)
    assert good.stdout == b"hi\n", good.stderr
    bad = subprocess.run([*command, "--cacert", certificates.path("other_ca.pem")], capture_output=True, timeout=WAIT_S)
    assert bad.returncode == 60 and bad.stdout == b""
    found = settle(one, lambda found: len(found["events"]) == 3)
    assert found["events"][0] == "OPEN ACCEPT TLS_HS HTTP_HDRS HTTP_MSG READ CLOSE"
    assert found["events"][1].startswith("OPEN ACCEPT ERROR TLS: ")
    assert found["open"] == 0


def test_python_s_ssl_and_httpx_ask_on_kept_alive_connections(start):
    import httpx

    one = start()
    with httpx.Client(verify=context()) as client:
        for n in range(5):
            assert client.post(f"https://localhost:{one.port}/", content=b"%d" % n).content == b"%d" % n
    with tls(one) as sock:
        sock.sendall(b"GET /cipher HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        text = b""
        while text.count(b"TLSv1.2") < 2:
            text += sock.recv(1000)
        assert sock.version() == "TLSv1.2" and b"ECDHE" in text and b"ECDSA" in text


def openssl(*args, text=b""):
    command = [shutil.which("openssl") or pytest.skip("there is no openssl"), *args]
    return subprocess.run(command, input=text, capture_output=True, timeout=WAIT_S)


@pytest.mark.parametrize("version, accepts", [("-tls1_2", True), ("-tls1_3", False), ("-tls1_1", False)])
def test_which_versions_there_are(start, version, accepts):
    one = start()
    where = f"127.0.0.1:{one.port}"
    done = openssl("s_client", "-connect", where, version, "-CAfile", certificates.path("ca.pem"), "-brief", "-verify_return_error")
    assert (b"Verification: OK" in done.stderr) == accepts, done.stderr


def test_only_clients_with_a_certificate_are_served_if_it_has_a_ca(start):
    one = start(CA="ca")
    assert ask(one, "/", client="client") == b"hi\n"
    for client in (None, "stranger"):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            ask(one, "/", client=client)
    found = settle(one, lambda found: not found["open"])
    assert [row for row in found["events"] if "HTTP_MSG" in row] == ["OPEN ACCEPT TLS_HS HTTP_HDRS HTTP_MSG READ CLOSE"]


def test_the_certificate_is_replaced_while_connections_go_on(start):
    one = start()
    with tls(one) as sock:
        assert ask(one, "/replace/rsa") == b"ok"
        assert ask(one, "/", ca="rsa_ca") == b"hi\n"
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert sock.recv(1000).endswith(b"hi\n")


def test_a_server_that_speaks_first(start):
    one = start(GREETING="welcome")
    with tls(one, 1) as sock:
        assert sock.recv(100) == b"welcome"
        sock.sendall(b"thanks")
        assert sock.recv(100) == b"thanks"
    found = settle(one, lambda found: not found["open"])
    assert found["events"] == ["OPEN ACCEPT TLS_HS WRITE READ CLOSE"]


# --- much data


def test_what_is_sent_in_slices_arrives_intact_both_ways(start):
    """A client that writes slices of random size, and stalls between reads, so that the server's writes are put off in the middle."""
    one = start()
    rng = random.Random(5)
    data = rng.randbytes(times(2, 100) * MB)
    with tls(one, 1) as sock:
        sock.setblocking(False)
        sent = 0
        piece = b""
        received = hashlib.sha256()
        n = 0
        stall = 0
        deadline = time.monotonic() + times(60, 3000)
        while n < len(data):
            assert time.monotonic() < deadline, (sent, n)
            is_idle = True
            if sent < len(data):
                piece = piece or data[sent : sent + rng.choice((1, 100, 1000, 4095, 4096, 4097, 20000))]
                try:
                    done = sock.send(piece)
                    sent += done
                    piece = piece[done:]
                    is_idle = False
                except ssl.SSLWantWriteError:
                    pass
            if stall:
                stall -= 1
            else:
                try:
                    part = sock.recv(rng.choice((1, 1000, 50000)))
                    assert part
                    received.update(part)
                    n += len(part)
                    is_idle = False
                    if rng.random() < 0.01:
                        stall = 200
                except ssl.SSLWantReadError:
                    pass
            if is_idle:
                time.sleep(0.001)
        assert received.digest() == hashlib.sha256(data).digest()


def test_bodies_arrive_intact(start):
    one = start()
    data = random.Random(6).randbytes(2 * MB)
    assert ask(one, "/sum", data).decode() == hashlib.sha256(data).hexdigest()
    text = ask(one, "/data/2000000")
    assert text == b"".join(bytes([at & 255]) * 1000 for at in range(2000))


def test_a_file_arrives_intact_at_a_reader_that_stalls(start, tmp_path):
    """With buffers as small as a board's, each write is put off in the middle of a record, at a file's body, a long answer, and pieces."""
    rng = random.Random(8)
    (tmp_path / "a.bin").write_bytes(data := rng.randbytes(times(1, 20) * MB))
    one = start(SNDBUF=4608, ROOT=tmp_path)
    pattern = b"".join(bytes([at & 255]) * 1000 for at in range(300))
    for path, body, posted in (("/files/a.bin", data, b""), ("/", data[:60000], data[:60000]), ("/data/300000", pattern, b"")):
        tcp = socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        tcp.settimeout(WAIT_S)
        tcp.connect((one.host, one.port))
        with context().wrap_socket(tcp, server_hostname="localhost") as sock:
            request = b"%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            sock.sendall(request % (b"POST" if posted else b"GET", path.encode(), len(posted)) + posted)
            got = b""
            n = 0
            while piece := sock.recv(rng.choice((1000, 50000))):
                got += piece
                n += 1
                if n % 10 == 0:
                    time.sleep(0.002)
        head, _, got = got.partition(b"\r\n\r\n")
        if b"chunked" in head:
            got = b"".join(got.split(b"\r\n")[1::2])
        assert len(got) == len(body) and got == body, (path, next(at for at, (x, y) in enumerate(zip(got, body)) if x != y))


# --- peers that are none


def test_a_plain_client_reads_what_is_wrong(start):
    one = start()
    with tcp(one) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        text = b""
        while part := sock.recv(1000):
            text += part
    assert text.startswith(b"HTTP/1.1 400 ") and text.endswith(b"\r\n\r\nThis port wants https://..\n")
    found = settle(one, lambda found: not found["open"])
    assert found["events"] == ["OPEN ACCEPT CLOSE"]


def hello():
    """What a client sends first."""
    out = ssl.MemoryBIO()
    half = context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    return out.read()


def test_silent_peers_are_closed_after_handshake_ms_and_delay_nobody(start):
    one = start(HANDSHAKE_MS=1000)
    first = hello()
    silent = [tcp(one, n & 1) for n in range(20)]
    for n, sock in enumerate(silent[10:]):
        sock.sendall(first[: 1 + 20 * n])
    assert ask(one, "/") == b"hi\n"  # not one of them has been closed: it was served beside them
    opened = state(one)
    assert len(opened["events"]) == 1 and opened["stats"]["timeouts"] == 0 and opened["open"] == 10
    for sock in silent:
        assert sock.recv(1) == b""
        sock.close()
    found = settle(one, lambda found: not found["open"])
    assert found["stats"]["timeouts"] == 20 and found["stats"]["failed"] == 20
    assert found["events"][-1] == "OPEN ACCEPT ERROR timeout: no TLS handshake CLOSE"


class Recorder:
    """The bytes that a client sends in its handshake and with a request, in its flights."""

    def __init__(self, one):
        self.flights = []
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        half = context(most=ssl.TLSVersion.TLSv1_2).wrap_bio(incoming, outgoing, server_hostname="localhost")
        with tcp(one) as sock:
            while True:
                try:
                    half.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    self.send(sock, outgoing.read())
                    incoming.write(sock.recv(16384))
            half.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.send(sock, outgoing.read())
            sock.recv(1000)

    def send(self, sock, data):
        if data:
            self.flights.append(data)
            sock.sendall(data)


def test_a_handshake_that_is_cut_at_any_byte_leaves_nothing_open(start):
    one = start()
    flights = Recorder(one).flights
    before = settle(one, lambda found: not found["open"])
    cuts = [(0, n) for n in range(0, len(flights[0]), times(7, 1))] + [(1, n) for n in range(0, len(flights[1]), times(9, 1))]
    for flight, n in cuts:
        with tcp(one) as sock:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            half = context(most=ssl.TLSVersion.TLSv1_2).wrap_bio(incoming, outgoing, server_hostname="localhost")
            with pytest.raises(ssl.SSLWantReadError):
                half.do_handshake()
            data = outgoing.read()
            if flight:
                sock.sendall(data)
                while not outgoing.pending:
                    incoming.write(sock.recv(16384))
                    try:
                        half.do_handshake()
                    except ssl.SSLWantReadError:
                        pass
                data = outgoing.read()
            sock.sendall(data[: min(n, len(data) - 1)])
    after = settle(one, lambda found: not found["open"] and found["conns"] == before["conns"])
    assert after["conns"] == before["conns"] and after["files"] == before["files"] and after["open"] == 0
    assert after["stats"]["bugs"] == 0 and after["stats"]["failed"] == before["stats"]["failed"] + len(cuts)
    assert ask(one, "/") == b"hi\n"


def test_garbage_in_the_place_of_a_handshake_or_of_records_ends_that_connection_alone(start):
    one = start()
    rng = random.Random(7)
    first = hello()
    rows = [rng.randbytes(n) for n in (1, 5, 100, 5000)] + [
        b"\x16\x03\x01\xff\xff" + bytes(100),
        b"\x16\x03\x03\x00\x00",
        b"\x15\x03\x03\x00\x02\x02\x28",
    ]
    rows += [first[:n] + rng.randbytes(40) + first[n + 40 :] for n in (0, 5, 20, 60, 100)] + [first + rng.randbytes(500)]
    with tls(one) as kept:
        for data in rows:
            with tcp(one) as sock:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                try:
                    while sock.recv(5000):
                        pass
                except ConnectionError:
                    pass
        kept.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert kept.recv(1000).endswith(b"hi\n")
        raw = socket.socket(fileno=socket.dup(kept.fileno())) if hasattr(socket, "dup") else None
        if raw is not None:
            raw.sendall(b"\x17\x03\x03\x00\x20" + rng.randbytes(32))  # no record of this session
            raw.close()
        try:
            assert kept.recv(1000) == b""
        except (ssl.SSLError, ConnectionError):
            pass
    found = settle(one, lambda found: not found["open"])
    assert found["open"] == 0 and found["stats"]["bugs"] == 0 and found["conns"] == 4


# --- limits


def test_more_than_tls_conns_wait_for_room_and_are_refused_after_busy_ms(start):
    one = start(TLS_CONNS=2, BUSY_MS=800)
    first, second = tls(one), tls(one)
    for sock in (first, second):  # under way: neither is idle
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
    settle(one, lambda found: found["open"] == 2)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls(one)
    found = state(one)
    assert found["open"] == 2 and found["stats"]["tls_full"] == 1
    assert found["events"][-1] == "OPEN ACCEPT ERROR TLS: 2 connections are open CLOSE"
    first.sendall(b"llo")
    assert first.recv(1000).endswith(b"hello")
    with tls(one) as third:  # the answered one makes room
        third.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert third.recv(1000).endswith(b"hi\n")
    assert state(one)["stats"]["evicted"] == 1
    first.close()
    second.close()


def test_many_are_open_at_once_beside_others(start):
    """More than the 4 sockets that the unix port's table of poll begins with, see port/poll_table.py."""
    one = start(TLS_CONNS=32)
    secret, plain = [], []
    for _ in range(12):
        secret.append(tls(one))
        plain.append(tcp(one, 2))
        for sock in secret + plain:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        for sock in secret + plain:
            assert sock.recv(1000).endswith(b"hi\n")
    assert state(one)["open"] == 12
    for sock in secret + plain:
        sock.close()


# --- nothing grows


def test_requests_and_handshakes_leave_heap_and_descriptors_flat(start):
    one = start()

    def burst(handshakes, requests, most=1 << 40):
        for _ in range(handshakes):
            ask(one, "/")
        with tls(one) as sock:
            for _ in range(requests):
                sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert sock.recv(1000).endswith(b"hi\n")
        return settle(one, lambda found: not found["open"] and found["heap"] < most)

    before = burst(50, 50)
    most = before["heap"] + 4096  # (what the collector finds by chance differs)
    after = burst(times(150, 2000), times(300, 10000), most)
    assert after["files"] == before["files"] and after["conns"] == before["conns"] and after["stats"]["failed"] == before["stats"]["failed"]
    assert after["heap"] < most, (before["heap"], after["heap"])
