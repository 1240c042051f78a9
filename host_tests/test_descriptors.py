"""A server that runs out of descriptors, by the system's own limit: it sleeps, counts, serves the connections that it has, whatever they
ask for first, and accepts again when one ends."""

import os
import resource
import socket
import time

import pytest

import lanes

ROOM = 6  # descriptors that it may open besides those that it has
WAIT_S = 20
PATHS = {
    "/nope": (404, b"Not Found\n"),
    "/pieces": (200, b"0\r\n\r\n"),
    "/stream": (200, b"0\r\n\r\n"),
    "/worker": (200, b"done\n"),
    "/file": (200, (lanes.ROOT / "README.md").read_bytes().splitlines(True)[0]),
    "/": (200, b"hi\n"),
}


def connect(one):
    sock = socket.create_connection((one.host, one.port), WAIT_S)
    sock.settimeout(WAIT_S)
    return sock


def ask(sock, path, end):
    """Send a request; (status, what came up to `end`)."""
    sock.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
    return read(sock, end)


def read(sock, end):
    data = b""
    while not data.endswith(end):
        more = sock.recv(4096)
        assert more, data
        data += more
    return int(data.split()[1]), data


def ask_turns(sock):
    """(turns, times that accept found no socket)"""
    sock.sendall(b"GET /turns HTTP/1.1\r\nHost: a\r\n\r\n")
    data = sock.recv(4096)
    assert data.startswith(b"HTTP/1.1 200 "), data
    turns, starved = data.split(b"\r\n\r\n")[1].split()
    return int(turns), int(starved)


@pytest.mark.parametrize("path", PATHS)
def test_without_descriptors(serve, path):
    one = serve(script="scarce.py")
    used = len(os.listdir(f"/proc/{one.proc.pid}/fd"))
    resource.prlimit(one.proc.pid, resource.RLIMIT_NOFILE, (used + ROOM, used + ROOM))
    socks = [connect(one) for _ in range(3 * ROOM)]
    first, *rest = socks
    ask(first, "/", b"hi\n")
    turns, starved = ask_turns(first)
    while starved < 3:
        time.sleep(0.02)
        turns, starved = ask_turns(first)

    # It sleeps: a turn or two for each time that it tries again, and one for each question.
    questions = 1
    while True:
        time.sleep(0.05)
        turns_then, starved_then = ask_turns(first)
        if starved_then >= starved + 5:
            break
        questions += 1
    assert turns_then - turns <= 4 * (starved_then - starved) + 2 * questions

    # Nobody has asked for this before: what it needs is not loaded yet.
    status, end = PATHS[path]
    assert ask(first, path, end)[0] == status

    # One ends, and the next one is let in.
    for sock in rest:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    for sock in rest:
        assert read(sock, b"hi\n")[0] == 200
        sock.close()
    assert ask(first, "/", b"hi\n")[0] == 200
    first.close()
    assert "Traceback" not in one.output() and one.proc.poll() is None
