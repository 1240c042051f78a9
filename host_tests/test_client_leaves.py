"""Clients that leave while a thread works for them, and what ten thousand threads leave behind."""

import json
import socket
import time

import pytest

WAIT_S = 20
MARK = "nobody waits for this result any more"


def connect(one):
    sock = socket.create_connection((one.host, one.port), WAIT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def send(sock, body, path="/"):
    sock.sendall(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body))


def receive(sock):
    """The status and the body of an answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536) or end_of(data)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += sock.recv(65536) or end_of(data)
    assert len(body) == length
    return int(head.split()[1]), body


def end_of(data):
    raise AssertionError(f"the server has closed after {data!r}")


def stats(sock):
    send(sock, b"", "/stats")
    status, body = receive(sock)
    assert status == 200
    return json.loads(body)


def wait_for(sock, **wanted):
    """Wait until /stats says this; return all that it says."""
    deadline = time.monotonic() + WAIT_S
    while True:
        row = stats(sock)
        if all(row[name] == value for name, value in wanted.items()):
            return row
        assert time.monotonic() < deadline, row
        time.sleep(0.01)


@pytest.mark.parametrize("pipe", ["", "udp"])
def test_clients_leave(serve, pipe):
    one = serve(script="stats.py", env={"DELAY_MS": 2000, "PIPE": pipe, "MAX_THREADS": 200})  # all 60 are to be seen at the same time
    observer = connect(one)
    before = wait_for(observer, threads=0)
    leavers = [connect(one) for _ in range(30)]
    stayers = [connect(one) for _ in range(30)]
    for i, (leaver, stayer) in enumerate(zip(leavers, stayers)):
        send(leaver, b"a leaver's, number %d" % i)
        send(stayer, b"a stayer's, number %d" % i)
    wait_for(observer, threads=60)
    for i, sock in enumerate(leavers):
        if i % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset instead of an end
        sock.close()
    row = wait_for(observer, conns=before["conns"] + 30 + 30)  # the stayers and their pipes
    assert row["threads"] == 60  # the leavers' threads still work
    newcomers = [connect(one) for _ in range(30)]  # they get the leavers' descriptors
    for i, sock in enumerate(newcomers):
        send(sock, b"a newcomer's, number %d" % i)
    for i, sock in enumerate(stayers):
        assert receive(sock) == (200, b"a stayer's, number %d" % i)
    for i, sock in enumerate(newcomers):
        assert receive(sock) == (200, b"a newcomer's, number %d" % i)
    for sock in stayers + newcomers:
        sock.close()
    after = wait_for(observer, threads=0, ends=0, conns=before["conns"])
    assert after["files"] == before["files"]
    if not pipe:  # a datagram that nobody gets is no error: the bare pipe's worker learns nothing
        assert one.output().count(MARK) == 30
    assert after["stats"]["bugs"] == 0
    assert "Traceback" not in one.output() and "Unhandled" not in one.output()
    observer.close()


@pytest.mark.parametrize("pipe", ["", "udp"])
def test_clients_leave_in_each_moment(serve, pipe):
    # Before, while and after the thread sends: there is no moment in which it hurts.
    one = serve(script="stats.py", env={"DELAY_MS": 3, "PIPE": pipe, "MAX_THREADS": 200})
    observer = connect(one)
    before = wait_for(observer, threads=0)
    for i in range(200):
        sock = connect(one)
        send(sock, b"%d" % i)
        time.sleep(i % 20 * 0.0004)
        sock.close()
    after = wait_for(observer, threads=0, ends=0, conns=before["conns"])
    assert after["files"] == before["files"]
    assert after["stats"]["bugs"] == 0
    assert "Traceback" not in one.output() and "Unhandled" not in one.output()
    observer.close()


def test_ten_thousand_threads_leave_nothing(serve, runtime):
    one = serve(script="stats.py", env={"DELAY_MS": 0})
    rows = []
    with connect(one) as sock:
        rows.append(wait_for(sock, threads=0))
        for i in range(1, 10001):
            body = b"request %d" % i
            send(sock, body)
            assert receive(sock) == (200, body)
            if i % 5000 == 0:
                rows.append(wait_for(sock, threads=0, ends=0))
    start, half, full = rows
    assert start["conns"] == half["conns"] == full["conns"] == 2
    assert start["files"] == half["files"] == full["files"]
    assert full["heap"] - half["heap"] < 1024, (half["heap"], full["heap"])
    assert full["stats"]["undelivered"] == full["stats"]["bugs"] == 0
    assert "Traceback" not in one.output()
