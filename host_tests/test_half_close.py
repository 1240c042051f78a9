"""Clients that send their end and go on reading: what they have asked for arrives whole; what they would have to wait for is given up."""

import json
import socket
import subprocess
import sys

import pytest

import server as servers
from test_http_server import Client, post, request, until

SIZE = 3_000_000
SMALL = 10_000  # bytes of a receive buffer


def lines(n):
    return b"".join(b"%015d\n" % k for k in range(n // 16))


@pytest.fixture
def start(serve, tmp_path):
    """start(**limits): the server of servers/half_close.py, whose `events` is where its program in the tutorial's voice is."""
    (tmp_path / "large.txt").write_bytes(lines(SIZE))

    def begin(size=SIZE, **limits):
        port = servers.free_port()
        settings = {"ROOT": tmp_path, "BYTES": size, "EVENTS_PORT": port}
        settings["LIMITS"] = " ".join(f"{name}={value}" for name, value in limits.items())
        one = serve(script="half_close.py", env=settings)
        one.events = Port(one.host, port)
        return one

    return begin


class Port:
    def __init__(self, host, port):
        self.host = host
        self.port = port


def told(one):
    with Client(one) as client:
        return json.loads(client.ask("/told").body)


def half_close(client):
    client.sock.shutdown(socket.SHUT_WR)


def begin(one, data, receive_bytes=SMALL):
    """A client that has sent this, has read the first byte of the answer, and then has sent its end."""
    client = Client(one, receive_bytes)
    client.send(data)
    client.data += client.sock.recv(1)
    half_close(client)
    return client


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("path", ["/file", "/generator", "/worker"])
def test_an_answer_that_has_begun_arrives_whole(start, path, version):
    one = start()
    with begin(one, request(path, version=version)) as client:
        assert client.answer().body == lines(SIZE)
        assert client.ended()
    after = told(one)
    assert after["conns"] == told(one)["conns"] and after["stats"]["failed"] == after["stats"]["timeouts"] == 0, after
    assert path == "/file" or after["told"] == [path[1:] + " ends"]  # the worker has ended before its last piece came


def test_pieces_of_a_program_arrive_whole(start):
    one = start()
    with begin(one.events, request("/events")) as client:
        assert client.answer().body == b"begun\n" + lines(SIZE)
        assert client.ended()
    assert told(one)["told"] == ["events close"]


@pytest.mark.parametrize("n", [1600, 160_000])
def test_all_that_was_asked_for_before_the_end_is_answered(start, n):
    one = start()
    asked = [request("/path/a"), *[request(f"/memory?n={n}")] * 9, request("/file"), post("/echo", b"x" * 300), request("/generator")]
    with Client(one, SMALL) as client:
        client.send(b"".join(asked) + request("/path/b") * 100)
        half_close(client)
        bodies = [client.answer().body for _ in range(113)]
        assert client.ended()
    assert bodies == [b"a", *[lines(n)] * 9, lines(SIZE), b"x" * 300, lines(SIZE), *[b"b"] * 100]
    assert told(one)["stats"]["failed"] == 0


# The first answer is the last; what is behind its request is not looked at.
def test_nothing_follows_connection_close(start):
    one = start(linger_ms=60000)  # it need not linger, for nothing more can come
    with Client(one, SMALL) as client:
        client.send(request("/file", "Connection: close\r\n") + request("/path/b") * 10)
        half_close(client)
        assert client.answer().body == lines(SIZE)
        assert client.ended()


@pytest.mark.parametrize("rest", [b"GET /path/b HT", b"GET /path/b HTTP/1.1\r\nHost: a\r\n", post("/echo", b"abc")[:-1]])
def test_what_is_not_whole_has_no_answer(start, rest):
    one = start(idle_ms=60000, head_ms=60000, body_ms=60000)
    with Client(one, SMALL) as client:
        client.send(request("/generator") + rest)
        half_close(client)
        assert client.answer().body == lines(SIZE)
        assert client.ended()


def test_a_wrong_request_is_refused(start):
    one = start(linger_ms=60000)
    with Client(one, SMALL) as client:
        client.send(request("/file") + b"GET /\r\n\r\n")
        half_close(client)
        assert client.answer().body == lines(SIZE)
        assert client.answer().status == 400
        assert client.ended()


# A browser that leaves while it waits does the same as a half-close: the worker of an answer that has not begun is told.
@pytest.mark.parametrize("before", [b"", request("/path/a")])
def test_a_worker_that_has_sent_nothing_is_dropped(start, before):
    one = start()
    with Client(one) as client:
        client.send(before + request("/slow?ms=1"))
        assert [client.answer().body for _ in range(2 if before else 1)][-1] == b"slow\n"
        client.send(before + request("/slow?ms=3000"))
        until(lambda: told(one)["stats"]["workers"]["busy"], "a worker at the job")
        half_close(client)
        if before:
            assert client.answer().body == b"a"
        assert client.ended()
    until(lambda: told(one)["stats"]["workers"]["dropped"] == 1, "a job that is dropped")


def test_a_program_may_go_on_later(start):
    one = start()
    with begin(one.events, request("/later")) as client:
        assert client.answer().body == b"begun\nend\n"
        assert client.ended()


# Whether its client reads or has gone can't be told until something is sent. So a stream must not be silent for longer than write_ms.
def test_a_stream_that_stays_silent_is_given_up(start):
    one = start(write_ms=200)
    with begin(one.events, request("/silent")) as client:
        assert client.rest().endswith(b"\r\n\r\n6\r\nbegun\n\r\n")
        assert client.eof
    until(lambda: told(one)["told"] == ["events close"], "EV_CLOSE")
    assert told(one)["stats"]["timeouts"] == 1


# A client that has gone resets the connection when more is sent.
@pytest.mark.parametrize("path", ["/file", "/generator", "/worker"])
def test_a_client_that_has_gone_ends_its_answer(start, path):
    one = start()
    conns = told(one)["conns"]
    # It must be another process: its end comes alone, and the reset follows when more arrives.
    code = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); s.sendall(sys.argv[2].encode()); s.recv(1)"
    code += "; s.shutdown(socket.SHUT_WR)"
    subprocess.run([sys.executable, "-c", code, str(one.port), request(path).decode()], check=True)
    ends = [] if path == "/file" else [path[1:] + " ends"]
    until(lambda: told(one)["conns"] == conns and told(one)["told"] == ends, "the end of both")


# It takes nothing any more: the write deadline is for it as well.
def test_a_client_that_stops_reading_is_given_up(start):
    one = start(10 * SIZE, write_ms=300)  # more than the system would take
    conns = told(one)["conns"]
    with begin(one, request("/generator")) as client:
        until(lambda: told(one)["told"] == ["generator ends"] and told(one)["conns"] == conns, "EV_CLOSE")
        assert told(one)["stats"]["timeouts"] == 1
        assert len(client.rest()) < 10 * SIZE
