"""The tutorial's program: a handler that blocks, and a server that goes on. With either pipe, on both runtimes."""

import socket
import threading
import time

import pytest


class Answer(threading.Thread):
    """A request in a thread of its own: its answer's bytes, and when it came."""

    def __init__(self, server, request):
        super().__init__()
        self.server = server
        self.request = request
        self.data = b""
        self.start()

    def run(self):
        with socket.create_connection((self.server.host, self.server.port), 30) as sock:
            sock.sendall(self.request)
            while True:
                head, gap, body = self.data.partition(b"\r\n\r\n")
                if gap and len(body) == int(head.lower().split(b"content-length:")[1].split()[0]):
                    break
                piece = sock.recv(65536)
                if not piece:
                    break
                self.data += piece
        self.when = time.monotonic()

    def result(self):
        self.join()
        head, _, body = self.data.partition(b"\r\n\r\n")
        return int(head.split()[1]), body


def get(uri):
    return b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % uri


def post(body):
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.fixture(params=["", "udp"], ids=["pipe", "pipe-udp"])
def pipe(request):
    return request.param


def test_slow_ones_wait_together_and_fast_ones_do_not(serve, pipe):
    server = serve(app="multi_threaded", env={"DELAY_MS": "2000", "PIPE": pipe})
    start = time.monotonic()
    slow = [Answer(server, get(b"/") if i % 2 else post(b'{"data": "%d"}' % i)) for i in range(8)]
    fast = 0
    while any(answer.is_alive() for answer in slow) and time.monotonic() - start < 1.5:
        assert Answer(server, get(b"/fast")).result() == (200, b"hi\n")
        fast += 1
    # All of these came while none of the slow ones was done.
    assert fast >= 5 and all(answer.is_alive() for answer in slow)
    for i, answer in enumerate(slow):
        assert answer.result() == (200, b"hi\n" if i % 2 else b'{"data": "%d"}' % i)
        assert answer.when - start >= 2
    # Together: the last does not wait for another one's two seconds.
    assert max(answer.when for answer in slow) - min(answer.when for answer in slow) < 2


def test_no_thread_to_be_had_is_503(serve, pipe):
    server = serve(app="multi_threaded", env={"DELAY_MS": "1500", "MAX_THREADS": "2", "PIPE": pipe})
    answers = [Answer(server, get(b"/")) for _ in range(6)]
    assert Answer(server, get(b"/fast")).result() == (200, b"hi\n")
    results = [answer.result() for answer in answers]
    assert results.count((200, b"hi\n")) == 2, results
    refused = [answer.data for answer in answers if answer.result()[0] == 503]
    assert len(refused) == 4, results
    assert all(b"\r\nRetry-After: 2\r\n" in data for data in refused), refused
    assert Answer(server, get(b"/")).result() == (200, b"hi\n")  # and the threads can be had again


def test_a_body_of_every_byte_comes_back(serve, pipe):
    server = serve(app="multi_threaded", env={"DELAY_MS": "0", "PIPE": pipe})
    for n in (1, 1000, 60000):
        body = bytes(i % 256 for i in range(n))
        assert Answer(server, post(body)).result() == (200, body)


def test_ctrl_c_at_an_idle_server_ends_it_quietly(serve):
    server = serve(app="multi_threaded")
    assert Answer(server, get(b"/fast")).result() == (200, b"hi\n")
    server.interrupt()
    assert server.proc.wait(20) == 0
    assert "Traceback" not in server.output(), server.output()


def test_log_prints_each_request(serve):
    server = serve(app="multi_threaded", env={"LOG": "1"})
    Answer(server, get(b"/fast")).result()
    deadline = time.monotonic() + 10
    while "GET /fast" not in server.output():
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.01)


@pytest.mark.parametrize("name, value", [("PORT", "http"), ("BELL", "gong"), ("HEAD_MS", "-1")])
def test_a_wrong_setting_is_named(serve, name, value):
    with pytest.raises(RuntimeError, match=value):
        serve(app="multi_threaded", env={name: value})
