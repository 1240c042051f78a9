# Clients that read nothing of a large answer, and clients that send a byte now and then: cut at their deadlines, at the price of a
# bounded piece of memory each, while the others are served.

import gc
import time

import mungo
from net import Client, listening
from waiting import close, until

LANES = ("cpython", "upy")
MIN_HEAP = "8m"

EACH = 30
LARGE = 1 << 20


def test_30_that_never_read_and_30_that_dribble():
    mgr = mungo.Manager(write_ms=900, head_ms=700, idle_ms=900)  # (idle: the system may take all of a large answer at once)
    large = bytes(LARGE)
    closed = []

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {}, large if hm.match("/large") else b"hi\n")
        elif ev == mungo.EV_CLOSE:
            closed.append(c.id)

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    fast = Client(mgr, port)

    def ask():
        fast.got = b""
        fast.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        fast.until_has(b"\r\n\r\nhi\n")

    ask()
    gc.collect()
    before = gc.mem_alloc()
    most = 0
    readers = [Client(mgr, port, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(EACH)]
    dribblers = [Client(mgr, port) for _ in range(EACH)]
    words = b"GET / HTTP/1.1\r\nX: " + b"x" * 1000
    start = time.ticks_ms()
    asked = sent = 0
    while len(closed) < 2 * EACH:
        if time.ticks_diff(time.ticks_ms(), start) > sent * 30 and sent < len(words):
            for client in dribblers:
                try:
                    client.sock.write(words[sent : sent + 1])
                except OSError:  # it is cut
                    pass
            sent += 1
        ask()
        asked += 1
        if asked % 50 == 0:
            gc.collect()
            most = max(most, gc.mem_alloc() - before)
        assert time.ticks_diff(time.ticks_ms(), start) < 20000, (len(closed), asked)
    gc.collect()
    after = gc.mem_alloc() - before
    print("60 slow clients: at most %d bytes more, %d when they were gone; %d quick answers meanwhile" % (most, after, asked))
    assert mgr.stats["timeouts"] >= EACH and mgr.stats["bugs"] == 0, mgr.stats
    assert asked > 50
    # The answer is kept by reference: what each costs is a connection, a backlog and a head.
    assert most < 60 * 4096 and after < 60 * 512, (most, after)
    for client in dribblers:
        client.until_ended()
        assert client.got.startswith(b"HTTP/1.1 408 "), client.got
        client.close()
    for client in readers:
        client.close()
    fast.close()
    close(mgr)


def test_a_streamed_answer_is_bounded_and_cut_as_well():
    mgr = mungo.Manager(write_ms=500, send_limit=8192)
    made = []

    def pieces():
        try:
            while True:
                made.append(1)
                yield b"x" * 4096
        finally:
            made.append("closed")

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {}, pieces())

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    client = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    until(lambda: made and made[-1] == "closed", mgr)
    assert mgr.stats["timeouts"] == 1
    assert len(made) * 4096 < 12 << 20, len(made)  # what the kernel took, and one piece more
    client.close()
    close(mgr)
